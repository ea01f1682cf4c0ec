package layout

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/lint/document"
)

const blockStyle = yaml.LiteralStyle | yaml.FoldedStyle

// columns counts the characters of a line.
func columns(s string) int { return utf8.RuneCountInString(s) }

// scalar gives the lines of a key, or of the dash of an element, with a text. Indent is the column of the keys or
// dashes around it in the file, from 1. With fold a text that is too long for its line is broken over several.
func (p *printer) scalar(key string, n *yaml.Node, indent, width int, fold bool) []string {
	if n.Style&blockStyle != 0 {
		return p.blockText(key, n, indent, width)
	}
	if n.Value == "" && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
		return []string{key}
	}
	text, ok := inline(p.doc, n, false)
	if fold && (!ok || columns(key)+1+columns(text) > width) && foldable(n.Value) {
		return append([]string{key + " >-"}, indented(wrap(n.Value, width-2))...)
	}
	if !ok {
		p.fail("it has a quoted text over several lines")
	}
	return []string{key + " " + text}
}

// foldable tells whether a text can be broken at its blanks and put together again by YAML's folding.
func foldable(s string) bool {
	return s != "" && s == strings.TrimSpace(s) && !strings.Contains(s, "  ") && isPrintable(s)
}

func isPrintable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// wrap breaks a text at single blanks into lines of at most width characters; a longer word has a line of its own.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.SplitSeq(s, " ") {
		if line != "" && columns(line)+1+columns(word) > width {
			lines = append(lines, line)
			line = word
			continue
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// blockText gives the lines of a block text. Lines of a folded one that are too long are broken at their blanks.
func (p *printer) blockText(key string, n *yaml.Node, indent, width int) []string {
	lines, header, ok := p.doc.Block(n, indent-1)
	if !ok || len(lines) == 0 || strings.HasPrefix(lines[0], " ") {
		p.fail("it has a block text with a number for its indentation")
		return nil
	}
	head := "|"
	if n.Style&yaml.FoldedStyle != 0 {
		head = ">"
	}
	if strings.HasPrefix(header, "-") {
		head += "-"
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	var out []string
	for _, line := range lines {
		if head[0] == '>' && columns(line) > width-2 && foldable(line) {
			out = append(out, wrap(line, width-2)...)
			continue
		}
		out = append(out, line)
	}
	return append([]string{key + " " + head}, indented(out)...)
}

// inline gives a scalar on one line: plain where that is the same value, else as it is written. It is false when the
// text cannot stand on one line.
func inline(doc *document.Document, n *yaml.Node, flow bool) (string, bool) {
	quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
	switch {
	case n.Kind != yaml.ScalarNode || n.Style&blockStyle != 0:
		return "", false
	case n.Value == "" && !quoted:
		return "", !flow
	case !quoted && isPlain(n.Value, n.ShortTag(), flow), quoted && isWord(n.Value) && isPlain(n.Value, "!!str", flow):
		return n.Value, true
	case !quoted:
		return "'" + strings.ReplaceAll(n.Value, "'", "''") + "'", n.ShortTag() == "!!str" && isPrintable(n.Value)
	}
	at := doc.Offset(n)
	raw := doc.Text[at:doc.QuotedEnd(at)]
	if !strings.Contains(raw, "\n") {
		return raw, true
	}
	return "'" + strings.ReplaceAll(n.Value, "'", "''") + "'", isPrintable(n.Value)
}

var (
	// simpleText matches texts that are plain everywhere when they can be printed, except for the words of otherWords and
	// texts with a colon or # beside a blank.
	simpleText = regexp.MustCompile(`^[A-Za-z_/\x{A1}-\x{10FFFF}][!-+\--Z\\^-z|~ \x{A1}-\x{10FFFF}-]*$`)
	// otherWords are the texts that some reader of YAML takes for something other than a text.
	otherWords = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|y|n|null|~|[-+]?\.(inf|nan)|[-+.]?[0-9].*|=|<<)$`)
)

// isWord tells whether every reader of YAML takes a text without quotation marks for a text.
func isWord(s string) bool { return !otherWords.MatchString(s) }

// isPlain tells whether a value can be written without quotation marks and is then of the given tag.
func isPlain(value, tag string, flow bool) bool {
	if !isPrintable(value) || value == "" || strings.TrimSpace(value) != value {
		return false
	}
	if simpleText.MatchString(value) && !strings.Contains(value, " #") &&
		(!strings.Contains(value, ":") || !flow && !strings.Contains(value+" ", ": ")) && isWord(value) {
		return tag == "!!str"
	}
	text := "k: " + value
	if flow {
		text = "[a, " + value + ", b]"
	}
	doc, err := document.Parse(text)
	if err != nil || len(doc.Roots) != 1 || len(doc.Comments) > 0 || len(doc.Roots[0].Content) != 1 {
		return false
	}
	root := doc.Roots[0].Content[0]
	if flow != (root.Kind == yaml.SequenceNode) || len(root.Content) != 2 && !flow || len(root.Content) != 3 && flow {
		return false
	}
	n := root.Content[1]
	return n.Kind == yaml.ScalarNode && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|blockStyle|yaml.TaggedStyle) == 0 &&
		n.Anchor == "" && n.Value == value && n.ShortTag() == tag
}

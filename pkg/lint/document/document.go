// Package document reads a YAML text with the places of its nodes and of its comments, which the YAML library attaches
// to nodes in ways that cannot be undone.
package document

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

const (
	// MaxDepth is how deep the YAML may be nested, as for rules files.
	MaxDepth = 64
	// MaxNodes is how many values and keys the YAML may have, as for rules files.
	MaxNodes = 250_000
)

// Document is a YAML text, which may hold several YAML documents.
type Document struct {
	Text string
	// Roots are the document nodes.
	Roots []*yaml.Node
	// Comments are in the order of the text.
	Comments []Comment

	// lines are the offsets at which lines start, as the YAML scanner counts lines, and before is how many characters
	// stand before each of them.
	lines, before []int
	// stops are the offsets of the characters 0, stride, 2*stride and so on, so that a column of a long line is found
	// without reading the line.
	stops []int
}

const stride = 128

// Comment is a comment: Text[Start:End] begins with the character # and ends before the line break.
type Comment struct {
	Start, End int
	// Line counts from 1.
	Line int
	// Alone is set when nothing but blanks stands before it on its line.
	Alone bool
}

// Parse reads a text. The error names the line and column at which it stops being YAML; aliases are not followed.
func Parse(text string) (*Document, error) {
	d := &Document{Text: text}
	d.index()
	nodes := 0
	loader, err := yaml.NewLoader(strings.NewReader(text), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(MaxDepth))))
	if err != nil {
		return nil, fmt.Errorf("read YAML: %w", err)
	}
	for {
		root := new(yaml.Node)
		err := loader.Load(root)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read YAML: %w", err)
		}
		if nodes += count(root); nodes > MaxNodes {
			return nil, fmt.Errorf("read YAML: more than %d values", MaxNodes)
		}
		d.Roots = append(d.Roots, root)
	}
	var opaque []span
	for _, root := range d.Roots {
		opaque = d.opaque(root, -1, opaque)
	}
	slices.SortFunc(opaque, func(a, b span) int { return a.start - b.start })
	d.findComments(opaque)
	return d, nil
}

// Offset gives the place in the text at which a node starts, with the anchor and the tag that it may have.
func (d *Document) Offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(d.lines) {
		return len(d.Text)
	}
	chars := d.before[n.Line-1] + max(n.Column, 1) - 1
	if chars/stride >= len(d.stops) {
		return len(d.Text)
	}
	at := d.stops[chars/stride]
	for rest := chars % stride; rest > 0 && at < len(d.Text); rest-- {
		_, size := utf8.DecodeRuneInString(d.Text[at:])
		at += size
	}
	return at
}

// Line gives the line, from 1, on which an offset is.
func (d *Document) Line(offset int) int {
	i, found := slices.BinarySearch(d.lines, offset)
	if !found {
		return i
	}
	return i + 1
}

// LineStart gives the offset at which a line starts; that of a line behind the last one is the end of the text.
func (d *Document) LineStart(line int) int {
	if line-1 >= len(d.lines) {
		return len(d.Text)
	}
	return d.lines[max(line-1, 0)]
}

// Lines is how many lines the text has.
func (d *Document) Lines() int { return len(d.lines) }

// CommentsIn gives the comments that start between two offsets.
func (d *Document) CommentsIn(start, end int) []Comment {
	find := func(at int) int {
		i, _ := slices.BinarySearchFunc(d.Comments, at, func(c Comment, at int) int { return c.Start - at })
		return i
	}
	return d.Comments[find(start):find(max(start, end))]
}

// index finds where lines start, and every so many characters.
func (d *Document) index() {
	at := len(d.Text) - len(strings.TrimPrefix(d.Text, "\ufeff"))
	d.lines, d.before = []int{at}, []int{0}
	for chars := 0; at < len(d.Text); {
		if chars%stride == 0 {
			d.stops = append(d.stops, at)
		}
		_, size := utf8.DecodeRuneInString(d.Text[at:])
		ends := breakLen(d.Text, at) == size // not at a carriage return before a newline, which ends the line
		at += size
		chars++
		if ends {
			d.lines, d.before = append(d.lines, at), append(d.before, chars)
		}
	}
}

// count gives the number of values and keys of a tree as it is written, aliases counting as one.
func count(n *yaml.Node) int {
	size := 1
	for _, c := range n.Content {
		size += count(c)
	}
	return size
}

// breakLen gives the length of the line break at s[i:] as YAML 1.1 knows them, 0 when there is none.
func breakLen(s string, i int) int {
	switch {
	case strings.HasPrefix(s[i:], "\r\n"):
		return 2
	case s[i] == '\n' || s[i] == '\r':
		return 1
	case strings.HasPrefix(s[i:], "\u0085"):
		return 2
	case strings.HasPrefix(s[i:], "\u2028"), strings.HasPrefix(s[i:], "\u2029"):
		return 3
	}
	return 0
}

type span struct{ start, end int }

// opaque collects the stretches below n in which # is no comment: texts in quotation marks and block texts. Indent is
// the column, from 0, of the mapping or sequence that n stands in.
func (d *Document) opaque(n *yaml.Node, indent int, all []span) []span {
	switch n.Kind {
	case yaml.ScalarNode:
		at := d.content(n)
		switch {
		case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
			return append(all, span{at, d.QuotedEnd(at)})
		case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
			start, end, _ := d.block(at, indent)
			return append(all, span{start, end})
		}
	case yaml.MappingNode:
		if len(n.Content) > 0 {
			indent = n.Content[0].Column - 1
		}
	case yaml.SequenceNode:
		indent = n.Column - 1
	}
	for _, c := range n.Content {
		all = d.opaque(c, indent, all)
	}
	return all
}

// content gives the place of the content of a scalar, behind its anchor and tag.
func (d *Document) content(n *yaml.Node) int {
	at := d.Offset(n)
	for at < len(d.Text) && (d.Text[at] == '!' || d.Text[at] == '&') {
		for at < len(d.Text) && !strings.ContainsRune(" \t\r\n", rune(d.Text[at])) {
			at++
		}
		for at < len(d.Text) && strings.ContainsRune(" \t\r\n", rune(d.Text[at])) {
			at++
		}
	}
	return at
}

// QuotedEnd gives the place behind the quotation mark that ends the text which starts at an offset.
func (d *Document) QuotedEnd(at int) int {
	if at >= len(d.Text) {
		return at
	}
	quote := d.Text[at]
	for i := at + 1; i < len(d.Text); i++ {
		switch {
		case quote == '"' && d.Text[i] == '\\':
			i++
		case d.Text[i] != quote:
		case quote == '\'' && strings.HasPrefix(d.Text[i:], "''"):
			i++
		default:
			return i + 1
		}
	}
	return len(d.Text)
}

// Block gives the lines of a block text as written, without their indentation, and whether they could be told: not
// when the indentation is given by a number. Header is what stands behind the indicator > or |. Indent is as for opaque.
func (d *Document) Block(n *yaml.Node, indent int) (lines []string, header string, ok bool) {
	at := d.content(n)
	start, end, width := d.block(at, indent)
	header = strings.TrimSpace(d.Text[min(at+1, start):start])
	for line := range strings.Lines(d.Text[start:end]) {
		line = strings.TrimRight(line, "\r\n")
		lines = append(lines, line[min(width, len(line)):])
	}
	return lines, header, !strings.ContainsAny(header[:min(2, len(header))], "123456789")
}

// block gives the stretch of the lines of the block text whose indicator is at an offset, and how far they are indented.
func (d *Document) block(at, indent int) (start, end, width int) {
	header := d.Text[at:d.LineStart(d.Line(at)+1)]
	start = at + len(header)
	for _, c := range header[min(1, len(header)):min(3, len(header))] {
		if c >= '1' && c <= '9' {
			width = max(indent, 0) + int(c-'0')
		}
	}
	end = start
	for line := range strings.Lines(d.Text[start:]) {
		body := strings.TrimLeft(line, " ")
		blank := strings.Trim(body, "\r\n") == ""
		depth := len(line) - len(body)
		if !blank && width == 0 {
			if depth <= indent {
				return start, end, width
			}
			width = depth
			if depth == 0 { // the text of the document itself
				return start, len(d.Text), 0
			}
		}
		if !blank && depth < width {
			return start, end, width
		}
		end += len(line)
	}
	return start, end, width
}

// findComments finds the comments outside of the opaque stretches.
func (d *Document) findComments(opaque []span) {
	alone := true
	for i := 0; i < len(d.Text); {
		for len(opaque) > 0 && opaque[0].end <= i {
			opaque = opaque[1:]
		}
		if len(opaque) > 0 && opaque[0].start <= i {
			alone = d.Text[opaque[0].end-1] == '\n'
			i = opaque[0].end
			continue
		}
		n := breakLen(d.Text, i)
		switch {
		case n > 0:
			alone = true
		case d.Text[i] == '#' && (alone || d.Text[i-1] == ' ' || d.Text[i-1] == '\t'):
			end := i
			for end < len(d.Text) && breakLen(d.Text, end) == 0 {
				end++
			}
			d.Comments = append(d.Comments, Comment{Start: i, End: end, Line: d.Line(i), Alone: alone})
			i = end
			continue
		case d.Text[i] != ' ' && d.Text[i] != '\t':
			alone = false
		}
		i += max(n, 1)
	}
}

// Package layout gives rules files one look: the keys of an item in the usual order, conditions with a term on each
// line where they are long, lists on one line where they are short, quotation marks only where they are needed. It
// keeps every comment and the meaning of the file, and lays out a file that it made without changing it again.
package layout

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/lint/document"
	"github.com/saker-security/saker/pkg/rule"
)

// Width is how many characters a line should have at most.
const Width = 120

// Result is a rules file laid out.
type Result struct {
	Data []byte
	// Kept are the items that are left as they were.
	Kept []Kept
}

// Kept is an item that is left as it was, byte for byte.
type Kept struct {
	// Line is where it starts, from 1.
	Line   int
	Reason string
}

// errChanged is returned instead of a text that would not mean the same.
var errChanged = errors.New("cannot be laid out without changing its meaning; the file is left as it is")

// Format lays out a rules file. An error says why it cannot be read, beginning with file:line:column, or that the
// result would not mean the same as the file. A file that is no list of items in block form is left as it is.
func Format(file rule.File) (Result, error) {
	if rule.TooLarge(file.Data) {
		return Result{}, syntaxError(file, nil)
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(file.Data), "\ufeff"), "\r\n", "\n")
	doc, err := document.Parse(text)
	if err != nil || !utf8.ValidString(text) || strings.ContainsFunc(text, isControl) {
		return Result{}, syntaxError(file, err)
	}
	items, kept := split(doc)
	c := conditions{}
	if !strings.HasSuffix(text, "\n") && kept == nil && len(items) > 0 {
		if ended, err := document.Parse(text + "\n"); err != nil || !c.sameDocument(doc, ended) {
			kept = &Kept{Line: items[len(items)-1].first, Reason: "it ends with a block text that has no line break"}
		}
	}
	if kept != nil {
		return Result{Data: file.Data, Kept: []Kept{*kept}}, nil
	}
	result := lay(doc, items, c, false)
	if !c.says(result.Data, doc) {
		result = lay(doc, items, c, true)
	}
	if !c.says(result.Data, doc) {
		return Result{}, fmt.Errorf("%s: %w", rule.Printable(file.Name), errChanged)
	}
	return result, nil
}

// lay lays out the items and what stands between them. With check, which takes longer than all else, an item that would
// not mean the same is left as it is.
func lay(doc *document.Document, items []item, c conditions, check bool) Result {
	var result Result
	var out builder
	for i, it := range items {
		lines, reason := layItem(doc, it, c, check)
		if reason != "" {
			result.Kept = append(result.Kept, Kept{Line: it.first, Reason: reason})
		}
		if i == 0 {
			out.gap(doc, 1, it.first, it.dash, true)
		}
		out.lines = append(out.lines, lines...)
		next := doc.Lines() + 1
		if i+1 < len(items) {
			next = items[i+1].first
		}
		out.gap(doc, it.last+1, next, it.dash, i+1 == len(items))
	}
	if len(items) == 0 {
		out.gap(doc, 1, doc.Lines()+1, 0, true)
	}
	result.Data = out.bytes()
	return result
}

// syntaxError puts an error of the YAML library in the words of the rules loader, with the place.
func syntaxError(file rule.File, err error) error {
	_, found := rule.Load([]rule.File{file}, nil)
	for _, d := range found {
		if d.Falco != "LOAD_ERR_YAML_PARSE" && d.Falco != "LOAD_ERR_FILE_READ" { // what is wrong with items that are YAML
			continue
		}
		if d.Hint != "" {
			return fmt.Errorf("%s: %s; %s", d.Start, d.Message, d.Hint)
		}
		return fmt.Errorf("%s: %s", d.Start, d.Message)
	}
	if err == nil {
		err = errors.New("it is not text")
	}
	return fmt.Errorf("%s:1:1: %w", file.Name, err)
}

func isControl(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f }

// item is an element of the list that a rules file is.
type item struct {
	node *yaml.Node
	// first and last are its lines; what follows up to the next item is blank, a comment or a marker of a document.
	first, last int
	// dash is the column of its dash, from 0.
	dash int
}

// split finds the items of a file. It tells why, when the file is not in the form that can be laid out.
func split(doc *document.Document) ([]item, *Kept) {
	if at := strings.IndexAny(doc.Text, "\r\u0085\u2028\u2029"); at >= 0 {
		return nil, &Kept{Line: doc.Line(at), Reason: "it has a line break other than a newline"}
	}
	var items []item
	for _, root := range doc.Roots {
		if len(root.Content) == 0 || root.Content[0].Kind == yaml.ScalarNode && root.Content[0].Value == "" {
			continue
		}
		list := root.Content[0]
		if list.Kind != yaml.SequenceNode || list.Style&(yaml.FlowStyle|yaml.TaggedStyle) != 0 || list.Anchor != "" {
			return nil, &Kept{Line: max(list.Line, 1), Reason: "it is not a list of items that start with a dash"}
		}
		for _, n := range list.Content {
			it, ok := newItem(doc, n, list.Column-1)
			if !ok {
				return nil, &Kept{Line: n.Line, Reason: "an item does not start behind its dash"}
			}
			items = append(items, it)
		}
	}
	alone := map[int]bool{}
	for _, c := range doc.Comments {
		if c.Alone {
			alone[c.Line] = true
		}
	}
	for i := range items {
		end := doc.Lines()
		if i+1 < len(items) {
			end = items[i+1].first - 1
		}
		items[i].last = lastLine(doc, alone, items[i].first, end)
	}
	for line := 1; line <= doc.Lines(); line++ {
		if strings.HasPrefix(doc.Text[doc.LineStart(line):], "%") {
			return nil, &Kept{Line: line, Reason: "it has a YAML directive"}
		}
	}
	if line := keepsBreaks(doc); line > 0 {
		return nil, &Kept{Line: line, Reason: "it has a text that keeps the blank lines at its end"}
	}
	return items, nil
}

func newItem(doc *document.Document, n *yaml.Node, dash int) (item, bool) {
	at := dashOf(doc, n)
	if at < 0 || at-doc.LineStart(doc.Line(at)) != dash || strings.TrimSpace(doc.Text[doc.LineStart(doc.Line(at)):at]) != "" {
		return item{}, false
	}
	return item{node: n, first: doc.Line(at), dash: dash}, true
}

// dashOf gives the offset of the dash before an element, -1 when something other than blanks is between them.
func dashOf(doc *document.Document, n *yaml.Node) int {
	before := strings.TrimRight(doc.Text[:doc.Offset(n)], " \n")
	if !strings.HasSuffix(before, "-") {
		return -1
	}
	return len(before) - 1
}

// lastLine gives the last line, not after end, that is not blank, not a marker of a document and not one of those on
// which a comment stands alone.
func lastLine(doc *document.Document, alone map[int]bool, first, end int) int {
	for end > first {
		line := lineText(doc, end)
		if strings.TrimSpace(line) != "" && !alone[end] && !isMarker(line) {
			return end
		}
		end--
	}
	return end
}

func lineText(doc *document.Document, line int) string {
	return strings.TrimRight(doc.Text[doc.LineStart(line):doc.LineStart(line+1)], " \t\n")
}

func isMarker(line string) bool {
	return line == "---" || line == "..." || strings.HasPrefix(line, "--- ") || strings.HasPrefix(line, "... ")
}

func keepsBreaks(doc *document.Document) int {
	for _, root := range doc.Roots {
		if line := keeping(doc, root); line > 0 {
			return line
		}
	}
	return 0
}

func keeping(doc *document.Document, n *yaml.Node) int {
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		if _, header, _ := doc.Block(n, -1); strings.Contains(header[:min(2, len(header))], "+") {
			return n.Line
		}
	}
	for _, c := range n.Content {
		if line := keeping(doc, c); line > 0 {
			return line
		}
	}
	return 0
}

// builder collects the lines of the result.
type builder struct{ lines []string }

// gap adds the lines from first to before next, which stand between items: comments, markers, and at most one blank
// line in a row. There is at least one blank line between two items.
func (b *builder) gap(doc *document.Document, first, next, dash int, outside bool) {
	var lines []string
	inner, free := 0, outside
	for line := first; line < next; line++ {
		raw := lineText(doc, line)
		text := strings.TrimLeft(raw, " \t")
		switch {
		case text == "" && len(lines) > 0 && lines[len(lines)-1] == "":
			continue
		case text == "", isMarker(raw):
			free = true
		case len(raw)-len(text) > dash && len(b.lines) > 0:
			// A comment that is indented like a key belongs to the item before it.
			text = "  " + text
			inner, free = len(lines)+1, outside
		}
		lines = append(lines, text)
	}
	if !free {
		lines = slices.Insert(lines, inner, "")
	}
	b.lines = append(b.lines, lines...)
}

func (b *builder) bytes() []byte {
	text := strings.Trim(strings.Join(b.lines, "\n"), "\n")
	if text == "" {
		return nil
	}
	return []byte(text + "\n")
}

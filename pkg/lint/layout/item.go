package layout

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/lint/document"
)

// printer lays out one item. A method that meets something that it cannot lay out sets reason.
type printer struct {
	doc   *document.Document
	notes map[*yaml.Node]*note
	open  map[*yaml.Node]bool
	// conditions are shared by all items of a file.
	conditions conditions
	reason     string
}

// note is what stands around a key or an element of a list.
type note struct {
	// head are the lines above it: comments, and an empty text for a blank line. line is the comment behind it.
	head []string
	line string
}

// anchor is a key or an element with the place where it starts, its dash counted in.
type anchor struct {
	at int
	// node carries the notes: the key, or the element. value is what belongs to it.
	node, value *yaml.Node
	// first is set for the first one of a list or mapping, above which no blank line is kept.
	first bool
}

// layItem lays out an item, or gives its lines as they are with the reason. With check the reason may be that it would
// not mean the same.
func layItem(doc *document.Document, it item, c conditions, check bool) (lines []string, reason string) {
	p := &printer{doc: doc, notes: map[*yaml.Node]*note{}, open: map[*yaml.Node]bool{}, conditions: c}
	start, end := doc.LineStart(it.first)+it.dash, doc.LineStart(it.last+1)
	lines = p.item(it.node, start, end)
	if p.reason == "" && check && !p.faithful(it.node, start, end, lines) {
		p.reason = "it cannot be laid out without changing its meaning"
	}
	if p.reason == "" {
		return lines, ""
	}
	return asWritten(doc, it), p.reason
}

// asWritten gives the lines of an item, moved so that its dash is in the first column.
func asWritten(doc *document.Document, it item) []string {
	var lines []string
	for line := it.first; line <= it.last; line++ {
		text := strings.TrimSuffix(doc.Text[doc.LineStart(line):doc.LineStart(line+1)], "\n")
		blank := len(text) - len(strings.TrimLeft(text, " "))
		lines = append(lines, text[min(it.dash, blank):])
	}
	return lines
}

func (p *printer) fail(reason string) {
	if p.reason == "" {
		p.reason = reason
	}
}

func (p *printer) item(n *yaml.Node, start, end int) []string {
	if n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle != 0 {
		p.fail("it is not a mapping with a key on each line")
		return nil
	}
	if reason := unusual(n); reason != "" {
		p.fail(reason)
		return nil
	}
	p.attach(n, start, end)
	if p.reason != "" {
		return nil
	}
	return hang(p.mapping(n, Width-2, true))
}

// unusual tells what below a node is beyond what rules files need.
func unusual(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.AliasNode:
		return "it has an alias"
	case n.Anchor != "":
		return "it has an anchor"
	case n.Style&yaml.TaggedStyle != 0:
		return "it has a tag"
	}
	if n.Kind == yaml.SequenceNode && n.Style&yaml.FlowStyle == 0 || n.Kind == yaml.MappingNode {
		for _, c := range n.Content {
			if reason := unusual(c); reason != "" {
				return reason
			}
		}
	}
	if n.Kind == yaml.SequenceNode && n.Style&yaml.FlowStyle != 0 {
		for _, c := range n.Content {
			if reason := unusual(c); reason != "" {
				return reason
			}
		}
	}
	return ""
}

// attach gives each comment between start and end to a key or an element.
func (p *printer) attach(n *yaml.Node, start, end int) {
	comments := p.doc.CommentsIn(start, end)
	anchors := p.anchors(n, comments, nil)
	for _, a := range anchors {
		if !a.first {
			p.blankBefore(a, p.doc.Line(a.at))
		}
	}
	for _, c := range comments {
		i, _ := slices.BinarySearchFunc(anchors, c.Start, func(a anchor, at int) int { return a.at - at })
		text := strings.TrimRight(p.doc.Text[c.Start:c.End], " \t")
		switch {
		case c.Alone && i < len(anchors) && (i == 0 || !p.covers(anchors[i-1], c.Start)):
			p.above(anchors[i], c, text)
		case !c.Alone && i > 0 && p.takesComment(anchors[i-1]):
			p.note(anchors[i-1].node).line = text
		default:
			p.fail("it has a comment at an unusual place")
		}
	}
}

// above adds a comment to the lines above a key or element, before the blank line that may be the last of them.
func (p *printer) above(a anchor, c document.Comment, text string) {
	n := p.note(a.node)
	blank := len(n.head) > 0 && n.head[len(n.head)-1] == ""
	if blank {
		n.head = n.head[:len(n.head)-1]
	}
	if c.Line > 1 && lineText(p.doc, c.Line-1) == "" && !(a.first && len(n.head) == 0) {
		n.head = append(n.head, "")
	}
	n.head = append(n.head, text)
	if blank {
		n.head = append(n.head, "")
	}
}

// blankBefore notes that the line above is blank.
func (p *printer) blankBefore(a anchor, line int) {
	start := p.doc.LineStart(line)
	if line > 1 && lineText(p.doc, line-1) == "" && strings.TrimLeft(p.doc.Text[start:a.at], " ") == "" {
		p.note(a.node).head = []string{""}
	}
}

func (p *printer) note(n *yaml.Node) *note {
	if p.notes[n] == nil {
		p.notes[n] = &note{}
	}
	return p.notes[n]
}

// covers tells whether the value of an anchor ends behind at: a comment between a key and its value.
func (p *printer) covers(a anchor, at int) bool {
	if a.value.Kind == yaml.ScalarNode {
		return p.doc.Offset(a.value) > at && a.value.Value != ""
	}
	return a.value.Style&yaml.FlowStyle != 0 && p.flowEnd(a.value) > at && !p.open[a.value]
}

// takesComment tells whether a comment can stand behind the first line of an anchor.
func (p *printer) takesComment(a anchor) bool {
	if p.note(a.node).line != "" {
		return false
	}
	return a.node != a.value || a.value.Kind == yaml.ScalarNode || a.value.Style&yaml.FlowStyle != 0
}

// anchors lists the keys and elements below n in the order of the text. A list in brackets counts as one thing unless
// it has comments in it.
func (p *printer) anchors(n *yaml.Node, comments []document.Comment, all []anchor) []anchor {
	flow := n.Style&yaml.FlowStyle != 0
	switch {
	case n.Kind == yaml.MappingNode && !flow:
		for i := 0; i+1 < len(n.Content); i += 2 {
			all = append(all, anchor{p.doc.Offset(n.Content[i]), n.Content[i], n.Content[i+1], i == 0})
			all = p.anchors(n.Content[i+1], comments, all)
		}
	case n.Kind == yaml.SequenceNode && !flow:
		for i, c := range n.Content {
			at := dashOf(p.doc, c)
			if at < 0 {
				p.fail("it has a comment at an unusual place")
				return all
			}
			all = append(all, anchor{at, c, c, i == 0})
			all = p.anchors(c, comments, all)
		}
	case flow && p.hasComment(n, comments):
		if n.Kind != yaml.SequenceNode || !slices.ContainsFunc(n.Content, isScalar) || slices.ContainsFunc(n.Content, isCollection) {
			p.fail("it has a comment at an unusual place")
			return all
		}
		p.open[n] = true
		for i, c := range n.Content {
			all = append(all, anchor{p.doc.Offset(c), c, c, i == 0})
		}
	}
	return all
}

func isScalar(n *yaml.Node) bool     { return n.Kind == yaml.ScalarNode }
func isCollection(n *yaml.Node) bool { return !isScalar(n) }

func (p *printer) hasComment(n *yaml.Node, comments []document.Comment) bool {
	start, end := p.doc.Offset(n), p.flowEnd(n)
	return slices.ContainsFunc(comments, func(c document.Comment) bool { return c.Start > start && c.Start < end })
}

// flowEnd gives the place behind the bracket that closes a list or mapping in brackets.
func (p *printer) flowEnd(n *yaml.Node) int {
	text, depth, fresh := p.doc.Text, 0, true
	for i := p.doc.Offset(n); i < len(text); i++ {
		switch c := text[i]; {
		case (c == '"' || c == '\'') && fresh:
			i = p.doc.QuotedEnd(i) - 1
			fresh = false
		case c == '#' && (text[i-1] == ' ' || text[i-1] == '\t' || text[i-1] == '\n'):
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case c == '[' || c == '{':
			depth++
			fresh = true
		case c == ']' || c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
			fresh = false
		case c == ',' || c == ':':
			fresh = true
		case c != ' ' && c != '\n' && c != '\t':
			fresh = false
		}
	}
	return len(text)
}

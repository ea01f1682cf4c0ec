package layout

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The usual order of keys. Others follow as they are written.
var (
	itemOrder = []string{"required_engine_version", "required_plugin_versions", "list", "macro", "rule", "desc", "condition",
		"output", "priority", "source", "items", "tags", "enabled", "warn_evttypes", "skip-if-unknown-filter", "capture",
		"capture_duration", "exceptions", "append", "override"}
	innerOrder = []string{"name", "version", "alternatives", "fields", "comps", "values"}
)

// pair is a key with its value.
type pair struct{ key, value *yaml.Node }

func ordered(n *yaml.Node, order []string) []pair {
	var pairs []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		pairs = append(pairs, pair{n.Content[i], n.Content[i+1]})
	}
	rank := func(p pair) int {
		if i := slices.Index(order, p.key.Value); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return rank(a) - rank(b) })
	return pairs
}

// mapping gives the lines of a mapping with a key on each line. Top is set for an item of the file.
func (p *printer) mapping(n *yaml.Node, width int, top bool) []string {
	order := innerOrder
	if top {
		order = itemOrder
	}
	var lines []string
	for i, x := range ordered(n, order) {
		note := p.note(x.key)
		lines = append(lines, head(note, i == 0)...)
		lines = append(lines, p.pair(n, x, note, width, top)...)
	}
	return lines
}

// head gives the lines above a key or element. The first one of a collection has no blank line above it.
func head(n *note, first bool) []string {
	if first && len(n.head) > 0 && n.head[0] == "" {
		return n.head[1:]
	}
	return n.head
}

func (p *printer) pair(parent *yaml.Node, x pair, note *note, width int, top bool) []string {
	key, ok := inline(p.doc, x.key, false)
	if x.key.Kind != yaml.ScalarNode || !ok {
		p.fail("it has an unusual key")
		return nil
	}
	key += ":"
	if x.value.Kind != yaml.ScalarNode {
		return p.collection(key, x.value, note, width)
	}
	name := ""
	if top {
		name = x.key.Value
	}
	if name == "condition" {
		return behind(p.condition(key, x.value, parent.Column, width), note.line)
	}
	return behind(p.scalar(key, x.value, parent.Column, width, name == "desc" || name == "output"), note.line)
}

// behind adds a comment behind the first line.
func behind(lines []string, comment string) []string {
	if comment != "" && len(lines) > 0 {
		lines[0] += " " + comment
	}
	return lines
}

// collection gives the lines of a key with a list or mapping.
func (p *printer) collection(key string, n *yaml.Node, note *note, width int) []string {
	if flow, ok := p.flow(n); ok && p.prefersFlow(n) && columns(key)+1+columns(flow) <= width {
		return behind([]string{key + " " + flow}, note.line)
	}
	if len(n.Content) == 0 { // with a comment inside
		p.fail("it has a comment at an unusual place")
		return nil
	}
	return append(behind([]string{key}, note.line), indented(p.block(n, width-2))...)
}

// block gives the lines of a list or mapping with an element on each line.
func (p *printer) block(n *yaml.Node, width int) []string {
	if n.Kind == yaml.MappingNode {
		return p.mapping(n, width, false)
	}
	var lines []string
	for i, c := range n.Content {
		note := p.note(c)
		lines = append(lines, head(note, i == 0)...)
		lines = append(lines, p.element(n, c, note, width-2)...)
	}
	return lines
}

// element gives the lines of an element of a list, its dash counted in.
func (p *printer) element(parent, n *yaml.Node, note *note, width int) []string {
	if n.Kind == yaml.ScalarNode {
		return behind(p.scalar("-", n, parent.Column, width+2, false), note.line)
	}
	if flow, ok := p.flow(n); ok && p.prefersFlow(n) && columns(flow) <= width {
		return behind([]string{"- " + flow}, note.line)
	}
	lines := hang(p.block(n, width))
	if note.line != "" {
		p.fail("it has a comment at an unusual place")
	}
	return lines
}

// prefersFlow tells whether a list or mapping is written in brackets if there is room.
func (p *printer) prefersFlow(n *yaml.Node) bool {
	if slices.ContainsFunc(n.Content, p.noted) {
		return false
	}
	if len(n.Content) == 0 || n.Style&yaml.FlowStyle != 0 {
		return true
	}
	return n.Kind == yaml.SequenceNode && !slices.ContainsFunc(n.Content, isCollection)
}

// noted tells whether a comment or a blank line stands at an element.
func (p *printer) noted(n *yaml.Node) bool {
	note := p.notes[n]
	return note != nil && (len(note.head) > 0 || note.line != "")
}

// flow gives a list or mapping in brackets on one line.
func (p *printer) flow(n *yaml.Node) (string, bool) {
	var parts []string
	switch n.Kind {
	case yaml.ScalarNode:
		return inline(p.doc, n, true)
	case yaml.SequenceNode:
		for _, c := range n.Content {
			text, ok := p.flow(c)
			if !ok {
				return "", false
			}
			parts = append(parts, text)
		}
		return "[" + strings.Join(parts, ", ") + "]", true
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, ok := inline(p.doc, n.Content[i], true)
			value, good := p.flow(n.Content[i+1])
			if !ok || !good {
				return "", false
			}
			parts = append(parts, key+": "+value)
		}
		return "{" + strings.Join(parts, ", ") + "}", true
	}
	return "", false
}

// hang puts a dash before the first line that is no comment and moves the others behind it. Comments above the first
// key of an element stand above the dash.
func hang(lines []string) []string {
	out := make([]string, 0, len(lines))
	dash := "- "
	for _, line := range lines {
		switch {
		case line == "":
			out = append(out, "")
		case dash == "- " && strings.HasPrefix(line, "#"):
			out = append(out, line)
		default:
			out = append(out, dash+line)
			dash = "  "
		}
	}
	return out
}

func indented(lines []string) []string {
	for i, line := range lines {
		if line != "" {
			lines[i] = "  " + line
		}
	}
	return lines
}

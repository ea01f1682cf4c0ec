package layout

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/lint/document"
)

// faithful tells whether the lines of an item say what the node says, with the comments between start and end.
func (p *printer) faithful(n *yaml.Node, start, end int, lines []string) bool {
	laid, err := document.Parse(strings.Join(lines, "\n") + "\n")
	if err != nil || len(laid.Roots) != 1 || len(laid.Roots[0].Content) != 1 {
		return false
	}
	list := laid.Roots[0].Content[0]
	return list.Kind == yaml.SequenceNode && len(list.Content) == 1 && p.conditions.sameItem(n, list.Content[0]) &&
		slices.Equal(comments(p.doc, start, end), comments(laid, 0, len(laid.Text)))
}

// says tells whether data has the items and comments of a document.
func (c conditions) says(data []byte, doc *document.Document) bool {
	if len(data) == 0 && strings.TrimSpace(doc.Text) == "" {
		return true
	}
	laid, err := document.Parse(string(data))
	return err == nil && c.sameDocument(doc, laid)
}

// sameDocument tells whether two texts have the same items and the same comments.
func (c conditions) sameDocument(a, b *document.Document) bool {
	if len(a.Roots) != len(b.Roots) || !slices.Equal(comments(a, 0, len(a.Text)), comments(b, 0, len(b.Text))) {
		return false
	}
	for i := range a.Roots {
		x, y := a.Roots[i], b.Roots[i]
		if len(x.Content) != len(y.Content) {
			return false
		}
		for j := range x.Content {
			if !c.sameList(x.Content[j], y.Content[j]) {
				return false
			}
		}
	}
	return true
}

func (c conditions) sameList(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.Value == b.Value && slices.EqualFunc(a.Content, b.Content, c.sameItem)
}

// comments lists the texts of the comments between two offsets, sorted.
func comments(doc *document.Document, start, end int) []string {
	var texts []string
	for _, c := range doc.CommentsIn(start, end) {
		texts = append(texts, strings.TrimRight(doc.Text[c.Start:c.End], " \t"))
	}
	slices.Sort(texts)
	return texts
}

// sameItem compares two items: conditions by what they say, everything else by its value.
func (c conditions) sameItem(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && (a.Kind == yaml.MappingNode && c.sameMapping(a, b, true) || a.Kind != yaml.MappingNode && c.same(a, b))
}

func (c conditions) same(a, b *yaml.Node) bool {
	switch {
	case a.Kind != b.Kind || a.Anchor != b.Anchor:
		return false
	case a.Kind == yaml.ScalarNode:
		return a.Value == b.Value && a.ShortTag() == b.ShortTag()
	case a.Kind == yaml.AliasNode:
		return a.Value == b.Value
	case a.Kind == yaml.MappingNode:
		return c.sameMapping(a, b, false)
	}
	return a.ShortTag() == b.ShortTag() && slices.EqualFunc(a.Content, b.Content, c.same)
}

// sameMapping compares mappings whatever the order of their keys.
func (c conditions) sameMapping(a, b *yaml.Node, item bool) bool {
	if len(a.Content) != len(b.Content) || a.Anchor != b.Anchor || a.ShortTag() != b.ShortTag() {
		return false
	}
	x, y := ordered(a, itemOrder), ordered(b, itemOrder)
	if !item {
		x, y = ordered(a, innerOrder), ordered(b, innerOrder)
	}
	return slices.EqualFunc(x, y, func(p, q pair) bool {
		if !c.same(p.key, q.key) {
			return false
		}
		if item && p.key.Value == "condition" && isScalar(p.value) && isScalar(q.value) {
			return p.value.ShortTag() == q.value.ShortTag() && c.meaning(p.value.Value) == c.meaning(q.value.Value)
		}
		return c.same(p.value, q.value)
	})
}

// conditions are the meanings of the conditions that were read, by their texts: reading one takes longer than all else.
type conditions map[string]string

// meaning is equal for conditions that differ only in how they are written.
func (c conditions) meaning(text string) string {
	if _, ok := c[text]; !ok {
		c.read(text)
	}
	return c[text]
}

// read parses a condition and keeps its meaning. What it returns is what parse does.
func (c conditions) read(text string) (tree condition.Node, appended bool) {
	tree, appended = parse(text)
	switch {
	case tree == nil:
		c[text] = text
	case appended:
		c[text] = "appended " + condition.SExpr(tree)
	default:
		c[text] = condition.SExpr(tree)
	}
	return tree, appended
}

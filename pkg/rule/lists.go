package rule

import (
	"fmt"

	"github.com/saker-security/saker/pkg/condition"
)

// check puts the items of lists in the place of their names. Only bare words are names: a quoted text never is.
func (r *resolver) check(n *condition.Check) condition.Node {
	r.otherwise(n)
	switch right := n.Right.(type) {
	case *condition.List:
		for _, t := range right.Items {
			r.hiddenList(t)
		}
		items := r.items(right)
		if items == nil {
			return n
		}
		c := *n
		c.Right = &condition.List{Range: right.Range, Items: items}
		return &c
	case *condition.Text:
		r.hiddenList(right)
		def := r.list(right)
		if def == nil {
			if takesList(n.Op, n.Modifier) {
				r.maybeList(right, false)
			}
			return n
		}
		c := *n
		c.Right = r.operand(n, right, def)
		return &c
	}
	return n
}

// list gives the list that a bare word names, nil when there is none.
func (r *resolver) list(t *condition.Text) *listDef {
	if t.Quote != 0 {
		return nil
	}
	def := r.loader.lists[t.Value]
	if def != nil {
		def.used = true
	}
	return def
}

// items gives the items of a list in a condition with the lists among them put in; nil when there are none.
func (r *resolver) items(list *condition.List) []*condition.Text {
	found := false
	for _, t := range list.Items {
		found = found || r.list(t) != nil
	}
	r.grow(len(list.Items), list.Range)
	if !found {
		if len(list.Items) == 1 {
			r.maybeList(list.Items[0], true)
		}
		return nil
	}
	if len(list.Items) == 1 {
		flat := r.loader.flatten(r.list(list.Items[0]), 0)
		r.grow(len(flat), list.Range)
		return flat // shared by all that name the list
	}
	out := make([]*condition.Text, 0, len(list.Items))
	for _, t := range list.Items {
		def := r.list(t)
		if def == nil {
			out = append(out, t)
			continue
		}
		flat := r.loader.flatten(def, 0)
		r.grow(len(flat), t.Range)
		if r.full {
			break
		}
		out = append(out, flat...)
	}
	return out
}

// operand is what stands for a list name outside parentheses: the list where the operator takes one, its only item
// where it takes a value.
func (r *resolver) operand(n *condition.Check, name *condition.Text, def *listDef) condition.Operand {
	flat := r.loader.flatten(def, 0)
	r.grow(len(flat), name.Range)
	switch n.Op {
	case condition.OpIn, condition.OpIntersects, condition.OpPMatch:
		return r.bareList(name, flat)
	}
	if n.Modifier != condition.ModifierNone {
		return r.bareList(name, flat)
	}
	if len(flat) == 1 {
		r.listAsValue(name, flat[0])
		return flat[0]
	}
	r.report(name.Range, problem{kind: kindListValue,
		hint:    fmt.Sprintf("write in (%s), or put the word in quotes if the text itself is meant", name.Value),
		message: fmt.Sprintf("%s is the name of a list of %d items, but %s compares with one value", quote(name.Value), len(flat), n.Op)})
	return name
}

// bareList is the list whose name stands without parentheses.
func (r *resolver) bareList(name *condition.Text, flat []*condition.Text) condition.Operand {
	if len(flat) != 1 {
		r.loader.found.reportRange(r.loader.texts, name.Range, differs(
			fmt.Sprintf("here %s is the list; for Falco %d items without parentheses are an error", quote(name.Value), len(flat)), "write ("+name.Value+")"))
	}
	return &condition.List{Range: name.Range, Items: flat}
}

// flatten gives the items of a list, those of the lists among them in their places. A name that is being resolved
// stands for itself, so a list may hold its own name.
func (l *loader) flatten(d *listDef, depth int) []*condition.Text {
	if d.state == resolved {
		return d.flat
	}
	d.state = resolving
	d.flat = make([]*condition.Text, 0, len(d.items))
	for _, item := range d.items {
		known := item.parsed != nil
		t := l.itemText(item)
		if !known {
			l.oddItem(item)
		}
		inner := l.lists[t.Value]
		if t.Quote != 0 || inner == nil || inner.state == resolving {
			d.flat = append(d.flat, t)
			continue
		}
		inner.used = true
		if depth == maxNesting {
			l.tooLarge(d, fmt.Sprintf("lists hold each other more than %d levels deep", maxNesting))
			break
		}
		if d.flat = append(d.flat, l.flatten(inner, depth+1)...); len(d.flat) > maxItems {
			d.flat = d.flat[:maxItems]
			l.tooLarge(d, fmt.Sprintf("list %s has more than %d items once the lists in it are put in", quote(d.name), maxItems))
			break
		}
	}
	d.state = resolved
	return d.flat
}

func (l *loader) tooLarge(d *listDef, message string) {
	l.found.report(d.file, d.context, problem{kind: kindExpansion, at: d.at, message: message})
}

// itemText gives the text of an item. An item that carries the quotation marks of the condition language inside
// those of YAML is the text between them, as in Falco.
func (l *loader) itemText(item *listItem) *condition.Text {
	if item.parsed != nil {
		return item.parsed
	}
	l.texts.add(item.text)
	value := item.text.value
	t := &condition.Text{Range: condition.Range{Start: item.text.base, End: item.text.base + len(value)}, Value: value}
	if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
		if inner, ok := unquote(value); ok {
			t.Value, t.Quote = inner, value[0]
		}
	}
	if t.Quote == 0 && !isListName(value) {
		t.Quote = '"' // a bare word cannot be written so; printed it needs quotation marks
	}
	item.parsed = t
	return t
}

// unquote reads a quoted text of the condition language.
func unquote(quoted string) (string, bool) {
	n, d := condition.Parse("a.b = " + quoted)
	if d != nil {
		return "", false
	}
	c, ok := n.(*condition.Check)
	if !ok {
		return "", false
	}
	t, ok := c.Right.(*condition.Text)
	if !ok || t.Quote == 0 {
		return "", false
	}
	return t.Value, true
}

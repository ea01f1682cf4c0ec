package rule

import (
	"github.com/saker-security/saker/pkg/condition"
)

// Reference is a name in a rules file that stands for something else.
type Reference struct {
	// Kind is macro, list or field; Name is what is named, a field without its argument.
	Kind, Name string
	// Start and End are where it stands.
	Start, End Position
	// Item and Owner are the kind and the name of the item in whose text it is.
	Item, Owner string
}

// References lists the names that the conditions, exceptions and lists of the set use, in the order of rules, macros
// and lists. A word is the name of a list only when there is a list of that name. Names in the texts of outputs are
// not among them.
func (s *Set) References() []Reference {
	w := &referenceWalk{set: s}
	l := s.loader
	for _, d := range l.ruleOrder {
		if d.unknown {
			continue
		}
		w.tree(d.tree)
		for _, e := range d.exceptions {
			w.exception(e)
		}
	}
	for _, d := range l.macroOrder {
		w.tree(d.tree)
	}
	for _, d := range l.listOrder {
		for _, item := range d.items {
			w.text(l.itemText(item))
		}
	}
	return w.found
}

type referenceWalk struct {
	set   *Set
	found []Reference
}

func (w *referenceWalk) add(kind, name string, at condition.Range) {
	if start, end, ok := w.set.Place(at); ok {
		item, owner := w.set.Owner(at)
		w.found = append(w.found, Reference{Kind: kind, Name: name, Start: start, End: end, Item: item, Owner: owner})
	}
}

func (w *referenceWalk) tree(n condition.Node) {
	if n == nil {
		return
	}
	condition.Walk(n, func(n condition.Node) bool {
		switch n := n.(type) {
		case *condition.Macro:
			w.add(inMacro, n.Name, n.Range)
		case *condition.Check:
			condition.WalkOperand(n.Left, w.operand)
			if n.Right != nil {
				condition.WalkOperand(n.Right, w.operand)
			}
		}
		return true
	})
}

func (w *referenceWalk) operand(o condition.Operand) bool {
	switch o := o.(type) {
	case *condition.Field:
		w.add("field", o.Name, condition.Range{Start: o.Start, End: o.Start + len(o.Name)})
	case *condition.Text:
		w.text(o)
	}
	return true
}

func (w *referenceWalk) text(t *condition.Text) {
	if t.Quote == 0 && w.set.loader.lists[t.Value] != nil {
		w.add(inList, t.Value, t.Range)
	}
}

func (w *referenceWalk) exception(e *exception) {
	for _, c := range e.checked {
		condition.WalkOperand(c.left, w.operand)
	}
	for _, v := range e.values {
		w.value(e, v)
	}
}

func (w *referenceWalk) value(e *exception, v *entry) {
	for _, item := range v.items {
		w.value(e, item)
	}
	if v.scalar != nil && w.set.loader.lists[v.text()] != nil {
		w.text(w.set.loader.constant(e, v, v.text()))
	}
}

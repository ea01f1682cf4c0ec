package analysis

import (
	"fmt"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/rule"
)

// reference gives the range in the item's own text that stands for a part of its condition: for what comes from a
// macro, where the macro is named.
func (w *world) reference(it *item, n condition.Node) condition.Range {
	if w.owns(it, n) {
		return n.Span()
	}
	if it.tree != nil {
		if at, ok := find(it.tree, withoutExceptions(it.node), n); ok {
			return at
		}
	}
	return n.Span()
}

// withoutExceptions gives the condition of an item as its tree has it: exceptions are added behind it.
func withoutExceptions(n condition.Node) condition.Node {
	if and, ok := n.(*condition.And); ok && fromException(and.Terms[len(and.Terms)-1]) {
		return and.Terms[0]
	}
	return n
}

// find goes through a condition as written and as resolved side by side, to the place of n.
func find(written, resolved, n condition.Node) (condition.Range, bool) {
	if resolved == n {
		return written.Span(), true
	}
	if _, macro := written.(*condition.Macro); macro {
		return written.Span(), within(resolved, n)
	}
	switch resolved := resolved.(type) {
	case *condition.Not:
		if w, ok := written.(*condition.Not); ok {
			return find(w.Term, resolved.Term, n)
		}
	case *condition.And:
		if w, ok := written.(*condition.And); ok && len(w.Terms) == len(resolved.Terms) {
			return findAmong(w.Terms, resolved.Terms, n)
		}
	case *condition.Or:
		if w, ok := written.(*condition.Or); ok && len(w.Terms) == len(resolved.Terms) {
			return findAmong(w.Terms, resolved.Terms, n)
		}
	}
	return condition.Range{}, false
}

func findAmong(written, resolved []condition.Node, n condition.Node) (condition.Range, bool) {
	for i := range resolved {
		if at, ok := find(written[i], resolved[i], n); ok {
			return at, true
		}
	}
	return condition.Range{}, false
}

func within(n, part condition.Node) bool {
	found := false
	condition.Walk(n, func(n condition.Node) bool {
		found = found || n == part
		return !found
	})
	return found
}

// name writes a part of an item's condition for a message, as it is written there. For what comes from a macro that
// is the macro's name.
func (w *world) name(it *item, n condition.Node) string {
	if fromException(n) {
		return shorten(condition.Print(n))
	}
	text, at := w.set.Text(w.reference(it, n))
	if at.Start < 0 || at.End > len(text) || at.Start >= at.End {
		return shorten(condition.Print(n))
	}
	text = shorten(strings.Join(strings.Fields(text[at.Start:at.End]), " "))
	if !w.owns(it, n) {
		text += w.origin(n)
	}
	return text
}

// fromException tells whether a condition was made of an exception of a rule. Nothing of it stands in a text as such:
// its checks have the place of the field.
func fromException(n condition.Node) bool {
	found := false
	condition.Walk(n, func(n condition.Node) bool {
		check, ok := n.(*condition.Check)
		found = found || ok && check.OpRange == check.Left.Span()
		return !found
	})
	return found
}

// literal writes a literal for a message about an item.
func (w *world) literal(it *item, l literal) string {
	if w.owns(it, l.check) {
		return l.String()
	}
	return l.String() + w.origin(l.check)
}

// origin tells the macro that a condition is written in and the place.
func (w *world) origin(n condition.Node) string {
	kind, name := w.set.Owner(n.Span())
	if kind == "" {
		return ""
	}
	return fmt.Sprintf(" (%s %s, %s)", kind, name, w.set.At(n.Span(), rule.Diagnostic{}).Start)
}

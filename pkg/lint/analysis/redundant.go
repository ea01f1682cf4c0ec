package analysis

import (
	"fmt"

	"github.com/saker-security/saker/pkg/condition"
)

// redundant reports terms that another term beside them makes superfluous. Only what is written in the item itself
// counts: macros are made for several places.
func (w *world) redundant(it *item, n condition.Node) {
	if !w.owns(it, n) {
		return
	}
	var terms []condition.Node
	and := false
	switch n := n.(type) {
	case *condition.Not:
		w.redundant(it, n.Term)
		return
	case *condition.And:
		terms, and = n.Terms, true
	case *condition.Or:
		terms = n.Terms
	case *condition.Check:
		w.duplicateItems(n)
		return
	}
	for _, t := range terms {
		w.redundant(it, t)
	}
	reported := w.repeated(it, terms)
	for _, group := range w.sameExpr(it, terms) {
		w.superfluous(it, group, and, reported)
	}
}

// repeated reports terms that stand twice.
func (w *world) repeated(it *item, terms []condition.Node) map[condition.Node]bool {
	reported := map[condition.Node]bool{}
	first := map[int32]condition.Node{}
	for _, n := range terms {
		t := w.term(n, false)
		if t.kind == yes || t.kind == no {
			continue
		}
		before := first[t.id]
		if before == nil {
			first[t.id] = n
			continue
		}
		message := w.name(it, n) + " stands here twice"
		if other := w.name(it, before); other != w.name(it, n) {
			if !w.ownsAll(it, n) || !w.ownsAll(it, before) {
				continue // a macro and what it happens to stand for
			}
			message = fmt.Sprintf("%s says the same as %s", w.name(it, n), other)
		}
		reported[n] = true
		w.report(it, n, RedundantTerm, message, "remove one of them")
	}
	return reported
}

// superfluous reports, of terms about one expr, those that follow from another (beside and), or from which another
// follows (beside or).
func (w *world) superfluous(it *item, terms []condition.Node, and bool, reported map[condition.Node]bool) {
	for i, n := range terms {
		for j, other := range terms {
			if i == j || reported[n] || reported[other] {
				continue
			}
			weak, strong := w.term(n, false).lit, w.term(other, false).lit
			if !and {
				weak, strong = strong, weak
			}
			if weak.same(strong) || !w.follows(weak, strong) || isGate(weak, strong, and && i < j) {
				continue
			}
			reported[n] = true
			message := fmt.Sprintf("%s changes nothing beside %s", w.term(n, false).lit, w.term(other, false).lit)
			w.report(it, n, RedundantTerm, message, "remove it, or make it say what was meant")
		}
	}
}

// follows tells that weak holds wherever strong does.
func (w *world) follows(weak, strong literal) bool {
	if asksPlaceholder(weak) || asksPlaceholder(strong) {
		return false // an idiom
	}
	present := weak.x.always || !strong.not
	if w.clash(weak.negated(), weak.negated(), true) || w.clash(strong, strong, true) {
		return false // one of them alone is always or never true, which is another finding
	}
	return w.clash(weak.negated(), strong, present)
}

// isGate tells that a cheap test stands before a costly pattern or a long list to save its cost.
func isGate(weak, strong literal, before bool) bool {
	if !before {
		return false
	}
	switch strong.check.Op {
	case condition.OpRegex, condition.OpGlob, condition.OpIGlob, condition.OpIContains:
		return weak.check.Op != strong.check.Op
	case condition.OpIn:
		return weak.patterns != nil
	}
	return false
}

// asksPlaceholder tells whether a literal compares with <NA>.
func asksPlaceholder(l literal) bool {
	_, texts, _ := canonical(l.check)
	for _, t := range texts {
		if t == placeholder {
			return true
		}
	}
	return false
}

// duplicateItems reports values that stand twice in the list of a check, or in one of the lists that it uses.
func (w *world) duplicateItems(n *condition.Check) {
	list, ok := n.Right.(*condition.List)
	if !ok {
		return
	}
	type origin struct{ value, kind, name string }
	seen := map[origin]bool{}
	for _, item := range list.Items {
		kind, name := w.set.Owner(item.Span())
		key := origin{item.Value, kind, name}
		if seen[key] {
			w.found.add(w.set.At(item.Span(), DuplicateItem.finding(
				fmt.Sprintf("%s stands in the list twice", quote(item.Value)), "remove one of them")))
		}
		seen[key] = true
	}
}

package analysis

import (
	"fmt"
	"slices"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/rule"
)

// logic looks for parts of the condition of an item that are always or never true, and for alternatives that cannot
// be. What a macro has wrong in itself is found once, in the macro.
func (w *world) logic(it *item) {
	w.examine(it, it.node)
	if w.verdict(it.node) == leaf {
		w.branches(it, it.node, w.assume())
	}
	w.redundant(it, it.node)
}

// verdict tells whether a condition is always true (yes), never (no), or neither (leaf).
func (w *world) verdict(n condition.Node) kind {
	t := w.term(n, false)
	if t.kind == yes || t.kind == no {
		return t.kind
	}
	if known, ok := w.verdicts[t.id]; ok {
		return known
	}
	answer := leaf
	switch {
	case w.impossible(w.assume(t)) != nil:
		answer = no
	case w.impossible(w.assume(w.term(n, true))) != nil:
		answer = yes
	}
	w.verdicts[t.id] = answer
	return answer
}

// examine reports the smallest parts of n that are always or never true.
func (w *world) examine(it *item, n condition.Node) {
	if t := w.term(n, false); t.kind == yes || t.kind == no || !w.owns(it, n) {
		return // on purpose, or the matter of a macro
	}
	switch n := n.(type) {
	case *condition.Not:
		w.examine(it, n.Term)
	case *condition.Check:
		w.examineCheck(it, n)
	case *condition.And:
		if w.examineAll(it, n.Terms, no) && w.verdict(n) == no {
			w.reportNever(it, n, n.Terms)
		}
	case *condition.Or:
		if !w.examineAll(it, n.Terms, yes) {
			return
		}
		if w.verdict(n) == yes {
			w.reportAlways(it, n)
		} else {
			w.complements(it, n.Terms)
		}
	}
}

// examineAll examines terms and tells whether none of them alone decides the whole.
func (w *world) examineAll(it *item, terms []condition.Node, decisive kind) bool {
	open := true
	for _, t := range terms {
		w.examine(it, t)
		open = open && w.verdict(t) != decisive
	}
	return open
}

func (w *world) examineCheck(it *item, n *condition.Check) {
	l := w.term(n, false).lit
	switch {
	case w.clash(l, l, true):
		w.report(it, n, AlwaysFalse, fmt.Sprintf("%s is never true", l), "no value of "+l.x.name+" can fulfil it")
	case !l.exists && w.clash(l.negated(), l.negated(), true):
		w.report(it, n, AlwaysTrue, fmt.Sprintf("%s is true whenever %s has a value", l, l.x.name),
			"to ask for just that write "+l.x.name+" exists")
	}
}

// reportNever reports a conjunction that cannot hold, at the later of the terms that contradict each other.
func (w *world) reportNever(it *item, n condition.Node, terms []condition.Node) {
	message := "this part of the condition is always false"
	if n == it.node {
		message = "the condition is always false"
		if it.kind == "rule" {
			message = "the rule never matches: its condition is always false"
		}
	}
	at := n
	if a, b := w.culprits(terms); a != nil {
		if exception, ok := b.(*condition.Not); ok && fromException(b) {
			w.report(it, b, BroadException, "the exception holds for every event of the rule, which therefore never matches: it excepts where "+
				w.name(it, exception.Term), "narrow it with another field")
			return
		}
		at = b
		message += ": " + w.conflict(it, a, b)
	} else if c := w.impossible(w.assume(w.term(n, false))); c != nil && c.a.atom != nil {
		at = holder(n, terms, c.a, c.b)
		message += fmt.Sprintf(": %s and %s leave nothing possible", w.literal(it, c.a), w.literal(it, c.b))
	}
	w.report(it, at, AlwaysFalse, message, "join them with or, or remove one of them")
}

// conflict says of two terms that they cannot hold together: by the checks in them that show it, when they are two
// that must hold.
func (w *world) conflict(it *item, a, b condition.Node) string {
	sure := &assumption{facts: facts{}}
	w.include(sure, w.term(a, false))
	w.include(sure, w.term(b, false))
	if c := sure.clash; c != nil && c.a.atom != nil && c.a.atom != c.b.atom {
		return fmt.Sprintf("%s and %s cannot both hold", w.literal(it, c.a), w.literal(it, c.b))
	}
	return fmt.Sprintf("%s and %s cannot both hold", w.operand(it, a), w.operand(it, b))
}

// operand is name with parentheses around alternatives.
func (w *world) operand(it *item, n condition.Node) string {
	if _, or := n.(*condition.Or); or && w.owns(it, n) {
		return "(" + w.name(it, n) + ")"
	}
	return w.name(it, n)
}

// holder gives the last of terms in which one of the literals stands, n when there is none.
func holder(n condition.Node, terms []condition.Node, literals ...literal) condition.Node {
	for _, t := range slices.Backward(terms) {
		for _, l := range literals {
			if within(t, l.check) {
				return t
			}
		}
	}
	return n
}

// culprits finds two terms that cannot hold together.
func (w *world) culprits(terms []condition.Node) (a, b condition.Node) {
	if len(terms) > maxPatterns {
		return nil, nil
	}
	for j := range terms {
		for i := range j {
			if w.impossible(w.assume(w.term(terms[i], false), w.term(terms[j], false))) != nil {
				return terms[i], terms[j]
			}
		}
	}
	return nil, nil
}

func (w *world) reportAlways(it *item, n condition.Node) {
	what := "this part of the condition is always true"
	if n == it.node && it.kind == "rule" {
		what = "the rule matches every event: its condition is always true"
	}
	c := w.impossible(w.assume(w.term(n, true)))
	if c != nil && c.a.atom != nil {
		what += fmt.Sprintf(": %s or %s holds for every event", w.literal(it, c.a.negated()), w.literal(it, c.b.negated()))
	}
	w.report(it, n, AlwaysTrue, what, "join the parts with and, or remove them")
}

// complements reports two alternatives about one field of which one holds for every value.
func (w *world) complements(it *item, terms []condition.Node) {
	for _, group := range w.sameExpr(it, terms) {
		for j, b := range group {
			for _, a := range group[:j] {
				la, lb := w.term(a, false).lit, w.term(b, false).lit
				if la.exists || lb.exists || la.not && lb.not || !w.clash(la.negated(), lb.negated(), true) ||
					w.clash(la.negated(), la.negated(), true) || w.clash(lb.negated(), lb.negated(), true) {
					continue
				}
				w.report(it, b, AlwaysTrue, fmt.Sprintf("%s or %s is true whenever %s has a value", la, lb, la.x.name),
					"join them with and if neither value is wanted")
				return
			}
		}
	}
}

// branches reports alternatives that contradict what must hold beside them.
func (w *world) branches(it *item, n condition.Node, beside *assumption) {
	if !w.owns(it, n) || beside.clash != nil {
		return
	}
	switch n := n.(type) {
	case *condition.And:
		var choices []condition.Node
		for _, t := range n.Terms {
			if _, or := t.(*condition.Or); or && w.owns(it, t) && len(choices) < maxCases {
				choices = append(choices, t)
			} else {
				beside = w.with(beside, w.term(t, false))
			}
		}
		for i, t := range choices {
			context := beside
			for j, other := range choices {
				if j != i {
					context = w.with(context, w.term(other, false))
				}
			}
			w.branches(it, t, context)
		}
	case *condition.Or:
		for _, t := range n.Terms {
			if w.verdict(t) == no || w.term(t, false).kind == no {
				continue
			}
			next := w.with(beside, w.term(t, false))
			if next.clash != nil {
				w.reportDead(it, t, next.clash)
				continue
			}
			w.branches(it, t, next)
		}
	}
}

func (w *world) reportDead(it *item, n condition.Node, c *clash) {
	if c.a.atom == nil {
		return // something that is never true on purpose
	}
	code := DeadBranch
	if !w.owns(it, n) {
		code.Severity = info // a macro made for more than this rule
	}
	message := fmt.Sprintf("this alternative is never true here: %s and %s cannot both hold", w.literal(it, c.a), w.literal(it, c.b))
	w.report(it, n, code, message, "remove it, or the condition that rules it out")
}

// sameExpr groups those of terms that are single checks, negated or not, written in the item itself, by what they are
// about. Groups are small enough to compare each with each.
func (w *world) sameExpr(it *item, terms []condition.Node) [][]condition.Node {
	place := map[int32]int{}
	var groups [][]condition.Node
	for _, n := range terms {
		t := w.term(n, false)
		if t.kind != leaf || !w.owns(it, n) || !w.owns(it, t.lit.check) {
			continue
		}
		i, ok := place[t.lit.x.id]
		if !ok {
			i = len(groups)
			place[t.lit.x.id] = i
			groups = append(groups, nil)
		}
		if len(groups[i]) < maxPatterns {
			groups[i] = append(groups[i], n)
		}
	}
	return groups
}

// report adds a finding about a part of an item.
func (w *world) report(it *item, n condition.Node, code Code, message, hint string, fixes ...rule.Fix) {
	d := code.finding(message, hint)
	d.Fixes = fixes
	w.found.add(w.set.At(w.reference(it, n), d))
}

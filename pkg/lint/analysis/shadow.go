package analysis

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/rule"
)

// candidate is an enabled rule as the search for shadowed rules sees it.
type candidate struct {
	rule *rule.CompiledRule
	term *term
	// conjuncts are the parts that must all hold for the rule to match, each negated.
	conjuncts []*term
	facts     *assumption
}

// shadows reports rules that match no event which an earlier rule does not match too, and rules that say the same.
//
// Only rules whose conditions speak of the same exprs are compared: of each part of the earlier condition that is a
// single check, the later one must know the expr.
func (w *world) shadows() {
	var rules []*candidate
	for _, it := range w.items {
		r := it.rule
		if r == nil || !r.Enabled {
			continue
		}
		t := w.term(r.Node, false)
		if t.kind == yes || t.kind == no || w.verdict(r.Node) != leaf {
			continue
		}
		rules = append(rules, &candidate{rule: r, term: t, conjuncts: w.conjuncts(r.Node)})
	}
	about := index(rules)
	for i, earlier := range rules {
		if earlier == nil {
			continue // what it covers, the rule that covers it does too
		}
		if w.budget.spent {
			return
		}
		set := newBits(len(rules))
		set.fill(i+1, len(rules))
		for _, part := range earlier.conjuncts {
			if part.kind == leaf {
				set.intersect(about[part.lit.x.id])
			}
		}
		for _, j := range set.all() {
			if later := rules[j]; later != nil && w.covers(earlier, later) {
				w.reportShadow(earlier, later)
				rules[j] = nil // one rule before it is enough
			}
		}
		earlier.facts = nil
	}
}

// conjuncts gives the negations of the parts of a condition that must all hold, those first that are most likely to
// tell rules apart: single checks, but of the event type.
func (w *world) conjuncts(n condition.Node) []*term {
	t := w.term(n, true)
	if t.kind != one {
		return []*term{t}
	}
	rank := func(t *term) int {
		switch {
		case t.kind != leaf:
			return 2
		case t.lit.x.always:
			return 1
		}
		return 0
	}
	parts := slices.Clone(t.kids)
	slices.SortStableFunc(parts, func(a, b *term) int { return cmp.Compare(rank(a), rank(b)) })
	return parts
}

// index tells for each expr the candidates that speak of it.
func index(rules []*candidate) map[int32]bitset {
	about := map[int32]bitset{}
	for i, c := range rules {
		for _, x := range c.term.exprs {
			if about[x] == nil {
				about[x] = newBits(len(rules))
			}
			about[x].add(i)
		}
	}
	return about
}

// covers tells whether earlier matches every event that later matches.
func (w *world) covers(earlier, later *candidate) bool {
	if earlier.term.id == later.term.id {
		return true
	}
	if !w.spend(compareSteps) {
		return false
	}
	if later.facts == nil {
		later.facts = w.assume(later.term)
	}
	var hard []*term
	for _, part := range earlier.conjuncts {
		if w.refuted(later.facts.facts, part) {
			continue
		}
		if hard = append(hard, part); len(hard) > maxHard || part.kind == leaf && !mentions(later.facts.open, part.lit.x) {
			return false
		}
	}
	for _, part := range hard {
		if !w.implied(later.facts, part) {
			return false
		}
	}
	return true
}

// compareSteps is what comparing two conditions costs, beside the searches.
const compareSteps = 30

// mentions tells whether one of the terms speaks of x.
func mentions(terms []*term, x *expr) bool {
	for _, t := range terms {
		if _, found := slices.BinarySearch(t.exprs, x.id); found {
			return true
		}
	}
	return false
}

// maxHard is how many parts of a condition may need a search to see that another condition implies them. Rules that
// have nothing to do with each other have more of them, and most are told apart by that.
const maxHard = 1

func (w *world) reportShadow(earlier, later *candidate) {
	at := fmt.Sprintf("rule %s at %s", quote(earlier.rule.Name), earlier.rule.Pos)
	if earlier.term.id == later.term.id {
		message := "the rule has the same condition as " + at
		if !w.options.MatchAll {
			message += ", so under rule_matching: first it never fires"
		}
		w.found.add(w.set.AtName(later.rule.Rule, DuplicateRule.finding(message, "remove one of them, or tell them apart by a condition")))
		return
	}
	if w.options.MatchAll {
		return
	}
	w.found.add(w.set.AtName(later.rule.Rule, ShadowedRule.finding(
		"the rule never fires under rule_matching: first, because "+at+" matches every event that it matches",
		"put it before that rule, exclude its events there, or use rule_matching: all")))
}

// bitset is a set of small numbers.
type bitset []uint64

func newBits(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) add(i int) { b[i/64] |= 1 << (i % 64) }

func (b bitset) fill(from, to int) {
	for i := from; i < to; i++ {
		b.add(i)
	}
}

// intersect keeps what is in o too; o may be nil for the empty set.
func (b bitset) intersect(o bitset) {
	for i := range b {
		if i < len(o) {
			b[i] &= o[i]
		} else {
			b[i] = 0
		}
	}
}

func (b bitset) all() []int {
	var out []int
	for i, word := range b {
		for ; word != 0; word &= word - 1 {
			out = append(out, i*64+bits.TrailingZeros64(word))
		}
	}
	return slices.Clip(out)
}

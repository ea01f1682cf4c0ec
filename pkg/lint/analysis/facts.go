package analysis

import (
	"github.com/saker-security/saker/pkg/event"
)

// facts are literals that are assumed to hold together, by the id of their expr. What is said about one expr is never
// changed but replaced, so a copy of the map is a copy of all.
type facts map[int32]*about

// about is what is assumed of one expr.
type about struct {
	literals []literal
	// present tells that a literal needs a value.
	present bool
	// left are the values that are still possible, when finite: those of by, less what other literals exclude.
	finite bool
	left   []event.Value
	by     literal
}

// clash is a pair of literals that cannot hold together. They may be the same literal.
type clash struct{ a, b literal }

// maxLiterals is how many literals about one expr are looked at; those beyond are ignored, which can only hide a
// contradiction.
const maxLiterals = 2000

// put adds l to facts that nobody else holds, or says why it cannot hold with them.
func (w *world) put(f facts, l literal) *clash {
	next, c := w.extend(f[l.x.id], l)
	if c == nil {
		f[l.x.id] = next
	}
	return c
}

func (w *world) extend(old *about, l literal) (*about, *clash) {
	if old == nil {
		old = &about{present: l.x.always}
	}
	w.spend(1 + len(old.literals))
	if len(old.literals) >= maxLiterals {
		return old, nil
	}
	if !old.present && !l.not {
		return w.revive(old, l)
	}
	for _, k := range old.literals {
		if k.same(l) {
			return old, nil
		}
		if w.clash(k, l, old.present) {
			return nil, &clash{k, l}
		}
	}
	if w.clash(l, l, old.present) {
		return nil, &clash{l, l}
	}
	next := &about{literals: append(old.literals[:len(old.literals):len(old.literals)], l), present: old.present,
		finite: old.finite, left: old.left, by: old.by}
	return w.narrow(next, l)
}

// excludes gives a clash when l cannot hold with what is known. It says what extend says, without making anything new,
// but that it does not see which negations cannot hold together once there is a value.
func (w *world) excludes(a *about, l literal) *clash {
	if a == nil {
		a = &about{present: l.x.always}
	}
	present := a.present || !l.not
	w.spend(1 + len(a.literals))
	for _, k := range a.literals {
		if k.same(l) {
			return nil
		}
		if w.clash(k, l, present) {
			return &clash{k, l}
		}
	}
	switch {
	case w.clash(l, l, present):
		return &clash{l, l}
	case l.x.many() || l.opaque || l.exists || !present:
		return nil
	case a.finite:
		for i := range a.left {
			if w.fits(l, &a.left[i]) {
				return nil
			}
		}
		return &clash{a.by, l}
	case l.wants() && len(a.literals) > 1:
		_, c := w.narrow(&about{literals: a.literals, present: true}, l)
		return c
	}
	return nil
}

// revive adds the first literal that needs a value to literals that a missing value fulfilled so far.
func (w *world) revive(old *about, l literal) (*about, *clash) {
	next := &about{present: true}
	var c *clash
	for _, k := range append([]literal{l}, old.literals...) {
		if next, c = w.extend(next, k); c != nil {
			return nil, c
		}
	}
	return next, nil
}

// narrow takes the values that l excludes from those that are left.
func (w *world) narrow(a *about, l literal) (*about, *clash) {
	if l.x.many() || l.opaque || l.exists || !a.present {
		return a, nil
	}
	if !a.finite {
		if !l.wants() {
			return a, nil
		}
		a.finite, a.left, a.by = true, l.values, l
		for _, k := range a.literals {
			if a.left = w.keep(a.left, k); len(a.left) == 0 {
				return nil, &clash{k, l}
			}
		}
		return a, nil
	}
	if a.left = w.keep(a.left, l); len(a.left) == 0 {
		return nil, &clash{a.by, l}
	}
	return a, nil
}

// keep gives those of values that fulfil l.
func (w *world) keep(values []event.Value, l literal) []event.Value {
	if l.opaque || l.exists {
		return values
	}
	w.spend(len(values))
	var kept []event.Value
	for i := range values {
		if w.fits(l, &values[i]) {
			kept = append(kept, values[i])
		}
	}
	return kept
}

// clash tells whether two literals about one expr cannot hold together; with present the expr has a value anyway.
func (w *world) clash(a, b literal, present bool) bool {
	if a.atom == b.atom && a.not != b.not {
		return true
	}
	if !present && a.not && b.not {
		return false // a missing value fulfils both
	}
	if a.exists || b.exists {
		return a.exists && a.not || b.exists && b.not
	}
	if a.opaque || b.opaque {
		return false
	}
	if a.forbids() && b.forbids() && isText(a.x.typ) {
		return false // there are more texts than constants
	}
	if a.x.many() && !a.forEvery() && !b.forEvery() && a.atom != b.atom {
		return false // one value may fulfil one, another the other
	}
	if a.x.many() && a.forEvery() && b.forEvery() && !a.x.list {
		return false // there may be no value at all
	}
	key := pair{a.id, b.id, a.not, b.not}
	if known, ok := w.pairs[key]; ok {
		return known
	}
	answer := w.disjoint(a, b)
	if len(w.pairs) < maxPairs {
		w.pairs[key] = answer
	}
	return answer
}

// pair is a question to which the answer is remembered.
type pair struct {
	a, b       int32
	notA, notB bool
}

const maxPairs = 500_000

// disjoint tells whether no value fulfils both literals.
func (w *world) disjoint(a, b literal) bool {
	if !a.wants() && b.wants() {
		a, b = b, a
	}
	switch {
	case a.wants():
		return len(w.keep(a.values, b)) == 0
	case isText(a.x.typ):
		return apart(a, b)
	}
	w.spend(len(a.probes) + len(b.probes))
	for _, probes := range [][]event.Value{a.probes, b.probes} {
		for i := range probes {
			if w.fits(a, &probes[i]) && w.fits(b, &probes[i]) {
				return false
			}
		}
	}
	return true
}

// apart is disjoint for texts of which there are endlessly many.
func apart(a, b literal) bool {
	switch {
	case a.atom == b.atom:
		return a.not && allImply([]pattern{anything}, a.patterns)
	case a.patterns == nil || b.patterns == nil:
		return false
	case a.not && b.not:
		return false
	case a.not:
		return allImply(b.patterns, a.patterns)
	case b.not:
		return allImply(a.patterns, b.patterns)
	}
	return allApart(a.patterns, b.patterns)
}

package analysis

import "maps"

// assumption is a conjunction of terms under study: what it says of single exprs, and the alternatives that are open.
type assumption struct {
	facts facts
	open  []*term
	// clash is a pair of literals that shows why it cannot hold; nil while nothing shows it.
	clash *clash
}

// assume makes the assumption that all terms hold.
func (w *world) assume(terms ...*term) *assumption {
	a := &assumption{facts: facts{}}
	for _, t := range terms {
		w.include(a, t)
	}
	w.propagate(a)
	return a
}

// with gives the assumption that t holds too. It leaves a as it was. When there is nothing left to spend it is a itself,
// from which less follows.
func (w *world) with(a *assumption, t *term) *assumption {
	if !w.spend(len(a.facts) + len(a.open)) {
		return a
	}
	next := &assumption{facts: maps.Clone(a.facts), open: a.open[:len(a.open):len(a.open)], clash: a.clash}
	w.include(next, t)
	w.propagate(next)
	return next
}

// include adds a term without drawing conclusions from the alternatives.
func (w *world) include(a *assumption, t *term) {
	if a.clash != nil || w.budget.spent {
		return
	}
	switch t.kind {
	case leaf:
		a.clash = w.put(a.facts, t.lit)
	case all:
		for _, kid := range t.kids {
			w.include(a, kid)
		}
	case one:
		a.open = append(a.open, t)
	case no:
		a.clash = &clash{}
	}
}

// propagate looks for alternatives of which at most one is possible, until there is nothing new to conclude.
func (w *world) propagate(a *assumption) {
	for again := true; again && a.clash == nil && w.spend(1); {
		again = false
		open := a.open
		a.open = nil
		for i, t := range open {
			alive, c := w.alive(a.facts, t)
			switch {
			case len(alive) == 0:
				a.clash = c
			case len(alive) == 1:
				w.include(a, alive[0])
				again = true
			default:
				a.open = append(a.open, t)
			}
			if a.clash != nil {
				a.open = append(a.open, open[i+1:]...)
				return
			}
		}
	}
}

// alive gives the alternatives of t that do not clash with f: none, one, or its first two when there are several.
func (w *world) alive(f facts, t *term) (alive []*term, last *clash) {
	for _, kid := range t.kids {
		if c := w.refute(f, kid); c != nil {
			last = c
			continue
		}
		if alive = append(alive, kid); len(alive) > 1 {
			break
		}
	}
	return alive, last
}

// refute gives a clash when t cannot hold under f, as far as its literals show that must all hold.
func (w *world) refute(f facts, t *term) *clash {
	switch t.kind {
	case no:
		return &clash{}
	case leaf:
		return w.excludes(f[t.lit.x.id], t.lit)
	case all:
		a := &assumption{facts: maps.Clone(f)}
		w.include(a, t)
		return a.clash
	}
	return nil
}

// maxCases is into how many cases a question is split, and maxSplits how many ways to split are tried.
const (
	maxCases  = 24
	maxSplits = 8
)

// impossible tells whether a cannot hold, and by which clash. It tries each case of one set of open alternatives at a
// time, within limits: the answer nil means that nothing was found.
func (w *world) impossible(a *assumption) *clash {
	if a.clash != nil {
		return a.clash
	}
	for i, t := range a.open[:min(len(a.open), maxSplits)] {
		if len(t.kids) > maxCases {
			continue
		}
		rest := &assumption{facts: a.facts, open: append(append([]*term(nil), a.open[:i]...), a.open[i+1:]...)}
		if c := w.eachCase(rest, t); c != nil {
			return c
		}
	}
	return nil
}

// eachCase gives a clash when a cannot hold together with any of the alternatives of t.
func (w *world) eachCase(a *assumption, t *term) (last *clash) {
	for _, kid := range t.kids {
		if last = w.with(a, kid).clash; last == nil || w.budget.spent {
			return nil
		}
	}
	return last
}

// refuted tells whether t cannot hold under f, as far as can be told at once.
func (w *world) refuted(f facts, t *term) bool {
	if t.kind != one {
		return w.refute(f, t) != nil
	}
	alive, _ := w.alive(f, t)
	return len(alive) == 0
}

// implied tells whether t holds wherever a does: whether it is impossible that its negation holds too.
func (w *world) implied(a *assumption, negation *term) bool {
	return w.impossible(w.with(a, negation)) != nil
}

// spend takes n from what the analysis may still cost and tells whether there is something left.
func (w *world) spend(n int) bool {
	w.budget.left -= n
	if w.budget.left < 0 {
		w.budget.spent = true
	}
	return !w.budget.spent
}

// budget is what an analysis may cost, in steps of some ten nanoseconds.
type budget struct {
	left  int
	spent bool
}

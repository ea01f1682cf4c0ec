package program

import (
	"math/bits"

	"github.com/saker-security/saker/pkg/event"
)

// Sieve evaluates the conditions of a Set on one event after another. Each goroutine needs its own.
type Sieve struct {
	state *State
	set   *Set
	// possible are the conditions that are not decided yet.
	possible []uint64
	current  int
	// used has for each facet the number of the event for which it was looked at.
	used []uint64
}

// NewSieve makes the scratch memory that one goroutine needs to evaluate the set.
func (set *Set) NewSieve() *Sieve {
	return &Sieve{state: set.program.NewState(), set: set, possible: make([]uint64, set.words), used: make([]uint64, len(set.facets))}
}

// Begin turns to the next event. Candidates are the conditions to evaluate, as a set of their numbers in the list: bit
// n%64 of word n/64. It is not changed.
func (s *Sieve) Begin(e *event.Event, candidates []uint64) {
	s.state.Begin(e)
	copy(s.possible, candidates)
}

// End forgets the event.
func (s *Sieve) End() { s.state.Begin(nil) }

// Next gives the number of the next condition that is true for the event, in the order of the list, -1 when there is no
// other. After a panic of an extractor it goes on with the condition after Current.
func (s *Sieve) Next() int {
	for w := range s.possible {
		for s.possible[w] != 0 {
			s.current = w<<6 + bits.TrailingZeros64(s.possible[w])
			s.possible[w] &= s.possible[w] - 1
			if s.decide() {
				return s.current
			}
		}
	}
	return -1
}

// Current is the number of the condition that Next looked at last.
func (s *Sieve) Current() int { return s.current }

// decide evaluates the current condition and removes others that the first false term decides too.
func (s *Sieve) decide() bool {
	terms := s.set.terms[s.current]
	for i := range terms {
		t := &terms[i]
		if s.state.True(t.id) {
			continue
		}
		for w, word := range t.needs {
			s.possible[w] &^= word
		}
		if t.facet >= 0 && s.used[t.facet] != s.state.epoch {
			s.used[t.facet] = s.state.epoch
			s.apply(&s.set.facets[t.facet])
		}
		return false
	}
	return true
}

// apply removes the conditions that cannot be true for the value of the facet's expression, which was read already.
func (s *Sieve) apply(f *facet) {
	v := s.state.value(f.slot)
	if v == nil {
		s.keep(f.missing)
		return
	}
	held, class := 0, int32(0) // the last group that is not at row 0, and its row
	found := 0
	for i, g := range f.groups {
		if r := s.state.row(g, v); r != 0 {
			held, class = i, r
			found++
		}
	}
	if found <= 1 {
		s.keep(f.alone[held][class])
		return
	}
	for i, g := range f.groups {
		s.keep(f.open[i][s.state.row(g, v)])
	}
}

func (s *Sieve) keep(set []uint64) {
	for w, word := range set {
		s.possible[w] &= word
	}
}

// count counts the elements of a set.
func count(set []uint64) (n int) {
	for _, word := range set {
		n += bits.OnesCount64(word)
	}
	return n
}

package program

import (
	"unsafe"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// State evaluates a Program on one event after another. Each goroutine needs its own.
//
// Nothing is cleared between events: each memory cell carries the number of the event that it was computed for.
type State struct {
	evaluator
	program *Program
	nodes   []uint64 // event number << 1 | truth
	rows    []row    // by group
}

// NewState makes the scratch memory that one goroutine needs to evaluate p.
func (p *Program) NewState() *State {
	return &State{
		evaluator: *newEvaluator(p.slots),
		program:   p,
		nodes:     make([]uint64, len(p.nodes)),
		rows:      make([]row, len(p.groups)),
	}
}

// True tells whether the condition holds for the event that Begin was called with.
func (s *State) True(id ID) bool {
	if memo := s.nodes[id]; memo>>1 == s.epoch {
		return memo&1 != 0
	}
	n := &s.program.nodes[id]
	var r bool
	switch n.kind {
	case nodeCheck:
		r = s.check(s.program.checks[n.check])
	case nodeNot:
		r = !s.True(n.kids[0])
	case nodeAnd:
		r = true
		for _, kid := range n.kids {
			if !s.True(kid) {
				r = false
				break
			}
		}
	case nodeOr:
		for _, kid := range n.kids {
			if s.True(kid) {
				r = true
				break
			}
		}
	}
	memo := s.epoch << 1
	if r {
		memo |= 1
	}
	s.nodes[id] = memo
	return r
}

// check evaluates one comparison. A missing value on either side makes it false, whatever the operator.
func (s *State) check(c *check) bool {
	left := s.value(c.leftSlot)
	if left == nil {
		return false
	}
	if c.group >= 0 {
		return s.lookup(c, left)
	}
	if c.pair != nil {
		right := s.value(c.rightSlot)
		return right != nil && c.compare(left, right)
	}
	return c.holds(left)
}

// evaluator computes expressions, each at most once per event.
type evaluator struct {
	slots []slot
	event *event.Event
	// epoch numbers the events; 63 bits of it are used and do not run out.
	epoch  uint64
	memo   []uint64 // event number << 1 | present
	values []event.Value
	bufs   [][]byte
}

func newEvaluator(slots []slot) *evaluator {
	return &evaluator{
		slots:  slots,
		memo:   make([]uint64, len(slots)),
		values: make([]event.Value, len(slots)),
		bufs:   make([][]byte, len(slots)),
	}
}

// Begin turns to the next event. What was computed for the one before is forgotten.
func (ev *evaluator) Begin(e *event.Event) {
	ev.epoch++
	ev.event = e
}

// value gives the value of slot i, nil when there is none.
func (ev *evaluator) value(i int32) *event.Value {
	if memo := ev.memo[i]; memo>>1 == ev.epoch {
		if memo&1 == 0 {
			return nil
		}
		return ev.present(i)
	}
	x := &ev.slots[i]
	ok := true
	switch {
	case x.field != nil:
		v := &ev.values[i]
		v.Reset()
		ok = x.field.Extract(ev.event, x.arg, v)
		if (x.list || x.Quantifier() != field.One) && len(v.List) == 0 {
			ok = false
		}
	case x.fn != nil:
		v := &ev.values[i]
		v.Reset()
		ok = x.fn.apply(ev, i, v) // an empty list, such as getopt's without options, is a value
	}
	memo := ev.epoch << 1
	if ok {
		memo |= 1
	}
	ev.memo[i] = memo
	if !ok {
		return nil
	}
	return ev.present(i)
}

func (ev *evaluator) present(i int32) *event.Value {
	if c := ev.slots[i].constant; c != nil {
		return c
	}
	return &ev.values[i]
}

// view makes a text of b without copying. The text is valid until b is written to, which for the buffers of an
// evaluator is the next event.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

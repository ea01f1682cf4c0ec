//go:build !race

// The race detector makes pools forget, regexp's among them, so this file is tested without it.

package program

import "testing"

// TestNoAllocations shows that evaluation needs no memory once it is warm, whatever the operator.
func TestNoAllocations(t *testing.T) {
	p, ids := compile(t, everyOperator...)
	s := p.NewState()
	e := newEvent(busy)
	e.Data.(*sample).reads = nil
	for i, id := range ids {
		if got := testing.AllocsPerRun(200, func() { s.Begin(e); s.True(id) }); got > 0 {
			t.Errorf("%s: %v allocations per event", everyOperator[i], got)
		}
	}
}

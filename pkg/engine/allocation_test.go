//go:build !race

// The race detector makes pools forget, so this file is tested without it.

package engine

import (
	"testing"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// TestNoAllocations shows that evaluation needs no memory once it is warm.
func TestNoAllocations(t *testing.T) {
	g := New(compiled(t, event.SourceSyscall, typeNames,
		spec{name: "one", condition: `evt.type = open and toupper(x.name) = ABC and x.name regex "a.*"`},
		spec{name: "two", condition: `x.name in (abc, b) and not x.name glob "*z" and len(x.name) = 3`},
	), allRules)
	e := newEvent(event.SourceSyscall, 0, "abc")
	n := 0
	emit := func(*rule.CompiledRule) { n++ }
	evaluate := func() {
		if err := g.Evaluate(e, emit); err != nil {
			t.Fatal(err)
		}
	}
	evaluate()
	if n != 2 {
		t.Fatalf("got %d matches, want 2", n)
	}
	if got := testing.AllocsPerRun(1000, evaluate); got > 0 {
		t.Errorf("%v allocations per event", got)
	}
}

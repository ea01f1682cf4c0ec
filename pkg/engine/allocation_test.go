//go:build !race

// The race detector makes pools forget, so this file is tested without it.

package engine

import (
	"fmt"
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

// TestNoAllocationsOfManyRules shows the same of an event that matches none of many rules.
func TestNoAllocationsOfManyRules(t *testing.T) {
	var specs []spec
	for i := range 300 {
		specs = append(specs, spec{name: fmt.Sprint(i), condition: fmt.Sprintf(
			"evt.type = open and (x.name startswith a%d or x.name contains b%d or x.name endswith anyof (c%d, d)) and not toupper(x.name) in (E%d, F)", i, i, i, i)})
	}
	g := New(compiled(t, event.SourceSyscall, typeNames, specs...), allRules)
	events := []*event.Event{newEvent(event.SourceSyscall, 0, "abc"), newEvent(event.SourceSyscall, 0, "a7"), newEvent(event.SourceSyscall, 1, "b8")}
	emit := func(*rule.CompiledRule) {}
	if names, _ := fired(g, events[1]); len(names) != 1 {
		t.Fatalf("a7 matches %v", names)
	}
	for _, e := range []*event.Event{events[0], events[2]} {
		if got := testing.AllocsPerRun(1000, func() { _ = g.Evaluate(e, emit) }); got > 0 {
			t.Errorf("type %d: %v allocations per event", e.Type, got)
		}
	}
}

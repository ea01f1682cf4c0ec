package engine

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// fact is the Data of test events.
type fact struct {
	name  string
	reads int
}

var typeNames = []string{"open", "close", "connect"}

func catalogue(source string, types []string) *field.Catalogue {
	return field.New(source, types, []field.Field{
		{Name: "evt.type", Type: event.TypeString, Extract: func(e *event.Event, _ *field.Arg, v *event.Value) bool {
			v.Text = types[e.Type]
			return true
		}},
		{Name: "evt.num", Type: event.TypeUint64, Extract: func(e *event.Event, _ *field.Arg, v *event.Value) bool {
			v.Num = e.Num
			return true
		}},
		{Name: "x.name", Type: event.TypeString, Extract: func(e *event.Event, _ *field.Arg, v *event.Value) bool {
			f := e.Data.(*fact)
			f.reads++
			v.Text = f.name
			return true
		}},
		{Name: "x.broken", Type: event.TypeString, Extract: func(e *event.Event, _ *field.Arg, v *event.Value) bool {
			if e.Data.(*fact).name == "panic" {
				panic("broken extractor")
			}
			return false
		}},
	})
}

// spec is a rule of a test: name, condition and, when not the defaults, priority and enabled.
type spec struct {
	name, condition string
	priority        rule.Priority
	disabled        bool
}

func compiled(t testing.TB, source string, types []string, specs ...spec) *rule.Compiled {
	t.Helper()
	return compileRules(t, source, types, specs)
}

// compileRules is for tests of package rapid too, which are no testing.TB.
func compileRules(t interface{ Fatalf(string, ...any) }, source string, types []string, specs []spec) *rule.Compiled {
	cat := catalogue(source, types)
	b := program.NewBuilder(cat)
	s := &rule.Source{Catalogue: cat}
	for _, sp := range specs {
		n, d := condition.Parse(sp.condition)
		if d != nil {
			t.Fatalf("parse %s: %v", sp.condition, d)
		}
		id, found := b.Add(n)
		if id == program.None {
			t.Fatalf("compile %s: %v", sp.condition, found[0])
		}
		s.Rules = append(s.Rules, &rule.CompiledRule{Condition: id, Rule: &rule.Rule{
			Name: sp.name, Source: source, Enabled: !sp.disabled, Priority: sp.priority,
		}})
	}
	s.Program = b.Build()
	return &rule.Compiled{Sources: map[string]*rule.Source{source: s}}
}

var allRules = Options{MatchAll: true, MinPriority: rule.PriorityDebug}

// matches lists the names of the rules that match.
func matches(t testing.TB, g *Engine, e *event.Event) string {
	t.Helper()
	var names []string
	if err := g.Evaluate(e, func(r *rule.CompiledRule) { names = append(names, r.Name) }); err != nil {
		t.Fatalf("evaluate: %v", err)
	}
	return strings.Join(names, " ")
}

func newEvent(source string, typ uint16, name string) *event.Event {
	return &event.Event{Num: 1, Source: source, Type: typ, Data: &fact{name: name}}
}

func TestMatching(t *testing.T) {
	c := compiled(t, event.SourceSyscall, typeNames,
		spec{name: "open-a", condition: "evt.type = open and x.name = a"},
		spec{name: "any-a", condition: "x.name = a", priority: rule.PriorityDebug},
		spec{name: "not-close", condition: "not evt.type = close", priority: rule.PriorityWarning},
		spec{name: "off", condition: "x.name exists", disabled: true},
		spec{name: "never", condition: "evt.num = 0"},
		spec{name: "connect", condition: "evt.type in (connect, close) and x.name in (a, b)"},
	)
	tests := []struct {
		name    string
		options Options
		typ     uint16
		value   string
		want    string
	}{
		{"all", allRules, 0, "a", "open-a any-a not-close"},
		{"first", Options{MinPriority: rule.PriorityDebug}, 0, "a", "open-a"},
		{"first is a later rule", Options{MinPriority: rule.PriorityDebug}, 2, "b", "not-close"},
		{"another type", allRules, 2, "a", "any-a not-close connect"},
		{"a type outside the table", allRules, 77, "a", "any-a"},
		{"priority", Options{MatchAll: true, MinPriority: rule.PriorityWarning}, 0, "a", "open-a not-close"},
		{"only emergencies", Options{MatchAll: true}, 0, "a", "open-a"},
		{"nothing matches", allRules, 1, "z", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := matches(t, New(c, tt.options), newEvent(event.SourceSyscall, tt.typ, tt.value)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestIndex shows that rules that cannot match the type are not looked at, and that the others share an extraction.
func TestIndex(t *testing.T) {
	g := New(compiled(t, event.SourceSyscall, typeNames,
		spec{name: "one", condition: "x.name = a and evt.type = open"},
		spec{name: "two", condition: "x.name = b and evt.type = open"},
		spec{name: "three", condition: "x.name contains c and evt.type = open"},
		spec{name: "off", condition: "x.name = d", disabled: true},
	), allRules)
	for typ, want := range map[uint16]int{0: 1, 1: 0, 2: 0, 99: 0} {
		e := newEvent(event.SourceSyscall, typ, "z")
		matches(t, g, e)
		if got := e.Data.(*fact).reads; got != want {
			t.Errorf("type %d: name was extracted %d times, want %d", typ, got, want)
		}
	}
	if got := g.Types(event.SourceSyscall).IDs(); !cmp.Equal(got, []uint16{0}) {
		t.Errorf("types: got %v", got)
	}
	if g.Types("other") != nil || g.Fields("other") != nil {
		t.Error("a source without rules has types or fields")
	}
	var fields []string
	for _, u := range g.Fields(event.SourceSyscall) {
		fields = append(fields, u.Name)
	}
	if want := []string{"x.name", "evt.type"}; !cmp.Equal(fields, want) {
		t.Errorf("fields: got %v, want %v", fields, want)
	}
}

func TestCounts(t *testing.T) {
	g := New(compiled(t, event.SourceK8sAudit, nil,
		spec{name: "one", condition: "x.name = a"},
		spec{name: "two", condition: "x.name in (a, b)"},
		spec{name: "broken", condition: "x.broken = a"},
		spec{name: "last", condition: "x.name = panic"},
	), allRules)
	for _, name := range []string{"a", "b", "z", "a"} {
		matches(t, g, newEvent(event.SourceK8sAudit, 0, name))
	}
	matches(t, g, newEvent(event.SourceSyscall, 0, "a"))
	matches(t, g, newEvent("nowhere", 0, "a"))

	var hits []string
	err := g.Evaluate(newEvent(event.SourceK8sAudit, 0, "panic"), func(r *rule.CompiledRule) { hits = append(hits, r.Name) })
	var p *PanicError
	if !errors.As(err, &p) || p.Rule != "broken" || p.Value != "broken extractor" {
		t.Fatalf("panic: got %v", err)
	}
	if want := `evaluate rule "broken": panic: broken extractor`; err.Error() != want {
		t.Errorf("got error %q, want %q", err, want)
	}
	if !strings.Contains(string(p.Stack), "engine_test.go") {
		t.Errorf("the stack does not show the extractor: %s", p.Stack)
	}
	if want := []string{"last"}; !cmp.Equal(hits, want) {
		t.Errorf("rules behind the panic: got %v, want %v", hits, want)
	}

	want := Counts{
		Sources: []SourceCounts{
			{Source: event.SourceK8sAudit, Evaluated: 4, NotEvaluated: map[Reason]uint64{ReasonPanic: 1}},
			{Source: "nowhere", NotEvaluated: map[Reason]uint64{ReasonUnknownSource: 1}},
			{Source: event.SourceSyscall, NotEvaluated: map[Reason]uint64{ReasonNoRules: 1}},
		},
	}
	got := g.Counts()
	if diff := cmp.Diff(want.Sources, got.Sources); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	if got := ruleCounts(got); got != "one=2 two=3 broken=0 last=1" {
		t.Errorf("rules: got %s", got)
	}
}

func ruleCounts(c Counts) string {
	var parts []string
	for _, r := range c.Rules {
		parts = append(parts, fmt.Sprintf("%s=%d", r.Rule.Name, r.Matches))
	}
	return strings.Join(parts, " ")
}

// TestEmitPanics shows that an event is counted even when the receiver of matches fails.
func TestEmitPanics(t *testing.T) {
	g := New(compiled(t, event.SourceK8sAudit, nil, spec{name: "one", condition: "x.name = a"}), allRules)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic of emit did not arrive")
			}
		}()
		_ = g.Evaluate(newEvent(event.SourceK8sAudit, 0, "a"), func(*rule.CompiledRule) { panic("no") })
	}()
	if got := g.Counts(); got.Sources[0].Evaluated != 1 || got.Rules[0].Matches != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestSwap(t *testing.T) {
	g := New(compiled(t, event.SourceK8sAudit, nil,
		spec{name: "kept", condition: "x.name = a"}, spec{name: "dropped", condition: "x.name = a"}), allRules)
	e := newEvent(event.SourceK8sAudit, 0, "a")
	matches(t, g, e)
	g.Swap(compiled(t, event.SourceK8sAudit, nil,
		spec{name: "added", condition: "x.name = a"}, spec{name: "kept", condition: "x.name startswith a"}), allRules)
	if got := matches(t, g, e); got != "added kept" {
		t.Errorf("after the swap: got %q", got)
	}
	if got := ruleCounts(g.Counts()); got != "added=1 kept=2" {
		t.Errorf("counts: got %s", got)
	}
	g.Swap(&rule.Compiled{}, allRules)
	if got := matches(t, g, e); got != "" {
		t.Errorf("without rules: got %q", got)
	}
	if got := g.Counts().Sources[0]; got.Evaluated != 2 || got.NotEvaluated[ReasonNoRules] != 1 {
		t.Errorf("sources: got %+v", got)
	}
}

// TestConcurrency evaluates from many goroutines while the rules are swapped, under the race detector in CI. Every
// event must match exactly one of the two sets and be counted.
func TestConcurrency(t *testing.T) {
	sets := []*rule.Compiled{
		compiled(t, event.SourceSyscall, typeNames, spec{name: "old", condition: "evt.type = open and tolower(x.name) = a"}),
		compiled(t, event.SourceSyscall, typeNames, spec{name: "new", condition: "evt.type = open and x.name in (A, B)"}),
	}
	g := New(sets[0], allRules)
	const workers, events = 8, 2000
	var wg sync.WaitGroup
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range events {
				e := newEvent(event.SourceSyscall, uint16(i%3), "A")
				n := 0
				if err := g.Evaluate(e, func(*rule.CompiledRule) { n++ }); err != nil {
					t.Errorf("evaluate: %v", err)
				}
				if want := map[bool]int{true: 1, false: 0}[i%3 == 0]; n != want {
					t.Errorf("event %d: %d matches, want %d", i, n, want)
				}
			}
		}()
	}
	for i := range 200 {
		g.Swap(sets[i%2], allRules)
		g.Counts()
	}
	wg.Wait()
	var matched uint64
	for i := range 2 {
		g.Swap(sets[i], allRules)
		matched += g.Counts().Rules[0].Matches
	}
	if got := g.Counts().Sources[0].Evaluated; got != workers*events {
		t.Errorf("evaluated: got %d, want %d", got, workers*events)
	}
	if want := uint64(workers * ((events + 2) / 3)); matched != want {
		t.Errorf("matches: got %d, want %d", matched, want)
	}
}

// BenchmarkEvaluate runs 100 rules, of which an event's type leaves 10, on events of which none matches.
func BenchmarkEvaluate(b *testing.B) {
	var specs []spec
	for i := range 100 {
		specs = append(specs, spec{name: fmt.Sprint("rule ", i), condition: fmt.Sprintf(
			"evt.type = t%d and x.name in (a%d, b%d) and not x.name startswith /usr", i%10, i, i%7)})
	}
	var types []string
	for i := range 10 {
		types = append(types, fmt.Sprint("t", i))
	}
	g := New(compiled(b, event.SourceSyscall, types, specs...), allRules)
	emit := func(*rule.CompiledRule) {}
	b.RunParallel(func(pb *testing.PB) {
		e := newEvent(event.SourceSyscall, 3, "/bin/sh")
		for pb.Next() {
			_ = g.Evaluate(e, emit)
		}
	})
}

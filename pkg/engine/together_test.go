package engine

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// TestTogetherLikeAlone compares random rules that are evaluated together, where one decides for others, with each of
// them in an engine of its own: the same matches, the same counts, and no panic that no rule has by itself.
func TestTogetherLikeAlone(t *testing.T) {
	word := rapid.SampledFrom([]string{"a", "b", "ab", "abc", "/a", "/a/b", "panic"})
	checks := rapid.SampledFrom([]string{"x.name = %s", "x.name in (%s, a)", "x.name != %s", "x.name startswith %s", "x.name endswith %s",
		"x.name contains %s", "x.name pmatch (%s)", "not x.name in (%s, b)", "(x.name = %s or x.name endswith b)", "x.broken = %s",
		"(x.broken = %s or x.name startswith a)", "evt.type = open", "evt.type in (open, close)", "evt.num = 1", "x.name exists"})
	rapid.Check(t, func(t *rapid.T) {
		specs := make([]spec, rapid.IntRange(1, 80).Draw(t, "rules"))
		for i := range specs {
			terms := make([]string, rapid.IntRange(1, 4).Draw(t, "terms"))
			for j := range terms {
				terms[j] = checks.Draw(t, "check")
				if strings.Contains(terms[j], "%s") {
					terms[j] = fmt.Sprintf(terms[j], word.Draw(t, "word"))
				}
			}
			specs[i] = spec{name: fmt.Sprint(i), condition: strings.Join(terms, " and "), disabled: rapid.IntRange(0, 9).Draw(t, "disabled") == 0}
		}
		together := New(compileRules(t, event.SourceSyscall, typeNames, specs), allRules)
		first := New(compileRules(t, event.SourceSyscall, typeNames, specs), Options{MinPriority: rule.PriorityDebug})
		var alone []*Engine
		for _, s := range specs {
			alone = append(alone, New(compileRules(t, event.SourceSyscall, typeNames, []spec{s}), allRules))
		}
		for range 5 {
			e := newEvent(event.SourceSyscall, uint16(rapid.IntRange(0, 3).Draw(t, "type")), word.Draw(t, "value"))
			if e.Type == 3 {
				e.Type = 9 // none of the table
			}
			var want []string
			panics := 0
			for _, g := range alone {
				names, err := fired(g, e)
				want = append(want, names...)
				if err != nil {
					panics++
				}
			}
			got, err := fired(together, e)
			if fmt.Sprint(got) != fmt.Sprint(want) || err != nil && panics == 0 {
				t.Fatalf("on %q: got %v and %v, want %v and %d panics", e.Data.(*fact).name, got, err, want, panics)
			}
			got, _ = fired(first, e)
			if fmt.Sprint(got) != fmt.Sprint(want[:min(1, len(want))]) {
				t.Fatalf("on %q: first is %v of %v", e.Data.(*fact).name, got, want)
			}
		}
		for _, r := range together.Counts().Rules {
			var i int
			_, _ = fmt.Sscan(r.Rule.Name, &i)
			if want := alone[i].Counts().Rules[0].Matches; r.Matches != want {
				t.Fatalf("rule %d has %d matches, want %d", i, r.Matches, want)
			}
		}
	})
}

// fired lists the names of the rules that match.
func fired(g *Engine, e *event.Event) (names []string, err error) {
	err = g.Evaluate(e, func(r *rule.CompiledRule) { names = append(names, r.Name) })
	return names, err
}

package rules_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/saker-security/saker/pkg/engine"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// auditCases are the files of events, by the pattern of their names, that the tests of the rules about audit events
// play.
func auditCases(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("tests", event.SourceK8sAudit, "*", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("find the events of the tests: %v, %v", files, err)
	}
	return files
}

// newWatchfulJudge judges audit events by all rules, those that are off included, with the lists filled that come
// empty.
func newWatchfulJudge(t *testing.T) *judge {
	t.Helper()
	lists, err := rule.ReadFiles([]string{filepath.Join("tests", event.SourceK8sAudit, "lists.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	cats := catalogues()
	set, found := rule.Load(append(filesOf(event.SourceK8sAudit), lists...), cats)
	report(t, found)
	for _, r := range set.Rules {
		r.Enabled = true
	}
	compiled, found := set.Compile(cats)
	report(t, found)
	g := engine.New(compiled, engine.Options{MatchAll: true, MinPriority: rule.PriorityDebug})
	return &judge{compiled.Sources[event.SourceK8sAudit], g}
}

// With rule_matching: first, which is the default, only the first rule that fits an event is told: no later one may be
// worse.
func TestWorseFindingsStandAboveLesserOnes(t *testing.T) {
	j := newWatchfulJudge(t)
	severity := map[string]rule.Priority{}
	for _, r := range j.source.Rules {
		severity[r.Name] = r.Priority
	}
	for _, file := range auditCases(t, "*.json") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		split(t, data, func(e *event.Event) {
			names := j.fired(t, e)
			for _, name := range names {
				if severity[name] < severity[names[0]] {
					t.Errorf("%s: rule %q (%s) is not told, because rule %q (%s) stands above it",
						file, name, severity[name], names[0], severity[names[0]])
				}
			}
		})
	}
}

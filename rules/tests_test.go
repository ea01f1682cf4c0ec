package rules_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/ruletest"
	"github.com/saker-security/saker/rules"
)

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// slug is the name of a rule as its test file is called.
func slug(name string) string {
	return strings.Trim(notSlug.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

// runTests runs the test files in a folder, as saker test does, and fails for each test that fails.
func runTests(t *testing.T, folder string) *ruletest.Report {
	t.Helper()
	r := ruletest.Runner{Catalogues: ruletest.Catalogues(catalogues()), Builtin: rules.Files(), Coverage: true}
	files, err := ruletest.Find([]string{folder})
	if err != nil {
		t.Fatal(err)
	}
	report, err := r.Run(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range report.Broken {
		t.Error(err)
	}
	if report.Failed() > 0 {
		var b strings.Builder
		if err := report.WriteText(&b, false); err != nil {
			t.Fatal(err)
		}
		t.Error(b.String())
	}
	return report
}

// Each rule has a test file of its name, with tests in which it fires and others in which it does not.
func TestRules(t *testing.T) {
	report := runTests(t, "tests")
	hits, misses := map[string]int{}, map[string]int{}
	for _, one := range report.Results {
		count := misses
		for _, x := range one.Test.Expect {
			if strings.TrimSuffix(filepath.Base(one.File.Name), ruletest.Suffix) == slug(x.Rule) {
				count = hits
			}
		}
		count[one.File.Name]++
	}
	for source, s := range compile(t, rules.Files()).Sources {
		for _, r := range s.Rules {
			file := filepath.Join("tests", source, slug(r.Name)+ruletest.Suffix)
			if hits[file] == 0 || misses[file] == 0 {
				t.Errorf("rule %q: %s has %d tests in which it fires and %d in which it does not, want at least one of each",
					r.Name, file, hits[file], misses[file])
			}
		}
	}
	fired := map[string]bool{}
	for _, c := range report.Coverage {
		for _, r := range c.Rules {
			fired[r.Rule] = fired[r.Rule] || r.Fired > 0
		}
	}
	for name, ok := range fired {
		if !ok {
			t.Errorf("rule %q never fires", name)
		}
	}
}

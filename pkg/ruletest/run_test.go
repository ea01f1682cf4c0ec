package ruletest_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/ruletest"
	"github.com/saker-security/saker/pkg/syscall"
)

var update = flag.Bool("update", false, "write the golden files anew")

func catalogues() map[string]*field.Catalogue {
	return ruletest.Catalogues(map[string]*field.Catalogue{
		event.SourceK8sAudit: audit.Catalogue("host"),
		event.SourceSyscall:  syscall.Catalogue("host"),
	})
}

// golden compares got with a file, or writes the file when the flag -update is given.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update if this is right:\n%s", name, diff)
	}
}

func run(t *testing.T, r *ruletest.Runner, files ...string) *ruletest.Report {
	t.Helper()
	r.Catalogues = catalogues()
	report, err := r.Run(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range report.Broken {
		t.Error(err)
	}
	return report
}

func text(t *testing.T, report *ruletest.Report, verbose bool) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteText(&b, verbose); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPass(t *testing.T) {
	golden(t, "pass.txt", text(t, run(t, &ruletest.Runner{}, "testdata/pass_test.yaml"), true))
}

func TestFail(t *testing.T) {
	for _, parallel := range []int{1, 4} {
		golden(t, "fail.txt", text(t, run(t, &ruletest.Runner{Parallel: parallel}, "testdata/fail.yaml"), false))
	}
}

var clock = regexp.MustCompile(`time="[0-9.]+"`)

func TestJUnit(t *testing.T) {
	r := &ruletest.Runner{Catalogues: catalogues()}
	report, err := r.Run(t.Context(), []string{"testdata/pass_test.yaml", "testdata/fail.yaml", "testdata/missing.yaml"})
	if err != nil || len(report.Broken) != 1 {
		t.Fatal(err, report.Broken)
	}
	var b bytes.Buffer
	if err := report.WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "junit.xml", clock.ReplaceAll(b.Bytes(), []byte(`time="0"`)))
}

func TestCoverage(t *testing.T) {
	report := run(t, &ruletest.Runner{Coverage: true}, "testdata/pass_test.yaml", "testdata/fail.yaml")
	if len(report.Coverage) != 1 {
		t.Fatalf("%d sets of rules, want 1: both files name the same", len(report.Coverage))
	}
	var b bytes.Buffer
	if err := report.Coverage[0].WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "coverage.txt", b.Bytes())
}

func TestSelect(t *testing.T) {
	report := run(t, &ruletest.Runner{Select: regexp.MustCompile("^(by|several)")}, "testdata/pass_test.yaml")
	if len(report.Results) != 2 || report.Failed() != 0 {
		t.Errorf("%s", text(t, report, true))
	}
}

// write puts a file into a new folder, beside the rules.
func write(t *testing.T, content string) string {
	t.Helper()
	folder := t.TempDir()
	rules, err := os.ReadFile("testdata/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"rules.yaml": rules, "x_test.yaml": []byte(content)} {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "x_test.yaml")
}

// The settings of a file say which rules are looked at.
func TestSettings(t *testing.T) {
	const tail = `
rules: [rules.yaml]
tests:
  - name: a shell
    events: [{fields: {evt.type: execve, proc.name: sh}}, {fields: {evt.type: connect}}]
    expect: [`
	for head, expect := range map[string]string{
		"":                         "Shell started, Any program started",
		"rule_matching: all":       "Shell started, Any program started",
		"rule_matching: first":     "Shell started",
		"minimum_priority: notice": "Shell started",
		"selection: [{disable: {rule: Shell*}}, {enable: {rule: Switched off}}]":                        "Any program started, Switched off",
		"{selection: [{disable: {rule: '*'}}, {enable: {rule: Shell started}}], rule_matching: first, ": "Shell started",
	} {
		file := head + tail + expect + "]\n"
		if strings.HasPrefix(head, "{") {
			file = strings.TrimSuffix(head[1:], ", ")
			file = strings.Replace(file, "], rule_matching", "]\nrule_matching", 1) + tail + expect + "]\n"
		}
		if report := run(t, &ruletest.Runner{}, write(t, file)); report.Failed() > 0 {
			t.Errorf("%s: %s", head, text(t, report, false))
		}
	}
}

// What keeps tests from being run is an error with its place, and the other files are run all the same.
func TestBroken(t *testing.T) {
	tests := map[string]struct{ file, want string }{
		"unknown rule":       {"rules: rules.yaml\ntests:\n- {name: a, events: [{fields: {evt.type: open}}], expect: [Shell strated]}\n", `x_test.yaml:3:60: there is no rule "Shell strated"; did you mean Shell started?`},
		"unknown selection":  {"rules: rules.yaml\nselection: [{disable: {rule: Shel}}]\ntests: []\n", `x_test.yaml:2:13: `},
		"no rules file":      {"rules: rule.yaml\ntests: []\n", "rule.yaml: no such file"},
		"no audit file":      {"rules: rules.yaml\ntests:\n- {name: a, events: [{audit_file: b.json}], expect: none}\n", `x_test.yaml:3:10: test "a": read events: open `},
		"a name that steers": {"rules: rules.yaml\ntests:\n- {name: a, events: [{audit_file: \"b\\e[2J\"}], expect: none}\n", `b\x1b[2J: no such file`},
		"rules that steer":   {"rules: \"r\\e[2J\"\ntests: []\n", `r\x1b[2J: no such file`},
		"a capture":          {"rules: rules.yaml\ntests:\n- {name: a, events: [{capture: x.scap}], expect: none}\n", "not a capture that can be read: block at byte 0: the file ends within it"},
		"broken audit text":  {"rules: rules.yaml\ntests:\n- {name: a, events: [{audit: '{\"kind\": 1'}], expect: none}\n", "malformed JSON"},
		"not an event":       {"rules: rules.yaml\ntests:\n- {name: a, events: [{audit: {kind: Pod}}], expect: none}\n", "the kind is neither Event nor EventList"},
		"an empty file":      {"rules: rules.yaml\ntests:\n- {name: a, events: [{audit_file: empty.json}], expect: none}\n", "there are no events in it"},
		"a missing field":    {"rules: rules.yaml\ntests:\n- {name: a, events: [{fields: {evt.type: open}}], expect: [{rule: Shell started, fields: {ka.verb: get}}]}\n", "events of source syscall have no field ka.verb"},
		"broken rules":       {"rules: x_test.yaml\ntests: []\n", "the rules have 1 error, the first is "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := write(t, test.file)
			for file, data := range map[string]string{"x.scap": "\x0a\x0d\x0d\x0a1234567890123456789", "empty.json": "\n"} {
				if err := os.WriteFile(filepath.Join(filepath.Dir(path), file), []byte(data), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			r := &ruletest.Runner{Catalogues: catalogues()}
			report, err := r.Run(t.Context(), []string{path, "testdata/pass_test.yaml"})
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Broken) != 1 || !strings.Contains(report.Broken[0].Error(), test.want) {
				t.Errorf("errors %v, want %s", report.Broken, test.want)
			}
			if got := len(report.Results); got < 7 {
				t.Errorf("%d tests ran, want those of the other file", got)
			}
		})
	}
}

func TestRulesError(t *testing.T) {
	r := &ruletest.Runner{Catalogues: catalogues()}
	report, err := r.Run(t.Context(), []string{write(t, "rules: x_test.yaml\ntests: []\n")})
	if err != nil {
		t.Fatal(err)
	}
	var bad *ruletest.RulesError
	if !errors.As(report.Broken[0], &bad) || !rule.HasErrors(bad.Findings) {
		t.Errorf("%v", report.Broken)
	}
}

func TestFind(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"b_test.yaml", "rules.yaml", "a/c_test.yaml", "a/test.yaml"} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ruletest.Find([]string{folder, filepath.Join(folder, "rules.yaml")})
	want := []string{filepath.Join(folder, "a/c_test.yaml"), filepath.Join(folder, "b_test.yaml"), filepath.Join(folder, "rules.yaml")}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("found %q, %v", got, err)
	}
	if _, err := ruletest.Find([]string{filepath.Join(folder, "none")}); err == nil {
		t.Error("a folder that does not exist is no error")
	}
	if _, err := ruletest.Find([]string{t.TempDir()}); err == nil {
		t.Error("a folder without test files is no error")
	}
}

// A folder of rules may hold their tests, which are no rules.
func TestRulesBesideTheirTests(t *testing.T) {
	path := write(t, "rules: .\ntests:\n- {name: a, events: [{fields: {evt.type: execve, proc.name: ls}}], expect: [Any program started]}\n")
	if report := run(t, &ruletest.Runner{}, path); report.Failed() > 0 || len(report.Results) != 1 {
		t.Errorf("%s", text(t, report, true))
	}
}

// A file without end that is no file of events is refused at its beginning.
func TestEndlessFile(t *testing.T) {
	const zeros = "/dev/zero"
	if _, err := os.Stat(zeros); err != nil {
		t.Skip(err)
	}
	err := ruletest.PlayFile(t.Context(), zeros, func(int, *event.Event) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "/dev/zero:1:1: malformed JSON") {
		t.Error(err)
	}
}

package lint_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/lint"
	"github.com/saker-security/saker/pkg/rule"
)

var options = lint.Options{Catalogues: catalogues, Least: condition.SeverityInfo}

// found lists what is found in a text, as line, severity and code.
func found(t testing.TB, data string, o lint.Options) []string {
	t.Helper()
	list := []string{}
	for _, d := range lint.Lint([]rule.File{{Name: "f.yaml", Data: []byte(data)}}, o).Findings {
		list = append(list, fmt.Sprintf("%d %s %s", d.Start.Line, d.Severity, d.Code))
	}
	return list
}

// asText is a rule with the finding field-as-text, with what is put behind its lines and before it.
const asText = "%s- rule: r%s\n  desc: d%s\n%s  condition: >%s\n    evt.type = open and\n    proc.name = proc.pname\n  output: x\n  priority: INFO\n"

func TestSuppressions(t *testing.T) {
	for name, test := range map[string]struct {
		args []any
		want []string
	}{
		"none":     {[]any{"", "", "", "", ""}, []string{"5 warning field-as-text"}},
		"item":     {[]any{"", " # saker:ignore field-as-text", "", "", ""}, []string{}},
		"above":    {[]any{"# saker:ignore field-as-text -- it is called that\n# and so on\n", "", "", "", ""}, []string{}},
		"key":      {[]any{"", "", "", "", " # saker:ignore field-as-text, field-as-text"}, []string{}},
		"line":     {[]any{"", "", "", "  # saker:ignore field-as-text\n", ""}, []string{}},
		"other":    {[]any{"", "", " # saker:ignore field-as-text", "", ""}, []string{"2 info unused-suppression", "5 warning field-as-text"}},
		"file":     {[]any{"# saker:ignore-file field-as-text\n---\n", "", "", "", ""}, []string{}},
		"not top":  {[]any{"", "", " # saker:ignore-file field-as-text", "", ""}, []string{"2 warning unused-suppression", "5 warning field-as-text"}},
		"unknown":  {[]any{"", " # saker:ignore field-as-txt", "", "", ""}, []string{"1 warning unknown-code", "5 warning field-as-text"}},
		"no code":  {[]any{"", " # saker:ignore -- because", "", "", ""}, []string{"1 warning unknown-code", "5 warning field-as-text"}},
		"no match": {[]any{"", " # saker:ignored field-as-text", "", "", ""}, []string{"5 warning field-as-text"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, found(t, fmt.Sprintf(asText, test.args...), options)); diff != "" {
				t.Error(diff)
			}
		})
	}
	const broken = "- rule: r # saker:ignore unknown-field\n  desc: d\n  condition: evt.type = open and nosuch.field = 1\n  output: x\n  priority: INFO\n"
	if diff := cmp.Diff([]string{"1 warning suppressed-error", "3 error unknown-field"}, found(t, broken, options)); diff != "" {
		t.Error(diff)
	}
	// What looks like a comment inside of a text is none.
	const inside = "- rule: r\n  desc: |\n    # saker:ignore-file field-as-text\n  condition: evt.type = open and proc.name = proc.pname\n  output: \"x # saker:ignore field-as-text\"\n  priority: INFO\n"
	if diff := cmp.Diff([]string{"4 warning field-as-text"}, found(t, inside, options)); diff != "" {
		t.Error(diff)
	}
}

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	data := fmt.Sprintf(asText, "", "", "", "", "")
	for config, want := range map[string][]string{
		"":                                       {"5 warning field-as-text"},
		"severity: {field-as-text: info}":        {"5 info field-as-text"},
		"severity: {field-as-text: off}":         {},
		"severity: {field-as-text: error}":       {"5 error field-as-text"},
		"ignore: [{code: field-as-text}]":        {},
		"ignore: [{code: [x-y, field-as-text]}]": {"1 warning unknown-code"},
		"ignore: [{code: field-as-text, rule: R*, reason: x}]":     {"1 info unused-suppression", "5 warning field-as-text"},
		"ignore: [{code: field-as-text, rule: r*}]":                {},
		"ignore: [{code: field-as-text, path: f.yaml}]":            {},
		"ignore: [{code: field-as-text, path: '**/f.*'}]":          {},
		"ignore: [{code: field-as-text, path: other/**}]":          {"5 warning field-as-text"},
		"severity: {field-as-txt: off}":                            {"1 warning unknown-code", "5 warning field-as-text"},
		"severity: {field-as-txt: off, unknown-code: info}":        {"1 info unknown-code", "5 warning field-as-text"},
		"ignore: [{code: field-as-text}, {code: always-true}]":     {"1 info unused-suppression"},
		"ignore: [{code: field-as-text, path: 'f.yam?'}] # reason": {},
	} {
		c, err := lint.ParseConfig(".saker-lint.yaml", []byte(config))
		if err != nil {
			t.Errorf("%s: %v", config, err)
			continue
		}
		o := options
		o.Config = c
		if diff := cmp.Diff(want, found(t, data, o)); diff != "" {
			t.Errorf("%s: %s", config, diff)
		}
	}
	for config, want := range map[string]string{
		"severity: {x: loud}":       "c:1:15: a severity is off, info, warning or error",
		"severities: {}":            "c:1:13: unknown key severities: there are severity and ignore",
		"ignore: {}":                "c:1:9: ignore must be a list of entries",
		"ignore: [{path: x}]":       "c:1:10: an entry needs a code",
		"ignore: [{code: x, y: z}]": "c:1:23: unknown key y",
		"ignore: [{code: {}}]":      "c:1:17: code must be a text",
		"- x":                       "c:1:1: a mapping is needed here",
		"a: b: c":                   "c: read YAML",
	} {
		if _, err := lint.ParseConfig("c", []byte(config)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", config, err, want)
		}
	}
}

func TestFindConfig(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"repo/.git", "repo/rules/deep", "repo/other"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{lint.ConfigName, "repo/rules/" + lint.ConfigName} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for from, want := range map[string]string{"repo/rules/deep": "repo/rules/" + lint.ConfigName, "repo/rules": "repo/rules/" + lint.ConfigName, "repo/other": "", "": lint.ConfigName} {
		if want != "" {
			want = filepath.Join(dir, want)
		}
		if got, err := lint.FindConfig(filepath.Join(dir, from)); err != nil || got != want {
			t.Errorf("%s: %q, error %v, want %q", from, got, err, want)
		}
	}
}

// TestFix makes the safe corrections, twice: there is nothing left to correct.
func TestFix(t *testing.T) {
	const before = "- rule: r\n  desc: d\n  condition: evt.type = open and evt.dir = < and proc.name = cat\n  output: x\n  priority: INFO\n" +
		"- rule: r\n  condition: or evt.type = openat\n  append: true\n" +
		"- rule: kept # saker:ignore deprecated-field\n  desc: d\n  condition: evt.dir = < and evt.type = openat and proc.name = proc.pname\n  output: x\n  priority: INFO\n"
	const after = "- rule: r\n  desc: d\n  condition: evt.type = open and proc.name = cat\n  output: x\n  priority: INFO\n" +
		"- rule: r\n  condition: or evt.type = openat\n  override: {condition: append}\n" +
		"- rule: kept # saker:ignore deprecated-field\n  desc: d\n  condition: evt.dir = < and evt.type = openat and proc.name = proc.pname\n  output: x\n  priority: INFO\n"
	files, done := lint.Fix([]rule.File{{Name: "f.yaml", Data: []byte(before)}}, options)
	if string(files[0].Data) != after {
		t.Errorf("%s", lint.Diff("f.yaml", []byte(after), files[0].Data))
	}
	if len(done) != 2 {
		t.Errorf("corrections %+v", done)
	}
	if _, again := lint.Fix(files, options); len(again) != 0 {
		t.Errorf("there is more to correct: %+v", again)
	}
}

func TestReplaceFile(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "f.yaml"), filepath.Join(dir, "link.yaml")
	if err := os.WriteFile(name, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("f.yaml", link); err != nil {
		t.Fatal(err)
	}
	if err := lint.ReplaceFile(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	info, _ := os.Lstat(name)
	entries, _ := os.ReadDir(dir)
	if err != nil || string(data) != "new" || info.Mode() != 0o640 || len(entries) != 2 {
		t.Errorf("%q, error %v, mode %v, %d files", data, err, info.Mode(), len(entries))
	}
	if err := lint.ReplaceFile(filepath.Join(dir, "none"), nil); err == nil {
		t.Error("a file that does not exist is made")
	}
}

// odd are rules with findings of all severities, in a file with a name that has to be escaped everywhere.
func odd(t *testing.T) lint.Result {
	t.Helper()
	data := "- rule: \"a, b: 100% <é>\"\n  desc: d\n  condition: evt.type = open and proc.name = 'é日' and nosuch.field = x\n  output: x\n  priority: INFO\n" +
		"- macro: m\n  condition: evt.type = open and\n- macro: m\n  condition: evt.type = open\n  append: true\n"
	r := lint.Lint([]rule.File{{Name: "dir/a b,c:d%é.yaml", Data: []byte(data)}, {Name: "clean.yaml", Data: []byte("[]\n")}}, options)
	if r.OK() {
		t.Fatal("no error is found")
	}
	return r
}

// TestSARIF validates the report against the schema of SARIF 2.1.0, which is part of the library.
func TestSARIF(t *testing.T) {
	root := t.TempDir()
	var b strings.Builder
	if err := odd(t).WriteSARIF(&b, root, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	report, err := sarif.FromString(b.String(), sarif.WithStrictValidation())
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if err := report.Validate(); err != nil {
		t.Error(err)
	}
	golden(t, "testdata/odd.sarif", b.String())
}

func TestGitHub(t *testing.T) {
	var b strings.Builder
	if err := odd(t).WriteGitHub(&b, "/"); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/odd.github", b.String())
	for line := range strings.Lines(b.String()) {
		properties, _, ok := strings.Cut(strings.TrimPrefix(line, "::"), "::")
		if !ok || strings.Count(properties, ",") != 5 || !strings.Contains(properties, "file=dir/a b%2Cc%3Ad%25é.yaml,") {
			t.Errorf("line %q", line)
		}
	}
}

func TestJUnit(t *testing.T) {
	var b strings.Builder
	r := odd(t)
	if err := r.WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/odd.junit", b.String())
	var back struct {
		Failures int `xml:"failures,attr"`
		Tests    int `xml:"tests,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Failure *struct{} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(b.String()), &back); err != nil {
		t.Fatal(err)
	}
	if back.Failures != len(r.Findings) || len(back.Suites) != 2 || back.Suites[1].Cases[0].Failure != nil {
		t.Errorf("%+v", back)
	}
}

// TestSeverities: what is less severe than asked for is counted and not reported.
func TestSeverities(t *testing.T) {
	data := []byte(fmt.Sprintf(asText, "", "", "", "", ""))
	for least, want := range map[condition.Severity]string{
		condition.SeverityError:   "1 rule in 1 file: 0 errors, 1 warning not shown",
		condition.SeverityWarning: "1 rule in 1 file: 0 errors, 1 warning",
	} {
		o := options
		o.Least = least
		r := lint.Lint([]rule.File{{Name: "f.yaml", Data: data}}, o)
		if r.Summary() != want {
			t.Errorf("%s: %s", least, r.Summary())
		}
		var b strings.Builder
		var report lint.Report
		if err := r.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(b.String()), &report); err != nil || report.Hidden+len(report.Findings) != 1 || !report.OK {
			t.Errorf("%s: %s, error %v", least, b.String(), err)
		}
	}
}

func TestColour(t *testing.T) {
	var plain, colour strings.Builder
	r := odd(t)
	if err := r.WriteText(&plain); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteColour(&colour); err != nil {
		t.Fatal(err)
	}
	without := colour.String()
	for _, sequence := range []string{"\x1b[1;31m", "\x1b[1;33m", "\x1b[1;36m", "\x1b[1;32m", "\x1b[1m", "\x1b[2m", "\x1b[0m"} {
		without = strings.ReplaceAll(without, sequence, "")
	}
	if without != plain.String() || colour.String() == plain.String() {
		t.Errorf("the text in colours differs: %s", cmp.Diff(plain.String(), without))
	}
}

// FuzzSuppressions: whatever stands in comments and in the configuration, errors are never left out.
func FuzzSuppressions(f *testing.F) {
	f.Add("# saker:ignore-file unknown-field\n", " # saker:ignore unknown-field", "ignore: [{code: unknown-field}]")
	f.Add("", " # saker:ignore", "severity: {unknown-field: off}")
	f.Add("", "#saker:ignore a,,b -- c", "ignore: [{code: [], path: '**', rule: '*'}]")
	f.Fuzz(func(t *testing.T, top, behind, config string) {
		if len(top)+len(behind)+len(config) > 1000 {
			return
		}
		o := options
		if c, err := lint.ParseConfig("c", []byte(config)); err == nil {
			o.Config = c
		}
		data := top + "- rule: r" + behind + "\n  desc: d\n  condition: evt.type = open and nosuch.field = 1\n  output: x\n  priority: INFO\n"
		files := []rule.File{{Name: "f", Data: []byte(data)}}
		if before, after := lint.Check(files, catalogues), lint.Lint(files, o); before.OK() != after.OK() {
			t.Fatalf("%q with %q: ok is %v, was %v", data, config, after.OK(), before.OK())
		}
	})
}

func TestDiffIsPrintable(t *testing.T) {
	got := lint.Diff("a\x1b\nb.yaml", []byte("a:\t\x1b\u202e1\r\n"), []byte("a:\t2\r\n"))
	want := "--- a\\x1b\\nb.yaml\n+++ a\\x1b\\nb.yaml\n@@ -1,1 +1,1 @@\n-a:\t\\x1b\\u202e1\r\n+a:\t2\r\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

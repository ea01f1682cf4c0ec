package falco_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/lint/falco"
	"github.com/saker-security/saker/pkg/lint/schema"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/syscall"
)

var catalogues = map[string]*field.Catalogue{event.SourceSyscall: syscall.Catalogue("host"), event.SourceK8sAudit: audit.Catalogue("host")}

// observed is a report of Falco as far as ours must agree with it.
type observed struct {
	Results []struct {
		Name           string
		Successful     bool
		SchemaValid    *bool    `json:"schema_valid"`
		SchemaWarnings []string `json:"schema_warnings"`
		Errors         []observedFinding
		Warnings       []observedFinding
	} `json:"falco_load_results"`
}

type observedFinding struct {
	Code    string
	Context struct {
		Locations []struct {
			Type     string `json:"item_type"`
			Name     string `json:"item_name"`
			Position struct {
				Name                 string
				Line, Column, Offset int
			}
		}
		Snippet string
	}
}

// lines is what is compared: a line for each fact.
func (o observed) lines() []string {
	var out []string
	for _, r := range o.Results {
		line := fmt.Sprintf("%s successful %v", r.Name, r.Successful)
		if r.SchemaValid != nil {
			line += fmt.Sprintf(" schema valid %v", *r.SchemaValid)
		}
		out = append(out, line)
		for _, w := range r.SchemaWarnings {
			place, _, _ := strings.Cut(w, ": ")
			out = append(out, "schema "+place)
		}
		for _, f := range r.Errors {
			out = append(out, f.lines("error")...)
		}
		for _, f := range r.Warnings {
			out = append(out, f.lines("warning")...)
		}
	}
	return out
}

func (f observedFinding) lines(what string) []string {
	out := []string{what + " " + f.Code}
	last := ""
	for _, l := range f.Context.Locations {
		p := l.Position
		out = append(out, fmt.Sprintf("  %s '%s' %s line %d column %d offset %d", l.Type, l.Name, p.Name, p.Line, p.Column, p.Offset))
		last = l.Type
	}
	if last != "condition expression" { // there Falco shows another text
		out = append(out, fmt.Sprintf("  %q", f.Context.Snippet))
	}
	return out
}

func parse(t *testing.T, text string) observed {
	t.Helper()
	var o observed
	if text == "" {
		return o
	}
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return o
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestObserved compares with what Falco said of the files in testdata/validate: exit code, success, and for each error
// and warning its code, items and positions, as JSON and as text.
func TestObserved(t *testing.T) {
	passed, n := 0, 0
	for line := range strings.Lines(read(t, "testdata/validate/RC.txt")) {
		n++
		var name string
		var exit, exitJSON int
		if _, err := fmt.Sscanf(line, "%s rc=%d json_rc=%d", &name, &exit, &exitJSON); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if t.Run(name, func(t *testing.T) { compare(t, "testdata/validate/"+name, "out/validate/"+name+".yaml", exit) }) {
			passed++
		}
	}
	t.Logf("%d of %d files pass", passed, n)
	if n != 60 {
		t.Errorf("%d files, want 60", n)
	}
}

func compare(t *testing.T, path, name string, exit int) {
	r := falco.Load([]rule.File{{Name: name, Data: []byte(read(t, path+".yaml"))}}, catalogues, rule.Options{})
	if got := r.OK(); got != (exit == 0) {
		t.Errorf("ok is %v, Falco ends with %d", got, exit)
	}
	var text, report strings.Builder
	if r.Missing == "" {
		if err := r.WriteJSON(&report); err != nil {
			t.Fatal(err)
		}
		if err := r.WriteText(&text); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(parse(t, read(t, path+".json")).lines(), parse(t, report.String()).lines()); diff != "" {
		t.Errorf("JSON: %s", diff)
	}
	if diff := cmp.Diff(skeleton(read(t, path+".txt")), skeleton(text.String())); diff != "" {
		t.Errorf("text: %s", diff)
	}
}

var (
	wording     = regexp.MustCompile(`(?m)^((?:LOAD_[A-Z_]+ \([^)]*\)|failed for [^:]*):).*$`)
	expressions = regexp.MustCompile(`(?m)(    condition expression: .*\n------\n).*\n *\^\n`)
)

// skeleton is a report as text without what may differ: messages, and the text shown for a condition.
func skeleton(text string) string {
	return expressions.ReplaceAllString(wording.ReplaceAllString(text, "$1"), "$1")
}

// TestShape: the keys of the JSON stand in the order of the alphabet, on one line.
func TestShape(t *testing.T) {
	var b strings.Builder
	ok, err := falco.WriteResults(&b, io.Discard, []rule.File{
		{Name: "a", Data: []byte("- rule: r\n  x: y\n  enabled: true\n")}, {Name: "b", Data: []byte("- {list: l, items: [], zz: 1}\n")}}, catalogues, false)
	if err != nil || ok {
		t.Fatalf("ok %v, error %v", ok, err)
	}
	if strings.Count(b.String(), "\n") != 1 || !strings.HasSuffix(b.String(), "\n") {
		t.Errorf("more or less than one line: %s", b.String())
	}
	var tree any
	if err := json.Unmarshal([]byte(b.String()), &tree); err != nil {
		t.Fatal(err)
	}
	var sorted strings.Builder
	e := json.NewEncoder(&sorted)
	e.SetEscapeHTML(false)
	if err := e.Encode(tree); err != nil { // an object that is a map is written in the order of its keys
		t.Fatal(err)
	}
	if diff := cmp.Diff(sorted.String(), b.String()); diff != "" {
		t.Errorf("keys are not sorted: %s", diff)
	}
}

// TestSeveralFiles: each file has its own report; what is defined in one is there in those after it, and an error comes
// again until it is corrected.
func TestSeveralFiles(t *testing.T) {
	file := func(name, text string) rule.File { return rule.File{Name: name, Data: []byte(text)} }
	const end = " desc: d, output: o, priority: INFO}\n"
	r := falco.Load([]rule.File{
		file("a", "- {rule: r, condition: evt.type = open and m,"+end),
		file("b", "- {list: l, items: [x]}\n"),
		file("c", "- {macro: m, condition: proc.name in (l)}\n"),
		file("d", "- {rule: s, condition: evt.type = open and proc.nme = x,"+end),
	}, catalogues, rule.Options{})
	var got []string
	for _, f := range r.Files {
		line := fmt.Sprint(f.Name, " ", f.OK())
		for _, d := range slices.Concat(f.Errors, f.Warnings) {
			line += fmt.Sprint(" ", d.Falco, " ", d.Start)
		}
		got = append(got, line)
	}
	want := []string{
		"a false LOAD_ERR_VALIDATE a:1:44",
		"b false LOAD_ERR_VALIDATE a:1:44",
		"c true",
		"d false LOAD_ERR_COMPILE_CONDITION d:1:44",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestOutputWarnings: Falco says of %container.info which rule has it, and of fields that are deprecated in which output.
func TestOutputWarnings(t *testing.T) {
	text := "- {rule: r, condition: evt.type = open, output: \"%container.info %evt.dir\", desc: d, priority: INFO}\n"
	r := falco.Load([]rule.File{{Name: "a", Data: []byte(text)}}, catalogues, rule.Options{})
	var got []string
	for _, d := range r.Files[0].Warnings {
		got = append(got, d.Falco+" "+places(d.Path))
	}
	want := []string{"LOAD_DEPRECATED_ITEM rule r 0:2+2", "LOAD_DEPRECATED_ITEM rule r 0:2+2, rule output 0:48+48"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestManyWarnings: an error behind more warnings than are kept is not lost.
func TestManyWarnings(t *testing.T) {
	var b strings.Builder
	b.WriteString("- list: l\n  items: []\n")
	for i := range 2000 {
		fmt.Fprintf(&b, "  key%d: x\n", i)
	}
	b.WriteString("- {rule: r, priority: HUGE, condition: a, desc: d, output: o}\n")
	r := falco.Load([]rule.File{{Name: "a", Data: []byte(b.String())}}, catalogues, rule.Options{})
	if f := r.Files[0]; f.OK() || f.Errors[0].Falco != "LOAD_ERR_YAML_VALIDATE" || len(f.Warnings) < 1000 || len(f.Warnings) > 2000 {
		t.Errorf("errors %v, %d warnings", f.Errors, len(f.Warnings))
	}
}

// TestMissingPlugin: there is no report, a message says what is missing.
func TestMissingPlugin(t *testing.T) {
	var out, message strings.Builder
	ok, err := falco.WriteResults(&out, &message, []rule.File{{Name: "a", Data: []byte("- required_plugin_versions: [{name: zz, version: 0.1.0}]\n")}}, catalogues, false)
	if ok || err != nil || out.String() != "" || !strings.HasPrefix(message.String(), "Error: ") || !strings.Contains(message.String(), "zz (>= 0.1.0)") {
		t.Errorf("ok %v, error %v, output %q, message %q", ok, err, out.String(), message.String())
	}
}

// TestSchema: a file that loads without an error and without unknown keys fits the schema in full.
func TestSchema(t *testing.T) {
	paths, err := filepath.Glob("testdata/validate/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range paths {
		data := []byte(read(t, path))
		r := falco.Load([]rule.File{{Name: path, Data: data}}, catalogues, rule.Options{})
		unknown := func(d rule.Diagnostic) bool { return strings.HasPrefix(d.Falco, "LOAD_UNKNOWN_") }
		if !r.OK() || slices.ContainsFunc(r.Files[0].Warnings, unknown) {
			continue
		}
		n++
		if found, err := schema.Validate(data); err != nil || len(found.Violations) > 0 {
			t.Errorf("%s: %v, %v", path, found.Violations, err)
		}
	}
	if n < 20 {
		t.Errorf("%d files, want 20 or more", n)
	}
}

// TestLongLine: of a long line what is around the place is shown, with the caret under it.
func TestLongLine(t *testing.T) {
	text := "- {rule: r, condition: \"" + strings.Repeat("évt.type = open or ", 30) + "\", \t priority: HUGE\u200b, desc: d, output: " + strings.Repeat("o", 200) + "}\n"
	r := falco.Load([]rule.File{{Name: "a", Data: []byte(text)}}, catalogues, rule.Options{})
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	i := slices.IndexFunc(lines, func(l string) bool { return strings.TrimSpace(l) == "^" })
	if i < 0 {
		t.Fatalf("no caret: %s", b.String())
	}
	line, at := []rune(lines[i-1]), strings.Index(lines[i], "^")
	if len(line) > 200 || !strings.HasPrefix(string(line[at:]), "HUGE\\u200b") || !strings.HasPrefix(string(line), "...") || !strings.HasSuffix(string(line), "...") {
		t.Errorf("line %q, caret at %d", string(line), at)
	}
}

// FuzzResults: whatever a file holds, there is a report that is one line of JSON and clean text.
func FuzzResults(f *testing.F) {
	paths, err := filepath.Glob("testdata/validate/*.yaml")
	if err != nil || len(paths) < 50 {
		f.Fatalf("%d seeds: %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, data)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		if len(first)+len(second) > 5_000 {
			return
		}
		r := falco.Load([]rule.File{{Name: "a", Data: first}, {Name: "b", Data: second}}, catalogues, rule.Options{})
		var report, text strings.Builder
		if err := r.WriteJSON(&report); err != nil {
			t.Fatal(err)
		}
		if o := parse(t, report.String()); len(o.Results) != 2 {
			t.Fatalf("%d results", len(o.Results))
		}
		if err := r.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		for _, c := range text.String() {
			if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 || c >= 0x202a && c <= 0x202e {
				t.Fatalf("character %q in the text of %q, %q:\n%s", c, first, second, text.String())
			}
		}
	})
}

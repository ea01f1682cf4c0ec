package rules_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/engine"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/rules"
)

var update = flag.Bool("update", false, "write the golden files and docs/rules.md anew")

func catalogues() map[string]*field.Catalogue {
	return map[string]*field.Catalogue{
		event.SourceK8sAudit: audit.Catalogue("node1"),
		event.SourceSyscall:  syscall.Catalogue("node1"),
	}
}

// compile loads files as the daemon does. No finding is accepted, warnings included.
func compile(t *testing.T, files []rule.File) *rule.Compiled {
	t.Helper()
	cats := catalogues()
	set, found := rule.Load(files, cats)
	report(t, found)
	compiled, found := set.Compile(cats)
	report(t, found)
	if t.Failed() {
		t.FailNow()
	}
	return compiled
}

func report(t *testing.T, found []rule.Diagnostic) {
	t.Helper()
	for _, d := range found {
		t.Errorf("%s:%d:%d: %s: %s (%s) %s", d.Start.File, d.Start.Line, d.Start.Column, d.Severity, d.Message, d.Code, d.Hint)
	}
}

// judge tells which rules of a source fire, in the order in which they are tried.
type judge struct {
	source *rule.Source
	engine *engine.Engine
}

func newJudge(t *testing.T, source string) *judge {
	t.Helper()
	compiled := compile(t, filesOf(source))
	g := engine.New(compiled, engine.Options{MatchAll: true, MinPriority: rule.PriorityDebug})
	return &judge{compiled.Sources[source], g}
}

// filesOf gives the rules files of a source, which do not need those of the others.
func filesOf(source string) (files []rule.File) {
	for _, f := range rules.Files() {
		if strings.HasPrefix(f.Name, "rules/"+source) {
			files = append(files, f)
		}
	}
	return files
}

func (j *judge) fired(t *testing.T, e *event.Event) (names []string) {
	t.Helper()
	if err := j.engine.Evaluate(e, func(r *rule.CompiledRule) { names = append(names, r.Name) }); err != nil {
		t.Error(err)
	}
	return names
}

// golden compares got with a file, or writes the file when the flag -update is given.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("read golden file (run with -update to make it): %v", err)
	}
	if diff := cmp.Diff(string(want), string(bytes.ReplaceAll(got, []byte("\r"), nil))); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update if this is right:\n%s", name, diff)
	}
}

// The rules that are brought along and the directory of their files are the same and in the same order. The first file
// of each source needs none of the others: people copy it and begin with it.
func TestFilesAreThoseOfTheDirectory(t *testing.T) {
	there, err := rule.ReadFiles([]string{"."})
	if err != nil {
		t.Fatal(err)
	}
	for i := range there {
		there[i].Name = "rules/" + there[i].Name
	}
	if diff := cmp.Diff(there, rules.Files()); diff != "" {
		t.Errorf("embedded files differ from those that there are (-there +embedded):\n%s", diff)
	}
	cats := catalogues()
	for _, source := range []string{event.SourceK8sAudit, event.SourceSyscall} {
		set, found := rule.Load(filesOf(source)[:1], cats)
		_, more := set.Compile(cats)
		for _, d := range append(found, more...) {
			if d.IsError() {
				t.Errorf("%s: %s", d.Start, d.Message)
			}
		}
	}
}

func TestFilesCompile(t *testing.T) {
	compiled := compile(t, rules.Files())
	for _, want := range []struct {
		source string
		least  int
	}{{event.SourceK8sAudit, 60}, {event.SourceSyscall, 10}} {
		s := compiled.Sources[want.source]
		if s == nil || len(s.Rules) < want.least {
			t.Errorf("source %s has too few rules: %+v", want.source, s)
		}
	}
}

var technique = regexp.MustCompile(`^T[0-9]{4}([.][0-9]{3})?$`)

// A responder needs to know who, what and where, and which technique it is.
func TestRulesAreComplete(t *testing.T) {
	needed := map[string][]string{
		event.SourceK8sAudit: {"%jevt.value[/sourceIPs/0]", "%ka.useragent", "%ka.auditid"},
		event.SourceSyscall:  {"%proc.name", "%proc.exepath", "%proc.pid", "%proc.pname", "%user.name", "%user.uid", "%container.id"},
	}
	for name, s := range compile(t, rules.Files()).Sources {
		for _, r := range s.Rules {
			if len(r.Description) < 40 {
				t.Errorf("rule %q: description %q does not explain", r.Name, r.Description)
			}
			// What is no more than a record of what happens is often no technique.
			if r.Priority < rule.PriorityInformational && !slices.ContainsFunc(r.Tags, technique.MatchString) {
				t.Errorf("rule %q: no ATT&CK technique among tags %v", r.Name, r.Tags)
			}
			if name == event.SourceSyscall && !strings.Contains(r.Rule.Output, "=%proc.cmdline") && !strings.Contains(r.Rule.Output, "=%proc.exeline") {
				t.Errorf("rule %q: output lacks the command line", r.Name)
			}
			if !r.Enabled && !strings.Contains(strings.ToLower(r.Description), " off") {
				t.Errorf("rule %q is disabled, and its description does not say that it is off and why", r.Name)
			}
			for _, f := range needed[name] {
				if !strings.Contains(r.Rule.Output, f) {
					t.Errorf("rule %q: output lacks %s", r.Name, f)
				}
			}
		}
	}
}

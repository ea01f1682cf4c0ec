package rule_test

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/field/fieldtest"
	"github.com/saker-security/saker/pkg/rule"
)

// languageCase is a case of the sections load and rules: rules files and what Falco said of them, or matched.
type languageCase struct {
	ID         string         `yaml:"id"`
	What       string         `yaml:"what"`
	Files      []string       `yaml:"files"`
	Exit       int            `yaml:"exit"`
	Errors     []reported     `yaml:"errors"`
	Warnings   []reported     `yaml:"warnings"`
	Fatal      string         `yaml:"fatal"`
	Event      map[string]any `yaml:"event"`
	Hits       []string       `yaml:"hits"`
	Outputs    []string       `yaml:"outputs"`
	LoadError  [][]string     `yaml:"load_error"`
	Config     string         `yaml:"config"`
	Matching   string         `yaml:"rule_matching"`
	Successful []bool         `yaml:"successful"`
}

// reported is a finding of Falco. At is the way to it without the file: "rule r 1:2+3" is at line 1, column 2, byte 3.
type reported struct {
	File string   `yaml:"file"`
	Code string   `yaml:"code"`
	At   []string `yaml:"at"`
}

func (r reported) String() string { return fmt.Sprint(r.File, " ", r.Code, " ", r.At) }

// differences are the cases in which we do something else than Falco on purpose: the rules that match, nil for an
// error, and why. A case of the same name with other files is another case.
var differences = map[string]struct {
	files, why string
	hits       []string
}{
	"R006": {"b78dfbac", "an item is a text, whatever characters it has", []string{"r1"}},
	"R007": {"518b561d", "an item with a comma is one text, not two", []string{}},
	"R009": {"6870b77b", "lists in lists are resolved at any depth", []string{"r1", "r2"}},
	"R059": {"da951ce1", "a word inside a quoted text is never the name of a list", []string{"r1"}},
	"R065": {"f17203d2", "a list does not hide a macro of the same name", []string{"r1"}},
	"R066": {"fc7b631f", "an item is a text, whatever characters it has", []string{"r1"}},
}

// differs tells whether c is one of the differences.
func (c languageCase) differs() (hits []string, ok bool) {
	d, ok := differences[c.ID]
	if !ok || d.files != fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(c.Files, "\x00"))))[:8] {
		return nil, false
	}
	return d.hits, true
}

func readCases(t testing.TB) (load, rules []languageCase) {
	t.Helper()
	path := os.Getenv("LANGUAGE_CASES")
	if path == "" {
		path = "../condition/testdata/language-cases.yaml"
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Load  []languageCase `yaml:"load"`
		Rules []languageCase `yaml:"rules"`
	}
	if err := yaml.Load(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Load, file.Rules
}

var languageCatalogues = map[string]*field.Catalogue{
	"tsrc": fieldtest.Language(), event.SourceSyscall: fieldtest.Syscall(),
}

// languageOptions are what the Falco of the observations had: the plugin of the source tsrc.
var languageOptions = rule.Options{Plugins: map[string]string{"tp": "0.1.0"}}

func filesOf(texts []string) []rule.File {
	var files []rule.File
	for i, f := range texts {
		files = append(files, rule.File{Name: fmt.Sprintf("f%d.yaml", i), Data: []byte(f)})
	}
	return files
}

// load gives the compiled rules of the files of a case and all findings.
func load(texts []string) (*rule.Compiled, []rule.Diagnostic) {
	set, found := languageOptions.Load(filesOf(texts), languageCatalogues)
	compiled, more := set.Compile(languageCatalogues)
	return compiled, append(found, more...)
}

// TestLanguageCases loads the rules files of the language cases and compares with what Falco said of them, and what
// its rules matched. LANGUAGE_CASES names another file with the cases.
func TestLanguageCases(t *testing.T) {
	loads, rules := readCases(t)
	run := func(section string, cases []languageCase, check func(languageCase) string) {
		passed := 0
		for _, c := range cases {
			if problem := check(c); problem != "" {
				t.Errorf("%s (%s): %s", c.ID, c.What, problem)
				continue
			}
			passed++
		}
		t.Logf("%s: %d of %d cases pass", section, passed, len(cases))
		if len(cases) == 0 {
			t.Errorf("%s: there are no cases", section)
		}
	}
	run("load", loads, checkLoad)
	run("rules", rules, checkRules)
}

func codes(found []rule.Diagnostic) []string {
	var out []string
	for _, d := range found {
		out = append(out, fmt.Sprintf("%s %s: %s", d.Start, d.Code, d.Message))
	}
	return out
}

// asReported is what Falco would print of findings.
func asReported(file string, found []rule.Diagnostic) []string {
	var out []string
	for _, d := range found {
		r := reported{File: file, Code: d.Falco}
		for _, l := range d.Path[1:] {
			at := l.Type
			if l.Name != "" {
				at += " " + l.Name
			}
			r.At = append(r.At, fmt.Sprintf("%s %d:%d+%d", at, l.Line, l.Column, l.Offset))
		}
		out = append(out, r.String())
	}
	return out
}

func (c languageCase) wanted(found []reported) []string {
	var out []string
	for _, r := range found {
		out = append(out, r.String())
	}
	return out
}

func checkLoad(c languageCase) string {
	_, found := load(c.Files)
	if got := rule.HasErrors(found); got != (c.Exit != 0) {
		return fmt.Sprintf("errors %v, want exit code %d: %v", got, c.Exit, codes(found))
	}
	if _, ok := c.differs(); ok {
		return ""
	}
	var successful []bool
	var errors, warnings []string
	for _, v := range languageOptions.Verdicts(filesOf(c.Files), languageCatalogues) {
		successful = append(successful, len(v.Errors) == 0)
		errors = append(errors, asReported(v.File, v.Errors)...)
		warnings = append(warnings, asReported(v.File, v.Warnings)...)
		if c.Fatal != "" && len(v.Unmet) > 0 {
			return ""
		}
	}
	if c.Fatal != "" {
		return "no requirement of a plugin is unmet"
	}
	return cmp.Diff(c.Successful, successful) + cmp.Diff(c.wanted(c.Errors), errors) + cmp.Diff(c.wanted(c.Warnings), warnings)
}

func checkRules(c languageCase) string {
	want, differs := c.differs()
	if !differs {
		want = c.Hits
	}
	compiled, found := c.configured()
	if c.LoadError != nil && !differs {
		verdicts := languageOptions.Verdicts(filesOf(c.Files), languageCatalogues)
		if got := verdicts[len(verdicts)-1].Errors; len(got) != 1 || got[0].Falco != c.LoadError[0][0] || !rule.HasErrors(found) {
			return fmt.Sprintf("want %s: %v %v", c.LoadError[0][0], codes(got), codes(found))
		}
		return ""
	}
	if rule.HasErrors(found) {
		return fmt.Sprintf("does not load: %v", codes(found))
	}
	hits, outputs := c.matches(compiled)
	if diff := cmp.Diff(append([]string{}, want...), hits); diff != "" {
		return "hits " + diff
	}
	if c.Outputs != nil {
		return cmp.Diff(c.Outputs, outputs)
	}
	return ""
}

// configured loads the files of the case and carries out its configuration.
func (c languageCase) configured() (*rule.Compiled, []rule.Diagnostic) {
	var config struct {
		Rules []map[string]struct {
			Rule string `yaml:"rule"`
			Tag  string `yaml:"tag"`
		} `yaml:"rules"`
		Priority string `yaml:"priority"`
	}
	if err := yaml.Load([]byte(c.Config), &config); err != nil && c.Config != "" {
		panic(err)
	}
	var selections []rule.Selection
	for _, entry := range config.Rules {
		for verb, what := range entry {
			if what.Rule != "" {
				selections = append(selections, rule.Selection{Enable: verb == "enable", Rule: what.Rule})
			}
			if what.Tag != "" {
				selections = append(selections, rule.Selection{Enable: verb == "enable", Tag: what.Tag})
			}
		}
	}
	set, found := languageOptions.Load(filesOf(c.Files), languageCatalogues)
	set.Select(selections)
	if config.Priority != "" {
		threshold, err := rule.ParsePriority(config.Priority)
		if err != nil {
			panic(err)
		}
		for _, r := range set.Rules {
			r.Enabled = r.Enabled && r.Priority <= threshold
		}
	}
	compiled, more := set.Compile(languageCatalogues)
	return compiled, append(found, more...)
}

// matches lists the rules that match the event of the case, and their outputs.
func (c languageCase) matches(compiled *rule.Compiled) (hits, outputs []string) {
	values := fieldtest.Values{}
	for name, v := range c.Event {
		if s, ok := v.(string); ok && strings.HasPrefix(name, "ip") {
			v = netip.MustParseAddr(s)
		}
		values["t."+name] = v
	}
	e := fieldtest.Event("tsrc", values)
	source := compiled.Sources["tsrc"]
	state := source.Program.NewState()
	state.Begin(e)
	hits = []string{}
	for _, r := range source.Rules {
		if !r.Enabled || !state.True(r.Condition) {
			continue
		}
		hits = append(hits, r.Name)
		outputs = append(outputs, string(r.Output.Append(nil, e, &event.Value{})))
		if c.Matching == "first" {
			break
		}
	}
	return hits, outputs
}

package rule_test

import (
	"fmt"
	"os"
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
		passed, different := 0, 0
		for _, c := range cases {
			if problem := check(c); problem != "" {
				_, found := load(c.Files)
				why := c.difference(found)
				if why == "" {
					t.Errorf("case %s (%s): %s", c.ID, c.What, problem)
					continue
				}
				t.Logf("case %s (%s) differs: %s", c.ID, c.What, why)
				different++
			}
			passed++
		}
		fmt.Printf("%d of %d %s cases passed, %d of them with a listed difference\n", passed, len(cases), section, different)
		if len(cases) == 0 && os.Getenv("LANGUAGE_CASES") == "" {
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
		for _, l := range d.Path[min(1, len(d.Path)):] {
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
	compiled, found, err := c.configured()
	if err != nil {
		return err.Error()
	}
	if len(c.LoadError) > 0 && len(c.LoadError[0]) > 0 {
		verdicts := languageOptions.Verdicts(filesOf(c.Files), languageCatalogues)
		if got := verdicts[len(verdicts)-1].Errors; len(got) != 1 || got[0].Falco != c.LoadError[0][0] || !rule.HasErrors(found) {
			return fmt.Sprintf("want %s: %v %v", c.LoadError[0][0], codes(got), codes(found))
		}
		return ""
	}
	if rule.HasErrors(found) {
		return fmt.Sprintf("does not load: %v", codes(found))
	}
	hits, outputs, err := c.matches(compiled)
	if err != nil {
		return err.Error()
	}
	if diff := cmp.Diff(append([]string{}, c.Hits...), hits); diff != "" {
		return "hits " + diff
	}
	if c.Outputs != nil {
		return cmp.Diff(c.Outputs, outputs)
	}
	return ""
}

// configuration is what the case configures.
type configuration struct {
	Rules []map[string]struct {
		Rule string `yaml:"rule"`
		Tag  string `yaml:"tag"`
	} `yaml:"rules"`
	Priority string `yaml:"priority"`
	Matching string `yaml:"rule_matching"`
}

func (c languageCase) configuration() (configuration, error) {
	config := configuration{Matching: c.Matching}
	if c.Config == "" {
		return config, nil
	}
	err := yaml.Load([]byte(c.Config), &config)
	return config, err
}

// configured loads the files of the case and carries out its configuration.
func (c languageCase) configured() (*rule.Compiled, []rule.Diagnostic, error) {
	config, err := c.configuration()
	if err != nil {
		return nil, nil, err
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
			return nil, nil, err
		}
		for _, r := range set.Rules {
			r.Enabled = r.Enabled && r.Priority <= threshold
		}
	}
	compiled, more := set.Compile(languageCatalogues)
	return compiled, append(found, more...), nil
}

// matches lists the rules that match the event of the case, and their outputs.
func (c languageCase) matches(compiled *rule.Compiled) (hits, outputs []string, err error) {
	e, err := fieldtest.Given(c.Event)
	if err != nil {
		return nil, nil, err
	}
	hits = []string{}
	source := compiled.Sources[e.Source]
	if source == nil {
		return hits, nil, nil
	}
	config, err := c.configuration()
	state := source.Program.NewState()
	state.Begin(e)
	for _, r := range source.Rules {
		if !r.Enabled || !state.True(r.Condition) {
			continue
		}
		hits = append(hits, r.Name)
		outputs = append(outputs, string(r.Output.Append(nil, e, &event.Value{})))
		if config.Matching == "first" {
			break
		}
	}
	return hits, outputs, err
}

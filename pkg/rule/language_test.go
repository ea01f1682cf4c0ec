package rule_test

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/field/fieldtest"
	"github.com/saker-security/saker/pkg/rule"
)

// languageCase is a case of the sections load and rules.
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

type reported struct {
	File string `yaml:"file"`
	Code string `yaml:"code"`
}

// differences are the cases in which we do something else than Falco on purpose: what we do, and why.
var differences = map[string]struct {
	hits []string // nil for an error
	why  string
}{
	"L055": {nil, "the plugin of the observation is not built in"},
	"R006": {[]string{"r1"}, "an item is a text, whatever characters it has"},
	"R007": {[]string{}, "an item with a comma is one text, not two"},
	"R009": {[]string{"r1", "r2"}, "lists in lists are resolved at any depth"},
	"R059": {[]string{"r1"}, "a word inside a quoted text is never the name of a list"},
	"R065": {[]string{"r1"}, "a list does not hide a macro of the same name"},
	"R066": {[]string{"r1"}, "an item is a text, whatever characters it has"},
}

func readCases(t *testing.T) (load, rules []languageCase) {
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

// supported decides by the keys of its items whether a case asks only for what is supported: everything but
// exceptions, overrides and the other keys that are refused by name, and no configuration.
func supported(c languageCase) (bool, string) {
	if c.Config != "" {
		return false, "it needs a configuration"
	}
	for _, f := range c.Files {
		var items []map[string]any
		if yaml.Load([]byte(f), &items) != nil {
			continue
		}
		for _, item := range items {
			for _, key := range []string{"exceptions", "warn_evttypes", "skip-if-unknown-filter", "capture", "capture_duration"} {
				if _, ok := item[key]; ok {
					return false, key
				}
			}
			if o, ok := item["override"].(map[string]any); ok && len(o) > 0 {
				return false, "override"
			}
		}
	}
	return true, ""
}

var languageCatalogues = map[string]*field.Catalogue{
	"tsrc": fieldtest.Language(), event.SourceSyscall: fieldtest.Syscall(),
}

// load gives the compiled rules of the files of a case and all findings.
func load(files []string) (*rule.Compiled, []rule.Diagnostic) {
	var in []rule.File
	for i, f := range files {
		in = append(in, rule.File{Name: fmt.Sprintf("f%d.yaml", i), Data: []byte(f)})
	}
	set, found := rule.Load(in, languageCatalogues)
	compiled, more := set.Compile(languageCatalogues)
	return compiled, append(found, more...)
}

// TestLanguageCases loads the rules files of the language cases and compares with what Falco said of them, and what
// its rules matched. LANGUAGE_CASES names another file with the cases.
func TestLanguageCases(t *testing.T) {
	loads, rules := readCases(t)
	run := func(section string, cases []languageCase, check func(languageCase) string) {
		passed, refused, skipped := 0, 0, 0
		for _, c := range cases {
			ok, why := supported(c)
			switch {
			case !ok && c.Config != "":
				skipped++
				continue
			case !ok:
				if _, found := load(c.Files); !refuses(found, why) {
					t.Errorf("%s (%s): key %s is not supported, but not refused: %v", c.ID, c.What, why, codes(found))
				}
				refused++
				continue
			}
			if problem := check(c); problem != "" {
				t.Errorf("%s (%s): %s", c.ID, c.What, problem)
				continue
			}
			passed++
		}
		t.Logf("%s: %d of %d cases pass; %d use keys that are not supported yet and are refused, %d need a configuration",
			section, passed, len(cases)-refused-skipped, refused, skipped)
		if passed == 0 {
			t.Errorf("%s: no case passes", section)
		}
	}
	run("load", loads, checkLoad)
	run("rules", rules, checkRules)
}

// refuses tells whether the findings name the key that is not supported.
func refuses(found []rule.Diagnostic, key string) bool {
	return slices.ContainsFunc(found, func(d rule.Diagnostic) bool {
		return d.IsError() && d.Code == "unsupported-key" && strings.Contains(d.Message, "'"+key+"'")
	})
}

func codes(found []rule.Diagnostic) []string {
	var out []string
	for _, d := range found {
		out = append(out, fmt.Sprintf("%s %s: %s", d.Start, d.Code, d.Message))
	}
	return out
}

func checkLoad(c languageCase) string {
	_, found := load(c.Files)
	exit := 0
	if rule.HasErrors(found) {
		exit = 1
	}
	want := c.Exit
	if d, ok := differences[c.ID]; ok && d.hits == nil {
		want = 1
	}
	if exit != want {
		return fmt.Sprintf("exit %d, want %d: %v", exit, want, codes(found))
	}
	for _, r := range append(c.Errors, c.Warnings...) {
		if !slices.ContainsFunc(found, func(d rule.Diagnostic) bool { return d.Start.File == r.File && sameCode(c, d.Falco, r.Code) }) {
			return fmt.Sprintf("no %s in %s: %v", r.Code, r.File, codes(found))
		}
	}
	if exit == 0 && len(c.Warnings) == 0 && c.ID != "L090" && len(found) > 0 && !newWarning(found) {
		return fmt.Sprintf("unexpected findings: %v", codes(found))
	}
	return ""
}

// sameCode compares codes of Falco. Of "and and" the last word is a macro for Falco and a syntax error for us.
func sameCode(c languageCase, got, want string) bool {
	return got == want || c.ID == "L002" && got == "LOAD_ERR_COMPILE_CONDITION"
}

// newWarning tells whether the first finding is one that Falco does not have.
func newWarning(found []rule.Diagnostic) bool { return !found[0].IsError() && found[0].Falco == "" }

func checkRules(c languageCase) string {
	compiled, found := load(c.Files)
	want := c.Hits
	if d, ok := differences[c.ID]; ok {
		want = d.hits
	} else if c.LoadError != nil {
		for _, e := range c.LoadError {
			if !slices.ContainsFunc(found, func(d rule.Diagnostic) bool { return d.IsError() && sameCode(c, d.Falco, e[0]) }) {
				return fmt.Sprintf("no %s: %v", e[0], codes(found))
			}
		}
		return ""
	}
	if rule.HasErrors(found) {
		return fmt.Sprintf("does not load: %v", codes(found))
	}
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
	hits, outputs := []string{}, []string{}
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
	if diff := cmp.Diff(append([]string{}, want...), hits); diff != "" {
		return "hits " + diff
	}
	if c.Outputs != nil {
		return cmp.Diff(c.Outputs, outputs)
	}
	return ""
}

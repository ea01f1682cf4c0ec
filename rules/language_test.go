package rules_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/ruletest"
)

// names are what the rules in testdata/language must cover, as names.yaml lists it.
type names struct {
	Operators  []string
	Keys       []string
	Priorities []string
	Macros     []string
	EventTypes []string `yaml:"event_types"`
	Conditions []string
	Outputs    []string
}

// used is what they do cover, by the same kinds.
type used map[string]map[string]bool

func (u used) add(kind, name string) {
	if u[kind] == nil {
		u[kind] = map[string]bool{}
	}
	u[kind][name] = true
}

// Everything that Falco's default rules use is in rules of our own that load without a finding.
func TestLanguageIsCovered(t *testing.T) {
	var want names
	data, err := os.ReadFile("testdata/language/names.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Load(data, &want, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	have := used{}
	for _, source := range []string{event.SourceSyscall, event.SourceK8sAudit} {
		files, err := rule.ReadFiles([]string{filepath.Join("testdata/language", source+".yaml")})
		if err != nil {
			t.Fatal(err)
		}
		have.file(t, files)
	}
	for kind, list := range map[string][]string{
		"operator": want.Operators, "key": want.Keys, "priority": want.Priorities, "macro": want.Macros,
		"event type": want.EventTypes, "condition": want.Conditions, "output": want.Outputs,
	} {
		if len(list) == 0 {
			t.Errorf("names.yaml lists no %s", kind)
		}
		for _, name := range list {
			if !have[kind][name] {
				t.Errorf("%s %s is not covered; covered are %s", kind, name, strings.Join(slices.Sorted(maps.Keys(have[kind])), " "))
			}
		}
	}
}

// file notes what a rules file uses.
func (u used) file(t *testing.T, files []rule.File) {
	t.Helper()
	cats := catalogues()
	set, found := rule.Load(files, cats)
	compiled, more := set.Compile(cats)
	for _, d := range append(found, more...) {
		// That a field has no value in this version is good to know and no fault.
		if d.Severity != condition.SeverityInfo {
			t.Errorf("%s: %s: %s (%s)", d.Start, d.Severity, d.Message, d.Code)
		}
	}
	var raw any
	if err := yaml.Load(files[0].Data, &raw); err != nil {
		t.Fatal(err)
	}
	u.keys(raw)
	for _, l := range set.Lists {
		for _, item := range l.Items {
			if slices.ContainsFunc(set.Lists, func(o *rule.List) bool { return o.Name == item }) {
				u.add("macro", "a list in a list")
			}
		}
	}
	for _, m := range set.Macros {
		u.macro(set, parse(t, m.Condition))
	}
	for _, source := range compiled.Sources {
		for _, r := range source.Rules {
			u.condition(parse(t, r.Rule.Condition))
			u.eventTypes(r.Node)
			for _, f := range r.Output.Fields() {
				u.add("output", f.Name)
			}
		}
	}
}

func parse(t *testing.T, text string) condition.Node {
	t.Helper()
	n, d := condition.Parse(text)
	if d != nil {
		t.Fatalf("%s: %v", text, d)
	}
	return n
}

// keys notes the keys of all mappings, and the priorities.
func (u used) keys(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			u.keys(item)
		}
	case map[string]any:
		for key, value := range v {
			u.add("key", key)
			u.keys(value)
		}
		u.add("priority", fmt.Sprint(v["priority"]))
	}
}

// macro notes what kind of macro has the condition n.
func (u used) macro(set *rule.Set, n condition.Node) {
	inside := false
	condition.Walk(n, func(part condition.Node) bool {
		_, macro := part.(*condition.Macro)
		inside = inside || macro
		return true
	})
	switch n := n.(type) {
	case *condition.Check:
		u.add("macro", "a comparison")
		list, ok := n.Right.(*condition.List)
		if ok && slices.ContainsFunc(set.Lists, func(l *rule.List) bool { return len(list.Items) == 1 && l.Name == list.Items[0].Value }) {
			u.add("macro", "a comparison with a list")
		}
		switch condition.Print(n) {
		case "evt.num = 0":
			u.add("macro", "never true")
		case "evt.num >= 0":
			u.add("macro", "always true")
		}
	case *condition.And:
		u.add("macro", "all of several")
	case *condition.Or:
		u.add("macro", "one of several")
	case *condition.Not:
		u.add("macro", "a negation")
	case *condition.Macro:
		u.add("macro", "another macro")
		inside = false
	}
	if inside {
		u.add("macro", "with macros inside")
	}
	u.parts(n)
}

// condition notes how the condition of a rule uses macros.
func (u used) condition(n condition.Node) {
	condition.Walk(n, func(part condition.Node) bool {
		switch part := part.(type) {
		case *condition.Macro:
			u.add("macro", "in a rule")
		case *condition.Not:
			switch part.Term.(type) {
			case *condition.Macro:
				u.add("macro", "negated in a rule")
			case *condition.And, *condition.Or:
				u.add("macro", "a group negated in a rule")
			}
		}
		return true
	})
	u.parts(n)
}

// parts notes operators and fields.
func (u used) parts(n condition.Node) {
	condition.Walk(n, func(part condition.Node) bool {
		switch part := part.(type) {
		case *condition.And:
			u.add("operator", "and")
		case *condition.Or:
			u.add("operator", "or")
		case *condition.Not:
			u.add("operator", "not")
		case *condition.Check:
			u.add("operator", string(part.Op))
		}
		return true
	})
	condition.WalkOperands(n, func(o condition.Operand) bool {
		if f, ok := o.(*condition.Field); ok {
			u.add("condition", condition.PrintOperand(f))
		}
		return true
	})
}

// eventTypes notes the types that a condition, with its macros and lists put in, compares evt.type with.
func (u used) eventTypes(n condition.Node) {
	condition.Walk(n, func(part condition.Node) bool {
		c, ok := part.(*condition.Check)
		if !ok || condition.PrintOperand(c.Left) != "evt.type" {
			return true
		}
		condition.WalkOperands(c, func(o condition.Operand) bool {
			if text, ok := o.(*condition.Text); ok {
				u.add("event type", text.Value)
			}
			return true
		})
		return true
	})
}

// Each of these rules fires on its events, each event type makes one fire, and no alert lacks a value.
func TestLanguageFires(t *testing.T) {
	report := runTests(t, "testdata/language")
	fired := map[string]bool{}
	for _, c := range report.Coverage {
		for _, r := range c.Rules {
			fired[r.Rule] = fired[r.Rule] || r.Fired > 0
		}
	}
	if len(fired) < 30 {
		t.Errorf("there are only %d rules", len(fired))
	}
	for name, ok := range fired {
		if !ok {
			t.Errorf("rule %q never fires", name)
		}
	}
	types := alerts(t, report)
	files, err := rule.ReadFiles([]string{"testdata/language/syscall.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	have := used{}
	have.file(t, files)
	for name := range have["event type"] {
		if !types[name] {
			t.Errorf("no rule fires on an event of type %s", name)
		}
	}
}

// alerts looks at what the tests make the rules say, and gives the event types that rules fire on.
func alerts(t *testing.T, report *ruletest.Report) map[string]bool {
	t.Helper()
	types := map[string]bool{}
	r := ruletest.Runner{Catalogues: ruletest.Catalogues(catalogues())}
	for _, one := range report.Results {
		set, err := r.Rules(one.File)
		if err != nil {
			t.Fatal(err)
		}
		err = one.Test.Play(t.Context(), filepath.Dir(one.File.Name), func(n int, e *event.Event) error {
			return set.Engine(one.File.Settings).Evaluate(e, func(c *rule.CompiledRule) {
				if e.Source == event.SourceSyscall {
					types[set.Compiled.Sources[e.Source].Catalogue.Types()[e.Type]] = true
				}
				var v event.Value
				text := string(c.Output.Append(nil, e, &v))
				if one.File.Name == filepath.Join("testdata/language", "syscall_test.yaml") && strings.Contains(text, "<NA>") {
					t.Errorf("%s: test %q, event %d: %s", one.File.Name, one.Test.Name, n, text)
				}
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return types
}

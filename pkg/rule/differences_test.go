package rule_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field/fieldtest"
	"github.com/saker-security/saker/pkg/rule"
)

// difference says why a case, whose outcome here is other than Falco's, is so on purpose; nothing when it should not
// be. Each answer has its line in docs/differences.md.
func (c languageCase) difference(found []rule.Diagnostic) string {
	if strings.Contains(c.Fatal, "Runtime error") {
		return "what ends Falco is compiled"
	}
	duplicate := func(d rule.Diagnostic) bool {
		return d.Severity != condition.SeverityError || d.Code == "duplicate-key"
	}
	if rule.HasErrors(found) && !slices.ContainsFunc(found, func(d rule.Diagnostic) bool { return !duplicate(d) }) {
		return "a key that is there twice is refused"
	}
	t, err := readTextual(c.Files)
	if err != nil {
		return ""
	}
	why := t.trap()
	if why == "" || !c.agrees(t, found) {
		return ""
	}
	return why
}

// agrees tells whether the case is what Falco makes of the text of conditions.
func (c languageCase) agrees(t *textual, found []rule.Diagnostic) bool {
	hits, err := t.hits(c.Event)
	if c.Event == nil {
		return (err != nil) == (c.Exit != 0) && rule.HasErrors(found) != (c.Exit != 0)
	}
	return (err != nil) == (c.LoadError != nil) && slices.Equal(hits, c.Hits)
}

// hits lists the rules that match an event.
func (t *textual) hits(given map[string]any) ([]string, error) {
	trees, err := t.conditions()
	if err != nil {
		return nil, err
	}
	e, err := fieldtest.Given(given)
	if err != nil {
		return nil, err
	}
	var hits []string
	for _, r := range t.rules {
		source := cmp.Or(r.Source, event.SourceSyscall)
		if languageCatalogues[source] == nil {
			continue
		}
		b := program.NewBuilder(languageCatalogues[source])
		id, found := b.Add(trees[r.Rule])
		for _, d := range found {
			if d.Severity == condition.SeverityError {
				return nil, d
			}
		}
		state := b.Build().NewState()
		state.Begin(e)
		if source == e.Source && (r.Enabled == nil || *r.Enabled) && state.True(id) {
			hits = append(hits, r.Rule)
		}
	}
	return hits, nil
}

// trap names the first thing in the files that becomes another condition in the text than it is as a tree.
func (t *textual) trap() string {
	for _, l := range t.lists {
		for _, item := range l.Items {
			if item == "" || strings.ContainsAny(item, syntax) {
				return "an item is a text, whatever characters it has"
			}
			if inner := named(t.lists, item); inner != nil && slices.ContainsFunc(inner.Items, func(item string) bool { return named(t.lists, item) != nil }) {
				return "lists in lists are resolved at any depth"
			}
		}
		if named(t.macros, l.List) != nil || strings.Contains(l.List, ".") || slices.Contains(keywords, l.List) {
			return "a list does not hide a macro, a field or a keyword of the same name"
		}
		name := regexp.QuoteMeta(l.List)
		quoted := regexp.MustCompile(`("[^"]*[\s(),=]` + name + `[\s(),=][^"]*")|('[^']*[\s(),=]` + name + `[\s(),=][^']*')`)
		bare := regexp.MustCompile(`(\b(in|intersects|pmatch|anyof|allof|oneof)|[<>]=?)\s*` + name + `([\s)]|$)`)
		for _, item := range slices.Concat(t.macros, t.rules) {
			switch {
			case quoted.MatchString(item.Condition):
				return "a word inside a quoted text is never the name of a list"
			case bare.MatchString(item.Condition):
				return "the name of a list stands for a list, and never for a number"
			}
		}
	}
	for _, r := range t.rules {
		for _, e := range r.Exceptions {
			if hasSyntax(e.Values) {
				return "a value of an exception is a text, whatever characters it has"
			}
		}
	}
	return ""
}

// syntax are the characters with which a text is not one word of a condition.
const syntax = "(),='\"\t\r\n"

var keywords = []string{"and", "or", "not", "in", "exists", "intersects", "pmatch", "contains", "startswith", "endswith", "glob", "regex", "anyof", "allof", "oneof"}

func hasSyntax(v any) bool {
	if list, ok := v.([]any); ok {
		return slices.ContainsFunc(list, hasSyntax)
	}
	return strings.ContainsAny(fmt.Sprint(v), syntax+" ")
}

// TestDifferences: what is different on purpose is told from what must agree.
func TestDifferences(t *testing.T) {
	rules := func(condition string) string {
		return "- rule: r\n  desc: d\n  output: x\n  priority: INFO\n  source: tsrc\n  condition: " + condition + "\n"
	}
	for _, test := range []struct {
		files string
		hits  []string // nil for an error
		want  string
	}{
		{"- list: l\n  items: ['a(b', abc]\n" + rules("t.str in (l)"), nil, "an item is a text"},
		{"- list: l\n  items: ['q,abc']\n" + rules("t.str in (l)"), []string{"r"}, "an item is a text"},
		{"- list: l\n  items: ['q,abc']\n" + rules("t.str in (l)"), nil, ""},
		{"- list: l\n  items: [q, abc]\n" + rules("t.str in (l)"), nil, ""},
		{"- list: a\n  items: [abc]\n- list: b\n  items: [a]\n- list: c\n  items: [b]\n" + rules("t.str in (c)"), []string{}, "lists in lists"},
		{"- list: a\n  items: [abc]\n- list: b\n  items: [a]\n" + rules("t.str in (b)"), []string{}, ""},
		{"- list: y\n  items: [Q]\n" + rules("t.str2 = \"x y z\""), []string{}, "a word inside a quoted text"},
		{"- list: m\n  items: [abc]\n- macro: m\n  condition: t.str = abc\n" + rules("m"), nil, "a list does not hide"},
		{"- list: l\n  items: [abc, d]\n" + rules("t.str in l"), nil, "the name of a list stands for a list"},
		{"- list: l\n  items: [1]\n" + rules("t.u64 > l"), []string{"r"}, "the name of a list stands for a list"},
		{rules("t.str = abc") + "  exceptions: [{name: e, fields: [t.str], comps: [in], values: [['q, abc']]}]\n", []string{}, "a value of an exception"},
	} {
		c := languageCase{Files: []string{test.files}, Event: map[string]any{"str": "abc", "str2": "x y z", "u64": 5}, Hits: test.hits}
		if test.hits == nil {
			c.LoadError = [][]string{{"LOAD_ERR_COMPILE_CONDITION"}}
		}
		_, found := load(c.Files)
		if got := c.difference(found); got != test.want && (test.want == "" || !strings.HasPrefix(got, test.want)) {
			t.Errorf("%s: %q, want %q", test.files, got, test.want)
		}
	}
}

package rule_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/rule"
)

// TestTraps: what Falco reads in another way, and what is probably not meant, is told and changes nothing.
func TestTraps(t *testing.T) {
	in := func(items string) string {
		return "- list: l\n  items: [" + items + "]\n" + ruleText("r", "evt.type = open and proc.name in (l)")
	}
	tests := []struct {
		name, text string
		want       []string
	}{
		{"ordinary items", in(`a, b-c, "x y", '"quoted already"', /a/b, 1.2.3.4, "*.txt", 5`), nil},
		{"parentheses", in(`"a(b"`), []string{"2:12 falco-differs: here the item is one text; Falco takes it for a part of the condition, which is an error"}},
		{"comma", in(`"a,b"`), []string{"2:12 falco-differs: here the item is one text; Falco takes it for 2 items"}},
		{"quotation mark", in(`"it's"`), []string{"2:12 falco-differs: here the item is one text; Falco takes it for a part of the condition, which is an error"}},
		{"backslash and blank", in(`'C:\Program Files'`), []string{"2:12 falco-differs: here the item is one text; Falco takes it for a part of the condition, which is an error"}},
		{"escape and blank", in(`'a\\b c'`), []string{`2:12 falco-differs: here the item is one text; Falco reads it as the text 'a\\b c'`}},
		{"closing", in(`"a)or(b"`), []string{"2:12 falco-differs: here the item is one text; Falco takes it for a part of the condition, which then means something else"}},
		{"values of exceptions", ruleText("r", "evt.type = open") + `  exceptions: [{name: e, fields: [proc.name, fd.name], comps: [in, =], values: [[x y, x y], ["a, b", 'c,d']]}]` + "\n",
			[]string{"6:82 falco-differs: here the value is one text; Falco takes it for a part of the condition, which is an error",
				"6:95 falco-differs: here the value is one text; Falco takes it for 2 items", "6:103 falco-differs: here the value is one text; Falco takes it for 2 items"}},
		{"list in a quoted text", "- list: y\n  items: [q]\n" + ruleText("r", `evt.type = open and proc.name = "x y z" and proc.name in (y, "y z", "z y")`),
			[]string{"7:46 falco-differs: here the text stays as it is; Falco replaces 'y' in it by the items of the list of that name"}},
		{"list and macro", "- list: m\n  items: [q]\n- macro: m\n  condition: evt.type = open\n" + ruleText("r", `m and proc.name in (m)`),
			[]string{"9:14 falco-differs: here 'm' is the macro; Falco puts the items of the list of that name in its place"}},
		{"lists in lists", "- list: a\n  items: [x]\n- list: b\n  items: [a]\n- list: c\n  items: [b]\n- list: d\n  items: [a, e]\n- list: e\n  items: [y]\n" + ruleText("r", "evt.type = open and proc.name in (c, d)"),
			[]string{"5:9 falco-differs: here list 'c' has the items of 'a', which is in 'b'; Falco takes that name for an item"}},
		{"list as value", "- list: sh\n  items: [x]\n" + ruleText("r", "evt.type = open and proc.name = sh"),
			[]string{"7:46 list-as-text: 'sh' is the name of a list, so the value is its item 'x'"}},
		{"list of a known name", "- list: or\n  items: [x]\n- list: proc.name\n  items: [x]\n- list: contains\n  items: [x]\n" + ruleText("r", "evt.type = open and proc.name in (or, proc.name, contains)"),
			[]string{"1:9 falco-differs: 'or' has a meaning of its own in conditions; Falco replaces it by the items wherever it stands",
				"3:9 falco-differs: 'proc.name' has a meaning of its own in conditions; Falco replaces it by the items wherever it stands",
				"5:9 falco-differs: 'contains' has a meaning of its own in conditions; Falco replaces it by the items wherever it stands"}},
		{"near a list", "- list: shell_binaries\n  items: [x]\n" + ruleText("r", "evt.type = open and proc.name in shell_binarys and proc.name in (shell_binries) and proc.name in (shell) and proc.name in (shell_binaries)"),
			[]string{"7:47 unknown-list: there is no list 'shell_binarys', so the value is that word itself",
				"7:79 unknown-list: there is no list 'shell_binries', so the value is that word itself"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, found := load([]string{test.text})
			var got []string
			for _, d := range found {
				if d.Code != "field-as-text" {
					got = append(got, fmt.Sprintf("%d:%d %s: %s", d.Start.Line, d.Start.Column, d.Code, d.Message))
				}
				if d.IsError() || d.Code == "falco-differs" && d.Severity != condition.SeverityInfo {
					t.Errorf("severity of %v", d)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFixes: the edits of a finding correct it, and a safe one leaves the meaning as it is.
func TestFixes(t *testing.T) {
	base := ruleText("r", "evt.type = open")
	tests := []struct {
		name, text, want string
		safe             bool
	}{
		{"append", base + "- rule: r\n  append: true\n  condition: or evt.type = close\n", "- rule: r\n  override: {condition: append}\n  condition: or evt.type = close\n", true},
		{"append of both", base + "- rule: r\n  append: yes # old\n  condition: or evt.type = close\n  exceptions: []\n", "  override: {condition: append, exceptions: append} # old\n", true},
		{"append to a list", "- list: l\n  items: [x]\n- list: l\n  items: [y]\n  append: true\n" + ruleText("r", "evt.type = open and proc.name in (l)"), "  items: [y]\n  override: {items: append}\n", true},
		{"append in braces", base + "- {rule: r, append: true, condition: or evt.type = close}\n", "- {rule: r, override: {condition: append}, condition: or evt.type = close}\n", true},
		{"standalone enabled", base + "- rule: r\n  enabled: false\n", "  enabled: false\n  override: {enabled: replace}\n", true},
		{"enabled first", base + "- enabled: no # off\n  rule: r\n", "- enabled: no\n  override: {enabled: replace} # off\n  rule: r\n", true},
		{"priority", strings.Replace(base, "INFO", "WARNIN", 1), "priority: WARNING\n", false},
		{"quoted priority", strings.Replace(base, "INFO", "'warnin'", 1), "priority: 'WARNING'\n", false},
		{"key", strings.Replace(base, "output", "outptu", 1), "  output: x", false},
		{"item", "- marco: m\n  condition: x\n", "- macro: m\n", false},
		{"macro", "- macro: opened\n  condition: evt.type = open\n" + ruleText("r", "opend"), "condition: opened\n", false},
		{"source", base + "  source: syscal\n", "source: syscall\n", false},
		{"list", "- list: shells\n  items: [a]\n" + ruleText("r", "evt.type = open and proc.name in shels and proc.name in (shells)"), "in shells and", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, found := load([]string{test.text})
			i := slices.IndexFunc(found, func(d rule.Diagnostic) bool { return len(d.Fixes) > 0 })
			if i < 0 {
				t.Fatalf("no fix: %v", codes(found))
			}
			fix := found[i].Fixes[0]
			fixed := test.text
			for _, e := range fix.Edits {
				fixed = fixed[:e.Start] + e.Text + fixed[e.End:]
			}
			if fix.Safe != test.safe || !strings.Contains(fixed, test.want) {
				t.Errorf("%q, safe %v: %s", fix.Title, fix.Safe, fixed)
			}
			_, left := load([]string{fixed})
			if slices.ContainsFunc(left, func(d rule.Diagnostic) bool { return d.Code == found[i].Code }) {
				t.Errorf("it is still there: %v", codes(left))
			}
			if fix.Safe && cmp.Diff(conditions(mustLoad(t, test.text)), conditions(mustLoad(t, fixed))) != "" {
				t.Error("the meaning changed")
			}
		})
	}
}

// TestHints: names that are not there lead to those that are.
func TestHints(t *testing.T) {
	tests := []struct{ text, hint string }{
		{ruleText("name", "evt.type = open") + "- rule: nam\n  enabled: false\n", "did you mean 'name'?"},
		{ruleText("name", "evt.type = open") + "- rule: nam\n  condition: x\n  override: {condition: append}\n", "did you mean 'name'?"},
		{"- rule: name\n", "add condition, output, desc and priority, or, to switch off a rule that is defined, enabled: false"},
		{ruleText("r", "filename = x"), "did you mean the field fd.name?"},
	}
	for _, test := range tests {
		_, found := load([]string{test.text})
		if !slices.ContainsFunc(found, func(d rule.Diagnostic) bool { return d.Hint == test.hint }) {
			t.Errorf("%s\n%+v", test.text, found)
		}
	}
}

// TestOtherwise: a check that means more here than in Falco is told once, one that means the same is not.
func TestOtherwise(t *testing.T) {
	for check, want := range map[string]string{
		"proc.name = " + strings.Repeat("a", 255):            "",
		"proc.name glob " + strings.Repeat("a", 256):         "the text has 256 bytes; Falco refuses constants longer than 255",
		"proc.name in (b, " + strings.Repeat("a", 256) + ")": "the text has 256 bytes; Falco refuses constants longer than 255",
		"fd.name pmatch (/a*, /b)":                           "",
		"fd.name pmatch (/a*, /b*)":                          "here every pattern of the list is looked at; Falco follows only one of those that match a part of the path",
		"tolower(proc.name) in (a)":                          "",
		"tolower(fd.types) in (a)":                           "here the transformer changes each element of the list; in Falco the check never holds",
		"tolower(fd.types) exists":                           "",
		"toupper(evt.type) = OPEN":                           "here the check is looked at for events of all types; it ends Falco",
		"evt.type = val(proc.name)":                          "here the check is looked at for events of all types; it ends Falco",
		"proc.name = val(evt.type)":                          "",
		"len(getopt(fd.types, 'a')) = 1":                     "here the inner transformer is applied first; in Falco the result has a stray NUL, or ends it",
		"len(getopt(fd.types, 'a')[a]) = 1":                  "",
		"join(tolower('X'), fd.types) = a":                   "here the inner transformer is applied first; in Falco the result has a stray NUL, or ends it",
		"proc.aname contains anyof (a, b)":                   "here every ancestor is looked at; in Falco the check holds for the nearest at most",
		"proc.aname[2] contains anyof (a, b)":                "",
		`proc.env["a b"] exists`:                             "here the argument is taken whole; Falco cuts it at a blank or a bracket",
		`proc.env["a"] exists`:                               "",
		"proc.name in l":                                     "here 'l' is the list; for Falco 2 items without parentheses are an error",
		"proc.name in (l)":                                   "",
	} {
		_, found := load([]string{"- list: l\n  items: [x, y]\n" + ruleText("r", "evt.type = open and "+check)})
		var got []string
		for _, d := range found {
			if d.Code == "falco-differs" {
				got = append(got, d.Message)
			}
		}
		if want == "" && len(got) > 0 || want != "" && !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", check, got, want)
		}
	}
}

// TestPartial: a macro that is missing hides nothing else that is wrong with the condition.
func TestPartial(t *testing.T) {
	_, found := load([]string{ruleText("r", "nobody and proc.nam = a and (evt.type = opn or proc.pid = x)")})
	var got []string
	for _, d := range found {
		got = append(got, d.Code)
	}
	want := []string{"undefined-macro", "unknown-field", "unknown-event-type", "bad-constant"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff, codes(found))
	}
}

package rule_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/rule"
)

// TestBombs: small files that stand for a lot are refused, and with little memory. Without the limits the test would
// not end.
func TestBombs(t *testing.T) {
	var macros, lists, chain, nested strings.Builder
	macros.WriteString("- macro: m0\n  condition: a.b = 1\n")
	lists.WriteString("- list: l0\n  items: [x]\n")
	chain.WriteString("- macro: m0\n  condition: a.b = 1\n")
	nested.WriteString("- list: l0\n  items: [x]\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&macros, "- macro: m%d\n  condition: m%d or m%d\n", i, i-1, i-1)
		fmt.Fprintf(&lists, "- list: l%d\n  items: [l%d, l%d, l%d]\n", i, i-1, i-1, i-1)
	}
	for i := 1; i < 5000; i++ {
		fmt.Fprintf(&chain, "- macro: m%d\n  condition: not m%d\n", i, i-1)
		// The outermost comes first, so the whole chain is resolved at once.
		fmt.Fprintf(&nested, "- list: n%d\n  items: [n%d]\n", i, i+1)
	}
	rules := func(n int, condition string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(ruleText(fmt.Sprint("r", i), fmt.Sprintf(condition, i)))
		}
		return b.String()
	}
	long := "- list: l\n  items: [" + strings.Repeat("x, ", 50_000) + "y]\n"
	alias := "- list: l0\n  items: &a0 [x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		alias += fmt.Sprintf("- &a%d [%s*a%d]\n", i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 8), i-1)
	}
	exceptions := "- list: l\n  items: &v [" + strings.Repeat("x, ", 9_999) + "y]\n"
	for i := range 1000 {
		exceptions += ruleText(fmt.Sprint("r", i), "a.b = 1") + "  exceptions: [{name: e, fields: a.b, values: *v}]\n"
	}
	var many strings.Builder
	many.WriteString(ruleText("r", "evt.type = open") + "- rule: r\n  override: {exceptions: append}\n  exceptions:\n")
	for i := range 2000 {
		fmt.Fprintf(&many, "  - {name: e%d, fields: proc.name, values: [x]}\n", i)
	}
	tests := []struct{ name, code, text string }{
		{"macros", "too-large", macros.String() + ruleText("r", "m59")},
		{"lists", "too-large", lists.String() + ruleText("r", "a.b in (l59)")},
		{"nested lists", "too-large", nested.String() + ruleText("r", "a.b in (n1)")},
		{"list often", "too-large", long + ruleText("r", "a.b in (l, l, l) or a.b in (l, l, l)")},
		{"list in many rules", "too-large", long + rules(1000, "a.b in (l) and a.b = %d")},
		{"list and more in many rules", "too-large", long + rules(1000, "a.b in (l, %d)")},
		{"macro in many rules", "too-large", "- macro: m\n  condition: a.b = 1" + strings.Repeat(" or a.b = 2", 20_000) + "\n" + rules(1000, "m and a.b = %d")},
		{"appends", "too-large", ruleText("r", "a.b = 1") + strings.Repeat("- {rule: r, condition: or a.b = 2, override: {condition: append}}\n", 2000)},
		{"exceptions", "too-large", many.String()},
		{"exceptions in many rules", "file-too-large", exceptions},
		{"aliases", "alias-bomb", alias},
		{"items", "file-too-large", "- list: l\n  items: [" + strings.Repeat("x,", 1_000_000) + "y]\n"},
		{"many rules", "file-too-large", strings.Repeat("- {rule: r, condition: x, output: x, desc: d}\n", 90_000)},
		{"nested YAML", "yaml-depth", strings.Repeat("[", 10_000)},
		{"nested condition", "condition-too-deep", ruleText("r", strings.Repeat("(", 10_000)+"a.b = 1"+strings.Repeat(")", 10_000))},
		{"long condition", "condition-too-long", ruleText("r", strings.Repeat("a.b = 1 or ", 100_000)+"a.b = 1")},
	}
	for _, test := range tests {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, found := rule.Load([]rule.File{{Name: "f", Data: []byte(test.text)}}, languageCatalogues)
		runtime.ReadMemStats(&after)
		if !slices.ContainsFunc(found, func(d rule.Diagnostic) bool { return d.IsError() && d.Code == test.code }) {
			t.Errorf("%s: not refused: %v", test.name, codes(found[:min(3, len(found))]))
		}
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 400 {
			t.Errorf("%s: %d MiB", test.name, took)
		}
	}
	// A long chain of macros is unusual but has an end.
	set, found := rule.Load([]rule.File{{Name: "f", Data: []byte(chain.String() + ruleText("r", "m4999"))}}, languageCatalogues)
	if set.Rules[0].Node == nil && !rule.HasErrors(found) {
		t.Error("a rule without condition and without error")
	}
}

func TestSize(t *testing.T) {
	if _, found := load([]string{strings.Repeat("---\n", rule.MaxFileSize/4)}); len(found) != 1 || found[0].Code != "file-too-large" {
		t.Errorf("findings %v", codes(found))
	}
	_, found := load([]string{"# " + strings.Repeat("x", rule.MaxFileSize)})
	if len(found) != 1 || found[0].Code != "file-too-large" {
		t.Errorf("findings %v", codes(found))
	}
	if _, found := load([]string{"# " + strings.Repeat("x", rule.MaxFileSize-2)}); len(found) != 0 {
		t.Errorf("findings %v", codes(found))
	}
}

// TestManyFindings: a file of which nothing is right is not reported to its end, and stays an error.
func TestManyFindings(t *testing.T) {
	for _, item := range []string{"- a\n", "- rule:\n", "- x: y\n"} {
		_, found := load([]string{strings.Repeat(item, 20_000)})
		if len(found) != 1001 || !slices.ContainsFunc(found, func(d rule.Diagnostic) bool { return d.Code == "too-many-findings" }) {
			t.Errorf("%q: %d findings", item, len(found))
		}
		if rule.HasErrors(found) == strings.Contains(item, "x") {
			t.Errorf("%q: errors %v", item, rule.HasErrors(found))
		}
	}
	_, found := load([]string{strings.Repeat("- x: y\n", 2000) + "- a\n"})
	if !rule.HasErrors(found) {
		t.Error("an error behind many warnings is lost")
	}
}

// TestMisspelled: files in which nothing is right take little time to say so. Without the limits the test would not end.
func TestMisspelled(t *testing.T) {
	var macros strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&macros, "- macro: abcdefghijklmnopqrstuvwxyz%d\n  condition: abcdefghijklmnopqrstuvwxy%d\n", i, i)
	}
	name := strings.Repeat("a", 400_000)
	for what, test := range map[string]struct{ text, code string }{
		"macros":     {macros.String(), "undefined-macro"},
		"long names": {"- macro: " + name + "\n  condition: a.b = 1\n" + ruleText("r", name+"b"), "undefined-macro"},
		"one line":   {ruleText("r", "a.b = 1") + "  tags: [" + strings.Repeat("[é],", 30_000) + "x]\n", "wrong-type"},
	} {
		_, found := load([]string{test.text})
		if !slices.ContainsFunc(found, func(d rule.Diagnostic) bool { return d.Code == test.code }) {
			t.Errorf("%s: %v", what, codes(found[:min(3, len(found))]))
		}
	}
}

// TestPlacesInLongLines: places are right behind many characters of several bytes, after every kind of line break.
func TestPlacesInLongLines(t *testing.T) {
	for _, n := range []int{1, 126, 127, 128, 129, 300} {
		for _, line := range []string{"\n", "\r\n", "\r", "\r\n\r\n"} {
			text := "# " + strings.Repeat("é", n) + line + "- {list: l, items: [" + strings.Repeat("日, ", n) + "[]]}" + line
			_, found := load([]string{text})
			want := rule.Position{File: "f0.yaml", Line: 2, Column: len("- {list: l, items: [") + 5*n + 1}
			if line == "\r\n\r\n" {
				want.Line = 3
			}
			if len(found) == 0 || found[0].Start != want {
				t.Errorf("%d, %q: %v", n, line, codes(found))
			}
		}
	}
}

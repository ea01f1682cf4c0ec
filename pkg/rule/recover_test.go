package rule_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/rule"
)

// TestRecovery: a syntax error hides nothing of the other items, and their places are right.
func TestRecovery(t *testing.T) {
	const (
		bad    = "- rule: bad\n  desc: d\n  output: x\n  priority: INFO\n  condition: evt.type = open and no.field = 1\n"
		good   = "- macro: good\n  condition: evt.type = open\n"
		quoted = "- list: q\n  items: [\"x\", 'y']\n"
		open   = "- macro: m\n  condition: \"evt.type = open\n"
	)
	tests := []struct {
		name, text string
		want       []string
	}{
		{"first", "- macro: m\n  condition: a: b\n" + bad, []string{"2:15 yaml-syntax", "7:34 unknown-field"}},
		{"middle", bad + "- macro: m\n  condition: a: b\n" + bad, []string{"7:15 yaml-syntax", "12:34 unknown-field"}},
		{"last", bad + "- macro: m\n  condition: a: b\n", []string{"7:15 yaml-syntax", "5:34 unknown-field"}},
		{"two", "- macro: m\n  condition: a: b\n" + bad + "- macro: n\n  condition: [\n- list: k\n  items: [a]\n", []string{"2:15 yaml-syntax", "9:15 yaml-syntax", "7:34 unknown-field"}},
		{"tab", "- macro: m\n\tcondition: a\n" + bad, []string{"2:1 yaml-syntax", "7:34 unknown-field"}},
		{"quotation mark at the end", bad + open, []string{"7:14 yaml-syntax", "5:34 unknown-field"}},
		{"quotation mark", bad + open + bad, []string{"7:14 yaml-syntax", "12:34 unknown-field"}},
		{"quotation mark before others", open + quoted + bad + quoted, []string{"2:14 yaml-syntax", "9:34 unknown-field"}},
		{"two quotation marks", open + bad + strings.ReplaceAll(open, "macro: m", "macro: n") + bad, []string{"2:14 yaml-syntax", "9:14 yaml-syntax", "14:34 unknown-field"}},
		{"bracket", "- list: l\n  items: [a, b\n" + bad, []string{"2:15 yaml-syntax", "7:34 unknown-field"}},
		{"brace", bad + "- {list: l, items: [a]\n" + bad, []string{"6:23 yaml-syntax", "11:34 unknown-field"}},
		{"documents", "---\n" + open + "---\n" + bad + "...\n---\n- list: [\n", []string{"3:14 yaml-syntax", "12:10 yaml-syntax", "9:34 unknown-field"}},
		{"carriage returns", strings.ReplaceAll(open+bad, "\n", "\r\n"), []string{"2:14 yaml-syntax", "7:34 unknown-field"}},
		{"characters of several bytes", "- macro: é\n  condition: \"é日\n" + strings.ReplaceAll(bad, "desc: d", "desc: é") + "- é: [\n", []string{"2:14 yaml-syntax", "8:8 yaml-syntax", "7:34 unknown-field"}},
		{"byte order mark", "\ufeff" + open + bad, []string{"2:14 yaml-syntax", "7:34 unknown-field"}},
		{"indented", "  - macro: m\n    condition: a: b\n  - list: l\n    items: {a: b}\n", []string{"2:17 yaml-syntax", "4:12 wrong-type"}},
		{"too deep", bad + "   condition: x\n" + bad, []string{"6:13 yaml-syntax", "11:34 unknown-field"}},
		{"too little", bad + "condition: x\n" + bad, []string{"6:1 yaml-syntax", "11:34 unknown-field"}},
		{"before the items", "a: b\n" + bad, []string{"2:1 yaml-syntax", "6:34 unknown-field"}},
		{"anchors", "- list: l\n  items: &a [x]\n  y: [\n- list: k\n  items: *a\n" + bad, []string{"3:7 yaml-syntax", "10:34 unknown-field"}},
		{"no anchor", "- list: k\n  items: *a\n" + bad, []string{"2:10 yaml-syntax", "7:34 unknown-field"}},
		{"block before", "- rule: b\n  desc: d\n  output: x\n  priority: INFO\n  condition: |+\n    evt.type = open and\n\n" + open + bad, []string{"6:24 syntax", "9:14 yaml-syntax", "14:34 unknown-field"}},
		{"names", open + "- macro: n\n  condition: m and missing\n" + "- macro: m\n  condition: or evt.type = open\n  append: true\n", []string{"2:14 yaml-syntax", "4:20 undefined-macro", "7:3 deprecated"}},
		{"name in quotation marks", "- \"macro: m\n- macro: n\n  condition: m and missing\n", []string{"1:3 yaml-syntax", "3:20 undefined-macro"}},
		{"no name", "- [\n- macro: n\n  condition: m and missing\n", []string{"1:4 yaml-syntax"}},
		{"no items", "a: b: c\n", []string{"1:5 yaml-syntax"}},
		{"duplicate key", open + "- list: l\n  items: []\n  items: []\n", []string{"2:14 yaml-syntax", "5:3 duplicate-key"}},
		{"list", "- list: known_list\n  items: [a\n- list: known_lists\n  items: [a]\n" + ruleText("r", "evt.type = open and proc.name in (known_list)"), []string{"2:12 yaml-syntax"}},
		{"only one", good + open, []string{"4:14 yaml-syntax"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			set, found := rule.Load([]rule.File{{Name: "f", Data: []byte(test.text)}}, languageCatalogues)
			_, more := set.Compile(languageCatalogues)
			var got []string
			for _, d := range append(found, more...) {
				if d.Code == "falco-differs" {
					continue
				}
				got = append(got, fmt.Sprintf("%d:%d %s", d.Start.Line, d.Start.Column, d.Code))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s\n%s", diff, test.text)
			}
		})
	}
}

// TestRecoveryNeverRuns: what is read in spite of a syntax error is an error all the same, and Falco reports only that.
func TestRecoveryNeverRuns(t *testing.T) {
	text := ruleText("r", "evt.type = open") + "- macro: m\n  condition: a: b\n" + ruleText("s", "no.field = 1 and missing")
	files := []rule.File{{Name: "f", Data: []byte(text)}}
	set, found := rule.Load(files, languageCatalogues)
	if !rule.HasErrors(found) || len(set.Rules) != 2 {
		t.Errorf("%d rules, findings %v", len(set.Rules), codes(found))
	}
	v := (rule.Options{}).Verdicts(files, languageCatalogues)[0]
	if len(v.Errors) != 1 || v.Errors[0].Code != "yaml-syntax" || len(v.Warnings) != 0 {
		t.Errorf("errors %v, warnings %v", codes(v.Errors), codes(v.Warnings))
	}
}

// TestManyBroken: of a file in which every item is broken not all are reported, and a large one with one broken item
// costs little more than without. If the cost were the square of the number of items the test would not end.
func TestManyBroken(t *testing.T) {
	for name, text := range map[string]string{
		"all":      strings.Repeat("- macro: m\n  condition: a: b\n", 50_000),
		"carriage": strings.Repeat("- a: b: c\r", 50_000),
		"together": strings.Repeat("  - a: b\n- c: d\n", 20_000),
		"anchors":  strings.Repeat("- b: *c\n", 30_000),
		"quotes":   strings.Repeat("- a: \"\n- b: \"\n- \"\"\"\n", 20_000),
		"last":     strings.Repeat("- macro: m\n  condition: evt.type = open\n", 20_000) + "- a: b: c\n",
		"first":    "- a: \"\n" + strings.Repeat("- b: c\n", 50_000),
	} {
		_, found := load([]string{text})
		if len(found) == 0 || len(found) > 1001 || found[0].Code != "yaml-syntax" && found[len(found)-1].Code != "yaml-syntax" {
			t.Errorf("%s: %d findings", name, len(found))
		}
	}
}

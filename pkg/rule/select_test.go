package rule_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/rule"
)

// selectable is a set of rules written as "name tag tag", with a - before those that are off.
func selectable(rules ...string) *rule.Set {
	s := &rule.Set{}
	for _, text := range rules {
		off := strings.HasPrefix(text, "-")
		words := strings.Fields(strings.TrimPrefix(text, "-"))
		s.Rules = append(s.Rules, &rule.Rule{Name: strings.ReplaceAll(words[0], "_", " "), Tags: words[1:], Enabled: !off})
	}
	return s
}

// state writes the set as selectable reads it, without tags.
func state(s *rule.Set) string {
	var b strings.Builder
	for _, r := range s.Rules {
		if !r.Enabled {
			b.WriteString("-")
		}
		b.WriteString(strings.ReplaceAll(r.Name, " ", "_") + " ")
	}
	return strings.TrimSpace(b.String())
}

func TestSelect(t *testing.T) {
	on := func(name string) rule.Selection { return rule.Selection{Enable: true, Rule: name} }
	off := func(name string) rule.Selection { return rule.Selection{Rule: name} }
	onTag := func(tag string) rule.Selection { return rule.Selection{Enable: true, Tag: tag} }
	offTag := func(tag string) rule.Selection { return rule.Selection{Tag: tag} }
	all := []string{"aa1 t1 t2", "aa2 t1", "Write_below_etc fs", "-off t2"}
	tests := []struct {
		name       string
		selections []rule.Selection
		want       string
		unmatched  []rule.Unmatched
	}{
		{"nothing", nil, "aa1 aa2 Write_below_etc -off", nil},
		{"by name", []rule.Selection{off("aa1")}, "-aa1 aa2 Write_below_etc -off", nil},
		{"a name with blanks", []rule.Selection{off("Write below etc")}, "aa1 aa2 -Write_below_etc -off", nil},
		{"wildcard", []rule.Selection{off("aa*")}, "-aa1 -aa2 Write_below_etc -off", nil},
		{"all", []rule.Selection{off("*")}, "-aa1 -aa2 -Write_below_etc -off", nil},
		{"several stars", []rule.Selection{off("*r*b*e*c")}, "aa1 aa2 -Write_below_etc -off", nil},
		{"no part of a name", []rule.Selection{off("aa")}, "aa1 aa2 Write_below_etc -off",
			[]rule.Unmatched{{Message: "no rule is named 'aa'", Hint: "did you mean 'aa1'?"}}},
		{"by tag", []rule.Selection{offTag("t1")}, "-aa1 -aa2 Write_below_etc -off", nil},
		{"no wildcard in tags", []rule.Selection{offTag("t*")}, "aa1 aa2 Write_below_etc -off",
			[]rule.Unmatched{{Message: "no rule has the tag 't*'", Hint: "did you mean 't1'?"}}},
		{"in order", []rule.Selection{off("*"), onTag("fs"), on("aa2")}, "-aa1 -off Write_below_etc aa2", nil},
		{"in the other order", []rule.Selection{onTag("fs"), on("aa2"), off("*")}, "-aa1 -aa2 -Write_below_etc -off", nil},
		{"a rule that was off moves to the end", []rule.Selection{off("aa1"), on("aa1")}, "aa2 Write_below_etc -off aa1", nil},
		{"a rule that is on stays", []rule.Selection{on("*")}, "aa1 aa2 Write_below_etc off", nil},
		{"unmatched", []rule.Selection{off("write below etc"), off("Write bellow etc"), offTag("t3"), offTag("aa1"), on("fs"), off("write*"), off("zz*"), offTag("\x1b")},
			"aa1 aa2 Write_below_etc -off", []rule.Unmatched{
				{Index: 0, Message: "no rule is named 'write below etc'", Hint: "did you mean 'Write below etc'?"},
				{Index: 1, Message: "no rule is named 'Write bellow etc'", Hint: "did you mean 'Write below etc'?"},
				{Index: 2, Message: "no rule has the tag 't3'", Hint: "did you mean 't1'?"},
				{Index: 3, Message: "no rule has the tag 'aa1'", Hint: "that is the name of a rule, choose it by rule"},
				{Index: 4, Message: "no rule is named 'fs'", Hint: "that is a tag, choose it by tag"},
				{Index: 5, Message: "no rule is named like 'write*'", Hint: "upper and lower case count: there is a rule 'Write below etc'"},
				{Index: 6, Message: "no rule is named like 'zz*'"},
				{Index: 7, Message: `no rule has the tag '\x1b'`, Hint: ""},
			}},
	}
	for _, test := range tests {
		s := selectable(all...)
		unmatched := s.Select(test.selections)
		if got := state(s); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
		if diff := cmp.Diff(test.unmatched, unmatched); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

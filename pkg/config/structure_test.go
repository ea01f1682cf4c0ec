package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/rule"
)

func TestSelections(t *testing.T) {
	path := write(t, `rules:
  - disable: {rule: "*"}
  - enable:
      tag: network
      rule: Write below *
    comment: x
  - disable: {rules: a, tag: b}
  - {enable: {rule: c}, disable: {rule: c}}
`)
	c, warnings, err := load(path, []string{
		"rules[].disable.rule=d", `rules[]={enable: {tag: "e f"}}`, "rules[0].disable.rule=first*",
	})
	if err != nil {
		t.Fatal(err)
	}
	at := func(place string) string { return path + ":" + place }
	want := []Selection{
		{rule.Selection{Rule: "first*"}, at("2:14")},
		{rule.Selection{Enable: true, Rule: "Write below *"}, at("4:7")},
		{rule.Selection{Enable: true, Tag: "network"}, at("4:7")},
		{rule.Selection{Tag: "b"}, at("7:14")},
		{rule.Selection{Enable: true, Rule: "c"}, at("8:14")},
		{rule.Selection{Rule: "d"}, "-o rules[].disable.rule"},
		{rule.Selection{Enable: true, Tag: "e f"}, "-o rules[]:1:10"},
	}
	if diff := cmp.Diff(want, c.Selections); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		at("6:5: unknown key comment in rules[1] has no effect; there are enable, disable"),
		at("7:15: unknown key rules in rules[2].disable has no effect; did you mean rule?"),
		at("8:5: key rules[3]: an entry that enables and disables only enables; write two entries"),
	}, warnings); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[6].Selection, c.RuleSelections()[6]); diff != "" {
		t.Error(diff)
	}
}

func TestAdditions(t *testing.T) {
	path := write(t, `append_output:
  - suggested_output: true
  - match:
      source: syscall
      rule: r
      tags: [a, b]
    extra_output: "x=%proc.name ${HOME}"
    extra_fields:
      - proc.pid
      - {who: "%user.name", n: 5}
  - match: {source: k8s_audit, sources: x}
    extra_outpt: y
    extra_fields:
  - {match: , extra_output: , suggested_output: }
static_fields:
  region: eu
  number: 5
  a.b_c: ${HOME}
  empty:
  my-key: z
`)
	c, warnings, err := load(path, []string{
		"append_output[].extra_output=%evt.time=x", `append_output[]={"match": {"tags": t}, "extra_fields": ["evt.num"]}`, "static_fields.cluster=c 1", "append_output[].extra_fields[]=evt.num",
	}, "HOME", "h")
	if err != nil {
		t.Fatal(err)
	}
	at := func(place string) string { return path + ":" + place }
	want := []Addition{
		{rule.Addition{Suggested: true}, at("2:5")},
		{rule.Addition{Rule: "r", Source: "syscall", Tags: []string{"a", "b"}, Output: "x=%proc.name h", Fields: []rule.AdditionField{
			{Name: "proc.pid"}, {Name: "who", Format: "%user.name", Formatted: true}, {Name: "n", Format: "5", Formatted: true},
		}}, at("3:5")},
		{rule.Addition{Source: "k8s_audit"}, at("11:5")},
		{rule.Addition{}, at("14:5")},
		{rule.Addition{Output: "%evt.time=x"}, "-o append_output[].extra_output"},
		{rule.Addition{Tags: []string{"t"}, Fields: []rule.AdditionField{{Name: "evt.num"}}}, "-o append_output[]:1:1"},
		{rule.Addition{Fields: []rule.AdditionField{{Name: "evt.num"}}}, "-o append_output[].extra_fields[]"},
	}
	if diff := cmp.Diff(want, c.Additions); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[1].Addition, c.RuleAdditions()[1]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]StaticField{{"a.b_c", "h"}, {"cluster", "c 1"}, {"empty", ""}, {"number", "5"}, {"region", "eu"}}, c.StaticFields); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		at("11:32: unknown key sources in append_output[2].match has no effect; did you mean source?"),
		at("12:5: unknown key extra_outpt in append_output[2] has no effect; did you mean extra_output?"),
		at("20:3: static field my-key cannot be used: no condition or output can name it; write letters, digits and _, beginning with a letter"),
	}, warnings); diff != "" {
		t.Error(diff)
	}
}

func TestStructureErrors(t *testing.T) {
	for _, test := range []struct{ file, want string }{
		{"rules: x", ":1:8: key rules: must be a sequence of entries such as - disable: {rule: NAME}"},
		{"rules: {enable: {rule: x}}", ":1:8: key rules: must be a sequence"},
		{"rules: [x]", ":1:9: key rules[0]: must be a mapping, such as disable: {rule: NAME}"},
		{"rules: [{}]", ":1:9: key rules[0]: has neither enable nor disable"},
		{"rules: [{enable: x}]", ":1:18: key rules[0].enable: must be a mapping, such as {rule: NAME} or {tag: TAG}"},
		{"rules: [{enable: }]", "key rules[0].enable: must be a mapping"},
		{"rules: [{enable: {rule: a}}, {disable: {}}]", ":1:40: key rules[1].disable: names neither a rule nor a tag"},
		{"rules: [{enable: {rule: [a]}}]", "key rules[0].enable: rule: must be a single value"},
		{"append_output: x", "key append_output: must be a sequence of entries such as - extra_output: TEXT"},
		{"append_output: [x]", ":1:17: key append_output[0]: must be a mapping"},
		{"append_output: [{}, {extra_output: [x]}]", "key append_output[1]: extra_output: must be a single value"},
		{"append_output: [{suggested_output: maybe}]", `key append_output[0]: suggested_output: "maybe" is neither true nor false`},
		{"append_output: [{match: x}]", "key append_output[0]: match: must be a mapping, such as {source: syscall}"},
		{"append_output: [{match: {tags: [[x]]}}]", "key append_output[0]: match: tags: must be a single value"},
		{"append_output: [{extra_fields: x}]", "key append_output[0]: extra_fields: must be a sequence of fields and of {NAME: text}"},
		{"append_output: [{extra_fields: [a.b, [x]]}]", "key append_output[0]: extra_fields: number 1 must be the name of a field or {NAME: text}"},
		{"append_output: [{extra_fields: [{a: [x]}]}]", "key append_output[0]: extra_fields: number 0: a: must be a single value"},
		{"static_fields: [x]", "key static_fields: must be a mapping, such as {region: eu}"},
		{`static_fields: {"a\e": [x]}`, `key static_fields: "a\x1b": must be a single value`},
	} {
		path := write(t, test.file)
		_, _, err := load(path, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: error %v, want %q", test.file, err, test.want)
		}
	}
	// Every error is told, each with its place.
	_, _, err := load(write(t, "rules: x\nappend_output: [{match: x}]\npriority: warn\n"), nil)
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("error %v, want three lines", err)
	}
}

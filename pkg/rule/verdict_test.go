package rule_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/rule"
)

// said shows verdicts: for each file the findings in Falco's order, each with the last two locations.
func said(verdicts []rule.Verdict) []string {
	var out []string
	for _, v := range verdicts {
		for _, d := range append(append([]rule.Diagnostic{}, v.Warnings...), v.Errors...) {
			var path []string
			for _, l := range d.Path[max(0, len(d.Path)-2):] {
				path = append(path, fmt.Sprintf("%s %s%s %d:%d+%d", l.Type, l.Name, map[bool]string{true: l.File, false: ""}[l.File[0] == '"'], l.Line, l.Column, l.Offset))
			}
			out = append(out, v.File+" "+d.Falco+": "+strings.Join(path, ", "))
		}
		for _, d := range v.Unmet {
			out = append(out, v.File+" unmet: "+d.Message)
		}
	}
	return out
}

// TestVerdicts: what Falco finds of several files with several errors, and where in the text as it expands it.
func TestVerdicts(t *testing.T) {
	// The condition of a rule of ruleText starts on line 4, column 13, behind its name and the lines of desc, output and
	// priority: at byte 62 for a name of one letter.
	tests := []struct {
		name  string
		files []string
		want  []string
	}{
		{"items of lists stand in the text", []string{"- list: l\n  items: [a, b c]\n" + ruleText("r", "proc.name in (l) and no.field = 1")},
			// proc.name in ( a, "b c" ) and no.field
			[]string{`f0.yaml LOAD_ERR_COMPILE_CONDITION: rule condition  6:13+90, condition expression "proc.name in (l) ..." 7:44+120`}},
		{"exceptions stand in the text", []string{ruleText("r", "no.field = 1") + "  exceptions: [{name: e, fields: proc.name, values: [a]}]\n"},
			[]string{`f0.yaml LOAD_ERR_COMPILE_CONDITION: rule condition  4:13+62, condition expression "(no.field = 1) an..." 5:15+63`}},
		{"the value of an exception", []string{ruleText("r", "evt.type = open") + "  exceptions: [{name: e, fields: [proc.name, evt.num], values: [[a, b]]}]\n"},
			// (evt.type = open) and not (( proc.name = a and  evt.num = b))
			[]string{`f0.yaml LOAD_ERR_COMPILE_CONDITION: rule condition  4:13+62, condition expression "(evt.type = open)..." 5:62+110`}},
		{"macros are counted in their own text", []string{"- macro: m\n  condition: evt.type = open and no.field = 1\n" + ruleText("r", "proc.name = x and m")},
			[]string{`f0.yaml LOAD_ERR_COMPILE_CONDITION: rule condition  6:13+119, condition expression "proc.name = x and m" 7:34+139`}},
		{"an error of the parser is one of the expanded text", []string{"- list: l\n  items: [a, b]\n" + ruleText("r", "proc.name = l and")},
			[]string{`f0.yaml LOAD_ERR_COMPILE_CONDITION: rule condition  6:13+88, condition expression "proc.name = a, b and" 7:27+101`}},
		{"a file ends at its first error", []string{"- rule: a\n  enabled: x\n- rule: b\n- foo: bar\n"},
			[]string{`f0.yaml LOAD_ERR_YAML_VALIDATE: rule a 0:2+2, value for enabled 1:11+21`}},
		{"what is read with an error is not compiled", []string{ruleText("a", "nomacro") + "- rule: b\n"},
			[]string{`f0.yaml LOAD_ERR_YAML_VALIDATE: rules content  0:0+0, rule b 5:2+72`}},
		{"warnings before the error stay", []string{"- foo: bar\n" + ruleText("a", "evt.type = open and proc.name = proc.pname") + ruleText("b", "proc.name = proc.pname and no.field = 1") + ruleText("c", "x")},
			[]string{`f0.yaml LOAD_UNKNOWN_ITEM: rules content  0:0+0, rules content item  0:2+2`,
				`f0.yaml LOAD_COMPILE_CONDITION: rule condition  5:13+73, condition expression "evt.type = open a..." 6:34+93`,
				`f0.yaml LOAD_ERR_COMPILE_CONDITION: rule condition  10:13+178, condition expression "proc.name = proc...." 11:41+205`}},
		{"an error comes again with the next file unless that corrects it", []string{ruleText("a", "m"), ruleText("b", "n"), "- macro: m\n  condition: evt.type = open\n", "- macro: n\n  condition: evt.type = open\n"},
			[]string{
				`f0.yaml LOAD_ERR_VALIDATE: rule a 0:2+2, condition expression "m" 1:3+2`, `f1.yaml LOAD_ERR_VALIDATE: rule a 0:2+2, condition expression "m" 1:3+2`,
				`f2.yaml LOAD_ERR_VALIDATE: rule b 0:2+2, condition expression "n" 1:3+2`}},
		{"what is not used is told after each file", []string{"- macro: m\n  condition: evt.type = open\n", ruleText("a", "m")},
			[]string{`f0.yaml LOAD_UNUSED_MACRO: rules content  0:0+0, macro m 0:2+2`}},
		{"macros before rules", []string{ruleText("a", "x = ") + "- macro: m\n  condition: (\n"},
			[]string{`f0.yaml LOAD_ERR_COMPILE_CONDITION: macro condition  6:13+91, condition expression "(" 7:15+92`}},
		{"an override of a rule that is not there", []string{"- rule: a\n  tags: [x]\n  override: {tags: append}\n- list: l\n"},
			[]string{`f0.yaml LOAD_ERR_VALIDATE: rules content  0:0+0, rule a 0:2+2`}},
		{"plugins", []string{"- required_plugin_versions:\n  - {name: none, version: 1.0.0}\n  - {name: json, version: x}\n"},
			[]string{`f0.yaml LOAD_ERR_VALIDATE: required plugin versions  1:2+30, required plugin versions entry json 2:4+65`,
				`f0.yaml unmet: the rules require a plugin that is not built in: one of 'none (>= 1.0.0)'`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, said(rule.Options{}.Verdicts(filesOf(test.files), languageCatalogues))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

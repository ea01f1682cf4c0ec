package rule_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/rule"
)

const baseRule = `- rule: r
  desc: d
  condition: t.str = a
  output: o
  priority: INFO
  source: tsrc
  tags: [x]
  exceptions: [{name: e, fields: t.str, values: [q]}]
`

// TestOverride: each key that can be overridden, appended and replaced, with the parts that the rule is made of then.
func TestOverride(t *testing.T) {
	set := mustLoad(t, baseRule, `- rule: r
  condition: or t.str = b
  output: " more "
  desc: e
  tags: [y, x]
  priority: ERROR
  override: {condition: append, output: append, desc: append, tags: append, priority: replace}
- rule: r
  enabled: false
  warn_evttypes: no
  skip-if-unknown-filter: true
  capture: true
  capture_duration: 100
  exceptions: []
  override:
    enabled: replace
    warn_evttypes: replace
    skip-if-unknown-filter: replace
    capture: replace
    capture_duration: replace
    exceptions: replace
`, "- rule: r\n  condition: t.str = c\n  tags: [z]\n  override: {condition: replace, tags: replace}\n")
	r := set.Rules[0]
	got := fmt.Sprintf("%s|%s|%s|%s|%v|%v|%v|%v|%v|%d|%d", r.Condition, r.Output, r.Description, r.Priority, r.Tags, r.Enabled, r.WarnEventTypes,
		r.SkipUnknown, r.Capture, r.CaptureDuration, len(r.Exceptions))
	if want := "t.str = c|o more|d e|Error|[z]|false|false|true|true|100|0"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var parts []string
	for _, p := range r.Parts {
		parts = append(parts, fmt.Sprintf("%s %s %q %s-%d:%d", p.Key, p.Change, p.Text, p.Start, p.End.Line, p.End.Column))
	}
	want := []string{
		`desc define "d" f0.yaml:2:9-2:10`, `output define "o" f0.yaml:4:11-4:12`, `source define "tsrc" f0.yaml:6:11-6:15`,
		`output append " more " f1.yaml:3:12-3:18`, `desc append "e" f1.yaml:4:9-4:10`, `priority replace "ERROR" f1.yaml:6:13-6:18`,
		`exceptions replace "" f1.yaml:14:15-14:15`, `enabled replace "false" f1.yaml:9:12-9:17`, `warn_evttypes replace "no" f1.yaml:10:18-10:20`,
		`skip-if-unknown-filter replace "true" f1.yaml:11:27-11:31`, `capture replace "true" f1.yaml:12:12-12:16`,
		`capture_duration replace "100" f1.yaml:13:21-13:24`, `condition replace "t.str = c" f2.yaml:2:14-2:23`, `tags replace "" f2.yaml:3:9-3:11`,
	}
	if diff := cmp.Diff(want, parts); diff != "" {
		t.Error(diff)
	}
}

// TestOverrideFindings: what an override cannot do.
func TestOverrideFindings(t *testing.T) {
	tests := []struct{ item, want string }{
		{"  condition: or t.str = b\n  override: {condition: ad}", "f1.yaml:3:25 bad-override: 'ad' is not an override"},
		{"  priority: INFO\n  override: {priority: append}", "f1.yaml:3:24 bad-override: key 'priority' cannot be appended to"},
		{"  source: tsrc\n  override: {source: replace}", "f1.yaml:3:14 bad-override: key 'source' cannot be overridden"},
		{"  override: {condition: append}", "f1.yaml:2:3 bad-override: an override of 'condition' (append) needs the key 'condition'"},
		{"  condition: or t.str = b\n  output: x\n  override: {condition: append}", "f1.yaml:3:3 bad-override: key 'output' has no entry under override"},
		{"  condition: or t.str = b\n  source: tsrc\n  override: {condition: append}", "f1.yaml:3:3 ignored-key: key 'source' is ignored in an override"},
		{"  append: true\n  condition: or t.str = b\n  override: {condition: append}", "f1.yaml:2:3 bad-override: 'override' and 'append: true' cannot stand together"},
		{"  condition: or t.str = b\n  override: append", "f1.yaml:1:3 missing-key: key 'output' is missing"},
		{"  condition: or t.str = b\n  override: [append]", "f1.yaml:3:13 wrong-type: the value of override must be a mapping, not a list"},
		{"  condition: or t.str = b\n  override: {condition: [append]}", "f1.yaml:3:25 wrong-type: the override of 'condition' must be append or replace, not a list"},
		{"  append: true\n  condition: or t.str = b\n  priority: INFO", "f1.yaml:2:3 deprecated: key 'append' is deprecated in favour of 'override'"},
		{"  append: true", "f1.yaml:2:3 empty-append: 'append: true' without condition or exceptions"},
		{"  tags: [y]", "f1.yaml:1:3 missing-key: rule 'r' has nothing but its name"},
	}
	for _, test := range tests {
		_, found := load([]string{baseRule, "- rule: r\n" + test.item + "\n"})
		if len(found) == 0 || codes(found)[0] != test.want {
			t.Errorf("%s\n got %v\nwant %s", test.item, codes(found), test.want)
		}
	}
	for _, item := range []string{"- rule: q\n  tags: [y]\n  override: {tags: append}\n", "- rule: q\n  tags: [y]\n  override: {tags: replace}\n",
		"- rule: q\n  enabled: false\n", "- list: q\n  items: [y]\n  override: {items: append}\n", "- macro: q\n  condition: or x.y exists\n  override: {condition: append}\n"} {
		_, found := load([]string{item})
		if !slices.ContainsFunc(found, func(d rule.Diagnostic) bool { return d.Code == "nothing-to-append" && d.Falco == "LOAD_ERR_VALIDATE" }) {
			t.Errorf("%s\n got %v", item, codes(found))
		}
	}
	for _, item := range []string{"- list: q\n  items: [y]\n  override: {items: replace}\n", "- macro: q\n  condition: t.str exists\n  override: {condition: replace}\n"} {
		if _, found := load([]string{item}); rule.HasErrors(found) {
			t.Errorf("%s\n got %v", item, codes(found))
		}
	}
}

// TestMisspelledKeys: a rule of which no key is known is told which ones were meant.
func TestMisspelledKeys(t *testing.T) {
	tests := []struct{ item, want string }{
		{"  conditions: t.str = b\n  outputs: x\n  descr: d\n  prio: INFO",
			"did you mean condition for 'conditions', output for 'outputs', desc for 'descr' and priority for 'prio'?"},
		{"  Condition: t.str = b\n  conditions: t.str = c", "did you mean condition for 'Condition'?"},
		{"  conditions: t.str = b\n  tags: [x]\n  Output: x", "did you mean condition for 'conditions' and output for 'Output'?"},
		{"  tags: [x]", "add condition, output, desc and priority, or, to switch off a rule that is defined, enabled: false"},
		{"  foo: x", "add condition, output, desc and priority, or, to switch off a rule that is defined, enabled: false"},
	}
	for _, test := range tests {
		_, found := load([]string{"- rule: r\n" + test.item + "\n"})
		i := slices.IndexFunc(found, func(d rule.Diagnostic) bool { return d.Code == "missing-key" })
		if i < 0 || found[i].Hint != test.want {
			t.Errorf("%s\ngot  %+v\nwant %s", test.item, found, test.want)
		}
	}
}

// TestRedefinition: a redefinition replaces all, but keeps the place in the order and, unless it names one, the source.
func TestRedefinition(t *testing.T) {
	set := mustLoad(t, baseRule+"- rule: other\n  desc: d\n  condition: t.str = a\n  output: o\n  priority: INFO\n  source: tsrc\n",
		"- rule: r\n  desc: new\n  condition: t.str = n\n  output: n\n  priority: DEBUG\n  enabled: false\n")
	r := set.Rules[0]
	if r.Name != "r" || r.Description != "new" || r.Source != "tsrc" || r.Tags != nil || r.Exceptions != nil || r.Enabled || r.Pos.File != "f0.yaml" {
		t.Errorf("%+v", r)
	}
	for _, p := range r.Parts {
		if p.Change != "replace" || p.Start.File != "f1.yaml" {
			t.Errorf("part %+v", p)
		}
	}
	_, found := load([]string{baseRule, "- rule: r\n  desc: new\n  condition: t.str = n\n  output: n\n  priority: DEBUG\n  source: syscall\n"})
	if len(found) == 0 || found[0].Code != "source-changed" {
		t.Errorf("%v", codes(found))
	}
}

// TestSkipUnknown: a rule that asks for it is left out with a warning when a field or event type in it is unknown, and
// only then.
func TestSkipUnknown(t *testing.T) {
	tests := []struct{ condition, output, want string }{
		{"evt.type = open and no.field = 1", "x", "unknown-field LOAD_UNKNOWN_FILTER"},
		{"evt.type = nosuch", "x", "unknown-event-type LOAD_UNKNOWN_FILTER"},
		{"evt.type = open", "%no.field", "unknown-field LOAD_UNKNOWN_FILTER"},
		{"evt.type = open and evt.num = x", "x", "bad-constant LOAD_ERR_COMPILE_CONDITION"},
		{"evt.type = open and nosuch", "x", "undefined-macro LOAD_ERR_VALIDATE"},
	}
	for _, test := range tests {
		compiled, found := load([]string{fmt.Sprintf("- rule: r\n  desc: d\n  condition: %s\n  output: x %s\n  priority: INFO\n  skip-if-unknown-filter: true\n%s",
			test.condition, test.output, ruleText("other", "evt.type = open"))})
		if len(found) != 1 || found[0].Code+" "+found[0].Falco != test.want || found[0].IsError() == strings.HasSuffix(test.want, "FILTER") {
			t.Errorf("%s: %v", test.condition, found)
		}
		if rules := compiled.Sources["syscall"].Rules; len(rules) != 1 || rules[0].Name != "other" {
			t.Errorf("%s: %d rules are left", test.condition, len(rules))
		}
	}
}

// TestWarnEventTypes: the warning about many event types can be switched off.
func TestWarnEventTypes(t *testing.T) {
	const text = "- rule: r\n  desc: d\n  condition: proc.name = x\n  output: x\n  priority: INFO\n"
	if _, found := load([]string{text}); len(found) != 1 || found[0].Code != "no-event-type" {
		t.Errorf("%v", codes(found))
	}
	if _, found := load([]string{text + "  warn_evttypes: false\n"}); len(found) != 0 {
		t.Errorf("%v", codes(found))
	}
}

// TestRequirements: plugins that are built in, alternatives, and what is no requirement.
func TestRequirements(t *testing.T) {
	plugins := func(entries string) string { return "- required_plugin_versions:\n" + entries }
	tests := []struct{ text, want string }{
		{plugins("  - {name: k8saudit, version: 0.7.0}\n  - {name: json, version: 0.7.0}\n  - {name: container, version: 0.2.0}\n  - {name: k8smeta, version: 0.1.0}\n"), ""},
		{plugins("  - {name: none, version: 1.0.0, alternatives: [{name: json, version: 0.7.0}]}\n"), ""},
		{plugins("  - {name: json, version: 0.99.0}\n"), "2:6 requirement: the rules require plugin 'json' 0.99.0, built in is 0.7.4"},
		{plugins("  - {name: json, version: 1.0.0}\n"), "2:6 requirement: the rules require plugin 'json' 1.0.0, built in is 0.7.4"},
		{plugins("  - {name: json, version: x}\n"), "2:27 bad-version: 'x' is not a version of plugin 'json'"},
		{plugins("  - {name: json, version: 0.1.0, alternatives: [{name: json, version: 0.2.0}]}\n"), "2:56 bad-version: plugin 'json' is named twice among the alternatives"},
		{plugins("  - {name: json}\n"), "2:6 missing-key: key 'version' is missing"},
		{plugins("  - json\n"), "2:5 wrong-type: an entry must be a mapping with name and version, not a text"},
		{"- required_plugin_versions: json\n", "1:29 wrong-type: the value of required_plugin_versions must be a list, not a text"},
		{plugins("  - {name: json, version: 0.1.0, alternatives: {}}\n"), "2:48 wrong-type: the value of alternatives must be a list, not a mapping"},
		{"- required_engine_version: 0.26.0\n", ""}, {"- required_engine_version: 26\n", ""},
		{"- required_engine_version: 1.0.0\n", "1:28 requirement: the rules require engine version 1.0.0, this is " + rule.EngineVersion},
		{"- required_engine_version: 0.26\n", "1:28 bad-version: '0.26' is not a version"},
	}
	for _, test := range tests {
		_, found := rule.Load([]rule.File{{Name: "f", Data: []byte(test.text)}}, languageCatalogues)
		if got := strings.Join(codes(found), "; "); got != test.want && got != "f:"+test.want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
	}
	set := mustLoad(t, "- required_engine_version: 0.26.0\n- required_engine_version: 30\n- required_engine_version: 5\n")
	if set.Engine != "0.30.0" {
		t.Errorf("engine %s", set.Engine)
	}
	set, _ = rule.Load([]rule.File{{Name: "f", Data: []byte(plugins("  - {name: a, version: 1.0.0, alternatives: [{name: json, version: 0.7.0}]}\n"))}}, languageCatalogues)
	want := []rule.Requirement{{Name: "a", Version: "1.0.0", Alternatives: []rule.Requirement{{Name: "json", Version: "0.7.0"}}}}
	if diff := cmp.Diff(want, set.Plugins); diff != "" {
		t.Error(diff)
	}
}

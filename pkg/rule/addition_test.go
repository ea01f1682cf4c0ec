package rule_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/field/fieldtest"
	"github.com/saker-security/saker/pkg/rule"
)

// additionRules has two rules of source syscall and one of tsrc.
const additionRules = `
- {rule: open, desc: d, condition: evt.type = open, output: "o=%proc.name", priority: INFO, tags: [fs, host]}
- {rule: exec, desc: d, condition: evt.type = execve, output: "*e=%proc.name", priority: INFO, tags: [process, host]}
- {rule: test, desc: d, source: tsrc, condition: t.u64 = 1, output: "t", priority: INFO}
`

// compileForAdditions compiles additionRules; source syscall has a container and static fields as well.
func compileForAdditions(t *testing.T) *rule.Compiled {
	t.Helper()
	text := func(name, value string) field.Field {
		return field.Field{Name: name, Type: event.TypeString, Extract: func(_ *event.Event, _ *field.Arg, v *event.Value) bool {
			v.Text = value
			return value != ""
		}}
	}
	var fields []field.Field
	for _, f := range fieldtest.Syscall().Fields() {
		if !strings.HasPrefix(f.Name, "container.") && !strings.HasPrefix(f.Name, "k8s.") {
			fields = append(fields, *f)
		}
	}
	more := []field.Field{text("container.id", "c1"), text("k8s.ns.name", ""), text("static.region", "eu")}
	catalogues := map[string]*field.Catalogue{
		"tsrc": fieldtest.Language(), event.SourceSyscall: field.New(event.SourceSyscall, fieldtest.Syscall().Types(), fields, more),
	}
	set, found := rule.Load([]rule.File{{Name: "r.yaml", Data: []byte(additionRules)}}, catalogues)
	compiled, after := set.Compile(catalogues)
	if all := append(found, after...); rule.HasErrors(all) {
		t.Fatalf("%+v", all)
	}
	return compiled
}

// rendered gives what each rule prints: the text, and the fields as name=JSON.
func rendered(c *rule.Compiled) map[string]string {
	out := map[string]string{}
	var v event.Value
	for _, src := range c.Sources {
		for _, r := range src.Rules {
			e := fieldtest.Event(r.Source, fieldtest.Values{"proc.name": "cat", "proc.pid": 7, "t.u64": uint64(1)})
			text := string(r.Output.Append(nil, e, &v))
			for _, f := range r.Output.Fields() {
				text += fmt.Sprintf(" | %s=%s", f.Name, f.AppendJSON(nil, e, &v))
			}
			out[r.Name] = text
		}
	}
	return out
}

func TestAppend(t *testing.T) {
	before := map[string]string{"open": `o=cat | proc.name="cat"`, "exec": `e=cat | proc.name="cat"`, "test": "t"}
	with := func(changes ...string) map[string]string {
		out := map[string]string{}
		for name, text := range before {
			out[name] = text
		}
		for i := 0; i < len(changes); i += 2 {
			out[changes[i]] = changes[i+1]
		}
		return out
	}
	tests := []struct {
		name      string
		additions []rule.Addition
		want      map[string]string
	}{
		{"none", nil, before},
		{"all rules", []rule.Addition{{Output: "x"}}, with("open", `o=cat x | proc.name="cat"`, "exec", `e=cat x | proc.name="cat"`, "test", "t x")},
		{"a rule", []rule.Addition{{Rule: "open", Output: "pid=%proc.pid"}}, with("open", `o=cat pid=7 | proc.name="cat" | proc.pid=7`)},
		{"a source", []rule.Addition{{Source: "tsrc", Output: "*%t.u64"}}, with("test", "t *1 | t.u64=1")},
		{"all tags", []rule.Addition{{Tags: []string{"host", "fs"}, Output: "x"}}, with("open", `o=cat x | proc.name="cat"`)},
		{"rule and tag", []rule.Addition{{Rule: "open", Tags: []string{"host"}, Output: "x"}}, with("open", `o=cat x | proc.name="cat"`)},
		{"in order", []rule.Addition{{Rule: "open", Output: "1"}, {Output: "2", Source: "syscall"}},
			with("open", `o=cat 1 2 | proc.name="cat"`, "exec", `e=cat 2 | proc.name="cat"`)},
		{"suggested", []rule.Addition{{Rule: "open", Suggested: true, Output: "x"}, {Rule: "test", Suggested: true}},
			with("open", `o=cat x container_id=c1 k8s_ns_name=<NA> static_region=eu | container.id="c1" | k8s.ns.name=null | proc.name="cat" | static.region="eu"`)},
		{"fields", []rule.Addition{{Rule: "open", Fields: []rule.AdditionField{
			{Name: "proc.pid"}, {Name: "who", Format: "%proc.name is %proc.pid", Formatted: true}, {Name: "empty", Formatted: true},
			{Name: "proc.name", Format: "hidden", Formatted: true}, {Name: "tolower(proc.name)"}}}},
			with("open", `o=cat | empty="" | proc.name="hidden" | proc.pid=7 | tolower(proc.name)="cat" | who="cat is 7"`)},
	}
	for _, test := range tests {
		compiled := compileForAdditions(t)
		changed, found := compiled.Append(test.additions)
		if len(found) > 0 {
			t.Errorf("%s: %+v", test.name, found)
		}
		if diff := cmp.Diff(test.want, rendered(changed)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
		if diff := cmp.Diff(before, rendered(compiled)); diff != "" {
			t.Errorf("%s: the original changed: %s", test.name, diff)
		}
	}
}

func TestAppendFindings(t *testing.T) {
	additions := []rule.Addition{
		{Output: "name=%proc.name"},
		{Source: "syscall", Output: "a %proc.nam b", Fields: []rule.AdditionField{{Name: "t.str"}, {Name: "x", Format: "50%", Formatted: true}}},
		{Source: "syscall", Output: "%proc.namex"},
		{Rule: "opne", Output: "x"},
		{Rule: "test", Tags: []string{"host"}, Output: "x"},
		{Suggested: true},
	}
	compiled := compileForAdditions(t)
	_, found := compiled.Append(additions)
	want := []rule.AdditionFinding{
		{Index: 0, Key: "extra_output", Code: "unknown-field", Message: "source tsrc has no field proc.name",
			Hint: "if it is a field of another source, limit the addition to that with match: {source: NAME}"},
		{Index: 1, Key: "extra_output", Code: "unknown-field", Message: "source syscall has no field proc.nam", Hint: "did you mean proc.name or proc.pname or proc.aname?"},
		{Index: 1, Key: "extra_fields[0]", Code: "unknown-field", Message: "source syscall has no field t.str"},
		{Index: 1, Key: "extra_fields[1]", Code: "format-token", Message: "the output ends with a %", Hint: "name a field, as in %evt.time"},
		{Severity: condition.SeverityWarning, Index: 2, Key: "extra_output", Code: "format-shortened",
			Message: `"proc.namex" is printed as the field proc.name and the text "x"`},
		{Severity: condition.SeverityWarning, Index: 3, Key: "match", Code: "addition-without-rule", Message: "no rule has what match asks for", Hint: "did you mean 'open'?"},
		{Severity: condition.SeverityWarning, Index: 4, Key: "match", Code: "addition-without-rule", Message: "no rule has what match asks for"},
	}
	for i := range found {
		if i < len(want) && want[i].Hint == "" && found[i].Code != "addition-without-rule" {
			found[i].Hint = "" // of the compilers
		}
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}

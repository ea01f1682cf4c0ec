package schema_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/lint/schema"
)

// TestRulesOfOurs: the rules files that come with the program have no violation.
func TestRulesOfOurs(t *testing.T) {
	var paths []string
	for _, pattern := range []string{"../../../rules/*.yaml", "../../../examples/rules/*.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) < 2 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := schema.Validate(data)
		if err != nil || r.Documents == 0 || len(r.Violations) > 0 {
			t.Errorf("%s: %d documents, %v, %v", path, r.Documents, r.Violations, err)
		}
	}
}

const definition = "- {rule: r, condition: evt.type = open, output: o, desc: d, priority: INFO"

func TestValidate(t *testing.T) {
	tests := []struct {
		name, text string
		// want are the violations that hold no other, as path and message; those of values that stand together are
		// marked with +.
		want []string
	}{
		{"all keys of a rule", definition + ", source: syscall, enabled: no, tags: [a, 5], warn_evttypes: false, " +
			"skip-if-unknown-filter: true, capture: true, capture_duration: 100, append: false, " +
			"exceptions: [{name: a, fields: [proc.name, fd.name], comps: [=, startswith], values: [[a, b], [c, [d, e]]]}, {name: b, fields: proc.name, comps: in, values: [a, 7]}]}", nil},
		{"the other items", "- required_engine_version: 0.57.0\n- required_engine_version: 26\n" +
			"- required_plugin_versions: [{name: a, version: 0.1.0, alternatives: [{name: b, version: 0.2.0}]}]\n" +
			"- {list: l, items: [a, 5, 1.5, true]}\n- {macro: m, condition: l}\n- {macro: m, condition: or l, override: {condition: append}}", nil},
		{"switched off", "- {rule: r, enabled: false}", nil},
		{"priorities", "- {rule: r, priority: Info, override: {priority: replace}}\n- {rule: r, priority: warning, override: {priority: replace}}\n" +
			"- {rule: r, priority: eMERgency, override: {priority: replace}}", nil},
		{"several documents", "- {list: l, items: []}\n---\n- {list: l, items: []}", nil},
		{"no document", "# nothing\n", nil},
		{"alias", "- {list: &a l, items: [*a]}\n", nil},

		{"not a list", "rule: r", []string{"<root>: the value is of type object, it must be of type array"}},
		{"an item that is a list", "- - rule: r", []string{"<root>[0]: the value is of type array, it must be of type object"}},
		{"unknown keys", definition + ", b: 1, a: 2}", []string{"<root>[0]: unknown keys: 'a', 'b'"}},
		{"priority", "- {rule: r, priority: HUGE, override: {priority: replace}}",
			[]string{"<root>[0][priority]: 'HUGE' is not one of EMERGENCY, ALERT, CRITICAL, ERROR, WARNING, NOTICE, INFORMATIONAL, INFO, DEBUG"}},
		{"tags", definition + ", tags: foo}", []string{"<root>[0][tags]: the value is of type string, it must be of type array"}},
		{"truth", definition + ", enabled: maybe}", []string{"<root>[0][enabled]: 'maybe' is not one of true, false, yes, no, on, off, y, n"}},
		{"capture duration", definition + ", capture_duration: 1.5}", []string{"<root>[0][capture_duration]: the value is of type number, it must be of type integer"}},
		{"exception without a name", definition + ", exceptions: [{fields: [proc.name]}]}", []string{"<root>[0][exceptions][0]: required but missing: 'name'"}},
		{"exception with a typo", definition + ", exceptions: [{name: e, fields: proc.name, value: [x]}]}", []string{"<root>[0][exceptions][0]: unknown keys: 'value'"}},
		{"list item", "- {list: l, items: [a, {b: c}, ~]}", []string{
			"<root>[0][items][1]: the value is of type object, it must be of type boolean or number or string",
			"<root>[0][items][2]: the value is of type null, it must be of type boolean or number or string"}},
		{"override", "- {rule: r, condition: c, override: {condition: add}}", []string{"<root>[0][override][condition]: 'add' is not one of append, replace"}},
		{"empty override", "- {rule: r, override: {}}", []string{"<root>[0][override]: the mapping is empty"}},
		{"plugin", "- required_plugin_versions: [{name: a}]", []string{"<root>[0][required_plugin_versions][0]: required but missing: 'version'"}},
		{"second document", "- {list: l, items: []}\n---\nx", []string{"<root>: the value is of type string, it must be of type array"}},

		{"no output", "- {rule: r, condition: a, desc: d, priority: INFO}", []string{"+<root>[0]: required but missing: 'output'"}},
		{"name alone", "- rule: r", []string{"+<root>[0]: required but missing: 'enabled'"}},
		{"list without items", "- list: l", []string{"+<root>[0]: required but missing: 'items'"}},
		{"macro without condition", "- macro: m", []string{"+<root>[0]: required but missing: 'condition'"}},
		{"key of another item", "- {list: l, items: [], condition: a}", []string{"+<root>[0][condition]: the key does not belong to this kind of item"}},
		{"appended priority", "- {rule: r, priority: INFO, override: {priority: append}}", []string{"+<root>[0][override][priority]: 'append' is not one of replace"}},
		{"one value for two fields", definition + ", exceptions: [{name: e, fields: [a.b, c.d], values: [x]}]}",
			[]string{"+<root>[0][exceptions][0][values][0]: the value is of type string, it must be of type array"}},
		{"fields", definition + ", exceptions: [{name: e, fields: {a: b}}]}",
			[]string{"+<root>[0][exceptions][0][fields]: the value is of type object, it must be of type string or array"}},
		{"control characters", "- {\"a\\eb\": x, list: l, items: []}", []string{`<root>[0]: unknown keys: 'a\x1bb'`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := schema.Validate([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range r.Violations {
				if strings.HasSuffix(v.Message, "is not what it should be") {
					continue
				}
				mark := ""
				if v.Together {
					mark = "+"
				}
				got = append(got, mark+v.Path+": "+v.Message)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestOrder: what is inside a value comes before the value, up to the root.
func TestOrder(t *testing.T) {
	r, err := schema.Validate([]byte("- {list: l, items: [[a]]}\n- {macro: m, condition: c, append: 7}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range r.Violations {
		got = append(got, v.Path)
	}
	want := []string{"<root>[0][items][0]", "<root>[0][items]", "<root>[0]", "<root>", "<root>[1][append]", "<root>[1]", "<root>"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestLimits: what stands for too much is refused.
func TestLimits(t *testing.T) {
	bomb := "- &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'j'; c++ {
		bomb += "- &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 10) + "]\n"
	}
	for name, text := range map[string]string{
		"aliases": bomb,
		"loop":    "&a [*a]",
		"depth":   strings.Repeat("[", 10_000),
		"syntax":  "- rule: [",
	} {
		if _, err := schema.Validate([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestRules: the schema is JSON, says which draft it is, and describes every key.
func TestRules(t *testing.T) {
	type described struct {
		Description string
		Ref         string `json:"$ref"`
	}
	var s struct {
		Schema      string `json:"$schema"`
		Definitions map[string]struct {
			Description string
			Properties  map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal(schema.Rules(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Schema != "http://json-schema.org/draft-07/schema#" || len(s.Definitions["item"].Properties) < 20 {
		t.Errorf("schema %q, %d keys", s.Schema, len(s.Definitions["item"].Properties))
	}
	for name, d := range s.Definitions {
		if d.Description == "" {
			t.Errorf("%s has no description", name)
		}
		for key, text := range d.Properties {
			var p described
			if string(text) == "false" {
				continue
			}
			if err := json.Unmarshal(text, &p); err != nil || p.Description == "" && p.Ref == "" {
				t.Errorf("key %s of %s has no description", key, name)
			}
		}
	}
}

// FuzzValidate: whatever a file holds, there is an error or a list of violations without control characters.
func FuzzValidate(f *testing.F) {
	f.Add([]byte(definition + ", tags: foo}"))
	f.Add([]byte("&a [*a]"))
	f.Add([]byte("- {list: &a l, items: [*a, ~, 1e400, 99999999999999999999, 0x1F, .nan]}\n---\n? [a]\n: b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 10_000 {
			return
		}
		r, err := schema.Validate(data)
		if err != nil {
			return
		}
		for _, v := range r.Violations {
			for _, c := range v.Path + v.Message {
				if c < ' ' || c == 0x7f {
					t.Fatalf("character %q in %q", c, v.Path+": "+v.Message)
				}
			}
		}
	})
}

package ruletest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/ruletest"
)

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(ruletest.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("tests.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("tests.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The schema takes every test file that there is, and refuses what Read refuses for its form.
func TestSchema(t *testing.T) {
	s := compileSchema(t)
	files, err := ruletest.Find([]string{"testdata", "../../rules"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(files, filepath.Join("testdata", "fail.yaml")) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := yaml.Load(data, &v); err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	const event = "{fields: {evt.type: open}}"
	for _, file := range []string{
		"rules: a", "test: []", "tests: [{name: a}]", "tests: [{name: a, events: [], expect: none}]", "tests: [{name: a, events: [" + event + "], expect: all}]",
		"tests: [{name: a, events: [{}], expect: none}]", "tests: [{name: a, events: [{audit: {}, fields: {}}], expect: none}]",
		"tests: [{name: a, events: [{processes: [{exe: /a}]}], expect: none}]", "tests: [{name: a, events: [{processes: [{exe: /a}], call: {type: bind}}], expect: none}]",
		"tests: [{name: a, events: [" + event + "], expect: [{count: 1}]}]", "tests: [{name: a, events: [" + event + "], expect: [{rule: a, prio: INFO}]}]",
		"{tests: [], rule_matching: any}", "{tests: [], minimum_priority: high}", "{tests: [], selection: [{}]}", "{tests: [], selection: [{enable: {}}]}",
		"tests: [{name: a, events: [{fields: {a.b: {c: d}}}], expect: none}]",
	} {
		var v any
		if err := yaml.Load([]byte(file), &v); err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); err == nil {
			t.Errorf("the schema takes %s", file)
		}
		if _, err := ruletest.Read("x", []byte(file), catalogues()); err == nil {
			t.Errorf("Read takes %s", file)
		}
	}
}

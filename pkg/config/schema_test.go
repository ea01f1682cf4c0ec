package config

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func document(t *testing.T, text []byte) any {
	t.Helper()
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestSchemaAcceptsWhatIsRead(t *testing.T) {
	s := compiledSchema(t)
	for _, name := range []string{"stock.yaml", "old.yaml", "whole.yaml"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(document(t, data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the schema says about single values is what the program says.
func TestSchemaAgrees(t *testing.T) {
	s := compiledSchema(t)
	for _, test := range []struct {
		text string
		good bool
	}{
		{"json_output: true", true}, {"json_output: 'YES'", true}, {"json_output: maybe", false}, {"json_output: 1", false},
		{"json_output: ${VERBOSE}", true}, {"json_output: [true]", false},
		{"webserver: {listen_port: 1}", true}, {"webserver: {listen_port: 65536}", false}, {"webserver: {listen_port: x}", false}, {"webserver: 5", false}, {"webserver:", true},
		{"delivery: {queue_bytes: 5GiB}", true}, {"delivery: {queue_bytes: 5000000}", true}, {"delivery: {queue_bytes: 5 furlongs}", false}, {"delivery: {queue_bytes: -1}", false},
		{"delivery: {linger: 1h30m}", true}, {"delivery: {linger: 0}", true}, {"delivery: {linger: 30}", false}, {"delivery: {linger: 1 day}", false},
		{"metrics: {interval: 5000}", true}, {"metrics: {interval: 1h30m10s500ms}", true}, {"metrics: {interval: often}", false},
		{"delivery: {when_full: block}", true}, {"delivery: {when_full: explode}", false}, {"delivery: {batch: 0}", false},
		{"delivery: {min_priority: Warning}", true}, {"delivery: {min_priority: bad}", false},
		{"syscall_event_drops: {actions: [log]}", true}, {"syscall_event_drops: {actions: [shout]}", false}, {"syscall_event_drops: {threshold: 2}", false},
		{"rules: [{disable: {rule: x}}]", true}, {"rules: [{disable: x}]", false}, {"rules: {}", false},
		{"append_output: [{extra_fields: [a.b, {c: d}]}]", true}, {"append_output: [{extra_fields: [[x]]}]", false},
		{"static_fields: {a: 1}", true}, {"static_fields: [a]", false},
		{"plugins: [{name: json, init_config: {}}]", true}, {"plugins: [{library_path: x}]", false},
		{"config_files: [/a, {path: /b, strategy: add-only}]", true}, {"config_files: [{path: /b, strategy: mix}]", false},
		{"http_output: {headers: {A: b}}", true}, {"http_output: {headers: [A]}", false},
	} {
		err := s.Validate(document(t, []byte(test.text)))
		if (err == nil) != test.good {
			t.Errorf("%s: the schema says %v", test.text, err)
		}
		_, _, err = load(write(t, test.text), nil, "VERBOSE", "true")
		if (err == nil) != test.good {
			t.Errorf("%s: the program says %v", test.text, err)
		}
	}
	if err := s.Validate(document(t, []byte("prioritty: info"))); err == nil {
		t.Error("the schema lets an unknown key through")
	}
}

func TestSchemaTellsDefaultsAndHelp(t *testing.T) {
	text := string(Schema())
	for _, want := range []string{`"default": "auto"`, `"default": 8765`, `Least severe priority whose rules`, `It has no effect: `} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

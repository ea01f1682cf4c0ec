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
		{"sources: k8s_audit", true}, {"sources: [k8s_audit, syscall]", true}, {"sources: [k8s]", false}, {"sources: k8s", false}, {"sources: []", true},
		{"syscall_event_drops: {actions: log}", true}, {"syscall_event_drops: {actions: [ignore]}", true}, {"syscall_event_drops: {actions: [ignore, log]}", false},
		{"syscall_event_drops: {actions: [log, alert]}", true},
		{"delivery: {queue_bytes: 1KiB}", false}, {"delivery: {queue_bytes: '1024'}", false}, {"delivery: {queue_bytes: 1024}", false}, {"delivery: {queue_bytes: 999.5k}", false},
		{"delivery: {queue_bytes: 1048575}", false}, {"delivery: {queue_bytes: 1048576}", true}, {"delivery: {queue_bytes: 1024 KiB}", true}, {"delivery: {queue_bytes: 1MiB}", true},
		{"metrics: {interval: 10}", false}, {"metrics: {interval: '10'}", false}, {"metrics: {interval: 10ms}", false}, {"metrics: {interval: 100}", true}, {"metrics: {interval: 100ms}", true},
		{"metrics: {interval: 1s}", true}, {"metrics: {interval: 0}", false},
		{"log_level: INFO", true}, {"log_level: loud", false},
		{"webserver: {listen_address: localhost}", false}, {"webserver: {listen_address: 0.0.0.0}", true}, {"webserver: {listen_address: '::'}", true}, {"webserver: {listen_address: 'fe80::1%eth0'}", true},
		{"webserver: {listen_address: 256.0.0.1}", false}, {"webserver: {listen_address: 127.1}", false},
		{"webserver: {k8s_healthz_endpoint: healthz}", false}, {"webserver: {k8s_healthz_endpoint: /live}", true},
		{"audit: {listen: nowhere}", false}, {"audit: {listen: ':9765'}", true}, {"audit: {listen: '[::1]:9765'}", true}, {"audit: {listen: '::1:9765'}", false}, {"audit: {listen: 'host:65536'}", false},
		{"audit: {listen: 'host:65535'}", true}, {"audit: {listen: ''}", true},
		{"audit: {allowed_networks: [10.0.0.0/8, 'fd00::/8', 192.0.2.7]}", true}, {"audit: {allowed_networks: 10.0.0.0/8}", true}, {"audit: {allowed_networks: [here]}", false}, {"audit: {allowed_networks: {a: b}}", false},
		{"audit: {files: [/a, {path: /b, cluster: c, from_end: true}, {path: /c, once: true}]}", true}, {"audit: {files: /a}", true}, {"audit: {files: [{cluster: c}]}", false}, {"audit: {files: ['']}", false}, {"audit: {files: [{path: /a, once: perhaps}]}", false},
		{"audit: {max_event_bytes: 5}", false}, {"audit: {max_event_bytes: 1MiB}", true}, {"audit: {duplicate_events: 10}", false}, {"audit: {duplicate_time: 20m}", true},
		{"grpc: {bind_address: nohost}", false}, {"grpc: {bind_address: unix://}", false}, {"grpc: {bind_address: 'unix:///run/s.sock'}", true}, {"grpc: {bind_address: '0.0.0.0:5060'}", true},
		{"http_output: {url: 'ftp://x'}", false}, {"http_output: {url: 'http:///path'}", false}, {"http_output: {url: 'HTTPS://x:1/y?z'}", true}, {"http_output: {url: 'http://a b'}", false},
		{"http_output: {url: 'file:/run/url'}", true}, {"http_output: {url: ''}", true}, {"http_output: {url: '${URL}'}", true},
		{"http_output: {headers: {A b: c}}", false}, {"http_output: {headers: {'X-A_b': c}}", true}, {"http_output: {headers: {'': c}}", false}, {"http_output: {headers: {'Ä': c}}", false},
		{"http_output: {headers: {A: b}}", true}, {"http_output: {headers: [A]}", false},
	} {
		err := s.Validate(document(t, []byte(test.text)))
		if (err == nil) != test.good {
			t.Errorf("%s: the schema says %v", test.text, err)
		}
		_, _, err = load(write(t, test.text), nil, "VERBOSE", "true", "URL", "http://sink.example")
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

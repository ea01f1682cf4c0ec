package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAuditPlugin(t *testing.T) {
	for _, test := range []struct {
		entry string
		want  func(*Audit)
	}{
		{`{name: k8saudit, open_params: "http://:9765/k8s-audit"}`, func(a *Audit) { a.Listen = ":9765" }},
		{`{name: k8saudit, library_path: libk8saudit.so, init_config: "", open_params: "http://[::1]:80/a"}`, func(a *Audit) { a.Listen, a.Path = "[::1]:80", "/a" }},
		{`{name: k8saudit, open_params: "https://0.0.0.0:9765/k8s-audit"}`, func(a *Audit) {
			a.Listen, a.Certificate, a.Key = "0.0.0.0:9765", "/etc/falco/falco.pem", "/etc/falco/falco.pem"
		}},
		{`{name: k8saudit, init_config: {sslCertificate: /x.pem, webhookMaxBatchSize: 1000}, open_params: "https://h:1/"}`, func(a *Audit) {
			a.Listen, a.Path, a.Certificate, a.Key, a.MaxBody = "h:1", "/", "/x.pem", "/x.pem", 1000
		}},
		{`{name: k8saudit, init_config: '{"sslCertificate": "/x.pem", "webhookMaxBatchSize": 12582912}', open_params: "https://h:1"}`, func(a *Audit) {
			a.Listen, a.Path, a.Certificate, a.Key = "h:1", "/", "/x.pem", "/x.pem"
		}},
		{`{name: k8saudit, init_config: , open_params: ""}`, func(*Audit) {}},
		{`{name: k8saudit, init_config: {}}`, func(*Audit) {}},
		{`{name: k8saudit, init_config: {maxEventSize: 262144}}`, func(*Audit) {}},
		{`{name: k8saudit, init_config: {maxEventSize: 8388608}}`, func(a *Audit) { a.MaxEvent = 8 << 20 }},
		{`{name: k8saudit, open_params: /var/log/audit}`, func(a *Audit) { a.Listen, a.Files = "", []AuditFile{{Path: "/var/log/audit", Once: true}} }},
		{`{name: k8saudit, open_params: "file:///var/log/audit.log"}`, func(a *Audit) { a.Listen, a.Files = "", []AuditFile{{Path: "/var/log/audit.log", FromEnd: true}} }},
	} {
		c, warnings, err := load(write(t, "plugins: ["+test.entry+"]\n"), nil)
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: %q, %v", test.entry, warnings, err)
		}
		if diff := cmp.Diff(auditWith(test.want), c.Audit, sameAudit...); diff != "" {
			t.Errorf("%s:\n%s", test.entry, diff)
		}
	}
	// In a file the plugin has the last word; the command line has it over the file.
	path := write(t, "plugins: [{name: k8saudit, open_params: \"http://:1/x\"}]\naudit: {listen: \":2\"}\n")
	for option, want := range map[string]string{"log_level=info": ":1 /x", "audit.listen=:3": ":3 /x", "audit.path=/y": ":1 /y"} {
		c, _, err := load(path, []string{option})
		if err != nil || c.Audit.Listen+" "+c.Audit.Path != want {
			t.Errorf("%s: %+v, %v", option, c.Audit, err)
		}
	}
}

// Files of open_params stand beside the files and the address that are asked for by our own keys.
func TestPluginFiles(t *testing.T) {
	path := write(t, "plugins: [{name: k8saudit, open_params: /p}]\naudit: {listen: '127.0.0.1:2', files: [/q]}\n")
	for option, want := range map[string]string{"log_level=info": "127.0.0.1:2 [{/q  false false} {/p  false true}]", "audit.files=[/p]": "127.0.0.1:2 [{/p  false false}]", "audit.files=[/r]": "127.0.0.1:2 [{/r  false false}]"} {
		c, warnings, err := load(path, []string{option})
		if got := fmt.Sprint(c.Audit.Listen, " ", c.Audit.Files); err != nil || len(warnings) > 0 || got != want {
			t.Errorf("%s: %s, %q, %v", option, got, warnings, err)
		}
	}
}

func TestPluginWarnings(t *testing.T) {
	path := write(t, `plugins:
  - name: k8saudit
    init_config: {maxEventSize: 5, useAsync: false, sslcertificate: x}
    what: x
  - name: container
    init_config:
      with_size: true
      engines: {docker: {enabled: false}, dockr: {}}
    open_params: x
  - {name: json, init_config: '{"a": 1}'}
  - {name: k8smeta, init_config: {collectorHostname: meta, collectorPort: 45000}}
`)
	_, warnings, err := load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := func(place string) string { return path + ":" + place }
	want := []string{
		at("3:33: key plugins[0].init_config.maxEventSize: events of more than 5, which Falco would drop, are evaluated without their request and response object; rules that read those miss them, so take the key out unless memory is short"),
		at("3:36: key plugins[0].init_config.useAsync has no effect: there are no such threads"),
		at("3:53: unknown key plugins[0].init_config.sslcertificate has no effect; did you mean plugins[0].init_config.sslCertificate?"),
		at("4:5: unknown key what in plugins[0] has no effect; there are name, library_path, init_config, open_params"),
		at("7:7: key plugins[1].init_config.with_size has no effect: containers are found by their cgroups, whatever the engine"),
		at("8:43: unknown key plugins[1].init_config.engines.dockr has no effect; did you mean plugins[1].init_config.engines.docker?"),
		at("9:18: key plugins[1].open_params has no effect: container is no event source"),
		at("10:31: unknown key plugins[2].init_config.a has no effect"),
		at("11:35: key plugins[3].init_config.collectorHostname has no effect: Saker does not ask the API server for metadata"),
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Error(diff)
	}
}

func TestPluginErrors(t *testing.T) {
	for _, test := range []struct{ file, want string }{
		{"plugins: x", ":1:10: key plugins: must be a sequence of entries such as - name: k8saudit"},
		{"plugins: [x]", ":1:11: key plugins[0]: must be a mapping, such as {name: k8saudit}"},
		{"plugins: [{}]", ":1:11: key plugins[0]: has no name"},
		{"plugins: [{name: [x]}]", "key plugins[0]: name: must be a single value"},
		{"load_plugins: {a: b}", ":1:15: key load_plugins: a mapping is not allowed, write a list of names"},
		{"load_plugins: [json]", ":1:16: Cannot load plugin 'json': plugin config not found for given name"},
		{"plugins: [{name: cloudtrail}]", ":1:11: plugin cloudtrail is not part of Saker and cannot be loaded; there are k8saudit, json, container and k8smeta"},
		{"plugins: [{name: k8saudit-eks}]", "forward it to audit.listen by POST"},
		{"load_plugins: [\"a\\eb\"]", `plugin "a\x1bb" is not part`},
		{"plugins: [{name: k8saudit, init_config: {maxEventSize: x, webhookMaxBatchSize: 1.5}}]", `key plugins[0].init_config.webhookMaxBatchSize: "1.5" is not allowed, write a whole number, 1 or more`},
		{"plugins: [{name: k8saudit, init_config: {maxEventSize: x}}]", `:1:56: key plugins[0].init_config.maxEventSize: "x" is not allowed, write a whole number, 1 or more`},
		{"plugins: [{name: container, init_config: {engines: {docker: {enabled: 7}}}}]", `key plugins[0].init_config.engines.docker.enabled: "7" is not allowed, write true or false`},
		{"plugins: [{name: k8saudit, init_config: [x]}]", ":1:41: key plugins[0].init_config: must be a mapping, or a text with a JSON object"},
		{"plugins: [{name: k8saudit, init_config: '{\"sslCertificate\": [}'}]", ":1:"},
		{"plugins: [{name: k8saudit, open_params: 'file://'}]", ":1:41: key plugins[0].open_params: file:// needs a path behind it"},
		{"plugins: [{name: k8saudit, open_params: ftp://x:1/}]", "this address is not allowed, write http://HOST:PORT/PATH"},
		{"plugins: [{name: k8saudit, open_params: http://x/}]", "must have the form http://HOST:PORT/PATH"},
		{"plugins: [{name: k8saudit, open_params: \"http://x:1/a?b\"}]", "must have the form"},
		{"plugins: [{name: k8saudit, open_params: \"http://x:1/a*\"}]", "the path /a* is not allowed"},
	} {
		_, _, err := load(write(t, test.file), nil)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.file, err, test.want)
		}
	}
}

// With events from files, it does not matter that live ones cannot be had.
func TestRecorded(t *testing.T) {
	path := write(t, "engine: {kind: replay, replay: {capture_file: x.scap}}\nplugins: [{name: k8saudit, open_params: /var/log/audit.log}]\n")
	_, _, err := load(path, nil)
	if err == nil || !strings.Contains(err.Error(), ":1:16: key engine.kind: ") {
		t.Error(err)
	}
	c, warnings, err := Load(Input{File: path, Recorded: true, Environment: []string{"FALCO_HOSTNAME=h"}})
	if err != nil || len(warnings) > 0 || c.Sensor.Kind != "nodriver" {
		t.Errorf("%+v, %q, %v", c.Sensor, warnings, err)
	}
}

// A present list loads what it names, an empty one nothing, none all that is defined.
func TestLoadPlugins(t *testing.T) {
	const plugins = "plugins: [{name: k8saudit, open_params: \"http://:1/x\"}, {name: cloudtrail}, {name: json}]\n"
	for entry, listen := range map[string]string{"load_plugins: []\n": "127.0.0.1:9765", "load_plugins: [json]\n": "127.0.0.1:9765", "load_plugins: [json, k8saudit, json]\n": ":1", "load_plugins: k8saudit\n": ":1"} {
		c, warnings, err := load(write(t, plugins+entry), nil)
		if err != nil || len(warnings) > 0 || c.Audit.Listen != listen {
			t.Errorf("%s: %s, %q, %v", entry, c.Audit.Listen, warnings, err)
		}
	}
	if _, _, err := load(write(t, plugins), nil); err == nil {
		t.Error("cloudtrail is loaded")
	}
}

package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/internal/fakesink"
)

// What the rows say about themselves holds.
func TestTable(t *testing.T) {
	variables, names := map[string]string{}, map[string]bool{}
	for _, k := range Keys() {
		if k.Help == "" || k.Allowed == "" || k.Section == "" || k.schema == nil || !strings.HasSuffix(k.Help, ".") {
			t.Errorf("%s lacks help, allowed, section or schema: %+v", k.Name, k)
		}
		if names[k.Name] {
			t.Errorf("%s is there twice", k.Name)
		}
		names[k.Name] = true
		if other := variables[k.Variable()]; other != "" || k.Variable() == FileVariable {
			t.Errorf("%s sets %s and %s", k.Variable(), other, k.Name)
		}
		variables[k.Variable()] = k.Name
		if k.Inert == "" && k.show == nil {
			t.Errorf("%s has an effect, but no value to show", k.Name)
		}
		for section := range mainTable().sections {
			if k.Name == section {
				t.Errorf("%s is a key and has keys below it", k.Name)
			}
		}
	}
}

// A key that is set to its default is not warned of and changes nothing.
func TestDefaultsAreSilent(t *testing.T) {
	want, _, err := load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range Keys() {
		if k.Default == "" || k.preset && strings.HasPrefix(k.Name, "delivery.") {
			continue
		}
		got, warnings, err := load("", []string{k.Name + "=" + k.Default})
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s=%s: %q, %v", k.Name, k.Default, warnings, err)
		}
		if diff := cmp.Diff(values(want), values(got)); diff != "" {
			t.Errorf("%s=%s changes\n%s", k.Name, k.Default, diff)
		}
	}
}

func values(c Config) map[string]string {
	out := map[string]string{}
	for _, v := range c.Effective() {
		out[v.Key] = fmt.Sprint(v.Value)
	}
	return out
}

// Every key refuses what it cannot be, and says where, what was given and what is allowed; keys without effect warn.
func TestWrongTypes(t *testing.T) {
	for _, k := range Keys() {
		for _, wrong := range []string{"{wrong: {deep: 1}}", "[[[1]]]"} {
			if k.Allowed == "text" && wrong[0] == '[' {
				continue // a text by -o may begin with [
			}
			parts := strings.Split(k.Name, ".")
			text := ""
			for i, p := range parts {
				text += strings.Repeat(" ", i) + p + ":"
				if i < len(parts)-1 {
					text += "\n"
				}
			}
			path := write(t, text+" "+wrong+"\n")
			_, warnings, err := load(path, nil)
			said := strings.Join(warnings, "\n")
			if err != nil {
				said += err.Error()
			}
			silent := k.Inert != "" && err == nil && len(warnings) == 0
			switch {
			case silent && slices.Contains([]string{"engine.ebpf.probe", "engine.gvisor.config", "engine.gvisor.root", "container_engines.cri.sockets", "container_engines.cri.cri_timeout"}, k.Name):
			case k.Name == "static_fields" || k.Name == "http_output.headers" || k.Name == "config_files":
			case !strings.Contains(said, fmt.Sprintf("%s:%d:", path, len(parts))) || !strings.Contains(said, k.Name):
				t.Errorf("%s %s: %q", k.Name, wrong, said)
			case (err == nil) != (k.Inert != ""):
				t.Errorf("%s %s: error %v", k.Name, wrong, err)
			}
		}
	}
}

// What is in effect, written as a configuration, is the same configuration again.
func TestEffectiveReadBack(t *testing.T) {
	certificate, key := fakesink.NewAuthority(t, "ca").Sign(t, fakesink.Certificate{})
	web := "webserver.ssl_certificate=" + fakesink.WriteFile(t, t.TempDir(), "web.pem", append(certificate, key...))
	first, _, err := load("testdata/whole.yaml", []string{web}, "TOKEN", "t")
	if err != nil {
		t.Fatal(err)
	}
	tree := map[string]any{}
	for _, v := range first.Effective() {
		if k := mainTable().named[v.Key]; k.Secret || v.Key == "plugins" || v.Key == "load_plugins" || v.Key == "config_files" || v.Key == "http_output.template_file" {
			continue
		}
		parts := strings.Split(v.Key, ".")
		at := tree
		for _, p := range parts[:len(parts)-1] {
			if at[p] == nil {
				at[p] = map[string]any{}
			}
			at = at[p].(map[string]any)
		}
		at[parts[len(parts)-1]] = v.Value
	}
	data, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	second, warnings, err := load(write(t, string(data)), []string{"http_output.url=https://example.com/x", "program_output.program=cat"})
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	a, b := values(first), values(second)
	for _, key := range []string{"plugins", "load_plugins", "config_files", "http_output.headers", "http_output.template", "http_output.template_file"} {
		delete(a, key)
		delete(b, key)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Error(diff)
	}
}

func TestEffectiveOrigins(t *testing.T) {
	path := write(t, "priority: error\nhttp_output: {url: \"https://user:canary@example.com/canary\"}\n")
	c, _, err := load(path, []string{"log_level=debug"}, "SAKER_LOG_FORMAT", "json")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]KeyValue{}
	for _, v := range c.Effective() {
		got[v.Key] = v
		if text, err := json.Marshal(v.Value); err != nil || string(text) == "null" {
			t.Errorf("%s has no value: %s, %v", v.Key, text, err)
		}
	}
	for _, want := range []KeyValue{
		{"priority", "error", path + ":1:11"}, {"http_output.url", "***", path + ":2:20"}, {"log_level", "debug", "-o log_level"},
		{"log_format", "json", "SAKER_LOG_FORMAT"}, {"webserver.listen_port", 8765, ""}, {"delivery.queue_bytes", "1GiB", ""},
		{"data_dir", "/state", ""}, {"program_output.program", "", ""},
	} {
		if diff := cmp.Diff(want, got[want.Key]); diff != "" {
			t.Error(diff)
		}
	}
}

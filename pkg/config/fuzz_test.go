package config

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// memory is a file system of a map; names begin with /.
type memory struct{ fstest.MapFS }

func relative(name string) string {
	if name = strings.TrimPrefix(name, "/"); name == "" {
		return "."
	}
	return name
}

func (m memory) Open(name string) (fs.File, error)          { return m.MapFS.Open(relative(name)) }
func (m memory) Stat(name string) (fs.FileInfo, error)      { return m.MapFS.Stat(relative(name)) }
func (m memory) ReadDir(name string) ([]fs.DirEntry, error) { return m.MapFS.ReadDir(relative(name)) }

// Whatever the files, options and variables hold: the loader ends, says errors as text that can be printed, and what it
// says to be in effect can be encoded.
func FuzzLoad(f *testing.F) {
	f.Add("json_output: true\n", "priority: error", "rules_files[]=x", "SAKER_LOG_LEVEL=debug")
	f.Add("a: &a [*a]\n", "", "a.b[0].c={x: y}", "SAKER_RULES=[{enable: {rule: x}}]")
	f.Add("config_files: [/d, {path: /d/a.yaml, strategy: add-only}]\nrules: [{enable: {rule: x, tag: y}}]\nstatic_fields: {a: b, \"\\e\": c}\n", "rules: []", "config_files[]=/d/a.yaml", "X=1")
	f.Add("append_output: [{match: {tags: [a]}, extra_fields: [x, {a: b}]}]\n", "config_files: x", "append_output[0].extra_output=%a.b", "SAKER_X=")
	f.Add("audit: {listen: ':1', allowed_networks: [10.0.0.0/8, '::ffff:1.2.3.4/100'], files: [/a, {path: /b, once: on}, {path: '', from_end: x}]}\n", "plugins: [{name: k8saudit, open_params: 'file:///a'}]", "audit.files[1].cluster=c", "SAKER_AUDIT_ALLOWED_NETWORKS=fe80::1%x")
	f.Add("plugins: [{name: k8saudit, init_config: '{\"maxEventSize\": 1}', open_params: 'https://:1/x'}, {name: container, init_config: {engines: {docker: {enabled: x}}}}]\n", "load_plugins: [k8saudit]\nconfig_files: [/d]", "http_output={url: 'http://x', headers: {a: b}}", "SAKER_DELIVERY_BATCH=3")
	f.Add("config_files: [/]\nhttp_output: {template_file: /d/a.yaml, enabled: true, url: 'http://x'}\n", "{{.Message", "delivery.linger=${X}s", "X=5")
	f.Add("engine: {kind: kmod, kmod: {buf_size_preset: 10}}\noutput_timeout: ${X}\ngrpc: {bind_address: 'unix://'}\n", "metrics: {interval: 1y}", "delivery.retry_min=2d", "X=99")
	f.Add(strings.Repeat("{a: ", 100)+"1"+strings.Repeat("}", 100), strings.Repeat("[", 10000), "a"+strings.Repeat(".a", 200)+"=1", "SAKER_SYSCALL_EVENT_DROPS_ACTIONS=[ignore, log]")
	f.Fuzz(func(t *testing.T, file, included, option, variable string) {
		files := memory{fstest.MapFS{
			"main.yaml": {Data: []byte(file)}, "d/a.yaml": {Data: []byte(included)}, "d/b.yaml": {Data: []byte("log_level: debug\n")},
		}}
		c, warnings, err := Load(Input{File: "/main.yaml", Options: []string{option, "config_files[]=/d"}, Environment: []string{variable, "FALCO_HOSTNAME=h"}, files: files})
		if err != nil {
			warnings = append(warnings, strings.Split(err.Error(), "\n")...)
		}
		weak, err := c.CheckAccess()
		if warnings = append(warnings, weak...); err != nil {
			warnings = append(warnings, strings.Split(err.Error(), "\n")...)
		}
		for _, w := range warnings {
			if strings.ContainsAny(w, "\x1b\r\x00\x07") || w == "" {
				t.Fatalf("%q", w)
			}
		}
		if _, err := json.Marshal(c.Effective()); err != nil {
			t.Fatal(err)
		}
	})
}

// What is made to eat memory or time is refused, quickly.
func TestBombs(t *testing.T) {
	var aliases strings.Builder
	aliases.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		name, last := string(rune('a'+i)), "a0"
		if i > 1 {
			last = string(rune('a' + i - 1))
		}
		aliases.WriteString(name + ": &" + name + " [" + strings.Repeat("*"+last+", ", 9) + "*" + last + "]\n")
	}
	many := make([]string, 200_000)
	for i := range many {
		many[i] = "rules_files[]=x"
	}
	var unknown strings.Builder
	for i := range maxNodes {
		fmt.Fprintf(&unknown, "webservr%d: 1\n", i)
	}
	for name, in := range map[string]struct {
		file    string
		options []string
		want    string
	}{
		"aliases":      {aliases.String(), nil, "more than 100000 values, counting aliases each time they are used"},
		"self":         {"a: &a [*a]\n", nil, "nested deeper than 64 levels"},
		"deep":         {strings.Repeat("[", 1_000_000), nil, "this is not YAML"},
		"deep mapping": {"a: " + strings.Repeat("{a: ", 65) + "1" + strings.Repeat("}", 65), nil, "this is not YAML"},
		"wide":         {"rules_files: [" + strings.Repeat("x,", maxNodes) + "]", nil, "more than 100000 values"},
		"unknown":      {unknown.String() + "x: [x]\n", nil, "more than 100000 values"},
		"options":      {"", many, "more than 100000 values"},
		"index":        {"", []string{"rules_files[99999]=x"}, "index 99999, but the sequence has 0 items"},
		"long path":    {"", []string{strings.Repeat("a.", 1_000_000) + "b=1"}, "has more than 1000 bytes"},
		"deep path":    {"", []string{strings.Repeat("a.", 70) + "b=1"}, "has more than 64 parts"},
	} {
		start := time.Now()
		_, _, err := load(write(t, in.file), in.options)
		if err == nil || !strings.Contains(err.Error(), in.want) {
			t.Errorf("%s: %.300v", name, err)
		}
		if len(err.Error()) > 100_000 {
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		}
		t.Logf("%s: %v", name, time.Since(start).Round(time.Millisecond))
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, _, err := load("testdata/stock.yaml", nil); err != nil {
			b.Fatal(err)
		}
	}
}

// Many keys that nobody knows do not take long, and are not all told.
func TestManyUnknown(t *testing.T) {
	var b strings.Builder
	for i := range 90_000 {
		fmt.Fprintf(&b, "webservr%d: 1\n", i)
	}
	_, warnings, err := load(write(t, b.String()+"---\na: b\n"), nil)
	if err != nil || len(warnings) != maxWarnings+1 || warnings[maxWarnings] != "and 89801 more warnings" {
		t.Errorf("%d warnings, %v", len(warnings), err)
	}
}

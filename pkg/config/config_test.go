package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "falco.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadFile(t *testing.T) {
	path := write(t, `
rules_files: [a.yaml, "${DIR}/b.yaml"]
priority: Warning
rule_matching: all
json_output: yes
file_output:
  enabled: true
  filename: $${HOME}/x
json_output: no
webserver: {listen_port: 9000, threadiness: 3}
prioritty: info
http_output: {enabled: true}
audit: {listen: "[::1]:99"}
`)
	c, warnings, err := Load(path, nil, environment(map[string]string{"DIR": "/etc"}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.yaml", "/etc/b.yaml"}, c.RulesFiles); diff != "" {
		t.Error(diff)
	}
	if c.Priority.String() != "Warning" || !c.MatchAll || !c.JSON || c.Web.Port != 9000 || c.Audit.Listen != "[::1]:99" {
		t.Errorf("wrong values: %+v", c)
	}
	if c.Outputs.File.Settings.Path != "${HOME}/x" || !c.Outputs.File.Enabled || !c.Outputs.Stdout.Enabled {
		t.Errorf("wrong outputs: %+v", c)
	}
	want := []string{
		path + ":10:32: key webserver.threadiness is Falco's but has no effect in this version of Saker",
		path + ":11:1: unknown key prioritty has no effect; did you mean priority?",
		path + ":12:1: key http_output is Falco's but has no effect in this version of Saker",
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Error(diff)
	}
}

func TestOptions(t *testing.T) {
	c, warnings, err := Load("", []string{
		"json_output=true", "rules_files[]=x", "rules_files[]=y", "rules_files[0]=z", "file_output={enabled: true, filename: f}",
		"data_dir=${HOME}/d", `zz\server=1`, "stdout_output.enabled=false",
	}, environment(map[string]string{"HOME": "/root"}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"z", "y"}, c.RulesFiles); diff != "" {
		t.Error(diff)
	}
	if !c.JSON || !c.Outputs.File.Enabled || c.Outputs.File.Settings.Path != "f" || c.DataDir != "/root/d" || c.Outputs.Stdout.Enabled {
		t.Errorf("wrong values: %+v", c)
	}
	if diff := cmp.Diff([]string{`-o zz\server: unknown key zzserver has no effect`}, warnings); diff != "" {
		t.Error(diff)
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct{ file, option, want string }{
		{"", "json_output", "must have the form key=value"},
		{"", "json_output=maybe", `-o json_output: key json_output: "maybe" is neither true nor false`},
		{"", "priority=warn", `unknown priority "warn"--must be one of emergency, alert, critical, error, warning, notice, informational, debug`},
		{"", "rule_matching=some", `unknown rule matching strategy "some"--must be one of first, all`},
		{"", "rules_files[2]=x", "index 2, but the sequence has 0 items"},
		{"", "rules_files[x]=x", "is not a number"},
		{"", "a[=1", "has a [ without a ]"},
		{"", "engine.kind=kmod", "no kmod driver"},
		{"", "audit.tls_key=x", "must be set together"},
		{"", "webserver.listen_port=70000", "is not a port number"},
		{"- a\n", "", ":1:1: the configuration must be a mapping"},
		{"a: [\n", "", "read "},
		{"json_output: {a: 1}\n", "", "must be a single value"},
	} {
		path := ""
		if test.file != "" {
			path = write(t, test.file)
		}
		var options []string
		if test.option != "" {
			options = []string{test.option}
		}
		_, _, err := Load(path, options, environment(nil))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q %q: error %v, want %q", test.file, test.option, err, test.want)
		}
	}
}

// An alias bomb grows exponentially; it must be refused, quickly.
func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		name := "a" + string(rune('0'+i/10)) + string(rune('0'+i%10))
		last := "a0"
		if i > 1 {
			last = "a" + string(rune('0'+(i-1)/10)) + string(rune('0'+(i-1)%10))
		}
		b.WriteString(name + ": &" + name + " [" + strings.Repeat("*"+last+", ", 9) + "*" + last + "]\n")
	}
	if _, _, err := Load(write(t, b.String()), nil, environment(nil)); err == nil {
		t.Fatal("accepted")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("json_output: true\n", "rules_files[]=x")
	f.Add("a: &a [*a]\n", "a.b[0].c={x: y}")
	f.Add("rules: [{enable: {rule: x, tag: y}}]\nstatic_fields: {a: b, \"\\e\": c}\n", "rules[].disable.rule=x")
	f.Add("append_output: [{match: {tags: [a]}, extra_fields: [x, {a: b}]}]\n", "append_output[0].extra_output=%a.b")
	f.Fuzz(func(t *testing.T, file, option string) {
		_, _, _ = Parse("f", []byte(file), []string{option}, environment(nil))
	})
}

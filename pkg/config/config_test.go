package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// load reads a file with options in an environment of names and values in turn. What it finds of the machine is the
// same everywhere.
func load(path string, options []string, env ...string) (Config, []string, error) {
	list := []string{"FALCO_HOSTNAME=host", "STATE_DIRECTORY=/state"}
	for i := 0; i+1 < len(env); i += 2 {
		list = append(list, env[i]+"="+env[i+1])
	}
	return Load(Input{File: path, Options: options, Environment: list})
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
syscall_event_timeouts: {max_consecutives: 7}
audit: {listen: "[::1]:99"}
`)
	c, warnings, err := load(path, nil, "DIR", "/etc")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.yaml", "/etc/b.yaml"}, c.RulesMissing); diff != "" {
		t.Error(diff)
	}
	if c.Priority.String() != "Warning" || !c.MatchAll || !c.JSON || c.Web.Port != 9000 || c.Audit.Listen != "[::1]:99" {
		t.Errorf("wrong values: %+v", c)
	}
	if c.Outputs.File.Settings.Path != "${HOME}/x" || !c.Outputs.File.Enabled || !c.Outputs.Stdout.Enabled {
		t.Errorf("wrong outputs: %+v", c)
	}
	want := []string{
		path + ":2:14: none of the rules files is there (a.yaml, /etc/b.yaml): the built-in rules are used",
		path + ":9:1: key json_output is here for the second time and has no effect, the first is at " + path + ":5:1",
		path + ":10:32: key webserver.threadiness has no effect: the server needs no number of threads",
		path + ":11:1: unknown key prioritty has no effect; did you mean priority?",
		path + ":12:26: key syscall_event_timeouts.max_consecutives has no effect: Saker counts events and losses instead, see metrics",
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Error(diff)
	}
}

func TestOptions(t *testing.T) {
	c, warnings, err := load("", []string{
		"json_output=true", "rules_files[]=x", "rules_files[]=y", "rules_files[0]=z", "file_output={enabled: true, filename: f}",
		"data_dir=${HOME}/d", `zz\server=1`, "stdout_output.enabled=false",
	}, "HOME", "/root")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"z", "y"}, c.RulesMissing); diff != "" {
		t.Error(diff)
	}
	if !c.JSON || !c.Outputs.File.Enabled || c.Outputs.File.Settings.Path != "f" || c.DataDir != "/root/d" || c.Outputs.Stdout.Enabled {
		t.Errorf("wrong values: %+v", c)
	}
	if diff := cmp.Diff([]string{
		"-o rules_files[]: none of the rules files is there (z, y): the built-in rules are used",
		`-o zz\server: unknown key zzserver has no effect; did you mean webserver?`,
	}, warnings); diff != "" {
		t.Error(diff)
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct{ file, option, want string }{
		{"json_output: true\n--- [\n", "", "this is not YAML"},
		{"", "json_output", "must have the form key=value"},
		{"", "json_output=maybe", `-o json_output: key json_output: "maybe" is not allowed, write true or false`},
		{"", "priority=warn", `"warn" is not allowed, write one of emergency, alert, critical, error, warning, notice, informational, debug`},
		{"", "rule_matching=some", `key rule_matching: "some" is not allowed, write first or all`},
		{"", "rules_files[2]=x", "index 2, but the sequence has 0 items"},
		{"", "rules_files[x]=x", "is not a number"},
		{"", "a[=1", "has a [ without a ]"},
		{"", "engine.kind=replay", "saker replay FILE"},
		{"", "audit.tls_key=x", "must be set together"},
		{"", "webserver.listen_port=70000", "write a whole number from 0 to 65535"},
		{"- a\n", "", ":1:1: the configuration must be a mapping"},
		{"a: [\n", "", ":2:1: this is not YAML: "},
		{"json_output: {a: 1}\n", "", ":1:14: key json_output: a mapping is not allowed, write true or false"},
	} {
		path := ""
		if test.file != "" {
			path = write(t, test.file)
		}
		var options []string
		if test.option != "" {
			options = []string{test.option}
		}
		_, _, err := load(path, options)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q %q: error %v, want %q", test.file, test.option, err, test.want)
		}
	}
}

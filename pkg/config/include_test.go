package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree writes files of names and texts in turn into a new directory.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i+1 < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(files[i+1], "DIR", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestIncludeStrategies(t *testing.T) {
	dir := tree(t,
		"main.yaml", `
config_files:
  - DIR/append.yaml
  - DIR/missing.yaml
  - {path: DIR/d, strategy: override}
  - {path: DIR/add.yaml, strategy: add-only}
rules:
  - disable: {rule: main}
static_fields: {from: main, other: main}
priority: error
webserver: {enabled: false, listen_port: 1}
`,
		"append.yaml", "rules: [{disable: {rule: appended}}]\npriority: warning\nwebserver: {listen_port: 2}\n",
		"d/20.yaml", "static_fields: {from: twenty}\n",
		"d/10.yaml", "static_fields: {from: ten}\nrules: [{disable: {rule: ten}}]\n",
		"d/sub/x.yaml", "priority: alert\n",
		"add.yaml", "priority: debug\nlog_level: debug\n",
	)
	// As a ConfigMap is mounted: the files are links to links.
	if err := os.Symlink("sub", filepath.Join(dir, "d", "..data")); err != nil {
		t.Fatal(err)
	}
	c, warnings, err := load(filepath.Join(dir, "main.yaml"), []string{"json_output=true"})
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	if diff := cmp.Diff([]StaticField{{"from", "twenty"}}, c.StaticFields); diff != "" {
		t.Error(diff)
	}
	if len(c.Selections) != 1 || c.Selections[0].Rule != "ten" || c.Selections[0].Origin != filepath.Join(dir, "d/10.yaml")+":2:19" {
		t.Errorf("wrong selections: %+v", c.Selections)
	}
	// A mapping replaces the whole mapping, as in Falco.
	if c.Priority.String() != "Warning" || !c.Web.Enabled || c.Web.Port != 2 || c.Log.Level != "debug" || !c.JSON {
		t.Errorf("wrong values: %+v", c)
	}
	var files []string
	for _, f := range c.Files {
		name, _ := filepath.Rel(dir, f)
		files = append(files, name)
	}
	if diff := cmp.Diff([]string{"main.yaml", "append.yaml", "d/10.yaml", "d/20.yaml", "add.yaml"}, files); diff != "" {
		t.Error(diff)
	}
	if len(c.ConfigPaths) != 4 {
		t.Errorf("paths to watch: %q", c.ConfigPaths)
	}
}

func TestIncludeAppends(t *testing.T) {
	dir := tree(t, "main.yaml", "config_files: [DIR/a.yaml]\nrules: [{disable: {rule: m}}]\n",
		"a.yaml", "rules: [{disable: {rule: a}}]\n", "o.yaml", "rules: [{disable: {rule: o}}]\npriority: wrong\n")
	c, _, err := load(filepath.Join(dir, "main.yaml"), []string{"rules[].disable.rule=option"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range c.Selections {
		got = append(got, s.Rule)
	}
	if diff := cmp.Diff([]string{"m", "a", "option"}, got); diff != "" {
		t.Error(diff)
	}
	// -o config_files counts before the files are merged, by the option or the variable; positions are those of the
	// file that is meant.
	for _, how := range []struct{ option, variable string }{{"config_files=" + dir + "/o.yaml", ""}, {"config_files[]=" + dir + "/o.yaml", ""}, {"log_level=info", "[" + dir + "/o.yaml]"}} {
		env := []string{}
		if how.variable != "" {
			env = []string{"SAKER_CONFIG_FILES", how.variable}
		}
		_, _, err := load(filepath.Join(dir, "main.yaml"), []string{how.option}, env...)
		if err == nil || !strings.HasPrefix(err.Error(), dir+`/o.yaml:2:11: key priority: "wrong" is not allowed`) {
			t.Errorf("%+v: %v", how, err)
		}
	}
}

func TestIncludeErrors(t *testing.T) {
	for _, test := range []struct{ main, other, want string }{
		{"config_files: [DIR/main.yaml]", "", "main.yaml:1:16: key config_files: DIR/main.yaml is the main configuration file itself"},
		{"config_files: [DIR/link.yaml]", "", "main.yaml:1:16: key config_files: DIR/link.yaml is the main configuration file itself"},
		{"config_files: DIR", "", "main.yaml is the main configuration file itself"},
		{"config_files: [DIR/o.yaml]", "a: 1\nconfig_files: [x]", "o.yaml:2:1: key config_files: only the main configuration file may include others"},
		{"config_files: [DIR/o.yaml]", "- a", "o.yaml:1:1: the configuration must be a mapping"},
		{"config_files: [DIR/o.yaml]", "a: [", "o.yaml:2:1: this is not YAML"},
		{"config_files: [{path: DIR/o.yaml, strategy: mix}]", "", `main.yaml:1:`},
		{"config_files: [{path: DIR/o.yaml, strategy: mix}]", "", `key config_files[0].strategy: "mix" is not allowed, write one of append, override, add-only`},
		{"config_files: [{strategy: append}]", "", "key config_files[0]: must be a path, or {path: PATH"},
		{"config_files: [[x]]", "", "key config_files[0]: must be a path"},
		{"config_files: {a: b}", "", "key config_files[0]: must be a path"},
	} {
		dir := tree(t, "main.yaml", test.main+"\n", "o.yaml", test.other)
		if err := os.Symlink("main.yaml", filepath.Join(dir, "link.yaml")); err != nil {
			t.Fatal(err)
		}
		_, _, err := load(filepath.Join(dir, "main.yaml"), nil)
		if err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(test.want, "DIR", dir)) {
			t.Errorf("%s: %v, want %q", test.main, err, test.want)
		}
	}
}

func TestManyFiles(t *testing.T) {
	files := []string{"main.yaml", "config_files: [DIR/d]\n"}
	for i := range maxFiles + 1 {
		files = append(files, fmt.Sprintf("d/%04d.yaml", i), "")
	}
	_, _, err := load(filepath.Join(tree(t, files...), "main.yaml"), nil)
	if err == nil || !strings.Contains(err.Error(), "more than 1000 files") {
		t.Error(err)
	}
}

func TestLargeFile(t *testing.T) {
	_, _, err := load(write(t, strings.Repeat("#", maxSize+1)), nil)
	if err == nil || !strings.HasSuffix(err.Error(), "falco.yaml: read the configuration: it is larger than 4MiB") {
		t.Error(err)
	}
	_, _, err = load(filepath.Join(t.TempDir(), "none.yaml"), nil)
	if err == nil || !strings.HasSuffix(err.Error(), "none.yaml: read the configuration: no such file or directory") {
		t.Error(err)
	}
}

// A list that several files and an option make names all of them.
func TestOrigins(t *testing.T) {
	dir := tree(t,
		"main.yaml", "config_files: [DIR/a.yaml, DIR/b.yaml]\nrules_files: [/dev/null]\nload_plugins: [k8saudit]\nplugins: [{name: k8saudit, library_path: x}]\n",
		"a.yaml", "rules_files: [/dev/null]\n",
		"b.yaml", "rules_files:\n  - /dev/null\n  - /dev/null\n",
	)
	c, _, err := load(filepath.Join(dir, "main.yaml"), []string{"rules_files[]=/dev/null"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range c.Effective() {
		got[v.Key] = v.Origin
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	if want := at("main.yaml") + ":2:14, " + at("a.yaml") + ":1:15, " + at("b.yaml") + ":2:5, -o rules_files[]"; got["rules_files"] != want {
		t.Errorf("rules_files is of %s, want %s", got["rules_files"], want)
	}
	if want := at("main.yaml") + ":3:15"; got["load_plugins"] != want {
		t.Errorf("load_plugins is of %s, want %s", got["load_plugins"], want)
	}
	if got["priority"] != "" {
		t.Errorf("a default is of %s", got["priority"])
	}
}

// The name of a file cannot steer the terminal that messages about it go to, and stays as it is for programs.
func TestNamesOfFiles(t *testing.T) {
	dir := tree(t, "ev\x1b[31m\nil.yaml", "prioritty: info\njson_output: true\n", "bad\x1b.yaml", "json_output: maybe\n")
	name := filepath.Join(dir, "ev\x1b[31m\nil.yaml")
	c, warnings, err := load(name, nil)
	if err != nil || len(warnings) != 1 || !strings.HasPrefix(warnings[0], filepath.Join(dir, `ev\x1b[31m\nil.yaml`)+":1:1: unknown key") {
		t.Error(warnings, err)
	}
	for _, v := range c.Effective() {
		if v.Key == "json_output" && v.Origin != name+":2:14" {
			t.Errorf("%q", v.Origin)
		}
	}
	if _, _, err := load(filepath.Join(dir, "bad\x1b.yaml"), nil); err == nil || !strings.HasPrefix(err.Error(), filepath.Join(dir, `bad\x1b.yaml`)+":1:14: key") {
		t.Error(err)
	}
}

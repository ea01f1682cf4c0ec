package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVariables(t *testing.T) {
	path := write(t, "priority: error\nlog_level: error\nwebserver: {listen_port: 1, listen_address: \"::1\"}\n")
	c, warnings, err := load(path, []string{"log_level=debug"},
		"SAKER_PRIORITY", "warning", "SAKER_LOG_LEVEL", "notice", "SAKER_WEBSERVER_LISTEN_PORT", "2", "SAKER_DATA_DIR", "/x/${y}",
		"SAKER_SOURCES", "[syscall]", "SAKER_STATIC_FIELDS", "{region: eu}", "SAKER_HTTP_OUTPUT_HEADERS", `{"A": "b"}`, "SAKER_CONFIG", "unused",
		"SAKER_PROGRAM_OUTPUT_PROGRAM", "cat ${HOME}")
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	if c.Priority.String() != "Warning" || c.Log.Level != "debug" || c.Web.Port != 2 || c.Web.Address != "::1" || c.DataDir != "/x/${y}" || !c.DataDirChosen ||
		c.Outputs.Program.Settings.Shell != "cat ${HOME}" || len(c.Outputs.HTTP.Settings.Headers) != 1 {
		t.Errorf("wrong values: %+v", c)
	}
	if diff := cmp.Diff([]string{"syscall"}, c.Sources); diff != "" {
		t.Error(diff)
	}
	_, warnings, err = load("", nil, "SAKER_PRIORITY", "bad", "SAKER_LOGLEVEL", "x", "SAKER_HTTP_OUTPUT_URL", "canary",
		// What Kubernetes sets for services called saker and saker-audit.
		"SAKER_SERVICE_HOST", "10.0.0.1", "SAKER_SERVICE_PORT", "9765", "SAKER_SERVICE_PORT_AUDIT", "9765", "SAKER_PORT", "tcp://10.0.0.1:9765",
		"SAKER_PORT_9765_TCP", "tcp://10.0.0.1:9765", "SAKER_PORT_9765_TCP_PROTO", "tcp", "SAKER_PORT_9765_TCP_PORT", "9765", "SAKER_PORT_9765_TCP_ADDR", "10.0.0.1",
		"SAKER_AUDIT_SERVICE_HOST", "10.0.0.1", "SAKER_AUDIT_PORT", "udp://10.0.0.1:1", "SAKER_AUDIT_PORT_1_UDP_ADDR", "x")
	if diff := cmp.Diff([]string{"SAKER_LOGLEVEL: this environment variable has no effect: there is no such key; did you mean SAKER_LOG_LEVEL?"}, warnings); diff != "" {
		t.Error(diff)
	}
	want := `SAKER_HTTP_OUTPUT_URL: key http_output.url: the value is not allowed, write an address that begins with http:// or https:// and names a host, or file:PATH of a file that holds one
SAKER_PRIORITY: key priority: "bad" is not allowed, write one of emergency, alert, critical, error, warning, notice, informational, debug`
	if err == nil || err.Error() != want {
		t.Error(err)
	}
}

func TestExpansion(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"a", "a"}, {"${A}", "1"}, {"x${A}y${B}z", "x1y2z"}, {"$${A}", "${A}"}, {"$$${A}", "$${A}"}, {"${NONE}", ""}, {"${", "${"}, {"$A ${A}", "$A 1"}, {"${A", "${A"},
		{"${R}", "${A}"}, {"a$ b${B}", "a$ b2"}, {"${}", ""},
	} {
		e := newEnvironment([]string{"A=1", "B=2", "R=${A}", "=x", "A=3"})
		if got := e.expand(test.text, func(string) {}); got != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
}

// The type of a value is that of the text after the replacement, and an error shows the text before it.
func TestExpandedTypes(t *testing.T) {
	path := write(t, `json_output: ${ON}
webserver:
  listen_port: ${PORT}
  enabled: ${NONE}
log_level: "${LEVEL}"
stdout_output: ${NONE}
`)
	c, warnings, err := load(path, nil, "ON", "true", "PORT", "77", "LEVEL", "debug")
	if err != nil {
		t.Fatal(err)
	}
	if !c.JSON || c.Web.Port != 77 || !c.Web.Enabled || c.Log.Level != "debug" {
		t.Errorf("wrong values: %+v", c)
	}
	if len(warnings) != 2 || !strings.Contains(warnings[0], ":4:12: the environment variable NONE is not set, ${NONE} stands for empty text") {
		t.Errorf("%q", warnings)
	}
	_, _, err = load(path, nil, "ON", "canary", "PORT", "77", "LEVEL", "debug")
	if err == nil || !strings.Contains(err.Error(), `:1:14: key json_output: "${ON}" is not allowed`) || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}

func TestPlaces(t *testing.T) {
	c, _, err := Load(Input{Environment: []string{"FALCO_HOSTNAME=h", "HOST_ROOT=/host", "STATE_DIRECTORY=/var/lib/a:/var/lib/b", "HOME=/root"}})
	if err != nil || c.Hostname != "h" || c.HostRoot != "/host" || c.DataDir != "/var/lib/a" || !c.DataDirChosen {
		t.Errorf("%+v, %v", c, err)
	}
	c, _, err = Load(Input{Environment: []string{"STATE_DIRECTORY=/a", "SAKER_DATA_DIR=memory"}})
	name, _ := os.Hostname()
	if err != nil || c.Hostname != name || c.HostRoot != "/" || c.DataDir != "" || !c.DataDirChosen {
		t.Errorf("%+v, %v", c, err)
	}
	for _, test := range []struct {
		env      []string
		root     bool
		writable bool
		want     string
	}{
		{nil, true, false, "/var/lib/saker"}, {nil, false, true, "/var/lib/saker"}, {nil, false, false, ""},
		{[]string{"HOME=/home/u"}, false, false, "/home/u/.local/state/saker"},
		{[]string{"HOME=/home/u", "XDG_STATE_HOME=/s"}, false, false, "/s/saker"},
		{[]string{"HOME=home", "XDG_STATE_HOME=s", "STATE_DIRECTORY=x"}, false, false, ""},
	} {
		dir, chosen := dataDir(newEnvironment(test.env), test.root, func(string) bool { return test.writable })
		if dir != test.want || chosen {
			t.Errorf("%+v: %q, %v", test, dir, chosen)
		}
	}
	if _, _, err := load("", []string{"data_dir="}); err == nil || !strings.Contains(err.Error(), "it is empty; write a path, or memory") {
		t.Error(err)
	}
}

func TestFindFile(t *testing.T) {
	if got := FindFile([]string{"SAKER_CONFIG=/x"}); got != "/x" {
		t.Error(got)
	}
	if _, err := os.Stat(DefaultFile); err != nil {
		if got := FindFile(nil); got != "" {
			t.Error(got)
		}
	}
}

func TestRulesFiles(t *testing.T) {
	dir := tree(t, "a.yaml", "", "b/x.yaml", "")
	a, b := filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b")
	path := write(t, "rules_files: ["+a+", "+dir+"/none.yaml, "+b+"]\n")
	c, warnings, err := load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{a, b}, c.RulesFiles); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{path + ":1:14: skipped rules files that are not there: " + dir + "/none.yaml"}, warnings); diff != "" {
		t.Error(diff)
	}
	// Those of the command line take the place of the key and must be there.
	c, warnings, err = Load(Input{File: path, Rules: []string{"x"}, Environment: []string{"FALCO_HOSTNAME=h"}})
	if err != nil || len(warnings) > 0 || len(c.RulesFiles) != 1 || c.RulesFiles[0] != "x" {
		t.Errorf("%q, %q, %v", c.RulesFiles, warnings, err)
	}
	_, _, err = load(write(t, "rules_files: [a]\nrules_file: [b]\n"), nil)
	if err == nil || !strings.Contains(err.Error(), ":2:13: both 'rules_files' and 'rules_file' keys set") {
		t.Error(err)
	}
}

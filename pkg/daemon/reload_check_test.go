package daemon

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/deliver/secret"
	"github.com/saker-security/saker/pkg/rule"
)

func TestIsBlank(t *testing.T) {
	long := strings.Repeat("x", 10000)
	for text, want := range map[string]bool{
		"": true, "\n \r\n\t\n": true, "# a\n  # b": true, "---\n# a\n...\n": true, "#" + long + "\n#": true, strings.Repeat(" ", 10000) + "#a": true,
		"[]": false, "{}\n": false, "- rule: x": false, "# a\na: b\n# c": false, "#" + long + "\nx\n": false, long: false,
	} {
		if got, err := isBlank(strings.NewReader(text)); err != nil || got != want {
			t.Errorf("%.20q: %v, %v", text, got, err)
		}
	}
}

// Files that were emptied, and rules that leave a source without any, are not put into force, unless that is said to be
// meant.
func TestReloadOfNothing(t *testing.T) {
	dir := t.TempDir()
	file, rules, more := filepath.Join(dir, "saker.yaml"), filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "more.yaml")
	configuration := "watch_config_files: false\naudit: {listen: '127.0.0.1:0'}\nwebserver: {listen_port: 0}\n" +
		"data_dir: memory\nrules_files: [" + rules + ", " + more + "]\n"
	write(t, file, configuration)
	write(t, rules, generation("1"))
	write(t, more, "- list: l\n  items: [x]\n")
	load := func() (config.Config, []string, error) { return config.Load(config.Input{File: file}) }
	d, stdout, stderr, _ := startWith(t, Options{Load: load, Sources: []string{"k8s_audit"}})
	bad := uint64(0)
	for _, test := range []struct{ name, text, want string }{
		{rules, "", "nothing is left in " + rules},
		{rules, "# nothing\n", "nothing is left in " + rules},
		{rules, "[]\n", "no rule is left for k8s_audit (1 before) in " + rules + ", " + more},
		{rules, "- list: m\n  items: [x]\n", "no rule is left for k8s_audit (1 before)"},
		{rules, strings.ReplaceAll(generation("1"), "priority:", "enabled: false\n  priority:"), "no rule is left for k8s_audit"},
		{more, "", "nothing is left in " + more},
		{file, "", "nothing is left in " + file},
	} {
		good, err := os.ReadFile(test.name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, test.name, test.text)
		if err := d.reload(always); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s with %q: %v", test.name, test.text, err)
		}
		bad++
		if s := d.reloads(); s.good != 0 || s.bad != bad {
			t.Errorf("reloads %+v", s)
		}
		if code, body := get(t, "http://"+d.WebAddress()+"/readyz"); code != http.StatusOK || !strings.Contains(body, test.want) || !strings.Contains(body, `"rules":{"k8s_audit":1}`) {
			t.Errorf("%d %s", code, body)
		}
		stderr.waitFor(t, test.want)
		write(t, test.name, string(good))
	}
	stdout.waitFor(t, "Critical "+ruleReload+": nothing is left in "+rules)
	post(t, d, batchOf("a", 1))
	stdout.waitFor(t, "generation=1 id=a-0")

	// What is meant can be said.
	write(t, more, "[]\n")
	if err := d.reload(always); err != nil {
		t.Error(err)
	}
	write(t, file, configuration+"rules: [{disable: {rule: '*'}}]\n")
	if err := d.reload(always); err != nil {
		t.Error(err)
	}
	if code, body := get(t, "http://"+d.WebAddress()+"/readyz"); code != http.StatusServiceUnavailable ||
		!strings.Contains(body, `"idle":["k8s_audit"]`) || !strings.Contains(body, "no rule is enabled for k8s_audit") {
		t.Errorf("%d %s", code, body)
	}
	stderr.waitFor(t, `"rules":["k8s_audit: 1 -> 0"]`)
}

// The line about a reload tells what changed.
func TestReloadTellsChanges(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	file := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, file, generation("1"))
	cfg := testConfig()
	cfg.RulesFiles, cfg.Watch = []string{file}, false
	d, _, stderr, _ := startWith(t, Options{Load: func() (config.Config, []string, error) { return cfg, nil, nil }, Sources: []string{"k8s_audit"}})
	change := func(want string) {
		t.Helper()
		if err := d.reload(always); err != nil {
			t.Fatal(err)
		}
		stderr.waitFor(t, want)
	}
	change(`"configuration and rules reloaded","rules":["k8s_audit: 1 -> 1"],"took"`)
	write(t, file, generation("1")+strings.ReplaceAll(generation("2"), "every event", "every event, too"))
	cfg.Outputs.HTTP.Enabled, cfg.Outputs.HTTP.Settings.URL = true, secret.New(server.URL)
	change(`"rules":["k8s_audit: 1 -> 2"],"sinks_added":["http"],"took"`)
	cfg.Outputs.HTTP.Delivery.Workers++
	change(`"sinks_changed":["http"]`)
	cfg.Outputs.HTTP.Enabled, cfg.Priority = false, rule.PriorityError
	change(`"rules":["k8s_audit: 2 -> 0"],"sinks_removed":["http"]`)
}

// What is written in its place is waited for longer than what is replaced by a whole file.
func TestSettle(t *testing.T) {
	name := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, name, "old and long")
	replace := func() {
		write(t, name+".new", "other")
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name   string
		change func()
		hurry  bool
		long   bool
	}{
		{"nothing", func() {}, false, false},
		{"replaced", replace, false, false},
		{"shorter", func() { write(t, name, "old") }, false, true},
		{"longer", func() { write(t, name, "old and longer than before") }, false, true},
		{"emptied", func() { write(t, name, "") }, false, true},
		{"asked", func() { write(t, name, "new") }, true, false},
	} {
		known := fingerprintOf([]string{name})
		test.change()
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			if print := settle(t.Context(), known, []string{name}, test.hurry); !print.same(fingerprintOf([]string{name})) {
				t.Error("it is not what is there")
			}
			if took := time.Since(began); test.long != (took >= saveTime) || took < quietTime || took > saveTime+2*quietTime {
				t.Errorf("%s: it took %v", test.name, took)
			}
		})
	}
}

// A save that stalls with half of the rules written is not put into force.
func TestReloadOfAStalledSave(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, file, generation("first"))
	cfg := testConfig()
	cfg.RulesFiles, cfg.Watch = []string{file}, true
	d, stdout, _, _ := start(t, cfg, "k8s_audit")
	whole := generation("third") + strings.ReplaceAll(generation("fourth"), "every event", "every event, too")
	write(t, file, generation("second"))
	settled := time.Now().Add(5 * quietTime)
	waitUntil(t, func() bool { return time.Now().After(settled) })
	write(t, file, whole)
	alertOf(t, d, stdout, "third")
	reloadsAre(t, d, 1, 0)
}

// A file that came to a directory while it was read was not read.
func TestHolds(t *testing.T) {
	dir := t.TempDir()
	file, more := filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "more")
	if err := os.Mkdir(more, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, file, "a")
	before := []string{file, more}
	read := fingerprintOf(before)
	if !fingerprintOf(before).holds(read, before, before) {
		t.Error("nothing changed")
	}
	write(t, filepath.Join(more, "x.yaml"), "b")
	if fingerprintOf(before).holds(read, before, before) {
		t.Error("a new file is not noticed")
	}
	if now := []string{file}; !fingerprintOf(now).holds(read, before, now) {
		t.Error("a file of a directory that is read no more counts")
	}
	other := filepath.Join(dir, "other.yaml")
	write(t, other, "c")
	if now := []string{file, other}; !fingerprintOf(now).holds(read, before, now) {
		t.Error("a file that was not asked for before counts")
	}
	write(t, file, "d")
	if fingerprintOf(before).holds(read, before, before) {
		t.Error("a changed file is not noticed")
	}
}

package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/saker-security/saker/pkg/config"
)

// A pipe in the place of a file does not hold up a reload: it is an error, and what is in force stays.
func TestReloadOfAPipe(t *testing.T) {
	dir := t.TempDir()
	file, rules := filepath.Join(dir, "saker.yaml"), filepath.Join(dir, "rules.yaml")
	write(t, rules, generation("1"))
	write(t, file, "watch_config_files: false\naudit: {listen: '127.0.0.1:0'}\nwebserver: {enabled: false}\n"+
		"data_dir: memory\nrules_files: ["+rules+"]\n")
	load := func() (config.Config, []string, error) { return config.Load(config.Input{File: file}) }
	d, stdout, _, _ := startWith(t, Options{Load: load, Sources: []string{"k8s_audit"}})
	for name, want := range map[string]string{
		rules: rules + " is neither a file nor a directory",
		file:  "it is a pipe",
	} {
		if err := os.Rename(name, name+".good"); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := d.reload(always); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
		d.sumFiles()
		if err := os.Rename(name+".good", name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := loadRules(config.Config{RulesFiles: []string{pipe(t)}}, d.log, &output{}); err == nil || !strings.Contains(err.Error(), "it is a pipe") {
		t.Errorf("a pipe that takes the place of a file after it was looked at: %v", err)
	}
	post(t, d, example(t))
	stdout.waitFor(t, "generation=1")
}

func pipe(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

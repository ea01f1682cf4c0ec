package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/config"
)

const (
	unit   = "systemd/saker.service"
	dropIn = "systemd/saker.service.d/audit-only.conf"
)

// readUnit gives the settings of a unit, NAME=VALUE, in order.
func readUnit(t *testing.T, name string) (settings []string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case line == "", strings.HasPrefix(line, "#"), strings.HasPrefix(line, "["):
		case strings.Contains(line, "="):
			settings = append(settings, line)
		default:
			t.Errorf("%s:%d: %q is no setting", name, i+1, line)
		}
	}
	return settings
}

// The unit and the program agree: it is told when the program is ready, knows how to reload it and gives it a place
// for its data, and every variable that it sets is a key.
func TestUnit(t *testing.T) {
	settings := readUnit(t, unit)
	for _, want := range []string{
		"Type=notify", "NotifyAccess=main", "ExecReload=/bin/kill -HUP $MAINPID", "Restart=always", "StateDirectory=saker",
		"StateDirectoryMode=0700", "Environment=SAKER_DATA_DIR=/var/lib/saker", "NoNewPrivileges=yes", "ProtectSystem=strict",
	} {
		if !slices.Contains(settings, want) {
			t.Errorf("%s lacks %s", unit, want)
		}
	}
	if !slices.ContainsFunc(settings, func(s string) bool { return strings.HasPrefix(s, "WatchdogSec=") }) {
		t.Errorf("%s has no watchdog", unit)
	}
	variables := map[string]bool{}
	for _, k := range config.Keys() {
		variables[k.Variable()] = true
	}
	for _, s := range settings {
		if text, ok := strings.CutPrefix(s, "Environment="); ok {
			if name, _, _ := strings.Cut(text, "="); !variables[name] {
				t.Errorf("%s sets %s, which is no key of the configuration", unit, name)
			}
		}
	}
	// What has no rights has none of those of the whole.
	only := readUnit(t, dropIn)
	if !slices.Contains(only, "CapabilityBoundingSet=") || !slices.Contains(only, "DynamicUser=yes") {
		t.Errorf("%s leaves rights", dropIn)
	}
}

// systemd finds no fault with the unit, and takes little of the machine to be exposed to it: 0 is nothing, 10 all.
func TestUnitSecurity(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	exposure := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)
	for _, test := range []struct {
		name  string
		files []string
		most  float64
	}{
		{"both sources", []string{unit}, 3.5},
		{"audit only", []string{unit, dropIn}, 1.5},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range test.files {
				data, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				// The program need not be installed for its unit to be right.
				text := strings.ReplaceAll(string(data), "/usr/local/bin/saker", "/bin/true")
				to := filepath.Join(dir, strings.TrimPrefix(name, "systemd/"))
				if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if out, err := exec.CommandContext(t.Context(), tool, "verify", "--man=no", filepath.Join(dir, "saker.service")).CombinedOutput(); err != nil || strings.Contains(string(out), "saker.service") {
				t.Errorf("verify: %v\n%s", err, out)
			}
			out, err := exec.CommandContext(t.Context(), tool, "security", "--no-pager", "--offline=true", filepath.Join(dir, "saker.service")).CombinedOutput()
			if err != nil {
				t.Skipf("this systemd-analyze cannot judge files: %v\n%s", err, out)
			}
			found := exposure.FindSubmatch(out)
			if found == nil {
				t.Fatalf("no exposure level in\n%s", out)
			}
			level, err := strconv.ParseFloat(string(found[1]), 64)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("exposure level %v", level)
			if level > test.most {
				t.Errorf("exposure level %v, want at most %v:\n%s", level, test.most, out)
			}
		})
	}
}

package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/config"
)

// A reload changes the level of the log and what is told about the files, one that is refused does not.
func TestReloadIsSeen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "saker.yaml")
	write := func(text string) (sum string) {
		t.Helper()
		text += "audit: {listen: \"127.0.0.1:0\"}\nwebserver: {listen_port: 0}\ndata_dir: memory\nwatch_config_files: false\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h := sha256.Sum256([]byte(text))
		return hex.EncodeToString(h[:])
	}
	first := write("log_level: error\n")
	m := newManager(t)
	load := func() (config.Config, []string, error) { return config.Load(config.Input{File: file}) }
	d, err := New(Options{Load: load, Sources: []string{"k8s_audit"}, Stdout: io.Discard, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	expect := func(want ...string) {
		t.Helper()
		for _, w := range want {
			if got := m.next(); !strings.HasPrefix(got, w) {
				t.Fatalf("told %q, want %q", got, w)
			}
		}
	}
	sum := func() string {
		_, text := get(t, "http://"+d.WebAddress()+"/metrics")
		for _, metric := range parse(t, text)[metricConfigFiles.name].GetMetric() {
			for _, l := range metric.GetLabel() {
				if l.GetName() == "sha256" {
					return l.GetValue()
				}
			}
		}
		return ""
	}
	expect("READY=1", "STATUS=Running")
	if got := sum(); got != first || d.log.Core().Enabled(zap.InfoLevel) {
		t.Errorf("at the start: sum %s, want %s, level %v", got, first, d.ops.level)
	}
	second := write("log_level: info\n")
	d.Reload()
	expect("RELOADING=1", "READY=1")
	if got := sum(); got != second || !d.log.Core().Enabled(zap.InfoLevel) {
		t.Errorf("after the reload: sum %s, want %s, level %v", got, second, d.ops.level)
	}
	write("log_level: loud\n")
	d.Reload()
	expect("RELOADING=1", "READY=1")
	if got := sum(); got != second || !d.log.Core().Enabled(zap.InfoLevel) {
		t.Errorf("after one that was refused: sum %s, want %s, level %v", got, second, d.ops.level)
	}
	_, text := get(t, "http://"+d.WebAddress()+"/metrics")
	families := parse(t, text)
	if good, bad := value(t, families, metricReloads.name, "result=good"), value(t, families, metricReloads.name, "result=bad"); good != 1 || bad != 1 {
		t.Errorf("%v good and %v bad reloads", good, bad)
	}
	if _, text := get(t, "http://"+d.WebAddress()+"/readyz"); !strings.Contains(text, `"ready":true`) || !strings.Contains(text, `"reload":"`) || !strings.Contains(text, "loud") {
		t.Errorf("ready: %s", text)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

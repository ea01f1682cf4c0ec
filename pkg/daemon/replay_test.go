package daemon

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/saker-security/saker/internal/fakesink"
)

// A replay delivers to every sink: to standard output everything, in order and before the statistics. What a sink does
// not take within the time for it is told and makes the error. Nothing is written to the data directory.
func TestReplayDelivers(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	cfg := httpConfig(t, server.URL)
	cfg.Outputs.Stdout.Enabled = true
	cfg.Shutdown.Drain = 200 * time.Millisecond
	file := filepath.Join(t.TempDir(), "events.json")
	const n = 3000
	write(t, file, batchOf("e", n))
	replay := func() (string, error) {
		var stdout, stderr bytes.Buffer
		err := Replay(t.Context(), cfg, []string{file}, &stdout, &stderr)
		return stdout.String(), err
	}
	check := func(out string) {
		t.Helper()
		lines := strings.Split(out, "\n")
		if len(lines) < n+1 || lines[n] != fmt.Sprintf("Events detected: %d", n) {
			t.Fatalf("%d lines:\n%.500s", len(lines), out)
		}
		for i := range n {
			if want := fmt.Sprintf(" id=e-%d", i); !strings.HasSuffix(lines[i], want) {
				t.Fatalf("line %d is %q, want %q at its end", i, lines[i], want)
			}
		}
	}
	out, err := replay()
	if err != nil {
		t.Error(err)
	}
	check(out)
	if got := accepted(server); len(got) != n {
		t.Errorf("the server has %d alerts", len(got))
	}
	server.Down()
	out, err = replay()
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("alerts were lost: %d for http (", n)) {
		t.Errorf("error %v", err)
	}
	check(out)
	if files, err := filepath.Glob(filepath.Join(cfg.DataDir, "*")); err != nil || len(files) > 0 {
		t.Errorf("files in the data directory: %v %v", files, err)
	}
}

// A daemon leaves no goroutine behind.
func TestNothingIsLeftBehind(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	cfg := httpConfig(t, server.URL)
	cfg.Watch, cfg.Outputs.Stdout.Enabled = true, true
	d, stdout, _, stop := start(t, cfg, "k8s_audit")
	alertOf(t, d, stdout, "x")
	if err := d.reload(always); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections() // those of this test
	server.Down()
}

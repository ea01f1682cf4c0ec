package daemon

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"os"
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
	cfg.Shutdown.Drain = time.Minute
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
	cfg.Shutdown.Drain = 200 * time.Millisecond
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

// A file that cannot be read, or not to its end, is told and counted, and all others are evaluated.
func TestReplayUnreadable(t *testing.T) {
	cfg := httpConfig(t, "http://127.0.0.1:1")
	cfg.Outputs.HTTP.Enabled, cfg.Outputs.Stdout.Enabled = false, true
	dir := t.TempDir()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	for i := range 3000 {
		if _, err := w.Write([]byte(batchOf(fmt.Sprintf("b%d-%x", i, i*i*7919), 1) + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "a.json"), batchOf("a", 1))
	write(t, filepath.Join(dir, "b.gz"), packed.String()[:packed.Len()/2])
	write(t, filepath.Join(dir, "c.gz"), "\x1f\x8bxx")
	if err := os.Symlink(filepath.Join(dir, "nothing"), filepath.Join(dir, "d.json")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "e.json"), batchOf("e", 1))
	var stdout, stderr bytes.Buffer
	err := Replay(t.Context(), cfg, []string{dir}, &stdout, &stderr)
	if !errors.Is(err, ErrNotEvaluated) || !strings.Contains(err.Error(), "3 files that could not be read, or not to their end") {
		t.Errorf("error %v", err)
	}
	for _, want := range []string{" id=a-0\n", " id=b0-0-0\n", " id=b500-", " id=e-0\n", "Events detected: "} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
	for _, name := range []string{"b.gz", "c.gz", "d.json"} {
		if !strings.Contains(stderr.String(), name) {
			t.Errorf("%s is not named in %s", name, stderr.String())
		}
	}
}

package reliability

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/internal/fakesink"
)

// smallDisk gives a file system of that many bytes.
func smallDisk(t testing.TB, bytes int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// While the disk is full the sender is told to come again, alerts still reach the sink, and nothing that was answered
// with 200 is lost. When there is room the program goes on by itself.
func TestDiskFull(t *testing.T) {
	dir := smallDisk(t, 48<<20)
	sink := fakesink.Start(t, fakesink.Options{})
	i := newInstance(t, dir, sink.URL)
	i.start(t)
	i.waitReady(t)
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	sink.Down()
	var taken []string
	n := 0
	batch := func() (status int, header http.Header) {
		ids := make([]string, 100)
		for k := range ids {
			ids[k] = fmt.Sprintf("event-%d-%d", n, k)
		}
		n++
		if status, header = i.answer(ids); status == http.StatusOK {
			taken = append(taken, ids...)
		}
		return status, header
	}
	// The queue has a reserve, so it takes a while.
	i.until(t, "503", func() bool {
		status, header := batch()
		if status == http.StatusServiceUnavailable && header.Get("Retry-After") == "" {
			t.Fatal("a 503 without Retry-After")
		}
		return status == http.StatusServiceUnavailable
	})
	i.account(t)
	i.until(t, "the health check to fail", func() bool { return i.status(t, "/healthz") == http.StatusServiceUnavailable })
	sink.Up(t)
	i.until(t, "alerts from memory", func() bool { return len(sink.Alerts(nil)) > 0 })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	i.until(t, "200", func() bool { status, _ := batch(); return status == http.StatusOK })
	t.Logf("events are taken again %v after there was room; %d events were answered with 200", time.Since(start), len(taken))
	i.waitReady(t)
	i.waitDelivered(t)
	i.process.Signal(syscall.SIGTERM)
	if code := i.process.Wait(t, limit); code != 0 {
		t.Errorf("exit code %d:\n%s", code, i.process.Output())
	}
	missing(t, sink, taken)
}

// fill writes a file until the disk is full.
func fill(t testing.TB, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	for size := len(block); size > 0; {
		if _, err := f.Write(block[:size]); err != nil {
			size /= 2
		}
	}
}

// until polls until what is awaited is there.
func (i *instance) until(t testing.TB, what string, there func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !there(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for %s:\n%s", limit, what, i.process.Output())
		}
	}
}

// status gives the status with which the web server answers.
func (i *instance) status(t testing.TB, path string) int {
	t.Helper()
	answer, err := http.Get("http://" + i.web + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

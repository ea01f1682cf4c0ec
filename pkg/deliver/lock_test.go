package deliver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

func TestNamedPipeForALock(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, lockName), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := takeLock(dir); !errors.Is(err, disk.ErrNotRegular) {
		t.Fatal(err)
	}
}

// TestLockRemoved removes the lock file while it is held: it is made again, or another process has it by then.
func TestLockRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	o := mustOpen(t, Options{Dir: dir}, output1("x", &place{}, testSettings()))
	defer o.Close()
	check := func() error {
		o.lock.looked = time.Time{} // nobody else uses it: a second has passed
		return o.lock.hold()
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
	if other, err := takeLock(dir); err == nil {
		t.Fatal("two processes hold the lock", other)
	}
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	other, err := takeLock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := check(); err == nil || !strings.Contains(err.Error(), "in use by process") {
		t.Fatal(err)
	}
	if err := o.Commit(t.Context()); err == nil {
		t.Fatal("no error of Commit")
	}
	if c := o.Counts()[0]; c.Durable || c.DiskError == "" {
		t.Fatalf("%+v", c)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
}

// TestDamageIsReported: what was found damaged at the start is said once per file, and so is what is removed later.
func TestDamageIsReported(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	o := mustOpen(t, Options{Dir: dir}, output1("x", &place{answer: fails(errors.New("down"))}, testSettings()))
	deliver(t, o, 0, 10)
	if err := errors.Join(o.Commit(t.Context()), o.Close()); err != nil {
		t.Fatal(err)
	}
	logs, err := filepath.Glob(filepath.Join(queueDir(dir, "x"), "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	letters := filepath.Join(deadDir(dir, "x"), "log")
	if err := errors.Join(os.Truncate(logs[0], 0), os.WriteFile(letters, []byte("nothing of ours at all, and long enough"), 0o600), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	seen := &reports{}
	o = mustOpen(t, Options{Dir: dir, Report: seen.add}, output1("x", &place{}, testSettings()))
	for _, want := range []string{logs[0], letters, "chmod 700 " + dir} {
		n := 0
		for _, r := range seen.list() {
			if strings.Contains(r.Text, want) && r.Warning {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d reports of %s: %+v", n, want, seen.list())
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	known := len(seen.list())
	for _, out := range o.outputs() {
		out.tellDamage()
	}
	if got := seen.list()[known:]; len(got) == 0 || !strings.Contains(got[0].Text, letters) {
		t.Errorf("%+v", got)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}

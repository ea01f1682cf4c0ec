package queue

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// A named pipe with the name of a file made the start wait for ever, and looking at the queue as well.
func TestNamedPipes(t *testing.T) {
	for _, name := range []string{segmentName(5, 9), cursorName} {
		dir := t.TempDir()
		if err := unix.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
		if q, err := Open(Options{Dir: dir}); !errors.Is(err, disk.ErrNotRegular) {
			t.Errorf("%s: open: %v, %v", name, q, err)
		}
		if err := Scan(nil, dir, func(Record) bool { return true }); !errors.Is(err, disk.ErrNotRegular) {
			t.Errorf("%s: scan: %v", name, err)
		}
	}
	// The queue does without its reserve.
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, reserveName), 0o600); err != nil {
		t.Fatal(err)
	}
	q := open(t, Options{Dir: dir})
	add(t, q, 0, 1, 10)
	commit(t, q)
	if err := errors.Join(q.Close(), os.Remove(filepath.Join(dir, reserveName))); err != nil {
		t.Fatal(err)
	}
}

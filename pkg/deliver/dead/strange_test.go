package dead

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// A named pipe in the place of the file made the start wait for ever, and looking at the letters as well.
func TestNamedPipe(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, logName), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(nil, dir, 1<<20); !errors.Is(err, disk.ErrNotRegular) {
		t.Error(s, err)
	}
	if _, err := Scan(nil, dir, func(Entry) bool { return true }); !errors.Is(err, disk.ErrNotRegular) {
		t.Error(err)
	}
}

package deliver

import (
	"errors"
	"path/filepath"
	"testing"

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

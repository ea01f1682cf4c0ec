//go:build linux && (amd64 || arm64)

package core

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOverlay opens files of an overlay file system: one of the lower layer, one of the upper, one that is new.
func TestOverlay(t *testing.T) {
	base := t.TempDir()
	for _, dir := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(base, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"lower/below", "upper/above"} {
		if err := os.WriteFile(filepath.Join(base, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := sensor(t, typeOpenat)
	s := events(t, d)
	merged := filepath.Join(base, "merged")
	var failed error
	tid := onThread(func() {
		// A mount namespace of this thread alone: the mount is gone with it.
		if failed = unix.Unshare(unix.CLONE_NEWNS); failed != nil {
			return
		}
		if failed = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); failed != nil {
			return
		}
		options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", base)
		if failed = unix.Mount("overlay", merged, "overlay", 0, options); failed != nil {
			return
		}
		for _, file := range []string{"below", "above", "new"} {
			fd, err := unix.Openat(unix.AT_FDCWD, filepath.Join(merged, file), unix.O_RDONLY|unix.O_CREAT, 0o600)
			if err != nil {
				failed = err
				return
			}
			unix.Close(fd)
		}
	})
	if errors.Is(failed, unix.ENODEV) {
		t.Skip("this kernel has no overlay file system")
	}
	if failed != nil {
		t.Fatal(failed)
	}
	const upper, lower = 0x8000, 0x10000
	for _, c := range []struct {
		file string
		want int64
	}{
		{"below", oRDONLY | oCREAT | lower}, {"above", oRDONLY | oCREAT | upper}, {"new", oRDONLY | oCREAT | oCREATED | upper},
	} {
		g := s.find(func(g got) bool { return of(typeOpenat, tid)(g) && g.text(2) == filepath.Join(merged, c.file) })
		if g.number(3) != c.want {
			t.Errorf("%s: flags %#x, want %#x", c.file, g.number(3), c.want)
		}
	}
}

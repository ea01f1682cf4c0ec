package disk

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOnlyRegularFiles opens what is not a file: it is refused at once, although nobody has the other end of the pipe.
func TestOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := unix.Mkfifo(at("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("file"), []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(at("dir"), 0o700), os.Symlink(at("file"), at("link")), os.Symlink(at("none"), at("dangling"))); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for name, kind := range map[string]string{
		"fifo": "a named pipe", "dir": "a directory", "link": "a symbolic link", "dangling": "a symbolic link", "socket": "a socket", "../../../../../../../../../../dev/null": "a device",
	} {
		for _, flag := range []int{os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREATE} {
			f, err := OS.OpenFile(at(name), flag, 0o600)
			if !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), kind) || !strings.Contains(err.Error(), filepath.Clean(at(name))) {
				t.Errorf("%s: %v, %v", name, f, err)
			}
		}
	}
	if b, err := os.ReadFile(at("file")); err != nil || string(b) != "kept" {
		t.Error(string(b), err)
	}
}

func TestLeads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "file")
	open := func() File {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := OS.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	leads := func(f File, want bool) {
		t.Helper()
		if ok, err := OS.Leads(path, f); ok != want || err != nil {
			t.Fatal(ok, err)
		}
	}
	first := open()
	leads(first, true)
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	leads(first, false)
	second := open()
	leads(first, false)
	leads(second, true)
}

func TestCapacity(t *testing.T) {
	if OS.Capacity(t.TempDir()) <= 0 || OS.Capacity("/nowhere/at/all") != 0 {
		t.Fatal(OS.Capacity(t.TempDir()))
	}
}

package regular

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	file, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, data, want string }{
		{file, "text", ""},
		{os.DevNull, "", ""},
		{pipe, "", "it is a pipe"},
		{"/dev/zero", "", "it is a device"},
		{dir, "", "is a directory"},
		{filepath.Join(dir, "missing"), "", "no such file"},
	} {
		f, err := Open(test.name)
		if test.want != "" {
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.name) {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if data, err := io.ReadAll(f); err != nil || string(data) != test.data {
			t.Errorf("%s: %q, %v", test.name, data, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

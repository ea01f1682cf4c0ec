//go:build linux && (amd64 || arm64)

package core

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWant switches an event type on and off while the driver runs, and what was counted stays counted.
func TestWant(t *testing.T) {
	d := sensor(t)
	s := events(t, d)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// touch opens the file and fails to change its process group, whose event always comes.
	touch := func() (opened int) {
		t.Helper()
		thread := onThread(func() {
			fd, err := unix.Open(file, unix.O_RDONLY, 0)
			if err != nil {
				t.Error(err)
				return
			}
			unix.Close(fd)
			unix.Setpgid(0, -1)
		})
		for {
			g := s.next()
			switch {
			case g.Thread == int64(thread) && g.Type == typeOpenat && g.text(2) == file:
				opened++
			case g.Thread == int64(thread) && g.Type == 295:
				return opened
			}
		}
	}
	for i, wanted := range [][]uint16{nil, {typeOpenat}, nil, {typeOpenat}} {
		if err := d.Want(wanted); err != nil {
			t.Fatal(err)
		}
		if got := touch(); got != len(wanted) {
			t.Errorf("step %d: %d events of the call, want %d", i, got, len(wanted))
		}
	}
	if err := d.Want(nil); err != nil {
		t.Fatal(err)
	}
	stats, err := d.StatsByType()
	if err != nil || stats[typeOpenat].Delivered < 2 {
		t.Errorf("counters of a type that is off: %+v, %v", stats[typeOpenat], err)
	}
}

package dead

import (
	"errors"
	"strings"
	"testing"

	"github.com/saker-security/saker/internal/faultfs"
	"github.com/saker-security/saker/pkg/alert"
)

func someEntry(id string) Entry {
	return Entry{ID: id, Alert: &alert.Alert{ID: id, Rule: "rule", Message: "message of " + id}, Reason: "refused", Attempts: 1, Time: 1}
}

// The directory was removed while the file was open: all writes and syncs went on well, and everything was lost.
func TestRemovedDirectory(t *testing.T) {
	for name, again := range map[string]func(s *Store) error{
		"add":    func(s *Store) error { return s.Add(someEntry("c")) },
		"remove": func(s *Store) error { return errors.Join(s.Add(someEntry("c")), second(s.Remove("none"))) },
		"check":  func(s *Store) error { return s.Check() },
	} {
		t.Run(name, func(t *testing.T) {
			fs := faultfs.New()
			s, err := Open(fs, faultDir, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Add(someEntry("a"), someEntry("b")); err != nil {
				t.Fatal(err)
			}
			fs.RemoveAll("/data")
			broken := errors.New("broken")
			fs.Hook(func(op faultfs.Op) error {
				if op.Kind == faultfs.Mkdir {
					return broken
				}
				return nil
			})
			if err := again(s); !errors.Is(err, broken) {
				t.Fatal(err)
			}
			fs.Hook(nil)
			if err := again(s); err != nil {
				t.Fatal(err)
			}
			if d := s.Stats().Damage; len(d) != 1 || !strings.Contains(d[0], faultLog) {
				t.Error(d)
			}
			after, err := Open(fs.Safe(), faultDir, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := len(contents(t, after)), len(s.List()); got != want || want < 2 {
				t.Errorf("%d letters are safe, %d are there", got, want)
			}
		})
	}
}

func second(_ int, err error) error { return err }

// It is removed between the write and its sync.
func TestRemovedBeforeSync(t *testing.T) {
	fs := faultfs.New()
	s, err := Open(fs, faultDir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	fs.Hook(func(op faultfs.Op) error {
		if op.Kind == faultfs.Sync {
			fs.Hook(nil)
			fs.RemoveAll("/data")
		}
		return nil
	})
	if err := s.Add(someEntry("a")); err == nil {
		t.Fatal("no error")
	}
	if err := s.Add(someEntry("a")); err != nil {
		t.Fatal(err)
	}
	if after, err := Open(fs.Safe(), faultDir, 1<<20); err != nil || len(after.List()) != 1 {
		t.Fatal(after, err)
	}
}

// Damage was not told.
func TestDamageIsTold(t *testing.T) {
	fs := faultfs.New()
	s, err := Open(fs, faultDir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Add(someEntry("a"), someEntry("b"), someEntry("c")); err != nil {
		t.Fatal(err)
	}
	whole := fs.Get(faultLog)
	for name, data := range map[string][]byte{
		"random": []byte(strings.Repeat("what is this? ", 100)),
		"cut":    whole[:len(whole)-5],
		"middle": append(append(whole[:20:20], 0xff, 0xff), whole[22:]...),
		"zeros":  append(whole[:len(whole):len(whole)], make([]byte, 100)...),
	} {
		fs.Put(faultLog, data)
		s, err := Open(fs, faultDir, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if d := s.Stats().Damage; len(d) != 1 || !strings.Contains(d[0], faultLog) {
			t.Errorf("%s: %q", name, d)
		}
	}
}

package dead

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/saker-security/saker/internal/faultfs"
	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/disk"
)

// letter makes an entry of about size bytes.
func letter(id string, size int) Entry {
	return Entry{
		ID: id, Reason: "refused: " + id, Attempts: 3, Time: 1_700_000_000_000_000_000,
		Alert: &alert.Alert{ID: id, Time: 7, Rule: "r", Priority: 4, Source: "k8s_audit", Message: strings.Repeat("m", size)},
	}
}

func mustOpen(t testing.TB, fsys disk.FS, dir string, maxBytes int64) *Store {
	t.Helper()
	s, err := Open(fsys, dir, maxBytes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// contents reads everything that the store holds.
func contents(t testing.TB, s *Store) []Entry {
	t.Helper()
	var all []Entry
	for _, i := range s.List() {
		e, err := s.Get(i.ID)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func ids(entries []Entry) string {
	var names []string
	for _, e := range entries {
		names = append(names, e.ID)
	}
	return strings.Join(names, " ")
}

func TestStore(t *testing.T) {
	for _, dir := range []string{"", filepath.Join(t.TempDir(), "a", "b")} {
		t.Run(fmt.Sprintf("directory %t", dir != ""), func(t *testing.T) {
			s := mustOpen(t, nil, dir, 1<<20)
			a, b, c := letter("a", 10), letter("b", 10), letter("c", 10)
			if err := s.Add(a, b, c); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]Entry{a, b, c}, contents(t, s)); diff != "" {
				t.Error(diff)
			}
			a.Reason = "again"
			if err := s.Add(a); err != nil {
				t.Fatal(err)
			}
			if n, err := s.Remove("b", "x", "b"); n != 1 || err != nil {
				t.Errorf("removed %d, %v", n, err)
			}
			if _, err := s.Get("b"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a removed letter: %v", err)
			}
			want := []Entry{c, a}
			if diff := cmp.Diff(want, contents(t, s)); diff != "" {
				t.Error(diff)
			}
			if dir != "" {
				s = again(t, s)
				if diff := cmp.Diff(want, contents(t, s)); diff != "" {
					t.Error(diff)
				}
				var scanned []Entry
				stats, err := Scan(nil, dir, func(e Entry) bool { scanned = append(scanned, e); return true })
				if diff := cmp.Diff(want, scanned); diff != "" || err != nil || !cmp.Equal(stats, s.Stats()) {
					t.Errorf("%s, error %v, %+v", diff, err, stats)
				}
			}
			if n, err := s.Discard("x"); n != 0 || err != nil {
				t.Errorf("discarded %d, %v", n, err)
			}
			if err := s.Add(letter("d", 1)); err != nil {
				t.Fatal(err)
			}
			if n, err := s.Discard("d", "x"); n != 1 || err != nil || s.Stats().Discarded != 1 {
				t.Errorf("discarded %d, %v", n, err)
			}
			if got := s.Stats(); got.Count != 2 || got.Bytes <= 0 || got.Dropped != 0 || got.Damaged != 0 {
				t.Errorf("%+v", got)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := s.Add(a); !errors.Is(err, ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

// The oldest make room, and what is larger than the whole store is counted alone; also with a smaller limit later.
func TestRoom(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		one := int64(len(appendRecord(nil, new(letter("00", 1000)))))
		s := mustOpen(t, nil, dir, 10*one)
		for i := range 25 {
			if err := s.Add(letter(fmt.Sprintf("%02d", i), 1000)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Add(letter("large", int(11*one))); err != nil {
			t.Fatal(err)
		}
		if got := s.Stats(); got.Count != 10 || got.Dropped != 16 || got.Bytes != 10*one {
			t.Errorf("%+v", got)
		}
		if got := ids(contents(t, s)); got != "15 16 17 18 19 20 21 22 23 24" {
			t.Error(got)
		}
		if dir == "" {
			continue
		}
		s.maxBytes = 4 * one
		s = again(t, s)
		if got := s.Stats(); got.Count != 4 || got.Dropped != 6 {
			t.Errorf("%+v", got)
		}
		s = again(t, s)
		if got := s.Stats(); got.Count != 4 || got.Dropped != 0 {
			t.Errorf("%+v", got)
		}
	}
}

// The file stays within twice the limit, however many letters pass through it.
func TestFileStaysSmall(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, nil, dir, 200<<10)
	for i := range 1000 {
		if err := s.Add(letter(fmt.Sprint(i), 1000)); err != nil {
			t.Fatal(err)
		}
		if got := s.Stats(); got.FileBytes > 2*s.maxBytes+2000 {
			t.Fatalf("%+v", got)
		}
	}
	want := contents(t, s)
	s = again(t, s)
	if diff := cmp.Diff(want, contents(t, s)); diff != "" {
		t.Error(diff)
	}
	if n, err := s.Remove(strings.Fields(ids(want))...); n != len(want) || err != nil {
		t.Fatal(n, err)
	}
	if info, err := os.Stat(filepath.Join(dir, logName)); err != nil || info.Size() != 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestModel compares the store with a list through random calls and reopenings.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "dead")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		open := func() *Store {
			s, err := Open(nil, dir, 100<<10)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := open()
		defer func() { s.Close() }()
		var model []Entry
		remove := func(id string) bool {
			for i, e := range model {
				if e.ID == id {
					model = append(model[:i:i], model[i+1:]...)
					return true
				}
			}
			return false
		}
		name := rapid.StringMatching("[a-h]")
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				var entries []Entry
				for range rapid.IntRange(1, 3).Draw(t, "n") {
					e := letter(name.Draw(t, "id"), rapid.IntRange(0, 9<<10).Draw(t, "size"))
					remove(e.ID)
					model = append(model, e)
					entries = append(entries, e)
				}
				if err := s.Add(entries...); err != nil {
					t.Fatal(err)
				}
			},
			"remove": func(t *rapid.T) {
				id := name.Draw(t, "id")
				n, err := s.Remove(id)
				if err != nil || remove(id) != (n == 1) {
					t.Fatalf("removed %d, %v", n, err)
				}
			},
			"reopen": func(t *rapid.T) {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open()
			},
			"": func(t *rapid.T) {
				var got []Entry
				for _, i := range s.List() {
					e, err := s.Get(i.ID)
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, e)
				}
				if ids(got) != ids(model) || len(got) > 0 && cmp.Diff(model, got) != "" {
					t.Fatalf("have %s, want %s", ids(got), ids(model))
				}
			},
		})
	})
}

func FuzzOpen(f *testing.F) {
	_, file, offsets := filled(f, 3, 5)
	f.Add(file)
	f.Add(file[:len(file)-3])
	f.Add(append(append([]byte("text\n"), file[offsets[1]:]...), make([]byte, 100)...))
	f.Add([]byte(strings.Repeat(string(binary.LittleEndian.AppendUint32(nil, 1<<20))+"1234"+string(magic), 100)))
	f.Fuzz(func(t *testing.T, data []byte) {
		disk := faultfs.New()
		disk.Put(faultLog, data)
		s := mustOpen(t, disk, faultDir, 1<<20)
		have := contents(t, s)
		if err := s.Add(letter("new", 1)); err != nil {
			t.Fatal(err)
		}
		want := 1
		for _, e := range have {
			if e.ID != "new" {
				want++
			}
		}
		if got := again(t, s).Stats(); got.Count != want || got.Damaged != 0 {
			t.Fatalf("%d letters before, then %+v", len(have), got)
		}
	})
}

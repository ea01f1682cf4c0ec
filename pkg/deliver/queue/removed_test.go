package queue

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saker-security/saker/internal/faultfs"
	"github.com/saker-security/saker/pkg/deliver/disk"
)

// scanned gives the numbers of the records that another process finds.
func scanned(t *testing.T, fs disk.FS, dir string) (numbers []int) {
	t.Helper()
	if err := Scan(fs, dir, func(r Record) bool { numbers = append(numbers, number(r)); return true }); err != nil {
		t.Fatal(err)
	}
	return numbers
}

// commitSoon commits again and again until it succeeds.
func commitSoon(t *testing.T, q *Queue) {
	t.Helper()
	err := q.Commit(t.Context())
	for end := time.Now().Add(20 * time.Second); err != nil; err = q.Commit(t.Context()) {
		if time.Now().After(end) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// The directory was removed while files in it were open: all writes and syncs went on well, and everything was lost.
func TestRemovedDirectory(t *testing.T) {
	for name, remove := range map[string]func(dir string) error{
		"directory": os.RemoveAll,
		"replaced": func(dir string) error {
			return errors.Join(os.Rename(dir, dir+".old"), os.CopyFS(dir, os.DirFS(dir+".old")))
		},
		"cursor":  func(dir string) error { return os.Remove(filepath.Join(dir, cursorName)) },
		"segment": func(dir string) error { return os.Remove(filepath.Join(dir, segmentName(0, 1))) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "sink", "queue")
			q := open(t, Options{Dir: dir, Settings: Settings{Policy: OldestFirst}})
			add(t, q, 0, 50, 100)
			commit(t, q)
			_, seqs := take(t, q, 10)
			q.Ack(seqs...)
			if err := remove(dir); err != nil {
				t.Fatal(err)
			}
			add(t, q, 50, 60, 100)
			commitSoon(t, q)
			if got := scanned(t, nil, dir); len(got) < 50 || !slices.Equal(got[len(got)-50:], upTo(60)[10:]) {
				t.Fatalf("on disk: %v", got)
			}
			// Then when nothing is appended.
			if err := os.RemoveAll(filepath.Dir(dir)); err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				if _, err := os.Stat(filepath.Join(dir, cursorName)); err == nil && slices.Equal(scanned(t, nil, dir), upTo(60)[10:]) {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("on disk: %v; %+v", scanned(t, nil, dir), q.Stats())
				}
			}
			if got, _ := take(t, q, 50); !slices.Equal(got, upTo(60)[10:]) {
				t.Fatalf("given out: %v", got)
			}
			balanced(t, q)
			s := q.Stats()
			if len(s.Dropped) > 0 || !s.Durable || len(s.Damage) == 0 || !strings.Contains(s.Damage[0], dir) {
				t.Fatalf("%+v", s)
			}
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// While it cannot be written anew, Commit fails, also for what was on disk before; nothing is lost by that.
func TestRemovedAndNotWritable(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		q := open(t, Options{FS: fs, Dir: "/data/q", Settings: Settings{Policy: OldestFirst}})
		add(t, q, 0, 20, 100)
		commit(t, q)
		fs.RemoveAll("/data")
		broken := errors.New("broken")
		fs.Hook(func(op faultfs.Op) error {
			if op.Kind == faultfs.Mkdir {
				return broken
			}
			return nil
		})
		time.Sleep(2 * lookPause)
		if s := q.Stats(); s.Durable || !errors.Is(s.Err, broken) {
			t.Fatalf("%+v", s)
		}
		if err := q.Commit(t.Context()); !errors.Is(err, broken) {
			t.Fatal(err)
		}
		add(t, q, 20, 30, 100)
		if err := q.Commit(t.Context()); !errors.Is(err, broken) {
			t.Fatal(err)
		}
		if got, _ := take(t, q, 30); !slices.Equal(got, upTo(30)) {
			t.Fatalf("given out: %v", got)
		}
		fs.Hook(nil)
		time.Sleep(2 * retryPause)
		commit(t, q)
		if got := scanned(t, fs.Safe(), "/data/q"); !slices.Equal(got, upTo(30)) {
			t.Fatalf("safe: %v", got)
		}
		balanced(t, q)
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// Of files that nobody has open the records are lost, and counted; the others are there.
func TestRemovedBacklog(t *testing.T) {
	for _, taken := range []int{0, 2} { // with none, nobody has the first file open
		bubble(t, func(t *testing.T, fs *faultfs.FS) {
			q := open(t, Options{FS: fs, Dir: "/data/q", SegmentBytes: 4 << 10, Settings: Settings{Policy: OldestFirst}})
			for i := range 100 {
				add(t, q, i, i+1, 300)
			}
			commit(t, q)
			_, seqs := take(t, q, taken)
			fs.RemoveAll("/data")
			add(t, q, 100, 101, 300)
			for q.Commit(t.Context()) != nil {
				time.Sleep(retryPause)
			}
			q.Ack(seqs...)
			balanced(t, q)
			if s := q.Stats(); len(s.Damage) < 2 || taken == 0 && s.Dropped[Damaged] == 0 {
				t.Fatalf("%+v", s)
			}
			safe := scanned(t, fs.Safe(), "/data/q")
			rest := drain(t, q)
			balanced(t, q)
			s := q.Stats()
			if lost := int(s.Dropped[Damaged]); lost < 50 || len(rest)+lost+taken != 101 || number(rest[len(rest)-1]) != 100 {
				t.Fatalf("%d given out, %+v", len(rest), s)
			}
			for i := range rest {
				if number(rest[len(rest)-1-i]) != safe[len(safe)-1-i] {
					t.Fatalf("safe: %v", safe)
				}
			}
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Another process may have the directory by now: its files are left alone.
func TestRemovedAndTaken(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		taken := errors.New("process 7 has it")
		q := open(t, Options{FS: fs, Dir: "/data/q", Held: func() error { return taken }})
		add(t, q, 0, 20, 100)
		commit(t, q)
		fs.RemoveAll("/data")
		time.Sleep(2 * lookPause)
		if err := q.Commit(t.Context()); !errors.Is(err, taken) {
			t.Fatal(err)
		}
		if files := fs.Files(); len(files) > 0 {
			t.Fatal(files)
		}
		q.Close()
	})
}

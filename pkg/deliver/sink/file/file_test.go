package file_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/sink/file"
	"github.com/saker-security/saker/pkg/deliver/sink/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open makes a sink that is closed at the end of the test and must have nothing to warn of.
func open(t testing.TB, s file.Settings) *file.Sink {
	t.Helper()
	return openTold(t, s, func(err error) { t.Errorf("warning: %v", err) })
}

// openTold makes a sink that is closed at the end of the test and warns as it likes.
func openTold(t testing.TB, s file.Settings, warn func(error)) *file.Sink {
	t.Helper()
	sink, err := file.New(s, sinktest.Message, warn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
	})
	return sink
}

// send sends alerts from the given number on.
func send(t testing.TB, s *file.Sink, first, n int) {
	t.Helper()
	if err := s.Send(t.Context(), sinktest.Batch(first, n)); err != nil {
		t.Fatal(err)
	}
}

// text is what n alerts look like in a file.
func text(first, n int) string {
	var b strings.Builder
	for _, a := range sinktest.Batch(first, n) {
		b.WriteString(a.Message + "\n")
	}
	return b.String()
}

// holds checks the content of a file.
func holds(t testing.TB, path, want string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("%s: %s", filepath.Base(path), diff)
	}
}

// eachKeeping runs a test with the file kept open and opened for each batch.
func eachKeeping(t *testing.T, test func(t *testing.T, s file.Settings)) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("keep=%v", keep), func(t *testing.T) {
			test(t, file.Settings{Path: filepath.Join(t.TempDir(), "events.txt"), KeepOpen: keep})
		})
	}
}

func TestSend(t *testing.T) {
	eachKeeping(t, func(t *testing.T, s file.Settings) {
		sink := open(t, s)
		var workers sync.WaitGroup
		for i := range 8 {
			workers.Go(func() {
				for j := range 10 {
					if err := sink.Send(t.Context(), sinktest.Batch(i*50+j*5, 5)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		workers.Wait()
		checkLines(t, 400, s.Path)
		info, err := os.Stat(s.Path)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, error %v", info.Mode(), err)
		}
	})
}

// checkLines checks that the files hold the alerts 0 to n-1, each once, and nothing else.
func checkLines(t testing.TB, n int, paths ...string) {
	t.Helper()
	seen := map[string]int{}
	for _, path := range paths {
		for line := range strings.Lines(string(content(t, path))) {
			seen[line]++
		}
	}
	for line := range strings.Lines(text(0, n)) {
		if seen[line] != 1 {
			t.Fatalf("%q is there %d times", line, seen[line])
		}
	}
	if len(seen) != n {
		t.Fatalf("%d different lines, want %d", len(seen), n)
	}
}

// TestMoved: whatever is done to the file, nothing is lost and the next alert is at the path.
func TestMoved(t *testing.T) {
	eachKeeping(t, func(t *testing.T, s file.Settings) {
		sink := open(t, s)
		send(t, sink, 0, 2)
		must(t, os.Rename(s.Path, s.Path+".1"))
		send(t, sink, 2, 1)
		must(t, os.Remove(s.Path))
		send(t, sink, 3, 1)
		must(t, os.Truncate(s.Path, 0))
		send(t, sink, 4, 1)
		holds(t, s.Path, text(4, 1))
		must(t, os.WriteFile(s.Path+".new", []byte("other\n"), 0o600))
		must(t, os.Rename(s.Path+".new", s.Path))
		send(t, sink, 5, 1)
		holds(t, s.Path, "other\n"+text(5, 1))
		holds(t, s.Path+".1", text(0, 2))
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for something that happens in the background.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after 20 s", what)
		}
	}
}

// TestLetGo: a file that was moved away is not held open when no alert comes.
func TestLetGo(t *testing.T) {
	s := file.Settings{Path: filepath.Join(t.TempDir(), "events.txt"), KeepOpen: true}
	sink := open(t, s)
	send(t, sink, 0, 1)
	must(t, os.Rename(s.Path, s.Path+".1"))
	eventually(t, "a new file", func() bool { _, err := os.Stat(s.Path); return err == nil })
	if held := openFiles(t, s.Path+".1"); held != 0 {
		t.Errorf("the moved file is open %d times", held)
	}
}

// openFiles counts the descriptors of this process that lead to a path.
func openFiles(t testing.TB, path string) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && to == path {
			n++
		}
	}
	return n
}

func TestReopen(t *testing.T) {
	eachKeeping(t, func(t *testing.T, s file.Settings) {
		sink := open(t, s)
		var _ deliver.Reopener = sink
		send(t, sink, 0, 1)
		must(t, os.Rename(s.Path, s.Path+".1"))
		must(t, sink.Reopen())
		holds(t, s.Path, "")
		send(t, sink, 1, 1)
		holds(t, s.Path, text(1, 1))
		must(t, os.Remove(s.Path))
		must(t, os.Mkdir(s.Path, 0o700))
		if err := sink.Reopen(); err == nil || !strings.Contains(err.Error(), "it is a directory") {
			t.Errorf("error %v", err)
		}
		if err := sink.Send(t.Context(), sinktest.Batch(2, 1)); err == nil || !strings.Contains(err.Error(), "it is a directory") {
			t.Errorf("error %v", err)
		}
		must(t, os.Remove(s.Path))
		send(t, sink, 2, 1)
		holds(t, s.Path, text(2, 1))
	})
}

// TestLogrotate: files renamed or copied and cut by another program while alerts are written hold all of them.
func TestLogrotate(t *testing.T) {
	eachKeeping(t, func(t *testing.T, s file.Settings) {
		s.NoSync = true
		sink := open(t, s)
		// Between the copy and the cut of copytruncate nobody may write: no program can help that.
		var quiet sync.Mutex
		var writing sync.WaitGroup
		const batches, size = 400, 5
		sent := make(chan struct{}, batches)
		writing.Go(func() {
			for i := range batches {
				quiet.Lock()
				if err := sink.Send(t.Context(), sinktest.Batch(i*size, size)); err != nil {
					t.Error(err)
				}
				quiet.Unlock()
				sent <- struct{}{}
			}
		})
		paths := []string{s.Path}
		for i := range 20 {
			for range batches / 20 {
				<-sent
			}
			moved := fmt.Sprintf("%s.%d", s.Path, i)
			switch i % 3 {
			case 0, 1: // rename, with and without a signal
				if err := os.Rename(s.Path, moved); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Error(err) // not there yet: nothing was written since the last time
				}
				if i%3 == 0 {
					if err := sink.Reopen(); err != nil {
						t.Error(err)
					}
				}
			case 2: // copytruncate
				quiet.Lock()
				if data, err := os.ReadFile(s.Path); err == nil {
					if err := errors.Join(os.WriteFile(moved, data, 0o600), os.Truncate(s.Path, 0)); err != nil {
						t.Error(err)
					}
				}
				quiet.Unlock()
			}
			if _, err := os.Stat(moved); err == nil {
				paths = append(paths, moved)
			}
		}
		writing.Wait()
		checkLines(t, batches*size, existing(paths)...)
	})
}

func existing(paths []string) (there []string) {
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			there = append(there, p)
		}
	}
	return there
}

// TestCutLineIsEnded: a line that was cut off when the machine stopped must not spoil the next alert, and is told.
func TestCutLineIsEnded(t *testing.T) {
	eachKeeping(t, func(t *testing.T, s file.Settings) {
		must(t, os.WriteFile(s.Path, []byte("whole\ncut o"), 0o600))
		var told []string
		sink := openTold(t, s, func(err error) { told = append(told, err.Error()) })
		send(t, sink, 0, 2)
		if len(told) != 1 || !strings.Contains(told[0], s.Path+" was cut off") {
			t.Errorf("told %q", told)
		}
		other, err := os.OpenFile(s.Path, os.O_APPEND|os.O_WRONLY, 0)
		must(t, err)
		_, err = other.WriteString("another program stopped he")
		must(t, errors.Join(err, other.Close()))
		send(t, sink, 2, 1)
		send(t, sink, 3, 1)
		if len(told) != 2 {
			t.Errorf("told %q", told)
		}
		holds(t, s.Path, "whole\ncut o\n"+text(0, 2)+"another program stopped he\n"+text(2, 2))
	})
}

// TestCutLineIsCompleted: the alert of a line that was cut off comes again, at the first or a later place of the batch,
// and completes it, wherever it was cut; so every line of the file is whole, and nothing is cut off.
func TestCutLineIsCompleted(t *testing.T) {
	eachKeeping(t, func(t *testing.T, s file.Settings) {
		for _, before := range []string{"", text(0, 1), strings.Repeat("long before", 100) + "\n"} {
			for place := range 3 {
				for cut := 1; cut < len("alert 5\n"); cut++ {
					s.Path = filepath.Join(t.TempDir(), "events.txt")
					there := before + "alert 5\n"[:cut]
					must(t, os.WriteFile(s.Path, []byte(there), 0o600))
					sink := open(t, s)
					send(t, sink, 5-place, 3)
					want := before + "alert 5\n" + text(5-place, 3)
					switch {
					case place == 0: // it is not written a second time
						want = before + text(5, 3)
					case cut < len("alert 5"): // they all begin like this
						want = before + text(5-place, 3)
					}
					holds(t, s.Path, want)
				}
			}
		}
	})
}

// TestFullDisk: wherever the disk is full, whole lines stay, parts are taken back, and the rest follows later.
func TestFullDisk(t *testing.T) {
	if !inChild(t) {
		return
	}
	eachKeeping(t, func(t *testing.T, s file.Settings) {
		for room := range len(text(0, 4)) {
			s.Path = filepath.Join(t.TempDir(), "events.txt")
			sink := open(t, s)
			lift := limitFileSize(t, uint64(room))
			batch := sinktest.Batch(0, 4)
			err := sink.Send(t.Context(), batch)
			done := 0
			var partial *deliver.Partial
			if errors.As(err, &partial) {
				done = partial.Done
			}
			whole := room / len("alert 0\n")
			if !errors.Is(err, unix.EFBIG) || done != whole || !strings.Contains(err.Error(), s.Path) {
				t.Fatalf("room for %d bytes: error %v", room, err)
			}
			holds(t, s.Path, text(0, whole))
			lift()
			if err := sink.Send(t.Context(), batch[done:]); err != nil {
				t.Fatal(err)
			}
			holds(t, s.Path, text(0, 4))
		}
	})
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	must(t, os.WriteFile(target, nil, 0o600))
	must(t, os.Symlink(target, filepath.Join(dir, "link")))
	must(t, os.Symlink(filepath.Join(dir, "nothing"), filepath.Join(dir, "dangling")))
	socket := filepath.Join(dir, "socket")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	must(t, err)
	defer unix.Close(fd)
	must(t, unix.Bind(fd, &unix.SockaddrUnix{Name: socket}))
	for _, test := range []struct {
		s    file.Settings
		want string
	}{
		{file.Settings{}, "needs the path"},
		{file.Settings{Path: filepath.Join(dir, "x"), MaxBytes: -1}, "must not be negative"},
		{file.Settings{Path: dir}, "it is a directory"},
		{file.Settings{Path: filepath.Join(dir, "link")}, "it is a symbolic link, which is not followed"},
		{file.Settings{Path: filepath.Join(dir, "dangling")}, "it is a symbolic link"},
		{file.Settings{Path: socket}, "it is a socket"},
		{file.Settings{Path: filepath.Join(dir, "missing", "x")}, "no such file or directory"},
		{file.Settings{Path: "/dev/fd/9999"}, "bad file descriptor"},
	} {
		_, err := file.New(test.s, sinktest.Message, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), test.s.Path) {
			t.Errorf("%s: error %v, want %q", test.s.Path, err, test.want)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a link was followed")
	}
}

// TestPlantedLink: a link that somebody puts in the place of the file gets nothing.
func TestPlantedLink(t *testing.T) {
	eachKeeping(t, func(t *testing.T, s file.Settings) {
		sink := open(t, s)
		send(t, sink, 0, 1)
		victim := filepath.Join(t.TempDir(), "victim")
		must(t, os.WriteFile(victim, []byte("victim\n"), 0o600))
		must(t, os.Remove(s.Path))
		must(t, os.Symlink(victim, s.Path))
		if err := sink.Send(t.Context(), sinktest.Batch(1, 1)); err == nil || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("error %v", err)
		}
		holds(t, victim, "victim\n")
		must(t, os.Remove(s.Path))
		send(t, sink, 1, 1)
		holds(t, s.Path, text(1, 1))
	})
}

// TestOneLineEach: whatever the alerts hold, each is one line.
func TestOneLineEach(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.txt")
	sink := open(t, file.Settings{Path: path, NoSync: true})
	rapid.Check(t, func(t *rapid.T) {
		batch := rapid.SliceOfN(sinktest.Alert(), 1, 5).Draw(t, "batch")
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		if err := sink.Send(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if n := sinktest.CleanLines(data); err != nil || n != len(batch) {
			t.Fatalf("%d clean lines for %d alerts: %q, %v", n, len(batch), data, err)
		}
	})
}

func Benchmark(b *testing.B) {
	for _, noSync := range []bool{false, true} {
		for _, size := range []int{1, 100, 1000} {
			b.Run(fmt.Sprintf("nosync=%v/batch=%d", noSync, size), func(b *testing.B) {
				path := filepath.Join(b.TempDir(), "events.txt")
				sink := open(b, file.Settings{Path: path, KeepOpen: true, NoSync: noSync})
				batch := sinktest.Batch(0, size)
				for _, a := range batch {
					a.Message = strings.Repeat("x", 500)
				}
				b.ReportAllocs()
				for b.Loop() {
					if err := sink.Send(context.Background(), batch); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "lines/s")
			})
		}
	}
}

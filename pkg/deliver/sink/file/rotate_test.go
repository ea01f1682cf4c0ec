package file_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/deliver/sink/file"
	"github.com/saker-security/saker/pkg/deliver/sink/sinktest"
)

// content reads a file, unpacked.
func content(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	if !strings.HasSuffix(path, ".gz") {
		return data
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	must(t, err)
	data, err = io.ReadAll(z)
	must(t, err)
	return data
}

// files gives the paths in the directory of a file.
func files(t testing.TB, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, filepath.Join(filepath.Dir(path), e.Name()))
	}
	return all
}

// TestMaxBytes: no file grows beyond the limit, and a line longer than it has a file of its own.
func TestMaxBytes(t *testing.T) {
	eachKeeping(t, func(t *testing.T, s file.Settings) {
		s.MaxBytes = int64(len(text(0, 3)))
		synctest.Test(t, func(t *testing.T) { // the clock stands still
			sink := open(t, s)
			send(t, sink, 0, 2)
			send(t, sink, 2, 5)
			long := sinktest.Batch(7, 2)
			long[0].Message = strings.Repeat("x", 100)
			must(t, sink.Send(t.Context(), long))
		})
		got := map[string]string{}
		for _, path := range files(t, s.Path) {
			got[filepath.Base(path)] = string(content(t, path))
		}
		want := map[string]string{
			"events.txt-20000101T000000Z-1": text(0, 3), "events.txt-20000101T000000Z-2": text(3, 3),
			"events.txt-20000101T000000Z-3": text(6, 1), "events.txt-20000101T000000Z-4": strings.Repeat("x", 100) + "\n",
			"events.txt": text(8, 1),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRotationUnderLoad: with several workers, rotation and compression at once, every line is there once.
func TestRotationUnderLoad(t *testing.T) {
	eachKeeping(t, func(t *testing.T, s file.Settings) {
		s.MaxBytes, s.Compress, s.NoSync = 2000, true, true
		sink := open(t, s)
		const workers, batches, size = 4, 50, 10
		var all sync.WaitGroup
		for w := range workers {
			all.Go(func() {
				for i := range batches {
					if err := sink.Send(t.Context(), sinktest.Batch((w*batches+i)*size, size)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		eventually(t, "compression", func() bool {
			for _, path := range files(t, s.Path) {
				if path != s.Path && !strings.HasSuffix(path, ".gz") {
					return false
				}
			}
			return true
		})
		name := regexp.MustCompile(`/events\.txt(-\d{8}T\d{6}Z-\d+\.gz)?$`)
		paths := files(t, s.Path)
		for _, path := range paths {
			info, err := os.Stat(path)
			must(t, err)
			if !name.MatchString(path) || info.Mode() != 0o600 {
				t.Errorf("file %s, mode %v", path, info.Mode())
			}
			if n := len(content(t, path)); n > 2000 {
				t.Errorf("%s holds %d bytes", path, n)
			}
		}
		if len(paths) < 10 {
			t.Errorf("%d files", len(paths))
		}
		checkLines(t, workers*batches*size, paths...)
	})
}

// TestMaxAge: a file is moved away when it is old, without an alert coming, but never an empty one.
func TestMaxAge(t *testing.T) {
	eachKeeping(t, func(t *testing.T, s file.Settings) {
		s.MaxAge = time.Hour
		synctest.Test(t, func(t *testing.T) {
			sink := open(t, s)
			time.Sleep(3 * time.Hour)
			send(t, sink, 0, 1)
			time.Sleep(time.Minute)
			send(t, sink, 1, 1)
			time.Sleep(4 * time.Hour)
			send(t, sink, 2, 1)
		})
		paths := files(t, s.Path)
		if len(paths) != 2 {
			t.Fatalf("files %v", paths)
		}
		holds(t, s.Path, text(2, 1))
		holds(t, paths[1], text(0, 2))
	})
}

// TestBackups: the newest are kept by time and number, what a crash left is put in order, other files are let alone.
func TestBackups(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "events.txt")
	other := []string{"events.txt.1", "events.txt-notes", "events.txt-20200101T000000Z-x", "more-events.txt-20200101T000000Z-1"}
	for _, name := range append(other,
		"events.txt-20200101T000000Z-1", "events.txt-20200102T000000Z-9", "events.txt-20200102T000000Z-10",
		"events.txt-20200103T000000Z-1", "events.txt-20200104T000000Z-1.gz.tmp", "events.txt-20200104T000000Z-1",
	) {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(name+"\n"), 0o600))
	}
	// It was compressed already, but not removed any more.
	packed := filepath.Join(dir, "events.txt-20200103T000000Z-1.gz")
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte("packed\n"))
	must(t, err)
	must(t, z.Close())
	must(t, os.WriteFile(packed, b.Bytes(), 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "events.txt-20190101T000000Z-1"), 0o700))

	open(t, file.Settings{Path: path, MaxBytes: 1000, MaxBackups: 3, Compress: true})
	want := append([]string{"events.txt", "events.txt-20190101T000000Z-1", "events.txt-20200102T000000Z-10.gz", "events.txt-20200103T000000Z-1.gz", "events.txt-20200104T000000Z-1.gz"}, other...)
	names := func() map[string]bool {
		there := map[string]bool{}
		for _, p := range files(t, path) {
			there[filepath.Base(p)] = true
		}
		return there
	}
	wanted := map[string]bool{}
	for _, name := range want {
		wanted[name] = true
	}
	eventually(t, "order among the files", func() bool { return cmp.Equal(wanted, names()) })
	if got := string(content(t, packed)); got != "packed\n" {
		t.Errorf("%q", got)
	}
	if got := string(content(t, filepath.Join(dir, "events.txt-20200104T000000Z-1.gz"))); got != "events.txt-20200104T000000Z-1\n" {
		t.Errorf("%q", got)
	}
}

// TestCannotRotate: alerts are written on when the file cannot be moved, and somebody is told.
func TestCannotRotate(t *testing.T) {
	dir := t.TempDir()
	// A name at the limit of 255 bytes leaves no room for the time behind it.
	path := filepath.Join(dir, strings.Repeat("n", 250))
	warnings := make(chan error, 10)
	sink, err := file.New(file.Settings{Path: path, MaxBytes: 10}, sinktest.Message, func(err error) { warnings <- err })
	must(t, err)
	send(t, sink, 0, 3)
	must(t, sink.Close())
	holds(t, path, text(0, 3))
	close(warnings)
	n := 0
	for err := range warnings {
		n++
		if !strings.Contains(err.Error(), "grows on") || !strings.Contains(err.Error(), unix.ENAMETOOLONG.Error()) {
			t.Errorf("warning %v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d warnings", n)
	}
}

// TestCannotCompress: the plain file stays.
func TestCannotCompress(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.txt")
	backup := path + "-20200101T000000Z-1"
	must(t, os.WriteFile(backup, []byte("old\n"), 0o600))
	must(t, os.Mkdir(backup+".gz", 0o700)) // in the way
	warnings := make(chan error, 10)
	sink, err := file.New(file.Settings{Path: path, MaxBytes: 10, Compress: true}, sinktest.Message, func(err error) { warnings <- err })
	must(t, err)
	if err := <-warnings; !strings.Contains(err.Error(), "tidy the rotated files") || !strings.Contains(err.Error(), backup) {
		t.Errorf("warning %v", err)
	}
	must(t, sink.Close())
	holds(t, backup, "old\n")
}

package drivertest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/syscall/wire"
)

// Bits of the flags parameter.
const (
	rdonly    = 1 << 0
	wronly    = 1 << 1
	creat     = 1 << 2
	appendTo  = 1 << 3
	dsync     = 1 << 4
	excl      = 1 << 5
	nonblock  = 1 << 6
	sync_     = 1 << 7
	trunc     = 1 << 8
	directory = 1 << 10
	cloexec   = 1 << 12
	tmpfile   = 1 << 13
	created   = 1 << 14
)

// sysOpen is the number of open(2) where there is one.
var sysOpen = map[string]uintptr{"amd64": 2}[runtime.GOARCH]

func testOpen(t *testing.T, w *watcher) {
	if sysOpen == 0 {
		t.Skip("this architecture has no open(2)")
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	call := func(path string) (int64, unix.Errno) {
		p, err := unix.BytePtrFromString(path)
		if err != nil {
			t.Fatal(err)
		}
		fd, _, errno := unix.Syscall(sysOpen, uintptr(unsafe.Pointer(p)), unix.O_RDWR|unix.O_CLOEXEC, 0)
		return int64(fd), errno
	}
	fd, errno := call(path)
	if errno != 0 {
		t.Fatal(errno)
	}
	defer closeFile(t, int(fd))
	e, _ := w.find(t, "open", func(e *wire.Event) bool { return e.Type == typeOpen && text(e, 1) == path })
	wantNum(t, e, 0, "fd", fd)
	wantNum(t, e, 2, "flags", rdonly|wronly|cloexec)
	wantNum(t, e, 3, "mode", 0)
	wantFile(t, e, 4, int(fd))

	if _, errno = call(path + "-missing"); errno != unix.ENOENT {
		t.Fatal(errno)
	}
	e, _ = w.find(t, "open that failed", func(e *wire.Event) bool { return e.Type == typeOpen && text(e, 1) == path+"-missing" })
	wantNum(t, e, 0, "fd", -int64(unix.ENOENT))
}

func closeFile(t *testing.T, fd int) {
	t.Helper()
	if err := unix.Close(fd); err != nil {
		t.Errorf("close %d: %v", fd, err)
	}
}

// wantFile compares dev and ino, parameters i and i+1.
func wantFile(t *testing.T, e *wire.Event, i, fd int) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	wantNum(t, e, i, "dev", int64(st.Dev))
	wantNum(t, e, i+1, "ino", int64(st.Ino))
	if e.Params != i+2 {
		t.Errorf("type %d: %d parameters, want %d", e.Type, e.Params, i+2)
	}
}

func testOpenFlags(t *testing.T, w *watcher) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ kernel, want int }{
		"append":    {unix.O_WRONLY | unix.O_APPEND, wronly | appendTo},
		"trunc":     {unix.O_WRONLY | unix.O_TRUNC, wronly | trunc},
		"nonblock":  {unix.O_RDONLY | unix.O_NONBLOCK, rdonly | nonblock},
		"dsync":     {unix.O_RDWR | unix.O_DSYNC, rdonly | wronly | dsync},
		"sync":      {unix.O_RDWR | unix.O_SYNC, rdonly | wronly | sync_ | dsync},
		"directory": {unix.O_RDONLY | unix.O_DIRECTORY, rdonly | directory},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.Openat(unix.AT_FDCWD, path, c.kernel, 0o600)
		if err == nil {
			closeFile(t, fd)
		}
		// Go adds O_LARGEFILE on some machines, which is not what this is about.
		e, _ := w.find(t, name, func(e *wire.Event) bool {
			return e.Type == typeOpenat && text(e, 2) == path && num(e, 3)&creat == 0
		})
		if got := num(e, 3) &^ (1 << 11); got != int64(c.want) {
			t.Errorf("%s: flags are %#x, want %#x", name, got, c.want)
		}
	}
}

func testOpenat(t *testing.T, w *watcher) {
	dir := t.TempDir()
	name := fmt.Sprintf("relative-%d", os.Getpid())
	if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dirfd, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(t, dirfd)
	fd, err := unix.Openat(dirfd, name, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(t, fd)
	e, _ := w.find(t, "openat", func(e *wire.Event) bool { return e.Type == typeOpenat && text(e, 2) == name })
	wantNum(t, e, 0, "fd", int64(fd))
	wantNum(t, e, 1, "dirfd", int64(dirfd))
	wantNum(t, e, 4, "mode", 0)
	wantFile(t, e, 5, fd)

	if _, err := unix.Openat(dirfd, name+"-missing", unix.O_RDONLY, 0); !errors.Is(err, unix.ENOENT) {
		t.Fatal(err)
	}
	e, _ = w.find(t, "openat that failed", func(e *wire.Event) bool { return e.Type == typeOpenat && text(e, 2) == name+"-missing" })
	wantNum(t, e, 0, "fd", -int64(unix.ENOENT))
}

func testOpenatCreates(t *testing.T, w *watcher) {
	path := filepath.Join(t.TempDir(), "new")
	var fds [2]int
	for i := range fds {
		fd, err := unix.Openat(unix.AT_FDCWD, path, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o640)
		if err != nil {
			t.Fatal(err)
		}
		defer closeFile(t, fd)
		fds[i] = fd
	}
	for i, want := range []int64{wronly | creat | cloexec | created, wronly | creat | cloexec} {
		e, _ := w.find(t, "openat that creates", func(e *wire.Event) bool {
			return e.Type == typeOpenat && text(e, 2) == path && num(e, 0) == int64(fds[i])
		})
		wantNum(t, e, 1, "dirfd", unix.AT_FDCWD)
		wantNum(t, e, 4, "mode", 0o640)
		if got := num(e, 3) &^ (1 << 11); got != want {
			t.Errorf("flags of open %d are %#x, want %#x", i, got, want)
		}
	}
}

// testOpenatFaults: what cannot be read has no value.
func testOpenatFaults(t *testing.T, w *watcher) {
	if _, _, errno := unix.Syscall6(unix.SYS_OPENAT, 4242, 1, 0, 0, 0, 0); errno != unix.EFAULT {
		t.Fatal(errno)
	}
	e, _ := w.find(t, "openat of bad memory", func(e *wire.Event) bool { return e.Type == typeOpenat && num(e, 1) == 4242 })
	wantNum(t, e, 0, "fd", -int64(unix.EFAULT))
	if len(e.Param(2)) != 0 {
		t.Errorf("name is %q, want no value", e.Param(2))
	}
}

func testOpenat2(t *testing.T, w *watcher) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	how := unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(unix.AT_FDCWD, file, &how)
	if errors.Is(err, unix.ENOSYS) {
		t.Skip("this kernel has no openat2")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(t, fd)
	e, _ := w.find(t, "openat2", func(e *wire.Event) bool { return e.Type == typeOpenat2 && text(e, 2) == file })
	wantNum(t, e, 0, "fd", int64(fd))
	wantNum(t, e, 1, "dirfd", unix.AT_FDCWD)
	wantNum(t, e, 3, "flags", rdonly|cloexec)
	wantNum(t, e, 4, "mode", 0)
	wantNum(t, e, 5, "resolve", 1<<2|1<<3)
	wantFile(t, e, 6, fd)

	if _, err := unix.Openat2(unix.AT_FDCWD, link, &how); !errors.Is(err, unix.ELOOP) {
		t.Fatal(err)
	}
	e, _ = w.find(t, "openat2 that failed", func(e *wire.Event) bool { return e.Type == typeOpenat2 && text(e, 2) == link })
	wantNum(t, e, 0, "fd", -int64(unix.ELOOP))
}

// testChdir goes where the process is already, because other tests run in it.
func testChdir(t *testing.T, w *watcher) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Chdir(wd); err != nil {
		t.Fatal(err)
	}
	ours := func(typ uint16, path string) func(*wire.Event) bool {
		return func(e *wire.Event) bool { return e.Type == typ && text(e, 1) == path && ownThread(e.Thread) }
	}
	e, _ := w.find(t, "chdir", ours(typeChdir, wd))
	wantNum(t, e, 0, "res", 0)
	missing := filepath.Join(t.TempDir(), "missing")
	if err := unix.Chdir(missing); !errors.Is(err, unix.ENOENT) {
		t.Fatal(err)
	}
	e, _ = w.find(t, "chdir that failed", ours(typeChdir, missing))
	wantNum(t, e, 0, "res", -int64(unix.ENOENT))

	fd, err := unix.Open(wd, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(t, fd)
	if err := unix.Fchdir(fd); err != nil {
		t.Fatal(err)
	}
	w.find(t, "fchdir", func(e *wire.Event) bool {
		return e.Type == typeFchdir && num(e, 1) == int64(fd) && num(e, 0) == 0 && ownThread(e.Thread)
	})
	if err := unix.Fchdir(-1); !errors.Is(err, unix.EBADF) {
		t.Fatal(err)
	}
	w.find(t, "fchdir that failed", func(e *wire.Event) bool {
		return e.Type == typeFchdir && num(e, 1) == -1 && num(e, 0) == -int64(unix.EBADF)
	})
}

// testStorm opens many files on all CPUs at once: each has to arrive once.
func testStorm(t *testing.T, w *watcher) {
	names := manyOpens(t, 20000)
	w.settle(t)
	if seen := w.seenOnce(t, names); seen != len(names) {
		s, err := w.d.Stats()
		t.Errorf("of %d events %d are seen (counters: %v %v)", len(names), seen, s, err)
	}
}

// manyOpens opens as many files that do not exist, from several threads, and returns their names.
func manyOpens(t *testing.T, n int) []string {
	t.Helper()
	const threads = 4
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("/nonexistent/%s/%d", t.Name(), i)
	}
	var wg sync.WaitGroup
	for g := range threads {
		wg.Go(func() {
			for i := g; i < n; i += threads {
				_, _ = unix.Openat(unix.AT_FDCWD, names[i], unix.O_RDONLY, 0)
			}
		})
	}
	wg.Wait()
	return names
}

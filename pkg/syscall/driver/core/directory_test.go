//go:build linux && (amd64 || arm64)

package core

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// directory is the parameter behind those of the table, empty when it has no value.
func (g got) directory() string {
	last := len(g.params) - 1
	if len(g.params[last]) == 0 {
		return ""
	}
	return g.text(last)
}

// places makes directories below one of the test and gives their paths without symbolic links.
func places(t *testing.T, names ...string) []string {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		names[i] = filepath.Join(base, name)
		if err := os.Mkdir(names[i], 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// must is for calls on a thread of their own, where a test cannot end.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// TestDirectoryOfDescriptor opens files relative to descriptors that system calls gave which are not events: the number
// of one directory stands for another by then.
func TestDirectoryOfDescriptor(t *testing.T) {
	p := places(t, "one", "two")
	one, two := p[0], p[1]
	file := filepath.Join(two, "file")
	check(t, os.WriteFile(file, nil, 0o600))
	d := sensor(t, typeOpenat, typeOpenat2)
	s := events(t, d)
	fd := must[int](t)
	var bad []error
	tid := onThread(func() {
		x := fd(unix.Open(one, unix.O_DIRECTORY, 0))
		y := fd(unix.Open(two, unix.O_DIRECTORY|unix.O_PATH, 0))
		check(t, unix.Dup3(y, x, 0))
		z := fd(unix.FcntlInt(uintptr(y), unix.F_DUPFD, 0))
		for _, dir := range []int{x, y, z} {
			unix.Close(fd(unix.Openat(dir, "file", unix.O_RDONLY, 0)))
		}
		unix.Close(fd(unix.Openat(x, file, unix.O_RDONLY, 0)))
		unix.Close(fd(unix.Openat2(z, "./file", &unix.OpenHow{})))
		unix.Close(fd(unix.Openat2(z, "/file", &unix.OpenHow{Resolve: unix.RESOLVE_IN_ROOT})))
		unix.Close(fd(unix.Openat2(z, file, &unix.OpenHow{})))
		plain := fd(unix.Open(file, unix.O_RDONLY, 0))
		var pipe [2]int
		check(t, unix.Pipe(pipe[:]))
		for _, dir := range []int{plain, pipe[0], -1} {
			_, err := unix.Openat(dir, "file", unix.O_RDONLY, 0)
			bad = append(bad, err)
		}
		for _, n := range []int{x, y, z, plain, pipe[0], pipe[1]} {
			unix.Close(n)
		}
	})
	for _, err := range bad {
		if err == nil {
			t.Error("a file was opened relative to what is no directory")
		}
	}
	for _, c := range []struct {
		event uint16
		name  string
		want  string
	}{
		{typeOpenat, one, ""}, {typeOpenat, two, ""}, // absolute
		{typeOpenat, "file", two}, {typeOpenat, "file", two}, {typeOpenat, "file", two},
		{typeOpenat, file, ""},
		{typeOpenat2, "./file", two}, {typeOpenat2, "/file", two}, {typeOpenat2, file, ""},
		{typeOpenat, file, ""},
		{typeOpenat, "file", ""}, {typeOpenat, "file", ""}, {typeOpenat, "file", ""}, // no directory
	} {
		if g := s.find(of(c.event, tid)); g.text(2) != c.name || g.directory() != c.want {
			t.Errorf("open of %q relative to %q, want %q relative to %q", g.text(2), g.directory(), c.name, c.want)
		}
	}
}

// TestDirectoryOfTask follows a task through directories, by descriptor, by name and through a symbolic link.
func TestDirectoryOfTask(t *testing.T) {
	p := places(t, "one", "two")
	one, two := p[0], p[1]
	link := two + "-link"
	check(t, os.Symlink(two, link))
	d := sensor(t, typeOpen, typeCreat, typeOpenat)
	s := events(t, d)
	fd := must[int](t)
	name := []byte("file\x00")
	legacy := func(call string, flags uintptr) {
		for _, n := range nativeNumbers[call] {
			file, _, errno := unix.Syscall(uintptr(n), uintptr(unsafe.Pointer(&name[0])), flags, 0)
			if errno != 0 {
				t.Error(call, errno)
			}
			unix.Close(int(file))
		}
	}
	tid := onThread(func() {
		check(t, unix.Unshare(unix.CLONE_FS))
		x := fd(unix.Open(one, unix.O_DIRECTORY, 0))
		check(t, unix.Fchdir(x))
		_ = unix.Fchdir(-1)
		unix.Close(fd(unix.Openat(unix.AT_FDCWD, "file", unix.O_CREAT, 0o600)))
		check(t, unix.Chdir(link))
		_ = unix.Chdir("missing")
		legacy("creat", 0o600)
		legacy("open", unix.O_RDONLY)
		check(t, unix.Chdir("../one"))
		check(t, unix.Chdir("/"))
		_, _ = unix.Openat(unix.AT_FDCWD, "missing", unix.O_RDONLY, 0)
		unix.Close(x)
	})
	wants := []struct {
		event uint16
		want  string
	}{
		{typeOpenat, ""}, {typeFchdir, one}, {typeFchdir, ""}, {typeOpenat, one}, {typeChdir, two}, {typeChdir, ""},
		{typeCreat, two}, {typeOpen, two}, {typeChdir, one}, {typeChdir, "/"}, {typeOpenat, "/"},
	}
	for _, c := range wants {
		if (c.event == typeCreat || c.event == typeOpen) && len(nativeNumbers["open"]) == 0 {
			continue
		}
		if g := s.find(of(c.event, tid)); g.directory() != c.want {
			t.Errorf("event %d: directory %q, want %q: %q", c.event, g.directory(), c.want, g.params)
		}
	}
}

// TestDirectoryBelowRoot: paths begin at the root of the task, as the absolute ones that it names do. A directory that
// is not below it has its path below the top of all mounts.
func TestDirectoryBelowRoot(t *testing.T) {
	p := places(t, "root", "root/in", "root/in/side", "out")
	root, outside := p[0], p[3]
	d := sensor(t, typeOpenat)
	s := events(t, d)
	fd := must[int](t)
	tid := onThread(func() {
		out := fd(unix.Open(outside, unix.O_DIRECTORY, 0))
		check(t, unix.Unshare(unix.CLONE_FS))
		check(t, unix.Chroot(root))
		check(t, unix.Chdir("/in"))
		in := fd(unix.Open("side", unix.O_DIRECTORY, 0))
		_, _ = unix.Openat(in, "file", unix.O_RDONLY, 0)
		_, _ = unix.Openat(out, "file", unix.O_RDONLY, 0)
		unix.Close(in)
		unix.Close(out)
	})
	if g := s.find(of(typeChdir, tid)); g.directory() != "/in" {
		t.Errorf("chdir to %q, want /in", g.directory())
	}
	for _, want := range []string{"/in", "/in/side", outside} {
		if g := s.find(of(typeOpenat, tid)); g.directory() != want {
			t.Errorf("open of %q relative to %q, want %q", g.text(2), g.directory(), want)
		}
	}
}

// TestDirectoryTooDeep: no path rather than a part of one, and it is counted. A path just within the limit is whole.
func TestDirectoryTooDeep(t *testing.T) {
	top := places(t, "top")[0]
	d := sensor(t, typeOpenat)
	s := events(t, d)
	fd := must[int](t)
	const levels, deep = 100, 60
	tid := onThread(func() {
		at := fd(unix.Open(top, unix.O_DIRECTORY, 0))
		for range levels + deep {
			check(t, unix.Mkdirat(at, "d", 0o700))
			below := fd(unix.Openat(at, "d", unix.O_DIRECTORY, 0))
			unix.Close(at)
			at = below
		}
		_, _ = unix.Openat(at, "file", unix.O_RDONLY, 0)
		unix.Close(at)
	})
	for i := range levels + deep {
		g := s.find(func(g got) bool { return of(typeOpenat, tid)(g) && g.text(2) == "d" })
		if want := top + strings.Repeat("/d", i); i <= levels && g.directory() != want {
			t.Fatalf("level %d: %q, want %q", i, g.directory(), want)
		}
	}
	if g := s.find(of(typeOpenat, tid)); g.text(2) != "file" || g.directory() != "" {
		t.Errorf("open of %q relative to %q, want no directory", g.text(2), g.directory())
	}
	stats, err := d.StatsByType()
	if err != nil {
		t.Fatal(err)
	}
	if stats[typeOpenat].Truncated == 0 {
		t.Error("the path that is too deep is not counted")
	}
}

//go:build linux && (amd64 || arm64)

package core

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	typeOpen    = 3
	typeClose   = 5
	typeConnect = 23
	typeCreat   = 59
	typeChdir   = 95
	typeFchdir  = 97
	typeOpenat  = 307
	typeOpenat2 = 327
)

// Open flags in the encoding of the event table.
const (
	oRDONLY    = 0x1
	oWRONLY    = 0x2
	oRDWR      = 0x3
	oCREAT     = 0x4
	oAPPEND    = 0x8
	oDSYNC     = 0x10
	oEXCL      = 0x20
	oNONBLOCK  = 0x40
	oSYNC      = 0x80
	oTRUNC     = 0x100
	oDIRECTORY = 0x400
	oCLOEXEC   = 0x1000
	oTMPFILE   = 0x2000
	oCREATED   = 0x4000
)

// TestOpenat opens a file in many ways and checks flags, mode, device and inode of the event.
func TestOpenat(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := sensor(t, typeOpenat) // now: opens of this thread before must not be taken for those below
	s := events(t, d)
	for _, c := range []struct {
		name  string
		path  string
		flags int
		want  int64
		mode  int64
	}{
		{"read", there, unix.O_RDONLY, oRDONLY, 0},
		{"write", there, unix.O_WRONLY | unix.O_CLOEXEC | unix.O_TRUNC, oWRONLY | oCLOEXEC | oTRUNC, 0},
		{"create existing", there, unix.O_RDWR | unix.O_CREAT, oRDWR | oCREAT, 0o640},
		{"create", filepath.Join(dir, "new"), unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL, oWRONLY | oCREAT | oEXCL | oCREATED, 0o640},
		{"directory", dir, unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NONBLOCK, oRDONLY | oDIRECTORY | oNONBLOCK, 0},
		{"unnamed", dir, unix.O_RDWR | unix.O_TMPFILE, oRDWR | oTMPFILE | oDIRECTORY, 0o640},
		{"data sync", there, unix.O_WRONLY | unix.O_DSYNC | unix.O_APPEND, oWRONLY | oDSYNC | oAPPEND, 0},
		{"sync", there, unix.O_WRONLY | unix.O_SYNC, oWRONLY | oDSYNC | oSYNC, 0},
	} {
		var fd int
		var st unix.Stat_t
		tid := onThread(func() {
			var err error
			if fd, err = unix.Openat(unix.AT_FDCWD, c.path, c.flags, 0o640); err != nil {
				t.Errorf("%s: %v", c.name, err)
				return
			}
			if err := unix.Fstat(fd, &st); err != nil {
				t.Error(err)
			}
			unix.Close(fd)
		})
		g := s.find(of(typeOpenat, tid))
		if g.number(0) != int64(fd) || g.number(1) != unix.AT_FDCWD || g.text(2) != c.path {
			t.Errorf("%s: fd %d, dirfd %d, name %q", c.name, g.number(0), g.number(1), g.text(2))
		}
		// Go's Openat adds O_LARGEFILE, which is 0 on 64 bits.
		if g.number(3) != c.want || g.number(4) != c.mode {
			t.Errorf("%s: flags %#x mode %#o, want %#x %#o", c.name, g.number(3), g.number(4), c.want, c.mode)
		}
		if g.number(5) != int64(st.Dev) || g.number(6) != int64(st.Ino) {
			t.Errorf("%s: device %#x inode %d, want %#x %d", c.name, g.number(5), g.number(6), st.Dev, st.Ino)
		}
	}
}

// TestOpenatFails checks a path that does not exist, a relative path with its directory, and a bad pointer.
func TestOpenatFails(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	d := sensor(t, typeOpenat)
	s := events(t, d)
	tid := onThread(func() { _, _ = unix.Openat(int(dir.Fd()), "sub/missing", unix.O_RDONLY, 0) })
	g := s.find(of(typeOpenat, tid))
	if g.number(0) != -int64(unix.ENOENT) || g.number(1) != int64(dir.Fd()) || g.text(2) != "sub/missing" ||
		g.number(3) != oRDONLY || g.number(5) != 0 || g.number(6) != 0 {
		t.Errorf("missing file: %q", g.params)
	}
	dirfd := unix.AT_FDCWD
	tid = onThread(func() { _, _, _ = unix.Syscall(unix.SYS_OPENAT, uintptr(dirfd), 1, 0) })
	g = s.find(of(typeOpenat, tid))
	if g.number(0) != -int64(unix.EFAULT) || len(g.params[2]) != 0 {
		t.Errorf("bad pointer: %q", g.params)
	}
}

// TestOpenat2 checks that the structure of the call is read, with the restrictions in it.
func TestOpenat2(t *testing.T) {
	d := sensor(t, typeOpenat2)
	s := events(t, d)
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	how := unix.OpenHow{
		Flags: unix.O_RDWR | unix.O_CREAT | unix.O_CLOEXEC, Mode: 0o604,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	var fd int
	tid := onThread(func() { fd, err = unix.Openat2(int(dir.Fd()), "file", &how) })
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	const beneath, noSymlinks, noXdev = 1, 8, 0x10
	g := s.find(of(typeOpenat2, tid))
	for i, want := range []int64{
		int64(fd), int64(dir.Fd()), -9999, oRDWR | oCREAT | oCLOEXEC | oCREATED, 0o604, beneath | noSymlinks | noXdev,
		int64(st.Dev), int64(st.Ino),
	} {
		if i != 2 && g.number(i) != want {
			t.Errorf("parameter %d is %#x, want %#x", i, g.number(i), want)
		}
	}
	if g.text(2) != "file" {
		t.Errorf("name is %q", g.text(2))
	}
}

// TestDirectories checks the calls that move a process.
func TestDirectories(t *testing.T) {
	d := sensor(t)
	s := events(t, d)
	dir := t.TempDir()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tid := onThread(func() {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			t.Error(err)
		}
		_ = syscall.Chdir(dir)
		_ = syscall.Fchdir(int(f.Fd()))
		_ = syscall.Chdir("/no/such/directory")
	})
	if g := s.find(of(typeChdir, tid)); g.number(0) != 0 || g.text(1) != dir {
		t.Errorf("chdir: %q", g.params)
	}
	if g := s.find(of(typeFchdir, tid)); g.number(0) != 0 || g.number(1) != int64(f.Fd()) {
		t.Errorf("fchdir: %q", g.params)
	}
	if g := s.find(of(typeChdir, tid)); g.number(0) != -int64(unix.ENOENT) || g.text(1) != "/no/such/directory" {
		t.Errorf("chdir that fails: %q", g.params)
	}
}

// TestUnwanted checks that a call is sent only if its type is on, and that the process table's are always on.
func TestUnwanted(t *testing.T) {
	d := sensor(t, typeOpenat)
	s := events(t, d)
	dir := t.TempDir()
	tid := onThread(func() {
		fd, err := unix.Openat2(unix.AT_FDCWD, dir, &unix.OpenHow{})
		if err != nil {
			t.Error(err)
		}
		unix.Close(fd)
		if fd, err = unix.Openat(unix.AT_FDCWD, dir, unix.O_RDONLY, 0); err != nil {
			t.Error(err)
		}
		unix.Close(fd)
		_, _ = unix.Setsid()
	})
	for {
		g := s.next()
		if g.Thread != int64(tid) {
			continue
		}
		switch g.Type {
		case typeOpenat2, typeClose:
			t.Fatalf("event of type %d, which is off", g.Type)
		case 275: // setsid
			return
		}
	}
}

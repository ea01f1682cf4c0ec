//go:build linux && (amd64 || arm64)

package syscall

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall/account"
	"github.com/saker-security/saker/pkg/syscall/driver"
	"github.com/saker-security/saker/pkg/syscall/driver/core"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// sensor is the live driver with an Inspector behind it. Without the rights or the kernel for it the test is skipped;
// in CI it fails.
type sensor struct {
	t      *testing.T
	driver driver.Driver
	in     *Inspector
}

func newSensor(t *testing.T) *sensor {
	t.Helper()
	d, err := core.Open(driver.Options{Types: table.DeliverableIDs()})
	if err != nil {
		if errors.Is(err, driver.ErrUnavailable) && os.Getenv("CI") != "true" {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	proc, err := process.OpenProc("/proc")
	if err != nil {
		t.Fatal(err)
	}
	in := New(Options{Proc: proc, Accounts: account.Open("/")})
	if n, err := in.Seed(time.Now().UnixNano()); err != nil || n == 0 {
		t.Fatalf("%d threads, %v", n, err)
	}
	return &sensor{t, d, in}
}

// until reads events until one satisfies match. A deadline far behind anything sane closes the driver.
func (s *sensor) until(what string, match func(e *event.Event, r *Record) bool) {
	s.t.Helper()
	timer := time.AfterFunc(time.Minute, func() { s.driver.Close() })
	defer timer.Stop()
	for {
		frame, err := s.driver.Next()
		if err != nil {
			s.t.Fatalf("no %s: %v", what, err)
		}
		e, err := s.in.Event(frame)
		if err != nil {
			s.t.Fatal(err)
		}
		if match(e, e.Data.(*Record)) {
			return
		}
	}
}

func opensFile(path string) func(*event.Event, *Record) bool {
	return func(_ *event.Event, r *Record) bool {
		return r.Row.OpensFile() && r.FD != nil && string(r.FD.Name) == path
	}
}

// TestLive runs programs and looks at their events with the fields that rules use.
func TestLive(t *testing.T) {
	s := newSensor(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "cat secret; true")
	cmd.Dir, cmd.Env = dir, []string{"PATH=/usr/bin:/bin", "MARK=live"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	self, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	s.until("open of the secret", func(e *event.Event, r *Record) bool {
		if !opensFile(secret)(e, r) || r.Thread == nil || r.Thread.Comm != "cat" {
			return false
		}
		want(t, e, `
			fd.nameraw secret
			fd.filename secret
			fd.directory `+dir+`
			evt.is_open_read true
			evt.is_open_write false
			evt.res SUCCESS
			proc.cmdline cat secret
			proc.exe cat
			proc.pname sh
			proc.pcmdline sh -c cat secret; true
			proc.env[MARK] live
			proc.cwd `+dir+`/
			proc.aname[2] `+strings.TrimSpace(string(self))+`
			container.id host
			user.uid `+strconv.Itoa(os.Geteuid())+`
		`)
		if name := render(catalogue, e, "proc.exepath"); !strings.HasPrefix(name, "/") {
			t.Errorf("proc.exepath %q", name)
		}
		if v := render(catalogue, e, "proc.duration"); len(v) > len("60000000000") {
			t.Errorf("proc.duration %s", v)
		}
		return true
	})
	if stats := s.in.Stats(); stats.Malformed["frame"]+stats.Malformed["type"]+stats.Malformed["parameter"] != 0 {
		t.Errorf("stats %+v", stats)
	}
}

// TestLiveSession: the id of a session that was begun after the fork.
func TestLiveSession(t *testing.T) {
	path, err := exec.LookPath("setsid")
	if err != nil {
		t.Skip("no program setsid")
	}
	s := newSensor(t)
	file := filepath.Join(t.TempDir(), "made")
	if out, err := exec.Command(path, "-w", "sh", "-c", ": > "+file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.until("file made in a session", func(e *event.Event, r *Record) bool {
		if !opensFile(file)(e, r) {
			return false
		}
		want(t, e, "proc.is_sid_leader true\nproc.sname sh\nevt.is_open_create true\nevt.is_open_write true")
		return true
	})
}

// TestLiveConnect: the ends of a connection, and its transport, which no event tells.
func TestLiveConnect(t *testing.T) {
	s := newSensor(t)
	for _, network := range []string{"tcp", "udp"} {
		t.Run(network, func(t *testing.T) {
			address := "127.0.0.1:9"
			if network == "tcp" {
				listener, err := net.Listen(network, "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer listener.Close()
				address = listener.Addr().String()
			}
			conn, err := net.Dial(network, address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			name := conn.LocalAddr().String() + "->" + address
			s.until("connection", func(e *event.Event, r *Record) bool {
				if r.Row.ID != table.Connect || r.FD == nil || string(r.FD.Name) != name {
					return false
				}
				_, port, _ := net.SplitHostPort(address)
				want(t, e, `
					fd.type ipv4
					fd.sip 127.0.0.1
					fd.sport `+port+`
					fd.connected true
					fd.is_server true
					fd.l4proto `+network+`
					proc.pid `+strconv.Itoa(os.Getpid())+`
				`)
				return true
			})
		})
	}
}

// TestLiveDirectory: a path that is relative to a descriptor whose number was another directory's, and to the working
// directory that was entered by it. No event tells of the copies in between.
func TestLiveDirectory(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	one, two := filepath.Join(base, "one"), filepath.Join(base, "two")
	for _, dir := range []string{one, two} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(two, "shadow"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSensor(t)
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the working directory is the thread's own and ends with it
		done <- openByCopies(one, two)
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, relativeTo := range []string{"copy", "working directory", "name"} {
		s.until("open relative to the "+relativeTo, func(e *event.Event, r *Record) bool {
			if !r.Row.OpensFile() || string(r.bytes(openParamsOf(r.Row.ID).name)) != "shadow" {
				return false
			}
			want(t, e, `
				fd.name `+two+`/shadow
				fd.directory `+two+`
				fs.path.name `+two+`/shadow
			`)
			return true
		})
	}
}

// openByCopies opens the file shadow of the directory two thrice: by a descriptor that was one's, from the working
// directory that this descriptor gave, and from that by a relative name.
func openByCopies(one, two string) error {
	x, err := unix.Open(one, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	y, err := unix.Open(two, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(y)
	// Other threads open files: closing x and asking fcntl for the lowest number might give another one.
	if err := unix.Dup3(y, x, unix.O_CLOEXEC); err != nil {
		return err
	}
	defer unix.Close(x)
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	for i, enter := range []func() error{
		func() error { return nil },
		func() error { return unix.Fchdir(x) },
		func() error { return unix.Chdir("../two") },
	} {
		if err := enter(); err != nil {
			return err
		}
		dir := unix.AT_FDCWD
		if i == 0 {
			dir = x
		}
		fd, err := unix.Openat(dir, "shadow", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		unix.Close(fd)
	}
	return nil
}

package drivertest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/syscall/wire"
)

// address is SOCKADDR for an IP endpoint.
func address(a netip.AddrPort) []byte {
	b := []byte{unix.AF_INET}
	if a.Addr().Is6() {
		b[0] = unix.AF_INET6
	}
	return endpoint(b, a)
}

func endpoint(b []byte, a netip.AddrPort) []byte {
	return binary.LittleEndian.AppendUint16(append(b, a.Addr().AsSlice()...), a.Port())
}

// restarted is the result of a call that a signal interrupted before the kernel starts it again by itself. The runtime
// sends signals of its own, so on a slow machine any call that waits may show it.
const restarted = -512

// isConnect matches by the address that the call was given.
func isConnect(addr []byte) func(*wire.Event) bool {
	return func(e *wire.Event) bool {
		if e.Type != typeConnect || !bytes.Equal(e.Param(3), addr) {
			return false
		}
		result := e.Param(0)
		return len(result) != 8 || int64(binary.LittleEndian.Uint64(result)) != restarted
	}
}

func wantBytes(t *testing.T, e *wire.Event, i int, name string, want []byte) {
	t.Helper()
	if !bytes.Equal(e.Param(i), want) {
		t.Errorf("type %d: %s is % x, want % x", e.Type, name, e.Param(i), want)
	}
}

func testConnectInet(t *testing.T, w *watcher) { testConnectTo(t, w, "127.0.0.1:0") }

func testConnectInet6(t *testing.T, w *watcher) { testConnectTo(t, w, "[::1]:0") }

func testConnectTo(t *testing.T, w *watcher, listen string) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", listen)
	if err != nil {
		t.Skipf("no such network here: %v", err)
	}
	defer l.Close()
	to := l.Addr().(*net.TCPAddr).AddrPort()
	fd := socket(t, to, 0)
	if err := unix.Connect(fd, sockaddr(to)); err != nil {
		t.Fatal(err)
	}
	e, _ := w.find(t, "connect", isConnect(address(to)))
	wantNum(t, e, 0, "res", 0)
	wantBytes(t, e, 1, "tuple", endpoint(address(local(t, fd)), to))
	wantNum(t, e, 2, "fd", int64(fd))
	if e.Params != 4 {
		t.Errorf("%d parameters, want 4", e.Params)
	}
}

func socket(t *testing.T, to netip.AddrPort, flags int) int {
	t.Helper()
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeFile(t, fd) })
	return fd
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

func local(t *testing.T, fd int) netip.AddrPort {
	t.Helper()
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	t.Fatalf("local address is a %T", sa)
	return netip.AddrPort{}
}

func testConnectRefused(t *testing.T, w *watcher) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := l.Addr().(*net.TCPAddr).AddrPort()
	l.Close()
	fd := socket(t, to, 0)
	if err := unix.Connect(fd, sockaddr(to)); !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatal(err)
	}
	e, _ := w.find(t, "connect that is refused", isConnect(address(to)))
	wantNum(t, e, 0, "res", -int64(unix.ECONNREFUSED))
	wantNum(t, e, 2, "fd", int64(fd))
}

// testConnectNonblocking: most programs connect so and get EINPROGRESS; both ends are known all the same.
func testConnectNonblocking(t *testing.T, w *watcher) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	to := l.Addr().(*net.TCPAddr).AddrPort()
	fd := socket(t, to, unix.SOCK_NONBLOCK)
	res := int64(0)
	if err := unix.Connect(fd, sockaddr(to)); errors.Is(err, unix.EINPROGRESS) {
		res = -int64(unix.EINPROGRESS)
	} else if err != nil {
		t.Fatal(err)
	}
	e, _ := w.find(t, "connect that goes on", isConnect(address(to)))
	wantNum(t, e, 0, "res", res)
	wantBytes(t, e, 1, "tuple", endpoint(address(local(t, fd)), to))
}

func testConnectUnix(t *testing.T, w *watcher) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(t, fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	e, _ := w.find(t, "connect to a unix socket", isConnect(append(append([]byte{unix.AF_UNIX}, path...), 0)))
	wantNum(t, e, 0, "res", 0)
	wantNum(t, e, 2, "fd", int64(fd))
	tuple := e.Param(1)
	if len(tuple) < 17 || tuple[0] != unix.AF_UNIX || string(tuple[17:]) != path+"\x00" {
		t.Errorf("tuple is %q, want one of a unix socket at %s", tuple, path)
	}
}

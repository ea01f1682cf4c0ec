//go:build linux && (amd64 || arm64)

package core

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// address reads u8 family, IP and port of a SOCKADDR or of one half of a tuple.
func address(b []byte, size int) netip.AddrPort {
	if len(b) < size+2 {
		return netip.AddrPort{}
	}
	ip, _ := netip.AddrFromSlice(b[:size])
	return netip.AddrPortFrom(ip, binary.LittleEndian.Uint16(b[size:]))
}

// TestConnectInet connects by TCP and UDP, IPv4 and IPv6, and compares both ends.
func TestConnectInet(t *testing.T) {
	d := sensor(t, typeConnect)
	s := events(t, d)
	for _, c := range []struct {
		network, listen string
		kind, size      int
	}{
		{"tcp4", "127.0.0.1:0", unix.SOCK_STREAM, 4}, {"tcp6", "[::1]:0", unix.SOCK_STREAM, 16},
		{"udp4", "127.0.0.1:0", unix.SOCK_DGRAM, 4}, {"udp6", "[::1]:0", unix.SOCK_DGRAM, 16},
	} {
		t.Run(c.network, func(t *testing.T) {
			s.t = t
			server := listen(t, c.network, c.listen)
			var own netip.AddrPort
			var fd int
			tid := onThread(func() { fd, own = dial(t, c.kind, server) })
			g := s.find(of(typeConnect, tid))
			family := byte(unix.AF_INET)
			if c.size == 16 {
				family = unix.AF_INET6
			}
			tuple, addr := g.params[1], g.params[3]
			if g.number(0) != 0 || g.number(2) != int64(fd) || len(tuple) != 1+2*(c.size+2) || tuple[0] != family {
				t.Fatalf("result %d, fd %d, tuple % x", g.number(0), g.number(2), tuple)
			}
			if a := address(tuple[1:], c.size); a != own {
				t.Errorf("own end is %v, want %v", a, own)
			}
			if a := address(tuple[1+c.size+2:], c.size); a != server {
				t.Errorf("other end is %v, want %v", a, server)
			}
			if a := address(addr[1:], c.size); a != server || addr[0] != family || len(addr) != 1+c.size+2 {
				t.Errorf("address is %v (% x), want %v", a, addr, server)
			}
		})
	}
}

func listen(t *testing.T, network, address string) netip.AddrPort {
	t.Helper()
	if network[0] == 't' {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Skipf("this machine has no %s: %v", network, err)
		}
		t.Cleanup(func() { l.Close() })
		return l.Addr().(*net.TCPAddr).AddrPort()
	}
	l, err := net.ListenPacket(network, address)
	if err != nil {
		t.Skipf("this machine has no %s: %v", network, err)
	}
	t.Cleanup(func() { l.Close() })
	return l.LocalAddr().(*net.UDPAddr).AddrPort()
}

// dial connects with one blocking system call and gives descriptor and own address of the socket.
func dial(t *testing.T, kind int, to netip.AddrPort) (int, netip.AddrPort) {
	var sa unix.Sockaddr = &unix.SockaddrInet4{Port: int(to.Port()), Addr: [4]byte{127, 0, 0, 1}}
	family := unix.AF_INET
	if to.Addr().Is6() {
		sa, family = &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}, unix.AF_INET6
	}
	fd, err := unix.Socket(family, kind, 0)
	if err != nil {
		t.Error(err)
		return -1, netip.AddrPort{}
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, sa); err != nil {
		t.Error(err)
	}
	own, err := unix.Getsockname(fd)
	if err != nil {
		t.Error(err)
	}
	switch a := own.(type) {
	case *unix.SockaddrInet4:
		return fd, netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return fd, netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return fd, netip.AddrPort{}
}

// TestConnectUnix connects to a path and to an abstract name.
func TestConnectUnix(t *testing.T) {
	d := sensor(t, typeConnect)
	s := events(t, d)
	for _, name := range []string{filepath.Join(t.TempDir(), "s"), fmt.Sprintf("@saker-test-%d", gettid())} {
		l, err := net.Listen("unix", name)
		if err != nil {
			t.Fatal(err)
		}
		want := name
		if name[0] == '@' {
			want = name[1:] // the event has no mark of abstract names
		}
		tid := onThread(func() {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				t.Error(err)
				return
			}
			if err := unix.Connect(fd, &unix.SockaddrUnix{Name: name}); err != nil {
				t.Error(err)
			}
			unix.Close(fd)
		})
		g := s.find(of(typeConnect, tid))
		l.Close()
		tuple, addr := g.params[1], g.params[3]
		if g.number(0) != 0 || len(tuple) < 18 || tuple[0] != unix.AF_UNIX || string(tuple[17:]) != want+"\x00" {
			t.Errorf("%s: result %d, tuple %q", name, g.number(0), tuple)
		}
		if own, peer := binary.LittleEndian.Uint64(tuple[1:]), binary.LittleEndian.Uint64(tuple[9:]); own == 0 || peer == 0 || own == peer {
			t.Errorf("%s: sockets %#x and %#x", name, own, peer)
		}
		if string(addr) != "\x01"+want+"\x00" {
			t.Errorf("%s: address %q", name, addr)
		}
	}
}

// TestConnectFails checks a refused connection, a descriptor that is no socket, and an address without a path end.
func TestConnectFails(t *testing.T) {
	d := sensor(t, typeConnect)
	s := events(t, d)
	var result error
	tid := onThread(func() {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer unix.Close(fd)
		result = unix.Connect(fd, &unix.SockaddrUnix{Name: "/no/such/socket"})
	})
	g := s.find(of(typeConnect, tid))
	if result != unix.ENOENT || g.number(0) != -int64(unix.ENOENT) || len(g.params[1]) != 0 ||
		string(g.params[3]) != "\x01/no/such/socket\x00" {
		t.Errorf("no listener: %v, %q", result, g.params)
	}
	tid = onThread(func() { _ = unix.Connect(0, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}) })
	g = s.find(of(typeConnect, tid))
	if len(g.params[1]) != 0 || len(g.params[3]) != 7 {
		t.Errorf("no socket: %q", g.params)
	}
}

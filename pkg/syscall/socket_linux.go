package syscall

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/syscall/process"
)

// withSocket calls do with a copy of the descriptor of another process, which lives for a moment. It needs the right to
// trace the process and a kernel of 5.6 or later; without them do is not called.
func withSocket(pid, num int64, do func(socket int)) {
	handle, err := unix.PidfdOpen(int(pid), 0)
	if err != nil {
		return
	}
	defer unix.Close(handle)
	socket, err := unix.PidfdGetfd(handle, int(num), 0)
	if err != nil {
		return
	}
	defer unix.Close(socket)
	do(socket)
}

// socketProtocol asks the kernel for the transport of a socket of another process. It stays unknown when the descriptor
// is another one by now.
func socketProtocol(pid int64, fd *process.FD) byte {
	protocol := byte(process.ProtocolUnknown)
	withSocket(pid, fd.Num, func(socket int) {
		if local, ok := address(unix.Getsockname(socket)); fd.Source.IsValid() && (!ok || local.Port() != fd.Source.Port()) {
			return
		}
		protocol = transportOf(socket)
	})
	return protocol
}

func transportOf(socket int) byte {
	kind, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return process.ProtocolUnknown
	}
	proto, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil {
		return process.ProtocolUnknown
	}
	return protocolOf(uint64(kind), uint64(proto))
}

// describeSocket asks the kernel what the socket fd.Num of another process is. Of a connection it cannot tell who began
// it: this end is taken for the client. What the kernel does not tell stays as it is.
func describeSocket(pid int64, fd *process.FD) {
	withSocket(pid, fd.Num, func(socket int) {
		family, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil {
			return
		}
		fd.Kind = kindOfFamily(uint64(family))
		if !fd.IsIP() {
			return
		}
		fd.Protocol = transportOf(socket)
		var t tuple
		var local, remote bool
		t.source, local = address(unix.Getsockname(socket))
		t.target, remote = address(unix.Getpeername(socket))
		if t.source.Addr().Is4() {
			fd.Kind = process.KindIPv4 // what a socket of IPv6 speaks
		}
		switch {
		case local && remote:
			fd.Source, fd.Target, fd.Connected = t.source, t.target, true
			fd.Name = t.append(fd.Name[:0])
		case local:
			fd.Name = appendAddrPort(fd.Name[:0], t.source)
		}
	})
}

// address turns what the kernel says into an address; false for other families and errors.
func address(a unix.Sockaddr, err error) (netip.AddrPort, bool) {
	if err != nil {
		return netip.AddrPort{}, false
	}
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)), true
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port)), true
	}
	return netip.AddrPort{}, false
}

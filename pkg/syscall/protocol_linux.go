package syscall

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/syscall/process"
)

// socketProtocol asks the kernel for the transport of a socket of another process, through a copy of its descriptor
// that lives for a moment. It needs the right to trace the process and a kernel of 5.6 or later; without them, or when
// the descriptor is another one by now, the transport stays unknown.
func socketProtocol(pid int64, fd *process.FD) byte {
	handle, err := unix.PidfdOpen(int(pid), 0)
	if err != nil {
		return process.ProtocolUnknown
	}
	defer unix.Close(handle)
	socket, err := unix.PidfdGetfd(handle, int(fd.Num), 0)
	if err != nil {
		return process.ProtocolUnknown
	}
	defer unix.Close(socket)
	if local, ok := localAddress(socket); fd.Source.IsValid() && (!ok || local.Port() != fd.Source.Port()) {
		return process.ProtocolUnknown
	}
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

func localAddress(socket int) (netip.AddrPort, bool) {
	address, err := unix.Getsockname(socket)
	if err != nil {
		return netip.AddrPort{}, false
	}
	switch a := address.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)), true
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)), true
	}
	return netip.AddrPort{}, false
}

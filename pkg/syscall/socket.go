package syscall

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/saker-security/saker/pkg/syscall/process"
)

// Address families as events carry them.
const (
	familyUnix    = 1
	familyIPv4    = 2
	familyIPv6    = 10
	familyNetlink = 16
)

// tuple is a decoded SOCKTUPLE parameter.
//
//	unix   u8 1, u64 source, u64 target, path, NUL
//	inet   u8 2, source address (4), u16 port, target address (4), u16 port
//	inet6  u8 10, the same with addresses of 16 bytes
type tuple struct {
	family         byte
	source, target netip.AddrPort
	// For unix: kernel addresses of the two ends, and the path.
	from, to uint64
	path     []byte
}

func parseTuple(p []byte) (t tuple, ok bool) {
	if len(p) == 0 {
		return t, false
	}
	le := binary.LittleEndian
	t.family, p = p[0], p[1:]
	switch {
	case t.family == familyIPv4 && len(p) >= 12:
		t.source, t.target = addrPort4(p), addrPort4(p[6:])
	case t.family == familyIPv6 && len(p) >= 36:
		t.source, t.target = addrPort6(p), addrPort6(p[18:])
		// A socket of IPv6 that speaks IPv4 is taken for what it speaks.
		if t.source.Addr().Is4In6() && t.target.Addr().Is4In6() {
			t.family = familyIPv4
			t.source = netip.AddrPortFrom(t.source.Addr().Unmap(), t.source.Port())
			t.target = netip.AddrPortFrom(t.target.Addr().Unmap(), t.target.Port())
		}
	case t.family == familyUnix && len(p) >= 16:
		t.from, t.to, t.path = le.Uint64(p), le.Uint64(p[8:]), trimNUL(p[16:])
	default:
		return t, false
	}
	return t, true
}

func addrPort4(p []byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(p)), binary.LittleEndian.Uint16(p[4:]))
}

func addrPort6(p []byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(p)), binary.LittleEndian.Uint16(p[16:]))
}

func kindOfFamily(family uint64) process.Kind {
	switch family {
	case familyUnix:
		return process.KindUnix
	case familyIPv4:
		return process.KindIPv4
	case familyIPv6:
		return process.KindIPv6
	case familyNetlink:
		return process.KindNetlink
	}
	return process.KindUnknown
}

// appendAddrPort writes address and port as Falco does: without brackets around an IPv6 address.
func appendAddrPort(dst []byte, a netip.AddrPort) []byte {
	dst = appendAddr(dst, a.Addr())
	dst = append(dst, ':')
	return strconv.AppendUint(dst, uint64(a.Port()), 10)
}

func appendAddr(dst []byte, a netip.Addr) []byte { return a.AppendTo(dst) }

func (t *tuple) append(dst []byte) []byte {
	if t.family == familyUnix {
		dst = strconv.AppendUint(dst, t.from, 16)
		dst = append(dst, "->"...)
		dst = strconv.AppendUint(dst, t.to, 16)
		if len(t.path) > 0 {
			dst = append(append(dst, ' '), t.path...)
		}
		return dst
	}
	dst = appendAddrPort(dst, t.source)
	dst = append(dst, "->"...)
	return appendAddrPort(dst, t.target)
}

// appendSockAddr writes a SOCKADDR parameter: u8 family, then address and u16 port, or a path and NUL for unix.
func appendSockAddr(dst, p []byte) []byte {
	switch family, rest := p[0], p[1:]; {
	case family == familyIPv4 && len(rest) >= 6:
		return appendAddrPort(dst, addrPort4(rest))
	case family == familyIPv6 && len(rest) >= 18:
		return appendAddrPort(dst, addrPort6(rest))
	case family == familyUnix:
		return append(dst, trimNUL(rest)...)
	}
	return appendFamily(dst, p[0])
}

func appendFamily(dst []byte, family byte) []byte {
	return strconv.AppendUint(append(dst, "family "...), uint64(family), 10)
}

// Kinds of sockets, as the type argument of socket(2) has them in its low bits.
const (
	socketTypeMask = 0xf
	socketStream   = 1
	socketDatagram = 2
	socketRaw      = 3
)

// Protocol numbers of IP.
const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoRaw    = 255
)

// protocolOf tells the transport of an IP socket from its type and protocol, as socket(2) was called.
func protocolOf(kind, proto uint64) byte {
	switch proto {
	case protoICMP, protoICMPv6:
		return process.ProtocolICMP
	case protoTCP:
		return process.ProtocolTCP
	case protoUDP:
		return process.ProtocolUDP
	case protoRaw:
		return process.ProtocolRaw
	}
	switch kind & socketTypeMask {
	case socketStream:
		return process.ProtocolTCP
	case socketDatagram:
		return process.ProtocolUDP
	case socketRaw:
		return process.ProtocolRaw
	}
	return process.ProtocolUnknown
}

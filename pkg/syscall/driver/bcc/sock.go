//go:build bcc

package bcc

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Families as the addresses of the wire format have them: their first byte.
const (
	familyUnix  = unix.AF_UNIX
	familyInet  = unix.AF_INET
	familyInet6 = unix.AF_INET6
)

// An end is one end of a connection.
type end struct {
	ip   []byte
	port uint16
}

func (e end) append(b []byte) []byte {
	return binary.LittleEndian.AppendUint16(append(b, e.ip...), e.port)
}

// connect gives res, tuple, fd and addr. The tuple is known when the call succeeded or goes on.
func (r *raw) connect() [][]byte {
	addr := sockaddr(r.sec[secAddr])
	return [][]byte{i64(r.res), r.tuple(addr), i64(r.arg[0]), addr}
}

// sockaddr translates the address that the call was given; other families keep only their number.
func sockaddr(b []byte) []byte {
	if len(b) < 2 {
		return nil
	}
	family := binary.NativeEndian.Uint16(b)
	out := []byte{byte(family)}
	switch family {
	case familyUnix:
		return append(out, unixPath(b[2:])...)
	case familyInet:
		if len(b) < 8 {
			return nil
		}
		return end{b[4:8], binary.BigEndian.Uint16(b[2:])}.append(out)
	case familyInet6:
		if len(b) < 24 {
			return nil
		}
		return end{b[8:24], binary.BigEndian.Uint16(b[2:])}.append(out)
	}
	return out
}

// unixPath gives a path with its NUL. An abstract name begins with a NUL in the kernel and with @ here.
func unixPath(b []byte) []byte {
	out := make([]byte, 0, len(b)+1)
	if len(b) > 1 && b[0] == 0 {
		out, b = append(out, '@'), b[1:]
	}
	for _, c := range b {
		if c == 0 {
			break
		}
		out = append(out, c)
	}
	return append(out, 0)
}

// sizeSock is the size of struct sock_ends in the C text.
const sizeSock = 40

// tuple gives both ends: the local one from the socket, the remote one from the socket too, which for unix is the path
// of addr.
func (r *raw) tuple(addr []byte) []byte {
	s := r.sec[secSock]
	if len(s) != sizeSock {
		return nil
	}
	family := binary.NativeEndian.Uint16(s)
	size := map[uint16]int{familyInet: 4, familyInet6: 16}[family]
	local := end{s[8 : 8+size], binary.NativeEndian.Uint16(s[2:])}
	remote := end{s[24 : 24+size], binary.BigEndian.Uint16(s[4:])}
	switch family {
	case familyInet, familyInet6:
		return remote.append(local.append([]byte{byte(family)}))
	case familyUnix:
		out := append([]byte{familyUnix}, u64(r.extra[0])...)
		out = append(out, u64(r.extra[1])...)
		if len(addr) > 1 && addr[0] == familyUnix {
			return append(out, addr[1:]...)
		}
		return append(out, 0)
	}
	return nil
}

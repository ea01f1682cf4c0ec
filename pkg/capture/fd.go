package capture

import (
	"net/netip"
	"strconv"

	"github.com/saker-security/saker/pkg/syscall/process"
)

// Kinds of descriptors that have more than a name.
const (
	fdIPv4       = 3
	fdIPv6       = 4
	fdIPv4Server = 5
	fdIPv6Server = 6
	fdUnix       = 8
	fdFile       = 16
)

// kinds are the kinds of descriptors by their number in the file.
var kinds = [...]process.Kind{
	1: process.KindFile, 2: process.KindDirectory, fdIPv4: process.KindIPv4, fdIPv6: process.KindIPv6,
	fdIPv4Server: process.KindIPv4, fdIPv6Server: process.KindIPv6, 7: process.KindPipe, fdUnix: process.KindUnix,
	9: process.KindEvent, 10: process.KindOther, 11: process.KindSignal, 12: process.KindPoll, 13: process.KindInotify,
	14: process.KindTimer, 15: process.KindNetlink, fdFile: process.KindFile, 17: process.KindBPF,
	18: process.KindUserfault, 19: process.KindOther, 20: process.KindMemfd, 21: process.KindPidfd,
}

// protocols are the transports by their number in the file.
var protocols = [...]byte{2: process.ProtocolTCP, 3: process.ProtocolUDP, 4: process.ProtocolICMP, 5: process.ProtocolRaw}

// descriptors reads the descriptors of a thread: u64 thread id, then entries.
func (r *Reader) descriptors(c *cursor) {
	tid := c.i64()
	thread := r.thread(tid)
	entries(c, func(c *cursor) {
		if fd := descriptor(c); thread != nil && !c.short {
			thread.FDs = append(thread.FDs, fd)
		}
	})
}

// thread finds a thread. The blocks of descriptors come in the order of the threads, so that the search begins where
// the last one ended.
func (r *Reader) thread(tid int64) *process.Info {
	n := len(r.header.Threads)
	for range n {
		if r.next >= n {
			r.next = 0
		}
		if one := &r.header.Threads[r.next]; one.TID == tid {
			return one
		}
		r.next++
	}
	return nil
}

// descriptor reads an entry: u64 number, u64 inode, u8 kind, and by the kind ends of a connection, a path, flags.
func descriptor(c *cursor) process.FD {
	fd := process.FD{Num: c.i64(), Inode: c.u64()}
	kind := c.u8()
	if int(kind) < len(kinds) {
		fd.Kind = kinds[kind]
	}
	switch kind {
	case fdIPv4:
		connection(c, &fd, 4)
	case fdIPv6:
		connection(c, &fd, 16)
	case fdIPv4Server:
		server(c, &fd, 4)
	case fdIPv6Server:
		server(c, &fd, 16)
	case fdUnix:
		source, target := c.u64(), c.u64()
		fd.Name = strconv.AppendUint(nil, source, 16)
		fd.Name = append(fd.Name, "->"...)
		fd.Name = strconv.AppendUint(fd.Name, target, 16)
		if path := c.bytes(); len(path) > 0 {
			fd.Name = append(append(fd.Name, ' '), path...)
		}
	case fdFile:
		fd.Flags = c.u32()
		fd.Name = append(fd.Name, c.bytes()...)
		if len(c.b) >= 4 {
			fd.Dev = c.u32()
		}
	default:
		if fd.Kind != process.KindUnknown {
			fd.Name = append(fd.Name, c.bytes()...)
		}
	}
	return fd
}

// connection reads both addresses, both ports and the transport.
func connection(c *cursor, fd *process.FD, size int) {
	source, target := address(c, size), address(c, size)
	fd.Source, fd.Target = netip.AddrPortFrom(source, c.u16()), netip.AddrPortFrom(target, c.u16())
	fd.Connected = true
	transport(c, fd)
	fd.Name = append(appendEnd(fd.Name, fd.Source), "->"...)
	fd.Name = appendEnd(fd.Name, fd.Target)
}

// server reads the address, the port and the transport of a socket that waits for connections.
func server(c *cursor, fd *process.FD, size int) {
	fd.Target = netip.AddrPortFrom(address(c, size), c.u16())
	fd.Server = true
	transport(c, fd)
	fd.Name = appendEnd(fd.Name, fd.Target)
}

func address(c *cursor, size int) netip.Addr {
	a, _ := netip.AddrFromSlice(c.take(size))
	return a
}

func transport(c *cursor, fd *process.FD) {
	if n := int(c.u8()); n < len(protocols) {
		fd.Protocol = protocols[n]
	}
}

// appendEnd writes address and port as Falco does: without brackets around an IPv6 address.
func appendEnd(dst []byte, end netip.AddrPort) []byte {
	dst = append(end.Addr().AppendTo(dst), ':')
	return strconv.AppendUint(dst, uint64(end.Port()), 10)
}

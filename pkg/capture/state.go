package capture

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/saker-security/saker/pkg/syscall/account"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// describe takes in a block about the machine from r.body.
func (r *Reader) describe(kind uint32) error {
	c := &cursor{b: r.body}
	switch kind {
	case blockMachine:
		r.machine(c)
	case blockInterfaces:
		r.interfaces(c)
	case blockUsers:
		entries(c, r.account)
	case blockProcesses:
		entries(c, r.process)
	case blockFDs:
		r.descriptors(c)
	}
	if c.short {
		return r.fail("an entry is longer than the block")
	}
	return nil
}

// machine reads: u32 number of CPUs, u64 memory, u64 highest process id, the host name in 128 bytes, u64 boot time.
func (r *Reader) machine(c *cursor) {
	c.take(4 + 8 + 8)
	name, _, _ := bytes.Cut(c.take(128), []byte{0})
	r.header.Hostname, r.header.Boot = string(name), c.i64()
}

// minEntry is the shortest rest of a block that is an entry and not only padding.
const minEntry = 4

// entries calls add with each entry. Its length comes first, u32, and counts itself.
func entries(c *cursor, add func(*cursor)) {
	for len(c.b) >= minEntry {
		size := int(c.u32())
		one := cursor{b: c.take(size - 4)}
		if add(&one); one.short {
			c.short = true
			return
		}
	}
}

// Kinds of addresses in the interface list.
const (
	interfaceIPv4      = 1
	interfaceIPv6      = 2
	interfaceIPv4Plain = 3
	interfaceIPv6Plain = 4
)

// interfaces reads entries of u32 length (without itself), u16 kind, u16 length of the name, address, mask, broadcast
// address and more.
func (r *Reader) interfaces(c *cursor) {
	for len(c.b) >= minEntry {
		one := cursor{b: c.take(int(c.u32()))}
		kind := one.u16()
		one.u16()
		size := 0
		switch kind {
		case interfaceIPv4, interfaceIPv4Plain:
			size = 4
		case interfaceIPv6, interfaceIPv6Plain:
			size = 16
		}
		if address, ok := netip.AddrFromSlice(one.take(size)); ok {
			r.header.Addresses = append(r.header.Addresses, address)
		}
		if one.short {
			c.short = true
			return
		}
	}
}

// account reads a user (u8 0, u32 user id, u32 group id, name, home, shell) or a group (u8 1, u32 group id, name).
func (r *Reader) account(c *cursor) {
	if c.u8() == 0 {
		r.header.Users = append(r.header.Users, account.User{UID: c.u32(), GID: c.u32(), Name: c.text(), Home: c.text(), Shell: c.text()})
		return
	}
	r.header.Groups = append(r.header.Groups, account.Group{GID: c.u32(), Name: c.text()})
}

// process reads a thread.
func (r *Reader) process(c *cursor) {
	i := process.Info{TID: c.i64(), PID: c.i64(), PPID: c.i64(), SID: c.i64(), VPGID: c.i64()}
	i.Comm, i.Exe, i.ExePath, i.Args, i.Cwd = c.text(), c.text(), c.text(), elements(c.bytes()), directory(c.text())
	i.FDLimit = c.i64()
	c.u32() // flags of the clone call
	i.UID, i.GID = c.u32(), c.u32()
	i.VMSize, i.VMResident, i.VMSwap = c.u32(), c.u32(), c.u32()
	i.MajorFaults, i.MinorFaults = c.u64(), c.u64()
	i.Env = elements(c.bytes())
	i.VTID, i.VPID = c.i64(), c.i64()
	i.Groups = elements(c.bytes())
	c.bytes() // the root directory
	if c.short {
		return
	}
	later(c, &i)
	r.header.Threads = append(r.header.Threads, i)
}

// beforeTTY is how long the rest of a thread is at most that was written before the terminal was put in its middle.
const beforeTTY = 4 + 1 + 3*8

// later reads what came to the format of a thread over the time. An entry ends where the format did when it was written.
func later(c *cursor, i *process.Info) {
	optional := func(size int) uint64 {
		if len(c.b) < size {
			c.b = nil
			return 0
		}
		return c.number(size)
	}
	if len(c.b) > beforeTTY {
		optional(8) // the start of the pid namespace
		i.TTY = uint32(optional(4))
	}
	i.LoginUID = ^uint32(0)
	if len(c.b) >= 4 {
		i.LoginUID = c.u32()
	}
	flag := func(bit uint32) {
		if optional(1) != 0 {
			i.ExeFlags |= bit
		}
	}
	flag(table.ExeWritable)
	i.Caps = process.Caps{Inheritable: optional(8), Permitted: optional(8), Effective: optional(8)}
	flag(table.ExeUpperLayer)
	i.ExeInode, i.ExeChanged, i.ExeModified = optional(8), int64(optional(8)), int64(optional(8))
	flag(table.ExeFromMemfd)
	flag(table.ExeLowerLayer)
	i.PGID = int64(optional(8))
}

// elements splits NUL-terminated texts.
func elements(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// directory drops the slash at the end of a path other than the root.
func directory(path string) string {
	if short := strings.TrimRight(path, "/"); short != "" {
		return short
	}
	return path[:min(1, len(path))]
}

// countThreads tells each thread how many its process has.
func (r *Reader) countThreads() {
	count := map[int64]int{}
	for i := range r.header.Threads {
		count[r.header.Threads[i].PID]++
	}
	for i := range r.header.Threads {
		r.header.Threads[i].Threads = count[r.header.Threads[i].PID]
	}
}

package process

import "net/netip"

// Kind is what a descriptor stands for: the character that fd.typechar shows.
type Kind byte

// The kinds.
const (
	KindUnknown     Kind = 0
	KindFile        Kind = 'f'
	KindDirectory   Kind = 'd'
	KindIPv4        Kind = '4'
	KindIPv6        Kind = '6'
	KindUnix        Kind = 'u'
	KindPipe        Kind = 'p'
	KindEvent       Kind = 'e'
	KindSignal      Kind = 's'
	KindPoll        Kind = 'l'
	KindInotify     Kind = 'i'
	KindTimer       Kind = 't'
	KindNetlink     Kind = 'n'
	KindBPF         Kind = 'b'
	KindUserfault   Kind = 'r'
	KindMemfd       Kind = 'm'
	KindPidfd       Kind = 'P'
	KindOther       Kind = 'o'
	ProtocolUnknown      = 0
	ProtocolTCP          = 't'
	ProtocolUDP          = 'u'
	ProtocolICMP         = 'i'
	ProtocolRaw          = 'r'
)

// FD is an open descriptor. Name and Raw are reused when the number is opened again: whoever keeps them copies them.
type FD struct {
	Num  int64
	Kind Kind
	// Name is the absolute path of a file, the ends of a connection. Raw is the path as the program gave it.
	Name, Raw []byte
	// Flags are those of table.FileFlags.
	Flags uint32
	Dev   uint32
	Inode uint64
	// Source and Target are the ends of a connection, Protocol one of the Protocol constants.
	Source, Target netip.AddrPort
	Protocol       byte
	Connected      bool
	// Server says that this side waits for connections or took this one.
	Server bool

	open bool
}

// IsFile tells whether the descriptor has a path in the file system.
func (f *FD) IsFile() bool { return f.Kind == KindFile || f.Kind == KindDirectory }

// IsIP tells whether the descriptor is an IP socket.
func (f *FD) IsIP() bool { return f.Kind == KindIPv4 || f.Kind == KindIPv6 }

// IsSocket tells whether the descriptor is a socket of any kind.
func (f *FD) IsSocket() bool { return f.IsIP() || f.Kind == KindUnix || f.Kind == KindNetlink }

func (f *FD) reset(num int64) {
	*f = FD{Num: num, Name: f.Name[:0], Raw: f.Raw[:0], open: true}
}

// maxNumber bounds the numbers that are kept: above it the kernel needs a raised limit, and a forged event must not
// fill the memory.
const maxNumber = 1 << 20

// fdSet holds the descriptors of a process by number. Closed ones stay in it, so that opening the same number again
// needs no memory.
type fdSet struct {
	byNum map[int64]*FD
}

func (s *fdSet) get(num int64) *FD {
	if fd := s.byNum[num]; fd != nil && fd.open {
		return fd
	}
	return nil
}

// FD finds an open descriptor of the process, nil when it is not known.
func (p *Process) FD(num int64) *FD { return p.fds.get(num) }

// EachFD calls visit with every open descriptor of the process that is known, in no order.
func (p *Process) EachFD(visit func(*FD)) {
	for _, fd := range p.fds.byNum {
		if fd.open {
			visit(fd)
		}
	}
}

// OpenFD puts an empty descriptor under a number, for the caller to fill in; nil when there is no room, which is
// counted.
func (t *Table) OpenFD(p *Process, num int64) *FD {
	if num < 0 || num > maxNumber {
		return nil
	}
	fd := p.fds.byNum[num]
	if fd == nil {
		if t.fds >= t.limits.FDs && !t.dropClosed(p) {
			t.count.FDsRefused.Add(1)
			return nil
		}
		if p.fds.byNum == nil {
			p.fds.byNum = map[int64]*FD{}
		}
		fd = &FD{}
		p.fds.byNum[num] = fd
		t.fds++
	}
	fd.reset(num)
	return fd
}

// dropClosed frees what a process keeps only for reuse and tells whether that made room.
func (t *Table) dropClosed(p *Process) bool {
	for num, fd := range p.fds.byNum {
		if !fd.open {
			delete(p.fds.byNum, num)
			t.fds--
		}
	}
	return t.fds < t.limits.FDs
}

// CloseFD forgets a descriptor.
func (t *Table) CloseFD(p *Process, num int64) {
	if fd := p.fds.byNum[num]; fd != nil {
		fd.open = false
	}
}

// CopyFD makes to another name of the descriptor from, as dup does.
func (t *Table) CopyFD(p *Process, from *FD, to int64) *FD {
	fd := t.OpenFD(p, to)
	if fd != nil && fd != from {
		fd.copyFrom(from)
	}
	return fd
}

func (f *FD) copyFrom(from *FD) {
	num, name, raw := f.Num, f.Name[:0], f.Raw[:0]
	*f = *from
	f.Num, f.Name, f.Raw = num, append(name, from.Name...), append(raw, from.Raw...)
}

// inheritFDs gives a new process the descriptors of the one that made it.
func (t *Table) inheritFDs(from, to *Process) {
	for num, fd := range from.fds.byNum {
		if fd.open {
			if own := t.OpenFD(to, num); own != nil {
				own.copyFrom(fd)
			}
		}
	}
}

// closeOnExec forgets the descriptors that another program does not get.
func (p *Process) closeOnExec(flag uint32) {
	for _, fd := range p.fds.byNum {
		if fd.Flags&flag != 0 {
			fd.open = false
		}
	}
}

// dropFDs frees all descriptors.
func (t *Table) dropFDs(p *Process) {
	t.fds -= len(p.fds.byNum)
	p.fds.byNum = nil
}

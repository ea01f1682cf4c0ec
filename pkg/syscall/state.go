package syscall

import (
	"bytes"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// apply finds out who caused the event and lets it change what is known.
func (in *Inspector) apply(r *Record) {
	switch r.Row.ID {
	case table.Clone, table.Clone3, table.Fork, table.Vfork:
		in.cloned(r)
	case table.Execve, table.Execveat:
		in.executed(r)
	case table.ProcExit:
		r.Thread = in.table.Get(r.Wire.Thread)
		in.exiting = exiting{r.Wire.Thread, r.integer(4), r.Wire.Time}
	case table.Switch:
		in.switched(r)
	default:
		r.Thread = in.table.Find(r.Wire.Thread, r.Wire.Time)
		if r.Thread == nil {
			r.takeFDNum()
		} else if !in.identify(r) {
			in.applyFD(r)
		}
	}
}

// switched handles switch, which comes when a CPU is given from the thread of the event to another one. How long the
// thread ran is known from the second such event of the CPU on.
func (in *Inspector) switched(r *Record) {
	r.Thread = in.table.Find(r.Wire.Thread, r.Wire.Time)
	if in.switches == nil {
		in.switches = map[uint16]int64{}
	}
	if before, ok := in.switches[r.Wire.CPU]; ok {
		r.slice = max(r.Wire.Time-before, 0)
	}
	in.switches[r.Wire.CPU] = r.Wire.Time
	if r.Thread != nil {
		r.Thread.Ran += r.slice
	}
}

// applyFD handles the events that work on descriptors and directories.
func (in *Inspector) applyFD(r *Record) {
	switch r.Row.ID {
	case table.Open, table.Openat, table.Openat2, table.Creat:
		in.toldDirectory(r)
		in.opened(r)
	case table.Close:
		r.FDNum = r.integer(1)
		r.FD = r.Thread.Process.FD(r.FDNum)
		if res, ok := r.result(); ok && res >= 0 {
			in.closing = closing{r.Thread.Process, r.FDNum}
		}
	case table.Connect:
		in.connected(r)
	case table.Accept, table.Accept4:
		in.accepted(r)
	case table.Dup, table.Dup2, table.Dup3:
		in.duplicated(r)
	case table.Socket:
		in.socketMade(r)
	case table.Pipe, table.Pipe2:
		in.pipeMade(r)
	case table.Fcntl:
		in.controlled(r)
	case table.Chdir:
		if r.integer(0) == 0 {
			in.changeDirectory(r, r.bytes(1))
		}
	case table.Fchdir:
		in.changeToFD(r)
	default:
		r.takeFDNum()
		if r.FDNum >= 0 {
			r.FD = r.Thread.Process.FD(r.FDNum)
		}
	}
}

// takeFDNum finds the number of the descriptor of an event: what a call made, else the first that it was given.
func (r *Record) takeFDNum() {
	switch {
	case r.Row.Has(table.CreatesFD):
		r.FDNum = max(r.integer(0), -1)
	case r.Row.Has(table.UsesFD):
		for i, p := range r.Row.Params {
			if p.Type == event.TypeFD && (i > 0 || !r.Row.Returns()) {
				r.FDNum = r.integer(i)
				return
			}
		}
	}
}

// cloned handles clone and its kin. Both sides report: the child's event (result 0) tells all about the child, that of
// the parent tells who really made it and comes first at times.
func (in *Inspector) cloned(r *Record) {
	b := r.birth()
	if res := r.integer(0); res != 0 {
		r.Thread = in.table.Find(r.Wire.Thread, r.Wire.Time)
		if res > 0 {
			in.childSeen(r, b, res)
		}
		return
	}
	r.Thread = in.table.Birth(b, r.Wire.Time, in.boot)
}

// childSeen takes in a child from its parent's event. Inside a pid namespace the parent knows the child under another
// number; then the child's own event is the only one that helps.
func (in *Inspector) childSeen(r *Record, b *process.Birth, child int64) {
	if r.Thread == nil || b.VTID != b.TID || b.Flags&(table.CloneChildInside|table.CloneNewPIDNS) != 0 {
		return
	}
	if in.table.Get(child) != nil {
		return
	}
	b.Maker = r.Thread.Process
	b.PTID = b.Maker.PID()
	if b.Flags&table.CloneParent != 0 {
		b.PTID, _ = b.Maker.ParentPID()
	}
	if b.Flags&table.CloneThread == 0 {
		b.PID, b.VPID = child, child
	}
	b.TID, b.VTID = child, child
	in.table.Birth(b, r.Wire.Time, in.boot)
}

// directoryName drops the slash at the end of a directory other than the root.
func directoryName(path []byte) string {
	if short := bytes.TrimRight(path, "/"); len(short) > 0 {
		return string(short)
	}
	return string(path[:min(1, len(path))])
}

func (r *Record) image() process.Image {
	i := process.Image{
		TID: r.integer(3), PID: r.integer(4), PTID: r.integer(5),
		Comm: string(r.bytes(13)), Exe: string(r.bytes(1)), Args: string(r.Wire.Param(2)), Groups: string(r.Wire.Param(14)),
		Cwd: directoryName(r.bytes(6)), FDLimit: r.integer(7),
		MajorFaults: uint64(r.integer(8)), MinorFaults: uint64(r.integer(9)),
		VMSize: uint32(r.integer(10)), VMResident: uint32(r.integer(11)), VMSwap: uint32(r.integer(12)),
	}
	if i.TID <= 0 {
		i.TID = r.Wire.Thread
	}
	if i.PID <= 0 {
		i.PID = i.TID
	}
	return i
}

func (r *Record) birth() *process.Birth {
	b := &process.Birth{
		Image: r.image(), Flags: uint64(r.integer(15)), VTID: r.integer(18), VPID: r.integer(19), NamespaceStart: r.integer(20),
	}
	b.UID, b.GID = uint32(r.integer(16)), uint32(r.integer(17))
	if b.VTID <= 0 {
		b.VTID = b.TID
	}
	if b.VPID <= 0 {
		b.VPID = b.PID
	}
	return b
}

// executed handles execve and execveat. A failed call leaves everything as it was.
func (in *Inspector) executed(r *Record) {
	if res, ok := r.number(0); !ok || int64(res) < 0 {
		r.Thread = in.table.Find(r.Wire.Thread, r.Wire.Time)
		return
	}
	x := process.Exec{
		Image: r.image(), Env: string(r.Wire.Param(15)), TTY: uint32(r.integer(16)), VPGID: r.integer(17),
		LoginUID: uint32(r.integer(18)), ExeFlags: uint32(r.integer(19)),
		Caps:     process.Caps{Inheritable: uint64(r.integer(20)), Permitted: uint64(r.integer(21)), Effective: uint64(r.integer(22))},
		ExeInode: uint64(r.integer(23)), ExeChanged: r.integer(24), ExeModified: r.integer(25),
		ExePath: string(r.bytes(27)), PGID: r.integer(28),
	}
	x.UID, x.GID = uint32(r.integer(26)), uint32(r.integer(29))
	if x.ExePath == "" && r.Row.ID == table.Execve {
		x.ExePath = string(in.executable(r, x.PID))
	}
	r.Thread = in.table.Exec(&x, r.Wire.Time)
}

// executable gives the path of the program as it was called for, which is the best there is when the kernel side did
// not resolve it.
func (in *Inspector) executable(r *Record, pid int64) []byte {
	name := r.bytes(30)
	if len(name) == 0 {
		return nil
	}
	var cwd []byte
	if thread := in.table.Find(pid, r.Wire.Time); thread != nil {
		cwd = []byte(thread.Process.Cwd)
	}
	if name[0] != '/' && cwd == nil {
		return nil
	}
	return process.AppendPath(nil, cwd, name)
}

// openParams are the positions of the parameters of the calls that open a file by name; -1 when there is none.
type openParams struct{ dir, name, flags, mode, dev, inode int }

func openParamsOf(id uint16) openParams {
	switch id {
	case table.Openat:
		return openParams{1, 2, 3, 4, 5, 6}
	case table.Openat2:
		return openParams{1, 2, 3, 4, 6, 7}
	case table.Creat:
		return openParams{-1, 1, -1, 2, 3, 4}
	}
	return openParams{-1, 1, 2, 3, 4, 5}
}

// returned makes the table's entry of the descriptor that the event returned; nil when the call failed or the table has
// no room.
func (in *Inspector) returned(r *Record) *process.FD {
	num := r.integer(0)
	if num < 0 || len(r.Wire.Param(0)) == 0 {
		return nil
	}
	r.FDNum = num
	return in.table.OpenFD(r.Thread.Process, num)
}

func (in *Inspector) opened(r *Record) {
	fd := in.returned(r)
	if fd == nil {
		return
	}
	p := openParamsOf(r.Row.ID)
	fd.Kind = process.KindFile
	if p.flags >= 0 {
		fd.Flags = uint32(r.integer(p.flags))
		if fd.Flags&table.OpenDirectory != 0 {
			fd.Kind = process.KindDirectory
		}
	} else {
		fd.Flags = table.OpenWrite | table.OpenCreate
	}
	fd.Dev, fd.Inode = uint32(r.integer(p.dev)), uint64(r.integer(p.inode))
	fd.Raw = append(fd.Raw[:0], r.bytes(p.name)...)
	fd.Name = in.appendAbsolute(fd.Name[:0], r, p.dir, p.name)
	r.FD, r.nameChanged = fd, true
}

func (in *Inspector) socketMade(r *Record) {
	fd := in.returned(r)
	if fd == nil {
		return
	}
	fd.Kind = kindOfFamily(uint64(r.integer(1)))
	if fd.IsIP() {
		fd.Protocol = protocolOf(uint64(r.integer(2)), uint64(r.integer(3)))
	}
	fd.Flags = uint32(r.integer(4))
	r.FD = fd
}

// pipeMade handles pipe: result, the two ends, inode. The event is about the end to write to.
func (in *Inspector) pipeMade(r *Record) {
	if res, ok := r.result(); !ok || res < 0 {
		return
	}
	for _, i := range []int{1, 2} {
		r.FDNum = r.integer(i)
		if r.FD = in.table.OpenFD(r.Thread.Process, r.FDNum); r.FD != nil {
			r.FD.Kind, r.FD.Inode = process.KindPipe, uint64(r.integer(3))
		}
	}
}

// Commands of fcntl that copy a descriptor, as events number them.
const (
	copyDescriptor          = 1
	copyDescriptorCloseExec = 26
)

// controlled handles fcntl: result, descriptor, command. Some commands copy the descriptor, as dup does.
func (in *Inspector) controlled(r *Record) {
	p := r.Thread.Process
	r.FDNum = r.integer(1)
	r.FD = p.FD(r.FDNum)
	cmd := r.integer(2)
	if res, ok := r.result(); ok && res >= 0 && (cmd == copyDescriptor || cmd == copyDescriptorCloseExec) {
		from := r.FD
		r.FDNum, r.FD = res, nil
		if from != nil {
			r.FD = in.table.CopyFD(p, from, res)
		} else {
			in.table.CloseFD(p, res)
		}
	}
}

// accepted handles accept: new descriptor, tuple from the client to this process.
func (in *Inspector) accepted(r *Record) {
	r.FDNum = max(r.integer(0), -1)
	t, ok := parseTuple(r.Wire.Param(1))
	if r.FDNum < 0 || !ok {
		return
	}
	fd := in.table.OpenFD(r.Thread.Process, r.FDNum)
	if fd == nil {
		return
	}
	fd.Kind, fd.Connected, fd.Server = kindOfFamily(uint64(t.family)), true, true
	if fd.IsIP() {
		fd.Protocol = process.ProtocolTCP
	}
	fd.Source, fd.Target = t.source, t.target
	fd.Name = t.append(fd.Name[:0])
	r.FD, r.nameChanged = fd, true
}

// connected handles connect: result, tuple, descriptor, address asked for. A call in progress has its tuple already.
func (in *Inspector) connected(r *Record) {
	r.FDNum = r.integer(2)
	if len(r.Wire.Param(2)) == 0 {
		r.FDNum = -1
		return
	}
	p := r.Thread.Process
	fd := p.FD(r.FDNum)
	t, hasTuple := parseTuple(r.Wire.Param(1))
	family := t.family
	if addr := r.Wire.Param(3); !hasTuple && len(addr) > 0 {
		family = addr[0]
	}
	kind := kindOfFamily(uint64(family))
	// A descriptor of another kind is left over from before the number was given to this socket.
	if kind != process.KindUnknown && (fd == nil || fd.Kind != kind && !(fd.IsIP() && (kind == process.KindIPv4 || kind == process.KindIPv6))) {
		if fd = in.table.OpenFD(p, r.FDNum); fd != nil {
			fd.Kind = kind
		}
	}
	r.FD = fd
	if fd == nil || !hasTuple {
		return
	}
	fd.Kind, fd.Connected = kind, true
	fd.Source, fd.Target = t.source, t.target
	start := len(r.text)
	r.text = t.append(r.text)
	r.nameChanged = !bytes.Equal(fd.Name, r.text[start:])
	fd.Name = append(fd.Name[:0], r.text[start:]...)
}

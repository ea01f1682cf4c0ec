package syscall

import (
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// identify handles the calls with which a thread changes who it is. It tells whether the event was one of them. A
// value of -1 leaves an id as it is.
func (in *Inspector) identify(r *Record) bool {
	t := r.Thread
	set := func(id *uint32, param int) {
		if n, ok := r.number(param); ok && uint32(n) != nobody {
			*id = uint32(n)
		}
	}
	failed := r.integer(0) < 0
	switch r.Row.ID {
	case table.Setuid:
		if !failed {
			set(&t.UID, 1)
		}
	case table.Setgid:
		if !failed {
			set(&t.GID, 1)
		}
	case table.Setresuid, table.Setreuid:
		if !failed {
			set(&t.UID, 2)
		}
	case table.Setresgid, table.Setregid:
		if !failed {
			set(&t.GID, 2)
		}
	case table.Capset:
		if !failed {
			t.Caps = process.Caps{Inheritable: uint64(r.integer(1)), Permitted: uint64(r.integer(2)), Effective: uint64(r.integer(3))}
		}
	case table.Setsid:
		if !failed {
			t.Process.SetSession(r.integer(0))
		}
	case table.Setpgid:
		in.groupChanged(r)
	default:
		return false
	}
	return true
}

// groupChanged handles setpgid: result, process (0 for the caller), group (0 for the number of that process).
func (in *Inspector) groupChanged(r *Record) {
	p := r.Thread.Process
	if r.integer(0) != 0 {
		return
	}
	if id := r.integer(1); id != 0 && id != p.PID() {
		thread := in.table.Get(id)
		if thread == nil || thread.Process.InNamespace() {
			return
		}
		p = thread.Process
	}
	group := r.integer(2)
	if group == 0 {
		group = p.VPID
	}
	p.VPGID = group
	if !p.InNamespace() {
		p.PGID = group
	}
}

// duplicated handles dup and its kin: result, old descriptor.
func (in *Inspector) duplicated(r *Record) {
	r.FDNum = max(r.integer(0), -1)
	if r.FDNum < 0 {
		return
	}
	p := r.Thread.Process
	from := p.FD(r.integer(1))
	if from == nil {
		in.table.CloseFD(p, r.FDNum)
		return
	}
	if from.Num == r.FDNum {
		r.FD = from
		return
	}
	if r.FD = in.table.CopyFD(p, from, r.FDNum); r.FD != nil {
		r.FD.Flags &^= table.OpenCloexec
		if r.Row.ID == table.Dup3 {
			r.FD.Flags |= uint32(r.integer(3)) & table.OpenCloexec
		}
	}
}

package process

import (
	"github.com/saker-security/saker/pkg/syscall/cgroup"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// Image is what events of clone and of execve tell in common.
type Image struct {
	// TID, PID and PTID are ids of the machine: the thread, its process and the thread that is its parent.
	TID, PID, PTID int64
	Comm, Exe      string
	// Args and Groups are NUL-terminated elements.
	Args, Groups               string
	Cwd                        string
	UID, GID                   uint32
	FDLimit                    int64
	MajorFaults, MinorFaults   uint64
	VMSize, VMResident, VMSwap uint32
}

// Birth is a clone, fork or vfork as the child sees it.
type Birth struct {
	Image
	// Flags are those of table.CloneFlags.
	Flags      uint64
	VTID, VPID int64
	// NamespaceStart is when the first process of the pid namespace began, in nanoseconds since the machine started.
	NamespaceStart int64
	// Maker is the process that made the call, where that is known: with CLONE_PARENT it is not the parent.
	Maker *Process
}

// Exec is a successful execve or execveat.
type Exec struct {
	Image
	Env, ExePath            string
	TTY                     uint32
	VPGID, PGID             int64
	LoginUID                uint32
	ExeFlags                uint32
	Caps                    Caps
	ExeInode                uint64
	ExeChanged, ExeModified int64
}

// Birth takes in a new thread or process. boot is when the machine started.
func (t *Table) Birth(b *Birth, now, boot int64) *Thread {
	// The flags of clone3 lie in memory of the program, where the child may find anything: the ids decide.
	if b.TID != b.PID {
		return t.threadBorn(b, now)
	}
	if main := t.threads[b.TID]; main != nil && main == &main.Process.Main && main.Process.announced && !main.Exited {
		// The parent's event came first and has the better start and the true maker.
		main.Process.completed(b, boot)
		return main
	}
	var parent *Process
	if thread := t.Find(b.PTID, now); thread != nil && b.PTID != b.TID {
		parent = thread.Process
	}
	maker := b.Maker
	if maker == nil {
		maker = parent
	}
	p := &Process{LoginUID: noID, Threads: 1, Start: now, announced: b.Maker != nil, PPID: b.PTID}
	p.Main = Thread{TID: b.TID, Process: p}
	if maker != nil {
		p.inherit(maker)
		p.Main.Caps = maker.Main.Caps
		t.inheritFDs(maker, p)
	}
	if parent != nil {
		p.parent, p.PPID = cutEnded(parent), parent.PID()
	}
	p.setImage(&b.Image, maker)
	p.completed(b, boot)
	p.announced = b.Maker != nil
	t.insert(&p.Main, now)
	return &p.Main
}

// completed takes over what a birth tells of the child alone.
func (p *Process) completed(b *Birth, boot int64) {
	p.announced = false
	p.Main.VTID, p.VPID = b.VTID, b.VPID
	p.Main.UID, p.Main.GID = b.UID, b.GID
	p.SetGroups(b.Groups)
	if b.NamespaceStart > 0 {
		p.NamespaceStart = boot + b.NamespaceStart
	}
}

// SetGroups takes in the control groups of a process, NUL-terminated elements; none leave them as they were.
func (p *Process) SetGroups(groups string) {
	if groups != "" && groups != p.Groups {
		p.Groups, p.Container = groups, cgroup.Find(groups)
	}
}

// SetSession takes in that a process began a session, which makes it the leader of a process group too. id is its
// number in the pid namespace.
func (p *Process) SetSession(id int64) {
	p.SID, p.VPGID, p.PGID, p.session = id, id, p.PID(), true
}

// noID is the id of nobody.
const noID = 0xffffffff

func (t *Table) threadBorn(b *Birth, now int64) *Thread {
	p := t.process(b.PID)
	if p == nil {
		if main := t.Find(b.PID, now); main != nil && !main.Exited {
			p = main.Process
		} else {
			image := b.Image
			image.TID = b.PID
			p = t.Birth(&Birth{Image: image, VTID: b.VPID, VPID: b.VPID}, now, 0).Process
			p.Start = 0
		}
	}
	// A look-up in /proc may have found the thread already.
	if known := t.threads[b.TID]; known != nil && known.Process == p && !known.Exited {
		return known
	}
	thread := &Thread{TID: b.TID, VTID: b.VTID, Comm: b.Comm, UID: b.UID, GID: b.GID, Caps: p.Main.Caps, Process: p}
	p.Threads++
	t.insert(thread, now)
	return thread
}

// inherit takes over what a child has from its parent and the event does not tell.
func (p *Process) inherit(from *Process) {
	p.SID, p.PGID, p.VPGID = from.SID, from.PGID, from.VPGID
	p.ExePath, p.Env, p.Cwd = from.ExePath, from.Env, from.Cwd
	p.LoginUID, p.TTY = from.LoginUID, from.TTY
	p.NamespaceStart = from.NamespaceStart
	p.ExeFlags, p.ExeInode, p.ExeChanged, p.ExeModified = from.ExeFlags, from.ExeInode, from.ExeChanged, from.ExeModified
}

// setImage stores what clone and execve have in common; like lends its texts where they are the same.
func (p *Process) setImage(i *Image, like *Process) {
	if like == nil {
		like = &Process{}
	}
	p.Main.Comm = share(i.Comm, like.Main.Comm)
	p.Exe = share(i.Exe, like.Exe)
	p.Args = share(i.Args, like.Args)
	p.cmdline = ""
	p.Groups, p.Container = like.Groups, like.Container
	p.SetGroups(i.Groups)
	if i.Cwd != "" {
		p.Cwd = i.Cwd
	}
	p.FDLimit = i.FDLimit
	p.MajorFaults, p.MinorFaults = i.MajorFaults, i.MinorFaults
	p.VMSize, p.VMResident, p.VMSwap = i.VMSize, i.VMResident, i.VMSwap
}

// share returns the older of two equal texts, so that the newer one's memory is freed.
func share(text, older string) string {
	if text == older {
		return older
	}
	return text
}

// cutEnded bounds chains of ended parents, which a program can make as long as it likes when nobody tells who took
// over its children.
func cutEnded(p *Process) *Process {
	q := p
	for range maxAncestors {
		if q.parent == nil || !q.parent.Main.Exited {
			return p
		}
		q = q.parent
	}
	q.parent = nil
	return p
}

// Exec takes in that a process runs another program.
func (t *Table) Exec(x *Exec, now int64) *Thread {
	p := t.process(x.PID)
	if p == nil {
		if thread := t.Find(x.PID, now); thread != nil && !thread.Exited {
			p = thread.Process
		}
	}
	if p == nil {
		p = &Process{VPID: x.PID, Threads: 1}
		p.Main = Thread{TID: x.PID, VTID: x.PID, Process: p}
		t.insert(&p.Main, now)
	}
	p.setImage(&x.Image, p)
	p.ExePath, p.Env, p.TTY = x.ExePath, share(x.Env, p.Env), x.TTY
	p.VPGID, p.PGID, p.LoginUID = x.VPGID, x.PGID, x.LoginUID
	p.ExeFlags, p.ExeInode, p.ExeChanged, p.ExeModified = x.ExeFlags, x.ExeInode, x.ExeChanged, x.ExeModified
	p.Main.UID, p.Main.GID, p.Main.Caps = x.UID, x.GID, x.Caps
	p.Main.seen = now
	t.setParent(p, x.PTID, now)
	p.closeOnExec(table.OpenCloexec)
	p.session = false
	return &p.Main
}

// Session gives the id of the session of a process, in its pid namespace. The live drivers do not report setsid, so
// the id of a process that was made or changed its program is read from /proc once it is asked for.
func (t *Table) Session(p *Process) int64 {
	if !p.session && t.proc != nil && !p.Main.Exited {
		if sid, ok := t.proc.session(p.PID()); ok {
			p.SID = sid
		}
		p.session = true
	}
	return p.SID
}

// setParent follows what an event says of the parent, which may have changed unseen.
func (t *Table) setParent(p *Process, ptid, now int64) {
	if ptid <= 0 || ptid == p.PID() {
		return
	}
	if thread := t.Find(ptid, now); thread != nil && thread.Process != p {
		if !thread.Process.descends(p) {
			p.parent, p.PPID = thread.Process, thread.Process.PID()
		}
		return
	}
	p.PPID = ptid
	if parent := p.Parent(); parent != nil && parent.PID() != ptid {
		p.parent = nil
	}
}

// descends tells whether p is below ancestor: a forged or reused id must not make a circle.
func (p *Process) descends(ancestor *Process) bool {
	found := false
	p.Ancestors(func(a *Process) bool {
		found = a == ancestor
		return !found
	})
	return found
}

// Exit takes in that a thread ended. Its process, if this was the last of it, hands its children to the process of the
// thread reaper, 0 when that is not known.
func (t *Table) Exit(tid, reaper, now int64) {
	thread := t.threads[tid]
	if thread == nil || thread.Exited {
		return
	}
	p := thread.Process
	if reaper > 0 {
		if heir := t.Find(reaper, now); heir != nil && heir.Process != p && !heir.Process.descends(p) {
			p.reaper = heir.Process
		}
	}
	thread.Exited = true
	p.Threads--
	if len(t.ended)-t.first >= t.limits.Threads {
		oldest := t.ended[t.first].thread
		t.popEnded()
		if t.threads[oldest.TID] == oldest && oldest.Exited && oldest != thread {
			t.remove(oldest)
		}
	}
	t.ended = append(t.ended, ending{thread, now})
}

// Package process knows the processes of a machine: who started whom, with which program, arguments, rights and
// descriptors, in which container. It is filled from /proc and kept up to date by system call events.
//
// A Table and everything in it belong to one goroutine.
package process

import (
	"strings"

	"github.com/saker-security/saker/pkg/syscall/cgroup"
)

// Thread is one thread. Names and rights belong to threads, everything else to their process.
type Thread struct {
	TID, VTID int64
	// Comm is the short name, at most 15 bytes.
	Comm     string
	UID, GID uint32
	Caps     Caps
	Process  *Process
	// Ran is how long the thread ran so far as switch events tell, in nanoseconds.
	Ran int64
	// Exited threads are kept for a while, since late events of theirs and their children still name them.
	Exited bool

	seen int64
}

// Caps are three sets of capabilities as bits.
type Caps struct {
	Inheritable, Permitted, Effective uint64
}

// Process is what the threads of one process share.
type Process struct {
	// Main is the thread whose id is that of the process.
	Main Thread
	// VPID is the id inside the innermost pid namespace; so are SID and VPGID. PGID is that of the machine.
	VPID, SID, PGID, VPGID int64
	// PPID is the id of the parent as it was last reported, 0 for none.
	PPID int64
	// Exe is the first argument, ExePath the path of the program.
	Exe, ExePath string
	// Args and Env are NUL-terminated elements, the first argument left out.
	Args, Env string
	// Cwd is the working directory without a slash at its end, empty when it is not known.
	Cwd      string
	LoginUID uint32
	TTY      uint32
	// Start is when the process was made, in nanoseconds since the Unix epoch, 0 when it is not known. NamespaceStart
	// is that of its pid namespace.
	Start, NamespaceStart int64
	// ExeFlags are the flags of table.ExecveFlags.
	ExeFlags                   uint32
	ExeInode                   uint64
	ExeChanged, ExeModified    int64
	FDLimit                    int64
	VMSize, VMResident, VMSwap uint32
	MajorFaults, MinorFaults   uint64
	Groups                     string
	Container                  cgroup.Container
	// Threads counts the threads that have not exited.
	Threads int

	parent *Process
	// reaper took the children over when the process ended.
	reaper  *Process
	fds     fdSet
	cmdline string
	// session says that SID is known to be right: a process that was just made may begin a session unseen.
	session bool
	// announced says that only the maker's event told of the process, its own is still to come.
	announced bool
}

// PID is the id of the process.
func (p *Process) PID() int64 { return p.Main.TID }

// maxAncestors bounds every walk from child to parent.
const maxAncestors = 128

// Parent gives the parent, nil when it is not known. A parent that is gone is replaced by the process that took its
// children over, if that is known.
func (p *Process) Parent() *Process {
	for range maxAncestors {
		if p.parent == nil || !p.parent.Main.Exited || p.parent.reaper == nil || p.parent.reaper == p {
			break
		}
		p.parent = p.parent.reaper
	}
	return p.parent
}

// ParentPID gives the id of the parent and whether it is known.
func (p *Process) ParentPID() (int64, bool) {
	if parent := p.Parent(); parent != nil {
		return parent.PID(), true
	}
	return p.PPID, p.PPID > 0
}

// Ancestor gives the n-th ancestor, the process itself for 0, nil when there is none or it is not known.
func (p *Process) Ancestor(n int) *Process {
	if n < 0 || n > maxAncestors {
		return nil
	}
	for ; n > 0 && p != nil; n-- {
		p = p.Parent()
	}
	return p
}

// Ancestors calls visit with each ancestor from the parent upwards until it returns false.
func (p *Process) Ancestors(visit func(*Process) bool) {
	for range maxAncestors {
		if p = p.Parent(); p == nil || !visit(p) {
			return
		}
	}
}

// CommandLine is the short name and the arguments, joined by blanks.
func (p *Process) CommandLine() string {
	if p.cmdline == "" {
		p.cmdline = p.Main.Comm
		if args := Join(p.Args); args != "" {
			p.cmdline += " " + args
		}
	}
	return p.cmdline
}

// InNamespace tells whether the process is in a pid namespace of its own.
func (p *Process) InNamespace() bool { return p.VPID != p.PID() }

// Join turns NUL-terminated elements into one text with blanks between them.
func Join(elements string) string {
	return strings.ReplaceAll(strings.TrimSuffix(elements, "\x00"), "\x00", " ")
}

// Element gives the n-th of NUL-terminated elements and whether there is one.
func Element(elements string, n int) (string, bool) {
	for ; elements != ""; n-- {
		var element string
		element, elements, _ = strings.Cut(elements, "\x00")
		if n == 0 {
			return element, true
		}
	}
	return "", false
}

// Variable gives the value of an environment variable, empty when it is not set.
func (p *Process) Variable(name string) string {
	env := p.Env
	for env != "" {
		var element string
		element, env, _ = strings.Cut(env, "\x00")
		if len(element) > len(name) && element[len(name)] == '=' && element[:len(name)] == name {
			return element[len(name)+1:]
		}
	}
	return ""
}

package syscall

import (
	"strings"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/table"
)

func processFields() []field.Field {
	return []field.Field{
		{Name: "proc.name", Type: event.TypeString, Help: "Short name of the thread, at most 15 bytes.",
			Extract: threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
				v.Text = t.Comm
				return true
			})},
		{Name: "proc.exe", Type: event.TypeString, Help: "First argument of the program, which it can choose freely.", Extract: processText(exe)},
		{Name: "proc.exepath", Type: event.TypeString, Help: "Full path of the program; empty when it is not known.", Extract: processText(exePath)},
		{Name: "proc.args", Type: event.TypeString, Need: field.ArgOptional, Form: field.FormIndex,
			Help: "Arguments after the first, joined by blanks; with [N] the one at place N, empty when there are fewer.", Extract: withArg(args)},
		{Name: "proc.cmdline", Type: event.TypeString, Help: "Short name and arguments, joined by blanks.",
			Extract: threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
				v.Text = r.commandLine(t)
				return true
			})},
		{Name: "proc.exeline", Type: event.TypeString, Help: "First argument and the others, joined by blanks.",
			Extract: threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
				v.Text = r.joined(t.Process.Exe, t.Process.Args)
				return true
			})},
		{Name: "proc.cmdnargs", Type: event.TypeUint64, Help: "How many arguments follow the first.",
			Extract: processNumber(func(p *process.Process) uint64 { return uint64(strings.Count(p.Args, "\x00")) })},
		{Name: "proc.cmdlenargs", Type: event.TypeUint64, Help: "How many bytes the arguments after the first have together.",
			Extract: processNumber(func(p *process.Process) uint64 { return uint64(len(p.Args) - strings.Count(p.Args, "\x00")) })},
		{Name: "proc.env", Type: event.TypeString, Need: field.ArgOptional, Form: field.FormKey,
			Help: "Environment as NAME=VALUE, joined by blanks; with [NAME] the value of one variable, empty when it is not set.", Extract: withArg(env)},
		{Name: "proc.cwd", Type: event.TypeString, Help: "Working directory, with a slash at its end.", Extract: threadValue(cwd)},
		{Name: "proc.tty", Type: event.TypeUint32, Help: "Number of the controlling terminal, 0 for none.",
			Extract: processNumber(func(p *process.Process) uint64 { return uint64(p.TTY) })},
		{Name: "proc.pid", Type: event.TypeInt64, Help: "Id of the process.", Extract: processInt(pid)},
		{Name: "proc.vpid", Type: event.TypeInt64, Help: "Id of the process in its own pid namespace.",
			Extract: processInt(func(p *process.Process) int64 { return p.VPID })},
		{Name: "proc.sid", Type: event.TypeInt64, Help: "Id of the session, in the pid namespace of the process.",
			Extract: threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
				v.SetInt(r.in.table.Session(t.Process))
				return true
			})},
		{Name: "proc.sname", Type: event.TypeString, Help: "Short name of the session leader.", Extract: leaderText(sessionLeader, comm)},
		{Name: "proc.sid.exe", Type: event.TypeString, Help: "First argument of the session leader.", Extract: leaderText(sessionLeader, exe)},
		{Name: "proc.sid.exepath", Type: event.TypeString, Help: "Program of the session leader.", Extract: leaderText(sessionLeader, exePath)},
		{Name: "proc.vpgid", Type: event.TypeInt64, Help: "Id of the process group, in the pid namespace of the process.",
			Extract: processInt(func(p *process.Process) int64 { return p.VPGID })},
		{Name: "proc.vpgid.name", Type: event.TypeString, Help: "Short name of the leader of the process group.", Extract: leaderText(virtualGroupLeader, comm)},
		{Name: "proc.vpgid.exe", Type: event.TypeString, Help: "First argument of the leader of the process group.", Extract: leaderText(virtualGroupLeader, exe)},
		{Name: "proc.vpgid.exepath", Type: event.TypeString, Help: "Program of the leader of the process group.", Extract: leaderText(virtualGroupLeader, exePath)},
		{Name: "proc.pgid", Type: event.TypeInt64, Help: "Id of the process group on the machine.",
			Extract: processInt(func(p *process.Process) int64 { return p.PGID })},
		{Name: "proc.pgid.name", Type: event.TypeString, Help: "Short name of the leader of the process group on the machine.", Extract: leaderText(groupLeader, comm)},
		{Name: "proc.pgid.exe", Type: event.TypeString, Help: "First argument of the leader of the process group on the machine.", Extract: leaderText(groupLeader, exe)},
		{Name: "proc.pgid.exepath", Type: event.TypeString, Help: "Program of the leader of the process group on the machine.", Extract: leaderText(groupLeader, exePath)},
		{Name: "proc.is_sid_leader", Type: event.TypeBool, Help: "Whether the process leads its session.",
			Extract: threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
				v.SetBool(r.in.table.Session(t.Process) == t.Process.VPID)
				return true
			})},
		{Name: "proc.is_vpgid_leader", Type: event.TypeBool, Help: "Whether the process leads its process group, by the ids of its pid namespace.",
			Extract: processBool(func(p *process.Process) bool { return p.VPGID == p.VPID })},
		{Name: "proc.is_pgid_leader", Type: event.TypeBool, Help: "Whether the process leads its process group on the machine.",
			Extract: processBool(func(p *process.Process) bool { return p.PGID == p.PID() })},
		{Name: "proc.duration", Type: event.TypeRelTime, Help: "Nanoseconds since the process was made.",
			Extract: threadValue(func(r *Record, t *process.Thread, v *event.Value) bool { return r.since(t.Process, v) })},
		{Name: "proc.pid.ts", Type: event.TypeRelTime, Help: "When the process was made, in nanoseconds since 1970.",
			Extract: threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool { return positive(t.Process.Start, v) })},
		{Name: "proc.pidns_init_start_ts", Type: event.TypeUint64, Help: "When the first process of the pid namespace was made, in nanoseconds since 1970.",
			Extract: threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
				return positive(t.Process.NamespaceStart, v)
			})},
		{Name: "proc.fdlimit", Type: event.TypeInt64, Help: "How many descriptors the process may open.",
			Extract: processInt(func(p *process.Process) int64 { return p.FDLimit })},
		{Name: "proc.nthreads", Type: event.TypeUint64, Help: "How many threads of the process are alive.",
			Extract: processNumber(func(p *process.Process) uint64 { return uint64(max(p.Threads, 0)) })},
		{Name: "proc.nchilds", Type: event.TypeUint64, Help: "How many threads of the process besides the main one are alive.",
			Extract: processNumber(func(p *process.Process) uint64 { return uint64(max(p.Threads-1, 0)) })},
		{Name: "proc.vmsize", Type: event.TypeUint64, Help: "Virtual memory in KiB, as of the last clone or execve.",
			Extract: processNumber(func(p *process.Process) uint64 { return uint64(p.VMSize) })},
		{Name: "proc.vmrss", Type: event.TypeUint64, Help: "Resident memory in KiB, as of the last clone or execve.",
			Extract: processNumber(func(p *process.Process) uint64 { return uint64(p.VMResident) })},
		{Name: "proc.vmswap", Type: event.TypeUint64, Help: "Swapped memory in KiB, as of the last clone or execve.",
			Extract: processNumber(func(p *process.Process) uint64 { return uint64(p.VMSwap) })},
	}
}

func executableFields() []field.Field {
	flag := func(bit uint32) field.Extractor {
		return processBool(func(p *process.Process) bool { return p.ExeFlags&bit != 0 })
	}
	known := func(get func(p *process.Process) int64) field.Extractor {
		return threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool { return positive(get(t.Process), v) })
	}
	return []field.Field{
		{Name: "proc.is_exe_writable", Type: event.TypeBool, Help: "Whether the user of the process may write the program.", Extract: flag(table.ExeWritable)},
		{Name: "proc.is_exe_upper_layer", Type: event.TypeBool, Help: "Whether the program was put into the container after its start.", Extract: flag(table.ExeUpperLayer)},
		{Name: "proc.is_exe_lower_layer", Type: event.TypeBool, Help: "Whether the program is part of the container's image.", Extract: flag(table.ExeLowerLayer)},
		{Name: "proc.is_exe_from_memfd", Type: event.TypeBool, Help: "Whether the program exists in memory only (memfd).", Extract: flag(table.ExeFromMemfd)},
		{Name: "proc.exe_ino", Type: event.TypeInt64, Help: "Inode of the program.",
			Extract: known(func(p *process.Process) int64 { return int64(p.ExeInode) })},
		{Name: "proc.exe_ino.ctime", Type: event.TypeAbsTime, Help: "When the inode of the program was last changed, in nanoseconds since 1970.",
			Extract: known(func(p *process.Process) int64 { return p.ExeChanged })},
		{Name: "proc.exe_ino.mtime", Type: event.TypeAbsTime, Help: "When the content of the program was last changed, in nanoseconds since 1970.",
			Extract: known(func(p *process.Process) int64 { return p.ExeModified })},
		{Name: "proc.exe_ino.ctime_duration_proc_start", Type: event.TypeAbsTime, Help: "Nanoseconds from the last change of the program's inode to the start of the process.",
			Extract: known(func(p *process.Process) int64 { return between(p.ExeChanged, p.Start) })},
		{Name: "proc.exe_ino.ctime_duration_pidns_start", Type: event.TypeAbsTime, Help: "Nanoseconds from the last change of the program's inode to the start of the pid namespace.",
			Extract: known(func(p *process.Process) int64 { return between(p.ExeChanged, p.NamespaceStart) })},
	}
}

// between gives the time from one moment to another, 0 when one of them is not known.
func between(from, to int64) int64 {
	if from <= 0 || to <= 0 {
		return 0
	}
	return to - from
}

// since stores how long a process has existed.
func (r *Record) since(p *process.Process, v *event.Value) bool {
	if p.Start <= 0 {
		return false
	}
	v.SetInt(max(r.Wire.Time-p.Start, 0))
	return true
}

// joined puts a text and NUL-terminated elements together, with blanks between them.
func (r *Record) joined(first, elements string) string {
	start := len(r.text)
	r.text = append(r.text, first...)
	if elements != "" {
		r.text = append(r.text, ' ')
		r.appendElements(elements)
	}
	return r.built(start)
}

func (r *Record) appendElements(elements string) {
	elements = strings.TrimSuffix(elements, "\x00")
	for i := range len(elements) {
		c := elements[i]
		if c == 0 {
			c = ' '
		}
		r.text = append(r.text, c)
	}
}

func (r *Record) elements(elements string) string {
	start := len(r.text)
	r.appendElements(elements)
	return r.built(start)
}

// commandLine is that of the process, except that a thread may have a name of its own.
func (r *Record) commandLine(t *process.Thread) string {
	if t.Comm == t.Process.Main.Comm {
		return t.Process.CommandLine()
	}
	return r.joined(t.Comm, t.Process.Args)
}

func args(r *Record, a *field.Arg, v *event.Value) bool {
	if r.Thread == nil {
		return false
	}
	if a.Present {
		v.Text, _ = process.Element(r.Thread.Process.Args, a.Index)
	} else {
		v.Text = r.elements(r.Thread.Process.Args)
	}
	return true
}

func env(r *Record, a *field.Arg, v *event.Value) bool {
	if r.Thread == nil {
		return false
	}
	if a.Present {
		v.Text = r.Thread.Process.Variable(a.Text)
	} else {
		v.Text = r.elements(r.Thread.Process.Env)
	}
	return true
}

func cwd(r *Record, t *process.Thread, v *event.Value) bool {
	dir, ok := r.in.directory(t.Process, currentDirectory)
	if !ok {
		return false
	}
	start := len(r.text)
	r.text = append(r.text, dir...)
	if dir[len(dir)-1] != '/' {
		r.text = append(r.text, '/')
	}
	v.Text = r.built(start)
	return true
}

// leader finds a process that leads others.
type leader func(r *Record, p *process.Process) *process.Process

func leaderText(find leader, get func(p *process.Process) string) field.Extractor {
	return threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
		p := find(r, t.Process)
		if p == nil {
			return false
		}
		v.Text = get(p)
		return true
	})
}

// sessionLeader and virtualGroupLeader know the leader by its id in the pid namespace. In a namespace other than that
// of the machine this is no help, and a leader may have ended: then the highest ancestor with the same id stands for it.
func sessionLeader(r *Record, p *process.Process) *process.Process {
	return r.leaderOf(p, r.in.table.Session)
}

func virtualGroupLeader(r *Record, p *process.Process) *process.Process {
	return r.leaderOf(p, func(q *process.Process) int64 { return q.VPGID })
}

func (r *Record) leaderOf(p *process.Process, id func(*process.Process) int64) *process.Process {
	want := id(p)
	if !p.InNamespace() {
		if thread := r.in.table.Get(want); thread != nil && want > 0 {
			return thread.Process
		}
	}
	highest := p
	p.Ancestors(func(a *process.Process) bool {
		if id(a) != want {
			return false
		}
		highest = a
		return true
	})
	return highest
}

func groupLeader(r *Record, p *process.Process) *process.Process {
	if thread := r.in.table.Get(p.PGID); thread != nil {
		return thread.Process
	}
	return nil
}

package syscall

import (
	"strconv"
	"strings"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/account"
	"github.com/saker-security/saker/pkg/syscall/process"
)

func threadFields() []field.Field {
	caps := func(get func(c *process.Caps) uint64) field.Extractor {
		return threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
			v.Text = r.capabilities(get(&t.Caps))
			return true
		})
	}
	return []field.Field{
		{Name: "thread.tid", Type: event.TypeInt64, Help: "Id of the thread.",
			Extract: extract(func(r *Record, v *event.Value) bool {
				v.SetInt(r.Wire.Thread)
				return true
			})},
		{Name: "thread.vtid", Type: event.TypeInt64, Help: "Id of the thread in its own pid namespace.",
			Extract: threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
				v.SetInt(t.VTID)
				return true
			})},
		{Name: "thread.ismain", Type: event.TypeBool, Help: "Whether the thread is the main one of its process.",
			Extract: threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
				v.SetBool(t == &t.Process.Main)
				return true
			})},
		{Name: "thread.cap_permitted", Type: event.TypeString, Help: "Names of the permitted capabilities, joined by blanks.",
			Extract: caps(func(c *process.Caps) uint64 { return c.Permitted })},
		{Name: "thread.cap_inheritable", Type: event.TypeString, Help: "Names of the inheritable capabilities, joined by blanks.",
			Extract: caps(func(c *process.Caps) uint64 { return c.Inheritable })},
		{Name: "thread.cap_effective", Type: event.TypeString, Help: "Names of the effective capabilities, joined by blanks.",
			Extract: caps(func(c *process.Caps) uint64 { return c.Effective })},
		{Name: "thread.pfmajor", Type: event.TypeUint64, Help: "Page faults that read from disk, as of the last clone or execve.",
			Extract: processNumber(func(p *process.Process) uint64 { return p.MajorFaults })},
		{Name: "thread.pfminor", Type: event.TypeUint64, Help: "Page faults that did not read from disk, as of the last clone or execve.",
			Extract: processNumber(func(p *process.Process) uint64 { return p.MinorFaults })},
		{Name: "thread.vmsize", Type: event.TypeUint64, Help: "Virtual memory in KiB for the main thread, 0 for others.",
			Extract: mainOnly(func(p *process.Process) uint64 { return uint64(p.VMSize) })},
		{Name: "thread.vmrss", Type: event.TypeUint64, Help: "Resident memory in KiB for the main thread, 0 for others.",
			Extract: mainOnly(func(p *process.Process) uint64 { return uint64(p.VMResident) })},
		{Name: "thread.cgroups", Type: event.TypeString, Help: "Control groups as subsystem=path, joined by blanks.",
			Extract: threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
				v.Text = r.elements(t.Process.Groups)
				return v.Text != ""
			})},
		{Name: "thread.cgroup", Type: event.TypeString, Need: field.ArgRequired, Form: field.FormKey, DotArg: true,
			Help: "Path of the control group in one subsystem: thread.cgroup.cpu.", Extract: withArg(controlGroup)},
		{Name: "thread.exectime", Type: event.TypeRelTime, Help: "Nanoseconds for which the thread ran before the CPU was given to another, 0 for events other than switch.",
			Extract: threadValue(func(r *Record, _ *process.Thread, v *event.Value) bool {
				v.SetInt(r.slice)
				return true
			})},
		{Name: "thread.totexectime", Type: event.TypeRelTime, Help: "Nanoseconds for which the thread has run, as far as switch events tell.",
			Extract: threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
				v.SetInt(t.Ran)
				return true
			})},
		pending(event.TypeDouble, "thread.cpu", "Share of a CPU that the thread used, in percent.", noProcinfo),
		pending(event.TypeDouble, "thread.cpu.user", "Share of a CPU that the thread used outside the kernel, in percent.", noProcinfo),
		pending(event.TypeDouble, "thread.cpu.system", "Share of a CPU that the thread used inside the kernel, in percent.", noProcinfo),
		{Name: "thread.nametid", Type: event.TypeString, Hidden: true, Help: "Short name of the thread followed by its id.",
			Extract: threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
				start := len(r.text)
				r.text = strconv.AppendInt(append(r.text, t.Comm...), t.TID, 10)
				v.Text = r.built(start)
				return true
			})},
		{Name: "thread.vmsize.b", Type: event.TypeUint64, Hidden: true, Help: "thread.vmsize in bytes.",
			Extract: mainOnly(func(p *process.Process) uint64 { return uint64(p.VMSize) << 10 })},
		{Name: "thread.vmrss.b", Type: event.TypeUint64, Hidden: true, Help: "thread.vmrss in bytes.",
			Extract: mainOnly(func(p *process.Process) uint64 { return uint64(p.VMResident) << 10 })},
	}
}

// noProcinfo is why the load of a thread is not known.
const noProcinfo = "it is taken from procinfo events, which no driver makes"

func mainOnly(get func(p *process.Process) uint64) field.Extractor {
	return threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
		if t == &t.Process.Main {
			v.Num = get(t.Process)
		}
		return true
	})
}

func controlGroup(r *Record, a *field.Arg, v *event.Value) bool {
	if r.Thread == nil {
		return false
	}
	groups := r.Thread.Process.Groups
	for groups != "" {
		var group string
		group, groups, _ = strings.Cut(groups, "\x00")
		if path, ok := strings.CutPrefix(group, a.Text); ok && strings.HasPrefix(path, "=") {
			v.Text = path[1:]
			return true
		}
	}
	return false
}

// capabilityNames are the capabilities by bit, see capabilities(7).
var capabilityNames = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
	LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
	SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE
	AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF
	CHECKPOINT_RESTORE`)

func (r *Record) capabilities(set uint64) string {
	start := len(r.text)
	for bit, name := range capabilityNames {
		if set&(1<<bit) == 0 {
			continue
		}
		if len(r.text) > start {
			r.text = append(r.text, ' ')
		}
		r.text = append(append(r.text, "CAP_"...), name...)
	}
	return r.built(start)
}

func userFields() []field.Field {
	user := func(get func(u account.User) string) field.Extractor {
		return threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
			v.Text = get(r.user(r.book(), t.UID))
			return true
		})
	}
	return []field.Field{
		{Name: "user.uid", Type: event.TypeUint32, Help: "Id of the user.",
			Extract: threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
				v.Num = uint64(t.UID)
				return true
			})},
		{Name: "user.name", Type: event.TypeString, Help: "Name of the user, from the files of the container or of the machine; <NA> when it has none.",
			Extract: user(func(u account.User) string { return u.Name })},
		{Name: "user.homedir", Type: event.TypeString, Help: "Home directory of the user; <NA> when it is not known.",
			Extract: user(func(u account.User) string { return u.Home })},
		{Name: "user.shell", Type: event.TypeString, Help: "Login shell of the user; <NA> when it is not known.",
			Extract: user(func(u account.User) string { return u.Shell })},
		{Name: "user.loginuid", Type: event.TypeInt64, Help: "Id of the user who logged in, -1 when nobody did.",
			Extract: processInt(func(p *process.Process) int64 { return int64(int32(p.LoginUID)) })},
		{Name: "user.loginname", Type: event.TypeString, Help: "Name of the user who logged in; <NA> when it is not known.",
			Extract: threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
				v.Text = notAvailable
				if uid := t.Process.LoginUID; uid != nobody {
					v.Text = r.user(r.in.books.Host(), uid).Name
				}
				return true
			})},
		{Name: "group.gid", Type: event.TypeUint32, Help: "Id of the group.",
			Extract: threadValue(func(_ *Record, t *process.Thread, v *event.Value) bool {
				v.Num = uint64(t.GID)
				return true
			})},
		{Name: "group.name", Type: event.TypeString, Help: "Name of the group, from the files of the container or of the machine; <NA> when it has none.",
			Extract: threadValue(func(r *Record, t *process.Thread, v *event.Value) bool {
				v.Text = r.groupName(t.GID)
				return true
			})},
	}
}

package table

import (
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// rowsMeta are the events that are not system calls: tracepoints, news that the source makes itself, iterators.
var rowsMeta = []Event{
	{ID: 149, Name: "drop", Category: Internal, Kind: Meta, Flags: SkipReset, Params: []Param{
		{Name: "ratio", Type: event.TypeUint32},
	}},
	{ID: 152, Name: "switch", Category: Scheduler, Kind: Tracepoint, Params: []Param{
		{Name: "next", Type: event.TypePID}, {Name: "pgft_maj", Type: event.TypeUint64},
		{Name: "pgft_min", Type: event.TypeUint64}, {Name: "vm_size", Type: event.TypeUint32},
		{Name: "vm_rss", Type: event.TypeUint32}, {Name: "vm_swap", Type: event.TypeUint32},
	}},
	{ID: 186, Name: "procexit", Category: Process, Kind: Tracepoint, Flags: State, Params: []Param{
		{Name: "status", Type: event.TypeErrno}, {Name: "ret", Type: event.TypeErrno},
		{Name: "sig", Type: event.TypeSigType}, {Name: "core", Type: event.TypeUint8},
		{Name: "reaper_tid", Type: event.TypePID},
	}},
	{ID: 196, Name: "scapevent", Category: Internal, Kind: Meta, Flags: SkipReset, Params: []Param{
		{Name: "event_type", Type: event.TypeUint32}, {Name: "event_data", Type: event.TypeUint64},
	}},
	{ID: 232, Name: "signaldeliver", Category: Signal, Kind: Tracepoint, Params: []Param{
		{Name: "spid", Type: event.TypePID}, {Name: "dpid", Type: event.TypePID}, {Name: "sig", Type: event.TypeSigType},
	}},
	{ID: 234, Name: "procinfo", Category: Internal, Kind: Meta, Flags: SkipReset, Params: []Param{
		{Name: "cpu_usr", Type: event.TypeUint64}, {Name: "cpu_sys", Type: event.TypeUint64},
	}},
	{ID: 244, Name: "cpu_hotplug", Category: System, Kind: Meta, Flags: State | SkipReset, Params: []Param{
		{Name: "cpu", Type: event.TypeUint32}, {Name: "action", Type: event.TypeUint32},
	}},
	{ID: 280, Name: "notification", Category: Other, Kind: Meta, Flags: SkipReset, Params: []Param{
		{Name: "id", Type: event.TypeString}, {Name: "desc", Type: event.TypeString},
	}},
	{ID: 286, Name: "infra", Category: Internal, Kind: Meta, Flags: SkipReset, Params: []Param{
		{Name: "source", Type: event.TypeString}, {Name: "name", Type: event.TypeString},
		{Name: "description", Type: event.TypeString}, {Name: "scope", Type: event.TypeString},
	}},
	{ID: 290, Name: "page_fault", Category: Other, Kind: Tracepoint, Flags: SkipReset, Params: []Param{
		{Name: "addr", Type: event.TypeUint64, Print: field.Hex}, {Name: "ip", Type: event.TypeUint64, Print: field.Hex},
		{Name: "error", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 322, Name: "pluginevent", Category: Other, Kind: Plugin, Flags: Large, Params: []Param{
		{Name: "plugin_id", Type: event.TypeUint32}, {Name: "event_data", Type: event.TypeBytes},
	}},
	{ID: 324, Name: "container", Category: Process, Kind: Meta, Flags: State | Large, Params: []Param{
		{Name: "json", Type: event.TypeString},
	}},
	{ID: 354, Name: "useradded", Category: Process, Kind: Meta, Flags: State, Params: []Param{
		{Name: "uid", Type: event.TypeUint32}, {Name: "gid", Type: event.TypeUint32},
		{Name: "name", Type: event.TypeString}, {Name: "home", Type: event.TypeString},
		{Name: "shell", Type: event.TypeString}, {Name: "container_id", Type: event.TypeString},
	}},
	{ID: 356, Name: "userdeleted", Category: Process, Kind: Meta, Flags: State, Params: []Param{
		{Name: "uid", Type: event.TypeUint32}, {Name: "gid", Type: event.TypeUint32},
		{Name: "name", Type: event.TypeString}, {Name: "home", Type: event.TypeString},
		{Name: "shell", Type: event.TypeString}, {Name: "container_id", Type: event.TypeString},
	}},
	{ID: 358, Name: "groupadded", Category: Process, Kind: Meta, Flags: State, Params: []Param{
		{Name: "gid", Type: event.TypeUint32}, {Name: "name", Type: event.TypeString},
		{Name: "container_id", Type: event.TypeString},
	}},
	{ID: 360, Name: "groupdeleted", Category: Process, Kind: Meta, Flags: State, Params: []Param{
		{Name: "gid", Type: event.TypeUint32}, {Name: "name", Type: event.TypeString},
		{Name: "container_id", Type: event.TypeString},
	}},
	{ID: 402, Name: "asyncevent", Category: Other, Kind: Meta, Flags: Large, Params: []Param{
		{Name: "plugin_id", Type: event.TypeUint32}, {Name: "name", Type: event.TypeString},
		{Name: "data", Type: event.TypeBytes},
	}},
	{ID: 430, Name: "task", Category: Process, Kind: Iterator, Flags: State, Params: []Param{
		{Name: "ppid", Type: event.TypePID32}, {Name: "pgid", Type: event.TypePID32},
		{Name: "vpgid", Type: event.TypePID32}, {Name: "sid", Type: event.TypePID32},
		{Name: "comm", Type: event.TypeString}, {Name: "argv", Type: event.TypeStringArray},
		{Name: "exepath", Type: event.TypePath}, {Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
		{Name: "env", Type: event.TypeStringArray}, {Name: "cwd", Type: event.TypeString},
		{Name: "fdlimit", Type: event.TypeUint64}, {Name: "euid", Type: event.TypeUID},
		{Name: "egid", Type: event.TypeGID}, {Name: "cap_permitted", Type: event.TypeUint64, Print: field.Hex},
		{Name: "cap_effective", Type: event.TypeUint64, Print: field.Hex},
		{Name: "cap_inheritable", Type: event.TypeUint64, Print: field.Hex}, {Name: "exe_ino_num", Type: event.TypeUint64},
		{Name: "exe_ino_ctime", Type: event.TypeAbsTime}, {Name: "exe_ino_mtime", Type: event.TypeAbsTime},
		{Name: "vm_size", Type: event.TypeUint32}, {Name: "vm_rss", Type: event.TypeUint32},
		{Name: "vm_swap", Type: event.TypeUint32}, {Name: "pgft_maj", Type: event.TypeUint64},
		{Name: "pgft_min", Type: event.TypeUint64}, {Name: "vtgid", Type: event.TypePID32},
		{Name: "vpid", Type: event.TypePID32}, {Name: "pidns_init_start_ts", Type: event.TypeUint64},
		{Name: "cgroups", Type: event.TypeStringArray}, {Name: "root", Type: event.TypePath},
		{Name: "start_time", Type: event.TypeAbsTime}, {Name: "tty", Type: event.TypeUint32},
		{Name: "loginuid", Type: event.TypeUID},
	}},
	{ID: 432, Name: "task_file_pipe", Category: File, Kind: Iterator, Flags: State, Params: []Param{
		{Name: "fd", Type: event.TypeFD32}, {Name: "path", Type: event.TypePath},
		{Name: "ino_num", Type: event.TypeUint64},
	}},
	{ID: 434, Name: "task_file_memfd", Category: File, Kind: Iterator, Flags: State, Params: []Param{
		{Name: "fd", Type: event.TypeFD32}, {Name: "path", Type: event.TypePath},
		{Name: "ino_num", Type: event.TypeUint64},
	}},
	{ID: 436, Name: "task_file_regular", Category: File, Kind: Iterator, Flags: State, Params: []Param{
		{Name: "fd", Type: event.TypeFD32}, {Name: "path", Type: event.TypePath},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex}, {Name: "mnt_id", Type: event.TypeUint32},
		{Name: "ino_num", Type: event.TypeUint64},
	}},
	{ID: 438, Name: "task_file_directory", Category: File, Kind: Iterator, Flags: State, Params: []Param{
		{Name: "fd", Type: event.TypeFD32}, {Name: "path", Type: event.TypePath},
		{Name: "ino_num", Type: event.TypeUint64},
	}},
	{ID: 440, Name: "task_file_socket_inet", Category: File, Kind: Iterator, Flags: State, Params: []Param{
		{Name: "fd", Type: event.TypeFD32}, {Name: "sk_type", Type: event.TypeUint16},
		{Name: "sk_proto", Type: event.TypeUint16}, {Name: "local_ip", Type: event.TypeIPv4, Print: field.Hex},
		{Name: "local_port", Type: event.TypePort, Print: field.Hex},
		{Name: "remote_ip", Type: event.TypeIPv4, Print: field.Hex},
		{Name: "remote_port", Type: event.TypePort, Print: field.Hex}, {Name: "ino_num", Type: event.TypeUint64},
	}},
	{ID: 442, Name: "task_file_socket_inet6", Category: File, Kind: Iterator, Flags: State, Params: []Param{
		{Name: "fd", Type: event.TypeFD32}, {Name: "sk_type", Type: event.TypeUint16},
		{Name: "sk_proto", Type: event.TypeUint16}, {Name: "local_ip", Type: event.TypeIPv6, Print: field.Hex},
		{Name: "local_port", Type: event.TypePort, Print: field.Hex},
		{Name: "remote_ip", Type: event.TypeIPv6, Print: field.Hex},
		{Name: "remote_port", Type: event.TypePort, Print: field.Hex}, {Name: "ino_num", Type: event.TypeUint64},
	}},
	{ID: 444, Name: "task_file_socket_unix", Category: File, Kind: Iterator, Flags: State, Params: []Param{
		{Name: "fd", Type: event.TypeFD32}, {Name: "sk_type", Type: event.TypeUint16},
		{Name: "sk_proto", Type: event.TypeUint16}, {Name: "sk_pointer", Type: event.TypeUint64},
		{Name: "sun_path", Type: event.TypePath}, {Name: "ino_num", Type: event.TypeUint64},
	}},
	{ID: 446, Name: "task_file_socket_netlink", Category: File, Kind: Iterator, Flags: State, Params: []Param{
		{Name: "fd", Type: event.TypeFD32}, {Name: "sk_type", Type: event.TypeUint16},
		{Name: "sk_proto", Type: event.TypeUint16}, {Name: "ino_num", Type: event.TypeUint64},
	}},
	{ID: 448, Name: "task_file_anon_inode", Category: File, Kind: Iterator, Flags: State, Params: []Param{
		{Name: "fd", Type: event.TypeFD32}, {Name: "fd_type", Type: event.TypeFlags8},
		{Name: "path", Type: event.TypePath}, {Name: "ino_num", Type: event.TypeUint64},
	}},

	// Known by name only: nothing makes them any more.
	{ID: 260, Name: "k8s", Category: Internal, Kind: Meta, Flags: Old, Params: []Param{{Name: "json", Type: event.TypeString}}},
	{ID: 268, Name: "tracer", Category: Other, Kind: Meta, Flags: Old},
	{ID: 270, Name: "mesos", Category: Internal, Kind: Meta, Flags: Old, Params: []Param{{Name: "json", Type: event.TypeString}}},
}

package table

import (
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// cloneParams are the parameters of clone, clone3, fork and vfork.
var cloneParams = []Param{
	{Name: "res", Type: event.TypePID}, {Name: "exe", Type: event.TypeString}, {Name: "args", Type: event.TypeBytes},
	{Name: "tid", Type: event.TypePID}, {Name: "pid", Type: event.TypePID}, {Name: "ptid", Type: event.TypePID},
	{Name: "cwd", Type: event.TypeString}, {Name: "fdlimit", Type: event.TypeInt64},
	{Name: "pgft_maj", Type: event.TypeUint64}, {Name: "pgft_min", Type: event.TypeUint64},
	{Name: "vm_size", Type: event.TypeUint32}, {Name: "vm_rss", Type: event.TypeUint32},
	{Name: "vm_swap", Type: event.TypeUint32}, {Name: "comm", Type: event.TypeString},
	{Name: "cgroups", Type: event.TypeBytes},
	{Name: "flags", Type: event.TypeFlags32, Print: field.Hex, Flags: CloneFlags},
	{Name: "uid", Type: event.TypeUint32}, {Name: "gid", Type: event.TypeUint32}, {Name: "vtid", Type: event.TypePID},
	{Name: "vpid", Type: event.TypePID}, {Name: "pidns_init_start_ts", Type: event.TypeUint64},
}

// execParams are the parameters of execve; execveat lacks the last one.
var execParams = []Param{
	{Name: "res", Type: event.TypeErrno}, {Name: "exe", Type: event.TypeString}, {Name: "args", Type: event.TypeBytes},
	{Name: "tid", Type: event.TypePID}, {Name: "pid", Type: event.TypePID}, {Name: "ptid", Type: event.TypePID},
	{Name: "cwd", Type: event.TypeString}, {Name: "fdlimit", Type: event.TypeUint64},
	{Name: "pgft_maj", Type: event.TypeUint64}, {Name: "pgft_min", Type: event.TypeUint64},
	{Name: "vm_size", Type: event.TypeUint32}, {Name: "vm_rss", Type: event.TypeUint32},
	{Name: "vm_swap", Type: event.TypeUint32}, {Name: "comm", Type: event.TypeString},
	{Name: "cgroups", Type: event.TypeBytes}, {Name: "env", Type: event.TypeBytes},
	{Name: "tty", Type: event.TypeUint32}, {Name: "vpgid", Type: event.TypePID},
	{Name: "loginuid", Type: event.TypeUID},
	{Name: "flags", Type: event.TypeFlags32, Print: field.Hex, Flags: ExecveFlags},
	{Name: "cap_inheritable", Type: event.TypeUint64, Print: field.Hex},
	{Name: "cap_permitted", Type: event.TypeUint64, Print: field.Hex},
	{Name: "cap_effective", Type: event.TypeUint64, Print: field.Hex}, {Name: "exe_ino", Type: event.TypeUint64},
	{Name: "exe_ino_ctime", Type: event.TypeAbsTime}, {Name: "exe_ino_mtime", Type: event.TypeAbsTime},
	{Name: "uid", Type: event.TypeUID}, {Name: "trusted_exepath", Type: event.TypePath},
	{Name: "pgid", Type: event.TypePID}, {Name: "gid", Type: event.TypeGID}, {Name: "filename", Type: event.TypePath},
}

var rowsAG = []Event{
	{ID: 247, Name: "accept", Category: Net, Flags: CreatesFD | State, Params: []Param{
		{Name: "fd", Type: event.TypeFD}, {Name: "tuple", Type: event.TypeSockTuple},
		{Name: "queuepct", Type: event.TypeUint8}, {Name: "queuelen", Type: event.TypeUint32},
		{Name: "queuemax", Type: event.TypeUint32},
	}},
	{ID: 389, Name: "accept4", Category: Net, Flags: CreatesFD | State, Params: []Param{
		{Name: "fd", Type: event.TypeFD}, {Name: "tuple", Type: event.TypeSockTuple},
		{Name: "queuepct", Type: event.TypeUint8}, {Name: "queuelen", Type: event.TypeUint32},
		{Name: "queuemax", Type: event.TypeUint32}, {Name: "flags", Type: event.TypeInt32, Print: field.Hex},
	}},
	{ID: 265, Name: "access", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "name", Type: event.TypePath},
		{Name: "mode", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 21, Name: "bind", Category: Net, Flags: UsesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "addr", Type: event.TypeSockAddr}, {Name: "fd", Type: event.TypeFD},
	}},
	{ID: 369, Name: "bpf", Category: Other, Flags: CreatesFD, Params: []Param{
		{Name: "fd", Type: event.TypeFD}, {Name: "cmd", Type: event.TypeEnumFlags32},
	}},
	{ID: 159, Name: "brk", Category: Memory, Params: []Param{
		{Name: "res", Type: event.TypeUint64, Print: field.Hex}, {Name: "vm_size", Type: event.TypeUint32},
		{Name: "vm_rss", Type: event.TypeUint32}, {Name: "vm_swap", Type: event.TypeUint32},
		{Name: "addr", Type: event.TypeUint64, Print: field.Hex},
	}},
	{ID: 353, Name: "capset", Category: Process, Flags: State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "cap_inheritable", Type: event.TypeUint64, Print: field.Hex},
		{Name: "cap_permitted", Type: event.TypeUint64, Print: field.Hex},
		{Name: "cap_effective", Type: event.TypeUint64, Print: field.Hex},
	}},
	{ID: 95, Name: "chdir", Category: File, Flags: State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "path", Type: event.TypeString},
	}},
	{ID: 315, Name: "chmod", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "filename", Type: event.TypePath},
		{Name: "mode", Type: event.TypeMode, Print: field.Octal},
	}},
	{ID: 379, Name: "chown", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "path", Type: event.TypePath}, {Name: "uid", Type: event.TypeUint32},
		{Name: "gid", Type: event.TypeUint32},
	}},
	{ID: 267, Name: "chroot", Category: Process, Flags: State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "path", Type: event.TypePath},
	}},
	{ID: 223, Name: "clone", Category: Process, Flags: State, Params: cloneParams},
	{ID: 335, Name: "clone3", Category: Process, Flags: State, Params: cloneParams},
	{ID: 5, Name: "close", Category: IOOther, Flags: DestroysFD | UsesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD},
	}},
	{ID: 451, Name: "close_range", Category: IOOther, Flags: State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "first", Type: event.TypeUint32},
		{Name: "last", Type: event.TypeUint32}, {Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 23, Name: "connect", Category: Net, Flags: UsesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "tuple", Type: event.TypeSockTuple}, {Name: "fd", Type: event.TypeFD},
		{Name: "addr", Type: event.TypeSockAddr},
	}},
	{ID: 333, Name: "copy_file_range", Category: File, Flags: UsesFD | ReadsFD | WritesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fdout", Type: event.TypeFD},
		{Name: "offout", Type: event.TypeUint64}, {Name: "fdin", Type: event.TypeFD},
		{Name: "offin", Type: event.TypeUint64}, {Name: "len", Type: event.TypeUint64},
	}},
	{ID: 59, Name: "creat", Category: File, Flags: CreatesFD | State, Params: []Param{
		{Name: "fd", Type: event.TypeFD}, {Name: "name", Type: event.TypePath},
		{Name: "mode", Type: event.TypeUint32, Print: field.Octal},
		{Name: "dev", Type: event.TypeUint32, Print: field.Hex}, {Name: "ino", Type: event.TypeUint64},
		{Name: "creat_flags", Type: event.TypeFlags16, Print: field.Hex},
	}},
	{ID: 425, Name: "delete_module", Category: Other, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "name", Type: event.TypeString},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 367, Name: "dup", Category: IOOther, Flags: CreatesFD | UsesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeFD}, {Name: "oldfd", Type: event.TypeFD},
	}},
	{ID: 363, Name: "dup2", Category: IOOther, Flags: CreatesFD | UsesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeFD}, {Name: "oldfd", Type: event.TypeFD}, {Name: "newfd", Type: event.TypeFD},
	}},
	{ID: 365, Name: "dup3", Category: IOOther, Flags: CreatesFD | UsesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeFD}, {Name: "oldfd", Type: event.TypeFD}, {Name: "newfd", Type: event.TypeFD},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex, Flags: FileFlags},
	}},
	{ID: 375, Name: "epoll_create", Category: Wait, Flags: CreatesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "size", Type: event.TypeInt32},
	}},
	{ID: 377, Name: "epoll_create1", Category: Wait, Flags: CreatesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 79, Name: "epoll_wait", Category: Wait, Flags: Waits, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "maxevents", Type: event.TypeErrno},
	}},
	{ID: 63, Name: "eventfd", Category: IPC, Flags: CreatesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeFD}, {Name: "initval", Type: event.TypeUint64},
		{Name: "flags", Type: event.TypeUint32, Print: field.Hex},
	}},
	{ID: 397, Name: "eventfd2", Category: IPC, Flags: CreatesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeFD}, {Name: "flags", Type: event.TypeFlags16, Print: field.Hex, Flags: FileFlags},
		{Name: "initval", Type: event.TypeUint64},
	}},
	{ID: 293, Name: "execve", Category: Process, Flags: State, Params: execParams},
	{ID: 331, Name: "execveat", Category: Process, Flags: State, Params: execParams[:len(execParams)-1]},
	{ID: 97, Name: "fchdir", Category: File, Flags: UsesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD},
	}},
	{ID: 317, Name: "fchmod", Category: File, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD},
		{Name: "mode", Type: event.TypeMode, Print: field.Octal},
	}},
	{ID: 313, Name: "fchmodat", Category: File, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "dirfd", Type: event.TypeFD},
		{Name: "filename", Type: event.TypeRelPath}, {Name: "mode", Type: event.TypeMode, Print: field.Octal},
	}},
	{ID: 383, Name: "fchown", Category: File, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD}, {Name: "uid", Type: event.TypeUint32},
		{Name: "gid", Type: event.TypeUint32},
	}},
	{ID: 385, Name: "fchownat", Category: File, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "dirfd", Type: event.TypeFD},
		{Name: "pathname", Type: event.TypeRelPath}, {Name: "uid", Type: event.TypeUint32},
		{Name: "gid", Type: event.TypeUint32}, {Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 151, Name: "fcntl", Category: IOOther, Flags: UsesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeFD}, {Name: "fd", Type: event.TypeFD}, {Name: "cmd", Type: event.TypeEnumFlags8},
		{Name: "arg", Type: event.TypeUint64, Print: field.Hex},
	}},
	{ID: 413, Name: "finit_module", Category: Other, Flags: UsesFD | ReadsFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD}, {Name: "uargs", Type: event.TypeString},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 243, Name: "flock", Category: File, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD},
		{Name: "operation", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 225, Name: "fork", Category: Process, Flags: State, Params: cloneParams},
	{ID: 373, Name: "fsconfig", Category: System, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD}, {Name: "cmd", Type: event.TypeEnumFlags32},
		{Name: "key", Type: event.TypeString}, {Name: "value_bytebuf", Type: event.TypeBytes},
		{Name: "value_charbuf", Type: event.TypeString}, {Name: "aux", Type: event.TypeInt32},
	}},
	{ID: 71, Name: "fstat", Category: File, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD},
	}},
	{ID: 77, Name: "fstat64", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno},
	}},
	{ID: 65, Name: "futex", Category: IPC, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "addr", Type: event.TypeUint64, Print: field.Hex},
		{Name: "op", Type: event.TypeFlags16, Print: field.Hex}, {Name: "val", Type: event.TypeUint64},
	}},
	{ID: 93, Name: "getcwd", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "path", Type: event.TypeString},
	}},
	{ID: 237, Name: "getdents", Category: File, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD},
	}},
	{ID: 239, Name: "getdents64", Category: File, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD},
	}},
	{ID: 209, Name: "getegid", Category: User, Params: []Param{
		{Name: "egid", Type: event.TypeGID},
	}},
	{ID: 205, Name: "geteuid", Category: User, Params: []Param{
		{Name: "euid", Type: event.TypeUID},
	}},
	{ID: 207, Name: "getgid", Category: User, Params: []Param{
		{Name: "gid", Type: event.TypeGID},
	}},
	{ID: 41, Name: "getpeername", Category: Net},
	{ID: 213, Name: "getresgid", Category: User, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "rgid", Type: event.TypeGID}, {Name: "egid", Type: event.TypeGID},
		{Name: "sgid", Type: event.TypeGID},
	}},
	{ID: 211, Name: "getresuid", Category: User, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "ruid", Type: event.TypeUID}, {Name: "euid", Type: event.TypeUID},
		{Name: "suid", Type: event.TypeUID},
	}},
	{ID: 141, Name: "getrlimit", Category: Process, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "cur", Type: event.TypeInt64}, {Name: "max", Type: event.TypeInt64},
		{Name: "resource", Type: event.TypeEnumFlags8},
	}},
	{ID: 39, Name: "getsockname", Category: Net},
	{ID: 47, Name: "getsockopt", Category: Net, Flags: UsesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD},
		{Name: "level", Type: event.TypeEnumFlags8}, {Name: "optname", Type: event.TypeEnumFlags8},
		{Name: "val", Type: event.TypeDyn}, {Name: "optlen", Type: event.TypeUint32},
	}},
	{ID: 203, Name: "getuid", Category: User, Params: []Param{
		{Name: "uid", Type: event.TypeUID},
	}},
}

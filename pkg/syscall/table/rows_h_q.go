package table

import (
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

var rowsHQ = []Event{
	{ID: 411, Name: "init_module", Category: Other, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "img", Type: event.TypeBytes},
		{Name: "length", Type: event.TypeUint64}, {Name: "uargs", Type: event.TypeString},
	}},
	{ID: 139, Name: "inotify_init", Category: IPC, Flags: CreatesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeFD}, {Name: "flags", Type: event.TypeUint8, Print: field.Hex},
	}},
	{ID: 395, Name: "inotify_init1", Category: IPC, Flags: CreatesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeFD}, {Name: "flags", Type: event.TypeFlags16, Print: field.Hex, Flags: FileFlags},
	}},
	{ID: 341, Name: "io_uring_enter", Category: IOOther, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD},
		{Name: "to_submit", Type: event.TypeUint32}, {Name: "min_complete", Type: event.TypeUint32},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex}, {Name: "sig", Type: event.TypeSigSet},
	}},
	{ID: 343, Name: "io_uring_register", Category: IOOther, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD},
		{Name: "opcode", Type: event.TypeEnumFlags16}, {Name: "arg", Type: event.TypeUint64, Print: field.Hex},
		{Name: "nr_args", Type: event.TypeUint32},
	}},
	{ID: 339, Name: "io_uring_setup", Category: IOOther, Flags: CreatesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "entries", Type: event.TypeUint32},
		{Name: "sq_entries", Type: event.TypeUint32}, {Name: "cq_entries", Type: event.TypeUint32},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex}, {Name: "sq_thread_cpu", Type: event.TypeUint32},
		{Name: "sq_thread_idle", Type: event.TypeUint32}, {Name: "features", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 171, Name: "ioctl", Category: IOOther, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD},
		{Name: "request", Type: event.TypeUint64, Print: field.Hex},
		{Name: "argument", Type: event.TypeUint64, Print: field.Hex},
	}},
	{ID: 453, Name: "keyctl", Category: Other, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "operation", Type: event.TypeEnumFlags32},
		{Name: "arg2", Type: event.TypeDyn}, {Name: "arg3", Type: event.TypeDyn}, {Name: "arg4", Type: event.TypeDyn},
		{Name: "arg5", Type: event.TypeDyn},
	}},
	{ID: 129, Name: "kill", Category: Signal, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "pid", Type: event.TypePID}, {Name: "sig", Type: event.TypeSigType},
	}},
	{ID: 381, Name: "lchown", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "path", Type: event.TypePath}, {Name: "uid", Type: event.TypeUint32},
		{Name: "gid", Type: event.TypeUint32},
	}},
	{ID: 309, Name: "link", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "oldpath", Type: event.TypePath},
		{Name: "newpath", Type: event.TypePath},
	}},
	{ID: 311, Name: "linkat", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "olddir", Type: event.TypeFD},
		{Name: "oldpath", Type: event.TypeRelPath}, {Name: "newdir", Type: event.TypeFD},
		{Name: "newpath", Type: event.TypeRelPath}, {Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 25, Name: "listen", Category: Net, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD}, {Name: "backlog", Type: event.TypeInt32},
	}},
	{ID: 89, Name: "llseek", Category: File, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD}, {Name: "offset", Type: event.TypeUint64},
		{Name: "whence", Type: event.TypeEnumFlags8},
	}},
	{ID: 87, Name: "lseek", Category: File, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD}, {Name: "offset", Type: event.TypeUint64},
		{Name: "whence", Type: event.TypeEnumFlags8},
	}},
	{ID: 69, Name: "lstat", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "path", Type: event.TypePath},
	}},
	{ID: 75, Name: "lstat64", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "path", Type: event.TypePath},
	}},
	{ID: 405, Name: "memfd_create", Category: Memory, Flags: CreatesFD | State, Params: []Param{
		{Name: "fd", Type: event.TypeFD}, {Name: "name", Type: event.TypeString},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 277, Name: "mkdir", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "path", Type: event.TypePath},
		{Name: "mode", Type: event.TypeUint32, Print: field.Hex},
	}},
	{ID: 305, Name: "mkdirat", Category: File, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "dirfd", Type: event.TypeFD}, {Name: "path", Type: event.TypeRelPath},
		{Name: "mode", Type: event.TypeUint32, Print: field.Hex},
	}},
	{ID: 415, Name: "mknod", Category: Other, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "path", Type: event.TypePath},
		{Name: "mode", Type: event.TypeMode, Print: field.Octal}, {Name: "dev", Type: event.TypeUint32},
	}},
	{ID: 417, Name: "mknodat", Category: Other, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "dirfd", Type: event.TypeFD}, {Name: "path", Type: event.TypeRelPath},
		{Name: "mode", Type: event.TypeMode, Print: field.Octal}, {Name: "dev", Type: event.TypeUint32},
	}},
	{ID: 345, Name: "mlock", Category: Memory, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "addr", Type: event.TypeUint64, Print: field.Hex},
		{Name: "len", Type: event.TypeUint64},
	}},
	{ID: 371, Name: "mlock2", Category: Memory, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "addr", Type: event.TypeUint64, Print: field.Hex},
		{Name: "len", Type: event.TypeUint64}, {Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 349, Name: "mlockall", Category: Memory, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 161, Name: "mmap", Category: Memory, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno, Print: field.Hex}, {Name: "vm_size", Type: event.TypeUint32},
		{Name: "vm_rss", Type: event.TypeUint32}, {Name: "vm_swap", Type: event.TypeUint32},
		{Name: "addr", Type: event.TypeUint64, Print: field.Hex}, {Name: "length", Type: event.TypeUint64},
		{Name: "prot", Type: event.TypeFlags32, Print: field.Hex},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex}, {Name: "fd", Type: event.TypeFD},
		{Name: "offset", Type: event.TypeUint64},
	}},
	{ID: 163, Name: "mmap2", Category: Memory, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno, Print: field.Hex}, {Name: "vm_size", Type: event.TypeUint32},
		{Name: "vm_rss", Type: event.TypeUint32}, {Name: "vm_swap", Type: event.TypeUint32},
		{Name: "addr", Type: event.TypeUint64, Print: field.Hex}, {Name: "length", Type: event.TypeUint64},
		{Name: "prot", Type: event.TypeFlags32, Print: field.Hex},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex}, {Name: "fd", Type: event.TypeFD},
		{Name: "pgoffset", Type: event.TypeUint64},
	}},
	{ID: 257, Name: "mount", Category: File, Flags: State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "dev", Type: event.TypeString}, {Name: "dir", Type: event.TypePath},
		{Name: "type", Type: event.TypeString}, {Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 329, Name: "mprotect", Category: Memory, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "addr", Type: event.TypeUint64, Print: field.Hex},
		{Name: "length", Type: event.TypeUint64}, {Name: "prot", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 347, Name: "munlock", Category: Memory, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "addr", Type: event.TypeUint64, Print: field.Hex},
		{Name: "len", Type: event.TypeUint64},
	}},
	{ID: 351, Name: "munlockall", Category: Memory, Params: []Param{
		{Name: "res", Type: event.TypeErrno},
	}},
	{ID: 165, Name: "munmap", Category: Memory, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "vm_size", Type: event.TypeUint32},
		{Name: "vm_rss", Type: event.TypeUint32}, {Name: "vm_swap", Type: event.TypeUint32},
		{Name: "addr", Type: event.TypeUint64, Print: field.Hex}, {Name: "length", Type: event.TypeUint64},
	}},
	{ID: 135, Name: "nanosleep", Category: Sleep, Flags: Waits, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "interval", Type: event.TypeRelTime},
	}},
	{ID: 419, Name: "newfstatat", Category: File, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "dirfd", Type: event.TypeFD}, {Name: "path", Type: event.TypeRelPath},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 3, Name: "open", Category: File, Flags: CreatesFD | State, Params: []Param{
		{Name: "fd", Type: event.TypeFD}, {Name: "name", Type: event.TypePath},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex, Flags: FileFlags},
		{Name: "mode", Type: event.TypeUint32, Print: field.Octal},
		{Name: "dev", Type: event.TypeUint32, Print: field.Hex}, {Name: "ino", Type: event.TypeUint64},
	}},
	{ID: 337, Name: "open_by_handle_at", Category: File, Flags: CreatesFD | State, Params: []Param{
		{Name: "fd", Type: event.TypeFD}, {Name: "mountfd", Type: event.TypeFD},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex, Flags: FileFlags}, {Name: "path", Type: event.TypePath},
		{Name: "dev", Type: event.TypeUint32, Print: field.Hex}, {Name: "ino", Type: event.TypeUint64},
	}},
	{ID: 307, Name: "openat", Category: File, Flags: CreatesFD | State, Params: []Param{
		{Name: "fd", Type: event.TypeFD}, {Name: "dirfd", Type: event.TypeFD}, {Name: "name", Type: event.TypeRelPath},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex, Flags: FileFlags},
		{Name: "mode", Type: event.TypeUint32, Print: field.Octal},
		{Name: "dev", Type: event.TypeUint32, Print: field.Hex}, {Name: "ino", Type: event.TypeUint64},
	}},
	{ID: 327, Name: "openat2", Category: File, Flags: CreatesFD | State, Params: []Param{
		{Name: "fd", Type: event.TypeFD}, {Name: "dirfd", Type: event.TypeFD}, {Name: "name", Type: event.TypeRelPath},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex, Flags: FileFlags},
		{Name: "mode", Type: event.TypeUint32, Print: field.Octal},
		{Name: "resolve", Type: event.TypeFlags32, Print: field.Hex, Flags: ResolveFlags},
		{Name: "dev", Type: event.TypeUint32, Print: field.Hex}, {Name: "ino", Type: event.TypeUint64},
	}},
	{ID: 407, Name: "pidfd_getfd", Category: Process, Flags: CreatesFD | State, Params: []Param{
		{Name: "fd", Type: event.TypeFD}, {Name: "pid_fd", Type: event.TypeFD}, {Name: "target_fd", Type: event.TypeFD},
		{Name: "flags", Type: event.TypeUint32, Print: field.Hex},
	}},
	{ID: 409, Name: "pidfd_open", Category: Process, Flags: CreatesFD | State, Params: []Param{
		{Name: "fd", Type: event.TypeFD}, {Name: "pid", Type: event.TypePID},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 61, Name: "pipe", Category: IPC, Flags: CreatesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd1", Type: event.TypeFD}, {Name: "fd2", Type: event.TypeFD},
		{Name: "ino", Type: event.TypeUint64},
	}},
	{ID: 393, Name: "pipe2", Category: IPC, Flags: CreatesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd1", Type: event.TypeFD}, {Name: "fd2", Type: event.TypeFD},
		{Name: "ino", Type: event.TypeUint64},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex, Flags: FileFlags},
	}},
	{ID: 81, Name: "poll", Category: Wait, Flags: Waits, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fds", Type: event.TypeFDList},
		{Name: "timeout", Type: event.TypeInt64},
	}},
	{ID: 255, Name: "ppoll", Category: Wait, Flags: Waits, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fds", Type: event.TypeFDList},
		{Name: "timeout", Type: event.TypeRelTime}, {Name: "sigmask", Type: event.TypeSigSet},
	}},
	{ID: 401, Name: "prctl", Category: Process, Flags: State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "option", Type: event.TypeEnumFlags32},
		{Name: "arg2_str", Type: event.TypeString}, {Name: "arg2_int", Type: event.TypeInt64},
	}},
	{ID: 113, Name: "pread", Category: IORead, Flags: UsesFD | ReadsFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "data", Type: event.TypeBytes}, {Name: "fd", Type: event.TypeFD},
		{Name: "size", Type: event.TypeUint32}, {Name: "pos", Type: event.TypeUint64},
	}},
	{ID: 121, Name: "preadv", Category: IORead, Flags: UsesFD | ReadsFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "size", Type: event.TypeUint32},
		{Name: "data", Type: event.TypeBytes}, {Name: "fd", Type: event.TypeFD}, {Name: "pos", Type: event.TypeUint64},
	}},
	{ID: 145, Name: "prlimit", Category: Process, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "newcur", Type: event.TypeInt64},
		{Name: "newmax", Type: event.TypeInt64}, {Name: "oldcur", Type: event.TypeInt64},
		{Name: "oldmax", Type: event.TypeInt64}, {Name: "pid", Type: event.TypeInt64},
		{Name: "resource", Type: event.TypeEnumFlags8},
	}},
	{ID: 421, Name: "process_vm_readv", Category: IPC, Params: []Param{
		{Name: "res", Type: event.TypeInt64}, {Name: "pid", Type: event.TypePID}, {Name: "data", Type: event.TypeBytes},
	}},
	{ID: 423, Name: "process_vm_writev", Category: IPC, Params: []Param{
		{Name: "res", Type: event.TypeInt64}, {Name: "pid", Type: event.TypePID}, {Name: "data", Type: event.TypeBytes},
	}},
	{ID: 169, Name: "ptrace", Category: Process, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "addr", Type: event.TypeDyn, Print: field.Hex},
		{Name: "data", Type: event.TypeDyn, Print: field.Hex}, {Name: "request", Type: event.TypeEnumFlags16},
		{Name: "pid", Type: event.TypePID},
	}},
	{ID: 115, Name: "pwrite", Category: IOWrite, Flags: UsesFD | WritesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "data", Type: event.TypeBytes}, {Name: "fd", Type: event.TypeFD},
		{Name: "size", Type: event.TypeUint32}, {Name: "pos", Type: event.TypeUint64},
	}},
	{ID: 123, Name: "pwritev", Category: IOWrite, Flags: UsesFD | WritesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "data", Type: event.TypeBytes}, {Name: "fd", Type: event.TypeFD},
		{Name: "size", Type: event.TypeUint32}, {Name: "pos", Type: event.TypeUint64},
	}},
	{ID: 191, Name: "quotactl", Category: User, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "special", Type: event.TypeString},
		{Name: "quotafilepath", Type: event.TypeString}, {Name: "dqb_bhardlimit", Type: event.TypeUint64},
		{Name: "dqb_bsoftlimit", Type: event.TypeUint64}, {Name: "dqb_curspace", Type: event.TypeUint64},
		{Name: "dqb_ihardlimit", Type: event.TypeUint64}, {Name: "dqb_isoftlimit", Type: event.TypeUint64},
		{Name: "dqb_btime", Type: event.TypeRelTime}, {Name: "dqb_itime", Type: event.TypeRelTime},
		{Name: "dqi_bgrace", Type: event.TypeRelTime}, {Name: "dqi_igrace", Type: event.TypeRelTime},
		{Name: "dqi_flags", Type: event.TypeFlags8}, {Name: "quota_fmt_out", Type: event.TypeFlags8},
		{Name: "cmd", Type: event.TypeFlags16}, {Name: "type", Type: event.TypeFlags8},
		{Name: "id", Type: event.TypeUint32}, {Name: "quota_fmt", Type: event.TypeFlags8},
	}},
}

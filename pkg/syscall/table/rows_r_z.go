package table

import (
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

var rowsRZ = []Event{
	{ID: 7, Name: "read", Category: IORead, Flags: UsesFD | ReadsFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "data", Type: event.TypeBytes}, {Name: "fd", Type: event.TypeFD},
		{Name: "size", Type: event.TypeUint32},
	}},
	{ID: 117, Name: "readv", Category: IORead, Flags: UsesFD | ReadsFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "size", Type: event.TypeUint32},
		{Name: "data", Type: event.TypeBytes}, {Name: "fd", Type: event.TypeFD},
	}},
	{ID: 33, Name: "recv", Category: IORead, Flags: UsesFD | ReadsFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "data", Type: event.TypeBytes}, {Name: "fd", Type: event.TypeFD},
		{Name: "size", Type: event.TypeUint32}, {Name: "tuple", Type: event.TypeSockTuple},
	}},
	{ID: 35, Name: "recvfrom", Category: IORead, Flags: UsesFD | ReadsFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "data", Type: event.TypeBytes},
		{Name: "tuple", Type: event.TypeSockTuple}, {Name: "fd", Type: event.TypeFD},
		{Name: "size", Type: event.TypeUint32},
	}},
	{ID: 55, Name: "recvmmsg", Category: IORead, Flags: UsesFD | ReadsFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD}, {Name: "size", Type: event.TypeUint32},
		{Name: "data", Type: event.TypeBytes}, {Name: "tuple", Type: event.TypeSockTuple},
		{Name: "msgcontrol", Type: event.TypeBytes},
	}},
	{ID: 53, Name: "recvmsg", Category: IORead, Flags: UsesFD | ReadsFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "size", Type: event.TypeUint32},
		{Name: "data", Type: event.TypeBytes}, {Name: "tuple", Type: event.TypeSockTuple},
		{Name: "msgcontrol", Type: event.TypeBytes}, {Name: "fd", Type: event.TypeFD},
	}},
	{ID: 175, Name: "rename", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "oldpath", Type: event.TypePath},
		{Name: "newpath", Type: event.TypePath},
	}},
	{ID: 177, Name: "renameat", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "olddirfd", Type: event.TypeFD},
		{Name: "oldpath", Type: event.TypeRelPath}, {Name: "newdirfd", Type: event.TypeFD},
		{Name: "newpath", Type: event.TypeRelPath},
	}},
	{ID: 319, Name: "renameat2", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "olddirfd", Type: event.TypeFD},
		{Name: "oldpath", Type: event.TypeRelPath}, {Name: "newdirfd", Type: event.TypeFD},
		{Name: "newpath", Type: event.TypeRelPath}, {Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 279, Name: "rmdir", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "path", Type: event.TypePath},
	}},
	{ID: 299, Name: "seccomp", Category: Other, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "op", Type: event.TypeUint64},
		{Name: "flags", Type: event.TypeUint64, Print: field.Hex},
	}},
	{ID: 83, Name: "select", Category: Wait, Flags: Waits, Params: []Param{
		{Name: "res", Type: event.TypeErrno},
	}},
	{ID: 253, Name: "semctl", Category: Process, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "semid", Type: event.TypeInt32},
		{Name: "semnum", Type: event.TypeInt32}, {Name: "cmd", Type: event.TypeFlags16, Print: field.Hex},
		{Name: "val", Type: event.TypeInt32},
	}},
	{ID: 263, Name: "semget", Category: Process, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "key", Type: event.TypeInt32, Print: field.Hex},
		{Name: "nsems", Type: event.TypeInt32}, {Name: "semflg", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 251, Name: "semop", Category: Process, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "nsops", Type: event.TypeUint32},
		{Name: "sem_num_0", Type: event.TypeUint16}, {Name: "sem_op_0", Type: event.TypeInt16},
		{Name: "sem_flg_0", Type: event.TypeFlags16, Print: field.Hex}, {Name: "sem_num_1", Type: event.TypeUint16},
		{Name: "sem_op_1", Type: event.TypeInt16}, {Name: "sem_flg_1", Type: event.TypeFlags16, Print: field.Hex},
		{Name: "semid", Type: event.TypeInt32},
	}},
	{ID: 29, Name: "send", Category: IOWrite, Flags: UsesFD | WritesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "data", Type: event.TypeBytes}, {Name: "fd", Type: event.TypeFD},
		{Name: "size", Type: event.TypeUint32}, {Name: "tuple", Type: event.TypeSockTuple},
	}},
	{ID: 189, Name: "sendfile", Category: IOWrite, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "offset", Type: event.TypeUint64},
		{Name: "out_fd", Type: event.TypeFD}, {Name: "in_fd", Type: event.TypeFD}, {Name: "size", Type: event.TypeUint64},
	}},
	{ID: 51, Name: "sendmmsg", Category: IOWrite, Flags: UsesFD | WritesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD}, {Name: "size", Type: event.TypeUint32},
		{Name: "data", Type: event.TypeBytes}, {Name: "tuple", Type: event.TypeSockTuple},
	}},
	{ID: 49, Name: "sendmsg", Category: IOWrite, Flags: UsesFD | WritesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "data", Type: event.TypeBytes}, {Name: "fd", Type: event.TypeFD},
		{Name: "size", Type: event.TypeUint32}, {Name: "tuple", Type: event.TypeSockTuple},
	}},
	{ID: 31, Name: "sendto", Category: IOWrite, Flags: UsesFD | WritesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "data", Type: event.TypeBytes}, {Name: "fd", Type: event.TypeFD},
		{Name: "size", Type: event.TypeUint32}, {Name: "tuple", Type: event.TypeSockTuple},
	}},
	{ID: 201, Name: "setgid", Category: User, Flags: State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "gid", Type: event.TypeGID},
	}},
	{ID: 241, Name: "setns", Category: Process, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD},
		{Name: "nstype", Type: event.TypeFlags32, Print: field.Hex, Flags: CloneFlags},
	}},
	{ID: 295, Name: "setpgid", Category: Process, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "pid", Type: event.TypePID}, {Name: "pgid", Type: event.TypePID},
	}},
	{ID: 429, Name: "setregid", Category: User, Flags: State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "rgid", Type: event.TypeUID}, {Name: "egid", Type: event.TypeUID},
	}},
	{ID: 195, Name: "setresgid", Category: User, Flags: State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "rgid", Type: event.TypeGID}, {Name: "egid", Type: event.TypeGID},
		{Name: "sgid", Type: event.TypeGID},
	}},
	{ID: 193, Name: "setresuid", Category: User, Flags: State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "ruid", Type: event.TypeUID}, {Name: "euid", Type: event.TypeUID},
		{Name: "suid", Type: event.TypeUID},
	}},
	{ID: 427, Name: "setreuid", Category: User, Flags: State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "ruid", Type: event.TypeUID}, {Name: "euid", Type: event.TypeUID},
	}},
	{ID: 143, Name: "setrlimit", Category: Process, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "cur", Type: event.TypeInt64}, {Name: "max", Type: event.TypeInt64},
		{Name: "resource", Type: event.TypeEnumFlags8},
	}},
	{ID: 275, Name: "setsid", Category: Process, Flags: State, Params: []Param{
		{Name: "res", Type: event.TypePID},
	}},
	{ID: 45, Name: "setsockopt", Category: Net, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD},
		{Name: "level", Type: event.TypeEnumFlags8}, {Name: "optname", Type: event.TypeEnumFlags8},
		{Name: "val", Type: event.TypeDyn}, {Name: "optlen", Type: event.TypeUint32},
	}},
	{ID: 199, Name: "setuid", Category: User, Flags: State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "uid", Type: event.TypeUID},
	}},
	{ID: 37, Name: "shutdown", Category: Net, Flags: UsesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd", Type: event.TypeFD},
		{Name: "how", Type: event.TypeEnumFlags8, Print: field.Hex},
	}},
	{ID: 127, Name: "signalfd", Category: Signal, Flags: CreatesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeFD}, {Name: "fd", Type: event.TypeFD},
		{Name: "mask", Type: event.TypeUint32, Print: field.Hex}, {Name: "flags", Type: event.TypeUint8, Print: field.Hex},
	}},
	{ID: 399, Name: "signalfd4", Category: Signal, Flags: CreatesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeFD}, {Name: "flags", Type: event.TypeFlags16, Print: field.Hex, Flags: FileFlags},
		{Name: "fd", Type: event.TypeFD}, {Name: "mask", Type: event.TypeUint32, Print: field.Hex},
	}},
	{ID: 19, Name: "socket", Category: Net, Flags: CreatesFD | State, Params: []Param{
		{Name: "fd", Type: event.TypeFD}, {Name: "domain", Type: event.TypeEnumFlags32, Flags: SocketFamilies},
		{Name: "type", Type: event.TypeUint32}, {Name: "proto", Type: event.TypeUint32},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex, Flags: FileFlags},
	}},
	{ID: 43, Name: "socketpair", Category: IPC, Flags: CreatesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd1", Type: event.TypeFD}, {Name: "fd2", Type: event.TypeFD},
		{Name: "source", Type: event.TypeUint64, Print: field.Hex},
		{Name: "peer", Type: event.TypeUint64, Print: field.Hex},
		{Name: "domain", Type: event.TypeEnumFlags32, Flags: SocketFamilies}, {Name: "type", Type: event.TypeUint32},
		{Name: "proto", Type: event.TypeUint32},
	}},
	{ID: 167, Name: "splice", Category: IOOther, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "fd_in", Type: event.TypeFD}, {Name: "fd_out", Type: event.TypeFD},
		{Name: "size", Type: event.TypeUint64}, {Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 67, Name: "stat", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "path", Type: event.TypePath},
	}},
	{ID: 73, Name: "stat64", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "path", Type: event.TypePath},
	}},
	{ID: 179, Name: "symlink", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "target", Type: event.TypeString},
		{Name: "linkpath", Type: event.TypePath},
	}},
	{ID: 181, Name: "symlinkat", Category: File, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "target", Type: event.TypeString},
		{Name: "linkdirfd", Type: event.TypeFD}, {Name: "linkpath", Type: event.TypeRelPath},
	}},
	{ID: 1, Name: "syscall", Category: Other, Params: []Param{
		{Name: "ID", Type: event.TypeSyscallID}, {Name: "nativeID", Type: event.TypeUint16},
	}},
	{ID: 133, Name: "tgkill", Category: Signal, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "pid", Type: event.TypePID}, {Name: "tid", Type: event.TypePID},
		{Name: "sig", Type: event.TypeSigType},
	}},
	{ID: 137, Name: "timerfd_create", Category: Time, Flags: CreatesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeFD}, {Name: "clockid", Type: event.TypeUint8},
		{Name: "flags", Type: event.TypeUint8, Print: field.Hex},
	}},
	{ID: 131, Name: "tkill", Category: Signal, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "tid", Type: event.TypePID}, {Name: "sig", Type: event.TypeSigType},
	}},
	{ID: 387, Name: "umount", Category: File, Flags: State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "name", Type: event.TypePath},
	}},
	{ID: 391, Name: "umount2", Category: File, Flags: State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "name", Type: event.TypePath},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 301, Name: "unlink", Category: File, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "path", Type: event.TypePath},
	}},
	{ID: 303, Name: "unlinkat", Category: File, Flags: UsesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "dirfd", Type: event.TypeFD}, {Name: "name", Type: event.TypeRelPath},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex},
	}},
	{ID: 285, Name: "unshare", Category: Process, Params: []Param{
		{Name: "res", Type: event.TypeErrno},
		{Name: "flags", Type: event.TypeFlags32, Print: field.Hex, Flags: CloneFlags},
	}},
	{ID: 321, Name: "userfaultfd", Category: File, Flags: CreatesFD | State, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "flags", Type: event.TypeFlags32, Print: field.Hex, Flags: FileFlags},
	}},
	{ID: 227, Name: "vfork", Category: Process, Flags: State, Params: cloneParams},
	{ID: 9, Name: "write", Category: IOWrite, Flags: UsesFD | WritesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "data", Type: event.TypeBytes}, {Name: "fd", Type: event.TypeFD},
		{Name: "size", Type: event.TypeUint32},
	}},
	{ID: 119, Name: "writev", Category: IOWrite, Flags: UsesFD | WritesFD, Params: []Param{
		{Name: "res", Type: event.TypeErrno}, {Name: "data", Type: event.TypeBytes}, {Name: "fd", Type: event.TypeFD},
		{Name: "size", Type: event.TypeUint32},
	}},
}

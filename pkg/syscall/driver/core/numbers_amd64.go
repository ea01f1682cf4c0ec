//go:build linux

package core

import "golang.org/x/sys/unix"

// nativeNumbers are the system call numbers of 64-bit programs.
var nativeNumbers = map[string][]uint32{
	"open": {unix.SYS_OPEN}, "openat": {unix.SYS_OPENAT}, "openat2": {unix.SYS_OPENAT2}, "creat": {unix.SYS_CREAT},
	"close": {unix.SYS_CLOSE}, "connect": {unix.SYS_CONNECT},
	"execve": {unix.SYS_EXECVE}, "execveat": {unix.SYS_EXECVEAT},
	"chdir": {unix.SYS_CHDIR}, "fchdir": {unix.SYS_FCHDIR}, "chroot": {unix.SYS_CHROOT},
	"setsid": {unix.SYS_SETSID}, "setpgid": {unix.SYS_SETPGID},
	"setuid": {unix.SYS_SETUID}, "setreuid": {unix.SYS_SETREUID}, "setresuid": {unix.SYS_SETRESUID},
	"setgid": {unix.SYS_SETGID}, "setregid": {unix.SYS_SETREGID}, "setresgid": {unix.SYS_SETRESGID},
}

// compatNumbers are those of 32-bit programs (i386); ids have a call of 16 and one of 32 bits. Programs of old C
// libraries connect through socketcall, which is not in the table.
var compatNumbers = map[string][]uint32{
	"open": {5}, "openat": {295}, "openat2": {437}, "creat": {8},
	"close": {6}, "connect": {362},
	"execve": {11}, "execveat": {358},
	"chdir": {12}, "fchdir": {133}, "chroot": {61},
	"setsid": {66}, "setpgid": {57},
	"setuid": {23, 213}, "setreuid": {70, 203}, "setresuid": {164, 208},
	"setgid": {46, 214}, "setregid": {71, 204}, "setresgid": {170, 210},
}

//go:build linux

package core

import "golang.org/x/sys/unix"

// nativeNumbers are the system call numbers of 64-bit programs; there is no open and no creat.
var nativeNumbers = map[string][]uint32{
	"openat": {unix.SYS_OPENAT}, "openat2": {unix.SYS_OPENAT2},
	"close": {unix.SYS_CLOSE}, "connect": {unix.SYS_CONNECT},
	"execve": {unix.SYS_EXECVE}, "execveat": {unix.SYS_EXECVEAT},
	"chdir": {unix.SYS_CHDIR}, "fchdir": {unix.SYS_FCHDIR}, "chroot": {unix.SYS_CHROOT},
	"setsid": {unix.SYS_SETSID}, "setpgid": {unix.SYS_SETPGID},
	"setuid": {unix.SYS_SETUID}, "setreuid": {unix.SYS_SETREUID}, "setresuid": {unix.SYS_SETRESUID},
	"setgid": {unix.SYS_SETGID}, "setregid": {unix.SYS_SETREGID}, "setresgid": {unix.SYS_SETRESGID},
}

// compatNumbers are those of 32-bit programs (arm EABI); ids have a call of 16 and one of 32 bits.
var compatNumbers = map[string][]uint32{
	"open": {5}, "openat": {322}, "openat2": {437}, "creat": {8},
	"close": {6}, "connect": {283},
	"execve": {11}, "execveat": {387},
	"chdir": {12}, "fchdir": {133}, "chroot": {61},
	"setsid": {66}, "setpgid": {57},
	"setuid": {23, 213}, "setreuid": {70, 203}, "setresuid": {164, 208},
	"setgid": {46, 214}, "setregid": {71, 204}, "setresgid": {170, 210},
}

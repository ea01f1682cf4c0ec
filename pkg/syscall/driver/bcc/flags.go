//go:build bcc

package bcc

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Bits of the flags parameter of the open calls, Falco's own numbers.
const (
	flagRdonly    = 1 << 0
	flagWronly    = 1 << 1
	flagCreat     = 1 << 2
	flagAppend    = 1 << 3
	flagDsync     = 1 << 4
	flagExcl      = 1 << 5
	flagNonblock  = 1 << 6
	flagSync      = 1 << 7
	flagTrunc     = 1 << 8
	flagDirect    = 1 << 9
	flagDirectory = 1 << 10
	flagLargefile = 1 << 11
	flagCloexec   = 1 << 12
	flagTmpfile   = 1 << 13
	flagCreated   = 1 << 14
)

// largefile is the kernel's O_LARGEFILE, which x/sys/unix has as 0 where Go programs have no need of it.
var largefile = map[string]uint64{"amd64": 0o100000, "arm64": 0o400000}[runtime.GOARCH]

var openBits = []struct {
	kernel uint64
	flag   uint32
}{
	{unix.O_CREAT, flagCreat}, {unix.O_APPEND, flagAppend}, {unix.O_EXCL, flagExcl}, {unix.O_NONBLOCK, flagNonblock},
	{unix.O_TRUNC, flagTrunc}, {unix.O_DIRECT, flagDirect}, {unix.O_DIRECTORY, flagDirectory},
	{unix.O_CLOEXEC, flagCloexec}, {unix.O_DSYNC, flagDsync}, {unix.O_TMPFILE &^ unix.O_DIRECTORY, flagTmpfile}, {largefile, flagLargefile},
}

// openFlags translates the kernel's O_ flags. O_SYNC contains O_DSYNC's bit.
func openFlags(kernel uint64) uint32 {
	out := uint32(flagRdonly)
	switch kernel & unix.O_ACCMODE {
	case unix.O_WRONLY:
		out = flagWronly
	case unix.O_RDWR:
		out = flagRdonly | flagWronly
	}
	for _, b := range openBits {
		if kernel&b.kernel != 0 {
			out |= b.flag
		}
	}
	if kernel&unix.O_SYNC == unix.O_SYNC {
		out |= flagSync
	}
	return out
}

// resolveCached is RESOLVE_CACHED of openat2(2), which x/sys/unix does not have.
const resolveCached = 0x20

var resolveBits = []struct {
	kernel uint64
	flag   uint32
}{
	{unix.RESOLVE_BENEATH, 1 << 0}, {unix.RESOLVE_IN_ROOT, 1 << 1}, {unix.RESOLVE_NO_MAGICLINKS, 1 << 2},
	{unix.RESOLVE_NO_SYMLINKS, 1 << 3}, {unix.RESOLVE_NO_XDEV, 1 << 4}, {resolveCached, 1 << 5},
}

// resolveFlags translates the RESOLVE_ flags of openat2.
func resolveFlags(kernel uint64) uint32 {
	var out uint32
	for _, b := range resolveBits {
		if kernel&b.kernel != 0 {
			out |= b.flag
		}
	}
	return out
}

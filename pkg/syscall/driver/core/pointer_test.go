//go:build linux && (amd64 || arm64)

package core

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// execveat is for calls that fail: it comes back.
func execveat(t *testing.T, dir int, path, arg string) {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		t.Error(err)
		return
	}
	a, err := unix.BytePtrFromString(arg)
	if err != nil {
		t.Error(err)
		return
	}
	argv := []*byte{a, nil}
	_, _, _ = unix.Syscall6(unix.SYS_EXECVEAT, uintptr(dir), uintptr(unsafe.Pointer(p)),
		uintptr(unsafe.Pointer(&argv[0])), 0, 0, 0)
}

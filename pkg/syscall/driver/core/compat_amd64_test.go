//go:build linux

package core

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCompat runs a 32-bit program: its numbers, registers and pointers are others, its events must be the same.
func TestCompat(t *testing.T) {
	d := sensor(t, typeOpen)
	s := events(t, d)
	file := filepath.Join(t.TempDir(), "program32")
	if err := os.WriteFile(file, program32(), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(file)
	err := cmd.Run()
	if errors.Is(err, unix.ENOEXEC) {
		t.Skip("this kernel runs no 32-bit programs")
	}
	if err != nil {
		t.Fatal(err)
	}
	g := s.find(of(typeOpen, cmd.Process.Pid))
	if g.number(0) != -int64(unix.ENOENT) || g.text(1) != "/no/32" || g.number(2) != oWRONLY {
		t.Errorf("open: %q", g.params)
	}
	g = s.find(of(typeExecve, cmd.Process.Pid))
	if g.number(execRes) != -int64(unix.ENOENT) || g.text(execFilename) != "/no/32" || g.text(execExe) != "zero" ||
		g.text(execArgs) != "one" || len(g.params[execEnv]) != 0 || g.text(execTrustedPath) != file {
		t.Errorf("failed execve: %q", g.params)
	}
}

// program32 is an ELF program for i386: open("/no/32", O_WRONLY), execve("/no/32", {"zero", "one"}, NULL), exit(0).
func program32() []byte {
	const base, header, data = 0x08048000, 84, 84 + 64
	le := binary.LittleEndian
	const path, zero, one, argv = base + data, base + data + 8, base + data + 16, base + data + 24

	b := []byte{0x7f, 'E', 'L', 'F', 1, 1, 1, 15: 0}
	b = le.AppendUint16(b, 2) // executable
	b = le.AppendUint16(b, 3) // i386
	for _, v := range []uint32{1, base + header, 52, 0, 0} {
		b = le.AppendUint32(b, v)
	}
	for _, v := range []uint16{52, 32, 1, 0, 0, 0} {
		b = le.AppendUint16(b, v)
	}
	const size, readExecute = data + 64, 5
	for _, v := range []uint32{1, 0, base, base, size, size, readExecute, 0x1000} {
		b = le.AppendUint32(b, v)
	}
	// mov eax/ebx/ecx/edx, value; int 0x80
	call := func(number, first, second uint32) {
		for i, v := range []uint32{number, first, second, 0} {
			b = le.AppendUint32(append(b, []byte{0xb8, 0xbb, 0xb9, 0xba}[i]), v)
		}
		b = append(b, 0xcd, 0x80)
	}
	call(5, path, unix.O_WRONLY)
	call(11, path, argv)
	b = append(b, 0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80) // mov eax, 1; xor ebx, ebx; int 0x80
	b = append(b, make([]byte, data-len(b))...)
	b = append(b, "/no/32\x00\x00zero\x00\x00\x00\x00one\x00\x00\x00\x00\x00"...)
	for _, v := range []uint32{zero, one, 0} {
		b = le.AppendUint32(b, v)
	}
	return append(b, make([]byte, size-len(b))...)
}

//go:build bcc

package bcc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/syscall/wire"
)

// Event types.
const (
	typeOpen     = 3
	typeConnect  = 23
	typeChdir    = 95
	typeFchdir   = 97
	typeProcexit = 186
	typeClone    = 223
	typeExecve   = 293
	typeOpenat   = 307
	typeOpenat2  = 327
	typeExecveat = 331
)

// Sections of a record, in the order of the C text.
const (
	secTask = iota
	secArgs
	secEnv
	secCgroupMemory
	secCgroupUnified
	secCwd
	secExe
	secPath
	sections

	secAddr = secArgs
	secSock = secTask
)

// headSize is the size of the fixed part of a record.
const headSize = 104

var errRecord = errors.New("malformed record")

// raw is a record of the C text, taken apart.
type raw struct {
	time     int64
	tid, pid int64
	typ      uint16
	res      int64
	arg      [4]int64
	extra    [3]uint64
	sec      [sections][]byte
}

func (r *raw) decode(b []byte) error {
	if len(b) < headSize {
		return fmt.Errorf("%w: %d bytes, the head alone has %d", errRecord, len(b), headSize)
	}
	le := binary.LittleEndian
	r.time = int64(le.Uint64(b))
	r.tid, r.pid = int64(int32(le.Uint32(b[8:]))), int64(int32(le.Uint32(b[12:])))
	r.typ = le.Uint16(b[16:])
	r.res = int64(le.Uint64(b[40:]))
	for i := range r.arg {
		r.arg[i] = int64(le.Uint64(b[48+8*i:]))
	}
	for i := range r.extra {
		r.extra[i] = le.Uint64(b[80+8*i:])
	}
	data := b[headSize:]
	for i := range r.sec {
		n := int(le.Uint16(b[18+2*i:]))
		if n > len(data) {
			return fmt.Errorf("%w: section %d of type %d has %d bytes, %d are left", errRecord, i, r.typ, n, len(data))
		}
		r.sec[i], data = data[:n:n], data[n:]
	}
	return nil
}

// appendFrame turns a record into a frame.
func appendFrame(frame, record []byte, cpu int, epoch time.Duration) ([]byte, error) {
	var r raw
	if err := r.decode(record); err != nil {
		return nil, err
	}
	h := wire.Header{CPU: uint16(cpu), Time: r.time + int64(epoch), Thread: r.tid, Type: r.typ}
	switch r.typ {
	case typeOpen, typeOpenat, typeOpenat2:
		return wire.Append(frame, h, r.open()...), nil
	case typeConnect:
		return wire.Append(frame, h, r.connect()...), nil
	case typeChdir:
		return wire.Append(frame, h, i64(r.res), r.path()), nil
	case typeFchdir:
		return wire.Append(frame, h, i64(r.res), i64(r.arg[0])), nil
	case typeProcexit:
		return wire.Append(frame, h, r.exit()...), nil
	case typeClone, typeExecve, typeExecveat:
		return r.appendTask(frame, h)
	}
	return nil, fmt.Errorf("%w: type %d", errRecord, r.typ)
}

// path is the text that the call was given.
func (r *raw) path() []byte { return text(r.sec[secPath]) }

// text ends what was read at its first NUL; without a NUL it has no value.
func text(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i+1]
	}
	return nil
}

// open gives fd, dirfd (not for open), name, flags, mode, resolve (only for openat2), dev, ino.
func (r *raw) open() [][]byte {
	flags := openFlags(uint64(r.arg[1]))
	mode := uint32(r.arg[2]) & 0o7777
	if flags&(flagCreat|flagTmpfile) == 0 {
		mode = 0 // the kernel does not look at it
	}
	if r.res >= 0 && r.extra[2] != 0 {
		flags |= flagCreated
	}
	p := [][]byte{i64(r.res)}
	if r.typ != typeOpen {
		p = append(p, i64(r.arg[0]))
	}
	p = append(p, r.path(), u32(flags), u32(mode))
	if r.typ == typeOpenat2 {
		p = append(p, u32(resolveFlags(uint64(r.arg[3]))))
	}
	return append(p, u32(uint32(r.extra[0])), u64(r.extra[1]))
}

// exit gives status, ret, sig, core and no reaper_tid.
func (r *raw) exit() [][]byte {
	status := unix.WaitStatus(r.res)
	ret, sig := int64(0), int64(0)
	if status.Exited() {
		ret = int64(status.ExitStatus())
	}
	if status.Signaled() {
		sig = int64(status.Signal())
	}
	core := byte(0)
	if status.CoreDump() {
		core = 1
	}
	return [][]byte{i64(r.res), i64(ret), {byte(sig)}, {core}, nil}
}

// names joins the names of a path, NUL-terminated and from its leaf to its root, into a text. The root's own name is
// empty; a path without one, as a memfd has, does not begin with a slash.
func names(b []byte) []byte {
	if len(b) == 0 || b[len(b)-1] != 0 {
		return nil
	}
	parts := bytes.Split(b[:len(b)-1], []byte{0})
	slices.Reverse(parts)
	if len(parts) == 1 && len(parts[0]) == 0 {
		return []byte("/\x00")
	}
	return append(bytes.Join(parts, []byte{'/'}), 0)
}

func i64(v int64) []byte  { return binary.LittleEndian.AppendUint64(nil, uint64(v)) }
func u64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
func u32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

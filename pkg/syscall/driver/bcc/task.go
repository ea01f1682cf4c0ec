//go:build bcc

package bcc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"

	"github.com/saker-security/saker/pkg/syscall/wire"
)

// Numbers known of a task, in the order of the C text. The first says by its bits which of the others were read.
const (
	taskPresent = iota
	taskPtid
	taskFdlimit
	taskMajflt
	taskMinflt
	taskVMPages
	taskTTY
	taskVpgid
	taskLoginuid
	taskCapInheritable
	taskCapPermitted
	taskCapEffective
	taskExeIno
	taskExeCtimeSec
	taskExeCtimeNsec
	taskExeMtimeSec
	taskExeMtimeNsec
	taskUID
	taskPgid
	taskGID
	taskVtid
	taskVpid
	taskCloneFlags
	taskNumbers

	commSize = 16
	taskSize = 8*taskNumbers + commSize
)

var pageKiB = uint64(os.Getpagesize()) / 1024

// A task is what a record says about one.
type task []byte

func (t task) has(i int) bool   { return t.num(taskPresent)>>i&1 != 0 }
func (t task) num(i int) uint64 { return binary.LittleEndian.Uint64(t[8*i:]) }

func (t task) u64(i int) []byte {
	if !t.has(i) {
		return nil
	}
	return u64(t.num(i))
}

func (t task) u32(i int) []byte {
	if !t.has(i) {
		return nil
	}
	return u32(uint32(t.num(i)))
}

// nanoseconds joins the two halves of a time.
func (t task) nanoseconds(sec, nsec int) []byte {
	if !t.has(sec) || !t.has(nsec) {
		return nil
	}
	return u64(t.num(sec)*1e9 + t.num(nsec))
}

func (t task) vmSize() []byte {
	if !t.has(taskVMPages) {
		return nil
	}
	return u32(uint32(t.num(taskVMPages) * pageKiB))
}

// appendTask makes the frame of clone, execve or execveat. The first 15 parameters are the same for all.
func (r *raw) appendTask(frame []byte, h wire.Header) ([]byte, error) {
	if len(r.sec[secTask]) != taskSize {
		return nil, fmt.Errorf("%w: a task of %d bytes, want %d", errRecord, len(r.sec[secTask]), taskSize)
	}
	t := task(r.sec[secTask])
	exe, args := splitArgs(r.sec[secArgs])
	p := [][]byte{
		i64(r.res), exe, args, i64(r.tid), i64(r.pid), t.u64(taskPtid), names(r.sec[secCwd]),
		t.u64(taskFdlimit), t.u64(taskMajflt), t.u64(taskMinflt), t.vmSize(), nil, nil,
		text(t[8*taskNumbers:]), r.cgroups(),
	}
	if r.typ == typeClone {
		p = append(p, t.u32(taskCloneFlags), t.u32(taskUID), t.u32(taskGID), t.u64(taskVtid), t.u64(taskVpid), nil)
		return wire.Append(frame, h, p...), nil
	}
	p = append(p, whole(r.sec[secEnv]), t.u32(taskTTY), t.u64(taskVpgid), t.u32(taskLoginuid), nil,
		t.u64(taskCapInheritable), t.u64(taskCapPermitted), t.u64(taskCapEffective),
		t.u64(taskExeIno), t.nanoseconds(taskExeCtimeSec, taskExeCtimeNsec), t.nanoseconds(taskExeMtimeSec, taskExeMtimeNsec),
		t.u32(taskUID), names(r.sec[secExe]), t.u64(taskPgid), t.u32(taskGID))
	if r.typ == typeExecve {
		p = append(p, r.path())
	}
	return wire.Append(frame, h, p...), nil
}

// cgroups is a list of controller=path. The unified hierarchy (cgroup v2) is named only when it tells more than the
// memory controller, which may be in a hierarchy of its own or not be enabled down to the task's own cgroup.
func (r *raw) cgroups() []byte {
	var out []byte
	memory, unified := names(r.sec[secCgroupMemory]), names(r.sec[secCgroupUnified])
	if memory != nil {
		out = append(append(out, "memory="...), memory...)
	}
	if unified != nil && (memory == nil || !bytes.Equal(unified, memory) && string(unified) != "/\x00") {
		out = append(append(out, "unified="...), unified...)
	}
	return out
}

// splitArgs parts the program's name for itself from its other arguments.
func splitArgs(b []byte) (exe, args []byte) {
	b = whole(b)
	i := bytes.IndexByte(b, 0)
	if i < 0 {
		return nil, nil
	}
	return b[:i+1], b[i+1:]
}

// whole ends a list of texts that was cut in the middle of one.
func whole(b []byte) []byte {
	if len(b) == 0 || b[len(b)-1] == 0 {
		return b
	}
	return append(b, 0)
}

//go:build linux && (amd64 || arm64)

package core

import (
	"fmt"
	"slices"
)

// Event types that do not come from a row: the tracepoints of tasks and programs send them.
const (
	typeProcexit = 186
	typeClone    = 223
	typeExecve   = 293
)

// source is one system call that the sensor understands: what the kernel side writes for it.
type source struct {
	name string
	// event is the type id of the event table.
	event uint16
	// process marks what the process table needs: it is always on.
	process bool
	// exec is 1 + the index of the filename argument for the calls whose success the exec tracepoint sends.
	exec   uint8
	params []sensorParam
	// directory is which directory the event carries as one parameter more.
	directory sensorDirectory
}

func param(kind sensorParamKind, arg uint8) sensorParam {
	return sensorParam{Kind: uint8(kind), Arg: arg}
}

// word is the value in word n of the structure that argument arg points to.
func word(kind sensorParamKind, arg, n uint8) sensorParam {
	return sensorParam{Kind: uint8(kind), Arg: arg, Memory: n + 1}
}

func fd(arg uint8) sensorParam       { return param(sensorParamKindKIND_FD, arg) }
func text(arg uint8) sensorParam     { return param(sensorParamKindKIND_TEXT, arg) }
func u32(arg uint8) sensorParam      { return param(sensorParamKindKIND_UINT32, arg) }
func flags(arg uint8) sensorParam    { return param(sensorParamKindKIND_OPEN_FLAGS, arg) }
func mode(arg uint8) sensorParam     { return param(sensorParamKindKIND_OPEN_MODE, arg) }
func sockaddr(arg uint8) sensorParam { return param(sensorParamKindKIND_SOCKADDR, arg) }
func tuple(arg uint8) sensorParam    { return param(sensorParamKindKIND_TUPLE, arg) }

var (
	result = param(sensorParamKindKIND_RESULT, 0)
	device = param(sensorParamKindKIND_DEVICE, 0)
	inode  = param(sensorParamKindKIND_INODE, 0)
	layer  = param(sensorParamKindKIND_CREAT_LAYER, 0)
)

// Short names of the directories.
const (
	ofFD    = sensorDirectoryDIRECTORY_OF_FD
	ofTask  = sensorDirectoryDIRECTORY_OF_TASK
	entered = sensorDirectoryDIRECTORY_ENTERED
)

// sources is the table of system calls; another call is another row here and its numbers in numbers_*.go.
var sources = []source{
	{name: "open", event: 3, directory: ofTask, params: []sensorParam{result, text(0), flags(1), mode(2), device, inode}},
	{name: "close", event: 5, params: []sensorParam{result, fd(0)}},
	{name: "connect", event: 23, params: []sensorParam{result, tuple(0), fd(0), sockaddr(1)}},
	{name: "creat", event: 59, directory: ofTask, params: []sensorParam{result, text(0), u32(1), device, inode, layer}},
	{name: "chdir", event: 95, process: true, directory: entered, params: []sensorParam{result, text(0)}},
	{name: "fchdir", event: 97, process: true, directory: entered, params: []sensorParam{result, fd(0)}},
	{name: "setresuid", event: 193, process: true, params: []sensorParam{result, u32(0), u32(1), u32(2)}},
	{name: "setresgid", event: 195, process: true, params: []sensorParam{result, u32(0), u32(1), u32(2)}},
	{name: "setuid", event: 199, process: true, params: []sensorParam{result, u32(0)}},
	{name: "setgid", event: 201, process: true, params: []sensorParam{result, u32(0)}},
	{name: "chroot", event: 267, process: true, params: []sensorParam{result, text(0)}},
	{name: "setsid", event: 275, process: true, params: []sensorParam{result}},
	{name: "execve", event: typeExecve, process: true, exec: 1, params: make([]sensorParam, 31)},
	{name: "setpgid", event: 295, process: true, params: []sensorParam{result, fd(0), fd(1)}},
	{name: "openat", event: 307, directory: ofFD, params: []sensorParam{result, fd(0), text(1), flags(2), mode(3), device, inode}},
	{name: "openat2", event: 327, directory: ofFD, params: []sensorParam{
		result, fd(0), text(1), word(sensorParamKindKIND_OPEN_FLAGS, 2, 0), word(sensorParamKindKIND_OPEN_MODE, 2, 1),
		word(sensorParamKindKIND_RESOLVE, 2, 2), device, inode,
	}},
	{name: "execveat", event: 331, process: true, exec: 2, params: make([]sensorParam, 30)},
	{name: "setreuid", event: 427, process: true, params: []sensorParam{result, u32(0), u32(1)}},
	{name: "setregid", event: 429, process: true, params: []sensorParam{result, u32(0), u32(1)}},
}

// Types lists the event types that this driver can send, in ascending order. Types that Options ask for and that are
// not among them never come.
func Types() []uint16 {
	types := []uint16{typeProcexit, typeClone}
	for _, s := range sources {
		types = append(types, s.event)
	}
	slices.Sort(types)
	return types
}

// tableOf makes the table of the kernel side, by system call number, for the wanted event types and those that the
// process table needs. It returns the event types that are on, too.
func tableOf(wanted []uint16) (map[uint32]sensorRow, []uint16, error) {
	out := make(map[uint32]sensorRow)
	on := []uint16{typeProcexit, typeClone}
	for _, s := range sources {
		if !s.process && !slices.Contains(wanted, s.event) {
			continue
		}
		c, err := s.call()
		if err != nil {
			return nil, nil, err
		}
		for _, n := range nativeNumbers[s.name] {
			r := out[n]
			r.Native = c
			out[n] = r
		}
		for _, n := range compatNumbers[s.name] {
			r := out[n]
			r.Compat = c
			out[n] = r
		}
		on = append(on, s.event)
	}
	return out, on, nil
}

func (s source) call() (sensorCall, error) {
	c := sensorCall{Type: s.event, Params: uint8(len(s.params)), Exec: s.exec, Directory: uint8(s.directory)}
	if s.exec == 0 && copy(c.Param[:], s.params) < len(s.params) {
		return c, fmt.Errorf("row of %s has %d parameters, at most %d fit", s.name, len(s.params), len(c.Param))
	}
	return c, nil
}

// Package syscalltest makes frames by hand, for tests of what reads them: events with their parameters by name.
package syscalltest

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall/table"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

// Params are parameters by name. Texts are strings, numbers ints, lists of texts []string, a SOCKTUPLE is a Tuple, a
// SOCKADDR a netip.AddrPort or (unix) a string, a FDLIST the numbers of descriptors as []int. What is not given has no
// value.
type Params map[string]any

// Tuple is the two ends of a connection, or with Path a unix one.
type Tuple struct {
	Source, Target netip.AddrPort
	Path           string
}

// Frame makes the frame of the newest version of the named event. It panics when a parameter does not exist or has a
// type that does not fit, which is a defect of the test.
func Frame(name string, time, thread int64, params Params) []byte {
	rows := table.ByName(name)
	if len(rows) == 0 {
		panic(fmt.Sprintf("no event %s", name))
	}
	row := rows[len(rows)-1]
	encoded := make([][]byte, len(row.Params))
	left := len(params)
	for i := range row.Params {
		if v, ok := params[row.Params[i].Name]; ok {
			encoded[i] = encode(&row.Params[i], v)
			left--
		}
	}
	if left != 0 {
		panic(fmt.Sprintf("%s has not all parameters of %v", name, params))
	}
	return wire.Append(nil, wire.Header{Time: time, Thread: thread, Type: row.ID}, encoded...)
}

// Within adds to a frame the absolute path of a directory, as a driver does behind the parameters of the table; without
// value when it is empty.
func Within(directory string, frame []byte) []byte {
	var e wire.Event
	if _, err := e.Decode(frame); err != nil {
		panic(err)
	}
	params := make([][]byte, e.Params, e.Params+1)
	for i := range params {
		params[i] = e.Param(i)
	}
	var path []byte
	if directory != "" {
		path = append([]byte(directory), 0)
	}
	return wire.Append(nil, e.Header, append(params, path)...)
}

func encode(p *table.Param, v any) []byte {
	switch v := v.(type) {
	case string:
		switch p.Type {
		case event.TypeString, event.TypePath, event.TypeRelPath:
			return append([]byte(v), 0)
		case event.TypeBytes:
			return []byte(v)
		case event.TypeSockAddr:
			return append(append([]byte{1}, v...), 0)
		}
	case []string:
		var list []byte
		for _, s := range v {
			list = append(append(list, s...), 0)
		}
		return list
	case []int:
		const pollIn = 1
		list := binary.LittleEndian.AppendUint16(nil, uint16(len(v)))
		for _, num := range v {
			list = binary.LittleEndian.AppendUint64(list, uint64(num))
			list = binary.LittleEndian.AppendUint16(list, pollIn)
		}
		return list
	case int:
		if bits := p.Type.Bits(); bits > 0 {
			return binary.LittleEndian.AppendUint64(nil, uint64(v))[:bits/8]
		}
	case netip.AddrPort:
		return appendAddr([]byte{family(v)}, v)
	case Tuple:
		if v.Path != "" {
			b := append([]byte{1}, make([]byte, 16)...)
			b[1], b[9] = 0xa, 0xb
			return append(append(b, v.Path...), 0)
		}
		return appendAddr(appendAddr([]byte{family(v.Source)}, v.Source), v.Target)
	}
	panic(fmt.Sprintf("parameter %s of type %s from a %T", p.Name, p.Type, v))
}

func family(a netip.AddrPort) byte {
	if a.Addr().Is4() {
		return 2
	}
	return 10
}

func appendAddr(b []byte, a netip.AddrPort) []byte {
	return binary.LittleEndian.AppendUint16(append(b, a.Addr().AsSlice()...), a.Port())
}

// AtWorkingDirectory is the descriptor number for paths relative to the working directory.
const AtWorkingDirectory = -100

// Open makes a successful openat, relative to the working directory. flags are those of table.FileFlags.
func Open(time, thread int64, fd int, path string, flags int) []byte {
	return Frame("openat", time, thread, Params{"fd": fd, "dirfd": AtWorkingDirectory, "name": path, "flags": flags, "mode": 0, "dev": 0xfe00, "ino": 42})
}

// Clone makes the child's event of a process made by parent, with the name of the parent's program.
func Clone(time int64, child, parent int, comm string) []byte {
	return Frame("clone", time, int64(child), Params{
		"res": 0, "exe": comm, "args": []string{}, "tid": child, "pid": child, "ptid": parent, "fdlimit": 1024, "comm": comm,
		"flags": 0, "uid": 0, "gid": 0, "vtid": child, "vpid": child,
	})
}

// Exec makes a successful execve: path is the program, args are all arguments with the first.
func Exec(time int64, pid, parent int, path, comm string, args ...string) []byte {
	return Frame("execve", time, int64(pid), Params{
		"res": 0, "exe": args[0], "args": args[1:], "tid": pid, "pid": pid, "ptid": parent, "fdlimit": 1024, "comm": comm,
		"cgroups": []string{"cpu=/"}, "env": []string{"PATH=/bin", "HOME=/root"}, "tty": 0, "vpgid": pid, "loginuid": -1,
		"flags": 0, "uid": 0, "trusted_exepath": path, "pgid": pid, "gid": 0, "filename": path,
	})
}

// Exit makes the end of a thread.
func Exit(time, thread int64, reaper int) []byte {
	return Frame("procexit", time, thread, Params{"status": 0, "ret": 0, "sig": 0, "core": 0, "reaper_tid": reaper})
}

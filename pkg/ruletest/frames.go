package ruletest

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall/table"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

const (
	// firstPID is the id of the first process of a scenario; the others follow.
	firstPID = 1000
	// atCWD stands for the working directory.
	atCWD = -100
	// newFD is the descriptor that a call makes or works on.
	newFD = 7
	// noUID is a process that belongs to no login session.
	noUID = 0xffffffff
	// sceneTime is when a scenario begins.
	sceneTime = 1_780_000_000_000_000_000
)

// parameters of an event by their name; one that is not named has no value.
type parameters map[string]any

// film turns a scenario into frames, as a driver would deliver them.
type film struct{ frames [][]byte }

// Frames makes the frames of a scenario (see package wire). The last one is the call.
func (s *Scenario) Frames() [][]byte {
	var f film
	none := uint32(noUID)
	parent := Process{Exe: "/usr/lib/systemd/systemd", Argv0: "/sbin/init", Comm: "systemd", CWD: "/",
		TTY: new(uint32), UID: new(uint32), LoginUID: &none}
	result := -s.Call.Error
	starts := strings.HasPrefix(s.Call.Type, "exec")
	for i, p := range s.Processes {
		p.inherit(&parent)
		pid, last := int64(firstPID+i), i == len(s.Processes)-1
		f.clone(pid, parent, &p)
		switch {
		case last && starts && result < 0:
			f.exec(s.Call.Type, pid, &parent, result, p.Exe)
		case last && starts:
			f.exec(s.Call.Type, pid, &p, 0, p.Exe)
		default:
			f.exec("execve", pid, &p, 0, p.Exe)
		}
		parent = p
	}
	if !starts {
		f.call(int64(firstPID+len(s.Processes)-1), &s.Call, result)
	}
	return f.frames
}

func (p *Process) parameters(pid int64) parameters {
	parent := pid - 1
	if pid == firstPID {
		parent = 1
	}
	return parameters{
		"exe": p.Argv0, "args": p.Args, "tid": pid, "pid": pid, "ptid": parent, "cwd": p.CWD, "comm": p.Comm,
		"cgroups": p.groups(), "uid": int64(*p.UID), "gid": int64(*p.UID), "fdlimit": int64(1024),
	}
}

// clone is the event that a new process makes; it still is a copy of its parent.
func (f *film) clone(pid int64, parent Process, p *Process) {
	parent.Container = p.Container
	v := parent.parameters(pid)
	v["res"], v["vtid"], v["vpid"], v["flags"] = int64(0), pid, pid, int64(0)
	f.add("clone", pid, v)
}

func (f *film) exec(name string, pid int64, p *Process, result int64, file string) {
	v := p.parameters(pid)
	flags := int64(0)
	if p.Memfd {
		flags |= table.ExeFromMemfd
	}
	if p.Upper {
		flags |= table.ExeUpperLayer
	}
	v["res"], v["filename"], v["trusted_exepath"], v["flags"] = result, file, p.Exe, flags
	v["tty"], v["loginuid"], v["vpgid"], v["pgid"] = int64(*p.TTY), int64(*p.LoginUID), pid, pid
	f.add(name, pid, v)
}

func (f *film) call(pid int64, c *Call, result int64) {
	v := parameters{"res": result, "fd": result, "dirfd": int64(atCWD), "name": c.Path}
	if c.Type == "connect" {
		address, tuple := c.ends()
		v["fd"], v["addr"] = int64(newFD), address
		// The driver knows both ends only of a socket that is connected or on its way.
		if result >= 0 || table.ErrnoName(c.Error) == "EINPROGRESS" {
			v["tuple"] = tuple
		}
	} else {
		if result >= 0 {
			v["fd"] = int64(newFD)
		}
		v["flags"], v["mode"] = int64(c.Flags), int64(0)
	}
	f.add(c.Type, pid, v)
}

// add appends a frame with the parameters in the order of the table of events.
func (f *film) add(name string, pid int64, v parameters) {
	// Of events with one name the newest version is the one with the greatest number.
	rows := table.ByName(name)
	row := rows[0]
	for _, r := range rows {
		if r.ID > row.ID && !r.Has(table.Old) {
			row = r
		}
	}
	params := make([][]byte, len(row.Params))
	for i, p := range row.Params {
		params[i] = encode(p.Type, v[p.Name])
	}
	h := wire.Header{Time: sceneTime + timeStep*int64(len(f.frames)), Thread: pid, Type: row.ID}
	f.frames = append(f.frames, wire.Append(nil, h, params...))
}

func encode(t event.Type, v any) []byte {
	switch v := v.(type) {
	case string:
		return append([]byte(v), 0)
	case []string:
		var b []byte
		for _, s := range v {
			b = append(append(b, s...), 0)
		}
		return b
	case []byte:
		return v
	case int64:
		return binary.LittleEndian.AppendUint64(nil, uint64(v))[:t.Bits()/8]
	}
	return nil
}

// ends gives the address that a program passes to connect, and both ends of the connection that comes of it.
func (c *Call) ends() (address, tuple []byte) {
	const unix, inet, inet6 = 1, 2, 10
	if c.Local != "" {
		name := append([]byte(c.Local), 0)
		return append([]byte{unix}, name...), append(append([]byte{unix}, make([]byte, 16)...), name...)
	}
	family, own := byte(inet), netip.MustParseAddrPort("10.0.0.2:40000")
	if c.To.Addr().Is6() {
		family, own = inet6, netip.MustParseAddrPort("[2001:db8::2]:40000")
	}
	put := func(b []byte, a netip.AddrPort) []byte {
		return binary.LittleEndian.AppendUint16(append(b, a.Addr().AsSlice()...), a.Port())
	}
	return put([]byte{family}, c.To), put(put([]byte{family}, own), c.To)
}

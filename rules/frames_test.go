package rules_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"path"
	"strings"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall/table"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

// scenario is a test case for system calls as testdata/syscall describes it: processes, each the parent of the next
// one, and what the last one does.
type scenario struct {
	Name      string
	Processes []actor
	Event     action
	// Also names the other rules that the event fires.
	Also []string
}

// actor is a process. It inherits what is not said from its parent: container, terminal, users, working directory.
type actor struct {
	// Exe is the resolved path of the program, which by default is also its first argument, Argv0. Comm is the
	// kernel's name; by default the last part of the path, cut to the 15 bytes that the kernel keeps.
	Exe   string
	Argv0 string
	Comm  string
	Args  []string
	// Container is an id of 12 digits.
	Container     string
	TTY           *uint32
	UID, LoginUID *uint32
	CWD           string
	// Memfd is a program in an anonymous file, Upper one in the upper layer of an overlay.
	Memfd, Upper bool
}

// action is what the last process does: execve and execveat mean that it starts, the others what it does then.
type action struct {
	Type string
	// Path and Flags belong to the open family, To to connect: address:port or the path of a local socket.
	Path  string
	Flags []string
	To    string
	// Result is empty for success or the name of an error.
	Result string
}

const (
	firstPID = 1000
	atCWD    = -100
	newFD    = 7
	noUID    = 0xffffffff
	nameSize = 15
)

// values are parameters by their name; a parameter that is not named has no value.
type values map[string]any

// film turns scenarios into frames.
type film struct {
	frames [][]byte
}

// shoot makes the frames of a scenario. The last one is the event that is judged.
func shoot(s scenario) ([][]byte, error) {
	if len(s.Processes) == 0 {
		return nil, fmt.Errorf("a scenario needs a process")
	}
	result, err := resultOf(s.Event)
	if err != nil {
		return nil, err
	}
	var f film
	parent := actor{Exe: "/usr/lib/systemd/systemd", Argv0: "/sbin/init", Comm: "systemd", CWD: "/", TTY: new(uint32), UID: new(uint32)}
	none := uint32(noUID)
	parent.LoginUID = &none
	starts := strings.HasPrefix(s.Event.Type, "exec")
	for i, a := range s.Processes {
		a.inherit(parent)
		pid, last := int64(firstPID+i), i == len(s.Processes)-1
		f.clone(pid, parent, a)
		switch {
		case last && starts && result < 0:
			f.exec(s.Event.Type, pid, parent, result, a.Exe)
		case last && starts:
			f.exec(s.Event.Type, pid, a, 0, a.Exe)
		default:
			f.exec("execve", pid, a, 0, a.Exe)
		}
		parent = a
	}
	if starts {
		return f.frames, nil
	}
	if err := f.act(int64(firstPID+len(s.Processes)-1), s.Event, result); err != nil {
		return nil, err
	}
	return f.frames, nil
}

func (a *actor) inherit(p actor) {
	if a.Comm == "" {
		a.Comm = path.Base(a.Exe)
		a.Comm = a.Comm[:min(len(a.Comm), nameSize)]
	}
	if a.Argv0 == "" {
		a.Argv0 = a.Exe
	}
	if a.Container == "" {
		a.Container = p.Container
	}
	if a.TTY == nil {
		a.TTY = p.TTY
	}
	if a.UID == nil {
		a.UID = p.UID
	}
	if a.LoginUID == nil {
		a.LoginUID = p.LoginUID
	}
	if a.CWD == "" {
		a.CWD = p.CWD
	}
}

// groups are the control groups of the process, as containerd names them.
func (a *actor) groups() []string {
	if a.Container == "" {
		return []string{"=/system.slice/test.service"}
	}
	id := strings.Repeat(a.Container, 6)[:64]
	return []string{"=/kubepods.slice/kubepods-pod0a1b2c3d.slice/cri-containerd-" + id + ".scope"}
}

func (a *actor) values(pid int64) values {
	return values{
		"exe": a.Argv0, "args": a.Args, "tid": pid, "pid": pid, "ptid": pid - 1, "cwd": a.CWD, "comm": a.Comm,
		"cgroups": a.groups(), "uid": int64(*a.UID), "gid": int64(*a.UID), "fdlimit": int64(1024),
	}
}

// clone is the event that a new process makes; it still is a copy of its parent.
func (f *film) clone(pid int64, parent, a actor) {
	parent.Container = a.Container
	v := parent.values(pid)
	v["res"], v["vtid"], v["vpid"], v["flags"] = int64(0), pid, pid, int64(0)
	if pid == firstPID {
		v["ptid"] = int64(1)
	}
	f.add("clone", pid, v)
}

func (f *film) exec(name string, pid int64, a actor, result int64, file string) {
	v := a.values(pid)
	if pid == firstPID {
		v["ptid"] = int64(1)
	}
	flags := int64(0)
	if a.Memfd {
		flags |= table.ExeFromMemfd
	}
	if a.Upper {
		flags |= table.ExeUpperLayer
	}
	v["res"], v["filename"], v["trusted_exepath"], v["flags"] = result, file, a.Exe, flags
	v["tty"], v["loginuid"], v["vpgid"], v["pgid"] = int64(*a.TTY), int64(*a.LoginUID), pid, pid
	f.add(name, pid, v)
}

func (f *film) act(pid int64, e action, result int64) error {
	v := values{"res": result, "fd": result, "dirfd": int64(atCWD), "name": e.Path}
	switch e.Type {
	case "open", "openat", "openat2":
		if result >= 0 {
			v["fd"] = int64(newFD)
		}
		bits, err := flagsOf(e.Flags)
		if err != nil {
			return err
		}
		v["flags"], v["mode"] = bits, int64(0)
	case "connect":
		address, tuple, err := addressOf(e.To)
		if err != nil {
			return err
		}
		v["fd"], v["addr"] = int64(newFD), address
		// The driver knows both ends only of a socket that is connected or on its way.
		if result >= 0 || e.Result == "EINPROGRESS" {
			v["tuple"] = tuple
		}
	default:
		return fmt.Errorf("event type %q is none that a scenario can have", e.Type)
	}
	f.add(e.Type, pid, v)
	return nil
}

// add appends a frame with the parameters in the order of the table of events.
func (f *film) add(name string, pid int64, v values) {
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
	const start, step = 1_780_000_000_000_000_000, 1_000_000
	h := wire.Header{Time: start + step*int64(len(f.frames)), Thread: pid, Type: row.ID}
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

// resultOf is 0 or the negative number of the error that the action names.
func resultOf(e action) (int64, error) {
	if e.Result == "" {
		return 0, nil
	}
	for n := int64(1); n < 256; n++ {
		if table.ErrnoName(n) == e.Result {
			return -n, nil
		}
	}
	return 0, fmt.Errorf("result %q is not the name of an error", e.Result)
}

func flagsOf(names []string) (bits int64, err error) {
next:
	for _, name := range names {
		for _, f := range table.FileFlags {
			if f.Name == name {
				bits |= int64(f.Value)
				continue next
			}
		}
		return 0, fmt.Errorf("flag %q is not a flag of open", name)
	}
	return bits, nil
}

// addressOf gives the address that a program passes to connect, and both ends of the connection that comes of it.
func addressOf(to string) (address, tuple []byte, err error) {
	const unix, inet, inet6 = 1, 2, 10
	if strings.HasPrefix(to, "/") {
		name := append([]byte(to), 0)
		return append([]byte{unix}, name...), append(append([]byte{unix}, make([]byte, 16)...), name...), nil
	}
	end, err := netip.ParseAddrPort(to)
	if err != nil {
		return nil, nil, err
	}
	family, own := byte(inet), netip.MustParseAddrPort("10.0.0.2:40000")
	if end.Addr().Is6() {
		family, own = inet6, netip.MustParseAddrPort("[2001:db8::2]:40000")
	}
	put := func(b []byte, a netip.AddrPort) []byte {
		return binary.LittleEndian.AppendUint16(append(b, a.Addr().AsSlice()...), a.Port())
	}
	return put([]byte{family}, end), put(put([]byte{family}, own), end), nil
}

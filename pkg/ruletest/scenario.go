package ruletest

import (
	"net/netip"
	"path"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/account"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// Scenario is processes, each the parent of the next one, and a call that the last of them makes. Everything that rules
// can ask follows from it as from the events of a real machine. Only the call is judged; what came before it sets the
// scene.
type Scenario struct {
	Processes []Process
	Call      Call
	// Users give names to user ids.
	Users []account.User
}

// Process is a process of a Scenario. What is not said is inherited from its parent: container, terminal, users,
// working directory. The parent of the first one is not known.
type Process struct {
	// Exe is the resolved path of the program, which by default is also its first argument, Argv0. Comm is the
	// kernel's name; by default the last part of the path, cut to the 15 bytes that the kernel keeps.
	Exe, Argv0, Comm string
	Args             []string
	// Container is the id of a container, 12 digits.
	Container string
	// TTY is the number of the terminal, 0 for none.
	TTY *uint32
	// UID is the effective user and LoginUID the user of the login session.
	UID, LoginUID *uint32
	CWD           string
	// Memfd is a program in an anonymous file, Upper one in the upper layer of an overlay.
	Memfd, Upper bool
}

// Call is what the last process of a Scenario does: execve and execveat mean that it starts its program, the others what
// it does after that.
type Call struct {
	Type string
	// Path and Flags belong to the open family.
	Path  string
	Flags uint64
	// To is the other end of connect; Local is the path of a local socket.
	To    netip.AddrPort
	Local string
	// Error is the number of the error with which the call failed, 0 for success.
	Error int64
}

// calls are the calls that a scenario can have, besides execve and execveat.
var calls = []string{"execve", "execveat", "open", "openat", "openat2", "connect"}

// longest is the greatest user id and terminal number.
const longest = 1<<32 - 1

func (r *reader) processes(n *yaml.Node) *Scenario {
	s := &Scenario{Users: []account.User{{Name: "root"}}}
	r.sequence(n, "processes", func(item *yaml.Node) { s.Processes = append(s.Processes, r.process(s, item)) })
	if len(s.Processes) == 0 {
		r.fail(n, "", "the list of processes is empty")
	}
	return s
}

func (r *reader) process(s *Scenario, n *yaml.Node) (p Process) {
	user, login := "", ""
	id := func(n *yaml.Node, what string) *uint32 {
		v := uint32(r.number(n, what, 0, longest))
		return &v
	}
	r.mapping(n, "a process", map[string]func(*yaml.Node){
		"exe":       func(n *yaml.Node) { p.Exe = r.text(n, "exe") },
		"argv0":     func(n *yaml.Node) { p.Argv0 = r.text(n, "argv0") },
		"comm":      func(n *yaml.Node) { p.Comm = r.text(n, "comm") },
		"args":      func(n *yaml.Node) { p.Args = r.texts(n, "args") },
		"container": func(n *yaml.Node) { p.Container = r.text(n, "container") },
		"tty":       func(n *yaml.Node) { p.TTY = id(n, "tty") },
		"uid":       func(n *yaml.Node) { p.UID = id(n, "uid") },
		"loginuid":  func(n *yaml.Node) { p.LoginUID = id(n, "loginuid") },
		"user":      func(n *yaml.Node) { user = r.text(n, "user") },
		"login":     func(n *yaml.Node) { login = r.text(n, "login") },
		"cwd":       func(n *yaml.Node) { p.CWD = r.text(n, "cwd") },
		"memfd":     func(n *yaml.Node) { p.Memfd = r.boolean(n, "memfd") },
		"upper":     func(n *yaml.Node) { p.Upper = r.boolean(n, "upper") },
	})
	if p.Exe == "" && follow(n).Kind == yaml.MappingNode {
		r.fail(n, "add exe: with the path of its program", "a process has no program")
	}
	r.account(s, n, "uid", p.UID, "user", user)
	r.account(s, n, "loginuid", p.LoginUID, "login", login)
	return p
}

// account gives a name to the user id under another key.
func (r *reader) account(s *Scenario, n *yaml.Node, idKey string, id *uint32, nameKey, name string) {
	switch {
	case name == "":
	case id == nil:
		r.fail(n, "add "+idKey+":", "%s gives a name to the %s of a process, which is not said", nameKey, idKey)
	default:
		s.Users = append(s.Users, account.User{UID: *id, Name: name})
	}
}

func (r *reader) call(s *Scenario, n *yaml.Node) {
	c := &s.Call
	var to *yaml.Node
	r.mapping(n, "a call", map[string]func(*yaml.Node){
		"type":   func(n *yaml.Node) { c.Type = r.callType(n) },
		"path":   func(n *yaml.Node) { c.Path = r.text(n, "path") },
		"flags":  func(n *yaml.Node) { c.Flags = r.openFlags(n) },
		"to":     func(n *yaml.Node) { to = n; r.address(n, c) },
		"result": func(n *yaml.Node) { c.Error = r.errno(n) },
	})
	switch {
	case follow(n).Kind != yaml.MappingNode:
	case c.Type == "":
		r.fail(n, "", "a call needs a type: %s", strings.Join(calls, ", "))
	case strings.HasPrefix(c.Type, "open") && c.Path == "":
		r.fail(n, "add path:", "%s needs a path", c.Type)
	case c.Type == "connect" && to == nil:
		r.fail(n, "add to: with ADDRESS:PORT or the path of a local socket", "connect needs an address")
	}
}

func (r *reader) callType(n *yaml.Node) string {
	name := r.text(n, "type")
	for _, c := range calls {
		if c == name {
			return name
		}
	}
	if name != "" {
		r.fail(n, "write an event of another call by field", "a scenario can have the calls %s, not %s", strings.Join(calls, ", "), quoted(name))
	}
	return "none"
}

func (r *reader) openFlags(n *yaml.Node) (bits uint64) {
	known := map[string]uint64{}
	names := make([]string, 0, len(table.FileFlags))
	for _, f := range table.FileFlags {
		known[f.Name] = f.Value
		names = append(names, f.Name)
	}
	for _, name := range r.texts(n, "flags") {
		bit, ok := known[name]
		if !ok && name != "" {
			hint := ""
			if near := field.Nearest(name, names, 2); len(near) > 0 {
				hint = "did you mean " + strings.Join(near, " or ") + "?"
			}
			r.fail(n, hint, "%s is not a flag of open", quoted(name))
		}
		bits |= bit
	}
	return bits
}

func (r *reader) address(n *yaml.Node, c *Call) {
	text := r.text(n, "to")
	if strings.HasPrefix(text, "/") {
		c.Local = text
		return
	}
	var err error
	if c.To, err = netip.ParseAddrPort(text); err != nil && text != "" {
		r.fail(n, `write it as "203.0.113.9:443", "[2001:db8::9]:443" or a path`, "%s is not an address with a port", quoted(text))
	}
}

func (r *reader) errno(n *yaml.Node) int64 {
	name := r.text(n, "result")
	for e := int64(1); e < 256; e++ {
		if table.ErrnoName(e) == name {
			return e
		}
	}
	if name != "" {
		r.fail(n, "write ENOENT, EACCES and the like, or leave it out for success", "%s is not the name of an error", quoted(name))
	}
	return 0
}

// inherit fills in what is not said from the parent.
func (p *Process) inherit(parent *Process) {
	if p.Comm == "" {
		p.Comm = path.Base(p.Exe)
		p.Comm = p.Comm[:min(len(p.Comm), commSize)]
	}
	if p.Argv0 == "" {
		p.Argv0 = p.Exe
	}
	if p.Container == "" {
		p.Container = parent.Container
	}
	if p.TTY == nil {
		p.TTY = parent.TTY
	}
	if p.UID == nil {
		p.UID = parent.UID
	}
	if p.LoginUID == nil {
		p.LoginUID = parent.LoginUID
	}
	if p.CWD == "" {
		p.CWD = parent.CWD
	}
}

// groups are the control groups of the process, as containerd names them.
func (p *Process) groups() []string {
	if p.Container == "" {
		return []string{"=/system.slice/test.service"}
	}
	id := strings.Repeat(p.Container, idSize/len(p.Container)+1)[:idSize]
	return []string{"=/kubepods.slice/kubepods-pod0a1b2c3d.slice/cri-containerd-" + id + ".scope"}
}

const (
	// commSize is how many bytes of a name the kernel keeps.
	commSize = 15
	// idSize is the length of the id of a container.
	idSize = 64
)

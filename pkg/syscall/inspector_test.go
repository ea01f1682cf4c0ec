package syscall

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall/account"
	"github.com/saker-security/saker/pkg/syscall/syscalltest"
	"github.com/saker-security/saker/pkg/syscall/table"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

var catalogue = Catalogue("node1")

// machine is an Inspector with init (1) and a shell (100) in /root.
func machine(t testing.TB) *Inspector {
	t.Helper()
	in := New(Options{
		Accounts: account.Fixed(
			[]account.User{{UID: 0, Name: "root", Home: "/root", Shell: "/bin/bash"}, {UID: 1000, GID: 100, Name: "alice", Home: "/home/alice", Shell: "/bin/sh"}},
			[]account.Group{{GID: 0, Name: "root"}, {GID: 100, Name: "users"}}),
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")},
		Boot:      1000,
	})
	take(t, in, syscalltest.Clone(1e9, 1, 0, "systemd"))
	take(t, in, syscalltest.Clone(2e9, 100, 1, "sshd"))
	take(t, in, syscalltest.Exec(3e9, 100, 1, "/usr/bin/bash", "bash", "-bash", "-i"))
	take(t, in, syscalltest.Frame("chdir", 3e9, 100, syscalltest.Params{"res": 0, "path": "/root"}))
	return in
}

func take(t testing.TB, in *Inspector, frame []byte) *event.Event {
	t.Helper()
	e, err := in.Event(frame)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// want checks fields of an event; each line is a field, a blank and its value as text.
func want(t *testing.T, e *event.Event, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" {
			continue
		}
		if got := render(catalogue, e, name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}

func TestOpen(t *testing.T) {
	in := machine(t)
	read := syscalltest.Frame("openat", 5e9, 100, syscalltest.Params{
		"fd": 3, "dirfd": syscalltest.AtWorkingDirectory, "name": "../etc//passwd", "flags": table.OpenRead | table.OpenCloexec, "mode": 0, "dev": 0xfe01, "ino": 77})
	want(t, take(t, in, read), `
		evt.num 5
		evt.type openat
		evt.type.is.openat 1
		evt.type.is.open 0
		syscall.type openat
		evt.category file
		evt.res SUCCESS
		evt.rawres 3
		evt.failed false
		evt.dir <
		evt.args fd=3(<f>/etc/passwd) dirfd=-100(AT_FDCWD) name=../etc//passwd(/etc/passwd) flags=4097(O_RDONLY|O_CLOEXEC) mode=0 dev=FE01 ino=77
		evt.arg.name /etc/passwd
		evt.arg[2] /etc/passwd
		evt.arg.flags O_RDONLY|O_CLOEXEC
		evt.arg[0] <f>/etc/passwd
		evt.arg.res <none>
		evt.arg[9] <none>
		evt.rawarg.flags 4097
		evt.rawarg.name ../etc//passwd
		evt.rawarg.fd 3
		evt.rawarg.res <none>
		evt.abspath /etc/passwd
		evt.abspath.src <none>
		evt.is_open_read true
		evt.is_open_write false
		evt.is_open_exec false
		evt.is_open_create false
		evt.count.error.file 0
		evt.count.error.net <none>
		evt.reltime 4000000000
		evt.deltatime.s 2
		fd.num 3
		fd.type file
		fd.typechar f
		fd.name /etc/passwd
		fd.nameraw ../etc/passwd
		fd.directory /etc
		fd.filename passwd
		fd.containername host:/etc/passwd
		fd.uid 1003
		fd.dev FE01
		fd.dev.major 254
		fd.dev.minor 1
		fd.ino 77
		fd.l4proto <NA>
		fd.sip <none>
		fd.ip <none>
		fd.name_changed true
		fs.path.name /etc/passwd
		fs.path.nameraw ../etc//passwd
		fs.path.source <none>
		proc.name bash
		proc.cwd /root/
		container.id host
		thread.tid 100
		user.name root
	`)
	failed := syscalltest.Frame("openat", 6e9, 100, syscalltest.Params{
		"fd": -13, "dirfd": 3, "name": "x", "flags": table.OpenWrite | table.OpenCreate, "mode": 0o755, "dev": 0, "ino": 0})
	want(t, take(t, in, failed), `
		evt.res EACCES
		evt.failed true
		evt.count.error 1
		evt.arg.fd EACCES
		evt.is_open_write true
		evt.is_open_exec true
		fd.num -1
		fd.name /etc/passwd/x
		fd.directory /etc/passwd
		fd.filename <none>
		fd.type <none>
		fd.typechar f
		fs.path.name /etc/passwd/x
	`)
}

func TestDirectories(t *testing.T) {
	in := machine(t)
	dir := table.OpenRead | table.OpenDirectory
	want(t, take(t, in, syscalltest.Open(5e9, 100, 4, "/srv/data/", dir)), `
		fd.type directory
		fd.name /srv/data
		fd.directory /srv/data
		fd.filename <none>
	`)
	relative := func(dirfd int) *event.Event {
		return take(t, in, syscalltest.Frame("openat2", 6e9, 100, syscalltest.Params{
			"fd": 5, "dirfd": dirfd, "name": "a/../b", "flags": table.OpenRead, "mode": 0, "resolve": 9, "dev": 0, "ino": 0}))
	}
	want(t, relative(4), `
		fd.name /srv/data/b
		evt.arg.resolve RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS
		evt.arg.dirfd <d>/srv/data
	`)
	want(t, relative(99), `
		fd.name <UNKNOWN>/b
	`)
	if in.Stats().UnknownDirectories == 0 {
		t.Error("an unknown directory was not counted")
	}
	want(t, take(t, in, syscalltest.Frame("fchdir", 7e9, 100, syscalltest.Params{"res": 0, "fd": 4})), `
		proc.cwd /srv/data/
		fd.name /srv/data
	`)
	want(t, take(t, in, syscalltest.Frame("chdir", 7e9, 100, syscalltest.Params{"res": 0, "path": "../other"})), `
		proc.cwd /srv/other/
	`)
	want(t, take(t, in, syscalltest.Frame("chdir", 7e9, 100, syscalltest.Params{"res": -2, "path": "/nowhere"})), `
		proc.cwd /srv/other/
	`)
	want(t, relative(syscalltest.AtWorkingDirectory), "fd.name /srv/other/b")
	want(t, take(t, in, syscalltest.Frame("close", 8e9, 100, syscalltest.Params{"res": 0, "fd": 4})), `
		evt.category file
		evt.args res=0 fd=4(<d>/srv/data)
		fd.name /srv/data
	`)
	want(t, relative(4), "fd.name <UNKNOWN>/b")
	want(t, take(t, in, syscalltest.Frame("fchdir", 9e9, 100, syscalltest.Params{"res": 0, "fd": 4})), "proc.cwd <none>")
}

func TestProcess(t *testing.T) {
	in := machine(t)
	take(t, in, syscalltest.Clone(5e9, 200, 100, "bash"))
	exec := syscalltest.Frame("execve", 6e9, 200, syscalltest.Params{
		"res": 0, "exe": "curl", "args": []string{"-s", "http://x/"}, "tid": 200, "pid": 200, "ptid": 100, "fdlimit": 1024,
		"vm_size": 10, "vm_rss": 5, "comm": "curl", "cgroups": []string{"cpu=/docker/" + longID, "memory=/docker/" + longID},
		"env": []string{"PATH=/bin", "MODE=x"}, "tty": 34816, "vpgid": 200, "loginuid": 1000,
		"flags": table.ExeWritable | table.ExeUpperLayer, "cap_permitted": 1<<21 | 1, "cap_effective": 1, "exe_ino": 9,
		"exe_ino_ctime": 4_000_000_000, "exe_ino_mtime": 4_000_000_000, "uid": 1000, "trusted_exepath": "/usr/bin/curl", "pgid": 200, "gid": 100, "filename": "/usr/bin/curl"})
	want(t, take(t, in, exec), `
		proc.name curl
		proc.exe curl
		proc.exepath /usr/bin/curl
		proc.args -s http://x/
		proc.args[0] -s
		proc.args[7]
		proc.cmdline curl -s http://x/
		proc.exeline curl -s http://x/
		proc.cmdnargs 2
		proc.cmdlenargs 11
		proc.env PATH=/bin MODE=x
		proc.env[MODE] x
		proc.env[NONE]
		proc.pid 200
		proc.vpid 200
		proc.ppid 100
		proc.pname bash
		proc.pexe -bash
		proc.pexepath /usr/bin/bash
		proc.pcmdline bash -i
		proc.aname bash systemd
		proc.aname[0] curl
		proc.aname[2] systemd
		proc.aname[3] <none>
		proc.apid 100 1
		proc.aexepath[1] /usr/bin/bash
		proc.acmdline[1] bash -i
		proc.aargs -i
		proc.aenv[HOME] /root
		proc.aenv[NONE]
		proc.loginshellid 100
		proc.tty 34816
		proc.vpgid 200
		proc.vpgid.name curl
		proc.pgid.exepath /usr/bin/curl
		proc.is_vpgid_leader true
		proc.is_pgid_leader true
		proc.duration 1000000000
		proc.pid.ts 5000000000
		proc.is_exe_writable true
		proc.is_exe_upper_layer true
		proc.is_exe_lower_layer false
		proc.exe_ino 9
		proc.exe_ino.ctime_duration_proc_start 1000000000
		proc.nthreads 1
		proc.nchilds 0
		proc.vmsize 10
		thread.cap_permitted CAP_CHOWN CAP_SYS_ADMIN
		thread.cap_effective CAP_CHOWN
		thread.cap_inheritable
		thread.ismain true
		thread.cgroups cpu=/docker/`+longID+` memory=/docker/`+longID+`
		thread.cgroup.cpu /docker/`+longID+`
		thread.cgroup.io <none>
		user.uid 1000
		user.name <NA>
		user.loginuid 1000
		user.loginname alice
		group.gid 100
		group.name <NA>
		container.id f19b07350de5
		container.full_id `+longID+`
		container.type docker
		k8s.pod.uid <none>
		evt.arg.flags EXE_WRITABLE|EXE_UPPER_LAYER
		evt.arg.ptid bash
		evt.arg.args -s.http://x/.
		evt.arg.cwd <NA>
		evt.arg.loginuid <NA>
		evt.category process
		fd.name <none>
	`)
	refused := syscalltest.Frame("execve", 7e9, 200, syscalltest.Params{"res": -2, "exe": "other", "comm": "curl", "pid": 200, "tid": 200, "filename": "/other"})
	want(t, take(t, in, refused), `
		evt.res ENOENT
		proc.exe curl
		evt.arg.exe other
		evt.arg.args NULL
		evt.arg.filename /other
	`)
	want(t, take(t, in, syscalltest.Exit(8e9, 200, 1)), `
		evt.type procexit
		evt.res <none>
		evt.failed <none>
		evt.dir >
		syscall.type <none>
		proc.cmdline curl -s http://x/
		evt.arg.reaper_tid systemd
	`)
	late := syscalltest.Open(8e9+1, 200, 3, "/late", 1)
	want(t, take(t, in, late), "proc.name curl")
	want(t, take(t, in, syscalltest.Open(20e9, 200, 3, "/later", 1)), `
		proc.name <none>
		fd.name <none>
		user.uid <none>
		container.id <none>
		thread.tid 200
		evt.is_open_read true
		evt.arg.name /later
	`)
	if s := in.Stats(); s.Threadless != 1 || s.Threads != 2 || s.Events == 0 {
		t.Errorf("stats %+v", s)
	}
}

const longID = "f19b07350de53034ca307120e815948e6983247d31b12997972dc7fc87255de5"

func TestConnect(t *testing.T) {
	in := machine(t)
	addr := netip.MustParseAddrPort
	connect := func(fd int, tuple, to any, res int) *event.Event {
		p := syscalltest.Params{"res": res, "fd": fd}
		if tuple != nil {
			p["tuple"] = tuple
		}
		if to != nil {
			p["addr"] = to
		}
		return take(t, in, syscalltest.Frame("connect", 5e9, 100, p))
	}
	take(t, in, syscalltest.Frame("socket", 5e9, 100, syscalltest.Params{"fd": 3, "domain": 2, "type": 1, "proto": 0, "flags": 0}))
	want(t, connect(3, syscalltest.Tuple{Source: addr("10.0.0.1:5000"), Target: addr("203.0.113.7:443")}, addr("203.0.113.7:443"), -115), `
		evt.res EINPROGRESS
		evt.category net
		evt.args res=-115(EINPROGRESS) tuple=10.0.0.1:5000->203.0.113.7:443 fd=3(<4t>10.0.0.1:5000->203.0.113.7:443) addr=203.0.113.7:443
		fd.name 10.0.0.1:5000->203.0.113.7:443
		fd.type ipv4
		fd.typechar 4
		fd.l4proto tcp
		fd.sockfamily ip
		fd.cip 10.0.0.1
		fd.sip 203.0.113.7
		fd.lip 10.0.0.1
		fd.rip 203.0.113.7
		fd.cport 5000
		fd.sport 443
		fd.lport 5000
		fd.rport 443
		fd.sproto 443
		fd.ip 10.0.0.1 203.0.113.7
		fd.port 5000 443
		fd.net 10.0.0.1 203.0.113.7
		fd.snet 203.0.113.7
		fd.is_server false
		fd.connected true
		fd.name_changed true
		fd.filename <none>
		fd.directory <none>
		fs.path.name <none>
		evt.count.error.net 1
	`)
	want(t, connect(4, syscalltest.Tuple{Source: addr("[::1]:1"), Target: addr("[::1]:22")}, addr("[::1]:22"), 0), `
		fd.name ::1:1->::1:22
		fd.type ipv6
		fd.l4proto <NA>
		fd.is_server true
	`)
	want(t, connect(5, syscalltest.Tuple{Source: addr("[::ffff:10.0.0.1]:1"), Target: addr("[::ffff:10.0.0.9]:22")}, nil, 0), `
		fd.type ipv4
		fd.sip 10.0.0.9
	`)
	want(t, connect(6, syscalltest.Tuple{Path: "/run/docker.sock"}, "/run/docker.sock", 0), `
		fd.name a->b /run/docker.sock
		fd.type unix
		fd.sockfamily unix
		fd.sip <none>
		evt.arg.addr /run/docker.sock
		evt.category net
	`)
	want(t, connect(7, nil, addr("127.0.0.1:1"), -111), `
		fd.name
		fd.type ipv4
		fd.connected false
		fd.sip <none>
		evt.arg.tuple NULL
		evt.arg.addr 127.0.0.1:1
	`)
	take(t, in, syscalltest.Open(6e9, 100, 8, "/file", 1))
	want(t, connect(8, syscalltest.Tuple{Path: "/x"}, nil, 0), `
		fd.type unix
		fd.ino 0
	`)
	want(t, take(t, in, syscalltest.Frame("accept4", 7e9, 100, syscalltest.Params{"fd": 9, "tuple": syscalltest.Tuple{Source: addr("203.0.113.7:50000"), Target: addr("10.0.0.1:80")}})), `
		fd.sport 80
		fd.lip 10.0.0.1
		fd.rport 50000
		fd.is_server true
	`)
}

func TestIdentity(t *testing.T) {
	in := machine(t)
	call := func(name string, p syscalltest.Params) *event.Event {
		return take(t, in, syscalltest.Frame(name, 5e9, 100, p))
	}
	want(t, call("setresuid", syscalltest.Params{"res": 0, "ruid": 1, "euid": 1000, "suid": 1}), "user.name alice\nevt.arg.euid alice\nevt.arg.ruid <NA>")
	want(t, call("setuid", syscalltest.Params{"res": -1, "uid": 0}), "user.name alice")
	want(t, call("setreuid", syscalltest.Params{"res": 0, "ruid": 0, "euid": -1}), "user.name alice\nevt.arg.euid <NONE>")
	want(t, call("setuid", syscalltest.Params{"res": 0, "uid": 0}), "user.name root")
	want(t, call("setgid", syscalltest.Params{"res": 0, "gid": 100}), "group.name users")
	want(t, call("capset", syscalltest.Params{"res": 0, "cap_inheritable": 0, "cap_permitted": 3, "cap_effective": 2}), "thread.cap_effective CAP_DAC_OVERRIDE")
	want(t, call("setsid", syscalltest.Params{"res": 100}), "proc.sid 100\nproc.sname bash\nproc.is_sid_leader true")
	want(t, call("setpgid", syscalltest.Params{"res": 0, "pid": 0, "pgid": 7}), "proc.vpgid 7\nproc.pgid 7\nproc.vpgid.name bash\nproc.pgid.name <none>")
	take(t, in, syscalltest.Open(5e9, 100, 3, "/a", 1))
	want(t, call("dup2", syscalltest.Params{"res": 9, "oldfd": 3, "newfd": 9}), "fd.num 9\nfd.name /a")
}

func TestMalformed(t *testing.T) {
	in := machine(t)
	good := syscalltest.Open(5e9, 100, 3, "/a", 1)
	narrow := wire.Append(nil, wire.Header{Time: 5e9, Thread: 100, Type: table.Close}, []byte{0, 0, 0, 0}, make([]byte, 8))
	for _, test := range []struct {
		name  string
		frame []byte
		want  error
	}{
		{"cut", good[:20], wire.ErrMalformed},
		{"empty", nil, wire.ErrMalformed},
		{"type", wire.Append(nil, wire.Header{Type: 60000}), ErrUnknownType},
		{"width", narrow, wire.ErrMalformed},
	} {
		if e, err := in.Event(test.frame); e != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: %v, %v", test.name, e, err)
		}
	}
	want(t, take(t, in, good), "evt.num 5\nfd.name /a")
	s := in.Stats()
	if s.Malformed["frame"] != 2 || s.Malformed["type"] != 1 || s.Malformed["parameter"] != 1 || s.Events != 5 {
		t.Errorf("stats %+v", s)
	}
}

// TestSparse: an event without parameters is an event without values, whatever its type.
func TestSparse(t *testing.T) {
	in := machine(t)
	for id, name := range table.TypeNames() {
		if table.ByID(uint16(id)) == nil {
			continue
		}
		e := take(t, in, wire.Append(nil, wire.Header{Time: 5e9, Thread: 100, Type: uint16(id)}))
		for _, f := range catalogue.Fields() {
			render(catalogue, e, f.Name)
		}
		if got := render(catalogue, e, "evt.type"); got != name {
			t.Errorf("event %d is %s, want %s", id, got, name)
		}
	}
}

// TestNoAllocations: in steady state neither an open nor the fields that rules ask most cost memory.
func TestNoAllocations(t *testing.T) {
	in := machine(t)
	frame := syscalltest.Open(5e9, 100, 3, "/etc/ld.so.cache", table.OpenRead)
	closing := syscalltest.Frame("close", 5e9, 100, syscalltest.Params{"res": 0, "fd": 3})
	names := []string{"evt.type", "fd.name", "fd.directory", "proc.name", "proc.cmdline", "proc.pname", "proc.aname", "container.id", "evt.arg.flags", "user.name", "evt.is_open_write"}
	extract := extractors(t, names)
	var v event.Value
	run := func() {
		e := take(t, in, frame)
		for _, x := range extract {
			v.Reset()
			x(e, &v)
		}
		take(t, in, closing)
	}
	run()
	if allocs := testing.AllocsPerRun(200, run); allocs != 0 {
		t.Errorf("%v allocations for an open with its close", allocs)
	}
}

func TestSeedNeedsProc(t *testing.T) {
	if _, err := New(Options{}).Seed(0); err == nil {
		t.Error("seeded without a proc file system")
	}
}

package syscall

import (
	"testing"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall/syscalltest"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// within is an event of the shell (100) for which the driver told a directory.
func within(t *testing.T, in *Inspector, directory, name string, params syscalltest.Params) *event.Event {
	t.Helper()
	return take(t, in, syscalltest.Within(directory, syscalltest.Frame(name, 6e9, 100, params)))
}

func openedAt(dirfd int, name string) syscalltest.Params {
	return syscalltest.Params{"fd": 9, "dirfd": dirfd, "name": name, "flags": table.OpenRead, "mode": 0, "dev": 0, "ino": 0}
}

// TestToldDirectory: what the kernel side tells goes before what the table has, and corrects it.
func TestToldDirectory(t *testing.T) {
	in := machine(t)
	take(t, in, syscalltest.Open(5e9, 100, 4, "/tmp", table.OpenRead|table.OpenDirectory))
	want(t, within(t, in, "/etc", "openat", openedAt(4, "shadow")), `
		fd.name /etc/shadow
		fd.nameraw shadow
		fs.path.name /etc/shadow
		evt.arg.name /etc/shadow
		evt.arg.dirfd <d>/etc
		evt.arg[7] <none>
		evt.args fd=9(<f>/etc/shadow) dirfd=4(<d>/etc) name=shadow(/etc/shadow) flags=1(O_RDONLY) mode=0 dev=0 ino=0
	`)
	failed := openedAt(4, "../shadow")
	failed["fd"] = -13
	want(t, within(t, in, "/srv/x", "openat", failed), "fd.name /srv/shadow\nevt.arg.dirfd <d>/srv/x")
	want(t, within(t, in, "/", "openat", openedAt(77, "etc/shadow")), "fd.name /etc/shadow\nevt.arg.dirfd <d>/")
	want(t, within(t, in, "/other", "openat", openedAt(syscalltest.AtWorkingDirectory, "x")), "fd.name /other/x\nproc.cwd /root/")
	want(t, within(t, in, "/other", "creat", syscalltest.Params{"fd": 9, "name": "y", "mode": 0o600}), "fd.name /other/y")
	want(t, within(t, in, "/other", "open", syscalltest.Params{"fd": 9, "name": "z", "flags": table.OpenRead}), "fd.name /other/z")
	want(t, within(t, in, "", "openat", openedAt(4, "/absolute")), "fd.name /absolute")
}

// TestToldWorkingDirectory: chdir by way of links, fchdir by way of copied descriptors.
func TestToldWorkingDirectory(t *testing.T) {
	in := machine(t)
	take(t, in, syscalltest.Open(5e9, 100, 4, "/tmp", table.OpenRead|table.OpenDirectory))
	want(t, within(t, in, "/etc", "fchdir", syscalltest.Params{"res": 0, "fd": 4}), "proc.cwd /etc/\nfd.name /etc\nfd.type directory")
	want(t, take(t, in, syscalltest.Open(6e9, 100, 5, "shadow", table.OpenRead)), "fd.name /etc/shadow")
	want(t, within(t, in, "/real", "chdir", syscalltest.Params{"res": 0, "path": "link"}), "proc.cwd /real/")
	want(t, within(t, in, "", "chdir", syscalltest.Params{"res": -2, "path": "missing"}), "proc.cwd /real/")
	want(t, within(t, in, "", "fchdir", syscalltest.Params{"res": -9, "fd": 4}), "proc.cwd /real/")
	// Too deep to be told.
	want(t, within(t, in, "", "chdir", syscalltest.Params{"res": 0, "path": "deep"}), "proc.cwd /real/deep/")
	want(t, within(t, in, "", "openat", openedAt(syscalltest.AtWorkingDirectory, "x")), "fd.name /real/deep/x")
	want(t, within(t, in, "", "fchdir", syscalltest.Params{"res": 0, "fd": 4}), "proc.cwd <none>")
}

// TestUntoldDirectory: a driver that tells directories and has none for a descriptor means that the table is wrong; what
// another table's newer parameter says is not taken for a directory.
func TestUntoldDirectory(t *testing.T) {
	in := machine(t)
	take(t, in, syscalltest.Open(5e9, 100, 4, "/tmp", table.OpenRead|table.OpenDirectory))
	take(t, in, syscalltest.Open(5e9, 100, 5, "/tmp/log", table.OpenRead|table.OpenWrite))
	before := in.Stats().UnknownDirectories
	want(t, within(t, in, "", "openat", openedAt(4, "shadow")), "fd.name <UNKNOWN>/shadow")
	if in.Stats().UnknownDirectories == before {
		t.Error("an unknown directory was not counted")
	}
	want(t, within(t, in, "\x01\x02", "openat", openedAt(4, "shadow")), "fd.name /tmp/shadow")
	want(t, take(t, in, syscalltest.Frame("openat", 6e9, 100, openedAt(4, "shadow"))), "fd.name /tmp/shadow")
	// What was opened for writing was no directory, so the number has another meaning by now.
	want(t, take(t, in, syscalltest.Frame("openat", 6e9, 100, openedAt(5, "shadow"))), "fd.name <UNKNOWN>/shadow")
}

// TestOpenInRoot: an absolute path of openat2 begins at the directory, and nothing leads out of it.
func TestOpenInRoot(t *testing.T) {
	in := machine(t)
	take(t, in, syscalltest.Open(5e9, 100, 4, "/srv/root", table.OpenRead|table.OpenDirectory))
	for name, path := range map[string]string{
		"/etc/shadow": "/etc/shadow", "../../etc/shadow": "/etc/shadow", "etc/../shadow": "/shadow", "x": "/x",
	} {
		params := openedAt(4, name)
		params["resolve"] = table.ResolveInRoot
		want(t, take(t, in, syscalltest.Frame("openat2", 6e9, 100, params)), "fd.name /srv/root"+path)
		want(t, within(t, in, "/", "openat2", params), "fd.name "+path)
		take(t, in, syscalltest.Open(6e9, 100, 4, "/srv/root", table.OpenRead|table.OpenDirectory))
	}
	root := openedAt(4, "/")
	root["resolve"] = table.ResolveInRoot
	want(t, take(t, in, syscalltest.Frame("openat2", 6e9, 100, root)), "fd.name /srv/root")
	want(t, within(t, in, "/", "openat2", root), "fd.name /")
}

// TestToldAllocations: relative opens cost no memory in steady state, as absolute ones.
func TestToldAllocations(t *testing.T) {
	in := machine(t)
	frame := syscalltest.Within("/etc", syscalltest.Frame("openat", 6e9, 100, openedAt(4, "shadow")))
	take(t, in, frame)
	if allocs := testing.AllocsPerRun(200, func() { take(t, in, frame) }); allocs != 0 {
		t.Errorf("%v allocations for an open in a directory", allocs)
	}
}

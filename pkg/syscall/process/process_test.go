package process

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/syscall/table"
)

const second = int64(time.Second)

func birth(tid, ptid int64, comm string) *Birth {
	return &Birth{Image: Image{TID: tid, PID: tid, PTID: ptid, Comm: comm, Exe: comm}, VTID: tid, VPID: tid}
}

func comms(p *Process) []string {
	var names []string
	p.Ancestors(func(a *Process) bool {
		names = append(names, a.Main.Comm)
		return true
	})
	return names
}

func TestLineage(t *testing.T) {
	tab := NewTable(Limits{}, nil)
	tab.Birth(birth(1, 0, "init"), second, 0)
	tab.Birth(birth(10, 1, "sshd"), second, 0)
	tab.Birth(birth(20, 10, "sshd"), second, 0)
	shell := tab.Exec(&Exec{Image: Image{TID: 20, PID: 20, PTID: 10, Comm: "bash", Exe: "-bash", Args: "-i\x00"}, ExePath: "/bin/bash", Env: "A=1\x00AB=2\x00"}, 2*second)
	cat := tab.Birth(birth(30, 20, "bash"), 3*second, 0)

	if diff := cmp.Diff([]string{"bash", "sshd", "init"}, comms(cat.Process)); diff != "" {
		t.Error(diff)
	}
	if got := shell.Process.CommandLine(); got != "bash -i" {
		t.Errorf("command line %q", got)
	}
	p := cat.Process
	if p.Env != "A=1\x00AB=2\x00" || p.ExePath != "/bin/bash" || p.Start != 3*second {
		t.Errorf("the child did not inherit: %+v", p)
	}
	if p.Variable("AB") != "2" || p.Variable("A") != "1" || p.Variable("") != "" || p.Variable("B") != "" {
		t.Error("variables are wrong")
	}
	if p.Ancestor(0) != p || p.Ancestor(3).Main.Comm != "init" || p.Ancestor(4) != nil || p.Ancestor(-1) != nil {
		t.Error("ancestors by number are wrong")
	}
	if pid, ok := p.ParentPID(); !ok || pid != 20 {
		t.Errorf("parent %d (%v)", pid, ok)
	}
	if _, ok := tab.Get(1).Process.ParentPID(); ok {
		t.Error("init has a parent")
	}
}

// TestParentEnds: names of an ended parent stay until it is known who took the children over.
func TestParentEnds(t *testing.T) {
	for _, test := range []struct {
		name   string
		reaper int64
		want   []string
	}{
		{"reaper known", 1, []string{"init"}},
		{"reaper not known", 0, []string{"launcher", "init"}},
		{"reaper is not in the table", 999, []string{"launcher", "init"}},
		{"forged reaper below the process itself", 6, []string{"launcher", "init"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tab := NewTable(Limits{}, nil)
			tab.Birth(birth(1, 0, "init"), 0, 0)
			tab.Birth(birth(5, 1, "launcher"), 0, 0)
			child := tab.Birth(birth(6, 5, "daemon"), 0, 0)
			tab.Exit(5, test.reaper, second)
			tab.Reap(10 * second)
			if tab.Get(5) != nil {
				t.Error("the ended process is still there")
			}
			if diff := cmp.Diff(test.want, comms(child.Process)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestKeepEnded(t *testing.T) {
	tab := NewTable(Limits{Keep: time.Second}, nil)
	tab.Birth(birth(1, 0, "short"), 0, 0)
	tab.Exit(1, 0, second)
	tab.Reap(second + second/2)
	if tab.Get(1) == nil {
		t.Error("a late event would not find its thread")
	}
	tab.Reap(3 * second)
	if tab.Get(1) != nil || tab.Counts().Threads.Load() != 0 {
		t.Error("the thread is never removed")
	}
}

func TestThreads(t *testing.T) {
	tab := NewTable(Limits{}, nil)
	tab.Birth(birth(1, 0, "app"), 0, 0)
	worker := birth(2, 0, "worker")
	worker.PID, worker.Flags = 1, table.CloneThread
	thread := tab.Birth(worker, second, 0)
	p := thread.Process
	if p != tab.Get(1).Process || p.Threads != 2 || thread.Comm != "worker" {
		t.Errorf("thread %+v of %+v", thread, p)
	}
	// The main thread may end before the others; the process lives on and is found by its id.
	tab.Exit(1, 0, 2*second)
	tab.Reap(100 * second)
	if tab.Get(1) == nil || p.Threads != 1 {
		t.Errorf("the process is gone with its main thread, %d threads", p.Threads)
	}
	tab.Exit(2, 0, 101*second)
	tab.Reap(200 * second)
	tab.Reap(300 * second)
	if tab.Get(1) != nil || tab.Get(2) != nil {
		t.Error("the process stays after its last thread")
	}
	orphan := birth(8, 0, "late")
	orphan.PID = 7
	if got := tab.Birth(orphan, second, 0).Process; got.PID() != 7 || got.Threads != 2 {
		t.Errorf("a thread of an unknown process made %+v", got)
	}
}

// TestReuse: a number that is given to another process must not bring back the old one.
func TestReuse(t *testing.T) {
	tab := NewTable(Limits{}, nil)
	tab.Birth(birth(1, 0, "init"), 0, 0)
	old := tab.Birth(birth(5, 1, "old"), 0, 0)
	tab.OpenFD(old.Process, 3).Name = []byte("/secret")
	tab.Exit(5, 0, second)
	fresh := tab.Birth(birth(5, 1, "new"), second, 0)
	if fresh.Process == old.Process || fresh.Process.FD(3) != nil {
		t.Error("the new process has what the old one had")
	}
	tab.Reap(100 * second)
	if tab.Get(5) != fresh {
		t.Error("the end of the old process removed the new one")
	}
	// No end was seen of this one, only a new beginning.
	if again := tab.Birth(birth(5, 1, "third"), 200*second, 0); tab.Get(5) != again || !fresh.Exited {
		t.Error("a new beginning does not end the old process")
	}
	tab.Exit(5, 0, 201*second)
	x := tab.Exec(&Exec{Image: Image{TID: 5, PID: 5, PTID: 1, Comm: "fourth"}}, 201*second)
	if x.Exited || x.Comm != "fourth" {
		t.Errorf("execve of an ended process gave %+v", x)
	}
}

// TestAnnounced: the maker's event may come before that of the child.
func TestAnnounced(t *testing.T) {
	tab := NewTable(Limits{}, nil)
	tab.Birth(birth(1, 0, "init"), 0, 0)
	maker := tab.Birth(birth(5, 1, "maker"), 0, 0)
	maker.Process.ExePath, maker.Process.Cwd = "/bin/maker", "/work"
	first := birth(6, 1, "maker")
	first.Maker = maker.Process
	tab.Birth(first, second, 0)
	own := birth(6, 1, "maker")
	own.UID, own.NamespaceStart = 7, 5
	child := tab.Birth(own, 2*second, 100)
	p := child.Process
	if p.Start != second || p.ExePath != "/bin/maker" || p.Cwd != "/work" || child.UID != 7 || p.NamespaceStart != 105 {
		t.Errorf("child %+v", p)
	}
	if diff := cmp.Diff([]string{"init"}, comms(p)); diff != "" {
		t.Error(diff)
	}
}

func TestExecParent(t *testing.T) {
	tab := NewTable(Limits{}, nil)
	tab.Birth(birth(1, 0, "init"), 0, 0)
	tab.Birth(birth(5, 1, "a"), 0, 0)
	tab.Birth(birth(6, 5, "b"), 0, 0)
	child := tab.Exec(&Exec{Image: Image{TID: 6, PID: 6, PTID: 1, Comm: "c"}}, 0)
	if diff := cmp.Diff([]string{"init"}, comms(child.Process)); diff != "" {
		t.Errorf("a parent that changed unseen: %s", diff)
	}
	// A circle can only come from forged or reused numbers.
	tab.Exec(&Exec{Image: Image{TID: 1, PID: 1, PTID: 6, Comm: "init"}}, 0)
	if got := comms(child.Process); len(got) != 1 {
		t.Errorf("circle: %d ancestors", len(got))
	}
	tab.Exec(&Exec{Image: Image{TID: 6, PID: 6, PTID: 77, Comm: "c"}}, 0)
	if pid, ok := child.Process.ParentPID(); !ok || pid != 77 {
		t.Errorf("unknown parent %d (%v)", pid, ok)
	}
}

// TestBounds: whatever comes, the table stays within its limits.
func TestBounds(t *testing.T) {
	tab := NewTable(Limits{Threads: 100, FDs: 50}, nil)
	for i := int64(1); i <= 1000; i++ {
		thread := tab.Birth(birth(i, i-1, "p"), i, 0)
		for num := range int64(5) {
			tab.OpenFD(thread.Process, num)
		}
		if i%3 == 0 {
			tab.Exit(i, 0, i)
		}
	}
	if n := len(tab.threads); n > 100 {
		t.Errorf("%d threads", n)
	}
	if tab.fds > 50 || tab.fds < 0 {
		t.Errorf("%d descriptors", tab.fds)
	}
	c := tab.Counts()
	if c.Evicted.Load() != 900 || c.FDsRefused.Load() == 0 {
		t.Errorf("%d evicted, %d refused", c.Evicted.Load(), c.FDsRefused.Load())
	}
	if got := tab.OpenFD(tab.Get(1000).Process, maxNumber+1); got != nil {
		t.Error("a number above all limits was taken")
	}
	// A chain of parents that end unseen does not grow without end.
	chain := NewTable(Limits{}, nil)
	for i := int64(1); i < 5*maxAncestors; i++ {
		chain.Birth(birth(i, i-1, "hop"), i*second, 0)
		chain.Exit(i-1, 0, i*second)
		chain.Reap(i * second)
	}
	depth := 0
	for p := chain.Get(5*maxAncestors - 1).Process; p != nil; p = p.parent {
		depth++
	}
	if depth > 2*maxAncestors+2 {
		t.Errorf("%d ended ancestors are kept", depth)
	}
}

func TestFDs(t *testing.T) {
	tab := NewTable(Limits{}, nil)
	parent := tab.Birth(birth(1, 0, "p"), 0, 0)
	fd := tab.OpenFD(parent.Process, 3)
	fd.Name, fd.Kind = append(fd.Name, "/a"...), KindFile
	tab.OpenFD(parent.Process, 4).Flags = table.OpenCloexec
	child := tab.Birth(birth(2, 1, "c"), 0, 0)
	copied := tab.CopyFD(child.Process, child.Process.FD(3), 9)
	if string(copied.Name) != "/a" || copied.Num != 9 {
		t.Errorf("copy %+v", copied)
	}
	fd = tab.OpenFD(parent.Process, 3)
	fd.Name = append(fd.Name, "/b"...)
	if got := string(child.Process.FD(3).Name); got != "/a" {
		t.Errorf("the child's descriptor changed to %s", got)
	}
	tab.Exec(&Exec{Image: Image{TID: 2, PID: 2, PTID: 1, Comm: "c"}}, 0)
	if child.Process.FD(3) == nil || child.Process.FD(4) != nil {
		t.Error("execve must close the one descriptor and keep the other")
	}
	tab.CloseFD(child.Process, 3)
	tab.CloseFD(child.Process, 1234)
	if child.Process.FD(3) != nil {
		t.Error("a closed descriptor is open")
	}
	if allocs := testing.AllocsPerRun(100, func() {
		fd := tab.OpenFD(parent.Process, 3)
		fd.Name = append(fd.Name[:0], "/b"...)
		tab.CloseFD(parent.Process, 3)
	}); allocs != 0 {
		t.Errorf("opening a known number allocates %v times", allocs)
	}
}

func TestAppendPath(t *testing.T) {
	tests := []struct{ dir, name, want string }{
		{"/root", "/etc/shadow", "/etc/shadow"},
		{"/root", "/etc/../etc/../etc/shadow", "/etc/shadow"},
		{"/root", "x", "/root/x"},
		{"/root/", "x/", "/root/x"},
		{"/", "x", "/x"},
		{"/a/b", "../../..", "/"},
		{"/a/b", "../../../c", "/c"},
		{"/a/b", "./c/./d/../e", "/a/b/c/e"},
		{"/a/b", "..", "/a"},
		{"/a", "", "/a"},
		{"", "x", "/x"},
		{"/a", "/", "/"},
		{"/a", "//b///c//", "/b/c"},
		{"/a", "/.hidden", "/.hidden"},
		{"/a", "/...", "/..."},
		{"/a", "/b/..c", "/b/..c"},
		{"/a b", "\xff\n", "/a b/\xff\n"},
	}
	for _, test := range tests {
		got := string(AppendPath([]byte("#"), []byte(test.dir), []byte(test.name)))
		if got != "#"+test.want {
			t.Errorf("%q in %q is %q, want %q", test.name, test.dir, got[1:], test.want)
		}
	}
}

func FuzzAppendPath(f *testing.F) {
	f.Add("/a/b", "../c")
	f.Add("", "//./..")
	f.Fuzz(func(t *testing.T, dir, name string) {
		path := string(AppendPath(nil, []byte(dir), []byte(name)))
		if path == "" || path[0] != '/' || len(path) > 1 && strings.HasSuffix(path, "/") {
			t.Fatalf("%q is not absolute", path)
		}
		for _, part := range strings.Split(path[1:], "/") {
			if path != "/" && (part == "" || part == "." || part == "..") {
				t.Fatalf("%q is not in its shortest form", path)
			}
		}
		if again := string(AppendPath(nil, nil, []byte(path))); again != path {
			t.Fatalf("%q becomes %q", path, again)
		}
	})
}

func TestElements(t *testing.T) {
	for _, test := range []struct {
		n    int
		want string
		ok   bool
	}{{0, "a", true}, {1, "", true}, {2, "b c", true}, {3, "", false}, {-1, "", false}} {
		if got, ok := Element("a\x00\x00b c\x00", test.n); got != test.want || ok != test.ok {
			t.Errorf("element %d is %q (%v)", test.n, got, ok)
		}
	}
	if got := Join("a\x00\x00b c\x00"); got != "a  b c" {
		t.Errorf("joined %q", got)
	}
}

func BenchmarkFind(b *testing.B) {
	tab := NewTable(Limits{}, nil)
	for i := int64(1); i < 5000; i++ {
		tab.Birth(birth(i, i/2, fmt.Sprint("p", i)), 0, 0)
	}
	i := int64(0)
	for b.Loop() {
		i = i%4999 + 1
		if tab.Find(i, i) == nil {
			b.Fatal(i)
		}
	}
}

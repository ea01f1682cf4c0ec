package process

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/saker-security/saker/pkg/syscall/cgroup"
)

// fakeProc builds a proc file system; files are by path below its root.
func fakeProc(t *testing.T, files map[string]string) *Proc {
	t.Helper()
	root := t.TempDir()
	files["stat"] = "cpu 1 2 3\nbtime 1000\n"
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if link, ok := linkTarget(text); ok {
			err = os.Symlink(link, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	proc, err := OpenProc(root)
	if err != nil {
		t.Fatal(err)
	}
	return proc
}

func linkTarget(text string) (string, bool) {
	if len(text) > 2 && text[:2] == "->" {
		return text[2:], true
	}
	return "", false
}

const containerID = "f19b07350de53034ca307120e815948e6983247d31b12997972dc7fc87255de5"

func shellFiles() map[string]string {
	return map[string]string{
		"42/stat": "42 (a) b (sh) S 7 40 41 34816 40 4194304 11 0 3 0 1 2 0 0 20 0 2 0 150 99 88\n",
		"42/status": "Name:\tsh\nTgid:\t42\nNgid:\t0\nPid:\t42\nPPid:\t7\nUid:\t1000\t1001\t1000\t1000\nGid:\t100\t101\t100\t100\n" +
			"NStgid:\t42\t5\nNSpid:\t42\t5\nNSpgid:\t40\t4\nNSsid:\t41\t1\nVmSize:\t  2048 kB\nVmRSS:\t 512 kB\nVmSwap:\t 0 kB\nThreads:\t2\n" +
			"CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n",
		"42/cmdline":        "/bin/sh\x00-c\x00a  b\x00",
		"42/environ":        "PATH=/bin\x00EMPTY=\x00",
		"42/exe":            "->/usr/bin/dash (deleted)",
		"42/cwd":            "->/tmp/x",
		"42/fd/3":           "->/etc",
		"42/loginuid":       "4294967295",
		"42/cgroup":         "12:cpu,cpuacct:/docker/" + containerID + "\n1:name=systemd:/x\n0::/docker/" + containerID + "\n",
		"42/limits":         "Limit   Soft Limit   Hard Limit  Units\nMax open files            1024                 4096                 files\n",
		"42/task/42/status": "Name:\tsh\n",
		"42/task/43/status": "Name:\tworker\nNSpid:\t43\t6\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n",
		"7/stat":            "7 (sshd) S 0 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0\n",
		"7/status":          "Name:\tsshd\nTgid:\t7\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nThreads:\t1\n",
		"8/stat":            "8 (gone",
		"8/status":          "",
		"9/cmdline":         "no stat file: vanishing\x00",
		"irq/x":             "",
	}
}

func TestRead(t *testing.T) {
	proc := fakeProc(t, shellFiles())
	got, err := proc.Read(42)
	if err != nil {
		t.Fatal(err)
	}
	want := &Info{
		TID: 42, PID: 42, PPID: 7, VTID: 5, VPID: 5, SID: 1, PGID: 40, VPGID: 4, Comm: "a) b (sh",
		Exe: "/bin/sh", ExePath: "/usr/bin/dash", Args: []string{"-c", "a  b"}, Env: []string{"PATH=/bin", "EMPTY="}, Cwd: "/tmp/x",
		UID: 1001, GID: 101, LoginUID: noID, TTY: 34816, Caps: Caps{Permitted: 0xa80425fb, Effective: 0xa80425fb},
		Groups: []string{"cpu=/docker/" + containerID, "cpuacct=/docker/" + containerID, "=/docker/" + containerID},
		Start:  1001_500_000_000, FDLimit: 1024, Threads: 2, VMSize: 2048, VMResident: 512, MinorFaults: 11, MajorFaults: 3,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Info{}, "ExeInode", "ExeChanged", "ExeModified", "ExeFlags")); diff != "" {
		t.Error(diff)
	}
	for _, tid := range []int64{8, 9, 1234} {
		if _, err := proc.Read(tid); err == nil {
			t.Errorf("thread %d was read", tid)
		}
	}
	if path, err := proc.FD(42, 3); err != nil || path != "/etc" {
		t.Errorf("descriptor 3 is %q, %v", path, err)
	}
}

func TestSeed(t *testing.T) {
	tab := NewTable(Limits{}, fakeProc(t, shellFiles()))
	n, err := tab.Seed(2000 * second)
	if err != nil || n != 3 {
		t.Fatalf("%d threads, %v", n, err)
	}
	shell := tab.Get(42)
	if shell.Process.Container != (cgroup.Container{ID: containerID, Runtime: "docker"}) || !shell.Process.InNamespace() {
		t.Errorf("process %+v", shell.Process)
	}
	if diff := cmp.Diff([]string{"sshd"}, comms(shell.Process)); diff != "" {
		t.Error(diff)
	}
	if worker := tab.Get(43); worker == nil || worker.Comm != "worker" || worker.VTID != 6 || worker.Process != shell.Process {
		t.Errorf("thread %+v", worker)
	}
	if _, err := NewTable(Limits{}, nil).Seed(0); err == nil {
		t.Error("seeded from nothing")
	}
}

func TestLookup(t *testing.T) {
	tab := NewTable(Limits{}, fakeProc(t, shellFiles()))
	if thread := tab.Find(42, 2000*second); thread == nil || thread.Process.Parent() == nil {
		t.Fatal("the thread and its parent were not looked up")
	}
	tab.Find(42, 2000*second)
	for range 5 {
		if tab.Find(1234, 2000*second) != nil {
			t.Fatal("found a thread that is not there")
		}
	}
	c := tab.Counts()
	if c.Lookups.Load() != 2 || c.LookupsFailed.Load() != 1 {
		t.Errorf("%d look-ups, %d failed; each thread must be looked for once", c.Lookups.Load(), c.LookupsFailed.Load())
	}
	tab.Find(1234, 2000*second+2*retryMissed)
	if c.Lookups.Load() != 3 {
		t.Error("a thread is never looked for again")
	}
	// The process of /proc began after the event: it only has the same number.
	if NewTable(Limits{}, tab.proc).Find(42, 900*second) != nil {
		t.Error("a later process was taken for that of the event")
	}
}

func TestSession(t *testing.T) {
	tab := NewTable(Limits{}, fakeProc(t, shellFiles()))
	thread := tab.Birth(birth(42, 0, "daemon"), 2000*second, 0)
	if got := tab.Session(thread.Process); got != 1 {
		t.Errorf("session %d, /proc says 1", got)
	}
	thread.Process.SetSession(42)
	if got := tab.Session(thread.Process); got != 42 {
		t.Errorf("session %d after setsid", got)
	}
}

func TestSnapshot(t *testing.T) {
	tab := NewTable(Limits{}, fakeProc(t, shellFiles()))
	if _, err := tab.Seed(2000 * second); err != nil {
		t.Fatal(err)
	}
	infos := tab.Snapshot()
	again := NewTable(Limits{}, nil)
	again.Load(infos, 2000*second)
	byID := cmpopts.SortSlices(func(a, b Info) bool { return a.TID < b.TID })
	if diff := cmp.Diff(infos, again.Snapshot(), byID); diff != "" {
		t.Error(diff)
	}
	// Circles in a damaged recording do no harm.
	circle := NewTable(Limits{}, nil)
	circle.Load([]Info{{TID: 1, PID: 1, PPID: 2}, {TID: 2, PID: 2, PPID: 1}, {TID: 3, PID: 3, PPID: 3}, {TID: 5, PID: 4}, {TID: -1}}, 0)
	for tid := int64(1); tid <= 3; tid++ {
		if n := len(comms(circle.Get(tid).Process)); n > 1 {
			t.Errorf("thread %d has %d ancestors", tid, n)
		}
	}
}

// TestSelf reads the process of the test itself from the real /proc.
func TestSelf(t *testing.T) {
	proc, err := OpenProc("/proc")
	if err != nil {
		t.Skipf("no proc file system: %v", err)
	}
	info, err := proc.Read(int64(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if info.ExePath != exe || info.PPID != int64(os.Getppid()) || info.UID != uint32(os.Geteuid()) || info.ExeInode == 0 || info.Start < proc.Boot() {
		t.Errorf("read %+v", info)
	}
	if self, err := proc.FD(info.PID, 0); err != nil || self == "" {
		t.Errorf("descriptor 0: %q, %v", self, err)
	}
}

func FuzzParseStat(f *testing.F) {
	for name, text := range shellFiles() {
		if filepath.Base(name) == "stat" {
			f.Add([]byte(text), []byte(shellFiles()["42/status"]), []byte(shellFiles()["42/cgroup"]))
		}
	}
	f.Fuzz(func(t *testing.T, stat, status, groups []byte) {
		var info Info
		proc := &Proc{tick: 1}
		_ = proc.parseStat(&info, stat)
		parseStatus(&info, status)
		for _, g := range parseGroups(groups) {
			if g == "" {
				t.Error("empty group")
			}
		}
		_ = strconv.Itoa(info.Threads)
	})
}

//go:build linux && (amd64 || arm64)

package core

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func gettid() int { return unix.Gettid() }

// Parameters of execve, by their place in the event table.
const (
	execRes = iota
	execExe
	execArgs
	execTid
	execPid
	execPtid
	execCwd
	execFdlimit
	execPgftMaj
	execPgftMin
	execVMSize
	execVMRSS
	execVMSwap
	execComm
	execCgroups
	execEnv
	execTTY
	execVpgid
	execLoginuid
	execFlags
	execCapInheritable
	execCapPermitted
	execCapEffective
	execIno
	execCtime
	execMtime
	execUID
	execTrustedPath
	execPgid
	execGID
	execFilename
)

// program finds a program of the machine and the file behind its links.
func program(t testing.TB, name string) (path, file string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	file, err = filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, file
}

// status reads one line of /proc/self/status.
func status(t testing.TB, key string) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, key+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	t.Fatalf("no %s in /proc/self/status", key)
	return ""
}

func hex(t testing.TB, s string) int64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return int64(n)
}

// TestExec runs a program and compares every parameter of its events with what the system says of it elsewhere.
func TestExec(t *testing.T) {
	d := sensor(t)
	s := events(t, d)
	path, file := program(t, "true")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "first", "second word")
	cmd.Args[0] = "/not/its/path/true" // its last part is what busybox goes by
	cmd.Dir = dir
	cmd.Env = []string{"ONE=1", "TWO=two words"}
	before := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	clone := s.find(of(typeClone, pid))
	g := s.find(of(typeExecve, pid))
	exit := s.find(of(typeProcexit, pid))

	var st syscall.Stat_t
	if err := syscall.Stat(file, &st); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		i    int
		want int64
	}{
		{"res", execRes, 0}, {"tid", execTid, int64(pid)}, {"pid", execPid, int64(pid)},
		{"swap", execVMSwap, 0}, {"tty", execTTY, terminal(t)},
		{"vpgid", execVpgid, int64(syscall.Getpgrp())}, {"pgid", execPgid, int64(syscall.Getpgrp())},
		{"cap_inheritable", execCapInheritable, hex(t, status(t, "CapInh"))},
		{"cap_permitted", execCapPermitted, hex(t, status(t, "CapPrm"))},
		{"cap_effective", execCapEffective, hex(t, status(t, "CapEff"))},
		{"exe_ino", execIno, int64(st.Ino)}, {"ctime", execCtime, st.Ctim.Nano()}, {"mtime", execMtime, st.Mtim.Nano()},
		{"uid", execUID, int64(os.Geteuid())}, {"gid", execGID, int64(os.Getegid())},
		{"loginuid", execLoginuid, loginuid(t)},
	} {
		if v := g.number(c.i); v != c.want {
			t.Errorf("%s is %d, want %d", c.name, v, c.want)
		}
	}
	for _, c := range []struct {
		name string
		i    int
		want string
	}{
		{"exe", execExe, "/not/its/path/true"}, {"args", execArgs, "first\x00second word"}, {"cwd", execCwd, dir},
		{"comm", execComm, filepath.Base(path)}, {"env", execEnv, "ONE=1\x00TWO=two words"},
		{"trusted_exepath", execTrustedPath, file}, {"filename", execFilename, path},
	} {
		if v := g.text(c.i); v != c.want {
			t.Errorf("%s is %q, want %q", c.name, v, c.want)
		}
	}
	if g.number(execVMSize) <= 0 || g.number(execVMRSS) < 0 || g.number(execPgftMin) <= 0 || g.number(execFdlimit) <= 0 {
		t.Errorf("resources: size %d, rss %d KiB, %d faults, %d files",
			g.number(execVMSize), g.number(execVMRSS), g.number(execPgftMin), g.number(execFdlimit))
	}
	checkCgroups(t, g.text(execCgroups))
	checkClone(t, clone, pid)
	if clone.number(5) != g.number(execPtid) {
		t.Errorf("ptid is %d at the fork, %d at the exec", clone.number(5), g.number(execPtid))
	}
	if exit.number(0) != 0 || exit.number(1) != 0 || exit.number(2) != 0 || exit.number(3) != 0 || exit.number(4) != 0 {
		t.Errorf("exit: % x", exit.params)
	}
	for _, g := range []got{clone, g, exit} {
		if at := time.Unix(0, g.Time); at.Before(before.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
			t.Errorf("event %d happened at %v, the program ran at %v", g.Type, at, before)
		}
	}
}

func checkClone(t *testing.T, g got, pid int) {
	t.Helper()
	self, err := os.ReadFile("/proc/self/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	if want := string(self); string(g.params[1])+string(g.params[2]) != want[:min(len(want), 4096)] {
		t.Errorf("clone: program %q with %q, want %q", g.params[1], g.params[2], want)
	}
	for i, want := range map[int]int64{0: 0, 3: int64(pid), 4: int64(pid), 16: int64(os.Geteuid()), 17: int64(os.Getegid())} {
		if g.number(i) != want {
			t.Errorf("clone: parameter %d is %d, want %d", i, g.number(i), want)
		}
	}
	if len(g.params[6]) != 0 {
		t.Errorf("clone: cwd is %q, want none", g.params[6])
	}
	checkCgroups(t, g.text(14))
}

func terminal(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))[4], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func loginuid(t *testing.T) int64 {
	b, err := os.ReadFile("/proc/self/loginuid")
	if err != nil {
		return 0xffffffff // no audit in this kernel
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkCgroups compares the elements of an event with /proc/self/cgroup, where every controller of the event that is
// mounted as a hierarchy of its own must have the same path, and one element that of the unified hierarchy.
func checkCgroups(t *testing.T, list string) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	have := make(map[string]string)
	var names []string
	for _, e := range strings.Split(list, "\x00") {
		name, path, ok := strings.Cut(e, "=")
		if !ok || !strings.HasPrefix(path, "/") {
			t.Errorf("cgroup element %q", e)
		}
		have[name] = path
		names = append(names, name)
	}
	if got := strings.Join(names, " "); !strings.HasPrefix(got, "cpuset cpu cpuacct io memory") {
		t.Errorf("controllers are %s", got)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		for _, controller := range strings.Split(f[1], ",") {
			if controller == "blkio" {
				controller = "io"
			}
			if path, ok := have[controller]; ok && path != f[2] {
				t.Errorf("cgroup of %s is %s, want %s", controller, path, f[2])
			}
		}
		if f[0] == "0" && f[2] != "/" && !strings.Contains(list, "="+f[2]) {
			t.Errorf("no element of %q shows the unified cgroup %s", list, f[2])
		}
	}
}

// TestExitStatus checks the ways in which a program ends.
func TestExitStatus(t *testing.T) {
	d := sensor(t)
	s := events(t, d)
	shell, _ := program(t, "sh")
	for _, c := range []struct {
		script           string
		status, ret, sig int64
	}{
		{"exit 3", 0x300, 3, 0},
		{"kill -9 $$", 9, 0, 9},
	} {
		cmd := exec.Command(shell, "-c", c.script)
		_ = cmd.Run()
		g := s.find(of(typeProcexit, cmd.Process.Pid))
		if g.number(0) != c.status || g.number(1) != c.ret || g.number(2) != c.sig {
			t.Errorf("%s: status %#x, ret %d, sig %d", c.script, g.number(0), g.number(1), g.number(2))
		}
	}
}

// TestReaper lets a process die before its child: the event names who adopts it.
func TestReaper(t *testing.T) {
	d := sensor(t)
	s := events(t, d)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	shell, _ := program(t, "sh")
	cmd := exec.Command(shell, "-c", "sleep 0.2 & exit 0")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	g := s.find(of(typeProcexit, cmd.Process.Pid))
	if task := fmt.Sprintf("/proc/self/task/%d", g.number(4)); g.number(4) == 0 || !exists(task) {
		t.Errorf("reaper is %d, want a thread of %d", g.number(4), os.Getpid())
	}
	var orphan unix.WaitStatus
	if _, err := unix.Wait4(-1, &orphan, 0, nil); err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestFailedExec checks that an exec that fails brings what was asked for and who asked.
func TestFailedExec(t *testing.T) {
	d := sensor(t)
	s := events(t, d)
	missing := "/no/such/program"
	sizes := []struct {
		key    string
		i      int
		before int64
	}{{"VmSize", execVMSize, 0}, {"VmRSS", execVMRSS, 0}}
	for i := range sizes {
		sizes[i].before = kibibytes(t, sizes[i].key)
	}
	tid := onThread(func() {
		_ = unix.Exec(missing, []string{"zero", "one", "two"}, []string{"A=b"})
	})
	g := s.find(of(typeExecve, tid))
	self, err := filepath.EvalSymlinks("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if g.number(execRes) != -int64(unix.ENOENT) || g.text(execExe) != "zero" || g.text(execArgs) != "one\x00two" ||
		g.text(execEnv) != "A=b" || g.text(execFilename) != missing || g.text(execTrustedPath) != self ||
		g.number(execPid) != int64(os.Getpid()) {
		t.Errorf("failed execve: %q", g.params)
	}
	// The process grows while it is tested, so what it had lies between two readings.
	for _, c := range sizes {
		after := kibibytes(t, c.key)
		if v := g.number(c.i); v < min(c.before, after)/2 || v > 2*max(c.before, after) {
			t.Errorf("%s is %d KiB, /proc said %d before and %d after", c.key, v, c.before, after)
		}
	}

	tid = onThread(func() { execveat(t, 999, "nothing", "zero") })
	g = s.find(of(331, tid))
	if len(g.params) != 30 || g.number(execRes) != -int64(unix.EBADF) || g.text(execExe) != "zero" ||
		len(g.params[execArgs]) != 0 || len(g.params[execEnv]) != 0 {
		t.Errorf("failed execveat: %q", g.params)
	}
}

// kibibytes reads a size from /proc/self/status.
func kibibytes(t *testing.T, key string) (n int64) {
	t.Helper()
	if _, err := fmt.Sscanf(status(t, key), "%d kB", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestExecMemfd runs a program that is in no directory.
func TestExecMemfd(t *testing.T) {
	d := sensor(t)
	s := events(t, d)
	path, _ := program(t, "true")
	code, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.MemfdCreate("payload", 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "payload")
	defer f.Close()
	if _, err := f.Write(code); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd))
	cmd.Args[0] = "true"
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	g := s.find(of(typeExecve, cmd.Process.Pid))
	const writable, fromMemfd = 1, 4
	if g.text(execTrustedPath) != "memfd:payload" || g.number(execFlags) != writable|fromMemfd {
		t.Errorf("path %q, flags %#x", g.text(execTrustedPath), g.number(execFlags))
	}
}

// TestPidNamespace runs a program in new namespaces: it has other ids there than here.
func TestPidNamespace(t *testing.T) {
	d := sensor(t)
	s := events(t, d)
	path, _ := program(t, "true")
	cmd := exec.Command(path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWNS}
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	const newNS, newPID, newUTS, inPidns, thread = 0x20, 0x40, 0x80, 0x20000000, 0x2000
	g := s.find(of(typeClone, pid))
	if f := g.number(15); f&(newNS|newPID|newUTS|inPidns) != newNS|newPID|newUTS|inPidns || f&thread != 0 {
		t.Errorf("clone: flags %#x", f)
	}
	if g.number(3) != int64(pid) || g.number(18) != 1 || g.number(19) != 1 || g.number(20) <= 0 {
		t.Errorf("clone: tid %d vtid %d vpid %d start of the namespace %d", g.number(3), g.number(18), g.number(19), g.number(20))
	}
	g = s.find(of(typeExecve, pid))
	if g.number(execPgid) != int64(pid) || g.number(execVpgid) != 1 {
		t.Errorf("execve: pgid %d vpgid %d", g.number(execPgid), g.number(execVpgid))
	}
}

// TestThread checks that a new thread comes as a clone that shares everything.
func TestThread(t *testing.T) {
	d := sensor(t)
	s := events(t, d)
	done := make(chan struct{})
	defer close(done)
	// Goroutines that hold on to their threads make the runtime start new ones.
	for range 8 {
		go func() {
			runtime.LockOSThread()
			<-done
		}()
	}
	g := s.find(func(g got) bool { return g.Type == typeClone && g.number(4) == int64(os.Getpid()) })
	const shared = 0x1 | 0x2 | 0x800 | 0x2000 | 0x8000 // FILES FS SIGHAND THREAD VM
	if g.number(15)&shared != shared || g.number(3) == g.number(4) || g.Thread != g.number(3) {
		t.Errorf("thread: flags %#x, tid %d, pid %d", g.number(15), g.number(3), g.number(4))
	}
}

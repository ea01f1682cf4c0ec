package drivertest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/syscall/wire"
)

func testExec(t *testing.T, w *watcher) {
	cmd := command(t, "/bin/echo", "one", "two words", "")
	cmd.Args[0] = "myself"
	cmd.Env = []string{"FIRST=1", "SAKER=peregrine"}
	begin := time.Now()
	pid := int64(run(t, cmd).Pid())
	e, _ := w.find(t, "execve", isExec(pid))
	end := time.Now()

	wantNum(t, e, 0, "res", 0)
	wantText(t, e, 1, "exe", "myself")
	wantText(t, e, 2, "args", "one\x00two words\x00")
	wantNum(t, e, 3, "tid", pid)
	wantNum(t, e, 4, "pid", pid)
	if !ownThread(num(e, 5)) {
		t.Errorf("ptid is %d, want the id of this process or of one of its threads", num(e, 5))
	}
	wantKnown(t, e, 6, "cwd", cmd.Dir)
	wantKnown(t, e, 7, "fdlimit", fdlimit(t))
	wantText(t, e, 13, "comm", "echo")
	wantCgroups(t, e, 14)
	wantText(t, e, 15, "env", "FIRST=1\x00SAKER=peregrine")
	wantKnown(t, e, 18, "loginuid", loginuid(t))
	wantNum(t, e, 26, "uid", int64(os.Geteuid()))
	wantNum(t, e, 29, "gid", int64(os.Getegid()))
	wantText(t, e, 30, "filename", "/bin/echo")
	wantExeFile(t, e, "/bin/echo")
	if at := time.Unix(0, e.Time); at.Before(begin.Add(-time.Second)) || at.After(end.Add(time.Second)) {
		t.Errorf("time is %v, want one between %v and %v", at, begin, end)
	}
	if int(e.CPU) >= runtime.NumCPU() {
		t.Errorf("CPU is %d of %d", e.CPU, runtime.NumCPU())
	}
	if e.Params != 31 {
		t.Errorf("%d parameters, want 31", e.Params)
	}
}

func isExec(pid int64) func(*wire.Event) bool {
	return func(e *wire.Event) bool { return e.Type == typeExecve && e.Thread == pid }
}

// wantExeFile compares what the event says about the program's file.
func wantExeFile(t *testing.T, e *wire.Event, path string) {
	t.Helper()
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(real, &st); err != nil {
		t.Fatal(err)
	}
	wantKnown(t, e, 23, "exe_ino", int64(st.Ino))
	wantKnown(t, e, 24, "exe_ino_ctime", st.Ctim.Nano())
	wantKnown(t, e, 25, "exe_ino_mtime", st.Mtim.Nano())
	wantKnown(t, e, 27, "trusted_exepath", real)
}

// wantCgroups compares the paths with this process's, of which the child inherited them.
func wantCgroups(t *testing.T, e *wire.Event, i int) {
	t.Helper()
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Param(i)) == 0 {
		t.Logf("type %d: cgroups have no value", e.Type)
		return
	}
	paths := map[string]bool{}
	for line := range strings.Lines(string(own)) {
		if f := strings.SplitN(strings.TrimSpace(line), ":", 3); len(f) == 3 {
			paths[f[2]] = true
		}
	}
	for _, c := range strings.Split(text(e, i), "\x00") {
		_, path, ok := strings.Cut(c, "=")
		if !ok || !paths[path] {
			t.Errorf("type %d: cgroup %q is none of this process's\n%s", e.Type, c, own)
		}
	}
}

func fdlimit(t *testing.T) int64 {
	t.Helper()
	// Not getrlimit: Go raises its own limit and gives a child the original one.
	out, err := command(t, "/bin/sh", "-c", "ulimit -n").Output()
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func loginuid(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/loginuid")
	if err != nil {
		return int64(^uint32(0))
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func testExecScript(t *testing.T, w *watcher) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	pid := int64(run(t, command(t, script, "x")).Pid())
	e, _ := w.find(t, "execve of a script", isExec(pid))
	wantNum(t, e, 0, "res", 0)
	wantText(t, e, 1, "exe", "/bin/sh")
	wantText(t, e, 2, "args", script+"\x00x")
	wantText(t, e, 13, "comm", "script")
	wantText(t, e, 30, "filename", script)
}

// testExecByThread: a thread that is not its process's first takes over the id of the first when it runs a program.
func testExecByThread(t *testing.T, w *watcher) {
	pid := int64(run(t, helper(t, "exec by thread")).Pid())
	e, _ := w.find(t, "execve by a thread", func(e *wire.Event) bool {
		return isExec(pid)(e) && text(e, 30) == "/bin/true"
	})
	wantNum(t, e, 0, "res", 0)
	wantText(t, e, 2, "args", "by thread")
	wantNum(t, e, 3, "tid", pid)
	wantNum(t, e, 4, "pid", pid)
	wantText(t, e, 13, "comm", "true")
}

func testExecFails(t *testing.T, w *watcher) {
	path := filepath.Join(t.TempDir(), "no-such-program")
	if err := unix.Exec(path, []string{"a", "b c", "d"}, []string{"X=1"}); !errors.Is(err, unix.ENOENT) {
		t.Fatalf("exec gives %v", err)
	}
	e, _ := w.find(t, "execve that failed", func(e *wire.Event) bool { return e.Type == typeExecve && text(e, 30) == path })
	wantNum(t, e, 0, "res", -int64(unix.ENOENT))
	wantText(t, e, 1, "exe", "a")
	wantText(t, e, 2, "args", "b c\x00d")
	wantNum(t, e, 3, "tid", e.Thread)
	wantNum(t, e, 4, "pid", int64(os.Getpid()))
	wantNum(t, e, 26, "uid", int64(os.Geteuid()))
}

// testExecMemfd: a program that is no file anywhere.
func testExecMemfd(t *testing.T, w *watcher) {
	pid := int64(run(t, helper(t, "memfd")).Pid())
	e, _ := w.find(t, "execve of a memfd", func(e *wire.Event) bool { return isExec(pid)(e) && text(e, 2) == "of a memfd" })
	wantNum(t, e, 0, "res", 0)
	wantKnown(t, e, 27, "trusted_exepath", "memfd:"+helperName)
}

// testExecLong: arguments may be cut, but not in silence.
func testExecLong(t *testing.T, w *watcher) {
	long := strings.Repeat("x", 100_000)
	before, err := w.d.Stats()
	if err != nil {
		t.Fatal(err)
	}
	pid := int64(run(t, command(t, "/bin/true", "first", long)).Pid())
	e, _ := w.find(t, "execve with long arguments", isExec(pid))
	got, whole := text(e, 2), "first\x00"+long
	if !strings.HasPrefix(whole, got) || len(got) < 1000 {
		t.Errorf("args are %d bytes, beginning with %.20q", len(got), got)
	}
	s, err := w.d.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if got != whole && s.Truncated == before.Truncated {
		t.Error("arguments that were cut are not counted")
	}
}

// testExecveat: one that succeeds comes as execve, as from Falco's drivers, because the kernel makes it look so.
func testExecveat(t *testing.T, w *watcher) {
	pid := int64(run(t, helper(t, "execveat")).Pid())
	e, _ := w.find(t, "execveat", func(e *wire.Event) bool { return isExec(pid)(e) && text(e, 2) == "by descriptor" })
	wantNum(t, e, 0, "res", 0)
	wantText(t, e, 1, "exe", "true")
	wantText(t, e, 2, "args", "by descriptor")
	wantNum(t, e, 4, "pid", pid)
}

func testExecveatFails(t *testing.T, w *watcher) {
	mark := fmt.Sprintf("no-such-program-%d", os.Getpid())
	if err := execveat(unix.AT_FDCWD, "/nonexistent/x", []string{mark, "y"}, 0); !errors.Is(err, unix.ENOENT) {
		t.Fatalf("execveat gives %v", err)
	}
	e, _ := w.find(t, "execveat that failed", func(e *wire.Event) bool { return e.Type == typeExecveat && text(e, 1) == mark })
	wantNum(t, e, 0, "res", -int64(unix.ENOENT))
	wantText(t, e, 2, "args", "y")
	wantNum(t, e, 4, "pid", int64(os.Getpid()))
	if e.Params != 30 {
		t.Errorf("%d parameters, want 30", e.Params)
	}
}

func testForkExit(t *testing.T, w *watcher) {
	pid := int64(run(t, command(t, "/bin/sh", "-c", "exit 7")).Pid())
	exit, last := w.find(t, "procexit", func(e *wire.Event) bool { return e.Type == typeProcexit && e.Thread == pid })
	wantNum(t, exit, 0, "status", 7<<8)
	wantNum(t, exit, 1, "ret", 7)
	wantNum(t, exit, 2, "sig", 0)
	wantNum(t, exit, 3, "core", 0)
	if exit.Params != 5 {
		t.Errorf("%d parameters of procexit, want 5", exit.Params)
	}
	_, middle := w.find(t, "execve", isExec(pid))
	fork, first := w.find(t, "clone", func(e *wire.Event) bool { return e.Type == typeClone && e.Thread == pid })
	if first > middle || middle > last {
		t.Errorf("clone, execve and procexit come as events %d, %d and %d", first, middle, last)
	}
	wantNum(t, fork, 0, "res", 0)
	wantNum(t, fork, 3, "tid", pid)
	wantNum(t, fork, 4, "pid", pid)
	if !ownThread(num(fork, 5)) {
		t.Errorf("ptid is %d, want the id of this process or of one of its threads", num(fork, 5))
	}
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, fork, 13, "comm", strings.TrimSpace(string(comm)))
	wantCgroups(t, fork, 14)
	wantNum(t, fork, 16, "uid", int64(os.Geteuid()))
	wantNum(t, fork, 17, "gid", int64(os.Getegid()))
	wantKnown(t, fork, 18, "vtid", vpid(t, fork))
	wantKnown(t, fork, 19, "vpid", vpid(t, fork))
	if fork.Params != 21 {
		t.Errorf("%d parameters of clone, want 21", fork.Params)
	}
}

// vpid is the id that a child has in this process's namespace, which is the one that a child of it sees.
func vpid(t *testing.T, fork *wire.Event) int64 {
	t.Helper()
	return num(fork, 4) // tests run in the first namespace, or no driver would give the ids that Go has
}

func testKilled(t *testing.T, w *watcher) {
	cmd := helper(t, "wait")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // tells that it was killed
	pid := int64(cmd.Process.Pid)
	e, _ := w.find(t, "procexit", func(e *wire.Event) bool { return e.Type == typeProcexit && e.Thread == pid })
	wantNum(t, e, 0, "status", int64(unix.SIGKILL))
	wantNum(t, e, 1, "ret", 0)
	wantNum(t, e, 2, "sig", int64(unix.SIGKILL))
}

func testThread(t *testing.T, w *watcher) {
	const cloneThread = 1 << 13
	self := int64(os.Getpid())
	tids := make(chan int64)
	var locked []chan struct{}
	for range 64 { // until a goroutine gets a thread of its own that did not exist before
		release := make(chan struct{})
		locked = append(locked, release)
		go func() {
			runtime.LockOSThread() // and ends with the goroutine
			tids <- int64(unix.Gettid())
			<-release
		}()
	}
	mine := map[int64]bool{}
	for range locked {
		mine[<-tids] = true
	}
	for _, release := range locked {
		close(release)
	}
	e, _ := w.find(t, "clone of a thread", func(e *wire.Event) bool {
		return e.Type == typeClone && mine[e.Thread] && e.Thread != self
	})
	wantNum(t, e, 3, "tid", e.Thread)
	wantNum(t, e, 4, "pid", self)
	if num(e, 15)&cloneThread == 0 {
		t.Errorf("flags are %#x, without CLONE_THREAD", num(e, 15))
	}
	w.find(t, "procexit of a thread", func(x *wire.Event) bool { return x.Type == typeProcexit && x.Thread == e.Thread })
}

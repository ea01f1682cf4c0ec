package kube

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// process is a running program whose output goes to a file.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
}

// start runs a program, which ends with the test at the latest, also when the test itself is killed. When the test
// failed, the end of what it printed is shown.
func start(t *testing.T, dir, program string, args ...string) *process {
	t.Helper()
	p := &process{name: filepath.Base(program), done: make(chan struct{})}
	p.log = filepath.Join(dir, p.name+".log")
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.cmd = exec.CommandContext(context.Background(), program, args...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended shows in its log, and the test asks only whether it did
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the end of %s:\n%s", p.log, lastLines(p.log, 15))
		}
	})
	return p
}

// kill ends the program at once, as kill -9 does, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended before
	<-p.done
}

// ended tells whether the program is gone.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// lastLines gives the last n lines of a file.
func lastLines(path string, n int) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-n):], []byte("\n"))
}

// eventually polls until the check gives no error; the test fails with the last one when that takes too long.
func eventually(t *testing.T, what string, limit time.Duration, check func() error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(limit)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s, waited for %v: %v", what, limit, err)
		}
		<-tick.C
	}
}

// running gives an error that ends the wait for a program that is gone.
func (p *process) running(t *testing.T, check func() error) func() error {
	return func() error {
		if p.ended() {
			t.Fatalf("%s ended", p.name)
		}
		return check()
	}
}

// nextPort is looked at next. It begins anywhere below the ports that the system gives to connections and to those who
// ask for any port, so that nobody gets one before its program has started or while that is away.
var nextPort = 10_000 + rand.IntN(10_000)

// freePort gives the number of a port of 127.0.0.1 on which nobody listens, each but once.
func freePort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		nextPort++
		port := strconv.Itoa(nextPort)
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:"+port)
		if err == nil {
			listener.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

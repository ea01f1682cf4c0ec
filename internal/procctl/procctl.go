// Package procctl starts programs in tests, kills and stops them at any moment, and reads what they print. It is the
// supervisor of the tests that take the program's power away.
package procctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Build builds the command at a package path into a directory and gives the program's path. It builds as make does, so
// that what that compiled is used again.
func Build(ctx context.Context, dir, pkg string) (string, error) {
	path := filepath.Join(dir, filepath.Base(pkg))
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, pkg)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}

// Process is a running program. It is safe for concurrent use and is killed with the test at the latest.
type Process struct {
	command *exec.Cmd
	out     buffer
	done    chan struct{}
	err     error
}

// Start runs a program; env is added to the environment of the test. Its output goes into one text.
func Start(t testing.TB, env []string, program string, args ...string) *Process {
	t.Helper()
	p := &Process{command: exec.CommandContext(context.Background(), program, args...), done: make(chan struct{})}
	p.command.Env = append(os.Environ(), env...)
	p.command.Stdout, p.command.Stderr = &p.out, &p.out
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.command.Wait()
		close(p.done)
	}()
	t.Cleanup(func() { p.Kill() })
	return p
}

// Kill ends the program at once, as kill -9 does, and waits until it is gone.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Signal sends a signal; SIGSTOP and SIGCONT pause the program and let it go on. A program that is gone gets none.
func (p *Process) Signal(s syscall.Signal) {
	select {
	case <-p.done:
	default:
		_ = p.command.Process.Signal(s) // it may have ended just now
	}
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end and gives the exit code, -1 after a signal; the test fails when it does not end in time.
func (p *Process) Wait(t testing.TB, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(limit):
		t.Fatalf("the program did not end within %v:\n%s", limit, p.Output())
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		t.Fatal(p.err)
	}
	return p.command.ProcessState.ExitCode()
}

// Output gives what the program printed so far on standard output and standard error.
func (p *Process) Output() string { return p.out.String() }

// Memory gives the resident memory in bytes, 0 when the program is gone.
func (p *Process) Memory() int64 { return resident(p.command.Process.Pid) }

// buffer keeps the end of a text.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// kept bounds the text in bytes.
const kept = 8 << 20

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.text.Len()+len(p) > kept {
		b.text.Next(b.text.Len() / 2)
	}
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

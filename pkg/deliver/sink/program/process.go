package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// outputDelay is how long the output of a process is still read after its end, when others hold it open.
	outputDelay = 500 * time.Millisecond
	// grace is how long a process may take to end by itself when its input has ended.
	grace = time.Second
)

// process is one run of the program.
type process struct {
	name  string
	cmd   *exec.Cmd
	stdin *os.File
	done  chan struct{} // closed when it has ended
	err   error         // how, set before
}

// start starts the program.
func (s *Sink) start() (*process, error) {
	in, stdin, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	out, errs := &pipe{to: &s.output}, &pipe{to: &s.output}
	p := &process{name: s.name, stdin: stdin, done: make(chan struct{}), cmd: &exec.Cmd{
		Path: s.path, Args: s.argv, Env: s.environment(), Stdin: in, Stdout: out, Stderr: errs,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}, WaitDelay: outputDelay,
	}}
	if err = s.count(); err == nil {
		if err = p.cmd.Start(); err != nil {
			s.running.Done()
		}
	}
	_ = in.Close() // the process has it
	if err != nil {
		_ = stdin.Close()
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	go func() {
		defer s.running.Done()
		err := p.cmd.Wait()
		if errors.Is(err, exec.ErrWaitDelay) { // it ended well, and somebody else has its output
			err = nil
		}
		out.end()
		p.err = p.describe(err, errs.end())
		close(p.done)
	}()
	return p, nil
}

// count adds a process to those that Close waits for.
func (s *Sink) count() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Err() != nil {
		return errClosed
	}
	s.running.Add(1)
	return nil
}

// describe makes an error of how the process ended and what it said.
func (p *process) describe(err error, said string) error {
	if err == nil {
		return nil
	}
	how := err.Error()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if how = fmt.Sprintf("exit code %d", exit.ExitCode()); !exit.Exited() {
			how = exit.Error() // by a signal
		}
	}
	if said != "" {
		how += ": " + said
	}
	return fmt.Errorf("%s ended with %s", p.name, how)
}

// ended tells whether the process has ended.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// write writes to the standard input before the context ends.
func (p *process) write(ctx context.Context, text []byte) error {
	stop := context.AfterFunc(ctx, func() { _ = p.stdin.SetWriteDeadline(time.Unix(1, 0)) })
	_, err := p.stdin.Write(text)
	if !stop() { // the process is given up, whether the last byte got through or not
		return context.Cause(ctx)
	}
	return err
}

// read waits until the process has read everything that was written, has ended, or the context ends.
func (p *process) read(ctx context.Context) error {
	conn, err := p.stdin.SyscallConn()
	if err != nil {
		return err
	}
	for pause := 20 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		ended := p.ended() // asked before, since it may read the rest and end in between
		var unread int
		var failed error
		err := conn.Control(func(fd uintptr) { unread, failed = unreadBytes(int(fd)) })
		if err = errors.Join(err, failed); err != nil {
			return err
		}
		switch {
		case p.ended() && p.err != nil:
			return p.err
		case unread == 0:
			return nil
		case ended:
			return fmt.Errorf("%s ended with %d bytes unread", p.name, unread)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-p.done:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		timer.Stop()
	}
}

// kill ends the process with its group and waits for it.
func (p *process) kill() {
	if !p.ended() {
		_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL) // it may end just now
	}
	p.close()
	<-p.done
}

// finish ends the input and waits for the end of the process; one that does not end is killed.
func (p *process) finish() {
	p.close()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.kill()
	}
}

func (p *process) close() { _ = p.stdin.Close() }

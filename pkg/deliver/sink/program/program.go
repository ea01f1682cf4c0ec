package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/sink/lines"
	"github.com/saker-security/saker/pkg/deliver/sink/turn"
)

// Sink writes lines to a program. Safe for concurrent use: without KeepOpen several processes may run at once, with it
// batches are written one after the other.
type Sink struct {
	settings Settings
	render   deliver.Render
	name     string // for errors: a command line may hold secrets
	path     string
	argv     []string
	output   output

	closed  context.Context // ends when the sink is closed
	running sync.WaitGroup  // the processes
	mu      sync.Mutex      // nothing is added to running when closed has ended
	close   context.CancelFunc
	stale   atomic.Bool

	turn  turn.Turn // held by whoever uses what is below
	lines lines.Lines
	kept  *process // nil while none is running
}

// Reasons for which a process is killed.
var (
	errTimeout = errors.New("it took longer than its time-out")
	errClosed  = errors.New("the sink is closed")
)

// New makes a sink; the program is started with the first batch. output, which may be nil, gets what the program
// writes to its standard output and standard error, in whole lines with control characters escaped.
func New(s Settings, render deliver.Render, output io.Writer) (*Sink, error) {
	sink := &Sink{settings: s, render: render, turn: turn.New()}
	switch {
	case (s.Shell == "") == (len(s.Argv) == 0):
		return nil, errors.New("the program sink needs either a command line for the shell or a program with its arguments")
	case s.Shell != "":
		sink.name, sink.path, sink.argv = "the program", "/bin/sh", []string{"sh", "-c", s.Shell}
	default:
		path, err := exec.LookPath(s.Argv[0])
		if err != nil {
			return nil, fmt.Errorf("find the program of the program sink: %w", err)
		}
		sink.name, sink.path, sink.argv = "the program "+s.Argv[0], path, s.Argv
	}
	for _, text := range sink.argv {
		if strings.ContainsRune(text, 0) {
			return nil, errors.New("the command of the program sink holds a zero byte")
		}
	}
	for _, name := range s.Environment {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return nil, fmt.Errorf("%q is not the name of an environment variable", name)
		}
	}
	if s.Timeout < 0 {
		return nil, errors.New("the time-out of the program sink must not be negative")
	}
	if output == nil {
		output = io.Discard
	}
	keepInherited()
	sink.output.w = output
	sink.closed, sink.close = context.WithCancel(context.Background())
	return sink, nil
}

// environment gives the variables that the program gets.
func (s *Sink) environment() []string {
	names := append([]string{"PATH", "HOME", "LANG", "TZ"}, s.settings.Environment...)
	var all []string
	for _, name := range names {
		value, ok := os.LookupEnv(name)
		if !ok && name == "PATH" {
			value, ok = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", true
		}
		if ok {
			all = append(all, name+"="+value)
		}
	}
	return all
}

// Send gives the program one line for each alert.
func (s *Sink) Send(ctx context.Context, batch []*alert.Alert) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.closed, func() { cancel(errClosed) })()
	if s.settings.Timeout > 0 {
		defer time.AfterFunc(s.settings.Timeout, func() { cancel(errTimeout) }).Stop()
	}
	if !s.settings.KeepOpen {
		return s.runOnce(ctx, batch)
	}
	if err := s.turn.Take(ctx); err != nil {
		return err
	}
	defer s.turn.Give()
	return s.feed(ctx, batch)
}

// runOnce runs a process for a batch.
func (s *Sink) runOnce(ctx context.Context, batch []*alert.Alert) error {
	var all lines.Lines
	for _, a := range batch {
		all.Add(a, s.render)
	}
	p, err := s.start()
	if err != nil {
		return err
	}
	err = p.write(ctx, all.Text)
	p.close()
	if err == nil || errors.Is(err, unix.EPIPE) { // what a program wants to read is its own business
		select {
		case <-p.done:
			return p.err
		case <-ctx.Done():
			if p.ended() {
				return p.err
			}
			err = context.Cause(ctx)
		}
	}
	p.kill()
	return fmt.Errorf("%s was killed: %w", s.name, err)
}

// feed gives a batch to the process that is kept.
func (s *Sink) feed(ctx context.Context, batch []*alert.Alert) error {
	if stale := s.stale.Swap(false); stale || s.kept != nil && s.kept.ended() {
		s.end()
	}
	if s.kept == nil {
		var err error
		if s.kept, err = s.start(); err != nil {
			return err
		}
	}
	s.lines.Reset()
	for _, a := range batch {
		s.lines.Add(a, s.render)
	}
	err := s.kept.write(ctx, s.lines.Text)
	if err == nil {
		err = s.kept.read(ctx)
	}
	if err == nil {
		return nil
	}
	p := s.kept
	s.kept = nil
	if errors.Is(err, unix.EPIPE) { // it ended, or at least its input
		p.finish()
		if err = p.err; err == nil {
			err = fmt.Errorf("%s ended without reading everything", s.name)
		}
		return err
	}
	if p.ended() {
		p.close()
		return err
	}
	p.kill()
	return fmt.Errorf("%s was killed: %w", s.name, err)
}

// Reopen ends the process that is kept; the next batch starts another. While a Send is under way it returns at once,
// and the next Send does it.
func (s *Sink) Reopen() error {
	s.stale.Store(true)
	if s.turn.Try() {
		s.end()
		s.turn.Give()
	}
	return nil
}

// end ends the process that is kept.
func (s *Sink) end() {
	if s.kept != nil {
		s.kept.finish()
		s.kept = nil
	}
}

// Close ends the process that is kept, with a second to finish what it has read, kills all others and waits for them.
func (s *Sink) Close() error {
	if s.turn.Try() {
		s.end()
		s.turn.Give()
	}
	s.mu.Lock()
	s.close()
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/audit/cloud"
	"github.com/saker-security/saker/pkg/capture"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/engine"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/syscall"
)

// ErrNotEvaluated is wrapped by the error of a replay in which something could not be evaluated.
var ErrNotEvaluated = errors.New("not everything was evaluated")

// replay evaluates recorded events.
type replay struct {
	ctx      context.Context
	worker   *worker
	pipeline *pipeline
	stderr   io.Writer
	audit    audit.FileReader
	// events counts the system call events; those of audit files are counted by audit.
	events uint64
	// malformed counts what could not be read of recordings and captures, unread the files that could not be read, or not
	// to their end, skipped the events of captures that were passed over.
	malformed, unread int
	skipped           uint64
}

// standardInput is the path that stands for standard input.
const standardInput = "-"

// Replay evaluates the events recorded in files and directories, in the order of paths and directories by name, or those
// that come from standard input for the path -, prints alerts to stdout, and ends with the statistics. What could not be
// read is printed to stderr with its place and makes the error ErrNotEvaluated; the rest is evaluated all the same.
func Replay(ctx context.Context, cfg config.Config, paths []string, stdout, stderr io.Writer) (err error) {
	// Nobody watches a replay line by line, and what it prints is flushed at the end.
	out := bufio.NewWriterSize(stdout, 256<<10)
	defer func() { err = errors.Join(err, out.Flush()) }()
	log, _, err := newLog(cfg.Log, stderr)
	if err != nil {
		return err
	}
	p, err := newPipeline(cfg, log, stderr, func() (*deliver.Outputs, error) { return openReplayOutputs(&cfg, log, out) })
	if err != nil {
		return err
	}
	defer p.giveUp()
	defer func() { err = errors.Join(err, p.outputs.Close()) }()
	r := &replay{ctx: ctx, worker: p.worker(true), pipeline: p, stderr: stderr}
	r.audit.Splitter, r.audit.Unwrap = &audit.Splitter{}, cloud.Unwrap
	r.audit.Report = func(e *audit.FileError) { fmt.Fprintln(stderr, "Error:", rule.Printable(e.Error())) }
	files, err := listFiles(paths)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := r.file(f); err != nil {
			return err
		}
	}
	undelivered := p.drainReplay(ctx, cfg.Shutdown.Drain)
	statistics := io.Writer(out)
	if cfg.JSON {
		statistics = stderr
	}
	return errors.Join(p.writeStatistics(statistics), undelivered, r.missed())
}

// drainReplay has everything delivered. Files and standard output get the time that they need, other sinks as much as
// is configured from when they no longer get on: a replay that hangs helps nobody. What is left is the error.
func (p *pipeline) drainReplay(ctx context.Context, patience time.Duration) error {
	limit, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	last, err := uint64(0), p.outputs.Drain(limit)
	for err != nil && ctx.Err() == nil {
		delivered := uint64(0)
		for _, c := range p.outputs.Counts() {
			delivered += c.Delivered + c.Dead
		}
		if delivered == last {
			break
		}
		last = delivered
		limit, cancel := context.WithTimeout(ctx, patience)
		err = p.outputs.Drain(limit)
		cancel()
	}
	err = p.outputs.Close()
	l := leftOf(p.outputs.Counts())
	l.lost = append(l.lost, l.dropped...)
	if lost := l.error(); lost != nil {
		return lost // says it all, and once
	}
	return err
}

// listFiles replaces directories by the files in them, by name, without going deeper.
func listFiles(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		if path == standardInput {
			files = append(files, path)
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("read recorded events: %w", err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path) // sorted by name
		if err != nil {
			return nil, fmt.Errorf("read recorded events: %w", err)
		}
		for _, e := range entries {
			inner := filepath.Join(path, e.Name())
			if info, err := os.Stat(inner); err != nil || info.Mode().IsRegular() {
				files = append(files, inner) // opening it tells the error
			}
		}
	}
	return files, nil
}

// file evaluates one file, whose first bytes tell what it is.
func (r *replay) file(path string) error {
	if path == standardInput {
		return r.read("standard input", r.input())
	}
	f, err := os.Open(path)
	if err != nil {
		r.unreadable(fmt.Errorf("read recorded events: %w", err))
		return nil
	}
	defer f.Close()
	return r.read(path, f)
}

// input gives standard input. When the program is told to end, whoever waits for more of it gets an error; what waits
// for the input itself cannot be ended before the process is.
func (r *replay) input() io.Reader {
	in, out := io.Pipe()
	context.AfterFunc(r.ctx, func() { out.CloseWithError(r.ctx.Err()) })
	go func() {
		_, err := io.Copy(out, os.Stdin)
		out.CloseWithError(err) // io.EOF for none
	}()
	return in
}

// read evaluates what a file gives.
func (r *replay) read(path string, f io.Reader) error {
	in, err := capture.Unpack(interruptible{r.ctx, f})
	if err != nil {
		return r.stopped(path, err)
	}
	calls, err := capture.Open(in)
	if err != nil {
		r.broken(path, err)
		return nil
	}
	if calls != nil {
		return r.calls(path, calls)
	}
	text := upToDefect{ctx: r.ctx, r: in}
	if err := r.audit.ReadFrom(path, &text, r.worker.evaluate); err != nil {
		return err
	}
	return r.stopped(path, text.err)
}

// stopped tells of the error that ended reading a file before its end. It is returned when the program is told to end.
func (r *replay) stopped(path string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("read %s: %w", path, err)
	if r.ctx.Err() != nil {
		return err
	}
	r.unreadable(err)
	return nil
}

// unreadable tells of a file that cannot be read, or not to its end.
func (r *replay) unreadable(err error) {
	r.unread++
	fmt.Fprintln(r.stderr, "Error:", rule.Printable(err.Error()))
}

// upToDefect ends where r cannot be read any further, and keeps the error, so that what comes before it is evaluated,
// unless the program is told to end.
type upToDefect struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (u *upToDefect) Read(p []byte) (int, error) {
	if u.err != nil {
		return 0, io.EOF
	}
	n, err := u.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && u.ctx.Err() == nil {
		u.err, err = err, io.EOF
	}
	return n, err
}

// interruptible stops reading when the program is told to end.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// calls evaluates the system call events of a capture or a recording.
func (r *replay) calls(path string, calls capture.Source) error {
	inspector := syscall.New(syscall.Options{})
	inspector.Load(calls.Header())
	defer r.passOver(path, calls)
	for {
		frame, err := calls.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			r.broken(path, err)
			return nil
		}
		e, err := inspector.Event(frame)
		if err != nil {
			r.broken(path, err)
			continue
		}
		r.events++
		if err := r.worker.evaluate(e); err != nil {
			return err
		}
	}
}

// broken tells of something that cannot be read.
func (r *replay) broken(path string, err error) {
	r.malformed++
	fmt.Fprintln(r.stderr, "Error:", rule.Printable(path+": "+err.Error()))
}

// passOver tells of the events of a capture that cannot be evaluated. Those that nothing is lost with are no error.
func (r *replay) passOver(path string, calls capture.Source) {
	skipped := calls.Skipped()
	for _, reason := range slices.Sorted(maps.Keys(skipped)) {
		kind := "Error"
		if reason == capture.ReasonEnter {
			kind = "Warning"
		} else {
			r.skipped += skipped[reason]
		}
		fmt.Fprintf(r.stderr, "%s: %s: %d events were not evaluated: %s\n", kind, rule.Printable(path), skipped[reason], reason)
	}
}

// missed says what was not evaluated.
func (r *replay) missed() error {
	var parts []string
	add := func(n uint64, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	if n := r.audit.Foreign; n > 0 {
		fmt.Fprintf(r.stderr, "Note: %d entries of the logs are about other things than audit events\n", n)
	}
	add(uint64(r.audit.Rejected), "audit items that are no events")
	add(uint64(r.audit.Malformed), "audit texts that are not JSON")
	add(uint64(r.unread), "files that could not be read, or not to their end")
	add(uint64(r.malformed), "system call events that could not be read")
	add(r.skipped, "events of captures that cannot be evaluated")
	for _, m := range r.pipeline.notEvaluated() {
		if m.reason == string(engine.ReasonNoRules) {
			fmt.Fprintf(r.stderr, "Warning: %d events of source %s were not evaluated: no rule of that source is enabled\n", m.count, m.source)
			continue
		}
		add(m.count, fmt.Sprintf("events of source %s (%s)", m.source, m.reason))
	}
	if len(parts) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrNotEvaluated, strings.Join(parts, ", "))
}

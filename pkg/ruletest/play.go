package ruletest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/audit/cloud"
	"github.com/saker-security/saker/pkg/capture"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/account"
)

// player makes events, one after another, and hands them on with their number. An event is valid until do returns.
type player struct {
	ctx context.Context
	// folder is where the names of files begin.
	folder string
	do     func(n int, e *event.Event) error
	n      int
}

// next hands on an event.
func (p *player) next(e *event.Event) error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	p.n++
	return p.do(p.n, e)
}

// Play makes the events of the test in their order and calls do with each and its number, from 1. folder is that of the
// test file. An event is valid until do returns. The first error of do, or of reading events, ends it.
func (t *Test) Play(ctx context.Context, folder string, do func(n int, e *event.Event) error) error {
	p := &player{ctx: ctx, folder: folder, do: do}
	for i := range t.Events {
		if err := p.step(&t.Events[i]); err != nil {
			return shown{err}
		}
	}
	return nil
}

func (p *player) step(s *Step) error {
	switch {
	case s.Fields != nil:
		return p.next(s.Fields.event(p.n + 1))
	case s.Scenario != nil:
		return p.scenario(s.Scenario)
	case s.Audit != nil:
		return p.audit(s.Pos.String(), bytes.NewReader(s.Audit))
	case s.AuditFile != "":
		return p.file(p.path(s.AuditFile))
	}
	return p.file(p.path(s.Capture))
}

func (p *player) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(p.folder, name)
}

// scenario hands on the last event of a scenario.
func (p *player) scenario(s *Scenario) error {
	in := syscall.New(syscall.Options{Accounts: account.Fixed(s.Users, nil)})
	var last *event.Event
	for _, frame := range s.Frames() {
		var err error
		if last, err = in.Event(frame); err != nil {
			return fmt.Errorf("play the processes: %w", err)
		}
	}
	return p.next(last)
}

// PlayFile reads the events of a file, audit events as JSON, a capture or a recording, packed by gzip or not, and calls do with each
// and its number, from 1. Unlike a daemon it takes nothing that is broken: the first defect is the error.
func PlayFile(ctx context.Context, path string, do func(n int, e *event.Event) error) error {
	p := &player{ctx: ctx, do: do}
	return p.file(path)
}

func (p *player) file(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer f.Close()
	in, err := capture.Unpack(f)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	calls, err := capture.Open(in)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if calls == nil {
		return p.audit(path, in)
	}
	return p.calls(path, calls)
}

// calls plays the system call events of a capture or a recording.
func (p *player) calls(path string, calls capture.Source) error {
	inspector := syscall.New(syscall.Options{})
	inspector.Load(calls.Header())
	for {
		frame, err := calls.Next()
		if errors.Is(err, io.EOF) {
			return passedOver(path, calls.Skipped())
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		e, err := inspector.Event(frame)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		if err := p.next(e); err != nil {
			return err
		}
	}
}

// passedOver is the error about events of a capture that cannot be evaluated and that something is lost with.
func passedOver(path string, skipped map[capture.Reason]uint64) error {
	for _, reason := range slices.Sorted(maps.Keys(skipped)) {
		if reason != capture.ReasonEnter {
			return fmt.Errorf("read %s: %d events cannot be evaluated: %s", path, skipped[reason], reason)
		}
	}
	return nil
}

func (p *player) audit(path string, in io.Reader) error {
	var defect error
	r := audit.FileReader{Splitter: &audit.Splitter{}, Unwrap: cloud.Unwrap, Report: func(e *audit.FileError) {
		if defect == nil {
			defect = fmt.Errorf("read events: %w", e)
		}
	}}
	before := p.n
	err := r.ReadFrom(path, until{in, func() error { return errors.Join(defect, p.ctx.Err()) }}, p.next)
	switch {
	case defect != nil:
		return defect
	case err != nil:
		return err
	case p.n == before:
		return fmt.Errorf("read %s: there are no events in it", path)
	}
	return nil
}

// until is a reader that ends with an error as soon as there is one: nothing behind a defect is read, however long the
// file is.
type until struct {
	io.Reader
	err func() error
}

func (u until) Read(b []byte) (int, error) {
	if err := u.err(); err != nil {
		return 0, err
	}
	return u.Reader.Read(b)
}

// auditText reads audit events that are written in the test file: as a mapping, or as a text of JSON. A mapping need not
// say what no rule asks.
func (r *reader) auditText(n *yaml.Node) []byte {
	if n = follow(n); n.Kind == yaml.ScalarNode {
		return []byte(r.text(n, "audit"))
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "", "audit must be an audit event, not %s", kindName(n))
		return nil
	}
	has := map[string]bool{}
	for _, p := range r.pairs(n, "audit") {
		has[p.key.Value] = true
	}
	b := []byte{'{'}
	for _, d := range [][2]string{
		{"kind", "Event"}, {"apiVersion", "audit.k8s.io/v1"}, {"auditID", "00000000-0000-0000-0000-000000000001"},
		{"stageTimestamp", "2026-01-01T00:00:00.000000Z"},
	} {
		if !has[d[0]] {
			b = append(b, strconv.Quote(d[0])+":"+strconv.Quote(d[1])+","...)
		}
	}
	rest := r.appendJSON(nil, n)[1:]
	if len(rest) == 1 {
		b = b[:len(b)-1]
	}
	return append(b, rest...)
}

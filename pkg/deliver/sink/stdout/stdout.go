package stdout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/sink/lines"
	"github.com/saker-security/saker/pkg/deliver/sink/turn"
)

// Sink writes lines to a writer whose reader may be slow, blocked or gone. A write cannot be called back. So one that
// does not end before the context is left running, and the next Send waits for it, then goes on where it ended: an
// alert that got out meanwhile is not written again, and a line of which a part got out is completed. Safe for
// concurrent use; batches are written one after the other.
type Sink struct {
	out      io.Writer
	own      *os.File // the copy of a standard descriptor, which is the sink's
	buffered bool
	render   deliver.Render

	turn turn.Turn // held by whoever uses what is below

	lines   lines.Lines
	ids     []string    // of the alerts of lines
	writing chan result // nil when no write is under way; while there is one, lines belong to it

	rest    []byte // of the line of alert restID a part is out, this is the rest
	restID  string
	begun   bool                // the first of lines is such a rest
	written map[string]struct{} // ids of alerts that are out and of which no Send has said so
}

type result struct {
	n   int
	err error
}

// maxWritten bounds the memory of alerts that were written after their Send had ended.
const maxWritten = 1 << 16

// New makes a sink on w, which stays the caller's. Standard output and standard error are written to through a copy of
// their descriptor, because Go ends a program that writes to one of them when its reader is gone.
func New(w io.Writer, s Settings, render deliver.Render) (*Sink, error) {
	sink := &Sink{out: w, buffered: s.Buffered, render: render, turn: turn.New(), written: map[string]struct{}{}}
	if file, ok := w.(*os.File); ok && (file == os.Stdout || file == os.Stderr) {
		own, err := duplicate(file)
		if err != nil {
			return nil, fmt.Errorf("use %s: %w", file.Name(), err)
		}
		sink.out, sink.own = own, own
	}
	return sink, nil
}

// duplicate makes a second descriptor of an open file.
func duplicate(file *os.File) (*os.File, error) {
	conn, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	var failed error
	err = conn.Control(func(old uintptr) { fd, failed = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3) })
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), file.Name()), nil
}

// Send writes one line for each alert. When the context ends first, the error is that of the context.
func (s *Sink) Send(ctx context.Context, batch []*alert.Alert) error {
	if err := s.turn.Take(ctx); err != nil {
		return err
	}
	defer s.turn.Give()
	if s.writing != nil {
		if err := s.wait(ctx); s.writing != nil {
			return err
		} // whatever became of the write before, this one shows how things are now
	}
	s.collect(batch)
	var err error
	if s.lines.Len() > 0 {
		s.writing = make(chan result, 1)
		go s.write(s.writing)
		err = s.wait(ctx)
	}
	return s.outcome(batch, err)
}

// collect renders what is still to be written of the batch.
func (s *Sink) collect(batch []*alert.Alert) {
	s.lines.Reset()
	s.ids = s.ids[:0]
	if s.begun = len(s.rest) > 0; s.begun {
		s.lines.AddBytes(s.rest)
		s.ids = append(s.ids, s.restID)
		s.rest = nil
	}
	for _, a := range batch {
		if _, out := s.written[a.ID]; out || s.begun && a.ID != "" && a.ID == s.restID {
			continue
		}
		s.lines.Add(a, s.render)
		s.ids = append(s.ids, a.ID)
	}
}

// write writes all lines. It runs on its own until the writer returns.
func (s *Sink) write(done chan<- result) {
	count := 1
	if !s.buffered {
		count = s.lines.Len()
	}
	var r result
	for i := range count {
		end := len(s.lines.Text)
		if !s.buffered {
			end = s.lines.End(i + 1)
		}
		text := s.lines.Text[r.n:end]
		n, err := s.out.Write(text)
		r.n += min(max(n, 0), len(text))
		if err == nil && n < len(text) {
			err = io.ErrShortWrite
		}
		if err != nil {
			r.err = err
			break
		}
	}
	done <- r
}

// wait waits for the write under way and takes note of what it wrote. After an error s.writing tells whether it is
// still under way.
func (s *Sink) wait(ctx context.Context) error {
	var r result
	select {
	case r = <-s.writing:
	default:
		select {
		case r = <-s.writing:
		case <-ctx.Done():
			return fmt.Errorf("what is written is not taken: %w", ctx.Err())
		}
	}
	s.writing = nil
	whole := s.lines.Whole(r.n)
	if len(s.written) > maxWritten {
		clear(s.written)
	}
	for _, id := range s.ids[:whole] {
		if id != "" {
			s.written[id] = struct{}{}
		}
	}
	if r.n > s.lines.End(whole) || whole == 0 && s.begun {
		s.rest = bytes.Clone(s.lines.Text[r.n:s.lines.End(whole+1)])
		s.restID = s.ids[whole]
	}
	return r.err
}

// outcome gives the error of Send: how many alerts from the first one on are out.
func (s *Sink) outcome(batch []*alert.Alert, err error) error {
	done := 0
	for _, a := range batch {
		if _, out := s.written[a.ID]; err != nil && !out {
			break
		}
		done++
	}
	for _, a := range batch[:done] {
		delete(s.written, a.ID)
	}
	switch {
	case err == nil:
		return nil
	case done > 0:
		return &deliver.Partial{Done: done, Err: err}
	}
	return err
}

// Close leaves a write that is still under way to itself: its alerts were not reported as delivered.
func (s *Sink) Close() error {
	if s.own != nil {
		return s.own.Close()
	}
	return nil
}

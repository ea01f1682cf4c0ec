package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/sink/lines"
	"github.com/saker-security/saker/pkg/deliver/sink/turn"
)

const (
	// watchEvery is how often the file is looked at between two batches.
	watchEvery = time.Second
	// rotateAgain is the pause after a rotation that failed.
	rotateAgain = time.Minute
)

// Sink appends lines to a file. Safe for concurrent use; batches are written one after the other.
type Sink struct {
	settings Settings
	render   deliver.Render
	warn     func(error)
	flush    func(*os.File) error
	backups  *backups // nil when the sink does not rotate
	stale    atomic.Bool

	stop       chan struct{}
	background sync.WaitGroup

	turn    turn.Turn // held by whoever uses what is below
	current *target   // nil while no file is open
	former  *target   // the one before, closed
	lines   lines.Lines
	pause   time.Time // no rotation before
}

// New opens the file, to find out at once what is wrong with it, and makes it with mode 0600 when it does not exist. A
// FIFO may still be without a reader. warn, which may be nil, is told what does not keep alerts from being delivered,
// such as a moved file that cannot be compressed; it may be called at any time until Close returns.
func New(s Settings, render deliver.Render, warn func(error)) (*Sink, error) {
	switch {
	case s.Path == "":
		return nil, errors.New("the file sink needs the path of a file")
	case s.MaxBytes < 0 || s.MaxAge < 0 || s.MaxBackups < 0:
		return nil, fmt.Errorf("the limits of file %s must not be negative", s.Path)
	}
	if warn == nil {
		warn = func(error) {}
	}
	sink := &Sink{settings: s, render: render, warn: warn, flush: (*os.File).Sync, stop: make(chan struct{}), turn: turn.New()}
	if err := sink.refresh(); err != nil && !errors.Is(err, errNoReader) {
		return nil, err
	}
	if rotates := s.MaxBytes > 0 || s.MaxAge > 0; rotates && sink.current != nil && sink.current.stream == nil {
		sink.backups = newBackups(s, warn)
		sink.background.Go(func() { sink.backups.run(sink.stop) })
	}
	sink.rest()
	if s.KeepOpen || s.MaxAge > 0 {
		sink.background.Go(sink.watch)
	}
	return sink, nil
}

// Send appends one line for each alert and has them on disk when it returns nil.
func (s *Sink) Send(ctx context.Context, batch []*alert.Alert) error {
	if err := s.turn.Take(ctx); err != nil {
		return err
	}
	defer s.turn.Give()
	if err := s.ready(); err != nil {
		return err
	}
	defer s.rest()
	if stream := s.current.stream; stream != nil {
		err := stream.Send(ctx, batch)
		if errors.Is(err, unix.EPIPE) {
			s.close() // the next batch waits for another reader
		}
		return s.describe(err)
	}
	done, err := s.write(batch)
	switch {
	case err == nil:
		return nil
	case done > 0:
		return &deliver.Partial{Done: done, Err: s.describe(err)}
	}
	return s.describe(err)
}

// describe adds the path to an error that lacks it.
func (s *Sink) describe(err error) error {
	var path *fs.PathError
	if err == nil || errors.As(err, &path) {
		return err
	}
	return fmt.Errorf("write to %s: %w", s.settings.Path, err)
}

// ready has the file open that is at the path now, and knows how long it is.
func (s *Sink) ready() error {
	if err := s.refresh(); err != nil {
		return err
	}
	return s.current.look()
}

// refresh has the file open that is at the path now.
func (s *Sink) refresh() error {
	if s.stale.Swap(false) || s.current != nil && s.current.moved(s.settings.Path) {
		s.close()
	}
	if s.current != nil {
		return nil
	}
	return s.open()
}

// open opens what is at the path.
func (s *Sink) open() (err error) {
	if s.current, err = open(s.settings.Path, s.render); err != nil {
		return err
	}
	if s.former != nil && os.SameFile(s.former.info, s.current.info) {
		s.current.began = s.former.began // we know better than the file system, which may not know at all
	}
	return nil
}

// rest closes a file that is not kept open.
func (s *Sink) rest() {
	if s.current != nil && s.current.stream == nil && !s.settings.KeepOpen {
		s.close()
	}
}

// close closes the file.
func (s *Sink) close() {
	if s.current != nil {
		s.current.close()
		s.current, s.former = nil, s.current
	}
}

// write appends the lines of a batch and tells how many of them are on disk.
func (s *Sink) write(batch []*alert.Alert) (synced int, err error) {
	s.lines.Reset()
	for _, a := range batch {
		s.lines.Add(a, s.render)
	}
	written, part, err := s.current.mend(&s.lines)
	if part {
		s.warn(fmt.Errorf("the last line of %s was cut off, as when the program is killed while it writes, and is no whole alert: it was ended, and alerts go on behind it", s.settings.Path))
	}
	for written < len(batch) && err == nil {
		if s.due(s.lines.End(written+1) - s.lines.End(written)) {
			if err = s.sync(); err != nil {
				return synced, err
			}
			synced = written
			if err = s.rotate(); err != nil {
				return synced, err
			}
		}
		var n int
		n, err = s.current.append(&s.lines, written, s.fitting(written))
		written += n
	}
	if written > synced {
		if failed := s.sync(); failed != nil {
			return synced, errors.Join(err, failed)
		}
	}
	return written, err
}

// sync has what was written on stable storage, in a file that still has a name. After a failure the system may have
// forgotten what it could not write, and say of the same open file that all is well the next time; so the file is
// opened anew.
func (s *Sink) sync() (err error) {
	if !s.settings.NoSync {
		err = s.flush(s.current.file)
	}
	if err == nil && s.current.removed() {
		err = errRemoved
	}
	if err != nil {
		s.close()
	}
	return err
}

// due tells whether the file is to be moved away before more bytes are written to it.
func (s *Sink) due(more int) bool {
	if s.backups == nil || s.current.stream != nil || s.current.size == 0 {
		return false
	}
	now := time.Now()
	full := s.settings.MaxBytes > 0 && s.current.size+int64(more) > s.settings.MaxBytes
	old := s.settings.MaxAge > 0 && now.Sub(s.current.began) >= s.settings.MaxAge
	return (full || old) && !now.Before(s.pause)
}

// fitting gives how far the lines go that still fit into the file, with the one at from at least.
func (s *Sink) fitting(from int) int {
	if s.backups == nil || s.settings.MaxBytes == 0 {
		return s.lines.Len()
	}
	room := max(s.settings.MaxBytes-s.current.size, 0)
	return max(from+1, s.lines.Whole(s.lines.End(from)+int(min(room, int64(len(s.lines.Text))))))
}

// rotate moves the file away and begins a new one. Where it cannot be moved, it goes on growing: alerts matter more
// than its size.
func (s *Sink) rotate() error {
	if err := s.backups.move(); err != nil {
		s.pause = time.Now().Add(rotateAgain)
		s.warn(fmt.Errorf("the file of alerts could not be rotated and grows on: %w", err))
		return nil
	}
	s.close()
	s.backups.tidySoon()
	return s.open()
}

// watch looks at the file between batches: one that was renamed or removed is not held any longer, and one that is too
// old is moved away.
func (s *Sink) watch() {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		if !s.turn.Try() {
			continue // a Send is at it and looks itself
		}
		// What is wrong with the file is told by the next Send, which finds the same.
		if s.refresh() == nil && s.due(0) {
			_ = s.rotate()
		}
		s.rest()
		s.turn.Give()
	}
}

// Reopen closes the file and opens what is at the path now, before the next line is written. While a Send is under way
// it returns at once, and the next Send opens the file.
func (s *Sink) Reopen() error {
	s.stale.Store(true)
	if !s.turn.Try() {
		return nil
	}
	defer s.turn.Give()
	defer s.rest()
	if err := s.refresh(); err != nil && !errors.Is(err, errNoReader) {
		return err
	}
	return nil
}

// Close stops the work in the background and closes the file. A write that the disk holds up keeps it open.
func (s *Sink) Close() error {
	close(s.stop)
	s.background.Wait()
	if s.turn.Try() {
		s.close()
		s.turn.Give()
	}
	return nil
}

package follow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/audit"
)

const (
	// lookTime is how long is read before it is looked again which files there are.
	lookTime = time.Second
	// manyFiles is above how many files the position is so long that it is kept with each look only.
	manyFiles = 100
	// smallBytes is the least that is read at once.
	smallBytes = 64 << 10
)

// read reads what there is, for a while. It returns whether there is more.
func (f *Follower) read(ctx context.Context) (again bool, err error) {
	began := f.now()
	for ctx.Err() == nil {
		t := f.next()
		if t == nil {
			f.count(func(s *Stats) { s.State = "waiting" })
			if len(f.buf) > smallBytes {
				f.buf = nil // an idle log costs no memory
			}
			return f.o.Once && f.delayed(), nil
		}
		f.count(func(s *Stats) { s.State, s.Reading = "reading", t.path })
		if err := f.readPart(ctx, t); err != nil {
			return false, err
		}
		f.measure()
		if len(f.files) <= manyFiles {
			f.save()
		}
		if f.now().Sub(began) > lookTime {
			return true, nil
		}
	}
	return false, nil
}

// delayed tells whether a file is to be looked at again before it can be read.
func (f *Follower) delayed() bool {
	return slices.ContainsFunc(f.files, func(t *file) bool { return t.later && !t.orphan() })
}

// next gives the file to read: the one that was written to first, rotated ones before the others.
func (f *Follower) next() *file {
	var list []*file
	for _, t := range f.files {
		if t.unread() {
			list = append(list, t)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return slices.MinFunc(list, func(a, b *file) int {
		if a.rotated != b.rotated {
			if a.rotated {
				return -1
			}
			return 1
		}
		if c := a.modified.Compare(b.modified); c != 0 {
			return c
		}
		return strings.Compare(a.path, b.path)
	})
}

// readPart evaluates the next part of a file. The error is one of the file that the program cannot go on with.
func (f *Follower) readPart(ctx context.Context, t *file) error {
	if t.open == nil {
		if err := t.reopen(); err != nil {
			return f.unreadable(ctx, t, nil, err)
		}
	}
	length := f.chunk
	if !t.packed {
		length = int(min(int64(length), max(t.size-t.offset+1, min(smallBytes, int64(length)))))
	}
	for ; ; length = min(2*length, 2*f.limit) {
		if len(f.buf) < length && !t.packed {
			f.buf = make([]byte, length)
		}
		text, ended, err := t.read(f.buf, length)
		if err != nil {
			return f.unreadable(ctx, t, text, err)
		}
		end := t.offset + int64(len(text))
		last := ended || !t.packed && (t.last || f.o.Once) && end >= t.size
		n, ok := f.evaluate(ctx, t, text, last)
		if !ok {
			return nil
		}
		if n == 0 && !last && len(text) >= length && length < 2*f.limit {
			continue // a long value; of a packed file there may be more than was asked for, left by another one
		}
		t.advance(n)
		f.dirty = f.dirty || n > 0
		switch {
		case ended:
			t.size, t.done, f.dirty = t.offset, true, true
			t.close()
		case !t.packed && len(text) < length:
			t.tried = end
			if end < t.size {
				t.size = end // it got shorter; the next look tells
			}
		}
		if last && t.rotated {
			t.done, f.dirty = true, true
		}
		return nil
	}
}

// unreadable deals with a file that cannot be read.
func (f *Follower) unreadable(ctx context.Context, t *file, text []byte, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errReplaced) {
		t.later = true // the next look tells
		delete(f.heads, t.id)
		return nil
	}
	if !t.packed {
		return fmt.Errorf("follow an audit log: %w", err)
	}
	// It is being written, or broken: then what is whole counts.
	n, ok := f.evaluate(ctx, t, text, false)
	if !ok {
		return nil
	}
	t.advance(n)
	f.dirty = f.dirty || n > 0
	t.close()
	if !f.o.Once && f.now().Sub(t.modified) <= quietTime && errors.Is(err, io.ErrUnexpectedEOF) {
		t.stuck = t.disk
		return nil
	}
	t.done, f.dirty = true, true
	f.count(func(s *Stats) { s.Unknown++ })
	f.o.Log.Error("the rest of a packed audit log cannot be read, its events were not evaluated", zap.String("file", t.path), zap.Int64("read", t.offset), zap.Error(err))
	return nil
}

// evaluate has the whole values at the beginning of a text evaluated, and returns how much of it is done with; ok is
// false when the program is told to end before that. While events cannot be evaluated it tries again and again.
func (f *Follower) evaluate(ctx context.Context, t *file, text []byte, last bool) (n int, ok bool) {
	working := context.WithoutCancel(ctx) // what is begun is brought to its end
	for length := minPause; ; length = min(2*length, maxPause) {
		var got Stats
		rejected := map[string]uint64{}
		f.bad, f.firstBad = 0, nil
		n, err := t.lines.Cut(&f.batch, text, last, func(b *audit.Batch) error {
			if err := f.o.Evaluate(working, b); err != nil {
				return err
			}
			got.Events += uint64(b.Len())
			got.Duplicates += uint64(b.Duplicates)
			got.Trimmed += uint64(b.Trimmed)
			got.Foreign += uint64(b.Foreign)
			for reason, k := range b.Rejected {
				if k > 0 {
					rejected[audit.Reason(reason).String()] += uint64(k)
				}
			}
			for e := range b.All() {
				got.LastEvent = time.Unix(0, e.Time)
			}
			return nil
		})
		if err == nil {
			f.evaluated(t, &got, rejected)
			return n, true
		}
		f.count(func(s *Stats) {
			if s.State != "blocked" {
				f.o.Log.Warn("events of an audit log cannot be evaluated now; they are tried again", zap.String("file", t.path), zap.Int64("read", t.offset), zap.Error(err))
			}
			s.State, s.Failure = "blocked", err.Error()
		})
		if !wait(ctx, nil, length) {
			return 0, false
		}
		// Files that come meanwhile are opened, so that they are not lost.
		if err := f.scan(); err != nil {
			f.o.Log.Warn("audit logs cannot be looked for", zap.Error(err))
		}
	}
}

// evaluated counts what was evaluated.
func (f *Follower) evaluated(t *file, got *Stats, rejected map[string]uint64) {
	if first := f.firstBad; first != nil {
		f.o.Log.Warn("a part of an audit log is no JSON and was not evaluated", zap.String("file", t.path), zap.Int64("byte", t.offset+int64(first.Offset)),
			zap.String("defect", first.Message), zap.Int("defects", f.bad))
	}
	f.count(func(s *Stats) {
		s.State, s.Failure = "reading", ""
		s.Events += got.Events
		s.Duplicates += got.Duplicates
		s.Trimmed += got.Trimmed
		s.Foreign += got.Foreign
		s.Malformed += uint64(f.bad)
		for reason, n := range rejected {
			s.Rejected[reason] += n
		}
		if got.Events > 0 {
			s.LastEvent, s.LastRead = got.LastEvent, f.now()
		}
	})
}

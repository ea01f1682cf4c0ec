package follow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/internal/regular"
	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/audit/cloud"
)

const (
	// maxOpen is how many files are held open, so that they can be read to their end when they are deleted.
	maxOpen = 64
	// idleTime is how long a file of a directory must be the same to be expected to stay so.
	idleTime = 24 * time.Hour
)

// scan looks which files there are, and which of the known ones they are.
func (f *Follower) scan() error {
	p, err := placeOf(f.o.Path)
	if err != nil {
		return err
	}
	candidates, err := p.list()
	if err != nil {
		return err
	}
	known, met := map[inode]*file{}, map[*file]bool{}
	for _, t := range f.files {
		if !t.orphan() {
			known[t.id] = t
		}
	}
	var unknown []candidate
	for _, c := range candidates {
		t := known[c.id]
		switch {
		case t == nil:
			unknown = append(unknown, c)
		case f.blank(t, c):
			t.id, t.path = inode{}, ""
			unknown = append(unknown, c)
		case f.same(t, c):
			if !met[t] || t.rotated {
				f.found(t, c, p)
			}
			met[t] = true
		default:
			f.emptied(t)
			unknown = append(unknown, c)
		}
	}
	f.files = slices.DeleteFunc(f.files, func(t *file) bool {
		if t.path == "" {
			t.close()
			return true
		}
		if !t.orphan() && !met[t] {
			f.gone(t)
		}
		if t.orphan() && t.open != nil {
			t.refresh()
		}
		return false
	})
	before := f.denied
	f.denied = ""
	for _, c := range unknown {
		f.meet(c, p)
	}
	if f.denied != "" && f.denied != before {
		f.o.Log.Warn("an audit log cannot be read; it is tried again", zap.String("error", f.denied))
	}
	f.forget(candidates)
	if f.fresh {
		f.fresh, f.dirty = false, true // that it was begun is to be known, too
	}
	f.settle()
	f.measure()
	f.save()
	return nil
}

// list lists the files of a place by the time of their last change. A directory that is not there is empty.
func (p place) list() ([]candidate, error) {
	entries, err := os.ReadDir(p.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for audit logs: %w", err)
	}
	var list []candidate
	for _, e := range entries {
		if !p.match.MatchString(e.Name()) {
			continue
		}
		path := filepath.Join(p.dir, e.Name())
		info, err := os.Stat(path) // follows links
		if err != nil || !info.Mode().IsRegular() {
			continue // gone since, or nothing to read
		}
		list = append(list, newCandidate(path, info))
	}
	slices.SortStableFunc(list, func(a, b candidate) int {
		return a.modified.Compare(b.modified)
	})
	return list, nil
}

// blank tells whether nothing is known of a file but its inode, which a candidate with some content has now: that may be
// any file.
func (f *Follower) blank(t *file, c candidate) bool {
	if t.offset > 0 || t.head.Bytes >= tellingBytes || c.size == 0 {
		return false
	}
	text, _, err := f.begin(c)
	return err == nil && len(text) > t.head.Bytes
}

// same tells whether a candidate, which has the inode of a known file, still has its content.
func (f *Follower) same(t *file, c candidate) bool {
	if !t.packed && c.size < t.offset {
		return false
	}
	text, packed, err := f.begin(c)
	if err != nil {
		return true // what it holds shows when it can be read again
	}
	if packed != t.packed && t.head.Bytes > 0 || !t.head.of(text) {
		return false
	}
	t.packed = packed
	if len(text) > t.head.Bytes || t.start == nil {
		t.setHead(text)
		f.dirty = true
	}
	return true
}

// found notes where a known file is now.
func (f *Follower) found(t *file, c candidate, p place) {
	rotated := p.rotated(c.path)
	if t.seen && rotated && !t.rotated {
		f.count(func(s *Stats) { s.Rotations++ })
		f.o.Log.Info("an audit log was rotated", zap.String("from", t.path), zap.String("to", c.path))
	}
	if t.path != c.path {
		f.dirty = true
	}
	if t.done && (!t.packed && c.size > t.offset || t.packed && t.disk > 0 && c.size > t.disk) {
		t.done, f.dirty = false, true // it goes on after all
	}
	t.path, t.id, t.rotated, t.modified, t.disk, t.seen, t.later = c.path, c.id, rotated, c.modified, c.size, true, false
	if t.last && c.size > t.size {
		t.last = false
	}
	if !t.packed {
		t.size = c.size
	}
}

// emptied notes that the content of a file is not in its place any more, because the file was emptied or written anew.
func (f *Follower) emptied(t *file) {
	f.o.Log.Info("an audit log was emptied or replaced in its place", zap.String("file", t.path), zap.Int64("read", t.offset), zap.Int64("size", t.size))
	if t.seen {
		f.count(func(s *Stats) { s.Truncations++ })
	}
	t.close()
	t.id, t.missing, f.dirty = inode{}, f.now(), true
}

// gone notes that a file is not among the others any more. If it is open it is read to its end.
func (f *Follower) gone(t *file) {
	if t.seen && !t.rotated {
		f.count(func(s *Stats) { s.Rotations++ })
		f.o.Log.Info("an audit log was removed", zap.String("file", t.path), zap.Int64("read", t.offset), zap.Int64("size", t.size))
	}
	t.id, t.missing, f.dirty = inode{}, f.now(), true
}

// refresh looks at a file that is gone but open: how long it is by now, and how it begins, by which it is known when it
// is found elsewhere.
func (t *file) refresh() {
	if info, err := t.open.Stat(); err == nil {
		if t.disk, t.modified = info.Size(), info.ModTime(); !t.packed {
			t.size = t.disk
		}
	}
	if t.packed || t.head.Bytes == headBytes {
		return
	}
	text := make([]byte, headBytes)
	n, err := t.open.ReadAt(text, 0)
	if (err == nil || errors.Is(err, io.EOF)) && n > t.head.Bytes && t.head.of(text[:n]) {
		t.setHead(text[:n])
	}
}

// meet deals with a candidate whose inode is not known: the content of a known file at a new place, a copy, or a new file.
func (f *Follower) meet(c candidate, p place) {
	if f.o.Once && p.path != "" && c.path != p.path {
		return
	}
	text, packed, err := f.begin(c)
	if err != nil {
		if !errors.Is(err, errUnfinished) && !errors.Is(err, fs.ErrNotExist) && f.denied == "" {
			f.denied = err.Error()
		}
		return
	}
	fresh := f.now().Sub(c.modified) <= quietTime
	if p.rotated(c.path) && len(text) == 0 && fresh {
		return // a copy that begins
	}
	copied := false
	for _, t := range f.files {
		if fresh && p.rotated(c.path) && len(text) < t.head.Bytes && bytes.HasPrefix(t.start, text) {
			return // a copy that is not finished
		}
		if t.head.Bytes < tellingBytes && t.offset > 0 || t.head.Bytes == 0 || !t.head.of(text) {
			continue
		}
		if t.orphan() {
			f.adopt(t, c, packed, p)
			return
		}
		copied = copied || t.head.Bytes >= tellingBytes
	}
	if copied {
		return
	}
	t := &file{path: c.path, id: c.id, disk: c.size, packed: packed, modified: c.modified, rotated: p.rotated(c.path), seen: true}
	t.setHead(text)
	if !packed {
		t.size = c.size
	}
	switch {
	case !f.fresh || f.o.Once:
	case p.path != "" && t.rotated:
		t.offset, t.done = t.size, true // older than the beginning
	case f.o.FromEnd:
		f.skip(t)
	}
	t.lines = f.newLines()
	f.files = append(f.files, t)
	f.dirty = true
}

// newLines makes what cuts the lines of a file.
func (f *Follower) newLines() audit.Lines {
	return audit.Lines{Splitter: f.o.Splitter, Unwrap: cloud.Unwrap, Max: f.limit,
		Report: func(e *audit.BodyError) {
			if f.bad++; f.bad == 1 {
				f.firstBad = e
			}
		}}
}

// adopt goes on with a known content at another place.
func (f *Follower) adopt(t *file, c candidate, packed bool, p place) {
	f.o.Log.Info("the rest of an audit log was found", zap.String("log", t.path), zap.String("file", c.path), zap.Int64("read", t.offset))
	t.close()
	t.packed = packed
	if !packed && c.size <= t.offset {
		t.offset = c.size // a copy that was made before the end was written, which is read
	}
	// Something may have been written to it between the last look and the packing.
	t.done = t.done && !packed && c.size <= t.offset
	t.seen = false // it is no rotation that was seen
	f.found(t, c, p)
	t.stuck = 0
	f.dirty = true
}

// skip goes to the end of a file: behind its last line.
func (f *Follower) skip(t *file) {
	if t.packed {
		t.done = true
		return
	}
	in, err := regular.Open(t.path)
	if err != nil {
		return // then it is read, which tells the error
	}
	defer in.Close()
	tail := make([]byte, min(t.size, chunkBytes))
	n, err := in.ReadAt(tail, t.size-int64(len(tail)))
	if err != nil && !errors.Is(err, io.EOF) {
		return
	}
	t.offset = t.size - int64(len(tail)) + int64(strings.LastIndexByte(string(tail[:n]), '\n')+1)
}

// forget drops the remembered beginnings of files that are gone.
func (f *Follower) forget(candidates []candidate) {
	if len(f.heads) <= 2*len(candidates)+16 {
		return
	}
	there := map[inode]bool{}
	for _, c := range candidates {
		there[c.id] = true
	}
	for id := range f.heads {
		if !there[id] {
			delete(f.heads, id)
		}
	}
}

// settle decides about files that are not written to any more, and opens those that are.
func (f *Follower) settle() {
	open := 0
	f.files = slices.DeleteFunc(f.files, func(t *file) bool {
		if t.orphan() {
			return f.dropped(t)
		}
		quiet := f.now().Sub(t.modified)
		if quiet > quietTime {
			t.stuck = 0 // what it lacks is told when it is read again
		}
		read := t.size <= max(t.offset, t.tried)
		switch {
		case t.done:
		case t.rotated && quiet > quietTime && read && !t.packed, quiet > idleTime && read && !t.packed:
			t.last = true
			if t.size <= t.offset {
				t.done, f.dirty = true, true
			}
		}
		switch {
		case t.done, t.rotated && quiet > quietTime && !t.unread():
			t.close()
		case open < maxOpen:
			if open++; t.open == nil {
				_ = t.reopen() // reading it tells the error
			}
		case read && !t.packed:
			t.close()
		}
		return false
	})
}

// reopen opens a file, so that it can be read when it is deleted, too.
func (t *file) reopen() error {
	in, err := regular.Open(t.path)
	if err != nil {
		return err
	}
	// Another file may have its name by now.
	if info, err := in.Stat(); err != nil || newCandidate(t.path, info).id != t.id {
		return errors.Join(errReplaced, in.Close())
	}
	t.open = in
	return nil
}

// dropped deals with a content that is at no place that is known. It returns whether nothing is to be done about it
// any more.
func (f *Follower) dropped(t *file) bool {
	if t.open != nil {
		quiet := f.now().Sub(maxTime(t.modified, t.missing)) > quietTime
		if quiet {
			t.stuck = 0 // as in settle
		}
		if t.packed || t.size > t.offset || !quiet {
			t.last = quiet
			return false
		}
		t.close()
		f.dirty = true
		return true
	}
	if f.now().Sub(t.missing) <= quietTime {
		return false // it may be found, and if nothing is missing a copy that comes is not to be read again
	}
	unread := t.size - t.offset
	if whole := t.seen && unread <= 0 || t.offset == 0 && t.size == 0; !t.done && (t.packed || !whole) {
		f.lost(t, unread)
	}
	f.dirty = true
	return true
}

// lost tells of a content whose rest is nowhere.
func (f *Follower) lost(t *file, unread int64) {
	fields := []zap.Field{zap.String("file", t.path), zap.Int64("read", t.offset)}
	f.count(func(s *Stats) {
		if s.Lost += uint64(max(unread, 0)); !t.seen || unread <= 0 {
			s.Unknown++
		}
	})
	switch {
	case t.seen && unread > 0:
		f.o.Log.Error("the rest of an audit log is gone, its events were not evaluated", append(fields, zap.Int64("bytes", unread))...)
	case t.seen:
		f.o.Log.Error("a packed audit log is gone before it was read to its end, the rest of its events was not evaluated", fields...)
	default:
		f.o.Log.Error("an audit log is gone that was being read when the program ended; whether more was written to it is unknown, and not evaluated if so",
			append(fields, zap.Int64("at_least_bytes", max(unread, 0)))...)
	}
}

// missed ends reading once: what is gone is not waited for but counted, and what cannot be read is the error.
func (f *Follower) missed() error {
	for _, t := range f.files {
		if t.orphan() && !t.done && (t.packed || t.size > t.offset) {
			t.done = true
			f.lost(t, t.size-t.offset)
		}
	}
	if f.denied != "" {
		return fmt.Errorf("read audit events once: %s", f.denied)
	}
	return nil
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

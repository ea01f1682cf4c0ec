package queue

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// Somebody may remove the files of a queue, or put others in their place, while they are open. Every write and every
// sync succeeds then, and all is lost when the process ends. So a sync is believed only if the path still leads to the
// file, and once a second all files are looked at. What is gone is written anew from the files that are open, which is
// everything that was written last and read last; until that is done, Commit fails.

// checkPause is the least time between two looks at all files.
const checkPause = time.Second

var errRemoved = errors.New("the file was removed or replaced while in use")

// inPlace returns errRemoved if the path does not lead to the open file.
func (q *Queue) inPlace(path string, file disk.File) error {
	switch ok, err := q.fs.Leads(path, file); {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("%s: %w", path, errRemoved)
	}
	return nil
}

// guard has all files where they belong, or says why not.
func (q *Queue) guard() error {
	q.mu.Lock()
	now := time.Now()
	due := q.suspect || now.Sub(q.w.checkedAt) >= checkPause
	lost := q.removed || missing(q.failing) || missing(q.marking)
	q.suspect = false
	q.mu.Unlock()
	if !due {
		return nil
	}
	q.w.checkedAt = now
	if !lost {
		err := q.check()
		if !errors.Is(err, errRemoved) {
			return err
		}
	}
	q.setRemoved(true)
	if err := q.restore(); err != nil {
		return fmt.Errorf("files were removed or replaced while in use, and writing them anew fails: %w", err)
	}
	q.setRemoved(false)
	return nil
}

func (q *Queue) setRemoved(removed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.removed = removed
}

// check looks whether all files that are open for writing are where they belong, or the directory if none is.
func (q *Queue) check() error {
	looked := false
	look := func(path string, file disk.File) error {
		looked = true
		return q.inPlace(path, file)
	}
	for _, l := range q.lanes {
		q.mu.Lock()
		seg := l.active
		q.mu.Unlock()
		if seg == nil {
			continue
		}
		if err := look(seg.path, seg.file); err != nil {
			return err
		}
	}
	if q.reserve.file != nil {
		if err := look(filepath.Join(q.dir, reserveName), q.reserve.file); err != nil {
			return err
		}
	}
	q.cursor.busy <- struct{}{}
	defer func() { <-q.cursor.busy }()
	if q.cursor.file != nil {
		return look(filepath.Join(q.dir, cursorName), q.cursor.file)
	}
	if looked {
		return nil
	}
	if _, err := q.fs.ReadDir(q.dir); missing(err) {
		return fmt.Errorf("%s: %w", q.dir, errRemoved)
	}
	return nil
}

// restore writes anew what is gone.
func (q *Queue) restore() error {
	if q.held != nil {
		if err := q.held(); err != nil {
			return err
		}
	}
	if err := q.fs.MkdirAll(q.dir, 0o700); err != nil {
		return err
	}
	q.reading <- struct{}{} // nobody uses the readers now
	defer func() { <-q.reading }()
	for _, l := range q.lanes {
		if err := q.restoreLane(l); err != nil {
			return err
		}
	}
	q.reserve.close()
	q.reserve.held = false
	q.cursor.close()
	q.w.savedAt, q.w.markAt = time.Time{}, time.Time{}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.moved = true
	return nil
}

// restoreLane writes anew the segments that are open somewhere. The records in the first ones that are not, and are
// gone, are counted as lost; those in gone ones between others are when the reader comes there.
func (q *Queue) restoreLane(l *lane) error {
	q.mu.Lock()
	segs, active := append([]*segment(nil), l.segs...), l.active
	q.mu.Unlock()
	gone := map[*segment]bool{}
	for _, seg := range segs {
		var file disk.File
		switch seg {
		case active:
			file = seg.file
		case l.r.seg:
			file = l.r.file
		}
		there, err := q.there(seg, file)
		if err != nil {
			return err
		}
		if there {
			continue
		}
		if file == nil {
			gone[seg] = true
			continue
		}
		if err := q.rewrite(l, seg, file, seg == active); err != nil {
			return err
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, seg := range l.segs {
		if n := l.end(i) - max(seg.first, l.readPos+1); gone[seg] && l.end(i) > l.readPos+1 {
			q.damaged("%s was removed while in use: %d alerts that wait in it are lost", seg.path, n)
		}
	}
	for len(l.segs) > 0 && gone[l.segs[0]] {
		q.dropSegment(l, Damaged)
	}
	return nil
}

// there says whether the path of a segment leads to the file, or to any file if nobody has it open.
func (q *Queue) there(seg *segment, file disk.File) (bool, error) {
	if file != nil {
		return q.fs.Leads(seg.path, file)
	}
	f, err := q.fs.OpenFile(seg.path, os.O_RDONLY, 0)
	if missing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, f.Close()
}

// rewrite copies a segment from the open file to its path, and has it on disk.
func (q *Queue) rewrite(l *lane, seg *segment, from disk.File, active bool) error {
	q.mu.Lock()
	size, dropped := seg.size, seg.dropped
	q.mu.Unlock()
	if dropped {
		return nil
	}
	if err := q.fs.Remove(seg.path); err != nil && !missing(err) {
		return err
	}
	to, err := q.fs.OpenFile(seg.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = copyFile(to, from, size)
	if err == nil {
		err = to.Sync()
	}
	if err == nil {
		err = q.fs.SyncDir(q.dir)
	}
	if err == nil {
		err = q.inPlace(seg.path, to)
	}
	if err != nil {
		to.Close()
		_ = q.fs.Remove(seg.path)
		return err
	}
	if l.r.seg == seg {
		l.r.close()
	}
	if active {
		from.Close()
		seg.file = to
	} else {
		to.Close()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.damaged("%s was removed or replaced while in use: it was written anew, with all that was in it", seg.path)
	return nil
}

func copyFile(to io.WriterAt, from io.ReaderAt, size int64) error {
	buf := make([]byte, min(size, writeBytes))
	for off := int64(0); off < size; {
		n, err := from.ReadAt(buf[:min(size-off, int64(len(buf)))], off)
		if n == 0 {
			return fmt.Errorf("read what is left of it: %w", err)
		}
		if _, err := to.WriteAt(buf[:n], off); err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}

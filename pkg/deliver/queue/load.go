package queue

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// maxSegment bounds how much of a file is looked at.
const maxSegment = 1 << 30

// found is what lies in the directory of a queue.
type found struct {
	mark   mark
	slot   int64
	marked bool
	segs   [lanes][]*segment
	serial uint64 // the greatest
	// useless are files that hold no record that can be found: their header was never written or is damaged.
	useless []*segment
}

// look reads the cursor and the headers of the segments.
func look(fsys disk.FS, dir string) (f found, err error) {
	if f.mark, f.slot, f.marked, err = readMark(fsys, dir); err != nil {
		return f, err
	}
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return f, err
	}
	for _, e := range entries {
		n, serial, ok := parseName(e.Name())
		if !ok {
			continue
		}
		f.serial = max(f.serial, serial)
		seg, err := openSegment(fsys, dir, e.Name(), n, serial)
		switch {
		case err == nil:
			seg.size = min(seg.size, maxSegment)
			f.segs[n] = append(f.segs[n], seg)
		case errors.Is(err, errHeader):
			f.useless = append(f.useless, seg)
		case !missing(err):
			return f, err
		}
	}
	for n := range f.segs {
		f.sort(n)
	}
	return f, nil
}

// sort brings the segments of a lane in order, without those that cannot be part of it.
func (f *found) sort(n int) {
	slices.SortFunc(f.segs[n], func(a, b *segment) int { return cmp.Compare(a.serial, b.serial) })
	kept := f.segs[n][:0]
	for _, seg := range f.segs[n] {
		if len(kept) > 0 && seg.first < kept[len(kept)-1].first {
			f.useless = append(f.useless, seg)
			continue
		}
		kept = append(kept, seg)
	}
	f.segs[n] = kept
}

// floor is the position up to which a lane is acknowledged. Without a cursor that is everything before its first
// segment, for segments are only deleted when they were acknowledged.
func (f *found) floor(n int) uint64 {
	if !f.marked && len(f.segs[n]) > 0 {
		return f.segs[n][0].first - 1
	}
	return f.mark.floor[n]
}

// load takes over what an earlier process left.
func (q *Queue) load() error {
	f, err := look(q.fs, q.dir)
	if err != nil {
		return err
	}
	q.serial, q.seq, q.cursor.generation, q.cursor.slot = f.serial, f.mark.seq, f.mark.generation, 1-f.slot
	for n, l := range q.lanes {
		l.segs, l.readPos = f.segs[n], f.floor(n)
		l.next = l.readPos + 1
		if len(l.segs) > 0 {
			if err := q.recover(l); err != nil {
				return err
			}
		}
		q.miss(l, &f)
		q.stats.Recovered += l.stored()
	}
	q.stats.Records = q.stats.Recovered
	q.moved = f.marked // a killed process may not have had it on disk
	for _, seg := range f.useless {
		if seg.size > 0 {
			q.damaged("%s holds nothing that can be read: its %d bytes are lost, and it is deleted", seg.path, seg.size)
		}
		q.stats.DamagedBytes += seg.size
		q.doomed = append(q.doomed, seg)
	}
	for _, l := range q.lanes {
		q.retire(l)
	}
	q.trim()
	return nil
}

// miss notes the records of a lane that were on disk, as the cursor says, and are not there. They are counted as damaged
// when the reader comes to where they were.
func (q *Queue) miss(l *lane, f *found) {
	if f.marked && len(l.segs) > 0 && l.segs[0].first > l.readPos+1 {
		q.damaged("%d alerts are lost: the file before %s is missing or damaged", l.segs[0].first-l.readPos-1, l.segs[0].path)
	}
	next := f.mark.next[l.number]
	if next <= l.next {
		return
	}
	q.damaged("%d alerts are lost that were on disk: %s", next-l.next, f.suspect(q.dir, l))
	l.next = next
}

// suspect says where the last records of a lane should have been.
func (f *found) suspect(dir string, l *lane) string {
	for _, seg := range f.useless {
		if n, _, _ := parseName(filepath.Base(seg.path)); n == l.number {
			return seg.path + " holds nothing that can be read, or was cut"
		}
	}
	if len(l.segs) > 0 {
		return "the end of " + l.segs[len(l.segs)-1].path + ", or a file after it, was cut, overwritten or removed"
	}
	return "files in " + dir + " are missing"
}

// recover finds the end of a lane: the last good record of its last segment. What is behind it was cut off or is
// damaged, and is counted in bytes. The process that wrote it may have been killed before it was on disk, so that is
// made up for.
func (q *Queue) recover(l *lane) error {
	last := l.segs[len(l.segs)-1]
	l.newest = last.created
	r := reader{fs: q.fs, force: true}
	defer r.close()
	if err := r.open(last); err != nil {
		return err
	}
	if _, err := r.read(maxNumber, maxNumber, last.size); err != nil {
		return err
	}
	q.seq, l.next = max(q.seq, r.seq), max(l.next, r.pos+1)
	if r.time != 0 {
		l.newest = r.time
	}
	if cut := last.size - r.good; cut > 0 {
		q.stats.DamagedBytes += cut
		q.damaged("the last %d bytes of %s are no whole alert, as after a write that did not finish: they are cut off", cut, last.path)
	}
	if err := q.settle(last, r.good); err != nil {
		q.marking, q.unsettled = fmt.Errorf("sync the queue: %w", err), true
	}
	last.size = r.good
	for _, seg := range l.segs {
		q.bytes += seg.size
		q.seq = max(q.seq, seg.seq-1)
	}
	return nil
}

// settle cuts a segment and has it and its entry in the directory on disk.
func (q *Queue) settle(seg *segment, size int64) error {
	file, err := q.fs.OpenFile(seg.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if size < seg.size {
		if err := file.Truncate(size); err != nil {
			return err
		}
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return q.fs.SyncDir(q.dir)
}

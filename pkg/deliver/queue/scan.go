package queue

import (
	"fmt"
	"iter"
	"time"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// Scan gives the records in the directory of a queue that are not acknowledged, in their order, until f returns false.
// It changes nothing, and another process may have the queue meanwhile: what that one acknowledges or appends during
// the scan may be among them or not. What cannot be read is passed over.
func Scan(fsys disk.FS, dir string, f func(Record) bool) error {
	if fsys == nil {
		fsys = disk.OS
	}
	in, err := look(fsys, dir)
	if err != nil {
		return fmt.Errorf("read queue: %w", err)
	}
	var scans [lanes]*scan
	for n := range scans {
		scans[n] = &scan{segs: in.segs[n], want: in.floor(n) + 1, r: reader{fs: fsys, force: true}}
		defer scans[n].r.close()
	}
	for {
		var first *scan
		for _, s := range scans {
			if s.fill() && (first == nil || s.ahead[0].Seq < first.ahead[0].Seq) {
				first = s
			}
		}
		if first == nil {
			return nil
		}
		it := first.ahead[0]
		first.ahead, first.want = first.ahead[1:], it.pos+1
		if !f(it.Record) {
			return nil
		}
	}
}

// scan reads one lane.
type scan struct {
	segs  []*segment
	want  uint64
	r     reader
	ahead []*item
}

// fill says whether there is a record ahead.
func (s *scan) fill() bool {
	for len(s.ahead) == 0 && len(s.segs) > 0 {
		end := uint64(maxNumber)
		if len(s.segs) > 1 {
			end = s.segs[1].first
		}
		if s.want < end {
			s.ahead, _ = s.r.from(s.segs[0], s.want, end, s.segs[0].size)
		}
		if len(s.ahead) == 0 {
			s.segs = s.segs[1:]
		}
	}
	return len(s.ahead) > 0
}

// Recent gives the records in the directory of a queue, the acknowledged ones too, that were appended at most age before
// the newest of its files was begun, or later, until f returns false; and maybe some that are older. The files come
// the newest first. It changes nothing and is to be called before Open. What cannot be read is passed over. The payload
// of a record is good until f returns.
func Recent(fsys disk.FS, dir string, age time.Duration, f func(Record) bool) error {
	in, err := look(fsys, dir)
	if missing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read queue: %w", err)
	}
	var newest int64
	for _, segs := range in.segs {
		if len(segs) > 0 {
			newest = max(newest, segs[len(segs)-1].created)
		}
	}
	for _, segs := range in.segs {
		end := uint64(maxNumber)
		for i := len(segs) - 1; i >= 0; i-- {
			if i+1 < len(segs) && segs[i+1].created < newest-int64(age) {
				break
			}
			for r := range records(fsys, segs[i], end) {
				if !f(r) {
					return nil
				}
			}
			end = segs[i].first
		}
	}
	return nil
}

// records gives the records of a segment before a position, each with a payload that is good until the next one.
func records(fsys disk.FS, seg *segment, end uint64) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		r := reader{fs: fsys, force: true, brief: true}
		defer r.close()
		for want := seg.first; ; want = r.pos + 1 {
			items, err := r.from(seg, want, end, seg.size)
			if err != nil || len(items) == 0 {
				return
			}
			for _, it := range items {
				if !yield(it.Record) {
					return
				}
			}
		}
	}
}

// retireAll gives the records of segments that are about to be deleted to whoever wants them.
func (q *Queue) retireAll(doomed []*segment) {
	now := time.Now()
	oldest := now.Add(-q.retiredAge).UnixNano()
	if now.Sub(q.opened) < q.retiredAge {
		oldest = 1 // what cannot be read has 0
	}
	for _, seg := range doomed {
		if q.retired != nil && !seg.lost && !seg.told && seg.newest >= oldest {
			q.retired(records(q.fs, seg, maxNumber))
		}
		seg.told = true
	}
}

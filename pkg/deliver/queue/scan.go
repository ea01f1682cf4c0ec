package queue

import (
	"fmt"

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

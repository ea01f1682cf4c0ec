package queue

import (
	"context"
	"fmt"
	"time"
)

// retryPause is how long the queue waits before it asks the disk again after an error.
const retryPause = time.Second

// readTries is how often a segment that cannot be read is tried before its records are given up.
const readTries = 3

// Next leases records, at most max of them, with payloads of at most maxBytes together (0 for no limit; one record is
// always given), in the order in which they were appended; those that were released come first. It waits until there
// is one. It reads what is not on disk yet from memory.
func (q *Queue) Next(ctx context.Context, max, maxBytes int) ([]Record, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		select {
		case q.reading <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		records, more, again, err := q.lease(max, maxBytes)
		<-q.reading
		if len(records) > 0 || err != nil {
			return records, err
		}
		var timer <-chan time.Time
		if again {
			timer = time.After(retryPause)
		}
		select {
		case <-more:
		case <-timer:
		case <-ctx.Done():
		}
	}
}

// lease is Next without waiting. more is closed when there may be something to read; again asks to try in a while.
func (q *Queue) lease(max, maxBytes int) (records []Record, more <-chan struct{}, again bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	bytes := 0
	for len(records) < max {
		if q.closed {
			return nil, nil, false, ErrClosed
		}
		var it *item
		it, again = q.first()
		if it == nil || len(records) > 0 && maxBytes > 0 && bytes+len(it.Payload) > maxBytes {
			break
		}
		if q.give(it) {
			bytes += len(it.Payload)
			records = append(records, it.Record)
		}
	}
	return records, q.more.wait(), again, nil
}

// give leases the item at the front of its lane, or drops it because it is too old or there already.
func (q *Queue) give(it *item) bool {
	l := it.lane
	if lost := l.take(it); lost > 0 {
		q.lose(lost)
	}
	if q.dir == "" && it.state != returned {
		l.shift(l.pendRead)
	}
	reason := ""
	if q.expired(it.Time) {
		reason = Expired
	} else if q.leases[it.Seq] != nil {
		reason = Damaged
	}
	if reason == "" {
		it.state = leased
		q.leases[it.Seq] = it
		return true
	}
	q.remove(it)
	q.stats.Dropped[reason]++
	q.retire(l)
	q.less.fire()
	return false
}

// lose counts records that cannot be read.
func (q *Queue) lose(n uint64) {
	q.stats.Records -= n
	q.stats.Dropped[Damaged] += n
	q.moved = true
	q.less.fire()
}

func (q *Queue) expired(t int64) bool {
	return q.settings.MaxAge > 0 && t < time.Now().Add(-q.settings.MaxAge).UnixNano()
}

// first gives the record with the lowest sequence that nobody has, nil if there is none; again says that a lane could
// not be read now.
func (q *Queue) first() (first *item, again bool) {
	for filled := true; filled; {
		first, again, filled = nil, false, false
		for _, l := range q.lanes {
			if l.r.seg != nil && l.r.seg.dropped {
				l.r.close()
			}
			it := l.front()
			if it == nil && l.stored() > 0 {
				if q.fill(l) {
					filled = true
				} else {
					again = true
				}
				continue
			}
			if it != nil && (first == nil || it.Seq < first.Seq) {
				first = it
			}
		}
	}
	return first, again
}

// fill reads ahead in a lane, without the lock. It returns false if the disk refuses for now.
func (q *Queue) fill(l *lane) bool {
	want := l.readPos + 1
	if len(l.segs) == 0 {
		q.pass(l, l.next)
		return true
	}
	i := l.find(want)
	seg, end, size := l.segs[i], l.end(i), l.segs[i].size
	if r := &l.r; r.seg == seg && l.jump.seg == seg && l.jump.pos < want && l.jump.off > r.off {
		r.off, r.good, r.pos = l.jump.off, l.jump.off, l.jump.pos
	}
	l.r.force = seg.failures+1 >= readTries
	q.mu.Unlock()
	items, err := l.r.from(seg, want, end, size)
	q.mu.Lock()
	q.stats.DamagedBytes += l.r.bad
	l.r.bad = 0
	if seg.dropped || len(l.ahead) > 0 || l.readPos >= want {
		l.r.close() // what was read is out of date
		return true
	}
	switch {
	case missing(err) && seg == l.active:
		q.suspect, q.unreadable = true, err
		poke(q.rush) // it is written anew
		return false
	case err != nil && !missing(err):
		l.r.close()
		if seg.failures++; seg.failures < readTries {
			q.unreadable = fmt.Errorf("read the queue: %w", named(seg.path, err))
			return false
		}
		q.pass(l, end)
	case len(items) == 0:
		q.pass(l, end)
	default:
		for _, it := range items {
			it.lane = l
		}
		l.ahead = items
	}
	q.unreadable = nil
	return true
}

// from reads records of a segment, from where the reader is if it is there.
func (r *reader) from(seg *segment, want, end uint64, size int64) ([]*item, error) {
	if r.seg != seg {
		if err := r.open(seg); err != nil {
			return nil, err
		}
	}
	return r.read(want, end, size)
}

// pass gives up everything before a position that is not read.
func (q *Queue) pass(l *lane, end uint64) {
	if end > l.readPos+1 {
		q.lose(end - 1 - l.readPos)
		l.readPos = end - 1
	}
	q.retire(l)
}

package queue

import (
	"container/heap"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// memoryLimit bounds what waits to be written. A quarter of the memory is for what is being written.
func (q *Queue) memoryLimit() int64 {
	if q.dir == "" {
		return q.settings.MemoryBytes
	}
	return q.settings.MemoryBytes / 4 * 3
}

// fitsEmpty says whether a record had room if there were no other.
func (q *Queue) fitsEmpty(size int64) bool {
	return size <= q.memoryLimit() && (q.dir == "" || size+q.headers(size) <= q.settings.MaxBytes)
}

func (q *Queue) fitsMemory(size int64) bool { return q.pending-q.flight+size <= q.memoryLimit() }

func (q *Queue) fitsDisk(size int64) bool {
	pending := q.pending + size
	return q.dir == "" || q.bytes+pending+q.headers(pending) <= q.settings.MaxBytes
}

// headers is what the files take at most that are begun for so many bytes of records.
func (q *Queue) headers(bytes int64) int64 { return headerSize * (lanes + bytes/(q.segment/4)) }

// fits says whether a record has room; for that, files without a record are deleted.
func (q *Queue) fits(size int64) bool {
	for !q.fitsDisk(size) && q.retireIdle() {
	}
	return q.fitsMemory(size) && q.fitsDisk(size)
}

// full leaves a sixteenth of the room, and the room for what was refused.
func (q *Queue) full() bool {
	if q.settings.Policy != Block {
		return false
	}
	bound := q.memoryLimit()
	if q.dir != "" {
		bound = min(bound, q.settings.MaxBytes)
	}
	if q.fits(max(bound/16, q.refused)) {
		q.refused = 0
		return false
	}
	return true
}

// Grant says whether there is room for payloads of these lengths together, so that Append will take each of them; Revoke
// gives back what is not needed. One that Append would never take is not counted. More than an empty queue holds is
// granted when it is empty. Only one caller may do that at a time. Queues of other policies than Block grant
// everything.
func (q *Queue) Grant(payloads ...int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.settings.Policy != Block || q.closed {
		return true
	}
	var sum int64
	for _, n := range payloads {
		if size := frameSize(n); n <= disk.MaxPayload-recordHead && q.fitsEmpty(size) {
			sum += size
		}
	}
	if !q.fits(sum) && (q.fitsEmpty(sum) || q.stats.Records > 0) {
		q.refused = min(sum, q.memoryLimit()/2, q.settings.MaxBytes/2)
		return false
	}
	q.granted = sum
	return true
}

// Revoke takes back what Grant promised.
func (q *Queue) Revoke() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.granted = 0
}

// makeRoom drops what the policy says until a record of a lane has room. Otherwise it returns the reason for which
// that record itself is to be dropped.
func (q *Queue) makeRoom(l *lane, size int64) (reason string) {
	if !q.roomInMemory(l, size) {
		return MemoryFull
	}
	if !q.roomOnDisk(l, size) {
		return QueueFull
	}
	return ""
}

// trim drops what is over the bounds.
func (q *Queue) trim() {
	if q.settings.Policy != Block {
		q.roomInMemory(q.lanes[0], 0)
		q.roomOnDisk(q.lanes[0], 0)
	}
}

func (q *Queue) roomInMemory(l *lane, size int64) bool {
	for !q.fitsMemory(size) {
		it := q.leastInMemory(l)
		if it == nil {
			return false
		}
		q.drop(it, MemoryFull)
	}
	return true
}

func (q *Queue) roomOnDisk(l *lane, size int64) bool {
	for !q.fitsDisk(size) {
		if q.retireIdle() {
			continue
		}
		victim := q.least(l)
		switch {
		case victim == nil:
			return false
		case len(victim.segs) > 0:
			q.dropSegment(victim, QueueFull)
		default:
			q.drop(victim.droppable(), QueueFull)
		}
	}
	return true
}

// leastInMemory finds the record in memory that the policy drops first for one of a lane.
func (q *Queue) leastInMemory(l *lane) (least *item) {
	for i := lanes - 1; i >= 0; i-- {
		if q.settings.Policy == LowPriorityFirst && (i < l.number || least != nil) {
			return least
		}
		it := q.lanes[i].droppable()
		if q.dir == "" && len(q.lanes[i].back) > 0 {
			it = q.lanes[i].back[0]
		}
		if it != nil && (least == nil || it.Seq < least.Seq) {
			least = it
		}
	}
	return least
}

// least finds the lane of which the policy drops the oldest records first for one of a lane.
func (q *Queue) least(l *lane) (least *lane) {
	var oldest uint64
	for i := lanes - 1; i >= 0; i-- {
		if q.settings.Policy == LowPriorityFirst && (i < l.number || least != nil) {
			return least
		}
		c := q.lanes[i]
		var seq uint64
		if it := c.droppable(); len(c.segs) > 0 {
			seq = c.segs[0].seq
		} else if it != nil {
			seq = it.Seq
		} else {
			continue
		}
		if least == nil || seq < oldest {
			least, oldest = c, seq
		}
	}
	return least
}

// drop takes a record out of memory that nobody has and that is not on disk.
func (q *Queue) drop(it *item, reason string) {
	l := it.lane
	q.stats.Dropped[reason]++
	q.less.fire()
	if it.state == returned {
		heap.Pop(&l.back)
		q.remove(it)
		return
	}
	it.state = gone
	q.stats.Records--
	q.pending -= it.size()
	l.forget(it)
}

// dropSegment drops the first segment of a lane. Who leased one of its records keeps it until it is acknowledged or
// released.
func (q *Queue) dropSegment(l *lane, reason string) {
	last := l.end(0) - 1
	l.segs[0].lost = true
	q.doom(l)
	if last > l.readPos {
		n := last - l.readPos
		q.stats.Records -= n
		q.stats.Dropped[reason] += n
		l.readPos = last
	}
	for len(l.ahead) > 0 && l.ahead[0].pos <= last {
		l.ahead = l.ahead[1:]
	}
	for it := l.head; it != nil && it.pos != 0 && it.pos <= last; it = l.head {
		l.unlink(it)
		it.orphan = reason
	}
	kept := l.back[:0]
	for _, it := range l.back {
		if it.orphan == "" {
			kept = append(kept, it)
			continue
		}
		q.remove(it)
		q.stats.Dropped[reason]++
	}
	clear(l.back[len(kept):])
	l.back = kept
	heap.Init(&l.back)
	q.less.fire()
}

// doom takes the first segment out of a lane and has its file deleted.
func (q *Queue) doom(l *lane) {
	seg := l.segs[0]
	if l.active == seg {
		l.active = nil
	}
	seg.dropped, seg.newest = true, l.newest
	if len(l.segs) > 1 {
		seg.newest = l.segs[1].created
	}
	l.segs[0] = nil
	l.segs = l.segs[1:]
	q.bytes -= seg.size
	q.doomed = append(q.doomed, seg)
	q.moved = true
	poke(q.kick)
}

// retire deletes the segments of a lane of which everything is acknowledged. The one that is written stays while it
// is short.
func (q *Queue) retire(l *lane) {
	for len(l.segs) > 0 && l.floor()+1 >= l.end(0) {
		if l.segs[0] == l.active && (!l.idle() || l.active.size < q.segment/2) {
			return
		}
		q.doom(l)
	}
}

// retireIdle deletes the segment of a lane without records.
func (q *Queue) retireIdle() bool {
	for _, l := range q.lanes {
		if l.active != nil && len(l.segs) == 1 && l.idle() {
			q.doom(l)
			return true
		}
	}
	return false
}

// expire drops what is older than MaxAge, as far as it can be told without reading.
func (q *Queue) expire() {
	for _, l := range q.lanes {
		for len(l.segs) > 1 && q.expired(l.segs[1].created) || len(l.segs) == 1 && l.stored() > 0 && q.expired(l.newest) {
			q.dropSegment(l, Expired)
		}
		for it := l.droppable(); it != nil && q.expired(it.Time); it = l.droppable() {
			q.drop(it, Expired)
		}
	}
}

package queue

import (
	"container/heap"
	"sort"
)

// lanes is how many logs a queue has, one per priority.
const lanes = 8

// state says where an item is on its way.
type state uint8

const (
	waiting  state = iota // nobody has it
	leased                // Next gave it out
	returned              // Release gave it back
	gone                  // acknowledged or dropped
)

// item is a record in memory: one that is not on disk yet, that was read ahead, or that is leased.
type item struct {
	Record
	pos        uint64 // in its lane, 0 while it is not on disk
	lane       *lane
	state      state
	orphan     string // why its segment was dropped while it was leased
	prev, next *item
}

// size is what the record takes on disk.
func (it *item) size() int64 { return frameSize(len(it.Payload)) }

func frameSize(payload int) int64 { return frameOverhead + int64(payload) }

// lane is one log: segments on disk, and behind them what waits in memory. Positions count its records: those up to
// readPos were given out, lost or dropped, those below next are on disk.
type lane struct {
	number  int
	segs    []*segment
	active  *segment // the last of segs if it is still written
	next    uint64   // position of the next record that is written
	readPos uint64

	ahead  []*item // read from disk, not given out
	back   backlog // given back
	r      reader
	jump   jump
	newest int64 // time of the last record on disk

	pending    []*item // not on disk yet, in order
	flight     int     // how many of them are being written
	pendRead   int     // how many of them were given out or are gone, from the front
	pendDrop   int     // where the search for one to drop starts
	pendGone   int     // how many behind those in flight are gone
	head, tail *item   // leased and returned, in order
}

// jump says that the reader of a segment may go on at off if everything up to pos was read.
type jump struct {
	seg *segment
	off int64
	pos uint64
}

// end is the position behind the last record of the i-th segment: a segment ends where the next one begins, whatever
// else it holds, for that was given up and written again.
func (l *lane) end(i int) uint64 {
	if i+1 < len(l.segs) {
		return l.segs[i+1].first
	}
	return l.next
}

// find gives the index of the segment that holds a position, or of the first one.
func (l *lane) find(pos uint64) int {
	return max(0, sort.Search(len(l.segs), func(i int) bool { return l.segs[i].first > pos })-1)
}

// floor is the position up to which everything is acknowledged, lost or dropped.
func (l *lane) floor() uint64 {
	if l.head != nil && l.head.pos != 0 {
		return l.head.pos - 1
	}
	return l.readPos
}

// stored is how many records on disk nobody has.
func (l *lane) stored() uint64 { return l.next - 1 - l.readPos }

// backlog holds items by sequence, the first in front.
type backlog []*item

func (b backlog) Len() int           { return len(b) }
func (b backlog) Less(i, j int) bool { return b[i].Seq < b[j].Seq }
func (b backlog) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }

// Push is for container/heap.
func (b *backlog) Push(x any) { *b = append(*b, x.(*item)) }

// Pop is for container/heap.
func (b *backlog) Pop() any {
	last := len(*b) - 1
	it := (*b)[last]
	(*b)[last] = nil
	*b = (*b)[:last]
	return it
}

// idle says that no record of the lane is left.
func (l *lane) idle() bool { return l.stored() == 0 && l.head == nil && len(l.pending) == l.pendRead }

// front is the next record that nobody has, if it is in memory.
func (l *lane) front() *item {
	if len(l.back) > 0 {
		return l.back[0]
	}
	if len(l.ahead) > 0 {
		return l.ahead[0]
	}
	if l.stored() > 0 {
		return nil
	}
	for l.pendRead < len(l.pending) {
		if it := l.pending[l.pendRead]; it.state != gone {
			return it
		}
		l.pendRead++
	}
	return nil
}

// take removes the front, which is given out or expired. It returns how many records were lost before it.
func (l *lane) take(it *item) (lost uint64) {
	if it.state == returned {
		heap.Pop(&l.back)
		return 0
	}
	l.link(it)
	if it.pos != 0 {
		l.ahead = l.ahead[1:]
		lost = it.pos - l.readPos - 1
		l.readPos = it.pos
		return lost
	}
	l.pendRead++
	return 0
}

// link puts an item at the end of those that are out.
func (l *lane) link(it *item) {
	it.prev, it.next = l.tail, nil
	if l.tail != nil {
		l.tail.next = it
	} else {
		l.head = it
	}
	l.tail = it
}

func (l *lane) unlink(it *item) {
	if it.prev != nil {
		it.prev.next = it.next
	} else {
		l.head = it.next
	}
	if it.next != nil {
		it.next.prev = it.prev
	} else {
		l.tail = it.prev
	}
	it.prev, it.next = nil, nil
}

// forget notes that a pending item is gone, and packs the pending ones when half of them are.
func (l *lane) forget(it *item) {
	it.Payload = nil
	if l.pendGone++; l.pendGone > 64 && l.pendGone > len(l.pending)/2 {
		l.pack()
	}
}

// pack removes those that are gone from the pending ones, except in flight.
func (l *lane) pack() {
	kept, read := l.pending[:l.flight], min(l.pendRead, l.flight)
	for i, it := range l.pending[l.flight:] {
		if it.state == gone {
			continue
		}
		if l.flight+i < l.pendRead {
			read++
		}
		kept = append(kept, it)
	}
	clear(l.pending[len(kept):])
	l.pending, l.pendRead, l.pendDrop, l.pendGone = kept, read, 0, 0
}

// droppable finds the oldest pending item that nobody has and that is not being written.
func (l *lane) droppable() *item {
	for l.pendDrop = max(l.pendDrop, l.pendRead, l.flight); l.pendDrop < len(l.pending); l.pendDrop++ {
		if it := l.pending[l.pendDrop]; it.state != gone {
			return it
		}
	}
	return nil
}

// shift removes the first n pending items, which are on disk now.
func (l *lane) shift(n int) {
	clear(l.pending[:n])
	l.pending = l.pending[n:]
	l.pendRead, l.pendDrop = max(l.pendRead-n, 0), max(l.pendDrop-n, 0)
}

package queue

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Stats are the counts of a queue. Appended + Recovered = Acked + Records + the sum of Dropped.
type Stats struct {
	// Appended counts what was given to Append, without what it refused with ErrFull or ErrClosed.
	Appended uint64
	// Recovered is how many records were there when the queue was opened.
	Recovered uint64
	// Acked counts acknowledged records.
	Acked uint64
	// Records is how many records are in the queue, those that are leased among them.
	Records uint64
	// Dropped counts the others by reason.
	Dropped map[string]uint64
	// Bytes is how much disk and memory the queue takes, Pending how much of it is only in memory.
	Bytes, Pending int64
	// Oldest is when the oldest record was appended, in nanoseconds since 1970; 0 in an empty queue.
	Oldest int64
	// DamagedBytes counts the bytes that were passed over because no record could be read from them. The end of a file
	// that was being written when power was lost is among them.
	DamagedBytes int64
	// Damage says, one text per file, what was found damaged or missing when the queue was opened and what was removed
	// since, with the path, what it costs, and what was done. It only grows, up to a bound.
	Damage []string
	// Durable says that the last write succeeded; false in a queue in memory.
	Durable bool
	// Err is the last error of the disk, nil once it works again.
	Err error
}

// Stats gives the counts.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Dropped, s.Damage = maps.Clone(s.Dropped), slices.Clone(s.Damage)
	s.Bytes, s.Pending = q.bytes+q.pending, q.pending
	s.Durable = q.dir != "" && q.failing == nil && !q.removed
	s.Err = errors.Join(q.failing, q.marking, q.unreadable)
	s.Oldest = q.oldest()
	return s
}

// oldest is exact for what is in memory; of what only the disk knows it tells when the file was begun.
func (q *Queue) oldest() int64 {
	var oldest int64
	take := func(t int64) {
		if oldest == 0 || t < oldest {
			oldest = t
		}
	}
	for _, l := range q.lanes {
		if l.head != nil {
			take(l.head.Time)
		}
		if it := l.front(); it != nil {
			take(it.Time)
		} else if l.stored() > 0 && len(l.segs) > 0 {
			take(l.segs[l.find(l.readPos+1)].created)
		}
	}
	return oldest
}

// maxDamage bounds Stats.Damage.
const maxDamage = 32

// damaged adds a text to Stats.Damage.
func (q *Queue) damaged(format string, args ...any) {
	switch len(q.stats.Damage) {
	case maxDamage:
	case maxDamage - 1:
		q.stats.Damage = append(q.stats.Damage, q.dir+": there is more damage, which is not listed")
	default:
		q.stats.Damage = append(q.stats.Damage, fmt.Sprintf(format, args...))
	}
}

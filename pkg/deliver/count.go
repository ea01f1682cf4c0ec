package deliver

import "github.com/saker-security/saker/pkg/deliver/queue"

// Count is what became of the alerts of one sink. At every moment
//
//	Matched + Recovered + Replayed = Suppressed + Delivered + Queued + Dead + Dropped
//
// holds exactly, with Suppressed and Dropped summed over their reasons.
type Count struct {
	Sink string
	// Matched alerts were offered to the sink since it is there, Recovered ones were in its queue then, and Replayed
	// ones were put from the dead letters into the queue.
	Matched, Recovered, Replayed uint64
	// Suppressed alerts were not meant for the sink, by reason: below_priority, or repeated when an earlier process had
	// put them into the queue already.
	Suppressed map[string]uint64
	// Delivered alerts were taken by the sink, Queued ones wait or are on their way, Dead ones were moved to the dead
	// letters.
	Delivered, Queued, Dead uint64
	// Dropped alerts are lost, by reason, which are those of package queue: queue_full, memory_full, expired, damaged,
	// too_large, unwritten. Each of them is there, be it with 0.
	Dropped map[string]uint64

	// Failures is how often Send failed other than by a refusal, Retries how many alerts were sent again for it.
	Failures, Retries uint64
	// Duplicates are alerts of which is known that they were sent again although the sink had them.
	Duplicates uint64
	// Panics and Abandoned are how often Send panicked and did not return. Each time the sink is opened anew.
	Panics, Abandoned uint64
	// Fallbacks is how often the plain form of an alert was sent because its template failed.
	Fallbacks uint64
	// QueueBytes is what the queue takes on disk and in memory, MemoryBytes how much of it is in memory only. Oldest is when its
	// oldest alert was put in, in nanoseconds since the Unix epoch, or 0.
	QueueBytes, MemoryBytes, Oldest int64
	// DamagedBytes of the queue could not be read.
	DamagedBytes int64
	// DeadStored dead letters are there and take DeadBytes; DeadDropped ones made room for others, DeadDiscarded ones
	// were dropped by an operator.
	DeadStored                 int
	DeadBytes                  int64
	DeadDropped, DeadDiscarded uint64
	// DeadDamaged places of the dead letters could not be read, each of one letter or more, and DeadCutBytes at their
	// end, where writing did not come to its end.
	DeadDamaged  uint64
	DeadCutBytes int64
	// Full says that the queue is full and drops nothing, so that no alert is taken for any sink.
	Full bool
	// Open says that the sink is left alone for a while after failures in a row.
	Open bool
	// Failing is the text of the last error, empty once the sink took an alert after it.
	Failing string
	// Durable says that what is queued survives a loss of power; false without a data directory and while the disk
	// fails, DiskError being why.
	Durable   bool
	DiskError string
}

// Unaccounted is the left side of the formula minus the right one. It is 0.
func (c *Count) Unaccounted() int64 {
	in := c.Matched + c.Recovered + c.Replayed
	out := c.Delivered + c.Queued + c.Dead
	for _, n := range c.Suppressed {
		out += n
	}
	for _, n := range c.Dropped {
		out += n
	}
	return int64(in - out)
}

// dropReasons are the keys of Count.Dropped.
var dropReasons = []string{queue.QueueFull, queue.MemoryFull, queue.Expired, queue.Damaged, queue.TooLarge, queue.Unwritten}

// belowPriority is the reason of alerts that are less severe than their sink wants.
const belowPriority = "below_priority"

// Repeated is the reason in Count.Suppressed of alerts whose event came again, as after kill -9, and that the queue had
// before.
const Repeated = "repeated"

// Fallbacker is a Sink that counts the alerts whose own form could not be made and which it sent in the plain one.
// Fallbacks may be called while Send is, does not block, and never gets smaller.
type Fallbacker interface{ Fallbacks() uint64 }

// account is what an output counts itself; its queue counts the rest.
type account struct {
	matched, replayed, delivered, dead uint64
	suppressed, dropped                map[string]uint64 // by reason
	failures, retries, duplicates      uint64
	panics, abandoned, fallbacks       uint64
}

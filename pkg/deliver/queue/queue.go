package queue

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// The errors of a queue.
var (
	// ErrFull is returned by Append to a queue with the policy Block that has no room. The record is not counted.
	ErrFull = errors.New("the queue is full")
	// ErrTooLarge is returned by Append for a record that the queue could not hold if it were empty. The record is
	// counted as dropped.
	ErrTooLarge = errors.New("the record is larger than the queue")
	// ErrClosed is returned when the queue is closed.
	ErrClosed = errors.New("the queue is closed")
)

// The reasons for which records are dropped, the keys of Stats.Dropped.
const (
	// QueueFull: MaxBytes was reached, by the policy of the queue.
	QueueFull = "queue_full"
	// MemoryFull: MemoryBytes was reached, in a queue in memory or while the disk failed.
	MemoryFull = "memory_full"
	// Expired: the record was older than MaxAge.
	Expired = "expired"
	// Damaged: the record was unreadable, or the file it was in is missing.
	Damaged = "damaged"
	// TooLarge: the record was larger than the queue.
	TooLarge = "too_large"
	// Unwritten: the queue was closed before the record was on disk.
	Unwritten = "unwritten"
)

// Record is one record of a queue.
type Record struct {
	// Seq is its number in the queue, greater than that of every record appended before.
	Seq uint64
	// Priority is how severe it is; the most severe is 0.
	Priority uint8
	// Time is when it was appended, in nanoseconds since 1970.
	Time int64
	// Payload must not be changed.
	Payload []byte
}

// Options say where a queue is and how it is bounded.
type Options struct {
	// FS is the file system, nil for disk.OS.
	FS disk.FS
	// Dir is the directory of the queue, which is made; "" keeps the queue in memory. Only one Queue may have it.
	Dir string
	// Settings bound the queue. Sizes that are not positive are those of DefaultSettings.
	Settings Settings
	// SegmentBytes is how long a file gets, 0 for 8 MiB; less is taken when MaxBytes is small.
	SegmentBytes int64
	// Held, if not nil, is asked before the queue writes anew what somebody removed, and says why it must not: another
	// process may have the directory by then.
	Held func() error
	// Retired, if not nil, is given the records of a file in which everything is acknowledged before the file is deleted,
	// if one of them may be younger than RetiredAge, or the queue was opened no longer ago than that. Their payloads are good
	// until the next one. It is called by one goroutine, which also writes.
	Retired    func(records iter.Seq[Record])
	RetiredAge time.Duration
	// Passed, if not nil, is given the records that were acknowledged before they were on disk, which they will never be,
	// at once after that, by another goroutine. While it hangs, those beyond 8 MiB are not kept for it.
	Passed func(records []Record)
}

// Queue keeps records until they are acknowledged. All methods are safe for concurrent use.
type Queue struct {
	fs   disk.FS
	dir  string
	wish int64 // how long segments are to be
	held func() error

	retired    func(iter.Seq[Record])
	retiredAge time.Duration
	passed     func([]Record)
	opened     time.Time
	unsettled  bool // what was recovered may not be on stable storage

	mu         sync.Mutex
	settings   Settings
	segment    int64 // how long they get
	lanes      [lanes]*lane
	seq        uint64 // the last one given
	serial     uint64 // the last one given
	leases     map[uint64]*item
	bytes      int64 // of the segments
	pending    int64 // of what is in memory only
	flight     int64 // of what is being written
	refused    int64 // size of what Append or Grant refused
	granted    int64 // size of what Append takes whatever the bounds are
	stats      Stats
	closed     bool
	early      []Record // acknowledged before they were on disk
	earlyBytes int64
	doomed     []*segment // to be deleted
	moved      bool       // the cursor is behind
	failing    error      // writing records
	marking    error      // writing the cursor, deleting
	unreadable error      // reading
	removed    bool       // files are not where they were, and not written anew
	suspect    bool       // they may be not
	retryAt    time.Time
	more       signal // there is something to read
	flushed    signal // writing ended, well or not
	less       signal // records left

	reading chan struct{} // holds a token while somebody reads from disk
	kick    chan struct{} // there is something to write
	rush    chan struct{} // and somebody waits for it
	acked   chan struct{} // the cursor is to be written
	stop    chan struct{}
	running sync.WaitGroup

	cursor  cursor
	reserve reserve
	w       writer
}

// signal wakes all that wait. It is guarded by the lock of the queue.
type signal struct{ ch chan struct{} }

func (s *signal) wait() <-chan struct{} {
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) fire() {
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

// poke leaves a token in a channel that holds one.
func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Open opens a queue, with what an earlier process left in the directory. Damage and a full disk do not keep it from
// opening; a directory that cannot be made or read and files of a newer version do.
func Open(o Options) (*Queue, error) {
	q := newQueue(o)
	if q.dir == "" {
		return q, nil
	}
	if err := q.fs.MkdirAll(q.dir, 0o700); err != nil {
		return nil, fmt.Errorf("open queue: %w", err)
	}
	if err := q.load(); err != nil {
		return nil, fmt.Errorf("open queue: %w", err)
	}
	q.running.Go(q.run)
	q.running.Go(q.follow)
	return q, nil
}

func newQueue(o Options) *Queue {
	q := &Queue{
		fs: o.FS, dir: o.Dir, wish: o.SegmentBytes, held: o.Held, retired: o.Retired, retiredAge: o.RetiredAge, passed: o.Passed, opened: time.Now(), leases: map[uint64]*item{},
		reading: make(chan struct{}, 1), kick: make(chan struct{}, 1), rush: make(chan struct{}, 1),
		acked: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	if q.fs == nil {
		q.fs = disk.OS
	}
	q.configure(o.Settings)
	q.stats.Dropped = map[string]uint64{}
	for i := range q.lanes {
		q.lanes[i] = &lane{number: i, next: 1, r: reader{fs: q.fs}}
	}
	q.cursor.fs, q.cursor.dir, q.cursor.busy = q.fs, q.dir, make(chan struct{}, 1)
	q.reserve.fs, q.reserve.dir, q.reserve.size = q.fs, q.dir, min(q.segment, q.settings.MaxBytes/reserveShare)
	return q
}

func (q *Queue) configure(s Settings) {
	if s.MaxBytes <= 0 {
		s.MaxBytes = DefaultSettings().MaxBytes
	}
	if s.MemoryBytes <= 0 {
		s.MemoryBytes = DefaultSettings().MemoryBytes
	}
	q.settings, q.segment = s, q.wish
	if q.segment <= 0 {
		q.segment = 8 << 20
	}
	q.segment = max(min(q.segment, s.MaxBytes/(2*lanes), maxSegment/2), 4<<10)
}

// Configure changes the bounds of the queue. What is over them now is dropped and counted, unless the policy is Block.
func (q *Queue) Configure(s Settings) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.configure(s)
	q.trim()
	q.less.fire()
}

// Append adds a record. It never waits for the disk. The payload is kept and must not be changed afterwards. What the
// policy drops for the record, or the record itself, is counted and no error.
func (q *Queue) Append(priority uint8, payload []byte) error {
	size := frameSize(len(payload))
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if len(payload) > disk.MaxPayload-recordHead || !q.fitsEmpty(size) {
		q.stats.Appended++
		q.stats.Dropped[TooLarge]++
		return fmt.Errorf("%d bytes: %w", len(payload), ErrTooLarge)
	}
	l := q.laneOf(priority)
	granted := q.granted >= size
	q.granted = max(q.granted-size, 0)
	if q.settings.Policy == Block && !granted && !q.fits(size) {
		q.refused = size
		return ErrFull
	}
	q.stats.Appended++
	if q.settings.Policy != Block {
		if reason := q.makeRoom(l, size); reason != "" {
			q.stats.Dropped[reason]++
			return nil
		}
	}
	q.seq++
	l.pending = append(l.pending, &item{lane: l, Record: Record{
		Seq: q.seq, Priority: priority, Time: time.Now().UnixNano(), Payload: payload,
	}})
	q.stats.Records++
	q.pending += size
	q.more.fire()
	if q.dir != "" && q.failing == nil {
		poke(q.kick)
		if q.pending-q.flight >= min(rushBytes, q.memoryLimit()/2) {
			poke(q.rush)
		}
	}
	return nil
}

// Settled says whether everything that was recovered is on stable storage. When the disk refused that at the start, what
// a process wrote that was killed may be in the memory of the kernel only.
func (q *Queue) Settled() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !q.unsettled
}

// laneOf gives the lane of a priority: its own if the policy asks for priorities, else the same for all.
func (q *Queue) laneOf(priority uint8) *lane {
	if q.settings.Policy != LowPriorityFirst {
		return q.lanes[0]
	}
	return q.lanes[min(priority, lanes-1)]
}

// Commit returns nil when everything that was appended before is on stable storage, acknowledged or dropped, and an
// error if the disk refuses. The queue goes on trying by itself. In a queue in memory there is nothing to wait for.
func (q *Queue) Commit(ctx context.Context) error {
	if q.dir == "" {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for target := q.seq; q.removed || !q.written(target); {
		if q.failing != nil {
			return fmt.Errorf("write the queue: %w", q.failing)
		}
		if q.closed {
			return ErrClosed
		}
		poke(q.rush)
		if err := q.await(ctx, q.flushed.wait()); err != nil {
			return err
		}
	}
	return nil
}

// await gives up the lock until the channel is closed or the context ends.
func (q *Queue) await(ctx context.Context, ch <-chan struct{}) error {
	q.mu.Unlock()
	defer q.mu.Lock()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// written says whether no record up to a sequence waits to be written.
func (q *Queue) written(target uint64) bool {
	for _, l := range q.lanes {
		i := 0
		for i < len(l.pending) && l.pending[i].state == gone {
			i++
		}
		if i < len(l.pending) && l.pending[i].Seq <= target {
			return false
		}
	}
	return true
}

// Ack takes records out of the queue for good, in any order. It never waits for the disk: the cursor is written at
// once, but by another goroutine. What is not leased is passed over, and so is everything after Close.
func (q *Queue) Ack(seqs ...uint64) {
	q.mu.Lock()
	for _, seq := range seqs {
		it := q.leases[seq]
		if it == nil || q.closed {
			continue
		}
		delete(q.leases, seq)
		q.stats.Acked++
		q.overtake(it)
		q.remove(it)
		q.retire(it.lane)
	}
	q.less.fire()
	q.mu.Unlock()
	poke(q.acked)
}

// maxEarly bounds what waits for Options.Passed, in bytes.
const maxEarly = 8 << 20

// overtake keeps an acknowledged record for Options.Passed if it is not on disk.
func (q *Queue) overtake(it *item) {
	if q.passed != nil && it.pos == 0 && q.earlyBytes < maxEarly {
		q.early = append(q.early, it.Record)
		q.earlyBytes += it.size()
	}
}

// remove takes a record that was leased or returned out of the queue.
func (q *Queue) remove(it *item) {
	it.state = gone
	q.stats.Records--
	if it.orphan == "" {
		it.lane.unlink(it)
	}
	switch {
	case it.pos != 0:
		q.moved = true
	case q.dir == "":
		q.pending -= it.size()
	default:
		q.pending -= it.size()
		it.lane.forget(it)
	}
}

// Release gives leased records back: they are the next to be read. What is not leased is passed over.
func (q *Queue) Release(seqs ...uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, seq := range seqs {
		it := q.leases[seq]
		if it == nil {
			continue
		}
		delete(q.leases, seq)
		if it.orphan != "" {
			q.remove(it)
			q.stats.Dropped[it.orphan]++
			q.less.fire()
			continue
		}
		it.state = returned
		heap.Push(&it.lane.back, it)
	}
	q.more.fire()
}

// Full says whether a queue with the policy Block is about to refuse records. A little room is left then, so that who
// asks before every record is not refused by Append.
func (q *Queue) Full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.full()
}

// Room waits until the queue is not full, which it only ever is with the policy Block.
func (q *Queue) Room(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.full() {
		if q.closed {
			return ErrClosed
		}
		if err := q.await(ctx, q.less.wait()); err != nil {
			return err
		}
	}
	return nil
}

// Idle waits until the queue is empty: everything was acknowledged or dropped.
func (q *Queue) Idle(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.stats.Records > 0 {
		if q.closed {
			return ErrClosed
		}
		if err := q.await(ctx, q.less.wait()); err != nil {
			return err
		}
	}
	return nil
}

// Close stops the queue: it tries once more to write what waits, and has the cursor on disk. The error tells how many
// records are lost because they were in memory only.
func (q *Queue) Close() error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil
	}
	q.closed = true
	q.mu.Unlock()
	close(q.stop)
	q.running.Wait()
	q.passEarly()
	q.reading <- struct{}{} // nobody reads now
	defer func() { <-q.reading }()
	q.cursor.close()
	q.reserve.close()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.more.fire()
	q.flushed.fire()
	q.less.fire()
	return q.release()
}

// release closes all files and counts what is lost.
func (q *Queue) release() error {
	var lost uint64
	for _, l := range q.lanes {
		l.r.close()
		if l.active != nil {
			l.active.file.Close()
			l.active = nil
		}
		for _, it := range l.pending {
			if it.state != gone {
				lost++
			}
		}
	}
	if q.dir == "" {
		lost = q.stats.Records
	}
	q.stats.Records -= lost
	if lost == 0 {
		return q.marking
	}
	q.stats.Dropped[Unwritten] += lost
	if q.dir == "" {
		return fmt.Errorf("%d records were in memory only and are lost", lost)
	}
	return fmt.Errorf("%d records could not be written and are lost: %w", lost, q.failing)
}

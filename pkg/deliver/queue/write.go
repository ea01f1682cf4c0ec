package queue

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// linger is how long the writer waits for more records when nobody waits for it.
	linger = 10 * time.Millisecond
	// apart is the least time between two writes for which nobody waits, but for what comes during a write, which is
	// written right after it. Every sync takes processor time from the evaluation of events, and there are as many
	// queues as sinks.
	apart = 100 * time.Millisecond
	// With many queues each waits longer, so that all of them together write about a hundred times a second.
	apartEach = 10 * time.Millisecond
	apartMost = time.Second
	// rushBytes is how much may wait before it stops waiting; half of what the memory holds is less if that is small.
	rushBytes = 1 << 20
	// flightBytes bounds what is written before the disk is asked to keep it.
	flightBytes = 8 << 20
	// aheadBytes bounds what is kept in memory for readers that are no further behind than that.
	aheadBytes = 256 << 10
	// savePause is how long the cursor may be ahead of what the disk keeps.
	savePause = time.Second
	// lookPause is how often the queue looks for records that are too old and files that are gone.
	lookPause = 5 * time.Second
	// restPause is how long an empty queue keeps a segment for what may come, if it is longer than restBytes.
	restPause = 5 * time.Second
	restBytes = 64 << 10
	// writeBytes is how much is written at once.
	writeBytes = 1 << 20
)

// writer is what the goroutine that writes needs.
type writer struct {
	batch        []Record
	buf, scratch []byte
	wroteAt      time.Time
	savedAt      time.Time
	markAt       time.Time
	checkedAt    time.Time
}

// writers counts the queues of the process that write to a disk.
var writers atomic.Int64

// pace is the time between two writes of one of so many queues for which nobody waits.
func pace(queues int64) time.Duration {
	return min(max(apart, time.Duration(queues)*apartEach), apartMost)
}

// run writes what is appended, keeps the cursor and deletes files, until the queue is closed.
func (q *Queue) run() {
	writers.Add(1)
	defer writers.Add(-1)
	timer := time.NewTimer(q.pause())
	defer timer.Stop()
	for {
		select {
		case <-q.stop:
		case <-timer.C:
		case <-q.rush:
		case <-q.kick:
			timer.Reset(max(linger, pace(writers.Load())-time.Since(q.w.wroteAt)))
			select {
			case <-q.stop:
			case <-timer.C:
			case <-q.rush:
			}
		}
		for more := true; more; {
			more = q.flush()
			q.tidy(false)
		}
		select {
		case <-q.stop:
			q.finish()
			return
		default:
		}
		timer.Reset(q.pause())
	}
}

// finish writes what is left, whenever the last error was.
func (q *Queue) finish() {
	q.mu.Lock()
	q.retryAt, q.suspect = time.Time{}, true
	q.mu.Unlock()
	for q.flush() {
	}
	q.tidy(true)
}

// pause is how long there is nothing to do.
func (q *Queue) pause() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.failing != nil:
		return max(time.Until(q.retryAt), time.Millisecond)
	case q.moved || q.marking != nil || len(q.doomed) > 0:
		return savePause
	default:
		return lookPause
	}
}

// flush writes one batch per lane and says whether there is more to write now.
func (q *Queue) flush() (more bool) {
	q.mu.Lock()
	wait := q.failing != nil && time.Now().Before(q.retryAt)
	q.mu.Unlock()
	if wait {
		return false
	}
	failed := q.guard()
	if failed == nil {
		failed = q.writeLanes()
	}
	if noSpace(failed) && q.reserve.spend() {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.flushed.fire()
	q.failing = failed
	if failed != nil {
		q.suspect = true
		q.retryAt = time.Now().Add(retryPause)
		return false
	}
	for _, l := range q.lanes {
		more = more || len(l.pending) > 0
	}
	return more
}

func (q *Queue) writeLanes() (failed error) {
	for _, l := range q.lanes {
		if err := q.writeLane(l); err != nil {
			failed = err
		}
	}
	return failed
}

// writeLane writes the first of what is pending in a lane into its active segment, or into a new one.
func (q *Queue) writeLane(l *lane) error {
	q.mu.Lock()
	l.pack()
	if len(l.pending) == 0 {
		q.mu.Unlock()
		return nil
	}
	seg, full := l.active, (*segment)(nil)
	if seg != nil && seg.size+l.pending[0].size() > q.segment {
		full, seg, l.active = seg, nil, nil
	}
	if seg == nil {
		q.serial++
		seg = &segment{serial: q.serial, first: l.next, seq: q.seq + 1, created: time.Now().UnixNano()}
	}
	pos, size := l.next, seg.size
	flight := q.takeFlight(l, size)
	q.mu.Unlock()
	if full != nil {
		full.file.Close()
		full.file = nil
	}
	end, err := q.writeBatch(l, seg, pos, size)
	q.w.wroteAt = time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.landed(l, seg, end, flight, err)
	return err
}

// takeFlight copies what is written next to the batch and gives its size.
func (q *Queue) takeFlight(l *lane, size int64) (flight int64) {
	limit := min(q.segment-max(size, headerSize), flightBytes, q.settings.MemoryBytes/4)
	q.w.batch = q.w.batch[:0]
	for _, it := range l.pending {
		if len(q.w.batch) > 0 && flight+it.size() > limit {
			break
		}
		flight += it.size()
		q.w.batch = append(q.w.batch, it.Record)
	}
	l.flight = len(q.w.batch)
	q.flight += flight
	return flight
}

// writeBatch writes the batch at the end of a segment and has it on disk. After an error the segment is closed and not
// written any more: which of its pages the disk has is not known then.
func (q *Queue) writeBatch(l *lane, seg *segment, pos uint64, size int64) (end int64, err error) {
	fresh := seg.file == nil
	if fresh {
		if err = newSegment(q.fs, q.dir, l.number, seg); err == nil {
			size = seg.size
		}
	}
	end = size
	if err == nil {
		end, err = q.writeRecords(seg, pos, size)
	}
	if err == nil {
		err = seg.file.Sync()
	}
	if err == nil && fresh {
		err = q.fs.SyncDir(q.dir)
	}
	if err == nil {
		err = q.inPlace(seg.path, seg.file)
	}
	if err == nil {
		return end, nil
	}
	if !fresh && errors.Is(err, errRemoved) {
		return size, err // what was in it before is read from there
	}
	// What was written is of no use; if it cannot be taken away either, the next start passes over it.
	if seg.file != nil {
		if !fresh {
			_ = seg.file.Truncate(size)
		}
		seg.file.Close()
	}
	if fresh {
		_ = q.fs.Remove(seg.path)
	}
	return size, named(seg.path, err)
}

func (q *Queue) writeRecords(seg *segment, pos uint64, off int64) (end int64, err error) {
	w := &q.w
	w.buf = w.buf[:0]
	for i := range w.batch {
		w.buf, w.scratch = seg.appendRecord(w.buf, w.scratch, pos+uint64(i), &w.batch[i])
		if len(w.buf) < writeBytes && i+1 < len(w.batch) {
			continue
		}
		if _, err := seg.file.WriteAt(w.buf, off); err != nil {
			return off, err
		}
		off += int64(len(w.buf))
		w.buf = w.buf[:0]
	}
	if cap(w.buf) > 4*writeBytes {
		w.buf, w.scratch = nil, nil
	}
	clear(w.batch)
	return off, nil
}

func noSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// landed notes what became of the records in flight.
func (q *Queue) landed(l *lane, seg *segment, size, flight int64, err error) {
	n := l.flight
	l.flight = 0
	q.flight -= flight
	if err != nil {
		if l.active == seg && errors.Is(err, errRemoved) {
			q.removed = true
			return
		}
		if l.active == seg {
			l.active = nil
		}
		seg.file = nil
		return
	}
	if seg.dropped {
		return // they are still in memory and will be written to another one
	}
	if l.active != seg {
		l.active = seg
		l.segs = append(l.segs, seg)
		q.bytes += size
	} else {
		q.bytes += size - seg.size
	}
	seg.size = size
	q.stored(l, n)
	if l.readPos+uint64(len(l.ahead))+1 == l.next {
		l.jump = jump{seg, size, l.next - 1}
	}
	q.retire(l)
}

// stored gives the first n pending records their positions on disk. Readers that are close get them from memory still.
func (q *Queue) stored(l *lane, n int) {
	near, bytes := l.stored() == 0, int64(0)
	for i, it := range l.pending[:n] {
		it.pos = l.next
		l.next++
		l.newest = it.Time
		if it.state != gone {
			q.pending -= it.size()
		}
		if i < l.pendRead {
			l.readPos = it.pos
			continue
		}
		if bytes += it.size(); near && bytes <= aheadBytes {
			l.ahead = append(l.ahead, it)
		} else {
			near = false
		}
	}
	l.shift(n)
	q.moved = true
	q.less.fire()
}

// tidy has the cursor on disk when it is time, deletes files, and drops what is too old.
func (q *Queue) tidy(final bool) {
	now := time.Now()
	q.mu.Lock()
	q.expire()
	q.rest(now)
	doomed := q.doomed
	due := len(doomed) > 0 || q.moved && (final || now.Sub(q.w.savedAt) >= savePause)
	if due = due && (final || !now.Before(q.w.markAt)); due {
		q.doomed = nil
	}
	q.mu.Unlock()
	if due {
		err := q.save(len(doomed) > 0)
		if err == nil {
			q.w.savedAt = now
			q.retireAll(doomed)
			doomed, err = q.delete(doomed)
			q.forsake()
		}
		if noSpace(err) {
			q.reserve.spend()
		}
		q.mu.Lock()
		q.doomed = append(doomed, q.doomed...)
		if q.marking = err; err != nil {
			q.w.markAt = now.Add(retryPause)
		}
		q.mu.Unlock()
	}
	if !final {
		q.reserve.hold(now)
	}
}

// rest gives back the room that an empty queue takes when nothing has come for a while.
func (q *Queue) rest(now time.Time) {
	if now.Sub(q.w.wroteAt) < restPause {
		return
	}
	for _, l := range q.lanes {
		if l.active != nil && l.active.size > restBytes && len(l.segs) == 1 && l.idle() {
			q.doom(l)
		}
	}
}

// forsake closes the files of readers that are deleted, unless somebody reads. Their room is free only then.
func (q *Queue) forsake() {
	select {
	case q.reading <- struct{}{}:
	default:
		return
	}
	q.mu.Lock()
	for _, l := range q.lanes {
		if l.r.seg != nil && l.r.seg.dropped {
			l.r.close()
		}
	}
	q.mu.Unlock()
	<-q.reading
}

// delete deletes the files of segments and returns those that are still there.
func (q *Queue) delete(doomed []*segment) (left []*segment, err error) {
	for _, seg := range doomed {
		if seg.file != nil {
			seg.file.Close()
			seg.file = nil
		}
		if e := q.fs.Remove(seg.path); e != nil && !missing(e) {
			left, err = append(left, seg), e
		}
	}
	return left, err
}

// marks gives what the cursor is to hold. Its token is held, so that an older one is never written over a
// newer one.
func (q *Queue) marks() mark {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := mark{seq: q.seq}
	for i, l := range q.lanes {
		m.floor[i], m.next[i] = l.floor(), l.next
	}
	q.moved = false
	return m
}

// save has the cursor on disk.
func (q *Queue) save(both bool) error {
	q.cursor.busy <- struct{}{}
	defer func() { <-q.cursor.busy }()
	err := q.cursor.save(q.marks(), both)
	if err != nil {
		q.mu.Lock()
		q.moved = true
		q.mu.Unlock()
		return fmt.Errorf("write the cursor of the queue: %w", err)
	}
	return nil
}

// follow writes the cursor after every acknowledgment, so that the records do not come again after this process was
// killed. Having it on disk is left to run. What was acknowledged before it was written is told before that.
func (q *Queue) follow() {
	for {
		select {
		case <-q.stop:
			return
		case <-q.acked:
			q.mark()
		}
	}
}

// passEarly gives the records that were acknowledged before they were on disk to whoever wants them.
func (q *Queue) passEarly() {
	q.mu.Lock()
	early := q.early
	q.early, q.earlyBytes = nil, 0
	q.mu.Unlock()
	if len(early) > 0 {
		q.passed(early)
	}
}

func (q *Queue) mark() {
	q.passEarly()
	q.cursor.busy <- struct{}{}
	defer func() { <-q.cursor.busy }()
	if q.cursor.file != nil {
		m := q.marks()
		q.mu.Lock()
		q.moved = true
		q.mu.Unlock()
		_ = q.cursor.write(m) // run tries it again and reports it
	}
	poke(q.kick)
}

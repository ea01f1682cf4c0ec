package process

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Limits bound the memory of a Table. Zero values stand for the defaults.
type Limits struct {
	// Threads is how many threads are known at most, 131,072 by default.
	Threads int
	// FDs is how many descriptors are known at most, all processes together, 524,288 by default.
	FDs int
	// Keep is how long an ended thread is kept, two seconds by default.
	Keep time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.Threads <= 0 {
		l.Threads = 131072
	}
	if l.FDs <= 0 {
		l.FDs = 524288
	}
	if l.Keep <= 0 {
		l.Keep = 2 * time.Second
	}
	return l
}

// Counts are the counters of a Table. They may be read from any goroutine.
type Counts struct {
	// Threads is how many threads are in the table now.
	Threads atomic.Int64
	// Lookups counts the threads that were looked for in /proc since no event had told of them, LookupsFailed those
	// that were not found there either.
	Lookups, LookupsFailed atomic.Uint64
	// Evicted counts the threads that were thrown out for lack of room, FDsRefused the descriptors not taken in.
	Evicted, FDsRefused atomic.Uint64
}

// Table is all threads by id.
type Table struct {
	threads map[int64]*Thread
	fds     int
	limits  Limits
	proc    *Proc
	count   Counts

	// ended are the exited threads in the order of their end.
	ended []ending
	first int
	// missed are thread ids that were looked for in vain, with the time of the event: they are not looked for again
	// before a while.
	missed map[int64]int64
}

type ending struct {
	thread *Thread
	time   int64
}

// NewTable makes an empty table. proc is where unknown threads are looked up, nil for nowhere.
func NewTable(limits Limits, proc *Proc) *Table {
	return &Table{threads: map[int64]*Thread{}, missed: map[int64]int64{}, limits: limits.withDefaults(), proc: proc}
}

// Counts gives the counters.
func (t *Table) Counts() *Counts { return &t.count }

// Get finds a thread without looking further than the table.
func (t *Table) Get(tid int64) *Thread { return t.threads[tid] }

// Find finds the thread of an event that happened at now, in /proc if need be; nil when it is not known.
func (t *Table) Find(tid, now int64) *Thread {
	if thread := t.threads[tid]; thread != nil {
		thread.seen = now
		return thread
	}
	if t.proc == nil || tid <= 0 {
		return nil
	}
	return t.lookup(tid, now)
}

const (
	// retryMissed is how long after a vain look-up the next one is made, in nanoseconds.
	retryMissed = int64(10 * time.Second)
	maxMissed   = 8192
	// startSlack allows for the coarse start times of /proc (clock ticks) and for a boot time in whole seconds.
	startSlack = int64(1500 * time.Millisecond)
)

// lookup reads a thread and its process from /proc. A thread that began after the event has only the same number.
func (t *Table) lookup(tid, now int64) *Thread {
	if at, ok := t.missed[tid]; ok && now-at < retryMissed {
		return nil
	}
	t.count.Lookups.Add(1)
	info, err := t.proc.Read(tid)
	if err == nil && info.Start > now+startSlack {
		err = fmt.Errorf("thread id %d is in use again", tid)
	}
	if err != nil {
		t.count.LookupsFailed.Add(1)
		if len(t.missed) >= maxMissed {
			clear(t.missed)
		}
		t.missed[tid] = now
		return nil
	}
	return t.add(info, now, 0)
}

// maxClimb bounds how many unknown parents one look-up follows.
const maxClimb = 32

// add puts a thread that was read from /proc or from a recording into the table, its process and its ancestors too.
func (t *Table) add(info *Info, now int64, depth int) *Thread {
	process := t.process(info.PID)
	if process == nil {
		process = t.insertProcess(info, now)
		if parent := t.threads[info.PPID]; parent != nil && parent.Process != process {
			process.parent = parent.Process
		} else if t.proc != nil && info.PPID > 0 && depth < maxClimb {
			if above, err := t.proc.Read(info.PPID); err == nil && above.PID != info.PID {
				process.parent = t.add(above, now, depth+1).Process
			}
		}
	}
	if info.TID == info.PID {
		return &process.Main
	}
	thread := &Thread{TID: info.TID, VTID: info.VTID, Comm: info.Comm, UID: info.UID, GID: info.GID, Caps: info.Caps, Process: process}
	t.insert(thread, now)
	return thread
}

// process finds a live process by its id.
func (t *Table) process(pid int64) *Process {
	if main := t.threads[pid]; main != nil && main == &main.Process.Main && !main.Exited {
		return main.Process
	}
	return nil
}

func (t *Table) insertProcess(info *Info, now int64) *Process {
	p := info.process()
	p.Main.Process = p
	t.insert(&p.Main, now)
	return p
}

// insert puts a thread under its id. What was there before is another thread that had the number.
func (t *Table) insert(thread *Thread, now int64) {
	if old := t.threads[thread.TID]; old != nil {
		t.release(old)
	} else if len(t.threads) >= t.limits.Threads {
		t.evict()
	}
	thread.seen = now
	t.threads[thread.TID] = thread
	t.count.Threads.Store(int64(len(t.threads)))
	delete(t.missed, thread.TID)
}

// release ends what a thread leaves behind when it leaves the table.
func (t *Table) release(thread *Thread) {
	p := thread.Process
	if !thread.Exited {
		thread.Exited = true
		p.Threads--
	}
	if thread == &p.Main {
		t.dropFDs(p)
	}
}

func (t *Table) remove(thread *Thread) {
	t.release(thread)
	delete(t.threads, thread.TID)
	t.count.Threads.Store(int64(len(t.threads)))
}

// evictSample is how many threads are looked at to find one that was not seen for long.
const evictSample = 16

// evict makes room: ended threads go first, else the least recently seen of a few.
func (t *Table) evict() {
	t.count.Evicted.Add(1)
	for t.first < len(t.ended) {
		thread := t.ended[t.first].thread
		t.popEnded()
		if t.threads[thread.TID] == thread {
			t.remove(thread)
			return
		}
	}
	var victim *Thread
	n := 0
	for _, thread := range t.threads {
		if victim == nil || thread.seen < victim.seen {
			victim = thread
		}
		if n++; n == evictSample {
			break
		}
	}
	if victim != nil {
		t.remove(victim)
	}
}

// Reap removes the threads that ended long enough before now. It is called before each event, in the order of events.
func (t *Table) Reap(now int64) {
	for t.first < len(t.ended) {
		end := t.ended[t.first]
		if now-end.time < int64(t.limits.Keep) {
			return
		}
		t.popEnded()
		thread := end.thread
		if t.threads[thread.TID] != thread {
			continue
		}
		if thread == &thread.Process.Main && thread.Process.Threads > 0 {
			t.ended = append(t.ended, ending{thread, now})
			continue
		}
		t.remove(thread)
	}
}

func (t *Table) popEnded() {
	t.ended[t.first].thread = nil
	if t.first++; t.first == len(t.ended) {
		t.ended, t.first = t.ended[:0], 0
	} else if t.first > 1024 && t.first > len(t.ended)/2 {
		n := copy(t.ended, t.ended[t.first:])
		clear(t.ended[n:])
		t.ended, t.first = t.ended[:n], 0
	}
}

// Each calls visit with every thread that has not exited, in no order.
func (t *Table) Each(visit func(*Thread)) {
	for _, thread := range t.threads {
		if !thread.Exited {
			visit(thread)
		}
	}
}

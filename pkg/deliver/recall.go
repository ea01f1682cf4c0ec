package deliver

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/queue"
)

const (
	// recallTime is how long after a start a sender may send again what the process before it did not answer. The API
	// server gives a batch up after four minutes.
	recallTime = 10 * time.Minute
	// maxRecalled bounds how many alerts of a sink are recalled, the newest. One takes 16 bytes.
	maxRecalled = 1 << 20
)

// mark stands for the ID of an alert.
type mark [16]byte

func markOf(id string) mark {
	sum := sha256.Sum256([]byte(id))
	return mark(sum[:16])
}

func (m mark) compare(other mark) int { return bytes.Compare(m[:], other[:]) }

// marks are sorted: no set takes less memory, and they are never added to.
type marks []mark

func (s marks) has(m mark) bool {
	_, ok := slices.BinarySearchFunc(s, m, mark.compare)
	return ok
}

// recall knows which alerts earlier processes put into the queue of a sink, so that none is put there a second time when
// its event comes again: a process that was killed may have had alerts of a batch in its queues on disk that it did not
// answer yet. It knows them from the files of the queue, with those in them that are acknowledged, and from its own
// files, to which the records of the queue's files go that are deleted, and those that were acknowledged before they
// were written. A nil one, of a sink in memory, knows nothing.
type recall struct {
	tell func(Report)

	writing sync.Mutex // held while files is used
	files   recallFiles

	mu      sync.Mutex
	known   marks // nil when the time is over
	until   time.Time
	failing notice
}

// openRecall reads what is known of a sink. It is called before the queue is opened.
func openRecall(o *Options, name string, tell func(Report)) *recall {
	if o.Dir == "" {
		return nil
	}
	r := &recall{files: recallFiles{fs: o.FS, dir: sinkDir(o.Dir, name)}, tell: tell, until: time.Now().Add(recallTime)}
	entries, damage := r.files.load()
	for _, text := range damage {
		tell(Report{Text: text, Warning: true})
	}
	var newest int64
	for _, e := range entries {
		newest = max(newest, e.time)
	}
	var found []recallEntry
	err := queue.Recent(o.FS, queueDir(o.Dir, name), recallTime, func(rec queue.Record) bool {
		if e, ok := entryOf(rec); ok {
			newest = max(newest, e.time)
			found = append(found, e)
		}
		return len(found) < maxRecalled
	})
	if err != nil { // opening the queue says it again if it matters
		tell(Report{Text: "alerts in the queue cannot be recalled: one whose event is sent again may be delivered twice", Err: err, Warning: true})
	}
	// The time when no process was running does not count.
	r.known = marksSince(newest-int64(recallTime), found, entries)
	return r
}

// marksSince gives the marks of entries that are not older than a time, of each list the last ones first, as many as are
// recalled.
func marksSince(oldest int64, lists ...[]recallEntry) marks {
	known := make(marks, 0, min(len(lists[0])+len(lists[1]), maxRecalled))
	for _, list := range lists {
		for i := len(list) - 1; i >= 0 && len(known) < maxRecalled; i-- {
			if list[i].time >= oldest {
				known = append(known, list[i].mark)
			}
		}
	}
	slices.SortFunc(known, mark.compare)
	return slices.Clip(slices.Compact(known))
}

// entryOf gives the entry of a record, if it is an alert.
func entryOf(rec queue.Record) (recallEntry, bool) {
	id, err := alert.EncodedID(rec.Payload)
	return recallEntry{rec.Time, markOf(id)}, err == nil
}

// knows says whether an earlier process put the alert into the queue.
func (r *recall) knows(id string) bool {
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.known) > 0 && r.known.has(markOf(id))
}

// forget knows nothing from now on.
func (r *recall) forget() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = nil
}

// expire forgets when the time is over.
func (r *recall) expire() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known != nil && !time.Now().Before(r.until) {
		r.known = nil
	}
}

// retired takes note of the records of a file that the queue is about to delete.
func (r *recall) retired(records iter.Seq[queue.Record]) {
	now := time.Now()
	oldest := now.Add(-recallTime).UnixNano()
	var entries []recallEntry
	for rec := range records {
		e, ok := entryOf(rec)
		if !ok {
			continue
		}
		if r.has(e.mark) { // as long again as this process recalls it
			e.time = now.UnixNano()
		}
		if e.time >= oldest {
			entries = append(entries, e)
		}
	}
	r.add(entries, true)
}

// passed takes note of records that were acknowledged before they were on disk. It does not wait for the disk: that they
// are delivered twice when power is lost is better than that every one of them takes a sync.
func (r *recall) passed(records []queue.Record) {
	entries := make([]recallEntry, 0, len(records))
	for _, rec := range records {
		if e, ok := entryOf(rec); ok {
			entries = append(entries, e)
		}
	}
	r.add(entries, false)
}

func (r *recall) add(entries []recallEntry, sync bool) {
	r.writing.Lock()
	err := r.files.add(entries, time.Now(), sync)
	r.writing.Unlock()
	if err != nil {
		r.failed(err, len(entries))
	}
}

func (r *recall) has(m mark) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known.has(m)
}

// failed reports that entries could not be written. The queue does not wait for them: what it deletes makes the room
// that a full disk needs.
func (r *recall) failed(err error, entries int) {
	r.mu.Lock()
	n := r.failing.add(entries)
	r.mu.Unlock()
	if n > 0 {
		r.tell(Report{Text: fmt.Sprintf("%d delivered alerts cannot be noted: if the program is killed now and their events are sent again, they are delivered twice", n), Err: err, Alerts: n, Warning: true})
	}
}

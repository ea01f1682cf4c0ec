package audit

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"time"

	"github.com/saker-security/saker/pkg/event"
)

// State is what a Window knows of an event.
type State uint8

// The states.
const (
	// New is an event that the Window does not know: the caller has it now and ends that with Done or Forget.
	New State = iota
	// Seen is an event that was evaluated before.
	Seen
	// Busy is an event that somebody else has at this moment.
	Busy
)

// String gives the name of the state.
func (s State) String() string { return [...]string{"new", "seen", "busy"}[s] }

// Claim stands for an event between Begin and Done or Forget. The zero Claim stands for none.
type Claim seen

// key tells events apart: 96 bits of two hashes with seeds of their own, so that nobody who sends events can make two of
// them the same.
type key struct {
	b uint64
	a uint32
}

// maxWindow bounds the events of a Window, whose places are numbers of 24 bits.
const maxWindow = 1<<24 - 1

// Window remembers which events were evaluated, so that one that the API server sends again is known. Two events are
// the same when they come from the same cluster (Batch.Cluster) and are the same text, apart from a kind and an
// apiVersion at their beginning and white space between the tokens. That auditID and stage are the same is not enough:
// clients choose the id. An event without auditID is always New.
//
// It holds a bounded number of events. One of them takes 16 bytes, and 8 to 16 bytes to find it; the memory is taken
// when it is first used. A Window is safe for concurrent use.
type Window struct {
	keep  uint32
	seeds [4]maphash.Seed
	born  time.Time

	mu   sync.Mutex
	busy map[key]struct{}
	// ring holds the events in the order of Done: number n is at n modulo its length, first <= n < next.
	ring        []seen
	first, next uint64
	// index finds an event: open addressing, at most half full.
	index   []slot
	evicted uint64
}

// seen is an event that was evaluated: its key, and when that began in milliseconds since the Window was made, which
// start anew after 49 days.
type seen struct {
	b     uint64
	a, at uint32
}

func (s seen) key() key { return key{s.b, s.a} }

// longest bounds how long an event is remembered, to far less than the 49 days.
const longest = 24 * time.Hour

// slot is an entry of the index: the place in the ring plus 1, 0 for none, and above that 8 bits of the key, by which
// nearly all others are told without looking into the ring.
type slot uint32

func (s slot) place() uint32 { return uint32(s)&maxWindow - 1 }
func (s slot) tag() uint8    { return uint8(s >> 24) }

// tag gives the bits of a key that are in its slot; the search starts at others of the same number.
func (k key) tag() uint8 { return uint8(k.a >> 24) }

// NewWindow makes a Window for so many events, each of which is remembered for the time keep, or until there are as
// many younger ones. Without events or time it remembers nothing, and only knows who has an event at this moment.
func NewWindow(events int, keep time.Duration) *Window {
	w := &Window{keep: uint32(min(keep, longest) / time.Millisecond), born: time.Now(), busy: map[key]struct{}{}}
	for i := range w.seeds {
		w.seeds[i] = maphash.MakeSeed()
	}
	if events > 0 && keep > 0 {
		events = min(events, maxWindow)
		w.ring = make([]seen, events)
		w.index = make([]slot, 1<<bits.Len(uint(2*events-1)))
	}
	return w
}

// Begin tells whether the event is known. If it is New, it is Busy for everybody until the caller calls Done or Forget
// with the claim; otherwise the claim is of no use. The event must be one of this package.
func (w *Window) Begin(e *event.Event) (Claim, State) {
	r := e.Data.(*Record)
	if id, ok := r.text(r.at[auditID]); !ok || id == "" {
		return Claim{}, New
	}
	k := w.key(r)
	now := uint32(time.Since(w.born) / time.Millisecond)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expire(now)
	if _, ok := w.busy[k]; ok {
		return Claim{}, Busy
	}
	if at, ok := w.find(k); ok && now-w.ring[w.index[at].place()].at < w.keep {
		return Claim{}, Seen
	}
	w.busy[k] = struct{}{}
	return Claim{k.b, k.a, now}, New
}

// Done remembers the event of a claim as evaluated. Its time counts from Begin.
func (w *Window) Done(c Claim) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := seen(c).key()
	if _, ok := w.busy[k]; !ok {
		return
	}
	delete(w.busy, k)
	if len(w.ring) == 0 {
		return
	}
	if at, ok := w.find(k); ok { // it was too old to count, and not removed yet
		w.unlink(at)
	}
	if w.next-w.first == uint64(len(w.ring)) {
		w.evicted++
		w.drop()
	}
	place := w.next % uint64(len(w.ring))
	w.ring[place] = seen(c)
	w.next++
	at, _ := w.find(k)
	w.index[at] = slot(uint32(k.tag())<<24 | uint32(place+1))
}

// Forget gives an event back that was not evaluated, or whose alerts are not in the queues: it is New the next time.
func (w *Window) Forget(c Claim) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, seen(c).key())
}

// Len is how many evaluated events the Window holds, those among them whose time just ended.
func (w *Window) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return int(w.next - w.first)
}

// Evicted counts the events that were forgotten before their time because there were too many. When it grows, a
// duplicate may not be recognised.
func (w *Window) Evicted() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.evicted
}

// key makes the key of an event.
func (w *Window) key(r *Record) key {
	text := r.content()
	a, b := maphash.String(w.seeds[0], text), maphash.String(w.seeds[1], text)
	if cluster := r.b.Cluster; cluster != "" {
		a ^= maphash.String(w.seeds[2], cluster)
		b ^= maphash.String(w.seeds[3], cluster)
	}
	k := key{b, uint32(a)}
	if k == (key{}) {
		k.a = 1 // the zero key is that of no event
	}
	return k
}

// expireStep bounds how many events one call forgets, so that after a long pause nobody waits for all of them.
const expireStep = 8

// expire forgets some of the events whose time has ended.
func (w *Window) expire(now uint32) {
	for n := 0; n < expireStep && w.first < w.next; n++ {
		if now-w.ring[w.first%uint64(len(w.ring))].at < w.keep {
			return
		}
		w.drop()
	}
}

// drop forgets the oldest event.
func (w *Window) drop() {
	place := w.first % uint64(len(w.ring))
	w.first++
	if at, ok := w.find(w.ring[place].key()); ok && w.index[at].place() == uint32(place) {
		w.unlink(at)
	}
}

// find gives where in the index a key is, or else where it would be put.
func (w *Window) find(k key) (at uint32, ok bool) {
	mask := uint32(len(w.index) - 1)
	for at = k.a & mask; len(w.index) > 0 && w.index[at] != 0; at = (at + 1) & mask {
		if s := w.index[at]; s.tag() == k.tag() && w.ring[s.place()].key() == k {
			return at, true
		}
	}
	return at, false
}

// unlink empties a slot of the index and moves up what stands behind it, so that find never meets a gap before what it
// looks for.
func (w *Window) unlink(at uint32) {
	mask := uint32(len(w.index) - 1)
	for next := (at + 1) & mask; w.index[next] != 0; next = (next + 1) & mask {
		home := w.ring[w.index[next].place()].a & mask
		if (next-home)&mask >= (next-at)&mask { // the gap is between its home and where it stands
			w.index[at] = w.index[next]
			at = next
		}
	}
	w.index[at] = 0
}

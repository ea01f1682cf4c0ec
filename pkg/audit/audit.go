// Package audit is the event source k8s_audit: the audit events of a Kubernetes API server, of the group
// audit.k8s.io/v1.
//
// They come in through a Receiver, which is the target of the API server's webhook backend, or from files through a
// FileReader. A Splitter cuts what came in into events. The events stay the bytes that came in, with an index over
// their members (Record); the fields of Catalogue read through that index, and go deeper into the request and response
// objects only when a rule asks for it.
package audit

import (
	"sync/atomic"

	"github.com/saker-security/saker/pkg/audit/scan"
	"github.com/saker-security/saker/pkg/event"
)

// DefaultMaxEvent is the default of Splitter.MaxEvent. The API server takes requests of at most 3 MiB, and etcd objects of
// at most 1.5 MiB, so that only events of requests for the longest lists are longer.
const DefaultMaxEvent = 4 << 20

// DefaultMaxText bounds a value of a file that can only be taken whole, in bytes: a record of a log service.
const DefaultMaxText = 256 << 20

// batchEvents is how many events are handed over at once at most. The API server sends 400 by default.
const batchEvents = 4096

// Splitter cuts texts into audit events and numbers them. It is safe for concurrent use; all inputs of one stream of
// events share one Splitter. The zero value is ready.
type Splitter struct {
	// MaxEvent is the length in bytes above which an event is evaluated without its request and response object, and
	// counted in Batch.Trimmed. One that is longer even without them is rejected as TooLarge. 0 means DefaultMaxEvent.
	MaxEvent int

	num   atomic.Uint64
	start atomic.Int64
}

// limit is MaxEvent or its default.
func (s *Splitter) limit() int {
	if s.MaxEvent > 0 {
		return s.MaxEvent
	}
	return DefaultMaxEvent
}

// hand gives the events of b their numbers and hands them on.
func (s *Splitter) hand(b *Batch, to func(*Batch) error) error {
	if len(b.events) > 0 {
		s.start.CompareAndSwap(0, b.events[0].Time)
		first := s.num.Add(uint64(len(b.events))) - uint64(len(b.events)) + 1
		start := s.start.Load()
		for i := range b.events {
			e := &b.events[i]
			e.Num, e.Start, e.Data = first+uint64(i), start, &b.records[i]
		}
	}
	return to(b)
}

// Reason tells why an item was not evaluated.
type Reason uint8

// The reasons.
const (
	// NotAnObject is an item of a list that is no JSON object.
	NotAnObject Reason = iota
	// NotAnEvent is an object whose kind is neither Event nor, outside of an EventList, EventList.
	NotAnEvent
	// NoTime is an event without stageTimestamp.
	NoTime
	// BadTime is an event whose stageTimestamp is no RFC 3339 time.
	BadTime
	// CutOff is an event in the record of a log service that is cut off there.
	CutOff
	// TooLarge is an event that is longer than Splitter.MaxEvent even without its request and response object.
	TooLarge

	numReasons
)

// String gives the reason as counters name it.
func (r Reason) String() string {
	return [numReasons]string{"not_an_object", "not_an_event", "no_time", "bad_time", "cut_off", "too_large"}[r]
}

func (r Reason) text() string {
	return [numReasons]string{
		"the item is not a JSON object",
		"the kind is neither Event nor EventList",
		"the event has no stageTimestamp",
		"the stageTimestamp is not an RFC 3339 time",
		"the event is cut off or broken in the record of the log service",
		"the event is too long even without its request and response object",
	}[r]
}

// Reject is an item that was not evaluated.
type Reject struct {
	Reason Reason
	// Offset is where the item starts, in bytes from the start of the text.
	Offset int
}

// maxRejects is how many rejects a batch describes one by one.
const maxRejects = 8

// Batch is a number of events that came in together. It owns their memory, is reused, and is not safe for concurrent
// use.
type Batch struct {
	// Rejected counts the items that are not among the events, by Reason.
	Rejected [numReasons]int
	// Rejects describes the first of them.
	Rejects []Reject
	// Trimmed counts the events that are evaluated without their request and response object.
	Trimmed int
	// Foreign counts the entries of cloud logs that are about something else than audit events.
	Foreign int
	// Duplicates counts the events that were evaluated before. Whoever evaluates the batch sets it.
	Duplicates int
	// Cluster is what ka.cluster.name answers; empty for what the events say.
	Cluster string

	events  []event.Event
	records []Record
	s       scan.Scanner
	text    []byte
	base    place // of text
	doc     string
	scratch []byte
	// wrapper is what a wrapper holds, unwrapped the memory of a text with events from wrappers.
	wrapper   Unwrapped
	unwrapped []byte
}

// Len is the number of events.
func (b *Batch) Len() int { return len(b.events) }

// All walks over the events in the order in which they were sent. Each is valid until the next step.
func (b *Batch) All() func(yield func(*event.Event) bool) {
	return func(yield func(*event.Event) bool) {
		for i := range b.events {
			b.free()
			if !yield(&b.events[i]) {
				return
			}
		}
	}
}

// keptScratch bounds the scratch memory that a batch keeps from one event to the next.
const keptScratch = 1 << 20

// mark is how much a batch holds.
type mark struct {
	records, events, rejects, trimmed, foreign int
	rejected                                   [numReasons]int
}

func (b *Batch) mark() mark {
	return mark{len(b.records), len(b.events), len(b.Rejects), b.Trimmed, b.Foreign, b.Rejected}
}

// back takes back what was cut since the mark was made.
func (b *Batch) back(m mark) {
	b.records, b.events, b.Rejects = b.records[:m.records], b.events[:m.events], b.Rejects[:m.rejects]
	b.Trimmed, b.Foreign, b.Rejected = m.trimmed, m.foreign, m.rejected
}

// free makes the scratch memory available again: texts with escapes and the like, made for one event.
func (b *Batch) free() {
	if cap(b.scratch) > keptScratch {
		b.scratch = nil
	}
	b.scratch = b.scratch[:0]
}

// clear forgets the events and what was counted, and keeps the text.
func (b *Batch) clear() {
	b.events, b.records = b.events[:0], b.records[:0]
	b.Rejected, b.Rejects, b.Trimmed, b.Duplicates = [numReasons]int{}, b.Rejects[:0], 0, 0
	b.Foreign = 0
	b.free()
}

// release lets go of the text.
func (b *Batch) release() {
	b.text, b.doc = nil, ""
	if cap(b.unwrapped) > keptWrapper {
		b.unwrapped = nil
	}
	b.s.Reset(nil)
}

func (b *Batch) reject(reason Reason, offset int) {
	b.Rejected[reason]++
	if len(b.Rejects) < maxRejects {
		b.Rejects = append(b.Rejects, Reject{reason, offset})
	}
}

// rejected is the number of items that were rejected.
func (b *Batch) rejected() (n int) {
	for _, k := range b.Rejected {
		n += k
	}
	return n
}

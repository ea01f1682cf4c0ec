package audit

import (
	"net/http"
	"sync/atomic"
)

// codes are the answers of a Receiver.
var codes = [...]int{
	http.StatusOK, http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestTimeout,
	http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusInternalServerError,
	http.StatusServiceUnavailable,
}

// counters count what went through a Receiver.
type counters struct {
	requests      [len(codes)]atomic.Uint64
	events        atomic.Uint64
	trimmed       atomic.Uint64
	bytes         atomic.Uint64
	rejected      [numReasons]atomic.Uint64
	reading       atomic.Int64
	inFlight      atomic.Int64
	inFlightBytes atomic.Int64
}

func (c *counters) request(code int) {
	for i, known := range codes {
		if known == code {
			c.requests[i].Add(1)
		}
	}
}

func (c *counters) count(b *Batch) {
	c.events.Add(uint64(b.Len()))
	c.trimmed.Add(uint64(b.Trimmed))
	for reason, n := range b.Rejected {
		c.rejected[reason].Add(uint64(n))
	}
}

// Stats is what went through a Receiver since it was made.
type Stats struct {
	// Requests counts the answers by status code; every code that is ever given is there.
	Requests map[int]uint64
	// Events counts the events that were evaluated, Trimmed those of them that were too long and were evaluated without
	// their request and response object.
	Events, Trimmed uint64
	// Rejected counts the items that were not evaluated, by reason; every reason is there.
	Rejected map[string]uint64
	// Bytes is the length of the bodies that were read whole.
	Bytes uint64
	// Reading is the bodies that are arriving, InFlight those that are being worked on; InFlightBytes is the memory that
	// both take.
	Reading, InFlight, InFlightBytes int64
}

// Stats takes a snapshot of the counters.
func (r *Receiver) Stats() Stats {
	c := &r.counters
	s := Stats{
		Requests: map[int]uint64{}, Events: c.events.Load(), Trimmed: c.trimmed.Load(),
		Rejected: map[string]uint64{}, Bytes: c.bytes.Load(),
		Reading: c.reading.Load(), InFlight: c.inFlight.Load(), InFlightBytes: c.inFlightBytes.Load(),
	}
	for i, code := range codes {
		s.Requests[code] = c.requests[i].Load()
	}
	for reason := range numReasons {
		s.Rejected[reason.String()] = c.rejected[reason].Load()
	}
	return s
}

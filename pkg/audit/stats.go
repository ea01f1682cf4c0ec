package audit

import (
	"net/http"
	"sync/atomic"
	"time"
)

// codes are the answers of a Receiver.
var codes = [...]int{
	http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
	http.StatusMethodNotAllowed, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge,
	http.StatusUnsupportedMediaType, http.StatusInternalServerError, http.StatusServiceUnavailable,
}

// counters count what went through a Receiver.
type counters struct {
	requests      [len(codes)]atomic.Uint64
	events        atomic.Uint64
	duplicates    atomic.Uint64
	trimmed       atomic.Uint64
	bytes         atomic.Uint64
	rejected      [numReasons]atomic.Uint64
	broken        [numBroken]atomic.Uint64
	handshakes    handshakes
	reading       atomic.Int64
	streaming     atomic.Int64
	inFlight      atomic.Int64
	inFlightBytes atomic.Int64
	senders       senders
	shares        shares
}

func (c *counters) request(code int) {
	for i, known := range codes {
		if known == code {
			c.requests[i].Add(1)
		}
	}
}

// count counts what was evaluated of a batch that came from a sender at a time.
func (c *counters) count(from senderKey, b *Batch, at time.Time) {
	c.events.Add(uint64(b.Len() - b.Duplicates))
	c.duplicates.Add(uint64(b.Duplicates))
	c.trimmed.Add(uint64(b.Trimmed))
	for reason, n := range b.Rejected {
		c.rejected[reason].Add(uint64(n))
	}
	c.senders.count(from, b, at)
}

// reject counts an item that a sender sent alone.
func (c *counters) reject(from senderKey, reason Reason) {
	c.rejected[reason].Add(1)
	var alone Batch
	alone.Rejected[reason] = 1
	c.senders.count(from, &alone, time.Now())
}

// Stats is what went through a Receiver since it was made. Every item that was handed over for evaluation,
// or is no event, is in exactly one of Events, Duplicates and Rejected; those of a batch for which Evaluate failed come
// again.
type Stats struct {
	// Requests counts the answers by status code; every code that is ever given is there.
	Requests map[int]uint64
	// Broken counts what came in the place of a request and was ended by the server of Watch, by reason; every reason is
	// there. malformed is a request line or headers that the server answers with 400, 417, 431, 501 or 505; slow are those
	// that did not arrive in time, cut_off those that the client did not finish; http2 is what HTTP/2 forbids; too_many are
	// connections that were closed at once, since there were as many as there may be. Not here are connections on which
	// nothing came or for which TLS failed, and a request of HTTP/2 whose headers are too long or not allowed there, which
	// alone is answered 431 or 400.
	Broken map[string]uint64
	// Handshakes counts the TLS connections that did not come about, by reason; every reason is there.
	Handshakes map[string]uint64
	// Events counts the events that were evaluated, Duplicates those that were evaluated before and were not again.
	Events     uint64
	Duplicates uint64
	// Trimmed counts the events of both kinds that were too long and were seen without their request and response object.
	Trimmed uint64
	// Rejected counts the items that were not evaluated, by reason; every reason is there.
	Rejected map[string]uint64
	// Bytes is the length of what was read of bodies, unpacked.
	Bytes uint64
	// Reading is the bodies that are arriving, Streaming those of them that are too long to be taken whole, InFlight the
	// bodies and parts of bodies that are being worked on; InFlightBytes is the memory that all take.
	Reading       int64
	Streaming     int64
	InFlight      int64
	InFlightBytes int64
	// Lag is how old the events were, Senders where they came from: those with the most events first, at most 64, and
	// one more for the sum of the others.
	Lag     Lag
	Senders []Sender
}

// Stats takes a snapshot of the counters.
func (r *Receiver) Stats() Stats {
	c := &r.counters
	s := Stats{
		Requests: map[int]uint64{}, Broken: map[string]uint64{}, Handshakes: c.handshakes.counts(), Events: c.events.Load(), Duplicates: c.duplicates.Load(), Trimmed: c.trimmed.Load(),
		Rejected: map[string]uint64{}, Bytes: c.bytes.Load(),
		Reading: c.reading.Load(), Streaming: c.streaming.Load(), InFlight: c.inFlight.Load(), InFlightBytes: c.inFlightBytes.Load(),
	}
	for i, code := range codes {
		s.Requests[code] = c.requests[i].Load()
	}
	for reason := range numBroken {
		s.Broken[reason.String()] = c.broken[reason].Load()
	}
	for reason := range numReasons {
		s.Rejected[reason.String()] = c.rejected[reason].Load()
	}
	s.Senders = c.senders.snapshot(time.Now())
	c.senders.mu.Lock()
	s.Lag = c.senders.lag.snapshot()
	c.senders.mu.Unlock()
	return s
}

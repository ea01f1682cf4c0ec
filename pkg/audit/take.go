package audit

import (
	"errors"
	"net/http"
	"time"
)

// work is the memory for one request, and what becomes of it.
type work struct {
	batch Batch
	buf   []byte
	body  body
	kept  []byte // of stream

	r    *Receiver
	req  *http.Request
	from senderKey
	done answer
	// failed is an error of Evaluate. unread tells that there is more of the body.
	failed error
	unread bool
}

// keptBody is the greatest body whose memory is kept for the next request.
const keptBody = 4 << 20

// take reads the body of a request that was admitted, evaluates its events and answers.
func (r *Receiver) take(w http.ResponseWriter, req *http.Request, from senderKey) {
	m, _ := r.pool.Get().(*work)
	if m == nil {
		m = &work{}
	}
	m.r, m.req, m.from, m.done, m.failed, m.unread = r, req, from, answer{}, nil, true
	m.batch.Cluster = from.cluster
	isPacked, _ := packed(req.Header)
	m.body = body{r: r, control: http.NewResponseController(w), raw: req.Body, packed: isPacked, zip: m.body.zip, origin: from.origin()}
	m.answer(w, m.read())
	m.req, m.body.r, m.body.control, m.body.raw = nil, nil, nil, nil
	if cap(m.buf) <= keptBody && cap(m.kept) <= keptBody {
		r.pool.Put(m)
	}
}

// read reads the body and evaluates its events.
func (m *work) read() error {
	c := &m.r.counters
	defer func() {
		c.inFlightBytes.Add(-m.body.held)
		c.shares.add(m.body.origin, taken{bytes: -m.body.held})
		c.bytes.Add(uint64(m.body.length))
	}()
	if whole, err := m.arrive(); !whole || err != nil {
		return err
	}
	defer c.inFlight.Add(-1)
	if c.inFlight.Add(1) > int64(m.r.MaxRequests) {
		return busy(tooManyRequests)
	}
	return m.r.Splitter.Split(&m.batch, m.buf, m.hand)
}

// arrive reads the body. It returns whether that is whole; one that is too long for that was evaluated already.
func (m *work) arrive() (whole bool, err error) {
	c := &m.r.counters
	defer c.reading.Add(-1)
	if c.reading.Add(1) > int64(m.r.MaxReading) {
		return false, busy(tooManyReading)
	}
	defer c.shares.add(m.body.origin, taken{reading: -1})
	if own := c.shares.add(m.body.origin, taken{reading: 1}); m.r.greedy(m.body.origin, own.reading, int64(m.r.MaxReading)) {
		return false, busy(halfOfReading)
	}
	if m.buf, whole, err = m.body.start(m.buf[:0], m.req.ContentLength); err != nil {
		return false, err
	}
	if !whole {
		return false, m.stream()
	}
	m.unread = false
	_ = m.body.control.SetReadDeadline(time.Time{}) // as arm
	return true, nil
}

// stream evaluates the events of a body that is too long to be taken whole while it arrives.
func (m *work) stream() error {
	c := &m.r.counters
	defer c.streaming.Add(-1)
	if c.streaming.Add(1) > int64(m.r.MaxStreams) {
		return busy(tooManyStreams)
	}
	defer c.shares.add(m.body.origin, taken{streaming: -1})
	if own := c.shares.add(m.body.origin, taken{streaming: 1}); m.r.greedy(m.body.origin, own.streaming, int64(m.r.MaxStreams)) {
		return busy(halfOfStreams)
	}
	s := stream{
		splitter: m.r.Splitter, batch: &m.batch, in: &m.body, book: m.body.book, kept: m.kept,
		first: firstBody, whole: m.r.whole,
		to: func(b *Batch) error {
			defer c.inFlight.Add(-1)
			c.inFlight.Add(1)
			err := m.hand(b)
			m.body.arm() // the time that Evaluate took does not count
			return err
		},
	}
	s.reset(&m.body, m.buf)
	err := s.document()
	m.batch.release()
	m.buf, m.kept, m.unread = s.buf, s.kept, !s.ended
	_ = m.body.control.SetReadDeadline(time.Time{})
	return err
}

// hand evaluates a batch, and counts what was evaluated.
func (m *work) hand(b *Batch) error {
	at := time.Now()
	if b.Len() > 0 {
		if m.failed = m.r.Evaluate(m.req.Context(), b); m.failed != nil {
			return m.failed
		}
	}
	m.r.counters.count(m.from, b, at)
	m.done.add(b)
	return nil
}

// answer answers after the body was read, or as much of it as could be.
func (m *work) answer(w http.ResponseWriter, err error) {
	if m.unread {
		hangUp(w)
	}
	code := http.StatusOK
	var no *refusal
	var bad *BodyError
	switch {
	case err == nil:
	case m.failed != nil && errors.Is(m.failed, ErrBusy):
		no = busy(m.failed.Error())
	case m.failed != nil:
		no = &refusal{http.StatusInternalServerError, "evaluate the events: " + m.failed.Error()}
	case errors.As(err, &no):
	case errors.As(err, &bad):
		no = &refusal{http.StatusBadRequest, bad.Error()}
		m.done.Line, m.done.Column, m.done.Offset = bad.Line, bad.Column, &bad.Offset
		if bad.Reason != nil {
			m.done.Rejected++
			m.r.counters.reject(m.from, *bad.Reason)
		}
	default:
		no = &refusal{http.StatusInternalServerError, err.Error()}
	}
	if no != nil {
		no.announce(w)
		code, m.done.Error = no.code, no.why
	}
	m.r.answer(w, code, m.done)
}

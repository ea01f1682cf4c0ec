package audit

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

const (
	// firstBody is the memory that a body takes at first, in bytes.
	firstBody = 64 << 10
	// timed is how many bytes may take Receiver.BodyTimeout to arrive.
	timed = 1 << 20
)

// refusal is why a body is not taken.
type refusal struct {
	code int
	why  string
}

func (e *refusal) Error() string { return e.why }

// busy is the refusal of a body that may be sent again soon.
func busy(why string) *refusal {
	return &refusal{http.StatusServiceUnavailable, why + "; try again in " + retryAfter + " seconds"}
}

// announce sets the header that belongs to the refusal.
func (e *refusal) announce(w http.ResponseWriter) {
	switch e.code {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retryAfter)
	case http.StatusUnsupportedMediaType:
		w.Header().Set("Accept-Encoding", "gzip")
	}
}

// packed tells whether a body is packed by gzip, or why it cannot be unpacked.
func packed(h http.Header) (bool, *refusal) {
	given := h.Values("Content-Encoding")
	switch all := strings.ToLower(strings.Join(given, ", ")); all {
	case "", "identity":
		return false, nil
	case "gzip", "x-gzip":
		return true, nil
	default:
		return false, &refusal{http.StatusUnsupportedMediaType, fmt.Sprintf("the Content-Encoding is %q; it must be gzip or none", cutName(all))}
	}
}

// admit looks at what the headers say of the body, and how much is being worked on.
func (r *Receiver) admit(req *http.Request) *refusal {
	given := req.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(given); err != nil || media != "application/json" {
		return &refusal{http.StatusUnsupportedMediaType, fmt.Sprintf("the Content-Type is %q; it must be application/json", cutName(given))}
	}
	isPacked, no := packed(req.Header)
	c := &r.counters
	switch announced := req.ContentLength; {
	case no != nil:
		return no
	case !isPacked && announced > r.MaxBody:
		return r.tooLarge()
	case c.inFlight.Load() >= int64(r.MaxRequests):
		return busy(tooManyRequests)
	case c.reading.Load() >= int64(r.MaxReading):
		return busy(tooManyReading)
	case !isPacked && announced > int64(r.whole) && c.streaming.Load() >= int64(r.MaxStreams):
		return busy(tooManyStreams)
	case c.inFlightBytes.Load()+min(max(announced, firstBody), int64(r.whole)) > r.MaxBytes:
		return busy(tooManyBytes)
	}
	return nil
}

const (
	tooManyRequests = "too many requests are being worked on"
	tooManyReading  = "too many requests are arriving"
	tooManyStreams  = "too many long bodies are arriving"
	tooManyBytes    = "too many bytes are being worked on"

	halfOfReading = "half of the requests that may arrive at once are of this sender"
	halfOfStreams = "half of the long bodies that may arrive at once are of this sender"
	halfOfBytes   = "half of the bytes that may be worked on are of this sender"
)

func (r *Receiver) tooLarge() *refusal {
	return &refusal{http.StatusRequestEntityTooLarge,
		fmt.Sprintf("the body is longer than %d bytes; send smaller batches (kube-apiserver --audit-webhook-batch-max-size)", r.MaxBody)}
}

// body is the body of one request while it arrives: unpacked, in time, and within the limits. Its errors are refusals.
type body struct {
	r       *Receiver
	control *http.ResponseController
	raw     io.Reader
	zip     *gzip.Reader // nil when the body is not packed, or not begun
	packed  bool
	rawErr  error // of raw
	// sent is how many bytes came, length how many they are unpacked. The time limit is set again when sent is due.
	sent, length, due int64
	held              int64 // bytes of memory booked
	// origin is the sender's.
	origin string
}

// Read gives the next bytes.
func (b *body) Read(p []byte) (n int, err error) {
	switch {
	case !b.packed:
		n, err = source{b}.Read(p)
	case b.length == 0 && b.sent == 0:
		if err = b.unpack(); err != nil {
			break
		}
		fallthrough
	default:
		n, err = b.zip.Read(p)
	}
	b.length += int64(n)
	switch {
	case b.length > b.r.MaxBody:
		return n, b.r.tooLarge()
	case err == nil || errors.Is(err, io.EOF) && !b.brokenOff():
		return n, err
	}
	return n, b.refused(err)
}

// unpack begins to unpack.
func (b *body) unpack() error {
	if b.zip != nil {
		return b.zip.Reset(source{b})
	}
	var err error
	b.zip, err = gzip.NewReader(source{b})
	return err
}

// brokenOff tells whether what came of the body is not all of it.
func (b *body) brokenOff() bool { return b.rawErr != nil && !errors.Is(b.rawErr, io.EOF) }

// refused is the refusal for an error of reading.
func (b *body) refused(err error) *refusal {
	switch {
	case errors.Is(b.rawErr, os.ErrDeadlineExceeded) && b.sent >= timed:
		return &refusal{http.StatusRequestTimeout, fmt.Sprintf("%d bytes of the body did not arrive within %s", timed, b.r.BodyTimeout)}
	case errors.Is(b.rawErr, os.ErrDeadlineExceeded):
		return &refusal{http.StatusRequestTimeout, fmt.Sprintf("the body did not arrive within %s", b.r.BodyTimeout)}
	case b.brokenOff():
		return &refusal{http.StatusBadRequest, "read the body: " + b.rawErr.Error()}
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return &refusal{http.StatusBadRequest, "unpack the body: it ends before its gzip stream does"}
	}
	return &refusal{http.StatusBadRequest, "unpack the body: " + err.Error()}
}

// source is the body as it is sent.
type source struct{ *body }

// Read gives the next bytes, and sets the time limit anew when many have come.
func (s source) Read(p []byte) (int, error) {
	if s.sent >= s.due {
		s.arm()
	}
	n, err := s.raw.Read(p)
	s.sent += int64(n)
	if err != nil {
		s.rawErr = err
	}
	return n, err
}

// arm sets the time limit for the next bytes, and for the answer anew: the one of the server began with the request.
func (b *body) arm() {
	b.due = b.sent + timed
	now := time.Now()
	_ = b.control.SetReadDeadline(now.Add(b.r.BodyTimeout)) // not supported where there is no connection
	_ = b.control.SetWriteDeadline(now.Add(b.r.BodyTimeout + answerTime))
}

// book takes memory into account, before it is taken. A body that is alone gets what it needs: one with a very long event
// would else never be taken. So does one that is alone of its sender, as long as there is memory.
func (b *body) book(n int) error {
	b.held += int64(n)
	all := b.r.counters.inFlightBytes.Add(int64(n))
	own := b.r.counters.shares.add(b.origin, taken{bytes: int64(n)}).bytes
	switch {
	case all > b.r.MaxBytes && all > b.held:
		return busy(tooManyBytes)
	case own > b.held && b.r.greedy(b.origin, own, b.r.MaxBytes):
		return busy(halfOfBytes)
	}
	return nil
}

// start reads the body, or its first bytes as many as are taken whole, behind buf, which is empty. Memory is booked and
// taken as the body arrives, whatever length was announced. It returns whether that is all of the body.
func (b *body) start(buf []byte, announced int64) (got []byte, all bool, err error) {
	if buf == nil {
		buf = make([]byte, 0, firstBody)
	}
	if err := b.book(cap(buf)); err != nil {
		return buf, false, err
	}
	for {
		if len(buf) > b.r.whole {
			return buf, false, nil
		}
		if len(buf) == cap(buf) {
			// One more than the length that is announced or taken, since the end of the body shows only by reading on.
			most := int64(b.r.whole)
			if announced >= 0 && !b.packed {
				most = min(most, announced)
			}
			grown := int(max(min(2*int64(cap(buf)), most+1), int64(cap(buf))+512))
			if err := b.book(grown - cap(buf)); err != nil {
				return buf, false, err
			}
			buf = append(make([]byte, 0, grown), buf...)
		}
		n, err := b.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, true, nil
		}
		if err != nil {
			return buf, false, err
		}
	}
}

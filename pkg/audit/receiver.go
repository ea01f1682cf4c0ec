package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// Defaults of a Receiver.
const (
	// DefaultMaxBody: refusing a body loses the whole batch after five tries of the API server, and a batch of 400
	// events with their request and response objects can be tens of megabytes.
	DefaultMaxBody = 256 << 20
	// DefaultMaxBytes leaves room for one body of the greatest length, or for hundreds of ordinary ones.
	DefaultMaxBytes = 384 << 20
	// DefaultMaxRequests bounds the bodies that are worked on at the same time.
	DefaultMaxRequests = 64
	// DefaultMaxReading bounds the bodies that are arriving. It is higher, so that clients that send slowly do not keep
	// others away; each takes 64 KiB at first.
	DefaultMaxReading = 1024
	// DefaultBodyTimeout is how long the API server itself waits for one request, the body included.
	DefaultBodyTimeout = 30 * time.Second

	// retryAfter is the number of seconds after which a refused client shall try again. With this header, and 3 or
	// more, the API server keeps a batch for about four minutes instead of 81 seconds.
	retryAfter = "5"
)

// ErrBusy is what Evaluate returns so that the sender tries again soon.
var ErrBusy = errors.New("too busy to evaluate")

// Receiver is the HTTP handler that takes the batches of the API server's audit webhook, POST /k8s-audit. It answers
//
//	200  every event of the body was evaluated, or counted as rejected
//	400  the body is not JSON, or not audit events; the answer says where
//	404  another path
//	405  another method
//	408  the body did not arrive in time
//	413  the body is longer than MaxBody
//	415  the body is not application/json, or is compressed
//	500  Evaluate failed
//	503  too much is being worked on, or Evaluate gave ErrBusy; with Retry-After
//
// Answers are JSON. The fields must not change once the Receiver serves; it is safe for concurrent use.
type Receiver struct {
	// Splitter numbers the events.
	Splitter *Splitter
	// Evaluate takes the events of one request, and the answer waits for it. It is called by several goroutines at
	// once, and more than once for a body of more than 4,096 events. The batch is valid until it returns.
	Evaluate func(context.Context, *Batch) error
	// MaxBody is the greatest length of a body in bytes.
	MaxBody int64
	// MaxBytes is how much memory the bodies that are worked on may take together, in bytes.
	MaxBytes int64
	// MaxRequests is how many bodies are worked on at once, MaxReading how many may be arriving.
	MaxRequests, MaxReading int
	// BodyTimeout is how long a body may take to arrive.
	BodyTimeout time.Duration

	// Access says who may send events. It is looked at before anything is read of the body.
	Access Access
	// Path takes events as /k8s-audit does, which it stands beside; empty for none. It begins with /.
	Path string

	counters counters
	pool     sync.Pool
}

// NewReceiver makes a Receiver with the defaults.
func NewReceiver(s *Splitter, evaluate func(context.Context, *Batch) error) *Receiver {
	return &Receiver{
		Splitter: s, Evaluate: evaluate,
		MaxBody: DefaultMaxBody, MaxBytes: DefaultMaxBytes, MaxRequests: DefaultMaxRequests, MaxReading: DefaultMaxReading,
		BodyTimeout: DefaultBodyTimeout,
	}
}

// ServeHTTP answers one request.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if code, why := r.Access.check(req); code != 0 {
		if code == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", bearer)
		}
		r.refuse(w, req, code, why)
		return
	}
	cluster, why := r.route(req.URL.Path)
	if why != "" {
		r.refuse(w, req, http.StatusNotFound, why)
		return
	}
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		r.refuse(w, req, http.StatusMethodNotAllowed, "audit events are taken by POST only")
		return
	}
	from := keyOf(req, cluster)
	r.counters.senders.requested(from)
	r.post(w, req, from)
}

// work is the memory for one request.
type work struct {
	batch Batch
	body  []byte
}

// keptBody is the greatest body whose memory is kept for the next request.
const keptBody = 4 << 20

func (r *Receiver) post(w http.ResponseWriter, req *http.Request, from senderKey) {
	if err := checkHeader(req.Header); err != nil {
		r.refuse(w, req, http.StatusUnsupportedMediaType, err.Error())
		return
	}
	if req.ContentLength > r.MaxBody {
		r.tooLarge(w)
		return
	}
	if r.counters.reading.Add(1) > int64(r.MaxReading) {
		r.counters.reading.Add(-1)
		r.busy(w, answer{Error: "too many requests are arriving"})
		return
	}
	m, _ := r.pool.Get().(*work)
	if m == nil {
		m = &work{}
	}
	held, err := r.read(w, req, m)
	r.counters.reading.Add(-1)
	defer r.counters.inFlightBytes.Add(-held)
	defer func() {
		if cap(m.body) <= keptBody {
			r.pool.Put(m)
		}
	}()
	if err != nil {
		r.unread(w, err)
		return
	}
	defer r.counters.inFlight.Add(-1)
	if r.counters.inFlight.Add(1) > int64(r.MaxRequests) {
		r.busy(w, answer{Error: "too many requests are being worked on"})
		return
	}
	r.counters.bytes.Add(uint64(len(m.body)))
	r.split(w, req.Context(), m, from)
}

// split hands over the events of a body and answers.
func (r *Receiver) split(w http.ResponseWriter, ctx context.Context, m *work, from senderKey) {
	var done answer
	var failed error
	m.batch.Cluster = from.cluster
	err := r.Splitter.Split(&m.batch, m.body, func(b *Batch) error {
		at := time.Now()
		if b.Len() > 0 {
			failed = r.Evaluate(ctx, b)
		}
		if failed == nil {
			r.counters.count(from, b, at)
			done.add(b)
		}
		return failed
	})
	var bad *BodyError
	switch {
	case errors.Is(failed, ErrBusy):
		done.Error = failed.Error()
		r.busy(w, done)
	case failed != nil:
		done.Error = "evaluate the events: " + failed.Error()
		r.answer(w, http.StatusInternalServerError, done)
	case errors.As(err, &bad):
		if bad.Reason != nil {
			r.counters.rejected[*bad.Reason].Add(1)
		}
		done.Error, done.Line, done.Column, done.Offset = bad.Error(), bad.Line, bad.Column, &bad.Offset
		r.answer(w, http.StatusBadRequest, done)
	case err != nil:
		done.Error = err.Error()
		r.answer(w, http.StatusInternalServerError, done)
	default:
		r.answer(w, http.StatusOK, done)
	}
}

func checkHeader(h http.Header) error {
	given := h.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(given); err != nil || media != "application/json" {
		return fmt.Errorf("the Content-Type is %q; it must be application/json", given)
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return fmt.Errorf("the Content-Encoding is %q; the body must not be compressed", encoding)
	}
	return nil
}

var (
	errTooLarge = errors.New("the body is too large")
	errNoMemory = errors.New("too many bytes are being worked on")
)

// read reads the body into m.body and returns how many bytes it booked as being worked on. Memory is booked and taken
// as the body arrives, whatever length was announced.
func (r *Receiver) read(w http.ResponseWriter, req *http.Request, m *work) (held int64, err error) {
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(r.BodyTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, fmt.Errorf("set the time limit of the body: %w", err)
	}
	book := func(n int) error {
		held += int64(n)
		if r.counters.inFlightBytes.Add(int64(n)) > r.MaxBytes {
			return errNoMemory
		}
		return nil
	}
	if m.body == nil {
		m.body = make([]byte, 0, 64<<10)
	}
	m.body = m.body[:0]
	if err := book(cap(m.body)); err != nil {
		return held, err
	}
	for {
		if len(m.body) == cap(m.body) {
			// The length that counts is one more than what is announced or allowed, since the end of the body shows only
			// by reading on.
			most := r.MaxBody
			if req.ContentLength >= 0 {
				most = min(most, req.ContentLength)
			}
			grown := int(max(min(2*int64(cap(m.body)), most+1), int64(cap(m.body))+512))
			if err := book(grown - cap(m.body)); err != nil {
				return held, err
			}
			m.body = append(make([]byte, 0, grown), m.body...)
		}
		n, err := req.Body.Read(m.body[len(m.body):cap(m.body)])
		m.body = m.body[:len(m.body)+n]
		if int64(len(m.body)) > r.MaxBody {
			return held, errTooLarge
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return held, fmt.Errorf("read the body: %w", err)
		}
	}
	if err := control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return held, fmt.Errorf("lift the time limit of the body: %w", err)
	}
	return held, nil
}

// refuseTime is how long the server goes on reading from a client that was refused before its body was read.
const refuseTime = time.Second

// refuse answers without having read the body. The connection ends, since what follows on it is that body, and no client
// may keep it by sending the body slowly.
func (r *Receiver) refuse(w http.ResponseWriter, req *http.Request, code int, why string) {
	if req.ContentLength != 0 {
		w.Header().Set("Connection", "close")
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(refuseTime)) // without deadlines there is no connection to keep
	}
	r.answer(w, code, answer{Error: why})
}

// unread answers when the body could not be read.
func (r *Receiver) unread(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errTooLarge):
		r.tooLarge(w)
	case errors.Is(err, errNoMemory):
		r.busy(w, answer{Error: err.Error()})
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		r.answer(w, http.StatusRequestTimeout, answer{Error: fmt.Sprintf("the body did not arrive within %s", r.BodyTimeout)})
	default:
		w.Header().Set("Connection", "close")
		r.answer(w, http.StatusBadRequest, answer{Error: err.Error()})
	}
}

func (r *Receiver) tooLarge(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	r.answer(w, http.StatusRequestEntityTooLarge, answer{
		Error: fmt.Sprintf("the body is longer than %d bytes; send smaller batches (kube-apiserver --audit-webhook-batch-max-size)", r.MaxBody)})
}

// busy answers that the sender shall try again soon.
func (r *Receiver) busy(w http.ResponseWriter, a answer) {
	w.Header().Set("Retry-After", retryAfter)
	a.Error += "; try again in " + retryAfter + " seconds"
	r.answer(w, http.StatusServiceUnavailable, a)
}

// answer is the body of an answer.
type answer struct {
	// Accepted are the events that were evaluated, Duplicates those that were evaluated before, Rejected the items that
	// are not evaluated. In an answer other than 200 they are what was done before the error.
	Accepted   int    `json:"accepted"`
	Duplicates int    `json:"duplicates"`
	Rejected   int    `json:"rejected"`
	Error      string `json:"error,omitempty"`
	// Offset, Line and Column are where a malformed body is wrong.
	Offset *int `json:"offset,omitempty"`
	Line   int  `json:"line,omitempty"`
	Column int  `json:"column,omitempty"`
}

func (a *answer) add(b *Batch) {
	a.Accepted += b.Len() - b.Duplicates
	a.Duplicates += b.Duplicates
	a.Rejected += b.rejected()
}

func (r *Receiver) answer(w http.ResponseWriter, code int, a answer) {
	r.counters.request(code)
	text, err := json.Marshal(a)
	if err != nil { // cannot happen: a holds texts and numbers
		text = []byte(`{}`)
	}
	text = append(text, '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = w.Write(text) // the client has gone; it will send again
}

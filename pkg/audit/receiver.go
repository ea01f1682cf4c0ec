package audit

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Defaults of a Receiver.
const (
	// DefaultMaxBody is a last resort: refusing a body loses the whole batch after five tries of the API server, and
	// long bodies cost no memory.
	DefaultMaxBody = 1 << 30
	// DefaultMaxBytes leaves room for a hundred ordinary bodies, of 400 events and 1 MB.
	DefaultMaxBytes = 128 << 20
	// DefaultMaxRequests bounds the bodies that are worked on at the same time.
	DefaultMaxRequests = 64
	// DefaultMaxReading bounds the bodies that are arriving. It is higher, so that clients that send slowly do not keep
	// others away; each takes 64 KiB at first.
	DefaultMaxReading = 1024
	// DefaultMaxStreams bounds the bodies among them that are longer than 4 MiB; each takes up to three times as much
	// as the longest event.
	DefaultMaxStreams = 8
	// DefaultBodyTimeout is how long the API server itself waits for one request, the body included.
	DefaultBodyTimeout = 30 * time.Second

	// retryAfter is the number of seconds after which a refused client shall try again. With this header, and 3 or
	// more, the API server keeps a batch for about four minutes instead of 81 seconds.
	retryAfter = "5"
)

// ErrBusy is what Evaluate returns so that the sender tries again soon.
var ErrBusy = errors.New("too busy to evaluate")

// Receiver is the HTTP handler that takes the batches of the API server's audit webhook, POST /k8s-audit, or
// /k8s-audit/CLUSTER with the name of the cluster that they come from. It answers
//
//	200  every event of the body was evaluated, now or before, or counted as rejected
//	400  the body is not JSON, or not audit events; the answer says where
//	401  Access asks for a bearer token, and there is none or a wrong one
//	403  Access does not take requests from this address
//	404  another path
//	405  another method
//	408  the body did not arrive in time
//	413  the body is longer than MaxBody
//	415  the body is not application/json, or is packed by something else than gzip
//	500  Evaluate failed
//	503  too much is being worked on, or Evaluate gave ErrBusy; with Retry-After
//
// Answers are JSON, with the number of events that were accepted, of duplicates and of rejected items. Whatever can be
// told from the headers is answered before the body is read.
//
// A body of up to 4 MiB is taken whole: if it is not JSON, none of its events is evaluated, except that more than 4,096
// events are evaluated 4,096 at a time. A longer body is evaluated while it arrives. When a part of it turns out to be
// broken, or does not arrive, the events before that part were evaluated already; the answer says how many, and when the
// same body comes again they are duplicates, provided that Evaluate knows them again.
//
// The fields must not change once the Receiver serves; it is safe for concurrent use.
type Receiver struct {
	// Splitter numbers the events, and says how long they may be.
	Splitter *Splitter
	// Evaluate takes the events of one request, and the answer waits for it. It is called by several goroutines at
	// once, and more than once for a body of more than 4 MiB or 4,096 events. The batch is valid until it returns; it is
	// to set Batch.Duplicates.
	Evaluate func(context.Context, *Batch) error
	// Access says who may send events. It is looked at before anything is read of the body.
	Access Access
	// Path takes events as /k8s-audit does, which it stands beside; empty for none. It begins with /.
	Path string
	// MaxBody is the greatest length of a body in bytes, unpacked. How tightly it is packed does not matter: memory is
	// bounded by the longest event, and to refuse a body is to lose what is in it.
	MaxBody int64
	// MaxBytes is how much memory the bodies that are worked on may take together, in bytes. One that is alone may take
	// more, for an event that is longer.
	MaxBytes int64
	// MaxRequests is how many bodies are worked on at once, MaxReading how many may be arriving, MaxStreams how many of
	// these may be longer than 4 MiB. Of MaxBytes, MaxReading and MaxStreams one sender, known by the name in its
	// certificate or else by its address, gets at most half while another one sent something in the last ten minutes.
	MaxRequests, MaxReading, MaxStreams int
	// BodyTimeout is how long a body, and each MiB of a longer one, may take to arrive.
	BodyTimeout time.Duration

	counters counters
	pool     sync.Pool
	// whole is wholeText, or less in tests.
	whole int
}

// NewReceiver makes a Receiver with the defaults.
func NewReceiver(s *Splitter, evaluate func(context.Context, *Batch) error) *Receiver {
	return &Receiver{
		Splitter: s, Evaluate: evaluate,
		MaxBody: DefaultMaxBody, MaxBytes: DefaultMaxBytes, MaxRequests: DefaultMaxRequests, MaxReading: DefaultMaxReading,
		MaxStreams: DefaultMaxStreams, BodyTimeout: DefaultBodyTimeout, whole: wholeText,
	}
}

// ServeHTTP answers one request.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	arrived(req)
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
	if no := r.admit(req); no != nil {
		no.announce(w)
		r.refuse(w, req, no.code, no.why)
		return
	}
	r.take(w, req, from)
}

// refuseTime is how long the server goes on reading from a client that was refused before its body was read.
const refuseTime = time.Second

// refuse answers without having read the body to its end. The connection is closed, since what follows on it is that
// body, and no client may keep it by sending the body slowly.
func (r *Receiver) refuse(w http.ResponseWriter, req *http.Request, code int, why string) {
	if req.ContentLength != 0 {
		hangUp(w)
	}
	r.answer(w, code, answer{Error: why})
}

// hangUp has the connection closed after the answer, whether or not the client goes on sending.
func hangUp(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(refuseTime)) // where there is none, there is no connection to keep
}

// answer is the body of an answer.
type answer struct {
	// Accepted are the events that were evaluated, Duplicates those that were evaluated before, Rejected the items that
	// are not evaluated. In an answer other than 200 they are what was done before the error.
	Accepted   int    `json:"accepted"`
	Duplicates int    `json:"duplicates"`
	Rejected   int    `json:"rejected"`
	Error      string `json:"error,omitempty"`
	// Offset, Line and Column are where a malformed body is wrong, after it was unpacked.
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

// Package fakesink is the far end of sinks in tests: an HTTP server that answers as a script says, with every fault
// that a network can have, servers of raw streams and datagrams, and certificates good and bad. Each of them keeps an
// exact log of what arrived.
package fakesink

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
)

// Options say what a Server is. The zero value is plain HTTP that answers every request with 200.
type Options struct {
	// TLS makes it HTTPS; Authority.Server gives one.
	TLS *tls.Config
	// Script gives the answers, when the request was read.
	Script Script
	// ResetEarly, when set, chooses requests whose connection is reset before their body is read.
	ResetEarly func(n int) bool
}

// Script gives the answer to a request, which is the n-th one, from 0. It may be called by several goroutines at once.
type Script func(n int, r *Receipt) Answer

// Sequence answers in this order and gives the last answer for ever.
func Sequence(answers ...Answer) Script {
	return func(n int, _ *Receipt) Answer { return answers[min(n, len(answers)-1)] }
}

// Fault is what goes wrong with an answer.
type Fault int

// The faults. All but Hang and HangBody break the connection.
const (
	// None: the answer is sent whole.
	None Fault = iota
	// Hang: no answer comes until the client or the server gives up.
	Hang
	// Reset: the request is read whole, then the connection is reset (RST).
	Reset
	// Close: the connection ends in good order (FIN) without an answer.
	Close
	// HalfHeader: the connection ends inside of the answer's header.
	HalfHeader
	// HalfBody: the connection ends inside of the answer's body, after Body.
	HalfBody
	// HangBody: nothing comes after Body until the client or the server gives up.
	HangBody
)

// Answer is the answer to a request.
type Answer struct {
	// Status is 200 when it is 0. The request counts as accepted when it is 2xx and its header was sent.
	Status int
	Header map[string]string
	Body   string
	// Delay is how long the answer takes.
	Delay time.Duration
	// Endless is the number of bytes that follow Body; negative for ever.
	Endless int64
	Fault   Fault
}

// Redirect is an answer that sends the client elsewhere.
func Redirect(status int, to string) Answer {
	return Answer{Status: status, Header: map[string]string{"Location": to}}
}

// Server is an HTTP server. It is safe for concurrent use.
type Server struct {
	// Address is host:port, URL is http:// or https:// and the address.
	Address, URL string

	options Options
	script  atomic.Pointer[Script]
	sent    atomic.Int64
	log     receipts

	mu       sync.Mutex
	requests int
	server   *http.Server
	stop     context.CancelFunc
	done     chan struct{}
}

// Start starts a server on a port of the loopback address. It ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	address, err := FreeAddress()
	if err != nil {
		t.Fatalf("start a fake sink: %v", err)
	}
	s := &Server{options: o, Address: address}
	s.log.name = "requests"
	s.Answer(o.Script)
	s.Up(t)
	s.URL = "http://" + s.Address
	if o.TLS != nil {
		s.URL = "https://" + s.Address
	}
	t.Cleanup(s.Down)
	return s
}

// Answer replaces the script, which goes on with the number of the next request. nil accepts everything.
func (s *Server) Answer(script Script) {
	if script == nil {
		script = Sequence(Answer{})
	}
	s.script.Store(&script)
}

// Up listens again, at the address that the server had before Down.
func (s *Server) Up(t testing.TB) {
	t.Helper()
	var listen net.ListenConfig
	l, err := listen.Listen(context.Background(), "tcp", s.Address)
	if err != nil {
		t.Fatalf("start a fake sink: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Address = l.Addr().String()
	if s.options.TLS != nil {
		l = tls.NewListener(l, s.options.TLS)
	}
	ctx, stop := context.WithCancel(context.Background())
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: time.Minute, ErrorLog: zap.NewStdLog(zap.NewNop()),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	done := make(chan struct{})
	s.server, s.stop, s.done = server, stop, done
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

// Down breaks all connections and refuses new ones until Up.
func (s *Server) Down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		return
	}
	s.stop()
	_ = s.server.Close()
	<-s.done
	s.server = nil
}

// Sent gives the bytes of answers' bodies that were written to clients.
func (s *Server) Sent() int64 { return s.sent.Load() }

// ServeHTTP is part of http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n := s.requests
	s.requests++
	s.mu.Unlock()

	receipt := newReceipt(n, r)
	if s.options.ResetEarly != nil && s.options.ResetEarly(n) {
		s.log.add(receipt)
		abort(r, true)
	}
	receipt.read(r)
	a := (*s.script.Load())(n, receipt)
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	if !wait(r.Context(), a.Delay) || a.Fault == Hang {
		s.log.add(receipt)
		<-r.Context().Done()
		abort(r, false)
	}
	switch a.Fault {
	case Reset, Close:
		s.log.add(receipt)
		abort(r, a.Fault == Reset)
	case HalfHeader:
		s.log.add(receipt)
		_, _ = io.WriteString(connOf(r), "HTTP/1.1 200 OK\r\nContent-Type: te")
		abort(r, false)
	}
	receipt.Status = a.Status
	s.log.add(receipt)
	s.write(w, r, a)
}

// write sends the answer.
func (s *Server) write(w http.ResponseWriter, r *http.Request, a Answer) {
	for name, value := range a.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.Status)
	n, _ := io.WriteString(w, a.Body)
	s.sent.Add(int64(n))
	if a.Fault == HalfBody || a.Fault == HangBody {
		_ = http.NewResponseController(w).Flush()
		if a.Fault == HangBody {
			<-r.Context().Done()
		}
		abort(r, false)
	}
	block := make([]byte, 32<<10)
	for i := range block {
		block[i] = 'x'
	}
	for left := a.Endless; left != 0 && r.Context().Err() == nil; {
		part := block
		if left > 0 {
			part = part[:min(left, int64(len(part)))]
			left -= int64(len(part))
		}
		n, err := w.Write(part)
		s.sent.Add(int64(n))
		if err != nil {
			return
		}
	}
}

func connOf(r *http.Request) net.Conn { return r.Context().Value(connKey{}).(net.Conn) }

// abort ends the connection of the request, and the handler.
func abort(r *http.Request, reset bool) {
	c := connOf(r)
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if t, ok := c.(*net.TCPConn); ok && reset {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
	panic(http.ErrAbortHandler)
}

// wait tells whether the time passed before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

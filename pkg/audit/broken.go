package audit

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
)

// broken is why what came in the place of a request never was one, so that the server ended it without the Receiver.
type broken int

// The reasons.
const (
	// malformed is a head, which is the request line and the headers, that the server answers itself: with 400, 417, 431
	// when it is longer than MaxHeaderBytes, 501 or 505.
	malformed broken = iota
	// slowHead is a head that did not arrive within ReadHeaderTimeout.
	slowHead
	// cutOffHead is a head that ends before its end, because the client went away.
	cutOffHead
	// badHTTP2 is a preface or a frame that HTTP/2 forbids, or a path or method that it does.
	badHTTP2
	// tooMany is a connection that was closed at once because there were too many.
	tooMany

	numBroken
)

func (b broken) String() string {
	return [numBroken]string{"malformed", "slow", "cut_off", "http2", "too_many"}[b]
}

// Watch has what a server ends without calling the Receiver, its handler, counted in Stats.Broken, and bounds its
// connections. It is to be called before the server serves, which is to be on the listener that Watch returns, and Printed
// is to be given what the server logs. ConnState, ConnContext and HTTP2.CountError are taken.
func (r *Receiver) Watch(s *http.Server, l net.Listener) net.Listener {
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if v := visitOf(c); v != nil {
			v.turn(c, state, &r.counters)
		}
	}
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, visitKey{}, visitOf(c))
	}
	if s.HTTP2 == nil {
		s.HTTP2 = &http.HTTP2Config{}
	}
	s.HTTP2.CountError = r.counters.frame
	return &door{Listener: l, counters: &r.counters, most: maxVisits}
}

// visit is a connection that knows whether what came on it got as far as the Receiver. Its fields that are not atomic
// belong to the goroutine of the server that tells of the connection's states, and alone does not change.
type visit struct {
	net.Conn
	// leave tells the door that the connection has ended.
	leave func()
	// alone is how many bytes at once may come or go without being a part of a request or an answer.
	alone int
	// http2 tells which protocol is spoken, shaking that TLS is not yet.
	http2, shaking bool
	// asked tells that the server sees the beginning of a request, heard that bytes of one came, answered that bytes of an
	// answer went, served that the Receiver was called, failed how reading ended: since the connection began or was idle last.
	asked                   bool
	heard, answered, served atomic.Bool
	failed                  atomic.Int32
}

// How reading ended.
const (
	readsOn int32 = iota
	readTooLate
	readNoMore
)

// aloneTLS is how long a record of TLS may be that holds no part of a request or an answer: an alert, or a new key.
const aloneTLS = 64

type visitKey struct{}

// visitOf is the visit that a connection of the server is, beneath its TLS, or nil.
func visitOf(c net.Conn) *visit {
	if secret, ok := c.(*tls.Conn); ok {
		c = secret.NetConn()
	}
	v, _ := c.(*visit)
	return v
}

// arrived tells that the Receiver has the request.
func arrived(req *http.Request) {
	if v, _ := req.Context().Value(visitKey{}).(*visit); v != nil {
		v.served.Store(true)
	}
}

// Read notes that something came, or why nothing does.
func (v *visit) Read(p []byte) (int, error) {
	n, err := v.Conn.Read(p)
	if n > v.alone {
		v.heard.Store(true)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		v.failed.Store(readTooLate)
	case err != nil:
		v.failed.Store(readNoMore)
	}
	return n, err
}

// Write notes that something goes.
func (v *visit) Write(p []byte) (int, error) {
	if len(p) > v.alone {
		v.answered.Store(true)
	}
	return v.Conn.Write(p)
}

// Close ends the visit.
func (v *visit) Close() error {
	v.leave()
	return v.Conn.Close()
}

// CloseWrite ends what is written, where that is possible: the server does so for the client to read its answer.
func (v *visit) CloseWrite() error {
	if c, ok := v.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// turn takes the next state of the connection.
func (v *visit) turn(c net.Conn, state http.ConnState, to *counters) {
	switch state {
	case http.StateNew:
		if _, secret := c.(*tls.Conn); secret {
			v.alone, v.shaking = aloneTLS, true
		}
	case http.StateActive:
		// The server tells of this before it answers, but not of every request that follows another one.
		v.asked, v.shaking = true, false
		v.answered.Store(false) // what went was of TLS
	case http.StateIdle:
		// HTTP/1 is idle only after an answer, HTTP/2 before the first request, too.
		v.http2 = v.http2 || !v.served.Load()
		v.asked = false
		v.heard.Store(false)
		v.answered.Store(false)
		v.served.Store(false)
		v.failed.Store(readsOn)
	case http.StateClosed:
		answered := v.answered.Load()
		switch failed := v.failed.Load(); {
		case v.http2 || v.shaking || v.served.Load() || !v.asked && !v.heard.Load() && !answered:
		case failed == readTooLate:
			to.broken[slowHead].Add(1)
		case failed == readNoMore:
			to.broken[cutOffHead].Add(1)
		case answered: // and not ended because the server shuts down
			to.broken[malformed].Add(1)
		}
	}
}

// frame counts a request that HTTP/2 refuses, by the name that the server has for the error. The other names are those
// of errors of the connection, for which there is Printed, of bodies that the Receiver had begun to read, and of frames that
// were on their way when a request was answered early.
func (c *counters) frame(name string) {
	switch strings.TrimPrefix(name, "stream_PROTOCOL_ERROR_") {
	case "bad_path_method", "bad_path", "bad_connect", "userinfo_in_authority", "over_max_streams":
		c.broken[badHTTP2].Add(1)
	}
}

// Printed counts a line of the ErrorLog of the server, if it is about a connection for which TLS failed, or one that broke
// the rules of HTTP/2.
func (r *Receiver) Printed(line string) {
	r.counters.handshakes.note(line)
	for _, begin := range [...]string{
		"http2: server connection error from ", "http2: server: error reading preface from client ", "timeout waiting for SETTINGS frames from ",
	} {
		if strings.HasPrefix(line, begin) {
			r.counters.broken[badHTTP2].Add(1)
		}
	}
}

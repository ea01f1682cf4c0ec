package audit

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// guard starts a receiver that is told of what its server ends alone, with TLS for HTTP/1.1 and HTTP/2 if there is a
// configuration.
func guard(t *testing.T, config *tls.Config) *listener {
	t.Helper()
	l := &listener{r: NewReceiver(&Splitter{}, accept)}
	l.server = httptest.NewUnstartedServer(nil)
	l.server.Config = NewServer("", nil, l.r)
	printed(l)
	l.server.Listener = l.r.Watch(l.server.Config, l.server.Listener)
	if config == nil {
		l.server.Start()
	} else {
		l.server.TLS, l.server.EnableHTTP2 = config, true
		l.server.StartTLS()
	}
	t.Cleanup(l.server.Close)
	return l
}

// printed gives a receiver what its server logs.
func printed(l *listener) {
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), zapcore.AddSync(io.Discard), zap.InfoLevel)
	l.server.Config.ErrorLog = zap.NewStdLog(zap.New(core, zap.Hooks(func(e zapcore.Entry) error {
		l.r.Printed(e.Message)
		return nil
	})))
}

// brokenBy is Stats.Broken without the zeros.
func (l *listener) brokenBy() map[string]uint64 {
	all := l.r.Stats().Broken
	maps.DeleteFunc(all, func(_ string, n uint64) bool { return n == 0 })
	return all
}

// secure speaks TLS on a connection.
func (w *wire) secure(t *testing.T, config *tls.Config) *wire {
	t.Helper()
	secret := tls.Client(w.Conn, config)
	if err := secret.Handshake(); err != nil {
		t.Fatal(err)
	}
	return &wire{secret, bufio.NewReader(secret)}
}

// cut ends what is said on a connection without a word. It is not closed: what was not read of it would make the other side
// forget what was said.
func (w *wire) cut(t *testing.T) {
	t.Helper()
	c := w.Conn
	if secret, ok := c.(*tls.Conn); ok {
		c = secret.NetConn()
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

// tlsPair is the configuration of a server and of its client.
func tlsPair(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	ca := newAuthority(t)
	certificate, key := ca.issue(t, "server")
	server, err := TLSConfig(certificate, key, "")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	return server, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
}

const goodPost = postHead + "Content-Length: 2\r\n\r\n[]"

// TestBroken says what is no request of HTTP/1.1, first of all and after one that is good, with TLS and without. Each is
// counted once with its reason, and none where nothing is wrong.
func TestBroken(t *testing.T) {
	cases := []struct {
		name, say, reason string
		code              int // of the answer; 0 for none, after the client has gone
	}{
		{name: "nothing"},
		{name: "another request", say: goodPost, code: 200},
		{name: "a request for another path", say: "GET / HTTP/1.1\r\nHost: x\r\n\r\n", code: 404},
		{name: "a body that is cut off", say: postHead + "Content-Length: 200\r\n\r\n[", code: 0},
		{name: "no request line", say: "\x00\x01\x02 is no line of HTTP\r\n\r\n", code: 400, reason: "malformed"},
		{name: "no host", say: "POST /k8s-audit HTTP/1.1\r\n\r\n", code: 400, reason: "malformed"},
		{name: "a bad header", say: "POST /k8s-audit HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n", code: 400, reason: "malformed"},
		{name: "two lengths", say: postHead + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]", code: 400, reason: "malformed"},
		{name: "long headers", say: postHead + "X: " + strings.Repeat("x", 80<<10) + "\r\n\r\n", code: 431, reason: "malformed"},
		{name: "a transfer encoding", say: postHead + "Transfer-Encoding: gzip\r\n\r\n", code: 501, reason: "malformed"},
		{name: "a version", say: "POST /k8s-audit HTTP/3.0\r\nHost: x\r\n\r\n", code: 505, reason: "malformed"},
		{name: "an expectation", say: postHead + "Expect: more\r\nContent-Length: 2\r\n\r\n[]", code: 417, reason: "malformed"},
		{name: "a head that is cut off", say: "POST /k8s-audit HTTP/1.1\r\nHost: somewhere.example.com\r\n", reason: "cut_off"},
	}
	server, client := tlsPair(t)
	for _, protocol := range []string{"plain", "TLS 1.2", "TLS 1.3"} {
		for _, first := range []bool{true, false} {
			for _, c := range cases {
				t.Run(fmt.Sprintf("%s, first %v, %s", protocol, first, c.name), func(t *testing.T) {
					config := server
					if protocol == "plain" {
						config = nil
					}
					l := guard(t, config)
					w := dial(t, l)
					if config != nil {
						mine := client.Clone()
						mine.MaxVersion = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}[protocol]
						w = w.secure(t, mine)
					}
					if !first {
						w.say(t, goodPost)
						if code, text := w.hear(t); code != 200 {
							t.Fatalf("status %d: %s", code, text)
						}
					}
					w.say(t, "%s", c.say)
					if c.code != 0 {
						if code, text := w.hear(t); code != c.code {
							t.Errorf("status %d, want %d: %s", code, c.code, text)
						}
					}
					w.cut(t)
					want := map[string]uint64{}
					if c.reason != "" {
						want[c.reason] = 1
						waitFor(t, func() bool { return len(l.brokenBy()) > 0 })
					}
					l.server.Close() // when it is closed, so are its connections
					if got := l.brokenBy(); !maps.Equal(got, want) {
						t.Errorf("%v, want %v", got, want)
					}
				})
			}
		}
	}
}

// TestBrokenSlow has a head stop on its way: its connection is ended in time, and counted. One on which nothing comes is
// ended, too, and no request.
func TestBrokenSlow(t *testing.T) {
	server, client := tlsPair(t)
	now := time.Now()
	client.Time = func() time.Time { return now } // the certificate is not of the time of synctest
	for _, secret := range []bool{false, true} {
		for _, say := range []string{"", "POST", postHead, goodPost, goodPost + postHead + "X: " + strings.Repeat("x", 100)} {
			t.Run(fmt.Sprintf("TLS %v, %d bytes", secret, len(say)), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := NewReceiver(&Splitter{}, accept)
					near, far := net.Pipe()
					made := NewServer("", nil, r)
					conns := r.Watch(made, &oneConn{conn: near, closed: make(chan struct{})})
					done := make(chan struct{})
					w := &wire{far, bufio.NewReader(far)}
					go func() {
						defer close(done)
						if secret {
							made.TLSConfig = server.Clone()
							_ = made.ServeTLS(conns, "", "") // ends when it is closed
							return
						}
						_ = made.Serve(conns) // as above
					}()
					if secret {
						w = w.secure(t, client)
					}
					heard := make(chan struct{})
					go func() {
						defer close(heard)
						_, _ = io.Copy(io.Discard, w.in) // until the server ends it
					}()
					for _, part := range strings.SplitAfter(say, "[]") {
						w.say(t, "%s", part)
						synctest.Wait() // it is answered, if it is a whole request
					}
					<-heard
					if err := made.Close(); err != nil {
						t.Error(err)
					}
					<-done
					synctest.Wait() // for the connection
					want := uint64(1)
					if say == "" || say == goodPost {
						want = 0
					}
					s := r.Stats()
					if sum := s.Broken["slow"]; sum != want || s.Broken["malformed"]+s.Broken["cut_off"]+s.Broken["http2"] != 0 {
						t.Errorf("%v, want %d slow", s.Broken, want)
					}
					far.Close()
				})
			})
		}
	}
}

// TestBrokenHTTP2 breaks the rules of HTTP/2. Good requests before and after it, and a connection that is only opened,
// are not counted.
func TestBrokenHTTP2(t *testing.T) {
	const (
		preface  = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
		settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
		bogus    = "POST /k8s-audit HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	)
	// A frame of a kind with its flags for a stream.
	frame := func(kind, flags, stream byte, payload string) string {
		return string([]byte{0, 0, byte(len(payload)), kind, flags, 0, 0, 0, stream}) + payload
	}
	cases := []struct {
		name, say string
		want      uint64
		tlsOnly   bool // without TLS the first bytes say which protocol it is
	}{
		{name: "no preface", say: bogus, want: 1, tlsOnly: true},
		{name: "a connection only", say: preface + settings},
		{name: "no settings", say: preface + frame(6, 0, 0, "12345678"), want: 1},
		{name: "data of no stream", say: preface + settings + frame(0, 0, 0, ""), want: 1},
		{name: "headers that are not packed right", say: preface + settings + frame(1, 5, 1, "\x80"), want: 1},
		{name: "headers without a path", say: preface + settings + frame(1, 5, 1, "\x83\x87"), want: 1},
		{name: "headers that do not follow each other", say: preface + settings + frame(9, 4, 1, ""), want: 1},
	}
	server, client := tlsPair(t)
	for _, secret := range []bool{false, true} {
		for _, c := range cases {
			if c.tlsOnly && !secret {
				continue
			}
			t.Run(fmt.Sprintf("TLS %v, %s", secret, c.name), func(t *testing.T) {
				var config *tls.Config
				if secret {
					config = server
				}
				l := guard(t, config)
				transport := &http.Transport{Protocols: &http.Protocols{}, TLSClientConfig: client.Clone()}
				transport.Protocols.SetHTTP2(true)
				transport.Protocols.SetUnencryptedHTTP2(true)
				defer transport.CloseIdleConnections()
				good := func() {
					t.Helper()
					resp, err := (&http.Client{Transport: transport}).Post(l.server.URL+"/k8s-audit", "application/json", strings.NewReader(oneEvent))
					if err != nil {
						t.Fatal(err)
					}
					resp.Body.Close()
					if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
						t.Errorf("status %d, %s", resp.StatusCode, resp.Proto)
					}
				}
				good()
				w := dial(t, l)
				if secret {
					mine := client.Clone()
					mine.NextProtos = []string{"h2"}
					w = w.secure(t, mine)
				}
				w.say(t, "%s", c.say)
				if c.want > 0 {
					waitFor(t, func() bool { return len(l.brokenBy()) > 0 })
				}
				good()
				w.cut(t)
				transport.CloseIdleConnections()
				l.server.Close()
				want := map[string]uint64{}
				if c.want > 0 {
					want["http2"] = c.want
				}
				if got := l.brokenBy(); !maps.Equal(got, want) {
					t.Errorf("%v, want %v", got, want)
				}
				l.account(t, map[int]uint64{200: 2}, 2, 0)
			})
		}
	}
}

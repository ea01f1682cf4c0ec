package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// wire is a connection on which a test says what it likes.
type wire struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, l *listener) *wire {
	t.Helper()
	conn, err := net.DialTimeout("tcp", l.server.Listener.Addr().String(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &wire{conn, bufio.NewReader(conn)}
}

func (w *wire) say(t *testing.T, format string, values ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(w, format, values...); err != nil {
		t.Fatal(err)
	}
}

// hear reads an answer and returns its status and text; 0 when the connection ended.
func (w *wire) hear(t *testing.T) (int, string) {
	t.Helper()
	resp, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}

// ended tells whether the server ends the connection.
func (w *wire) ended() bool {
	_, err := w.in.ReadByte()
	var late net.Error
	return err != nil && (!errors.As(err, &late) || !late.Timeout())
}

const postHead = "POST /k8s-audit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

// TestWire says on connections what clients in order do not say. The server itself answers what is no request.
func TestWire(t *testing.T) {
	ev := line("w")
	list := "[" + strings.Repeat(ev+",", 9_999) + ev + "]"
	cases := []struct {
		name  string
		say   string
		close bool
		// answers are the status of each answer; the receiver's own are those counted.
		answers, counted []int
		events           uint64
	}{
		{name: "chunks of a byte", say: postHead + "Transfer-Encoding: chunked\r\n\r\n" + chunks(ev, 1), answers: []int{200}, counted: []int{200}, events: 1},
		{name: "chunks", say: postHead + "Transfer-Encoding: chunked\r\n\r\n" + chunks(list, 3000), answers: []int{200}, counted: []int{200}, events: 10_000},
		{name: "broken chunk", say: postHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + ev, answers: []int{400}, counted: []int{400}},
		{name: "cut in a chunk", say: postHead + "Transfer-Encoding: chunked\r\n\r\nff\r\n" + ev, close: true, counted: []int{400}},
		{name: "cut in the body", say: fmt.Sprintf("%sContent-Length: 1000\r\n\r\n%s", postHead, ev), close: true, counted: []int{400}},
		{name: "cut in a long body", say: fmt.Sprintf("%sContent-Length: 10000000\r\n\r\n%s", postHead, list[:500_000]), close: true, counted: []int{400}},
		{name: "cut in the headers", say: postHead[:30], close: true},
		{name: "too short a length", say: fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", postHead, len(ev)-1, ev), answers: []int{400}, counted: []int{400}},
		{name: "negative length", say: postHead + "Content-Length: -1\r\n\r\n" + ev, answers: []int{400}},
		{name: "two lengths", say: fmt.Sprintf("%sContent-Length: 5\r\nContent-Length: %d\r\n\r\n%s", postHead, len(ev), ev), answers: []int{400}},
		{name: "length and chunks", say: fmt.Sprintf("%sContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n%s", postHead, chunks(ev, 100)), answers: []int{200}, counted: []int{200}, events: 1},
		{name: "length over the limit", say: postHead + "Content-Length: 99999999999999\r\n\r\n" + ev, answers: []int{413}, counted: []int{413}},
		{name: "pipelined", say: strings.Repeat(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", postHead, len(ev), ev), 20), answers: repeat(200, 20), counted: repeat(200, 20), events: 20},
		{name: "pipelined behind a refusal", say: fmt.Sprintf("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s%sContent-Length: %d\r\n\r\n%s", len(ev), ev, postHead, len(ev), ev), answers: []int{404, 0}, counted: []int{404}},
		{name: "headers too long", say: "POST /k8s-audit HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 200<<10) + "\r\n\r\n", answers: []int{431}},
		{name: "many headers", say: "POST /k8s-audit HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 50_000) + "\r\n", answers: []int{431}},
		{name: "no HTTP", say: "\x16\x03\x01\x00\x05hello\r\n\r\n", answers: []int{400}},
		{name: "HTTP/1.0", say: fmt.Sprintf("POST /k8s-audit HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(ev), ev), answers: []int{200}, counted: []int{200}, events: 1},
		{name: "other expectation", say: postHead + "Expect: tea\r\nContent-Length: 3\r\n\r\n", answers: []int{417}},
		{name: "absolute address", say: fmt.Sprintf("POST http://x/k8s-audit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(ev), ev), answers: []int{200}, counted: []int{200}, events: 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := newListener(t, &Splitter{MaxEvent: 10_000})
			l.r.whole = 100_000
			w := dial(t, l)
			go func() {
				_, _ = io.WriteString(w, c.say) // the server may have hung up
				if c.close {
					w.Close()
				}
			}()
			for i, want := range c.answers {
				if got, text := w.hear(t); got != want {
					t.Errorf("answer %d: status %d, want %d: %s", i, got, want, text)
				}
			}
			counted := map[int]uint64{}
			for _, code := range c.counted {
				counted[code]++
			}
			waitFor(t, func() bool {
				sum := uint64(0)
				for _, n := range l.r.Stats().Requests {
					sum += n
				}
				return sum == uint64(len(c.counted))
			})
			events := c.events
			if strings.HasPrefix(c.name, "cut in a long") {
				events = l.r.Stats().Events // what came before the cut was evaluated
			}
			l.account(t, counted, events, 0)
		})
	}
}

// chunks is a body in chunks of so many bytes.
func chunks(text string, size int) string {
	var out strings.Builder
	for len(text) > 0 {
		n := min(size, len(text))
		fmt.Fprintf(&out, "%x\r\n%s\r\n", n, text[:n])
		text = text[n:]
	}
	return out.String() + "0\r\n\r\n"
}

func repeat(code, n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = code
	}
	return all
}

// TestExpect announces bodies and waits to be asked for them: a client that is refused is not asked.
func TestExpect(t *testing.T) {
	l := newListener(t, &Splitter{})
	l.r.Access.Tokens = func() []string { return []string{"right"} }
	ev := line("x")
	for token, want := range map[string]int{"right": 100, "wrong": 401} {
		w := dial(t, l)
		w.say(t, "%sAuthorization: Bearer %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", postHead, token, len(ev))
		if got, _ := w.hear(t); got != want {
			t.Errorf("%s token: status %d, want %d", token, got, want)
		}
		if want != 100 {
			if !w.ended() {
				t.Error("the connection is open")
			}
			continue
		}
		w.say(t, "%s", ev)
		if got, text := w.hear(t); got != 200 {
			t.Errorf("status %d: %s", got, text)
		}
	}
	l.account(t, map[int]uint64{200: 1, 401: 1}, 1, 0)
}

// TestSlowRefused sends the body of a refused request slowly: the answer comes at once, and the connection ends soon.
func TestSlowRefused(t *testing.T) {
	l := newListener(t, &Splitter{})
	l.r.Access.Tokens = func() []string { return nil }
	w := dial(t, l)
	w.say(t, "%sContent-Length: 100000\r\n\r\n{", postHead)
	if got, text := w.hear(t); got != 401 {
		t.Errorf("status %d: %s", got, text)
	}
	if !w.ended() {
		t.Error("the connection is open")
	}
}

// TestSlowloris has very many clients that do not get on, in the headers and in the body. A good one is served beside them,
// what they hold is little, and in the end they are cut off.
func TestSlowloris(t *testing.T) {
	const n = 200
	l := &listener{r: NewReceiver(&Splitter{}, accept)}
	l.r.MaxReading = n - 50
	l.r.BodyTimeout = time.Second
	l.server = httptest.NewUnstartedServer(nil)
	l.server.Config = NewServer("", nil, l.r)
	l.server.Config.ReadHeaderTimeout = time.Second
	l.server.Start()
	defer l.server.Close()
	for i := range n {
		w := dial(t, l)
		if i%4 == 0 {
			w.say(t, "POST /k8s-audit HTTP/1.1\r\nHost: x\r\nX: ")
			continue
		}
		w.say(t, "%sContent-Length: 4000000\r\n\r\n[", postHead)
	}
	waitFor(t, func() bool { s := l.r.Stats(); return s.Reading >= n/2 || s.Requests[408] > 0 })
	if held := l.r.Stats().InFlightBytes; held > n*firstBody {
		t.Errorf("they hold %d bytes", held)
	}
	waitFor(t, func() bool {
		resp, a := post(t, l.server.URL, "/k8s-audit", oneEvent)
		return resp.StatusCode == http.StatusOK && a.Accepted == 1
	})
	// On a slow machine some are cut off in their headers, which are no requests yet.
	waitFor(t, func() bool { s := l.r.Stats(); return s.Reading == 0 && s.Requests[408]+s.Requests[503] >= n/2 })
}

// TestSlowStreams has the places of long bodies taken by clients that stop in the middle. Others with a long body are told
// to come again, ordinary ones are served.
func TestSlowStreams(t *testing.T) {
	l := newListener(t, &Splitter{MaxEvent: 10_000})
	l.r.MaxStreams, l.r.whole = 2, 100_000
	start := "[" + strings.Repeat(line("s")+",", 2_000)
	var slow []*wire
	for range 2 {
		w := dial(t, l)
		w.say(t, "%sContent-Length: 100000000\r\n\r\n%s", postHead, start)
		slow = append(slow, w)
	}
	waitFor(t, func() bool { return l.r.Stats().Streaming == 2 })
	w := dial(t, l)
	w.say(t, "%sContent-Length: 100000000\r\n\r\n", postHead)
	if got, text := w.hear(t); got != 503 || !strings.Contains(text, "long bodies") {
		t.Errorf("a third long body: status %d %s", got, text)
	}
	if resp, a := post(t, l.server.URL, "/k8s-audit", oneEvent); resp.StatusCode != http.StatusOK {
		t.Errorf("an ordinary body: status %d, %+v", resp.StatusCode, a)
	}
	for _, w := range slow {
		w.Close()
	}
	waitFor(t, func() bool { s := l.r.Stats(); return s.Streaming == 0 && s.InFlightBytes == 0 && s.Requests[400] == 2 })
}

// TestBusyAtOnce holds requests in Evaluate; those that come meanwhile are refused before their body is read.
func TestBusyAtOnce(t *testing.T) {
	leave := make(chan bool)
	var entered sync.WaitGroup
	entered.Add(1)
	l := newListener(t, &Splitter{})
	l.r.MaxRequests = 1
	l.r.Evaluate = func(context.Context, *Batch) error {
		entered.Done()
		<-leave
		return nil
	}
	w := dial(t, l)
	w.say(t, "%sContent-Length: %d\r\n\r\n%s", postHead, len(oneEvent), oneEvent)
	entered.Wait()
	other := dial(t, l)
	other.say(t, "%sContent-Length: 3000000\r\n\r\n", postHead)
	if got, text := other.hear(t); got != 503 || !strings.Contains(text, "try again in 5 seconds") {
		t.Errorf("status %d: %s", got, text)
	}
	close(leave)
	if got, text := w.hear(t); got != 200 {
		t.Errorf("status %d: %s", got, text)
	}
	l.account(t, map[int]uint64{200: 1, 503: 1}, 1, 0)
}

// TestRapidReset opens very many streams of HTTP/2 and resets each at once. Others are served.
func TestRapidReset(t *testing.T) {
	l := newListener(t, &Splitter{})
	conn := dial(t, l)
	conn.say(t, http2.ClientPreface)
	framer := http2.NewFramer(conn, conn.in)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	var head strings.Builder
	encoder := hpack.NewEncoder(&head)
	for _, f := range [][2]string{{":method", "POST"}, {":path", "/k8s-audit"}, {":scheme", "http"}, {":authority", "x"}, {"content-type", "application/json"}} {
		if err := encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			t.Fatal(err)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, conn.in) }()
	block := head.String()
	for id := uint32(1); id < 20_000; id += 2 {
		err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte(block), EndHeaders: true})
		if err == nil {
			err = framer.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		if err != nil {
			break // the server had enough
		}
	}
	if resp, a := post(t, l.server.URL, "/k8s-audit", oneEvent); resp.StatusCode != http.StatusOK {
		t.Errorf("beside it: status %d, %+v", resp.StatusCode, a)
	}
	conn.Close()
	waitFor(t, func() bool { s := l.r.Stats(); return s.Reading == 0 && s.InFlight == 0 && s.InFlightBytes == 0 })
}

// TestPlainHTTP2 sends over HTTP/2 without TLS.
func TestPlainHTTP2(t *testing.T) {
	l := newListener(t, &Splitter{MaxEvent: 10_000})
	l.r.whole = 100_000
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for _, body := range []string{oneEvent, "[" + strings.Repeat(oneEvent+",", 9_999) + oneEvent + "]"} {
		resp, err := client.Post(l.server.URL+"/k8s-audit", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
			t.Errorf("status %d, %s", resp.StatusCode, resp.Proto)
		}
	}
	l.account(t, map[int]uint64{200: 2}, 10_001, 0)
}

// TestOneByteASecond has a body come a byte a second: it is cut off in time, and what it held is free again.
func TestOneByteASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewReceiver(&Splitter{}, accept)
		server, client := net.Pipe()
		made := NewServer("", nil, r)
		conns := &oneConn{conn: server, closed: make(chan struct{})}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = made.Serve(conns) // ends when it is closed
		}()
		var slow sync.WaitGroup
		slow.Go(func() {
			_, err := fmt.Fprintf(client, "%sContent-Length: 1000\r\n\r\n", postHead)
			for err == nil {
				time.Sleep(time.Second)
				_, err = client.Write([]byte(" "))
			}
		})
		began := time.Now()
		resp, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if took := time.Since(began); resp.StatusCode != http.StatusRequestTimeout || took != r.BodyTimeout {
			t.Errorf("status %d after %s", resp.StatusCode, took)
		}
		client.Close()
		if err := made.Close(); err != nil {
			t.Error(err)
		}
		<-done
		slow.Wait()
		if s := r.Stats(); s.Reading != 0 || s.InFlightBytes != 0 || s.Requests[http.StatusRequestTimeout] != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// oneConn is a listener with one connection.
type oneConn struct {
	conn   net.Conn
	given  bool
	once   sync.Once
	closed chan struct{}
}

func (o *oneConn) Accept() (net.Conn, error) {
	if !o.given {
		o.given = true
		return o.conn, nil
	}
	<-o.closed
	return nil, net.ErrClosed
}

func (o *oneConn) Close() error {
	o.once.Do(func() { close(o.closed) })
	return nil
}

func (o *oneConn) Addr() net.Addr { return o.conn.LocalAddr() }

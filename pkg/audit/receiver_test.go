package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const oneEvent = `{"kind":"Event","auditID":"a","stageTimestamp":"2024-01-01T00:00:00Z"}`

// serve starts a receiver and ends it with the test.
func serve(t *testing.T, r *Receiver) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config = NewServer("", nil, r)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func accept(context.Context, *Batch) error { return nil }

func post(t *testing.T, url, path, body string, header ...string) (*http.Response, answer) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (*http.Response, answer) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var a answer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		t.Fatalf("the answer is no JSON: %v", err)
	}
	return resp, a
}

func TestAnswers(t *testing.T) {
	failing := errors.New("disk full")
	var fail error
	evaluated := 0
	r := NewReceiver(&Splitter{}, func(_ context.Context, b *Batch) error {
		if fail == nil {
			evaluated += b.Len()
		}
		return fail
	})
	r.MaxBody = 1000
	url := serve(t, r).URL
	long := `{"kind":"EventList","items":[` + strings.Repeat(oneEvent+",", 20) + oneEvent + `]}`
	cases := []struct {
		name, path, body string
		header           []string
		fail             error
		code             int
		want             answer
	}{
		{name: "event", path: "/k8s-audit", body: oneEvent, code: 200, want: answer{Accepted: 1}},
		{name: "old path", path: "/k8s_audit", body: oneEvent, code: 200, want: answer{Accepted: 1}},
		{name: "query", path: "/k8s-audit?timeout=30s", body: oneEvent, code: 200, want: answer{Accepted: 1}},
		{name: "charset", path: "/k8s-audit", body: oneEvent, header: []string{"Content-Type", "application/json; charset=utf-8"}, code: 200, want: answer{Accepted: 1}},
		{name: "not compressed", path: "/k8s-audit", body: oneEvent, header: []string{"Content-Encoding", "identity"}, code: 200, want: answer{Accepted: 1}},
		{name: "list with a bad item", path: "/k8s-audit", body: `{"kind":"EventList","items":[` + oneEvent + `,{}]}`, code: 200, want: answer{Accepted: 1, Rejected: 1}},
		{name: "list with bad items only", path: "/k8s-audit", body: `{"kind":"EventList","items":[{}]}`, code: 200, want: answer{Rejected: 1}},
		{name: "other path", path: "/", body: oneEvent, code: 404, want: answer{Error: "no such path; audit events are taken at POST /k8s-audit and /k8s-audit/CLUSTER"}},
		{name: "final slash", path: "/k8s-audit/", body: oneEvent, code: 404, want: answer{Error: "the path ends with a slash; take it away, or name the cluster behind it: /k8s-audit or /k8s-audit/CLUSTER"}},
		{name: "bad cluster", path: "/k8s-audit/Blue", body: oneEvent, code: 404, want: answer{Error: "the name of the cluster in the path must be made of a-z, 0-9, '-' and '.', begin and end with a letter or a digit, and be at most 253 bytes long"}},
		{name: "text", path: "/k8s-audit", body: oneEvent, header: []string{"Content-Type", "text/plain"}, code: 415, want: answer{Error: `the Content-Type is "text/plain"; it must be application/json`}},
		{name: "no type", path: "/k8s-audit", body: oneEvent, header: []string{"Content-Type", ""}, code: 415, want: answer{Error: `the Content-Type is ""; it must be application/json`}},
		{name: "other JSON", path: "/k8s-audit", body: oneEvent, header: []string{"Content-Type", "application/jsonl"}, code: 415, want: answer{Error: `the Content-Type is "application/jsonl"; it must be application/json`}},
		{name: "packed otherwise", path: "/k8s-audit", body: oneEvent, header: []string{"Content-Encoding", "br"}, code: 415, want: answer{Error: `the Content-Encoding is "br"; it must be gzip or none`}},
		{name: "too long", path: "/k8s-audit", body: long, code: 413, want: answer{Error: "the body is longer than 1000 bytes; send smaller batches (kube-apiserver --audit-webhook-batch-max-size)"}},
		{name: "empty", path: "/k8s-audit", code: 400, want: answer{Error: "the text is empty, at line 1, column 1 (byte 0)", Offset: new(int), Line: 1, Column: 1}},
		{name: "not JSON", path: "/k8s-audit", body: "notjson", code: 400, want: answer{Error: "malformed JSON: 'o' where null is expected, at line 1, column 2 (byte 1)", Offset: ptr(1), Line: 1, Column: 2}},
		{name: "defect", path: "/k8s-audit", body: "[" + oneEvent + ",\n x]", code: 400, want: answer{Error: "malformed JSON: 'x' where a value is expected, at line 2, column 2 (byte 74)", Offset: ptr(74), Line: 2, Column: 2}},
		{name: "event without time", path: "/k8s-audit", body: `{"kind":"Event"}`, code: 400, want: answer{Rejected: 1, Error: "the event has no stageTimestamp, at line 1, column 1 (byte 0)", Offset: ptr(0), Line: 1, Column: 1}},
		{name: "failing", path: "/k8s-audit", body: oneEvent, fail: failing, code: 500, want: answer{Error: "evaluate the events: disk full"}},
		{name: "busy", path: "/k8s-audit", body: oneEvent, fail: fmt.Errorf("queue: %w", ErrBusy), code: 503, want: answer{Error: "queue: too busy to evaluate; try again in 5 seconds"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			fail = c.fail
			resp, got := post(t, url, c.path, c.body, c.header...)
			if d := cmp.Diff(c.want, got); d != "" || resp.StatusCode != c.code {
				t.Errorf("status %d, want %d; answer differs (-want +got):\n%s", resp.StatusCode, c.code, d)
			}
			if after := resp.Header.Get("Retry-After"); (after == "5") != (c.code == 503) {
				t.Errorf("Retry-After is %q", after)
			}
		})
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		req, err := http.NewRequest(method, url+"/k8s-audit", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, _ := do(t, req)
		if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "POST" {
			t.Errorf("%s: status %d, Allow %q", method, resp.StatusCode, resp.Header.Get("Allow"))
		}
	}
	got := r.Stats()
	got.Senders, got.Lag = nil, Lag{}
	maps.DeleteFunc(got.Rejected, func(_ string, n uint64) bool { return n == 0 })
	want := Stats{
		Requests: map[int]uint64{200: 7, 400: 4, 401: 0, 403: 0, 404: 3, 405: 3, 408: 0, 413: 1, 415: 4, 500: 1, 503: 1},
		Events:   6, Bytes: r.Stats().Bytes,
		Rejected:   map[string]uint64{"no_time": 3},
		Broken:     map[string]uint64{"malformed": 0, "slow": 0, "cut_off": 0, "http2": 0, "too_many": 0},
		Handshakes: new(handshakes).counts(),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("counters differ (-want +got):\n%s", d)
	}
	if evaluated != 6 {
		t.Errorf("%d events evaluated", evaluated)
	}
}

func ptr(n int) *int { return &n }

// TestTooBusy holds one request in Evaluate and sends others: by number and by bytes they are refused at once.
func TestTooBusy(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	r := NewReceiver(&Splitter{}, func(context.Context, *Batch) error {
		entered <- true
		<-leave
		return nil
	})
	r.MaxRequests, r.MaxBytes = 2, 400<<10
	url := serve(t, r).URL
	codes := make(chan int, 2)
	send := func(body string) {
		resp, _ := post(t, url, "/k8s-audit", body)
		codes <- resp.StatusCode
	}
	go send(oneEvent)
	<-entered
	if resp, a := post(t, url, "/k8s-audit", oneEvent+strings.Repeat(" ", 600<<10)); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.Error, "bytes") {
		t.Errorf("too many bytes: status %d, %+v", resp.StatusCode, a)
	}
	go send(oneEvent)
	<-entered
	if resp, a := post(t, url, "/k8s-audit", oneEvent); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.Error, "requests") {
		t.Errorf("too many requests: status %d, %+v", resp.StatusCode, a)
	}
	if s := r.Stats(); s.InFlight != 2 || s.InFlightBytes < 128<<10 || s.InFlightBytes > r.MaxBytes {
		t.Errorf("in flight: %d requests, %d bytes", s.InFlight, s.InFlightBytes)
	}
	leave <- true
	leave <- true
	if a, b := <-codes, <-codes; a != 200 || b != 200 {
		t.Errorf("those that were worked on: %d and %d", a, b)
	}
	waitFor(t, func() bool { s := r.Stats(); return s.InFlight == 0 && s.InFlightBytes == 0 })
}

// TestSlowClients lets more clients than may be worked on send their bodies slowly: they keep nobody away, up to
// MaxReading.
func TestSlowClients(t *testing.T) {
	r := NewReceiver(&Splitter{}, func(context.Context, *Batch) error { return nil })
	r.MaxRequests, r.MaxReading = 1, 4
	url := serve(t, r).URL
	slow := func() *io.PipeWriter {
		body, send := io.Pipe()
		go func() {
			resp, err := http.Post(url+"/k8s-audit", "application/json", body)
			if err == nil {
				resp.Body.Close()
			}
		}()
		if _, err := send.Write([]byte("{")); err != nil {
			t.Error(err)
		}
		return send
	}
	var clients []*io.PipeWriter
	for n := int64(1); n <= 3; n++ {
		clients = append(clients, slow())
		waitFor(t, func() bool { return r.Stats().Reading == n })
	}
	if resp, a := post(t, url, "/k8s-audit", oneEvent); resp.StatusCode != http.StatusOK {
		t.Errorf("beside slow clients: status %d, %+v", resp.StatusCode, a)
	}
	clients = append(clients, slow())
	waitFor(t, func() bool { return r.Stats().Reading == 4 })
	if resp, a := post(t, url, "/k8s-audit", oneEvent); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.Error, "arriving") {
		t.Errorf("too many slow clients: status %d, %+v", resp.StatusCode, a)
	}
	for _, c := range clients {
		c.Close()
	}
	waitFor(t, func() bool { return r.Stats().Reading == 0 })
}

// waitFor polls until ok, for a minute at most.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not happen within a minute")
		}
	}
}

// endless gives n bytes that look like a list of events.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	if e.n <= 0 {
		return 0, io.EOF
	}
	n := min(e.n, len(p))
	for i := range n {
		p[i] = ' '
	}
	e.n -= n
	return n, nil
}

// TestHugeBody sends 100 MB against a limit of 1 MB, with and without announcing the length.
func TestHugeBody(t *testing.T) {
	r := NewReceiver(&Splitter{}, accept)
	r.MaxBody = 1 << 20
	for _, announced := range []int64{-1, 100_000_000} {
		req := httptest.NewRequest(http.MethodPost, "/k8s-audit", &endless{100_000_000})
		req.ContentLength = announced
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r.ServeHTTP(w, req)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; w.Code != 413 || used > 4<<20 {
			t.Errorf("announced %d: status %d, %d bytes of memory", announced, w.Code, used)
		}
	}
	// A length that is announced and does not come takes no memory.
	req := httptest.NewRequest(http.MethodPost, "/k8s-audit", strings.NewReader(oneEvent))
	req.ContentLength = 900_000
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	if s := r.Stats(); w.Code != 200 || s.InFlightBytes != 0 {
		t.Errorf("status %d, %d bytes in flight", w.Code, s.InFlightBytes)
	}
}

// TestSlowClient announces a body and sends half of it: the answer comes in time, and the connection is closed.
func TestSlowClient(t *testing.T) {
	r := NewReceiver(&Splitter{}, accept)
	r.BodyTimeout = 50 * time.Millisecond
	server := serve(t, r)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /k8s-audit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n%s", oneEvent)
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusRequestTimeout || !resp.Close || !bytes.Contains(text, []byte("within 50ms")) {
		t.Errorf("status %d, close %v, %s, %v", resp.StatusCode, resp.Close, text, err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("the connection is open")
	}
	// A client that goes away in the middle, within its time, is counted as a bad request.
	r = NewReceiver(&Splitter{}, accept)
	conn, err = net.Dial("tcp", serve(t, r).Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /k8s-audit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
	conn.Close()
	waitFor(t, func() bool { return r.Stats().Requests[400] == 1 && r.Stats().InFlight == 0 })
}

// TestDeepBody posts brackets without end.
func TestDeepBody(t *testing.T) {
	r := NewReceiver(&Splitter{}, accept)
	url := serve(t, r).URL
	for _, body := range []string{strings.Repeat("[", 1<<20), `{"kind":"Event","requestObject":` + strings.Repeat(`{"a":`, 1<<20)} {
		resp, a := post(t, url, "/k8s-audit", body)
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(a.Error, "nested deeper") {
			t.Errorf("status %d, %+v", resp.StatusCode, a)
		}
	}
}

func BenchmarkReceiver(b *testing.B) {
	body, events := benchBody(b)
	r := NewReceiver(&Splitter{}, accept)
	req := httptest.NewRequest(http.MethodPost, "/k8s-audit", nil)
	req.Header.Set("Content-Type", "application/json")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		w := httptest.NewRecorder()
		if r.ServeHTTP(w, req); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// TestLongEventAlone takes an event that is longer than all bodies together may be, when there is no other.
func TestLongEventAlone(t *testing.T) {
	r := NewReceiver(&Splitter{MaxEvent: 3 << 20}, accept)
	r.MaxBytes, r.whole = 1<<20, 100_000
	url := serve(t, r).URL
	body := strings.TrimSuffix(oneEvent, "}") + `,"requestObject":"` + strings.Repeat("x", 2<<20) + `"}`
	if resp, a := post(t, url, "/k8s-audit", body); resp.StatusCode != http.StatusOK || a.Accepted != 1 || r.Stats().Trimmed != 0 {
		t.Errorf("status %d, %+v", resp.StatusCode, a)
	}
	waitFor(t, func() bool { return r.Stats().InFlightBytes == 0 })
}

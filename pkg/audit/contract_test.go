package audit

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// listener serves a receiver and keeps the ids of the events that it evaluates.
type listener struct {
	r      *Receiver
	server *httptest.Server

	mu  sync.Mutex
	ids []string
}

func newListener(t *testing.T, s *Splitter) *listener {
	t.Helper()
	l := &listener{}
	l.r = NewReceiver(s, func(_ context.Context, b *Batch) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		for e := range b.All() {
			r := e.Data.(*Record)
			id, _ := r.text(r.at[auditID])
			l.ids = append(l.ids, strings.Clone(id))
		}
		return nil
	})
	l.server = serve(t, l.r)
	return l
}

// take gives the ids since the last call.
func (l *listener) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := l.ids
	l.ids = nil
	return ids
}

// TestContract sends what Falco's plugin is known to be sent, W01 to W26 of the cases of the language. Where Falco says
// 200 to what it cannot evaluate, this receiver says what is wrong and where, so that the sender's own counters of errors
// show it; and it evaluates what Falco leaves out: the good elements of an array (W05), bodies and events of any length
// (W19 to W21).
func TestContract(t *testing.T) {
	ev := line
	list := func(items ...string) string {
		return `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[` + strings.Join(items, ",") + `]}`
	}
	noTime := `{"kind":"Event","auditID":"c2"}`
	long := strings.TrimSuffix(ev("g2"), "}") + `,"requestObject":{"x":"` + strings.Repeat("x", 3000) + `"}}`
	stuffed := strings.Replace(long, `"kind"`, `"userAgent":"`+strings.Repeat("y", 3000)+`","kind"`, 1)
	wide := strings.Replace(ev("big"), `"kind"`, `"userAgent":"`+strings.Repeat("y", 1800)+`","kind"`, 1)
	const ok, bad = http.StatusOK, http.StatusBadRequest
	cases := []struct {
		id, method, path, kind, body string
		code                         int
		events                       []string
		rejected                     int
		says                         string
	}{
		{id: "W01 event", body: ev("s1"), code: ok, events: []string{"s1"}},
		{id: "W02 list", body: list(ev("l1"), ev("l2")), code: ok, events: []string{"l1", "l2"}},
		{id: "W03 array", body: "[" + ev("a1") + "," + ev("a2") + "]", code: ok, events: []string{"a1", "a2"}},
		{id: "W04 nested array", body: "[[" + ev("n1") + "]," + ev("n2") + "]", code: ok, events: []string{"n1", "n2"}},
		{id: "W05 array with another kind", body: "[" + ev("b1") + `,{"kind":"Pod"},` + ev("b2") + "]", code: ok, events: []string{"b1", "b2"}, rejected: 1},
		{id: "W06 item without stageTimestamp", body: list(ev("c1"), noTime, ev("c3")), code: ok, events: []string{"c1", "c3"}, rejected: 1},
		{id: "W07 kind of an item", body: list(ev("d1"), strings.Replace(ev("d3"), "Event", "Other", 1)), code: ok, events: []string{"d1", "d3"}},
		{id: "W08 no kind", body: `{"auditID":"x","stageTimestamp":"2024-01-01T00:00:00Z"}`, code: bad, rejected: 1, says: "kind is neither"},
		{id: "W09 no stageTimestamp", body: noTime, code: bad, rejected: 1, says: "no stageTimestamp"},
		{id: "W10 truncated", body: ev("x")[:40], code: bad, says: "the text ends"},
		{id: "W11 two documents", body: ev("x") + "\n" + ev("y"), code: bad, says: "line 2, column 1"},
		{id: "W12 empty", code: bad, says: "empty"},
		{id: "W13 GET", method: http.MethodGet, code: http.StatusMethodNotAllowed, says: "POST only"},
		{id: "W14 PUT", method: http.MethodPut, body: ev("x"), code: http.StatusMethodNotAllowed, says: "POST only"},
		{id: "W15 text/plain", kind: "text/plain", body: ev("x"), code: http.StatusUnsupportedMediaType, says: `"text/plain"`},
		{id: "W15 no type", kind: "-", body: ev("x"), code: http.StatusUnsupportedMediaType, says: `""`},
		{id: "W16 charset", kind: "application/json; charset=utf-8", body: ev("cs"), code: ok, events: []string{"cs"}},
		{id: "W17 other path", path: "/audit", body: ev("x"), code: http.StatusNotFound, says: "/k8s-audit/CLUSTER"},
		{id: "W17 trailing slash", path: "/k8s-audit/", body: ev("x"), code: http.StatusNotFound, says: "ends with a slash"},
		{id: "W18 query", path: "/k8s-audit?timeout=30s", body: ev("q"), code: ok, events: []string{"q"}},
		{id: "W19 body over Falco's limit", body: list(strings.Repeat(wide+",", 7000) + ev("last")), code: ok, events: append(slices.Repeat([]string{"big"}, 7000), "last")},
		{id: "W20 event over the limit", body: long, code: ok, events: []string{"g2"}},
		{id: "W20 event that stays over the limit", body: stuffed, code: bad, rejected: 1, says: "too long"},
		{id: "W21 items over the limit", body: list(ev("g1"), long, stuffed, ev("g3")), code: ok, events: []string{"g1", "g2", "g3"}, rejected: 1},
		{id: "W22 no auditID", body: strings.Replace(ev(""), `"auditID":"",`, "", 1), code: ok, events: []string{""}},
		{id: "W23 lower-case kind", body: strings.Replace(ev("x"), "Event", "event", 1), code: bad, rejected: 1, says: "kind is neither"},
		{id: "W24 bad stageTimestamp", body: strings.Replace(ev("x"), "2024-01-01T", "yesterday ", 1), code: bad, rejected: 1, says: "not an RFC 3339 time"},
		{id: "W25 list in a list", body: list(list(ev("x"))), code: ok, rejected: 1},
		{id: "W26 null", body: "null", code: bad, rejected: 1, says: "not a JSON object"},
		{id: "W26 number", body: "12", code: bad, rejected: 1, says: "not a JSON object"},
	}
	l := newListener(t, &Splitter{MaxEvent: 2000})
	sent := map[int]uint64{}
	var events, rejected uint64
	for _, c := range cases {
		t.Run(c.id, func(t *testing.T) {
			method, path, kind := c.method, c.path, c.kind
			if method == "" {
				method = http.MethodPost
			}
			if path == "" {
				path = "/k8s-audit"
			}
			req, err := http.NewRequestWithContext(t.Context(), method, l.server.URL+path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			switch kind {
			case "":
				req.Header.Set("Content-Type", "application/json")
			case "-":
			default:
				req.Header.Set("Content-Type", kind)
			}
			resp, a := do(t, req)
			got := l.take()
			if resp.StatusCode != c.code || a.Rejected != c.rejected || a.Accepted != len(c.events) || !strings.Contains(a.Error, c.says) || (c.says == "") != (a.Error == "") {
				t.Errorf("status %d, want %d; %+v", resp.StatusCode, c.code, a)
			}
			if !slices.Equal(got, c.events) {
				t.Errorf("%d events were evaluated, want %d: %.200q", len(got), len(c.events), got)
			}
			sent[c.code]++
			events += uint64(len(c.events))
			rejected += uint64(c.rejected)
		})
	}
	l.account(t, sent, events, rejected)
}

// account compares the counters with what was sent: each request, event and item is in exactly one of them.
func (l *listener) account(t *testing.T, sent map[int]uint64, events, rejected uint64) {
	t.Helper()
	waitFor(t, func() bool { s := l.r.Stats(); return s.InFlight == 0 && s.Reading == 0 && s.InFlightBytes == 0 })
	s := l.r.Stats()
	got := map[int]uint64{}
	for code, n := range s.Requests {
		if n > 0 {
			got[code] = n
		}
	}
	if d := cmp.Diff(sent, got); d != "" {
		t.Errorf("requests by status differ (-sent +counted):\n%s", d)
	}
	var sum, lags uint64
	for _, n := range s.Rejected {
		sum += n
	}
	for _, n := range s.Lag.Counts {
		lags += n
	}
	if s.Events+s.Duplicates != events || sum != rejected || lags != events {
		t.Errorf("%d events, %d duplicates and %d lags, %d were sent; %d items rejected, want %d", s.Events, s.Duplicates, lags, events, sum, rejected)
	}
	var total Sender
	for _, from := range s.Senders {
		total.Events += from.Events
		total.Duplicates += from.Duplicates
		total.Rejected += from.Rejected
		total.Trimmed += from.Trimmed
	}
	if total.Events != s.Events || total.Duplicates != s.Duplicates || total.Rejected != sum || total.Trimmed != s.Trimmed {
		t.Errorf("all senders together: %+v, the receiver: %+v", total, s)
	}
}

// TestTexts sends texts that are unusual, and looks at what is evaluated of them.
func TestTexts(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200)
	cases := []struct {
		name, body string
		code       int
		ids        []string
		rejected   int
		says       string
	}{
		{"invalid UTF-8 is evaluated as it is", line("a\xff\xc3(\xed\xa0\x80"), 200, []string{"a\xff\xc3(\xed\xa0\x80"}, 0, ""},
		{"half a surrogate pair is U+FFFD", line(`\ud800x\udc00`), 200, []string{"\ufffdx\ufffd"}, 0, ""},
		{"an escaped NUL is a NUL", line(`a\u0000b`), 200, []string{"a\x00b"}, 0, ""},
		{"a raw NUL is no JSON", line("a\x00b"), 400, nil, 0, "control character 0x00"},
		{"a NUL between tokens is no JSON", "[1,\x00]", 400, nil, 0, "byte 0x00"},
		{"byte order mark", "\ufeff" + line("bom"), 200, []string{"bom"}, 0, ""},
		{"two byte order marks", "\ufeff\ufeff" + line("bom"), 400, nil, 0, "byte 0xef"},
		{"UTF-16 with mark", "\xff\xfe[\x00]\x00", 400, nil, 0, "not UTF-8"},
		{"UTF-16 without mark", "\x00[\x00]", 400, nil, 0, "not UTF-8"},
		{"the last of two members counts", strings.Replace(line("first"), `"stage`, `"auditID":"last","stage`, 1), 200, []string{"last"}, 0, ""},
		{"a huge exponent", strings.Replace(line("e"), `"stage`, `"code":5E5555,"stage`, 1), 200, []string{"e"}, 0, ""},
		{"a huge exponent alone", "5E5555", 400, nil, 1, "not a JSON object"},
		{"kind 0", `{"kind":0}`, 400, nil, 1, "kind is neither"},
		{"kind 0 in an array", `[{"kind":0},` + line("k") + "]", 200, []string{"k"}, 1, ""},
		{"200 deep", strings.Replace(line("deep"), `"stage`, `"requestObject":`+deep+`,"stage`, 1), 200, []string{"deep"}, 0, ""},
		{"10,000,000 deep", strings.Repeat("[", 10_000_000), 400, nil, 0, "nested deeper"},
		{"10,000,000 deep in an event", `{"kind":"Event","requestObject":` + strings.Repeat(`{"a":`, 2_000_000), 400, nil, 0, "nested deeper"},
		{"an event of 1 MB", strings.Replace(line("mb"), `"stage`, `"requestObject":"`+strings.Repeat("x", 1<<20)+`","stage`, 1), 200, []string{"mb"}, 0, ""},
		{"a name of 5 MB", strings.Replace(line("x"), `"stage`, `"`+strings.Repeat("x", 5<<20)+`":1,"stage`, 1), 400, nil, 1, "too long"},
		{"a string of 9 MB", `"` + strings.Repeat("x", 9<<20) + `"`, 400, nil, 1, "not a JSON object"},
		{"9 MB of spaces", strings.Repeat(" ", 9<<20), 400, nil, 0, "empty"},
		{"9 MB of spaces around an event", strings.Repeat(" ", 9<<20) + line("spaces") + strings.Repeat("\n", 9<<20), 200, []string{"spaces"}, 0, ""},
	}
	l := newListener(t, &Splitter{})
	sent := map[int]uint64{}
	var events, rejected uint64
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			resp, a := post(t, l.server.URL, "/k8s-audit", c.body)
			if got := l.take(); resp.StatusCode != c.code || a.Rejected != c.rejected || !strings.Contains(a.Error, c.says) || !slices.Equal(got, c.ids) {
				t.Errorf("status %d, %+v, events %q", resp.StatusCode, a, got)
			}
			sent[c.code]++
			events += uint64(len(c.ids))
			rejected += uint64(c.rejected)
		})
	}
	l.account(t, sent, events, rejected)
}

// TestHugeRequest sends 100 MB over a connection, with the length announced and in chunks.
func TestHugeRequest(t *testing.T) {
	item := strings.TrimSuffix(line("a"), "}") + `,"requestObject":{"data":{"x":"` + strings.Repeat("x", 250_000) + `"}}}`
	l := newListener(t, &Splitter{})
	for _, announced := range []bool{false, true} {
		body := &repeated{head: "[", item: item + ",", n: 399, tail: item + "]"}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.server.URL+"/k8s-audit/prod", io.NopCloser(body))
		if err != nil {
			t.Fatal(err)
		}
		if announced {
			req.ContentLength = int64(2 + 400*len(item) + 399)
		}
		req.Header.Set("Content-Type", "application/json")
		if resp, a := do(t, req); resp.StatusCode != http.StatusOK || a.Accepted != 400 || len(l.take()) != 400 {
			t.Errorf("announced %v: status %d, %+v", announced, resp.StatusCode, a)
		}
	}
	l.account(t, map[int]uint64{200: 2}, 800, 0)
	if s := l.r.Stats(); len(s.Senders) != 1 || s.Senders[0].Cluster != "prod" || s.Senders[0].Requests != 2 {
		t.Errorf("senders %+v", s.Senders)
	}
}

package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

// FuzzSplit compares what is taken as JSON, and where the members of events stand, with encoding/json.
func FuzzSplit(f *testing.F) {
	bodies := recorded(f)
	for _, name := range []string{"000147.json", "000169.json", "000158.json"} {
		f.Add(bodies[name])
	}
	for _, text := range []string{
		`{"items":[{"auditID":"a","stageTimestamp":"2024-01-01T00:00:00Z"}],"kind":"EventList"}`,
		`[[{"kind":"Event","stageTimestamp":"2024-01-01T00:00:00Z","stage":"x","stage":{}}],1,"",null]`,
		`{"kind":"EventList","items":[{},{"stageTimestamp":""}],"items":[]}`,
		"{\"kind\":\"Event\",\"verb\":\"\x00\"}", "[", "[]]", "",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var s Splitter
		got := 0
		err := s.Split(&Batch{}, text, func(b *Batch) error {
			got += b.Len()
			for e := range b.All() {
				checkMembers(t, e.Data.(*Record))
			}
			return nil
		})
		var bad *BodyError
		if err != nil && !errors.As(err, &bad) {
			t.Fatalf("%q: %v", text, err)
		}
		valid := json.Valid(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
		if err == nil && !valid {
			t.Fatalf("%q is accepted", text)
		}
		if err != nil && valid && bytes.HasPrefix([]byte(bad.Message), []byte("malformed JSON")) {
			t.Fatalf("%q: %v", text, err)
		}
		if err != nil && got != 0 {
			t.Fatalf("%q: %d events and %v", text, got, err)
		}
		if err != nil && (bad.Offset < 0 || bad.Offset > len(text) || bad.Line < 1 || bad.Column < 1) {
			t.Fatalf("%q: position %+v", text, bad)
		}
	})
}

// checkMembers compares the members at the top of an event with what encoding/json finds.
func checkMembers(t *testing.T, r *Record) {
	t.Helper()
	whole := r.b.doc[r.span.Start:r.span.End]
	var want map[string]json.RawMessage
	if err := json.Unmarshal([]byte(whole), &want); err != nil {
		t.Fatalf("%q: %v", whole, err)
	}
	for _, key := range []string{"auditID", "stage", "verb", "requestURI", "userAgent", "sourceIPs", "stageTimestamp", "user",
		"objectRef", "responseStatus", "annotations", "requestObject", "responseObject", "kind", "impersonatedUser"} {
		m, _ := eventGroup.find(key)
		sp := r.at[m]
		if got := r.b.doc[sp.Start:sp.End]; got != string(want[key]) {
			t.Fatalf("%q: %s is %q, want %q", whole, key, got, want[key])
		}
	}
}

// FuzzReceiver sends any body, packed or not, to any path: each request has one answer, which is counted once, and what
// is accepted is what was evaluated.
func FuzzReceiver(f *testing.F) {
	for i, text := range streamTexts() {
		f.Add([]byte(text), "/k8s-audit", "", uint16(i))
		f.Add([]byte(pack(f, text)), "/k8s-audit/prod", "gzip", uint16(i*7))
	}
	f.Add([]byte(pack(f, "["+line("a"))+pack(f, "]")), "/k8s_audit", "x-gzip", uint16(1))
	f.Add([]byte(line("a")), "//k8s-audit/%2f/..", "gzip, gzip", uint16(0))
	f.Fuzz(func(t *testing.T, body []byte, path, encoding string, whole uint16) {
		events := 0
		r := NewReceiver(&Splitter{MaxEvent: 200}, func(_ context.Context, b *Batch) error {
			events += b.Len()
			return nil
		})
		r.whole, r.MaxBody = int(whole), 1<<20
		req := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		req.URL.Path, req.ContentLength = path, -1
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Content-Encoding", encoding)
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		var a answer
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatalf("answer %q: %v", w.Body, err)
		}
		s := r.Stats()
		var requests, rejected uint64
		for _, n := range s.Requests {
			requests += n
		}
		for _, n := range s.Rejected {
			rejected += n
		}
		if requests != 1 || s.Requests[w.Code] != 1 || s.Events != uint64(events) || a.Accepted != events || uint64(a.Rejected) != rejected {
			t.Errorf("status %d, %+v, %d events, %+v", w.Code, a, events, s)
		}
		if (w.Code == http.StatusOK) != (a.Error == "") || s.InFlight != 0 || s.InFlightBytes != 0 || s.Reading != 0 || s.Streaming != 0 {
			t.Errorf("status %d, %+v, %+v", w.Code, a, s)
		}
	})
}

package audit

import (
	"bytes"
	"encoding/json"
	"errors"
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
		valid := json.Valid(text)
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

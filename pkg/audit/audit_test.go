package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// recorded gives the bodies in testdata/events, by name.
func recorded(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/events/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("recorded events: %v, %v", paths, err)
	}
	bodies := map[string][]byte{}
	for _, path := range paths {
		if bodies[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return bodies
}

type decodedList struct {
	Items []json.RawMessage
}

type outcome struct {
	Ids      []string
	Rejected map[string]int
	Trimmed  int
	Err      string
}

// splitText gives what Split makes of a text: the audit ids of the events, and what was rejected.
func splitText(t testing.TB, s *Splitter, text string) outcome {
	t.Helper()
	var got outcome
	c := Catalogue("host")
	err := s.Split(&Batch{}, []byte(text), func(b *Batch) error {
		for e := range b.All() {
			id, _ := extractText(t, c, e, "json.value[auditID]").(string)
			got.Ids = append(got.Ids, id)
		}
		for reason, n := range b.Rejected {
			if n > 0 {
				if got.Rejected == nil {
					got.Rejected = map[string]int{}
				}
				got.Rejected[Reason(reason).String()] += n
			}
		}
		got.Trimmed += b.Trimmed
		return nil
	})
	if err != nil {
		got.Err = err.Error()
	}
	return got
}

func TestSplit(t *testing.T) {
	ev := func(id string) string {
		return `{"kind":"Event","auditID":"` + id + `","stageTimestamp":"2024-01-01T00:00:00.5Z"}`
	}
	noTime := `{"kind":"Event","auditID":"x"}`
	list := func(items ...string) string {
		return `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[` + strings.Join(items, ",") + `]}`
	}
	cases := []struct {
		name, text string
		want       outcome
	}{
		{"event", ev("s1"), outcome{Ids: []string{"s1"}}},
		{"list", list(ev("l1"), ev("l2")), outcome{Ids: []string{"l1", "l2"}}},
		{"array", "[" + ev("a1") + "," + ev("a2") + "]", outcome{Ids: []string{"a1", "a2"}}},
		{"nested array", "[[" + ev("n1") + "]," + list(ev("n2")) + "]", outcome{Ids: []string{"n1", "n2"}}},
		{"array with another kind", "[" + ev("b1") + `,{"kind":"Pod"},7,` + ev("b2") + "]",
			outcome{Ids: []string{"b1", "b2"}, Rejected: map[string]int{"not_an_event": 1, "not_an_object": 1}}},
		{"item without time", list(ev("c1"), noTime, ev("c3")), outcome{Ids: []string{"c1", "c3"}, Rejected: map[string]int{"no_time": 1}}},
		{"item of another kind", list(ev("d1"), strings.Replace(ev("d2"), "Event", "Other", 1)), outcome{Ids: []string{"d1", "d2"}}},
		{"items that are no objects", list("1", "null", ev("d3"), `"x"`, "[]"), outcome{Ids: []string{"d3"}, Rejected: map[string]int{"not_an_object": 4}}},
		{"list in a list", list(list(ev("x"))), outcome{Rejected: map[string]int{"no_time": 1}}},
		{"empty list", list(), outcome{}},
		{"null list", `{"kind":"EventList","items":null}`, outcome{}},
		{"empty array", " [ ] ", outcome{}},
		{"items before kind", `{"items":[` + ev("e1") + `],"kind":"EventList"}`, outcome{Ids: []string{"e1"}}},
		{"kind with escapes", `{"kind":"\u0045ventList","items":[` + ev("e2") + `]}`, outcome{Ids: []string{"e2"}}},
		{"member name with escapes", `{"kind":"Event","audit\u0049D":"e3","stageTimestamp":"2024-01-01T00:00:00Z"}`, outcome{Ids: []string{"e3"}}},
		{"last of two members counts", `{"kind":"Pod","kind":"Event","auditID":"a","auditID":"e4","stageTimestamp":"2024-01-01T00:00:00Z"}`, outcome{Ids: []string{"e4"}}},
		{"white space", " \r\n\t{ \"kind\" : \"Event\" , \"auditID\" : \"e5\" , \"stageTimestamp\" : \"2024-01-01T00:00:00Z\" } \n", outcome{Ids: []string{"e5"}}},
		{"no kind", `{"a":1}`, outcome{Err: "the kind is neither Event nor EventList, at line 1, column 1 (byte 0)"}},
		{"lower-case kind", strings.Replace(ev("x"), "Event", "event", 1), outcome{Err: "the kind is neither Event nor EventList, at line 1, column 1 (byte 0)"}},
		{"items that are no array", `{"kind":"EventList","items":{}}`, outcome{Err: "the kind is neither Event nor EventList, at line 1, column 1 (byte 0)"}},
		{"event without time", "\n " + noTime, outcome{Err: "the event has no stageTimestamp, at line 2, column 2 (byte 2)"}},
		{"event with null time", `{"kind":"Event","stageTimestamp":null}`, outcome{Err: "the event has no stageTimestamp, at line 1, column 1 (byte 0)"}},
		{"event with bad time", `{"kind":"Event","stageTimestamp":"now"}`, outcome{Err: "the stageTimestamp is not an RFC 3339 time, at line 1, column 1 (byte 0)"}},
		{"event with a number as time", `{"kind":"Event","stageTimestamp":1}`, outcome{Err: "the stageTimestamp is not an RFC 3339 time, at line 1, column 1 (byte 0)"}},
		{"null", "null", outcome{Err: "the item is not a JSON object, at line 1, column 1 (byte 0)"}},
		{"number", "12", outcome{Err: "the item is not a JSON object, at line 1, column 1 (byte 0)"}},
		{"empty", " \n ", outcome{Err: "the text is empty, at line 2, column 2 (byte 3)"}},
		{"cut off", list(ev("x"))[:60], outcome{Err: "malformed JSON: the text ends where a value is expected, at line 1, column 61 (byte 60)"}},
		{"two documents", ev("x") + "\n" + ev("y"), outcome{Err: "malformed JSON: '{' where the end of the text is expected, at line 2, column 1 (byte 73)"}},
		{"defect in the third item", list(ev("x"), ev("y"), "\n{oops}"), outcome{Err: "malformed JSON: 'o' where a member name in quotation marks is expected, at line 2, column 2 (byte 208)"}},
		{"items twice", `{"kind":"EventList","items":[],"items":[]}`, outcome{Err: "an EventList with the member items twice, at line 1, column 40 (byte 39)"}},
		{"kind twice", `{"kind":"EventList","items":[],"kind":"Event"}`, outcome{Err: "an EventList with the member kind twice, at line 1, column 1 (byte 0)"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, splitText(t, &Splitter{}, c.text)); d != "" {
				t.Errorf("outcome differs (-want +got):\n%s", d)
			}
		})
	}
}

// TestSplitRecorded compares the events of the recorded bodies with what encoding/json makes of them, as they are and
// pretty-printed.
func TestSplitRecorded(t *testing.T) {
	c := Catalogue("host")
	for name, body := range recorded(t) {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, body, "", "\t"); err != nil {
			t.Fatal(err)
		}
		for _, text := range [][]byte{body, pretty.Bytes()} {
			var list decodedList
			if err := json.Unmarshal(text, &list); err != nil {
				t.Fatal(err)
			}
			n := 0
			err := new(Splitter).Split(&Batch{}, text, func(b *Batch) error {
				for e := range b.All() {
					compare(t, c, e, list.Items[n])
					n++
				}
				return nil
			})
			if err != nil || n != len(list.Items) {
				t.Errorf("%s: %d events of %d, error %v", name, n, len(list.Items), err)
			}
		}
	}
}

// paths are fields that are nothing but a member of the event.
var paths = map[string]string{
	"ka.auditid": "auditID", "ka.stage": "stage", "ka.verb": "verb", "ka.uri": "requestURI", "ka.useragent": "userAgent",
	"ka.user.name": "user username", "ka.user.groups": "user groups", "ka.impuser.name": "impersonatedUser username",
	"ka.target.name": "objectRef name", "ka.target.namespace": "objectRef namespace", "ka.target.resource": "objectRef resource",
	"ka.target.subresource": "objectRef subresource", "ka.response.code": "responseStatus code",
	"ka.response.reason": "responseStatus reason", "ka.auth.decision": "annotations authorization.k8s.io/decision",
	"ka.auth.reason": "annotations authorization.k8s.io/reason", "ka.sourceips": "sourceIPs",
	"ka.req.binding.subjects": "requestObject subjects", "ka.req.binding.role": "requestObject roleRef name",
	"ka.req.configmap.obj": "requestObject data", "ka.req.role.rules": "requestObject rules",
	"ka.req.service.type": "requestObject spec type", "ka.req.pod.host_network": "requestObject spec hostNetwork",
	"ka.req.pod.host_pid": "requestObject spec hostPID", "ka.req.pod.run_as_user": "requestObject spec securityContext runAsUser",
	"ka.resp.name":               "responseObject metadata name",
	"json.value[stageTimestamp]": "stageTimestamp", "json.value[/objectRef/apiGroup]": "objectRef apiGroup",
	"jevt.value[requestObject/metadata/labels]": "requestObject metadata labels", "json.value[/responseObject]": "responseObject",
	"json.value[/annotations/authorization.k8s.io~1reason]": "annotations authorization.k8s.io/reason",
}

// compare compares fields of an event with what encoding/json finds in the item that it was made from.
func compare(t *testing.T, c *field.Catalogue, e *event.Event, item json.RawMessage) {
	t.Helper()
	objects := map[string]map[string]json.RawMessage{}
	open := func(path string, value json.RawMessage) map[string]json.RawMessage {
		object, ok := objects[path]
		if !ok && json.Unmarshal(value, &object) != nil {
			object = nil
		}
		objects[path] = object
		return object
	}
	for spec, path := range paths {
		var want any
		at := item
		for i, key := range strings.Fields(path) {
			at = open(strings.Join(strings.Fields(path)[:i], " "), at)[key]
		}
		if at != nil && string(at) != "null" {
			want = textOf(t, at)
			var array []json.RawMessage
			if f, _, _ := c.Lookup(spec); f != nil && f.List {
				if err := json.Unmarshal(at, &array); err != nil {
					t.Fatal(err)
				}
				texts := []string{}
				for _, element := range array {
					texts = append(texts, textOf(t, element))
				}
				want = texts
			}
		}
		if d := cmp.Diff(want, extractText(t, c, e, spec)); d != "" {
			t.Errorf("%s differs (-want +got):\n%s", spec, d)
		}
	}
}

func textOf(t *testing.T, value json.RawMessage) string {
	t.Helper()
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var out bytes.Buffer
	if err := json.Compact(&out, value); err != nil {
		t.Fatal(err)
	}
	return stringLiteral.ReplaceAllStringFunc(out.String(), func(raw string) string {
		var text string
		if err := json.Unmarshal([]byte(raw), &text); err != nil {
			t.Fatal(err)
		}
		var spelled strings.Builder
		encoder := json.NewEncoder(&spelled)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(text); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(spelled.String())
	})
}

// stringLiteral matches the strings of a JSON text.
var stringLiteral = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// TestPrefixes cuts a real body at every place: each part but the whole is refused, and nothing of it is handed over.
func TestPrefixes(t *testing.T) {
	body := bytes.TrimSpace(recorded(t)["000147.json"])
	var s Splitter
	b := &Batch{}
	for n := range body {
		err := s.Split(b, body[:n:n], func(*Batch) error {
			t.Fatalf("events of the first %d bytes were handed over", n)
			return nil
		})
		var bad *BodyError
		if !errors.As(err, &bad) || bad.Offset > n {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
}

func TestManyItems(t *testing.T) {
	const n = 10_000
	item := `{"auditID":"x","stageTimestamp":"2024-01-01T00:00:00Z"},`
	text := `{"kind":"EventList","items":[` + strings.Repeat(item+"{},", n) + "1]}"
	var s Splitter
	var calls, events, rejected, last int
	err := s.Split(&Batch{}, []byte(text), func(b *Batch) error {
		calls++
		events += b.Len()
		rejected += b.rejected()
		for e := range b.All() {
			if last++; e.Num != uint64(last) {
				t.Fatalf("event %d has number %d", last, e.Num)
			}
		}
		if len(b.Rejects) > maxRejects {
			t.Fatalf("%d rejects described", len(b.Rejects))
		}
		return nil
	})
	if err != nil || calls != 3 || events != n || rejected != n+1 {
		t.Errorf("%d calls, %d events, %d rejected, error %v", calls, events, rejected, err)
	}
	stop := errors.New("stop")
	if err := s.Split(&Batch{}, []byte(text), func(*Batch) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error of the function: %v", err)
	}
}

func TestNumbersAndStart(t *testing.T) {
	var s Splitter
	var got []string
	for _, at := range []string{"10", "05", "20"} {
		text := `[{"kind":"Event","stageTimestamp":"2024-01-01T00:00:` + at + `Z"}]`
		if err := s.Split(&Batch{}, []byte(text), func(b *Batch) error {
			for e := range b.All() {
				got = append(got, fmt.Sprint(e.Num, " ", (e.Time-e.Start)/1e9, " ", e.Source))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]string{"1 0 k8s_audit", "2 -5 k8s_audit", "3 10 k8s_audit"}, got); d != "" {
		t.Error(d)
	}
}

func TestTrimmed(t *testing.T) {
	text := `{"kind":"Event","auditID":"t","verb":"create","stageTimestamp":"2024-01-01T00:00:00Z","requestObject":{"spec":{"hostNetwork":true},"x":"` +
		strings.Repeat("x", 1000) + `"},"responseObject":{"metadata":{"name":"n"}}}`
	c := Catalogue("host")
	for limit, want := range map[int]map[string]any{
		2000: {"ka.verb": "create", "ka.req.pod.host_network": "true", "ka.resp.name": "n", "json.value[/responseObject/metadata/name]": "n", "ka.truncated": nil},
		1000: {"ka.verb": "create", "ka.req.pod.host_network": nil, "ka.resp.name": nil, "json.value[/responseObject/metadata/name]": nil, "ka.truncated": "true"},
	} {
		s := Splitter{MaxEvent: limit}
		err := s.Split(&Batch{}, []byte(text), func(b *Batch) error {
			if (b.Trimmed == 1) != (limit == 1000) {
				t.Errorf("limit %d: %d trimmed", limit, b.Trimmed)
			}
			for e := range b.All() {
				for name, value := range want {
					if d := cmp.Diff(value, extractText(t, c, e, name)); d != "" {
						t.Errorf("limit %d: %s: %s", limit, name, d)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestNoAllocation shows that a warm batch takes no memory per event.
func TestNoAllocation(t *testing.T) {
	var s Splitter
	b := &Batch{}
	for name, body := range recorded(t) {
		split := func() {
			if err := s.Split(b, body, func(*Batch) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		split()
		if n := testing.AllocsPerRun(3, split); n > 8 {
			t.Errorf("%s: %v allocations for a body", name, n)
		}
	}
}

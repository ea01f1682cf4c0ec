package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// streamed is what a stream makes of a text.
type streamed struct {
	outcome
	// Places are the offsets at which items were rejected.
	Places []int
	// Reason tells that the error is that of a single event.
	Reason bool
}

// streamText gives what a stream makes of a text that comes in reads of the given lengths, over and over, with windows
// and events of so many bytes at most.
func streamText(t testing.TB, text string, window, most int, reads []byte) streamed {
	t.Helper()
	s := stream{splitter: &Splitter{MaxEvent: most}, batch: &Batch{}, first: window, whole: window, limit: window}
	got := collect(t, func(to func(*Batch) error) error {
		s.to = to
		s.reset(&chunked{text: text, sizes: reads}, nil)
		return s.document()
	})
	return got
}

// collect gives what is handed over, and the error.
func collect(t testing.TB, run func(to func(*Batch) error) error) (got streamed) {
	t.Helper()
	c := Catalogue("host")
	err := run(func(b *Batch) error {
		for e := range b.All() {
			id, _ := extractText(t, c, e, "ka.auditid").(string)
			object, _ := extractText(t, c, e, "ka.req.configmap.obj").(string)
			cut, _ := extractText(t, c, e, "ka.truncated").(string)
			identity, _ := e.Data.(*Record).AppendIdentity(nil)
			got.Ids = append(got.Ids, fmt.Sprintf("%s %s %s %q", id, object, cut, identity))
			if cut == "true" {
				got.Ids = append(got.Ids, e.Data.(*Record).PluginInfo())
			}
		}
		for reason, n := range b.Rejected {
			if n > 0 {
				if got.Rejected == nil {
					got.Rejected = map[string]int{}
				}
				got.Rejected[Reason(reason).String()] += n
			}
		}
		for _, r := range b.Rejects {
			got.Places = append(got.Places, r.Offset)
		}
		got.Trimmed += b.Trimmed
		return nil
	})
	var bad *BodyError
	if errors.As(err, &bad) {
		got.Reason = bad.Reason != nil
	}
	if err != nil {
		got.Err = err.Error()
	}
	return got
}

// chunked gives a text in reads of the lengths in sizes, over and over.
type chunked struct {
	text  string
	sizes []byte
	n     int
}

func (c *chunked) Read(p []byte) (int, error) {
	if c.text == "" {
		return 0, io.EOF
	}
	size := len(p)
	if len(c.sizes) > 0 {
		size = int(c.sizes[c.n%len(c.sizes)])%len(p) + 1
		c.n++
	}
	n := copy(p[:min(size, len(p))], c.text)
	c.text = c.text[n:]
	return n, nil
}

// sameAsSplit compares a stream with Split: what is right gives the same, and a defect is the same and at the same place.
func sameAsSplit(t testing.TB, text string, window, most int, reads []byte) {
	t.Helper()
	want := collect(t, func(to func(*Batch) error) error {
		return (&Splitter{MaxEvent: most}).Split(&Batch{}, []byte(text), to)
	})
	got := streamText(t, text, window, most, reads)
	if len(want.Places) > len(got.Places) || maxRejects <= len(got.Places) {
		want.Places, got.Places = nil, nil // Split describes the first of a batch only, and batches differ
	}
	if want.Err != "" && !want.Reason {
		// Split hands over nothing before the defect.
		got.outcome = outcome{Err: got.Err}
		want.outcome = outcome{Err: want.Err}
		want.Places, got.Places = nil, nil
		// An object whose kind comes too late, or twice, is only found out behind its items.
		if strings.Contains(got.Err, "the items were read") || strings.Contains(want.Err, "twice") || strings.Contains(got.Err, "twice") {
			return
		}
	}
	if strings.Contains(got.Err, "the items were read") || strings.Contains(got.Err, "twice") {
		return
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(streamed{})); d != "" {
		t.Errorf("%q in windows of %d, events of %d, reads of %v differs (-split +stream):\n%s", text, window, most, reads, d)
	}
}

// streamTexts are texts with every turn that a stream takes.
func streamTexts() []string {
	ev := func(id string, more ...string) string {
		return `{"kind":"Event","auditID":"` + id + `","stageTimestamp":"2024-01-01T00:00:00Z"` + strings.Join(more, "") + "}"
	}
	big := `,"requestObject":{"data":{"a":"` + strings.Repeat(`x\"`, 100) + `"}}`
	list := func(items ...string) string {
		return `{"kind":"EventList","metadata":{"a":[1,2,{}]},"items":[` + strings.Join(items, ",\n ") + `],"apiVersion":"v1"}`
	}
	return []string{
		"", " \n", "\ufeff", "\xff\xfe{\x00", "null", "12", "222E", "-", "-0.", " 1e5 x", `"` + strings.Repeat("s", 200) + `"`, "[]", "[ ]", "{}",
		ev("a"), " " + ev("b") + "\r\n ", "\ufeff" + ev("bom"), ev("c", big), ev("d", big, `,"responseObject":{}`, big), ev("e", `,"x":"`+strings.Repeat("y", 300)+`"`),
		ev("f", `,"requestObject":{}`, big, `,"x":0`), ev("g", strings.Repeat(`,"requestObject":12`, 30)), ev("w", strings.Repeat(" ", 300)),
		list(), list(ev("a"), ev("b", big), "{}", "12345", "null", ev("c", `,"u":"`+strings.Repeat("y", 300)+`"`), `"`+strings.Repeat("s", 300)+`"`, ev("d")),
		list(list(ev("no"))), "[" + list(ev("a", big), ev("b")) + "," + ev("c") + ",[[" + ev("d", big) + "],[],[" + list(ev("e")) + `,{"kind":"Pod"},` + ev("f") + "]],7]",
		`{"items":[` + ev("a") + "," + ev("b", big) + `],"kind":"EventList"}`, `{"items":[` + ev("a") + `],"kind":"Pod"}`,
		`{"kind":"EventList","items":null,"x":"` + strings.Repeat("y", 40) + `"}`, `{"kind":"EventList","items":{},"x":"` + strings.Repeat("y", 40) + `"}`,
		`{"kind":"EventList","items":[],"items":[]}`, `{"kind":"\u0045ventList","it\u0065ms":[` + ev("a") + "]}",
		`{"items":null,"kind":"EventList","x":"` + strings.Repeat("y", 400) + `"}`, `{"kind":"Event","items":[],"kind":"EventList","x":"` + strings.Repeat("y", 400) + `"}`,
		`{"kind":"Pod","spec":"` + strings.Repeat("y", 100) + `"}`, `{"kind":"Event","stageTimestamp":"now","requestObject":"` + strings.Repeat("y", 100) + `"}`,
		list(ev("a"), ev("b"))[:150], list(ev("a"), ev("b", big))[:300], list(ev("a")) + "x", "[" + ev("a") + " " + ev("b") + "]", "[" + ev("a") + ",\n\n]",
		"[" + ev("a") + ",\n{\"x\" 1}]", list(ev("a"), ev("b", `,"x":tru`)), list(ev("a", "\n,\"requestObject\":\""+strings.Repeat("y", 200)+"\x01\"")),
		"[[[[[[" + strings.Repeat("[", 50) + "1" + strings.Repeat("]", 50) + "]]]]],-1.5e+10]", strings.Repeat("[", 300), "[1" + strings.Repeat("0", 200) + "]",
		ev("dup", `,"auditID":"last"`, big), "[" + strings.Repeat(ev("t")+",", 30) + "1]", `{"kind":"Event","auditID":"` + "\xff\xc3\x28" + `\ud800","stageTimestamp":"2024-01-01T00:00:00Z"}`,
	}
}

func TestStreamIsSplit(t *testing.T) {
	for _, text := range streamTexts() {
		for _, window := range []int{1, 64, 250} {
			for _, most := range []int{80, 400, 1 << 20} {
				sameAsSplit(t, text, window, most, []byte{byte(window), 3})
			}
		}
	}
}

// FuzzStream compares any text in any reads with Split of the whole.
func FuzzStream(f *testing.F) {
	for i, text := range streamTexts() {
		f.Add(text, uint16(i*3), uint16(i*17), []byte{byte(i), 1})
	}
	f.Fuzz(func(t *testing.T, text string, window, most uint16, reads []byte) {
		const shortest = 20 // what holds {"kind":"Event"}, by which a stream knows an event
		sameAsSplit(t, text, int(window)+1, int(most)+shortest, reads)
	})
}

// TestStreamPlaces looks at the places of what is rejected far behind the start of a text.
func TestStreamPlaces(t *testing.T) {
	item := strings.TrimSuffix(line("a"), "}") + `,"requestObject":"` + strings.Repeat("x", 1000) + `"}`
	text := `{"kind":"EventList","items":[` + strings.Repeat(item+",\n", 1000) + "{},\n" + item + ",\n oops]}"
	got := streamText(t, text, 4096, 500, nil)
	wantPlace := strings.Index(text, "\n{},") + 1
	wantErr := fmt.Sprintf("malformed JSON: 'o' where a value is expected, at line 1003, column 2 (byte %d)", strings.Index(text, "oops"))
	if len(got.Ids) != 2*1001 || got.Trimmed != 1001 || !slices.Equal(got.Places, []int{wantPlace}) || got.Err != wantErr {
		t.Errorf("%d events, %d trimmed, rejected at %v, want %d; error %q, want %q", len(got.Ids), got.Trimmed, got.Places, wantPlace, got.Err, wantErr)
	}
}

// TestStreamReader has the reader fail in the middle, and give nothing for ever.
func TestStreamReader(t *testing.T) {
	text := "[" + strings.Repeat(line("a")+",", 100)
	torn := errors.New("torn")
	for _, in := range []io.Reader{io.MultiReader(strings.NewReader(text), iotest.ErrReader(torn)), io.MultiReader(strings.NewReader(text), idle{})} {
		events := 0
		s := stream{splitter: &Splitter{}, batch: &Batch{}, first: 100, whole: 100, to: func(b *Batch) error { events += b.Len(); return nil }}
		s.splitter.MaxEvent = 100
		s.limit = 100
		s.reset(in, nil)
		if err := s.document(); !errors.Is(err, torn) && !errors.Is(err, io.ErrNoProgress) || events < 90 {
			t.Errorf("%d events, error %v", events, err)
		}
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// TestStreamedMemory posts bodies of 100 MB and 1 GB, and one that is a single event of 200 MB: the memory that is in use
// at the same time stays small.
func TestStreamedMemory(t *testing.T) {
	item := strings.TrimSuffix(line("a"), "}") + `,"requestObject":{"data":{"x":"` + strings.Repeat("x", 250_000) + `"}}}`
	head := `{"kind":"EventList","items":[`
	cases := []struct {
		name    string
		body    repeated
		events  uint64
		trimmed uint64
	}{
		{"100 MB", repeated{head: head, item: item + ",", n: 399, tail: item + "]}"}, 400, 0},
		{"one event", repeated{head: strings.TrimSuffix(line("a"), "}") + `,"requestObject":"`, item: strings.Repeat("x", 1000), n: 200_000, tail: `"}`}, 1, 1},
		{"1 GB", repeated{head: head, item: item + ",", n: 3999, tail: item + "]}"}, 4000, 0},
	}
	for _, c := range cases {
		if testing.Short() && c.events == 4000 {
			continue
		}
		var most uint64
		r := NewReceiver(&Splitter{}, accept)
		watch := &watched{in: &c.body, most: &most}
		req := httptest.NewRequest(http.MethodPost, "/k8s-audit", watch)
		req.ContentLength = -1
		req.Header.Set("Content-Type", "application/json")
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		s := r.Stats()
		if grown := int64(most) - int64(before.HeapInuse); w.Code != 200 || s.Events != c.events || s.Trimmed != c.trimmed || grown > 64<<20 {
			t.Errorf("%s: status %d %s, %d events, %d trimmed, memory grew by %d bytes", c.name, w.Code, w.Body, s.Events, s.Trimmed, grown)
		}
		if s.InFlightBytes != 0 || s.Reading != 0 || s.Streaming != 0 || s.InFlight != 0 {
			t.Errorf("%s: left in flight: %+v", c.name, s)
		}
	}
}

// watched looks at the memory in use every MB that is read.
type watched struct {
	in   io.Reader
	n    int
	most *uint64
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.in.Read(p)
	if w.n += n; w.n > 10<<20 || err != nil {
		w.n = 0
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		*w.most = max(*w.most, now.HeapInuse)
	}
	return n, err
}

// TestBrokenLate sends a long body whose end is broken, and then again whole: what was evaluated is a duplicate.
func TestBrokenLate(t *testing.T) {
	known := map[string]bool{}
	r := NewReceiver(&Splitter{MaxEvent: 10_000}, func(_ context.Context, b *Batch) error {
		for e := range b.All() {
			r := e.Data.(*Record)
			id, _ := r.text(r.at[auditID])
			if known[id] {
				b.Duplicates++
			}
			known[strings.Clone(id)] = true
		}
		return nil
	})
	r.whole = 100_000
	url := serve(t, r).URL
	var list bytes.Buffer
	list.WriteString("[")
	const n = 10_000
	for i := range n {
		list.WriteString(line(fmt.Sprint(i)) + ",\n")
	}
	list.WriteString(line("last"))
	resp, a := post(t, url, "/k8s-audit", list.String()+"?]")
	if resp.StatusCode != http.StatusBadRequest || a.Accepted != n+1 || a.Duplicates != 0 || a.Line != n+1 || *a.Offset != list.Len() {
		t.Errorf("status %d, %+v; the defect is at byte %d", resp.StatusCode, a, list.Len())
	}
	resp, a = post(t, url, "/k8s-audit", list.String()+"]")
	if resp.StatusCode != http.StatusOK || a.Accepted != 0 || a.Duplicates != n+1 {
		t.Errorf("again: status %d, %+v", resp.StatusCode, a)
	}
	if s := r.Stats(); s.Events != n+1 || s.Duplicates != n+1 || s.Requests[400] != 1 || s.Requests[200] != 1 {
		t.Errorf("%+v", s)
	}
}

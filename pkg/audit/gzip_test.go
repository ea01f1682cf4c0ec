package audit

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// pack packs texts, each as a member of one gzip stream.
func pack(t testing.TB, texts ...string) string {
	t.Helper()
	var out bytes.Buffer
	for _, text := range texts {
		w := gzip.NewWriter(&out)
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func TestPacked(t *testing.T) {
	list := "[" + strings.Repeat(line("a")+",", 999) + line("z") + "]"
	long := "[" + strings.Repeat(line("a")+",\n", 9_999) + line("z") + "]"
	packedList := pack(t, list)
	corrupt := []byte(packedList)
	corrupt[len(corrupt)/2] ^= 0xff
	wrongSum := []byte(packedList)
	wrongSum[len(wrongSum)-6] ^= 0xff
	spaces := pack(t, strings.Repeat(" ", 70<<20))
	cases := []struct {
		name, body string
		encoding   []string
		code       int
		accepted   int
		says       string
	}{
		{"gzip", packedList, []string{"gzip"}, 200, 1000, ""},
		{"other letters", packedList, []string{"GZip"}, 200, 1000, ""},
		{"old name", packedList, []string{"x-gzip"}, 200, 1000, ""},
		{"several members", pack(t, list[:1000], list[1000:5000], "", list[5000:]), []string{"gzip"}, 200, 1000, ""},
		{"long", pack(t, long), []string{"gzip"}, 200, 10_000, ""},
		{"identity", list, []string{"identity"}, 200, 1000, ""},
		{"nothing", "", []string{"gzip"}, 400, 0, "empty"},
		{"nothing in it", pack(t, ""), []string{"gzip"}, 400, 0, "empty"},
		{"not packed", list, []string{"gzip"}, 400, 0, "unpack the body"},
		{"header only", packedList[:8], []string{"gzip"}, 400, 0, "ends before its gzip stream does"},
		{"truncated", packedList[:len(packedList)/2], []string{"gzip"}, 400, 0, "ends before its gzip stream does"},
		{"without sum", packedList[:len(packedList)-8], []string{"gzip"}, 400, 0, "ends before its gzip stream does"},
		{"corrupt", string(corrupt), []string{"gzip"}, 400, 0, "unpack the body"},
		{"wrong sum", string(wrongSum), []string{"gzip"}, 400, 0, "unpack the body"},
		{"text behind it", packedList + "hello", []string{"gzip"}, 400, 0, "unpack the body"},
		{"a defect at its end", pack(t, list+"x"), []string{"gzip"}, 400, 0, "'x' where the end of the text"},
		{"spaces", spaces, []string{"gzip"}, 400, 0, "empty"},
		{"twice", pack(t, packedList), []string{"gzip, gzip"}, 415, 0, "must be gzip or none"},
		{"two headers", pack(t, packedList), []string{"gzip", "gzip"}, 415, 0, "must be gzip or none"},
		{"other", list, []string{"zstd"}, 415, 0, "must be gzip or none"},
		{"unknown", list, []string{strings.Repeat("x", 1000)}, 415, 0, "must be gzip or none"},
	}
	l := newListener(t, &Splitter{MaxEvent: 10_000})
	l.r.whole = 100_000
	sent := map[int]uint64{}
	var events uint64
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.server.URL+"/k8s-audit", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header["Content-Encoding"] = c.encoding
			req.Header.Set("Content-Type", "application/json")
			resp, a := do(t, req)
			if got := l.take(); resp.StatusCode != c.code || a.Accepted != c.accepted || len(got) != c.accepted || !strings.Contains(a.Error, c.says) {
				t.Errorf("status %d, %+v, %d events", resp.StatusCode, a, len(got))
			}
			if resp.StatusCode == http.StatusUnsupportedMediaType && resp.Header.Get("Accept-Encoding") != "gzip" {
				t.Error("the answer does not say what is accepted")
			}
			sent[c.code]++
			events += uint64(c.accepted)
		})
	}
	l.account(t, sent, events, 0)
}

// TestPackedLimit unpacks more than a body may be long, with little and with much in it.
func TestPackedLimit(t *testing.T) {
	l := newListener(t, &Splitter{})
	l.r.MaxBody = 10 << 20
	body := pack(t, "["+strings.Repeat(line("a")+",\n", 1000), strings.Repeat(" ", 11<<20))
	resp, a := post(t, l.server.URL, "/k8s-audit", body, "Content-Encoding", "gzip")
	if resp.StatusCode != http.StatusRequestEntityTooLarge || a.Accepted != len(l.take()) || !strings.Contains(a.Error, "longer than 10485760 bytes") {
		t.Errorf("status %d, %+v", resp.StatusCode, a)
	}
	l.account(t, map[int]uint64{413: 1}, uint64(a.Accepted), 0)
}

// TestPackedTightly sends a list of long events that gzip packs a thousand times, as whoever may make objects can bring
// about. It is evaluated like every other one, in little memory: were it refused, its events would be lost.
func TestPackedTightly(t *testing.T) {
	const events, most = 100, 16 << 20
	long := strings.TrimSuffix(line("l"), "}") + `,"requestObject":{"data":"` + strings.Repeat("a", 1<<20) + `"}}`
	body := pack(t, "["+strings.Repeat(long+",", events-1)+long+"]")
	if ratio := events * len(long) / len(body); ratio < 500 {
		t.Fatalf("packed only %d times", ratio)
	}
	l := newListener(t, &Splitter{})
	var peak atomic.Int64
	evaluate := l.r.Evaluate
	l.r.Evaluate = func(ctx context.Context, b *Batch) error {
		peak.Store(max(peak.Load(), l.r.Stats().InFlightBytes))
		return evaluate(ctx, b)
	}
	resp, a := post(t, l.server.URL, "/k8s-audit", body, "Content-Encoding", "gzip")
	if resp.StatusCode != http.StatusOK || a.Accepted != events || len(l.take()) != events {
		t.Errorf("status %d, %+v", resp.StatusCode, a)
	}
	if got := peak.Load(); got == 0 || got > most {
		t.Errorf("%d bytes of memory", got)
	}
	l.account(t, map[int]uint64{200: 1}, events, 0)
}

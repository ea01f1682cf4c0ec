package audit

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestShare has one sender take what it can with bodies that do not end. Alone it gets all; when there is another one, it
// gets half, and the other one is served. Of nothing anything stays when all have gone.
func TestShare(t *testing.T) {
	for name, c := range map[string]struct {
		limits      func(*Receiver)
		begin       string
		alone, half int
		says        string
	}{
		"arriving": {func(r *Receiver) { r.MaxReading = 6 }, "[", 6, 3, "half of the requests"},
		"bytes":    {func(r *Receiver) { r.MaxBytes = 6 * firstBody }, "[", 6, 3, "half of the bytes"},
		"streams":  {func(r *Receiver) { r.MaxStreams, r.whole = 4, 1000 }, "[" + strings.Repeat(line("s")+",", 100), 4, 2, "half of the long bodies"},
		"one":      {func(r *Receiver) { r.MaxStreams, r.whole = 1, 1000 }, "[" + strings.Repeat(line("s")+",", 100), 1, 1, tooManyStreams},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReceiver(&Splitter{MaxEvent: 10_000}, accept)
			c.limits(r)
			// ask sends a body from an address; one that does not end is not waited for.
			ask := func(address string, body io.Reader) *httptest.ResponseRecorder {
				req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/k8s-audit", body)
				req.RemoteAddr = address + ":1"
				req.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				r.ServeHTTP(w, req)
				return w
			}
			hold := func(n int) (leave func()) {
				var all sync.WaitGroup
				var ends []*io.PipeWriter
				for range n {
					in, out := io.Pipe()
					ends = append(ends, out)
					all.Go(func() { ask("192.0.2.1", in) })
					if _, err := io.WriteString(out, c.begin); err != nil {
						t.Fatal(err)
					}
				}
				waitFor(t, func() bool {
					s := r.Stats()
					return s.Reading == int64(n) && (len(c.begin) < 1000 || s.Streaming == int64(n))
				})
				return func() {
					for _, end := range ends {
						_ = end.CloseWithError(io.ErrUnexpectedEOF)
					}
					all.Wait()
				}
			}
			another := c.begin + line("o") + "]"
			leave := hold(c.alone)
			if w := ask("192.0.2.2", strings.NewReader(another)); w.Code != http.StatusServiceUnavailable {
				t.Errorf("all is taken: %d %s", w.Code, w.Body)
			}
			leave()
			leave = hold(c.half)
			if w := ask("192.0.2.1", strings.NewReader(another)); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), c.says) || w.Header().Get("Retry-After") == "" {
				t.Errorf("more than half: %d %s", w.Code, w.Body)
			}
			if w := ask("192.0.2.2", strings.NewReader(another)); (w.Code == http.StatusOK) != (c.half < c.alone) {
				t.Errorf("the other one: %d %s", w.Code, w.Body)
			}
			leave()
			if s := r.Stats(); s.Reading+s.Streaming+s.InFlightBytes != 0 || len(r.counters.shares.by) != 0 {
				t.Errorf("%+v, %v", s, r.counters.shares.by)
			}
		})
	}
}

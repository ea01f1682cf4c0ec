package audit

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sendAs has a receiver take a body from a sender.
func sendAs(t *testing.T, r *Receiver, address, agent, cluster, body string) {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, "/k8s-audit"+cluster, strings.NewReader(body))
	req.RemoteAddr = address
	req.Header.Set("User-Agent", agent)
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	if r.ServeHTTP(w, req); w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
}

// aged is an event whose stage was so long ago.
func aged(ago time.Duration) string {
	return `{"kind":"Event","stageTimestamp":"` + time.Now().Add(-ago).UTC().Format(time.RFC3339Nano) + `"}`
}

func TestSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewReceiver(&Splitter{}, func(_ context.Context, b *Batch) error {
			b.Duplicates = b.Len() / 2
			return nil
		})
		sendAs(t, r, "10.0.0.1:1000", "kube-apiserver", "/prod", "["+aged(time.Second)+","+aged(3*time.Second)+",{}]")
		sendAs(t, r, "10.0.0.1:2000", "kube-apiserver", "/prod", aged(2*time.Second))
		sendAs(t, r, "[::ffff:10.0.0.2]:1000", strings.Repeat("x", 300), "", aged(-time.Hour))
		began := time.Now()
		first := Sender{
			Cluster: "prod", Address: "10.0.0.1", UserAgent: "kube-apiserver", Requests: 2, Events: 2, Duplicates: 1, Rejected: 1,
			Arrival: began, Stage: began.Add(-2 * time.Second), Lag: 2 * time.Second, MaxLag: 3 * time.Second, MeanLag: 2 * time.Second,
		}
		second := Sender{Address: "10.0.0.2", UserAgent: strings.Repeat("x", maxName), Requests: 1, Events: 1, Arrival: began, Stage: began.Add(time.Hour)}
		near := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
		if d := cmp.Diff([]Sender{first, second}, r.Stats().Senders, near); d != "" {
			t.Errorf("senders differ (-want +got):\n%s", d)
		}
		// What is older than the last minutes is in the histogram only.
		time.Sleep(lagMinutes * time.Minute)
		first.MaxLag, first.MeanLag = 0, 0
		if d := cmp.Diff([]Sender{first, second}, r.Stats().Senders, near); d != "" {
			t.Errorf("later, senders differ (-want +got):\n%s", d)
		}
		sendAs(t, r, "10.0.0.1:1", "kube-apiserver", "/prod", "["+aged(time.Hour)+","+aged(time.Minute)+"]")
		if s := r.Stats().Senders[0]; s.MaxLag != time.Hour || s.MeanLag != time.Hour/2+time.Minute/2 || s.Lag != time.Minute {
			t.Errorf("%+v", s)
		}
		want := Lag{Bounds: []float64{0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800}, Counts: []uint64{1, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 1}, Sum: 1 + 3 + 2 + 3600 + 60}
		if d := cmp.Diff(want, r.Stats().Lag); d != "" {
			t.Errorf("lag differs (-want +got):\n%s", d)
		}
	})
}

// TestCrowd has one sender that is let in use ever new names and clusters: it takes the places of its own, and those of
// real ones that send are kept. One that is silent for long gives its place to anybody.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewReceiver(&Splitter{}, accept)
		const real = 40
		sendReal := func() {
			for i := range real {
				sendAs(t, r, fmt.Sprintf("10.0.0.%d:1", i), "kube-apiserver", "/prod", aged(time.Second))
			}
		}
		count := func(agent string) (n int, events uint64) {
			for _, s := range r.Stats().Senders {
				if s.UserAgent == agent {
					n, events = n+1, events+s.Events
				}
			}
			return n, events
		}
		sendReal()
		for i := range 20 * maxSenders {
			sendAs(t, r, "10.9.9.9:1", fmt.Sprintf("agent %d", i), fmt.Sprintf("/c%d", i), aged(time.Second))
		}
		sendReal()
		if n, events := count("kube-apiserver"); n != real || events != 2*real {
			t.Errorf("%d of %d senders are told apart, with %d events", n, real, events)
		}
		if _, events := count(fmt.Sprintf("agent %d", 20*maxSenders-1)); events != 1 {
			t.Error("the newest of the crowd is not told")
		}
		// Idle ones give way.
		time.Sleep(idleSender + time.Minute)
		for i := range real {
			sendAs(t, r, fmt.Sprintf("10.1.0.%d:1", i), "new", "", aged(time.Second))
		}
		if n, events := count("new"); n != real || events != real {
			t.Errorf("%d of %d new senders are told apart, with %d events", n, real, events)
		}
		if got := r.Stats().Senders; len(got) != maxSenders+1 {
			t.Errorf("%d senders", len(got))
		}
	})
}

// TestManySenders sends from more senders than are told apart: those that were silent for the longest time are summed.
func TestManySenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewReceiver(&Splitter{}, accept)
		const n = 3 * maxSenders
		for i := range n {
			sendAs(t, r, "10.0.0.1:1", "a", "", aged(time.Second)) // is heard of all the time
			sendAs(t, r, fmt.Sprintf("10.1.0.%d:1", i), "b", "", aged(time.Second))
			time.Sleep(time.Second)
		}
		got := r.Stats().Senders
		if len(got) != maxSenders+1 || got[0].Address != "10.0.0.1" || got[0].Events != n {
			t.Fatalf("%d senders, the first is %+v", len(got), got[0])
		}
		other := got[maxSenders]
		if other.Address != "other" || other.Events != n-maxSenders+1 || other.Requests != other.Events || other.Arrival.IsZero() || other.MaxLag != time.Second {
			t.Errorf("the others: %+v", other)
		}
	})
}

// TestSlowBody has a body of a streamed length come in time, a MiB at a time, and then stop: only that is too slow.
func TestSlowBody(t *testing.T) {
	r := NewReceiver(&Splitter{}, accept)
	b := body{r: r, control: http.NewResponseController(httptest.NewRecorder()), raw: &repeated{item: strings.Repeat("x", 1000), n: 5000}}
	armed := 0
	last := int64(-1)
	buf := make([]byte, 4096)
	for {
		_, err := b.Read(buf)
		if b.due != last {
			last, armed = b.due, armed+1
		}
		if err != nil {
			break
		}
	}
	if want := 1 + 5_000_000/timed; armed != want {
		t.Errorf("the time limit was set %d times, want %d", armed, want)
	}
}

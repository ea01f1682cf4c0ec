package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/event"
)

// plain is an event with an id, and whatever else.
func plain(id, more string) string {
	return `{"level":"Metadata","auditID":"` + id + `","stage":"ResponseComplete","stageTimestamp":"2024-01-01T00:00:00Z"` + more + `}`
}

// inCluster makes the one event of a text, sent by a cluster.
func inCluster(t testing.TB, cluster, text string) *event.Event {
	t.Helper()
	if strings.HasPrefix(text, `{"level"`) {
		text = `{"kind":"EventList","items":[` + text + `]}`
	}
	e := splitOne(t, []byte(text))
	e.Data.(*Record).b.Cluster = cluster
	return e
}

func begin(t testing.TB, w *Window, e *event.Event, want State) Claim {
	t.Helper()
	c, got := w.Begin(e)
	if got != want {
		t.Fatalf("%s: the event is %v, want %v", e.Data.(*Record).content(), got, want)
	}
	return c
}

// TestIdentity: what makes an event the same, in the Window and in the id of an alert.
func TestIdentity(t *testing.T) {
	base := plain("a", `,"user":{"username":"u v"},"kind":"Event"`)
	whole := strings.TrimSuffix(strings.TrimPrefix(base, "{"), "}")
	cases := []struct {
		name, cluster, text string
		same                bool
	}{
		{"the same text", "", base, true},
		{"a line of a log file", "", `{"kind":"Event","apiVersion":"audit.k8s.io/v1",` + whole + `}`, true},
		{"the members of a line in another order", "", `{"apiVersion":"audit.k8s.io/v1","kind":"Event",` + whole + `}`, true},
		{"white space", "", " { \"kind\" : \"Event\" ,\n" + strings.ReplaceAll(strings.ReplaceAll(whole, `,"`, " ,\t\""), `":`, "\" :  ") + "\r\n}\n", true},
		{"white space in a string", "", strings.Replace(base, "u v", "u  v", 1), false},
		{"a kind at another place", "", strings.Replace(base, `,"kind":"Event"`, "", 1), false},
		{"another stage", "", strings.Replace(base, "ResponseComplete", "RequestReceived", 1), false},
		{"another id", "", strings.Replace(base, `"a"`, `"b"`, 1), false},
		{"another user with the same id", "", strings.Replace(base, "u v", "eve", 1), false},
		{"one more member", "", strings.TrimSuffix(base, "}") + `,"x":1}`, false},
		{"another cluster", "east", base, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := NewWindow(10, time.Minute)
			first := inCluster(t, "", base)
			w.Done(begin(t, w, first, New))
			want := New
			if c.same {
				want = Seen
			}
			again := inCluster(t, c.cluster, c.text)
			begin(t, w, again, want)
			a, everywhere := first.Data.(*Record).AppendIdentity(nil)
			b, _ := again.Data.(*Record).AppendIdentity([]byte("x"))
			if same := string(a) == string(b[1:]); same != c.same || !everywhere {
				t.Errorf("same identity: %v, want %v:\n%s\n%s", same, c.same, a, b)
			}
		})
	}
}

// TestNoIdentity: an event of which nobody can say whether it is the same, and events that are nothing else.
func TestNoIdentity(t *testing.T) {
	w := NewWindow(10, time.Minute)
	for _, members := range []string{`"stageTimestamp":"2024-01-01T00:00:00Z"`, `"auditID":null,"stageTimestamp":"2024-01-01T00:00:00Z"`, `"auditID":"","stageTimestamp":"2024-01-01T00:00:00Z"`} {
		e := inCluster(t, "", `{"kind":"Event",`+members+`}`)
		for range 3 {
			w.Done(begin(t, w, e, New))
		}
	}
	if w.Len() != 0 {
		t.Errorf("%d events are remembered", w.Len())
	}
	for _, text := range []string{`{}`, `{"kind":"Event"}`, `{"kind":1,"apiVersion":{}}`, ` { "kind" : "Event" } `} {
		b := &Batch{}
		c := cutter{splitter: &Splitter{}, b: b}
		b.s.Reset([]byte(text))
		b.doc = text
		r := Record{b: b}
		start := b.s.Space(0)
		end := r.index(start, 0, eventGroup, nil)
		r.span.Start, r.span.End = uint32(start), uint32(end)
		if got := r.content(); got != "" || c.err != nil {
			t.Errorf("%s: content %q", text, got)
		}
	}
}

// TestIdentityRecorded takes the recorded events as items of a list, as lines of a log, and indented.
func TestIdentityRecorded(t *testing.T) {
	w, n := NewWindow(1000, time.Minute), 0
	for name, body := range recorded(t) {
		var list decodedList
		if err := json.Unmarshal(body, &list); err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			text := bytes.TrimPrefix(item, []byte("{"))
			line := append([]byte(`{"kind":"Event","apiVersion":"audit.k8s.io/v1",`), text...)
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, line, "", "\t"); err != nil {
				t.Fatal(err)
			}
			claim, state := w.Begin(inCluster(t, "", `{"kind":"EventList","items":[`+string(item)+`]}`))
			if state == New {
				n++
			}
			w.Done(claim)
			for _, text := range [][]byte{line, pretty.Bytes()} {
				if _, state := w.Begin(inCluster(t, "", string(text))); state != Seen {
					t.Errorf("%s: %v: %s", name, state, text)
				}
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d different events", n)
	}
}

func TestWindowOff(t *testing.T) {
	for _, w := range []*Window{NewWindow(0, time.Minute), NewWindow(10, 0), NewWindow(-1, -1)} {
		e := inCluster(t, "", plain("a", ""))
		claim := begin(t, w, e, New)
		begin(t, w, e, Busy)
		w.Done(claim)
		w.Forget(begin(t, w, e, New))
		if w.Len() != 0 || w.Evicted() != 0 {
			t.Errorf("%d events, %d evicted", w.Len(), w.Evicted())
		}
	}
}

// windowModel is what a Window should do, the slow way.
type windowModel struct {
	events int
	keep   time.Duration
	done   []modelSeen // in order
	busy   map[string]modelClaim
}

type modelSeen struct {
	id string
	at time.Time
}

type modelClaim struct {
	Claim
	at time.Time
}

func (m *windowModel) state(id string) State {
	if _, ok := m.busy[id]; ok {
		return Busy
	}
	for _, s := range m.done {
		if s.id == id && time.Since(s.at) < m.keep {
			return Seen
		}
	}
	return New
}

// TestWindowModel compares a Window with the model, in any order of calls and at any time.
func TestWindowModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var failure any
		synctest.Test(t, func(t *testing.T) {
			defer func() { failure = recover() }()
			checkWindow(t, r)
		})
		if failure != nil {
			panic(failure)
		}
	})
}

func checkWindow(t *testing.T, r *rapid.T) {
	m := &windowModel{
		events: rapid.IntRange(1, 12).Draw(r, "events"), busy: map[string]modelClaim{},
		keep: time.Duration(rapid.IntRange(1, 100).Draw(r, "keep")) * time.Millisecond,
	}
	w := NewWindow(m.events, m.keep)
	made := map[string]*event.Event{}
	id := func() (string, *event.Event) {
		id := fmt.Sprint(rapid.IntRange(0, 20).Draw(r, "id"))
		if made[id] == nil {
			made[id] = inCluster(t, "", plain(id, ""))
		}
		return id, made[id]
	}
	r.Repeat(map[string]func(*rapid.T){
		"begin": func(r *rapid.T) {
			id, e := id()
			want := m.state(id)
			c, got := w.Begin(e)
			if got != want {
				r.Fatalf("%s is %v, want %v", id, got, want)
			}
			if got == New {
				m.busy[id] = modelClaim{c, time.Now()}
			}
		},
		"done": func(r *rapid.T) {
			id, _ := id()
			c, ok := m.busy[id]
			w.Done(c.Claim)
			if !ok {
				return
			}
			delete(m.busy, id)
			m.done = append(m.done, modelSeen{id, c.at})
			if n := len(m.done) - m.events; n > 0 {
				m.done = m.done[n:]
			}
		},
		"forget": func(r *rapid.T) {
			id, _ := id()
			w.Forget(m.busy[id].Claim)
			delete(m.busy, id)
		},
		"wait": func(r *rapid.T) {
			time.Sleep(time.Duration(rapid.IntRange(0, 50).Draw(r, "ms")) * time.Millisecond)
		},
		"": func(r *rapid.T) {
			if w.Len() > m.events || w.Len() < 0 {
				r.Fatalf("%d events in a window of %d", w.Len(), m.events)
			}
			used := 0
			for _, s := range w.index {
				if s != 0 {
					used++
				}
			}
			if used > w.Len() {
				r.Fatalf("%d events can be found, %d are there", used, w.Len())
			}
		},
	})
}

// TestWindowEvicts: what is pushed out by the number is counted, what is over by the time is not.
func TestWindowEvicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWindow(100, time.Minute)
		one := func(i int, want State) {
			t.Helper()
			if c, got := w.Begin(inCluster(t, "", plain(fmt.Sprint(i), ""))); got != want {
				t.Fatalf("%d is %v, want %v", i, got, want)
			} else if got == New {
				w.Done(c)
			}
		}
		for i := range 150 {
			one(i, New)
		}
		if w.Len() != 100 || w.Evicted() != 50 {
			t.Fatalf("%d events, %d evicted", w.Len(), w.Evicted())
		}
		time.Sleep(time.Minute - time.Nanosecond)
		one(149, Seen)
		one(50, Seen)
		time.Sleep(time.Nanosecond)
		one(149, New)
		for i := range 50 {
			one(i, New)
		}
		if w.Len() != 51 || w.Evicted() != 50 {
			t.Fatalf("%d events, %d evicted", w.Len(), w.Evicted())
		}
	})
}

// TestWindowRace has many work on the same events: each is evaluated by one at a time, and in the end once.
func TestWindowRace(t *testing.T) {
	const events, workers = 200, 8
	w := NewWindow(events, time.Hour)
	var evaluated [events]atomic.Int32
	var holders [events]atomic.Int32
	var all sync.WaitGroup
	for n := range workers {
		mine := make([]*event.Event, events)
		for i := range mine {
			mine[i] = inCluster(t, "", plain(fmt.Sprint(i), ""))
		}
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 1))
			for left := events; left > 0; {
				left = 0
				for i, e := range mine {
					claim, state := w.Begin(e)
					if state != New {
						if state == Busy {
							left++
						}
						continue
					}
					if holders[i].Add(1) != 1 {
						t.Errorf("two have event %d", i)
					}
					fails := random.IntN(2) == 0
					if !fails {
						evaluated[i].Add(1)
					}
					holders[i].Add(-1)
					if left++; fails {
						w.Forget(claim)
					} else {
						w.Done(claim)
					}
				}
			}
		})
	}
	all.Wait()
	for i := range evaluated {
		if n := evaluated[i].Load(); n != 1 {
			t.Errorf("event %d was evaluated %d times", i, n)
		}
	}
	if w.Len() != events || len(w.busy) != 0 {
		t.Errorf("%d events, %d busy", w.Len(), len(w.busy))
	}
}

// TestWindowAllocates: knowing an event costs no memory beyond that of the Window.
func TestWindowAllocates(t *testing.T) {
	w := NewWindow(1000, time.Hour)
	e := inCluster(t, "east", plain("a", `,"requestObject":{"a":"b"}`))
	if n := testing.AllocsPerRun(100, func() {
		c, _ := w.Begin(e)
		w.Forget(c)
		c, _ = w.Begin(e)
		w.Done(c)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkWindow is what Begin and Done cost for each of the recorded events, and Begin alone when all were seen
// before, in a window that is full all the time: a small one, and one that is far larger than the caches.
func BenchmarkWindow(b *testing.B) {
	body, events := benchBody(b)
	batch := &Batch{}
	c := cutter{splitter: &Splitter{}, b: batch, to: func(*Batch) error { return nil }}
	if _, err := c.document(body, c.item); err != nil {
		b.Fatal(err)
	}
	for i := range batch.events {
		batch.events[i].Data = &batch.records[i]
	}
	for _, size := range []int{10_000, 1_000_000} {
		for _, state := range []State{New, Seen} {
			b.Run(fmt.Sprintf("%s of %d", state, size), func(b *testing.B) {
				w := NewWindow(size, 10*time.Minute)
				for range size { // fill it with others
					k := key{rand.Uint64(), rand.Uint32()}
					w.busy[k] = struct{}{}
					w.Done(Claim{a: k.a, b: k.b})
				}
				n := 0
				b.SetBytes(int64(len(body) / events))
				b.ReportAllocs()
				for b.Loop() {
					e := &batch.events[n%events]
					if state == New {
						batch.Cluster = clusters[n/events%len(clusters)]
					}
					if claim, got := w.Begin(e); got == New {
						w.Done(claim)
					}
					n++
				}
				batch.Cluster = ""
			})
		}
	}
}

// clusters are names that make the same events others.
var clusters = func() (names [4096]string) {
	for i := range names {
		names[i] = fmt.Sprint("cluster", i)
	}
	return names
}()

package desk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/dead"
	"github.com/saker-security/saker/pkg/deliver/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sample(id string) *alert.Alert {
	return &alert.Alert{ID: id, Time: 1, Rule: "rule " + id, Priority: 4, Source: "k8s_audit", Message: "m"}
}

// sink refuses alerts once their gate is open, and takes no others.
type sink map[string]chan struct{}

func (s sink) Send(ctx context.Context, batch []*alert.Alert) error {
	select {
	case <-s[batch[0].ID]:
		return &deliver.Refused{Err: errors.New("no " + batch[0].ID)}
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (sink) Close() error { return nil }

// open delivers one alert that waits and two that are refused to each of two such sinks.
func open(t *testing.T, dir string) *deliver.Outputs {
	t.Helper()
	s := sink{"d1": make(chan struct{}), "d2": make(chan struct{})}
	var list []deliver.Output
	for _, name := range []string{"a", "b"} {
		settings := deliver.DefaultSettings()
		settings.Workers = 2 // one of them is busy with the alert that waits
		list = append(list, deliver.Output{Name: name, Settings: settings, Open: func() (deliver.Sink, error) { return s, nil }})
	}
	o, err := deliver.Open(deliver.Options{Dir: dir}, list)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	for _, id := range []string{"d1", "d2", "q1"} {
		if err := o.Deliver(sample(id)); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"d1", "d2"} {
		close(s[id])
		await(t, func() bool { return o.Counts()[0].DeadStored == i+1 && o.Counts()[1].DeadStored == i+1 })
	}
	return o
}

// await waits until it is so.
func await(t *testing.T, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("that takes too long")
		}
	}
}

// listed gives the items as SINK/STATE/ID, and the sums as SINK DEAD QUEUED.
func listed(t *testing.T, d *Desk, q Query) (items, sums string) {
	t.Helper()
	var names []string
	sinks, err := d.List(t.Context(), q, func(i Item) error {
		if i.Rule != "rule "+i.ID || i.Priority != "Warning" || time.Since(i.Since) > time.Hour || (i.Alert != nil) != q.Full ||
			i.State == Dead && (i.Reason != "no "+i.ID || i.Attempts != 1) {
			t.Errorf("%+v", i)
		}
		names = append(names, i.Sink+"/"+i.State+"/"+i.ID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sinks {
		sums += fmt.Sprintf("%s %d %d;", s.Name, s.Dead, s.Queued)
	}
	return strings.Join(names, " "), sums
}

func TestList(t *testing.T) { synctest.Test(t, testList) }

func testList(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir)
	desks := map[string]*Desk{"running": New(dir, o), "beside it": Look(dir)}
	check := func(t *testing.T) {
		for name, d := range desks {
			for _, test := range []struct {
				q           Query
				items, sums string
			}{
				{Query{}, "a/dead/d1 a/dead/d2 a/queued/q1 b/dead/d1 b/dead/d2 b/queued/q1", "a 2 1;b 2 1;"},
				{Query{Full: true, Sink: "b"}, "b/dead/d1 b/dead/d2 b/queued/q1", "b 2 1;"},
				{Query{State: Queued}, "a/queued/q1 b/queued/q1", "a 2 1;b 2 1;"},
				{Query{State: Dead, Limit: 3}, "a/dead/d1 a/dead/d2 b/dead/d1", "a 2 1;b 2 1;"},
				{Query{ID: "q1"}, "a/queued/q1 b/queued/q1", "a 2 1;b 2 1;"},
				{Query{ID: "d2", Sink: "a"}, "a/dead/d2", "a 2 1;"},
				{Query{ID: "x"}, "", "a 2 1;b 2 1;"},
			} {
				items, sums := listed(t, d, test.q)
				if diff := cmp.Diff([]string{test.items, test.sums}, []string{items, sums}); diff != "" {
					t.Errorf("%s, %+v: %s", name, test.q, diff)
				}
			}
		}
	}
	// That the refused ones left the queue is on disk a little later.
	await(t, func() bool {
		items, _ := listed(t, Look(dir), Query{State: Queued})
		return items == "a/queued/q1 b/queued/q1"
	})
	check(t)
	if _, err := desks["running"].List(t.Context(), Query{Sink: "c"}, nil); !errors.Is(err, ErrNoSink) {
		t.Error(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	delete(desks, "running")
	check(t)
	if items, sums := listed(t, Look(filepath.Join(dir, "nothing")), Query{}); items+sums != "" {
		t.Error(items, sums)
	}
}

// Letters are replayed and dropped while the program runs, and while it does not.
func TestChange(t *testing.T) {
	for _, running := range []bool{true, false} {
		t.Run(fmt.Sprintf("running %t", running), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { change(t, running) }) })
	}
}

func change(t *testing.T, running bool) {
	dir := t.TempDir()
	o := open(t, dir)
	d, done := New(dir, o), func() error { return nil }
	if !running {
		if _, _, err := Take(dir); err == nil || !strings.Contains(err.Error(), "is in use") {
			t.Errorf("a directory that is in use: %v", err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		var err error
		if d, done, err = Take(dir); err != nil {
			t.Fatal(err)
		}
	}
	want := func(step string, got Result, err error, want Result) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v, %s", step, err, diff)
		}
	}
	r, err := d.Drop(t.Context(), Choice{IDs: []string{"d1", "x"}})
	want("drop", r, err, Result{Done: map[string]int{"a": 1, "b": 1}, Missing: []string{"x"}})
	if !running {
		// The running sink would refuse it again.
		r, err = d.Replay(t.Context(), Choice{Sink: "b", All: true})
		want("replay", r, err, Result{Done: map[string]int{"b": 1}})
	}
	for _, c := range []Choice{{}, {All: true, IDs: []string{"d1"}}, {All: true, Sink: "c"}} {
		if _, err := d.Drop(t.Context(), c); err == nil {
			t.Errorf("%+v is no error", c)
		}
	}
	if running {
		items, _ := listed(t, d, Query{State: Dead})
		if items != "a/dead/d2 b/dead/d2" || d.outputs.Dead("a").Stats().Discarded != 1 {
			t.Error(items)
		}
		return
	}
	if err := done(); err != nil {
		t.Fatal(err)
	}
	items, sums := listed(t, Look(dir), Query{})
	if items != "a/dead/d2 a/queued/q1 b/queued/q1 b/queued/d2" || sums != "a 1 1;b 0 2;" {
		t.Error(items, sums)
	}
}

// Replayed letters are sent by the program that runs.
func TestReplayIsSent(t *testing.T) { synctest.Test(t, testReplayIsSent) }

func testReplayIsSent(t *testing.T) {
	o := open(t, "")
	d := New("", o)
	r, err := d.Replay(t.Context(), Choice{Sink: "a", All: true})
	if err != nil || r.Total() != 2 {
		t.Fatal(r, err)
	}
	await(t, func() bool { return o.Counts()[0].Dead == 4 }) // they are refused again
	if c := o.Counts()[0]; c.Replayed != 2 || c.DeadStored != 2 || c.Unaccounted() != 0 {
		t.Errorf("%+v", c)
	}
}

// What cannot be read is told and hides nothing else.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	q, err := queue.Open(queue.Options{Dir: filepath.Join(dir, "sinks", "a", "queue"), Settings: queue.DefaultSettings()})
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range [][]byte{[]byte("rubbish"), sample("q1").Append(nil)} {
		if err := q.Append(0, payload); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	store, err := dead.Open(nil, filepath.Join(dir, "sinks", "a", "dead"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"d1", "d2"} {
		if err := store.Add(dead.Entry{ID: id, Alert: sample(id)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "sinks", "a", "dead", "log")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[30]++
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	sinks, err := Look(dir).List(t.Context(), Query{}, func(i Item) error {
		got = append(got, i.State+" "+i.ID+" "+i.Reason)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"dead d2 ", "queued  not an encoded alert: 7 bytes are too few", "queued q1 "}
	if diff := cmp.Diff(want, got) + cmp.Diff([]Sink{{Name: "a", Queued: 2, Dead: 1, Unreadable: 1}}, sinks); diff != "" {
		t.Error(diff)
	}
	stop := errors.New("stop")
	if _, err := Look(dir).List(t.Context(), Query{}, func(Item) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Look(dir).List(ended, Query{}, func(Item) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/saker-security/saker/internal/faultfs"
	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/rule"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// place is a scripted sink and the place behind it: answer says what becomes of each Send.
type place struct {
	// answer gives how many alerts of the batch are taken and the error of Send; nil takes all. n counts Sends from 1.
	answer func(ctx context.Context, n int, batch []*alert.Alert) (taken int, err error)

	mu     sync.Mutex
	sends  int
	times  []time.Time // of each Send
	got    []string    // IDs in the order in which they were taken
	opened int
	closed int
	reopen int
}

func (p *place) open() (Sink, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened++
	return &visit{place: p}, nil
}

// visit is an opened place.
type visit struct {
	*place
	ended bool
}

var errUse = errors.New("a sink is used in a way that is not allowed")

func (v *visit) Send(ctx context.Context, batch []*alert.Alert) error {
	v.mu.Lock()
	if v.ended || len(batch) == 0 {
		v.mu.Unlock()
		panic(errUse)
	}
	v.sends++
	n := v.sends
	v.times = append(v.times, time.Now())
	answer := v.answer
	v.mu.Unlock()
	if answer == nil {
		v.take(batch)
		return nil
	}
	taken, err := answer(ctx, n, batch)
	v.take(batch[:taken])
	return err
}

// mend has the place take everything from now on.
func (p *place) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = nil
}

func (p *place) take(batch []*alert.Alert) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range batch {
		p.got = append(p.got, a.ID)
	}
}

func (v *visit) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ended {
		panic(errUse)
	}
	v.ended = true
	v.closed++
	return nil
}

func (v *visit) Reopen() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.reopen++
	return nil
}

func (p *place) ids() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

func (p *place) sendTimes() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.times)
}

// reports collects what an operator would see.
type reports struct {
	mu  sync.Mutex
	all []Report
}

func (r *reports) add(one Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, one)
}

func (r *reports) list() []Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// testSettings are quick and never give up.
func testSettings() Settings {
	s := DefaultSettings()
	s.Batch = 10
	return s
}

func output1(name string, p *place, s Settings) Output {
	return Output{Name: name, Settings: s, Open: p.open}
}

func mustOpen(t testing.TB, o Options, outputs ...Output) *Outputs {
	t.Helper()
	os, err := Open(o, outputs)
	if err != nil {
		t.Fatal(err)
	}
	return os
}

func id(i int) string { return fmt.Sprintf("%026d", i) }

func ids(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, id(i))
	}
	return all
}

func newAlert(i int) *alert.Alert {
	return &alert.Alert{ID: id(i), Time: int64(i), Rule: "a rule", Priority: rule.PriorityWarning, Source: "syscall", Message: "something happened"}
}

// deliver hands in the alerts [from, to).
func deliver(t testing.TB, o *Outputs, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := o.Deliver(newAlert(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// balanced checks that no alert is unaccounted for.
func balanced(t testing.TB, o *Outputs) []Count {
	t.Helper()
	counts := o.Counts()
	for _, c := range counts {
		if n := c.Unaccounted(); n != 0 {
			t.Errorf("%d alerts are unaccounted for in %+v", n, c)
		}
	}
	return counts
}

// closeAll closes the outputs and checks that every sink was closed as often as it was opened.
func closeAll(t testing.TB, o *Outputs, places ...*place) {
	t.Helper()
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	for i, p := range places {
		p.mu.Lock()
		if p.opened != p.closed {
			t.Errorf("place %d was opened %d times and closed %d times", i, p.opened, p.closed)
		}
		p.mu.Unlock()
	}
}

// drain waits until all queues are empty.
func drain(t testing.TB, o *Outputs, limit time.Duration) []Count {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := o.Drain(ctx); err != nil {
		t.Errorf("not drained within %v: %v", limit, err)
	}
	return balanced(t, o)
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("%s: %d alerts, want %d; they differ from the one with index %d on", what, len(got), len(want), i)
			return
		}
	}
}

// bubbles runs a test with the fake clock, in memory and on disk.
func bubbles(t *testing.T, f func(t *testing.T, dir string)) {
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(t, "") })
	})
	t.Run("disk", func(t *testing.T) {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) { f(t, dir) })
	})
}

func TestDelivery(t *testing.T) {
	bubbles(t, func(t *testing.T, dir string) {
		all, severe := &place{}, &place{}
		s := testSettings()
		s.MinPriority = rule.PriorityError
		o := mustOpen(t, Options{Dir: dir}, output1("all", all, testSettings()), output1("severe", severe, s))
		deliver(t, o, 0, 25)
		a := newAlert(25)
		a.Priority = rule.PriorityCritical
		if err := o.Deliver(a); err != nil {
			t.Fatal(err)
		}
		if err := o.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		counts := drain(t, o, time.Second)
		equal(t, "all", all.ids(), ids(0, 26))
		equal(t, "severe", severe.ids(), ids(25, 26))
		if c := counts[0]; c.Sink != "all" || c.Matched != 26 || c.Delivered != 26 || c.Failing != "" || c.Durable != (dir != "") || c.Suppressed[belowPriority] != 0 {
			t.Errorf("%+v", c)
		}
		if c := counts[1]; c.Matched != 26 || c.Delivered != 1 || c.Suppressed[belowPriority] != 25 {
			t.Errorf("%+v", c)
		}
		if err := o.Reopen(); err != nil || all.reopen != 1 || severe.reopen != 1 {
			t.Errorf("reopened %d and %d times, error %v", all.reopen, severe.reopen, err)
		}
		closeAll(t, o, all, severe)
		if err := o.Deliver(a); !errors.Is(err, ErrClosed) {
			t.Errorf("delivering after the end: %v", err)
		}
	})
}

// TestHourDown: a sink is down for an hour at 100 alerts a second. Everything arrives in order, nothing is lost, and
// the log is not flooded.
func TestHourDown(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { hourDown(t, Options{}) })
	})
	t.Run("disk", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { hourDown(t, Options{Dir: "/data", FS: faultfs.New()}) })
	})
}

func hourDown(t *testing.T, options Options) {
	start := time.Now()
	p, other, seen := &place{}, &place{}, &reports{}
	p.answer = func(_ context.Context, _ int, batch []*alert.Alert) (int, error) {
		if time.Since(start) < time.Hour {
			return 0, errors.New("connection refused")
		}
		return len(batch), nil
	}
	s := testSettings()
	s.Batch, s.Queue.MemoryBytes = 500, 256<<20
	options.Report = seen.add
	o := mustOpen(t, options, output1("down", p, s), output1("other", other, s))
	n := 0
	for time.Since(start) < time.Hour {
		deliver(t, o, n, n+100)
		n += 100
		if err := o.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if n%36000 == 0 {
			c := balanced(t, o)
			if c[0].Queued != uint64(n) || c[1].Queued != 0 || !c[0].Open || c[0].Failing != "connection refused" {
				t.Fatalf("after %d alerts: %+v", n, c)
			}
		}
	}
	counts := drain(t, o, time.Minute)
	equal(t, "down", p.ids(), ids(0, n))
	equal(t, "other", other.ids(), ids(0, n))
	if c := counts[0]; c.Delivered != uint64(n) || c.Open || c.Failing != "" {
		t.Errorf("%+v", c)
	}
	// The hour is 120 pauses of the breaker, and what comes before it opens.
	if sends := len(p.sendTimes()); sends > 120+10+n/s.Batch+1 {
		t.Errorf("%d sends", sends)
	}
	// The beginning, the breaker, a reminder every ten minutes, and the end.
	got := seen.list()
	if len(got) < 3+5 || len(got) > 3+6 || !got[0].Warning || got[len(got)-1].Warning {
		t.Errorf("reports %+v", got)
	}
	closeAll(t, o, p, other)
}

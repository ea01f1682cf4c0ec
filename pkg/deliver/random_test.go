package deliver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/queue"
	"github.com/saker-security/saker/pkg/rule"
)

// moods are what a sink may do with a batch.
var moods = []answer{
	nil, // takes all, as most of the time
	nil,
	nil,
	fails(errors.New("status 500")),
	fails(&Later{Err: errors.New("status 429"), After: 3 * time.Second}),
	fails(&Refused{errors.New("status 400")}),
	func(_ context.Context, _ int, batch []*alert.Alert) (int, error) {
		return len(batch) / 2, &Partial{Done: len(batch) / 2, Err: errors.New("reset")}
	},
	func(_ context.Context, _ int, batch []*alert.Alert) (int, error) {
		return len(batch) - 1, &Partial{Done: len(batch) - 1, Err: &Refused{errors.New("no")}}
	},
	func(_ context.Context, _ int, batch []*alert.Alert) (int, error) { panic("boom") },
	func(ctx context.Context, _ int, batch []*alert.Alert) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	},
	func(_ context.Context, _ int, batch []*alert.Alert) (int, error) {
		time.Sleep(25 * time.Second)
		return len(batch), nil
	},
}

// moody answers each Send in one of the moods by chance.
func moody(p *place, seed uint64) answer {
	random := rand.New(rand.NewPCG(seed, 1))
	return func(ctx context.Context, n int, batch []*alert.Alert) (int, error) {
		p.mu.Lock()
		mood := moods[random.IntN(len(moods))]
		p.mu.Unlock()
		if mood == nil {
			return len(batch), nil
		}
		return mood(ctx, n, batch)
	}
}

// subject is a sink of the random test with what the test knows of it.
type subject struct {
	name     string
	p        *place
	settings Settings
	offered  map[string]bool // wanted and put into its queue
	matched  uint64          // in this session
	queued   uint64          // at the end of the last one
	many     bool            // it had several workers in this session
	dropped  uint64          // in sessions that are over
}

func newSubject(t *rapid.T, name string) *subject {
	s := &subject{name: name, p: &place{}, settings: testSettings(), offered: make(map[string]bool)}
	s.p.answer = moody(s.p, rapid.Uint64().Draw(t, "seed of "+name))
	s.change(t)
	return s
}

// change draws other settings.
func (s *subject) change(t *rapid.T) {
	c := &s.settings
	c.Batch = rapid.IntRange(1, 20).Draw(t, "batch")
	c.Workers = rapid.IntRange(1, 3).Draw(t, "workers")
	s.many = s.many || c.Workers > 1
	c.Attempts = rapid.SampledFrom([]int{0, 0, 4}).Draw(t, "attempts")
	c.Rate = rapid.SampledFrom([]float64{0, 0, 50}).Draw(t, "rate")
	c.Linger = rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(t, "linger")
	c.MinPriority = rapid.SampledFrom([]alert.Priority{rule.PriorityDebug, rule.PriorityWarning}).Draw(t, "priority")
	c.DeadBytes = rapid.SampledFrom([]int64{64 << 20, 2000}).Draw(t, "dead bytes")
	c.Queue.Policy = rapid.SampledFrom([]queue.Policy{queue.LowPriorityFirst, queue.OldestFirst, queue.Block}).Draw(t, "policy")
	c.Queue.MaxBytes = rapid.SampledFrom([]int64{1 << 30, 64 << 10}).Draw(t, "bytes")
	c.Queue.MemoryBytes = rapid.SampledFrom([]int64{64 << 20, 48 << 10}).Draw(t, "memory")
	c.Queue.MaxAge = rapid.SampledFrom([]time.Duration{0, time.Hour, 5 * time.Minute}).Draw(t, "age")
}

// system is everything together.
type system struct {
	dir      string
	o        *Outputs
	subjects []*subject
	next     int
}

func (y *system) outputs() []Output {
	var all []Output
	for _, s := range y.subjects {
		all = append(all, output1(s.name, s.p, s.settings))
	}
	return all
}

func (y *system) check(t *rapid.T) []Count {
	counts := y.o.Counts()
	for i, c := range counts {
		s := y.subjects[i]
		if n := c.Unaccounted(); n != 0 || c.Matched != s.matched {
			t.Fatalf("%d unaccounted for, %d were offered: %+v", n, s.matched, c)
		}
	}
	return counts
}

func (y *system) deliver(t *rapid.T) {
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
	for range rapid.IntRange(1, 200).Draw(t, "events") {
		var alerts []*alert.Alert
		for i := range 1 + random.IntN(3)*random.IntN(2) {
			a := newAlert(y.next + i)
			a.Priority = alert.Priority(random.IntN(int(rule.PriorityDebug) + 1))
			alerts = append(alerts, a)
		}
		switch err := y.o.Deliver(alerts...); {
		case errors.Is(err, ErrFull):
			return
		case err != nil:
			t.Fatal(err)
		}
		y.next += len(alerts)
		for _, s := range y.subjects {
			for _, a := range alerts {
				s.matched++
				if a.Priority <= s.settings.MinPriority {
					s.offered[a.ID] = true
				}
			}
		}
	}
}

func (y *system) restart(t *rapid.T) {
	if y.dir == "" {
		return
	}
	if err := y.o.Close(); err != nil {
		t.Fatal(err)
	}
	for i, c := range y.check(t) {
		s := y.subjects[i]
		s.matched, s.queued = 0, c.Queued
		s.dropped += total(c.Dropped) + c.DeadDropped
	}
	y.open(t)
	for i, c := range y.o.Counts() {
		// With several workers a later alert may have been acknowledged before an earlier one, and is there again.
		if s := y.subjects[i]; c.Recovered < s.queued || c.Recovered > s.queued && !s.many {
			t.Fatalf("%d alerts were in the queue and %d are: %+v", s.queued, c.Recovered, c)
		}
		y.subjects[i].many = y.subjects[i].settings.Workers > 1
	}
}

func total(reasons map[string]uint64) (n uint64) {
	for _, m := range reasons {
		n += m
	}
	return n
}

func (y *system) open(t *rapid.T) {
	o, err := Open(Options{Dir: y.dir}, y.outputs())
	if err != nil {
		t.Fatal(err)
	}
	y.o = o
}

// finish has every sink work, and compares what arrived with what was offered.
func (y *system) finish(t *rapid.T) {
	for _, s := range y.subjects {
		s.p.mend()
	}
	time.Sleep(time.Minute) // what hangs returns
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Hour)
	defer cancel()
	if err := y.o.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	for i, c := range y.check(t) {
		s := y.subjects[i]
		known := make(map[string]bool)
		for _, id := range s.p.ids() {
			known[id] = true
		}
		for _, letter := range y.o.Dead(s.name).List() {
			known[letter.ID] = true
		}
		missing := 0
		for id := range s.offered {
			if !known[id] {
				missing++
			}
		}
		if dropped := s.dropped + total(c.Dropped) + c.DeadDropped; missing > int(dropped) {
			t.Fatalf("%s: %d alerts are gone, %d were dropped: %+v", s.name, missing, dropped, c)
		}
		for id := range known {
			if !s.offered[id] {
				t.Fatalf("%s: %s was not offered", s.name, id)
			}
		}
	}
}

// TestEverythingTogether: sinks that do what they want, while settings change and processes end. At every moment each
// alert is accounted for, and at the end it was delivered, or is a dead letter, or was counted as dropped.
func TestEverythingTogether(t *testing.T) {
	for _, where := range []string{"memory", "disk"} {
		t.Run(where, func(t *testing.T) {
			base, runs := t.TempDir(), 0
			rapid.Check(t, func(r *rapid.T) {
				runs++
				y := &system{}
				if where == "disk" {
					y.dir = fmt.Sprintf("%s/%d", base, runs)
				}
				var failure any
				synctest.Test(t, func(*testing.T) {
					defer func() { failure = recover() }()
					y.run(r)
				})
				if failure != nil {
					panic(failure) // rapid learns of it outside of the bubble
				}
			})
		})
	}
}

// run is one life of the system.
func (y *system) run(t *rapid.T) {
	for i := range 2 {
		y.subjects = append(y.subjects, newSubject(t, fmt.Sprint("sink", i)))
	}
	y.open(t)
	defer func() {
		y.o.Close()
		time.Sleep(time.Minute) // what hangs returns
	}()
	t.Repeat(map[string]func(*rapid.T){
		"":        func(t *rapid.T) { y.check(t) },
		"deliver": y.deliver,
		"wait":    func(t *rapid.T) { time.Sleep(time.Duration(rapid.IntRange(1, 60000).Draw(t, "ms")) * time.Millisecond) },
		"reload": func(t *rapid.T) {
			y.subjects[rapid.IntRange(0, len(y.subjects)-1).Draw(t, "sink")].change(t)
			if err := y.o.Replace(y.outputs()); err != nil {
				t.Fatal(err)
			}
		},
		"replay": func(t *rapid.T) {
			s := y.subjects[rapid.IntRange(0, len(y.subjects)-1).Draw(t, "sink")]
			var ids []string
			for _, letter := range y.o.Dead(s.name).List() {
				ids = append(ids, letter.ID)
			}
			if _, err := y.o.Replay(s.name, ids); err != nil && !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
		},
		"reopen": func(t *rapid.T) {
			if err := y.o.Reopen(); err != nil {
				t.Fatal(err)
			}
		},
		"restart": y.restart,
	})
	y.finish(t)
}

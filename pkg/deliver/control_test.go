package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/queue"
)

// TestBreaker: after three failures in a row nothing is sent for a minute, then one batch at a time tries, until one is
// taken.
func TestBreaker(t *testing.T) {
	for _, workers := range []int{1, 4} {
		t.Run(fmt.Sprint(workers, " workers"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				p := &place{answer: func(_ context.Context, n int, batch []*alert.Alert) (int, error) {
					time.Sleep(100 * time.Millisecond)
					if time.Since(start) < 3*time.Minute {
						return 0, errors.New("down")
					}
					return len(batch), nil
				}}
				s := testSettings()
				s.Workers, s.BreakerFailures, s.BreakerPause = workers, 3, time.Minute
				s.RetryMin, s.RetryMax = 10*time.Millisecond, 50*time.Millisecond
				o := mustOpen(t, Options{}, output1("x", p, s))
				deliver(t, o, 0, 100)
				time.Sleep(30 * time.Second)
				if c := balanced(t, o)[0]; !c.Open || c.Queued != 100 {
					t.Errorf("%+v", c)
				}
				before := len(p.sendTimes())
				if before < 3 || before > 2+workers {
					t.Errorf("%d sends before it opened", before)
				}
				time.Sleep(2 * time.Minute) // two trials
				if trials := len(p.sendTimes()) - before; trials != 2 {
					t.Errorf("%d trials in two minutes", trials)
				}
				c := drain(t, o, 2*time.Minute)[0]
				if c.Open || c.Delivered != 100 {
					t.Errorf("%+v", c)
				}
				closeAll(t, o, p)
			})
		})
	}
}

// TestReplayHurries: a replay has a sink that failed tried at once, once, whether its breaker is open or not, unless the
// sink itself asked for a pause.
func TestReplayHurries(t *testing.T) {
	for _, test := range []struct {
		name    string
		breaker int
		err     error
		tries   int
	}{
		{"breaker", 3, errors.New("down"), 1},
		{"pause between attempts", 0, errors.New("down"), 1},
		{"asked for", 3, &Later{Err: errors.New("busy"), After: time.Hour}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var fails, works atomic.Bool
			p := &place{answer: func(_ context.Context, n int, batch []*alert.Alert) (int, error) {
				switch {
				case works.Load():
					return len(batch), nil
				case fails.Load():
					return 0, test.err
				}
				return 0, &Refused{Err: errors.New("no")}
			}}
			s := testSettings()
			s.Workers, s.Batch, s.BreakerFailures, s.BreakerPause = 1, 1, test.breaker, time.Hour
			s.RetryMin, s.RetryMax = 100*time.Hour, 100*time.Hour
			if test.breaker > 0 {
				s.RetryMin, s.RetryMax = time.Millisecond, time.Millisecond
			}
			o := mustOpen(t, Options{}, output1("x", p, s))
			deliver(t, o, 0, 2)
			time.Sleep(time.Second)
			fails.Store(true)
			deliver(t, o, 2, 4)
			time.Sleep(time.Second)
			for i, letter := range ids(0, 2) {
				works.Store(i == 1)
				before := len(p.sendTimes())
				if n, err := o.Replay("x", []string{letter}); n != 1 || err != nil {
					t.Fatalf("%s: %d, %v", test.name, n, err)
				}
				time.Sleep(time.Second)
				tries := len(p.sendTimes()) - before
				if i == 0 && tries != test.tries || i == 1 && test.tries > 0 && tries < 4 || test.tries == 0 && tries > 0 {
					t.Errorf("%s, %d: %d attempts", test.name, i, tries)
				}
			}
			if test.tries == 0 {
				time.Sleep(2 * time.Hour)
			}
			if c := balanced(t, o)[0]; c.Delivered != 4 || c.Queued != 0 {
				t.Errorf("%s: %+v", test.name, c)
			}
			closeAll(t, o, p)
		})
	}
}

// TestRate: 20 alerts at once, then 10 a second, however large the batches are.
func TestRate(t *testing.T) {
	for _, batch := range []int{1, 7, 50} {
		synctest.Test(t, func(t *testing.T) {
			start, p := time.Now(), &place{}
			s := testSettings()
			s.Batch, s.Linger, s.Rate, s.Burst = batch, time.Millisecond, 10, 20
			o := mustOpen(t, Options{}, output1("x", p, s))
			deliver(t, o, 0, 120)
			for range 9 {
				time.Sleep(time.Second)
				if n, most := len(p.ids()), 20+int(10*time.Since(start).Seconds())+1; n > most {
					t.Errorf("batches of %d: %d alerts after %v", batch, n, time.Since(start))
				}
			}
			drain(t, o, time.Minute)
			if took := time.Since(start); took < 9900*time.Millisecond || took > 10100*time.Millisecond {
				t.Errorf("batches of %d: sent in %v", batch, took)
			}
			equal(t, "delivered", p.ids(), ids(0, 120))
			closeAll(t, o, p)
		})
	}
}

// TestSlowOne: one of ten sinks takes 10 seconds for each batch, another one hangs. The others do not notice.
func TestSlowOne(t *testing.T) {
	bubbles(t, func(t *testing.T, dir string) {
		var outputs []Output
		var places []*place
		late := make([]time.Duration, 10)
		start := time.Now()
		for i := range 10 {
			p := &place{answer: func(_ context.Context, _ int, batch []*alert.Alert) (int, error) {
				for _, a := range batch {
					late[i] = max(late[i], time.Since(start)-time.Duration(a.Time))
				}
				return len(batch), nil
			}}
			switch i {
			case 3:
				p.answer = func(_ context.Context, _ int, batch []*alert.Alert) (int, error) {
					time.Sleep(9 * time.Second)
					return len(batch), nil
				}
			case 5:
				p.answer = func(ctx context.Context, _ int, _ []*alert.Alert) (int, error) {
					<-ctx.Done()
					return 0, ctx.Err()
				}
			}
			places = append(places, p)
			outputs = append(outputs, output1(fmt.Sprint("sink", i), p, testSettings()))
		}
		o := mustOpen(t, Options{Dir: dir}, outputs...)
		for i := range 1000 {
			a := newAlert(i)
			a.Time = int64(time.Since(start))
			if err := o.Deliver(a); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(10 * time.Millisecond)
		for i, c := range balanced(t, o) {
			switch i {
			case 3, 5:
				if c.Queued == 0 {
					t.Errorf("sink %d is not slow", i)
				}
			default:
				if c.Delivered != 1000 || late[i] > 10*time.Millisecond {
					t.Errorf("sink %d got %d alerts, up to %v late", i, c.Delivered, late[i])
				}
			}
		}
		if dir == "" {
			// The rest is in memory, and is told when it is lost.
			if err := o.Close(); err == nil || !strings.Contains(err.Error(), "sink3") {
				t.Errorf("closing: %v", err)
			}
			return
		}
		closeAll(t, o, places...)
	})
}

// TestFull: a full queue that drops nothing refuses an alert for all sinks, and says when there is room again.
func TestFull(t *testing.T) {
	bubbles(t, func(t *testing.T, dir string) {
		block, free := &place{}, &place{}
		block.answer = func(ctx context.Context, n int, batch []*alert.Alert) (int, error) {
			if n == 1 {
				time.Sleep(5 * time.Second)
			}
			return len(batch), nil
		}
		s := testSettings()
		s.Queue.Policy, s.Queue.MaxBytes = queue.Block, 200<<10
		if dir == "" {
			s.Queue.MemoryBytes = 200 << 10
		}
		o := mustOpen(t, Options{Dir: dir}, output1("free", free, testSettings()), output1("block", block, s))
		n, refused := 0, 0
		for n < 100000 && refused < 3 {
			err := o.Deliver(newAlert(n))
			if err == nil {
				n, refused = n+1, 0
				continue
			}
			if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "sink block") {
				t.Error(err)
			}
			// On disk alerts may take a little less room.
			if err := o.Commit(t.Context()); err != nil {
				t.Error(err)
			}
			refused++
		}
		counts := balanced(t, o)
		if n == 100000 || counts[0].Matched != uint64(n) || counts[1].Matched != uint64(n) {
			t.Errorf("%d alerts before it was full: %+v", n, counts)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := o.Room(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("there is room: %v", err)
		}
		cancel()
		if err := o.Room(t.Context()); err != nil {
			t.Error(err)
		}
		for i := n; i < n+10; {
			switch err := o.Deliver(newAlert(i)); {
			case err == nil:
				i++
			case !errors.Is(err, ErrFull):
				t.Fatal(err)
			default:
				if err := o.Room(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, c := range drain(t, o, time.Minute) {
			if c.Delivered != uint64(n+10) || c.Matched != c.Delivered {
				t.Errorf("%+v", c)
			}
		}
		equal(t, "free", free.ids(), ids(0, n+10))
		equal(t, "block", block.ids(), ids(0, n+10))
		closeAll(t, o, block, free)
	})
}

// TestEnd: draining and closing take no longer than they may, whatever a sink does, and say what stays.
func TestEnd(t *testing.T) {
	tests := []struct {
		name   string
		answer answer
		limit  time.Duration // of Close
	}{
		{"works slowly", func(ctx context.Context, _ int, batch []*alert.Alert) (int, error) {
			time.Sleep(1400 * time.Millisecond)
			return len(batch), nil
		}, 1400 * time.Millisecond},
		{"stops when told to", func(ctx context.Context, _ int, batch []*alert.Alert) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}, stopGrace},
		{"does not stop", func(ctx context.Context, _ int, batch []*alert.Alert) (int, error) {
			time.Sleep(time.Hour)
			return len(batch), nil
		}, stopGrace + abandonGrace + closeGrace},
		{"is down", fails(errors.New("down")), time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := testSettings()
				s.Timeout = 0
				p, other := &place{answer: test.answer}, &place{}
				o := mustOpen(t, Options{Dir: dir}, output1("x", p, s), output1("other", other, s))
				deliver(t, o, 0, 100)
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				err := o.Drain(ctx)
				c := balanced(t, o)[0]
				if want := fmt.Sprintf("sink x: %d alerts wait in %s", c.Queued, dir); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "other") {
					t.Errorf("draining: %v, want %s", err, want)
				}
				if took := time.Since(start); took != 3*time.Second {
					t.Errorf("draining took %v", took)
				}
				start = time.Now()
				if err := o.Close(); err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took > test.limit {
					t.Errorf("closing took %v, allowed are %v", took, test.limit)
				}
				time.Sleep(2 * time.Hour) // whatever hangs ends
			})
			// What was not delivered is delivered by the next process.
			synctest.Test(t, func(t *testing.T) {
				p := &place{}
				o := mustOpen(t, Options{Dir: dir}, output1("x", p, testSettings()))
				c := drain(t, o, time.Minute)[0]
				if c.Recovered == 0 || c.Delivered != c.Recovered {
					t.Errorf("%+v", c)
				}
				got := p.ids()
				equal(t, "delivered again", got, ids(100-len(got), 100))
				closeAll(t, o, p)
			})
		})
	}
}

// TestHangingForEver: a sink whose Sends never return holds a bounded number of them, and goes on once they do.
func TestHangingForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan struct{})
		p := &place{answer: func(_ context.Context, _ int, batch []*alert.Alert) (int, error) {
			<-wake
			return 0, errors.New("it took a day")
		}}
		s := testSettings()
		s.BreakerFailures = 0
		o := mustOpen(t, Options{}, output1("x", p, s))
		deliver(t, o, 0, 100)
		time.Sleep(24 * time.Hour)
		if c := balanced(t, o)[0]; c.Queued != 100 || c.Abandoned != maxAbandoned+1 || len(p.sendTimes()) != maxAbandoned+1 {
			t.Errorf("%d sends: %+v", len(p.sendTimes()), c)
		}
		p.mend()
		close(wake)
		drain(t, o, time.Hour)
		equal(t, "delivered", p.ids(), ids(0, 100))
		closeAll(t, o, p)
	})
}

// TestManyWorkers: several workers deliver every alert once.
func TestManyWorkers(t *testing.T) {
	bubbles(t, func(t *testing.T, dir string) {
		p := &place{answer: func(_ context.Context, n int, batch []*alert.Alert) (int, error) {
			time.Sleep(time.Duration(n%7) * time.Second)
			if n%5 == 0 {
				return 0, errors.New("now and then")
			}
			return len(batch), nil
		}}
		s := testSettings()
		s.Workers, s.Linger = 8, time.Millisecond
		o := mustOpen(t, Options{Dir: dir}, output1("x", p, s))
		start := time.Now()
		deliver(t, o, 0, 2000)
		drain(t, o, time.Hour)
		if took := time.Since(start); took > 4*time.Minute { // 200 batches of 3 seconds, by 8 workers
			t.Errorf("took %v", took)
		}
		got := p.ids()
		slices.Sort(got)
		equal(t, "delivered", got, ids(0, 2000))
		closeAll(t, o, p)
	})
}

// TestCloseIsSoon: a sink that takes its time does not hold up the end.
func TestCloseIsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &place{answer: func(ctx context.Context, _ int, _ []*alert.Alert) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}}
		s := testSettings()
		s.Timeout = time.Hour
		o := mustOpen(t, Options{}, output1("x", p, s))
		deliver(t, o, 0, 10)
		time.Sleep(time.Second)
		begin := time.Now()
		_ = o.Close() // which tells that alerts in memory are lost
		if d := time.Since(begin); d > endGrace {
			t.Errorf("after %v", d)
		}
		balanced(t, o)
	})
}

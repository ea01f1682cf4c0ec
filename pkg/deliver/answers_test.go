package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saker-security/saker/pkg/alert"
)

type answer = func(ctx context.Context, n int, batch []*alert.Alert) (int, error)

// first answers the first Sends with what f says, and takes the rest.
func first(times int, f answer) answer {
	return func(ctx context.Context, n int, batch []*alert.Alert) (int, error) {
		if n <= times {
			return f(ctx, n, batch)
		}
		return len(batch), nil
	}
}

func fails(err error) answer {
	return func(context.Context, int, []*alert.Alert) (int, error) { return 0, err }
}

// refuses takes no batch with one of the alerts.
func refuses(bad ...string) answer {
	return func(_ context.Context, _ int, batch []*alert.Alert) (int, error) {
		for _, a := range batch {
			if slices.Contains(bad, a.ID) {
				return 0, &Refused{errors.New("status 400: \x1b[31mno\n")}
			}
		}
		return len(batch), nil
	}
}

// TestAnswers: whatever a sink answers, each of its 30 alerts is delivered or dead, in order, and accounted for.
func TestAnswers(t *testing.T) {
	failure := errors.New("status 500")
	tests := []struct {
		name   string
		answer answer
		change func(*Settings)
		dead   []string
		// repeated alerts may be taken more than once.
		repeated bool
		check    func(t *testing.T, p *place, c Count)
	}{
		{name: "500", answer: first(5, fails(failure)), check: func(t *testing.T, _ *place, c Count) {
			if c.Failures != 5 || c.Retries != 50 {
				t.Errorf("%d failures, %d retries", c.Failures, c.Retries)
			}
		}},
		{name: "429", answer: first(2, fails(&Later{Err: failure, After: 40 * time.Second})), check: func(t *testing.T, p *place, c Count) {
			for i, pause := range gaps(p)[:2] {
				if pause < 40*time.Second || pause > 41*time.Second {
					t.Errorf("pause %d is %v", i, pause)
				}
			}
		}},
		{name: "429 for ever", answer: first(1, fails(&Later{Err: failure, After: 1 << 62})), check: func(t *testing.T, p *place, c Count) {
			if pause := gaps(p)[0]; pause != maxLater {
				t.Errorf("pause %v", pause)
			}
		}},
		{name: "429 wrapped", answer: first(1, fails(fmt.Errorf("post: %w", &Later{Err: failure, After: time.Minute}))), check: func(t *testing.T, p *place, c Count) {
			if pause := gaps(p)[0]; pause < time.Minute {
				t.Errorf("pause %v", pause)
			}
		}},
		{name: "400 for some", answer: refuses(id(3), id(4), id(29)), dead: []string{id(3), id(4), id(29)}},
		{name: "400 for all", answer: fails(&Refused{failure}), dead: ids(0, 30), check: func(t *testing.T, _ *place, c Count) {
			if c.Failing != "status 500" || c.Failures != 0 || c.Open {
				t.Errorf("%+v", c)
			}
		}},
		{name: "400 half-way", answer: func(_ context.Context, _ int, batch []*alert.Alert) (int, error) {
			for i, a := range batch {
				if a.ID == id(7) || a.ID == id(20) {
					return i, &Partial{Done: i, Err: &Refused{failure}}
				}
			}
			return len(batch), nil
		}, dead: []string{id(7), id(20)}},
		{name: "closes half-way", answer: func(_ context.Context, n int, batch []*alert.Alert) (int, error) {
			if len(batch) > 1 {
				return len(batch) / 2, fmt.Errorf("write: %w", &Partial{Done: len(batch) / 2, Err: failure})
			}
			return 1, nil
		}, change: func(s *Settings) { s.Attempts = 2 }},
		{name: "wrong about how many", answer: first(4, func(_ context.Context, n int, batch []*alert.Alert) (int, error) {
			if n%2 == 0 {
				return len(batch), &Partial{Done: len(batch) + 1, Err: failure}
			}
			return 0, &Partial{Done: -1, Err: nil}
		})},
		{name: "hangs", answer: first(2, func(ctx context.Context, _ int, _ []*alert.Alert) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}), check: func(t *testing.T, p *place, c Count) {
			if pause := gaps(p)[0]; pause < 10*time.Second || pause > 12*time.Second || c.Abandoned != 0 {
				t.Errorf("pause %v, %d abandoned", pause, c.Abandoned)
			}
		}},
		{name: "takes it and hangs", repeated: true, answer: first(2, func(_ context.Context, _ int, batch []*alert.Alert) (int, error) {
			time.Sleep(time.Minute)
			return len(batch), nil
		}), check: func(t *testing.T, p *place, c Count) {
			if c.Abandoned != 2 || c.Duplicates != 20 || p.opened != 3 {
				t.Errorf("%d abandoned, %d duplicates, opened %d times", c.Abandoned, c.Duplicates, p.opened)
			}
		}},
		{name: "panics", answer: first(2, func(context.Context, int, []*alert.Alert) (int, error) { panic("boom") }), check: func(t *testing.T, p *place, c Count) {
			for _, pause := range gaps(p)[:2] {
				if pause > time.Second {
					t.Errorf("a pause of %v after a panic", pause)
				}
			}
			if c.Panics != 2 || p.opened != 3 {
				t.Errorf("%d panics, opened %d times", c.Panics, p.opened)
			}
		}},
		{name: "panics for one alert", answer: func(_ context.Context, _ int, batch []*alert.Alert) (int, error) {
			for _, a := range batch {
				if a.ID == id(13) {
					panic(errors.New("a bug"))
				}
			}
			return len(batch), nil
		}, dead: []string{id(13)}},
		{name: "gives up after attempts", answer: func(_ context.Context, _ int, batch []*alert.Alert) (int, error) {
			if batch[0].ID == id(10) {
				return 0, failure
			}
			return len(batch), nil
		}, change: func(s *Settings) { s.Attempts = 3 }, dead: ids(10, 20)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubbles(t, func(t *testing.T, dir string) {
				p := &place{answer: test.answer}
				s := testSettings()
				s.Linger = time.Millisecond // so that batches are full
				if test.change != nil {
					test.change(&s)
				}
				o := mustOpen(t, Options{Dir: dir}, output1("x", p, s))
				deliver(t, o, 0, 30)
				drain(t, o, 4*time.Hour)
				time.Sleep(2 * time.Minute) // what hangs returns
				c := balanced(t, o)[0]
				var want, dead []string
				for _, one := range ids(0, 30) {
					if !slices.Contains(test.dead, one) {
						want = append(want, one)
					}
				}
				got := p.ids()
				if test.repeated {
					slices.Sort(got)
					got = slices.Compact(got)
				}
				equal(t, "delivered", got, want)
				for _, letter := range o.Dead("x").List() {
					dead = append(dead, letter.ID)
				}
				equal(t, "dead", dead, test.dead)
				if c.Dead != uint64(len(test.dead)) || c.DeadStored != len(test.dead) || c.Delivered != uint64(len(want)) {
					t.Errorf("%+v", c)
				}
				if test.check != nil {
					test.check(t, p, c)
				}
				closeAll(t, o, p)
			})
		})
	}
}

// gaps are the times between the Sends.
func gaps(p *place) []time.Duration {
	times := p.sendTimes()
	out := make([]time.Duration, len(times)-1)
	for i := range out {
		out[i] = times[i+1].Sub(times[i])
	}
	return out
}

func TestDeadLetterReason(t *testing.T) {
	bubbles(t, func(t *testing.T, dir string) {
		seen := &reports{}
		p := &place{answer: refuses(id(2))}
		o := mustOpen(t, Options{Dir: dir, Report: seen.add}, output1("x", p, testSettings()))
		deliver(t, o, 0, 5)
		drain(t, o, time.Minute)
		letter, err := o.Dead("x").Get(id(2))
		if err != nil {
			t.Fatal(err)
		}
		if want := `status 400: \x1b[31mno\n`; letter.Reason != want || letter.Alert.Message != newAlert(2).Message {
			t.Errorf("%+v", letter)
		}
		if r := seen.list(); len(r) != 1 || r[0].Alerts != 1 || r[0].Sink != "x" || strings.ContainsAny(r[0].Err.Error(), "\x1b\n") {
			t.Errorf("reports %+v", r)
		}
		// The place takes it now.
		p.mend()
		if n, err := o.Replay("x", []string{id(2)}); n != 1 || err != nil {
			t.Errorf("replayed %d, error %v", n, err)
		}
		c := drain(t, o, time.Minute)[0]
		if c.Replayed != 1 || c.Dead != 1 || c.Delivered != 5 || c.DeadStored != 0 {
			t.Errorf("%+v", c)
		}
		if n, err := o.Replay("x", []string{id(2)}); n != 0 || err == nil {
			t.Errorf("replayed %d, error %v", n, err)
		}
		if _, err := o.Replay("nobody", nil); err == nil || o.Dead("nobody") != nil {
			t.Errorf("a sink that is not there: %v", err)
		}
		closeAll(t, o, p)
	})
}

// TestReplayRefused: dead letters that are replayed and refused again at once are dead letters still.
func TestReplayRefused(t *testing.T) {
	bubbles(t, func(t *testing.T, dir string) {
		p := &place{answer: refuses(ids(0, 50)...)}
		o := mustOpen(t, Options{Dir: dir}, output1("x", p, testSettings()))
		deliver(t, o, 0, 50)
		for i := range 10 {
			c := drain(t, o, time.Minute)[0]
			if c.DeadStored != 50 || c.Dead != uint64(50*(i+1)) {
				t.Fatalf("round %d: %+v", i, c)
			}
			if n, err := o.Replay("x", ids(0, 50)); n != 50 || err != nil {
				t.Fatalf("round %d: replayed %d, error %v", i, n, err)
			}
		}
		drain(t, o, time.Minute)
		closeAll(t, o, p)
	})
}

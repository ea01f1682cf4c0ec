package daemon

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// script is a source whose calls do what is told, one after the other; without more to do it works until it is stopped.
type script struct {
	mu      sync.Mutex
	opens   []func() error
	runs    []func() error
	opened  []time.Time
	stopped chan struct{}
}

func newScript() *script { return &script{stopped: make(chan struct{})} }

func (s *script) name() string { return "script" }

func next(list *[]func() error) func() error {
	if len(*list) == 0 {
		return nil
	}
	f := (*list)[0]
	*list = (*list)[1:]
	return f
}

func (s *script) open() error {
	s.mu.Lock()
	s.opened = append(s.opened, time.Now())
	f := next(&s.opens)
	s.mu.Unlock()
	if f == nil {
		return nil
	}
	return f()
}

func (s *script) run() error {
	s.mu.Lock()
	f := next(&s.runs)
	s.mu.Unlock()
	if f == nil {
		<-s.stopped
		return nil
	}
	return f()
}

func (s *script) stop(context.Context) error {
	close(s.stopped)
	return nil
}

// A source that fails, ends, or panics is started again after a pause that grows; its state says so; another source does
// not notice.
func TestSourcesAreRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("it\nbroke")
		fail := func() error { return failure }
		bad, good := newScript(), newScript()
		bad.runs = []func() error{fail, func() error { panic("oh") }, func() error { return nil },
			func() error { time.Sleep(healthyTime); return failure }}
		bad.opens = []func() error{nil, fail, func() error { panic("no") }, nil}
		var log output
		logger, _, err := newLog(testConfig().Log, &log)
		if err != nil {
			t.Fatal(err)
		}
		p := &pipeline{log: logger}
		d := &Daemon{log: logger, pipeline: p, stopTime: stopTime}
		d.sources = []*keeper{d.keep(bad, "x"), d.keep(good, "y")}
		began := time.Now()
		end, _ := d.start(t.Context(), d.sources)
		synctest.Wait()
		want := sourceState{name: "script", events: "x", failure: "it; broke"}
		if got := d.sources[0].state(); got != want {
			t.Errorf("state %+v, want %+v", got, want)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		var at []time.Duration
		for _, o := range bad.opened {
			at = append(at, o.Sub(began))
		}
		// The first run fails; opening succeeds after 1 s, the run panics; opening fails after 2 s and panics after 4 s more
		// and succeeds after 8 s; that run ends by itself; after 16 s one runs for a minute, and the next pause is the first
		// again.
		if want := []time.Duration{time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second, 31 * time.Second,
			31*time.Second + healthyTime + time.Second}; !slices.Equal(at, want) {
			t.Errorf("opened at %v, want %v", at, want)
		}
		if got := d.sources[0].state(); !got.up || got.restarts != 4 || got.failure != "" {
			t.Errorf("state %+v", got)
		}
		if got := d.sources[1].state(); !got.up || got.restarts != 0 || len(good.opened) != 0 {
			t.Errorf("the other source: %+v", got)
		}
		if err := end(); err != nil {
			t.Error(err)
		}
		if got := d.sources[0].state(); got.up {
			t.Error("it is up after the end")
		}
		if n := p.panics.count.Load(); n != 2 || strings.Count(log.String(), `"stack"`) != 1 {
			t.Errorf("%d panics in\n%s", n, &log)
		}
	})
}

// The pause has a limit, and the end of the program does not wait for it.
func TestPauseOfSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript()
		s.runs = []func() error{func() error { return errors.New("x") }}
		for range 20 {
			s.opens = append(s.opens, func() error { return errors.New("x") })
		}
		d := &Daemon{log: zap.NewNop(), pipeline: &pipeline{log: zap.NewNop()}, stopTime: stopTime}
		d.sources = []*keeper{d.keep(s, "x")}
		end, _ := d.start(t.Context(), d.sources)
		time.Sleep(3*time.Minute + time.Millisecond)
		synctest.Wait()
		for i := 1; i < len(s.opened); i++ {
			if pause := s.opened[i].Sub(s.opened[i-1]); pause > maxPause || i > 5 && pause != maxPause {
				t.Errorf("pause %d is %v", i, pause)
			}
		}
		before := time.Now()
		if err := end(); err != nil || time.Since(before) > 0 {
			t.Errorf("the end took %v, %v", time.Since(before), err)
		}
	})
}

// A source that is read to its end is not started again, which is no failure; when all are, that is told.
func TestSourcesAreReadToTheirEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newScript(), newScript()
		first.runs = []func() error{func() error { return errAllRead }}
		second.runs = []func() error{func() error { time.Sleep(time.Hour); return errAllRead }}
		d := &Daemon{log: zap.NewNop(), pipeline: &pipeline{log: zap.NewNop()}, stopTime: stopTime}
		d.sources = []*keeper{d.keep(first, "x"), d.keep(second, "x")}
		end, read := d.start(t.Context(), d.sources)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, want := d.sources[0].state(), (sourceState{name: "script", events: "x", failure: "everything is read", optional: true}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		select {
		case <-read:
			t.Error("told too early")
		default:
		}
		if got := d.runningSources(); !slices.Equal(got, []string{"x"}) {
			t.Errorf("%q", got)
		}
		before := time.Now()
		<-read
		if took := time.Since(before); took != time.Hour-time.Minute {
			t.Errorf("told after %v", took)
		}
		if err := end(); err != nil || len(first.opened)+len(second.opened) > 0 {
			t.Error(err)
		}
	})
}

package deliver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/queue"
)

// TestReports: a sink that fails now and then all day is told of a few times, not each time.
func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, seen := &place{}, &reports{}
		p.answer = func(_ context.Context, n int, batch []*alert.Alert) (int, error) {
			if n%2 == 0 {
				return 0, errors.New(strings.Repeat("long\n", 1000))
			}
			return len(batch), nil
		}
		s := testSettings()
		s.Batch = 1
		o := mustOpen(t, Options{Report: seen.add}, output1("x", p, s))
		const minutes = 10
		for i := range minutes * 60 {
			deliver(t, o, i, i+1)
			time.Sleep(time.Second)
		}
		drain(t, o, time.Hour)
		got := seen.list()
		if len(got) < 4 || len(got) > 2*(minutes+1) {
			t.Errorf("%d reports", len(got))
		}
		for _, r := range got {
			if r.Err != nil && (!strings.HasSuffix(r.Err.Error(), " more bytes)") || strings.Contains(r.Err.Error(), "\n")) {
				t.Errorf("error %q", r.Err)
			}
			if strings.HasPrefix(r.Text, "delivering again after 0") {
				t.Errorf("%+v", r)
			}
		}
		closeAll(t, o, p)
	})
}

// TestLastingFailure: another cause of a failure is reported, at most once a minute, and a failure that lasts again and
// again.
func TestLastingFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, seen := &place{}, &reports{}
		var text atomic.Pointer[string]
		say := func(s string) { text.Store(&s) }
		p.answer = func(_ context.Context, n int, _ []*alert.Alert) (int, error) {
			return 0, fmt.Errorf("port %d answers %s", 30000+n, *text.Load())
		}
		s := testSettings()
		o := mustOpen(t, Options{Report: seen.add}, output1("x", p, s))
		say("503")
		begin := time.Now()
		deliver(t, o, 0, 3)
		time.Sleep(5 * time.Minute)
		say("401")
		time.Sleep(29 * time.Minute)
		for i := range 600 { // each second another one
			say(fmt.Sprint(100 + i))
			time.Sleep(time.Second)
		}
		kinds := map[string]int{}
		for _, r := range seen.list() {
			switch {
			case strings.HasPrefix(r.Text, "too many failures"):
				continue
			case !r.Warning || r.Alerts != 3 || r.Err == nil:
				t.Errorf("%+v", r)
			}
			kind := r.Text
			if strings.HasPrefix(kind, "alerts still cannot be delivered, since ") {
				if want := begin.UTC().Format(time.RFC3339) + ": 3 wait"; !strings.HasSuffix(kind, want) {
					t.Errorf("%q, want %q", kind, want)
				}
				kind = "reminder"
			}
			kinds[kind]++
		}
		const first, other = "alerts cannot be delivered and are kept: it is tried again", "alerts still cannot be delivered, now for another reason: it is tried again"
		if kinds[first] != 1 || kinds["reminder"] != 2 || kinds[other] < 5 || kinds[other] > 12 || len(kinds) != 3 {
			t.Errorf("%v", kinds)
		}
		p.mend()
		drain(t, o, time.Hour)
		closeAll(t, o, p)
	})
}

// TestDropReports: alerts that a full queue drops are told of with their number.
func TestDropReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, seen := &place{answer: fails(errors.New("down"))}, &reports{}
		s := testSettings()
		s.Queue.Policy, s.Queue.MemoryBytes = queue.OldestFirst, 20<<10
		o := mustOpen(t, Options{Report: seen.add}, output1("x", p, s))
		for i := range 20 {
			deliver(t, o, 100*i, 100*(i+1))
			time.Sleep(10 * time.Second)
			balanced(t, o)
		}
		time.Sleep(quiet)
		c := balanced(t, o)[0]
		dropped := 0
		for _, n := range c.Dropped {
			dropped += int(n)
		}
		told, times := 0, 0
		for _, r := range seen.list() {
			if strings.HasPrefix(r.Text, "alerts were dropped") {
				told += r.Alerts
				times++
			}
		}
		if told != dropped || dropped < 1000 || times > 6 {
			t.Errorf("%d dropped, %d told in %d reports: %+v", dropped, told, times, c)
		}
		p.mend()
		drain(t, o, time.Minute)
		closeAll(t, o, p)
	})
}

// wordy counts fallbacks.
type wordy struct{ *visit }

func (w wordy) Fallbacks() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return 7
}

// TestFallbacks: the counter of a sink goes on when the sink is opened anew.
func TestFallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &place{}
		open := func() (Sink, error) {
			s, err := p.open()
			return wordy{s.(*visit)}, err
		}
		s := testSettings()
		o := mustOpen(t, Options{}, Output{Name: "x", Settings: s, Open: open})
		if c := balanced(t, o)[0]; c.Fallbacks != 7 {
			t.Errorf("%d", c.Fallbacks)
		}
		s.Batch++
		if err := o.Replace([]Output{{Name: "x", Settings: s, Open: open}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if c := balanced(t, o)[0]; c.Fallbacks != 14 {
			t.Errorf("%d", c.Fallbacks)
		}
		closeAll(t, o, p)
	})
}

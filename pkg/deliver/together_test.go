package deliver

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/queue"
)

// TestTogether: the alerts of one event are taken all or none, by all sinks or none.
func TestTogether(t *testing.T) {
	bubbles(t, func(t *testing.T, dir string) {
		down := fails(errors.New("down"))
		small, large := &place{answer: down}, &place{answer: down}
		s, l := smallQueue(), testSettings()
		s.Queue.Policy, l.Queue.Policy = queue.Block, queue.Block
		s.Queue.MemoryBytes = 64 << 10
		o := mustOpen(t, Options{Dir: dir}, output1("large", large, l), output1("small", small, s))
		event := func(i int) []*alert.Alert {
			var all []*alert.Alert
			for k := range 5 {
				a := newAlert(5*i + k)
				a.Message = strings.Repeat("x", 1000)
				all = append(all, a)
			}
			return all
		}
		n := 0
		for o.Deliver(event(n)...) == nil {
			n++
			commit(t, o)
		}
		for range 3 {
			if err := o.Deliver(event(n)...); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "sink small") {
				t.Fatalf("after %d events: %v", n, err)
			}
		}
		for _, c := range balanced(t, o) {
			if c.Matched != uint64(5*n) || c.Queued != uint64(5*n) || n < 2 {
				t.Errorf("%d events: %+v", n, c)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		small.mend()
		for err := ErrFull; errors.Is(err, ErrFull); err = o.Deliver(event(n)...) {
			if err := o.Room(ctx); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		large.mend()
		drain(t, o, time.Minute)
		equal(t, "small", small.ids(), ids(0, 5*n+5))
		equal(t, "large", large.ids(), ids(0, 5*n+5))
		// More than the queue ever holds goes in when there is nothing else.
		var many []*alert.Alert
		for i := range 200 {
			a := newAlert(5*n + 5 + i)
			a.Message = strings.Repeat("x", 1000)
			many = append(many, a)
		}
		if err := o.Deliver(many...); err != nil {
			t.Fatal(err)
		}
		drain(t, o, time.Minute)
		equal(t, "small", small.ids(), ids(0, 5*n+205))
		closeAll(t, o, small, large)
	})
}

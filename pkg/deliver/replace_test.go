package deliver

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/saker-security/saker/pkg/alert"
)

func TestReplace(t *testing.T) {
	bubbles(t, func(t *testing.T, dir string) {
		same, changed, removed, added := &place{}, &place{}, &place{}, &place{}
		seen := &reports{}
		removed.answer = fails(errors.New("down"))
		s := testSettings()
		o := mustOpen(t, Options{Dir: dir, Report: seen.add}, output1("same", same, s), output1("changed", changed, s), output1("removed", removed, s))
		deliver(t, o, 0, 50)
		time.Sleep(time.Second)
		other := s
		other.Batch = 3
		next := []Output{output1("added", added, s), output1("changed", changed, other), output1("same", same, s)}
		broken := Output{Name: "broken", Settings: s, Open: func() (Sink, error) { return nil, errors.New("no such certificate") }}
		if err := o.Replace(append(slices.Clone(next), broken)); err == nil || !strings.Contains(err.Error(), "sink broken: open the sink: no such certificate") {
			t.Errorf("a sink that cannot be opened: %v", err)
		}
		if c := balanced(t, o); len(c) != 3 || c[0].Sink != "same" || changed.opened != 2 || changed.closed != 1 || added.opened != added.closed {
			t.Errorf("something changed: %+v", c)
		}
		if err := o.Replace(next); err != nil {
			t.Fatal(err)
		}
		deliver(t, o, 50, 100)
		counts := drain(t, o, time.Minute)
		if len(counts) != 3 || counts[0].Sink != "added" || counts[0].Matched != 50 || counts[1].Matched != 100 || counts[2].Matched != 100 {
			t.Errorf("%+v", counts)
		}
		if same.opened != 1 || changed.opened != 3 || changed.closed != 2 || removed.closed != 1 {
			t.Errorf("same was opened %d times, changed %d times and closed %d times, removed closed %d times", same.opened, changed.opened, changed.closed, removed.closed)
		}
		equal(t, "same", same.ids(), ids(0, 100))
		equal(t, "changed", changed.ids(), ids(0, 100))
		equal(t, "added", added.ids(), ids(50, 100))
		last := seen.list()[len(seen.list())-1]
		if last.Sink != "removed" || last.Alerts != 50 || !last.Warning || dir != "" && !strings.Contains(last.Text, "50 alerts of sink removed wait in "+filepath.Join(dir, "sinks", "removed")) {
			t.Errorf("report %+v", last)
		}
		if dir != "" {
			// It is there again, with what waits.
			removed.answer = nil
			if err := o.Replace(append(next, output1("removed", removed, s))); err != nil {
				t.Fatal(err)
			}
			if c := drain(t, o, time.Minute)[3]; c.Recovered != 50 || c.Delivered != 50 {
				t.Errorf("%+v", c)
			}
			equal(t, "removed", removed.ids(), ids(0, 50))
		}
		closeAll(t, o, same, changed, removed, added)
		if err := o.Replace(next); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

// TestReplaceUnderLoad: a sink that is changed again and again while alerts come, and while it fails now and then,
// gets each of them once and in order.
func TestReplaceUnderLoad(t *testing.T) {
	bubbles(t, func(t *testing.T, dir string) {
		p := &place{answer: func(ctx context.Context, n int, batch []*alert.Alert) (int, error) {
			select {
			case <-time.After(time.Duration(n%5) * time.Millisecond):
			case <-ctx.Done():
				return 0, ctx.Err()
			}
			if n%7 == 0 {
				return len(batch) / 2, &Partial{Done: len(batch) / 2, Err: errors.New("half")}
			}
			return len(batch), nil
		}}
		s := testSettings()
		s.RetryMin, s.RetryMax = time.Millisecond, 4*time.Millisecond
		o := mustOpen(t, Options{Dir: dir}, output1("x", p, s))
		const n = 5000
		var all sync.WaitGroup
		all.Go(func() {
			for i := range n {
				if err := o.Deliver(newAlert(i)); err != nil {
					t.Error(err)
				}
				time.Sleep(300 * time.Microsecond)
			}
		})
		for i := range 200 {
			s.Batch = 1 + i%20
			s.DeadBytes = int64(1<<20 + i)
			s.Queue.MaxAge = time.Duration(i+1) * time.Hour
			if err := o.Replace([]Output{output1("x", p, s)}); err != nil {
				t.Fatal(err)
			}
			balanced(t, o)
			time.Sleep(7 * time.Millisecond)
		}
		all.Wait()
		c := drain(t, o, time.Minute)[0]
		if c.Delivered != n || c.Matched != n || c.Recovered != 0 {
			t.Errorf("%+v", c)
		}
		equal(t, "delivered", p.ids(), ids(0, n))
		if p.opened != 200+1 {
			t.Errorf("opened %d times", p.opened)
		}
		closeAll(t, o, p)
	})
}

func TestNames(t *testing.T) {
	p := &place{}
	for _, name := range []string{"", ".", "..", "a/b", "A", "-a", "a\n", strings.Repeat("a", 65)} {
		if o, err := Open(Options{}, []Output{output1(name, p, testSettings())}); err == nil {
			o.Close()
			t.Errorf("%q is taken for a name", name)
		}
	}
	if o, err := Open(Options{}, []Output{output1("a", p, testSettings()), output1("a", p, testSettings())}); err == nil {
		o.Close()
		t.Error("two sinks have the same name")
	}
	if p.opened != 0 {
		t.Error("a sink was opened")
	}
}

// TestBadOpen: Open that fails leaves nothing behind, and a sink whose Open panics or gives nothing is an error.
func TestBadOpen(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		for _, open := range []func() (Sink, error){
			func() (Sink, error) { panic("boom") },
			func() (Sink, error) { return nil, nil },
		} {
			p := &place{}
			if _, err := Open(Options{Dir: dir}, []Output{output1("a", p, testSettings()), {Name: "b", Settings: testSettings(), Open: open}}); err == nil {
				t.Error("no error")
			}
			if p.opened != 1 || p.closed != 1 {
				t.Errorf("opened %d times and closed %d times", p.opened, p.closed)
			}
		}
		p := &place{}
		o := mustOpen(t, Options{Dir: dir}, output1("a", p, testSettings()))
		closeAll(t, o, p)
	})
}

package daemon

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestHeartbeat(t *testing.T) {
	var failure atomic.Pointer[error]
	var hang, live, deaf atomic.Bool
	var made, taken atomic.Uint64
	commit := func(ctx context.Context) error {
		if hang.Load() {
			<-ctx.Done()
			return ctx.Err()
		}
		if err := failure.Load(); err != nil {
			return *err
		}
		return nil
	}
	progress := func() sensorProgress { return sensorProgress{live.Load(), made.Load(), taken.Load()} }
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		h := newHeartbeat()
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.run(ctx, commit, progress)
		}()
		expect := func(after time.Duration, want ...string) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			var got []string
			for _, reason := range []string{h.storing(time.Now()), h.sensing(time.Now())} {
				if reason != "" {
					got = append(got, reason)
				}
			}
			if len(got) != len(want) {
				t.Fatalf("after %v: %q, want %q", after, got, want)
			}
			for i := range want {
				if !strings.Contains(got[i], want[i]) {
					t.Errorf("after %v: %q, want %q", after, got[i], want[i])
				}
			}
		}
		expect(time.Hour)
		err := errors.New("no space left\non device")
		failure.Store(&err)
		expect(beatInterval, "storing alerts fails: no space left; on device")
		failure.Store(nil)
		expect(beatInterval)
		// A commit that hangs is noticed while it does, and when it gave up.
		hang.Store(true)
		expect(stuckTime)
		expect(stuckTime+beatInterval, "deadline exceeded")
		hang.Store(false)
		expect(stuckTime + 2*beatInterval)
		// A live sensor hears of something with every beat.
		events := make(chan struct{})
		go func() {
			defer close(events)
			for ctx.Err() == nil {
				time.Sleep(time.Second)
				if live.Load() && !deaf.Load() {
					made.Add(1)
					taken.Add(1)
				}
			}
		}()
		live.Store(true)
		expect(time.Hour)
		live.Store(false) // no rule asks for system calls any more
		expect(time.Hour)
		made.Add(5)
		taken.Add(5)
		live.Store(true)
		expect(time.Hour)
		deaf.Store(true)
		expect(stuckTime)
		expect(2*beatInterval, "no system call event has come for")
		made.Add(1)
		expect(beatInterval, "events are not taken for")
		deaf.Store(false)
		expect(2 * beatInterval)
		cancel()
		<-done
		<-events
	})
}

func TestFailures(t *testing.T) {
	d, _, _, stop := start(t, testConfig(), "k8s_audit")
	if reasons := d.failures(time.Now()); len(reasons) != 0 {
		t.Errorf("running: %q", reasons)
	}
	if !d.responds(t.Context()) {
		t.Error("it does not respond")
	}
	h := d.ops.heartbeat
	beaten := func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.beats > 0
	}
	waitUntil(t, beaten)
	h.committed(errors.New("input/output error"))
	code, body := get(t, "http://"+d.WebAddress()+"/healthz")
	if want := `{"status":"failing","reasons":["storing alerts fails: input/output error"]}` + "\n"; code != 503 || body != want {
		t.Errorf("%d %s, want %s", code, body, want)
	}
	h.committed(errors.New("input/output error")) // a heartbeat may have come
	if code, body := get(t, "http://"+d.WebAddress()+"/readyz"); code != 503 || !strings.Contains(body, `"ready":false`) {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := get(t, "http://"+d.WebAddress()+"/livez"); code != 200 {
		t.Errorf("alive: %d", code)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Whoever looks while another look does not come back is told so, and does not wait as well.
func TestResponds(t *testing.T) {
	d, _, _, _ := start(t, testConfig(), "k8s_audit")
	d.ops.looking.Store(true)
	d.ops.looked.Store(time.Now().UnixNano())
	if !d.responds(t.Context()) {
		t.Error("a look that just began")
	}
	d.ops.looked.Store(time.Now().Add(-2 * respondTime).UnixNano())
	if d.responds(t.Context()) {
		t.Error("a look that does not come back")
	}
	d.ops.looking.Store(false)
	if !d.responds(t.Context()) {
		t.Error("after it came back")
	}
}

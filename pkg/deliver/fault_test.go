package deliver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/saker-security/saker/internal/faultfs"
)

// TestPowerLoss: power is lost or the process killed at any moment, twice, while sinks do what they want. Every alert
// that was committed is delivered before or after that, or is a dead letter.
func TestPowerLoss(t *testing.T) {
	total, left := 0, 0
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			fsys := faultfs.New()
			known, committed := make(map[string]bool), 0
			for range 2 {
				fsys, committed = crash(t, fsys, random, committed, known)
			}
			p := &place{}
			o := mustOpen(t, Options{Dir: "/data", FS: fsys}, output1("x", p, testSettings()))
			drain(t, o, time.Minute)
			remember(o, p.ids(), known)
			for i := range committed {
				if !known[id(i)] {
					t.Errorf("seed %d: alert %d of %d was committed and is gone", seed, i, committed)
					break
				}
			}
			total += committed
			left += len(p.ids())
			closeAll(t, o, p)
		})
	}
	if total < 10000 || left < 1000 {
		t.Errorf("only %d alerts were committed and %d left by a crash: the test shows little", total, left)
	}
}

// crash delivers alerts until the machine stops. It returns what is left on disk and the number of the first alert that
// was not committed, and adds to known those that arrived.
func crash(t *testing.T, fsys *faultfs.FS, random *rand.Rand, next int, known map[string]bool) (*faultfs.FS, int) {
	p := &place{}
	p.answer = moody(p, random.Uint64())
	s := testSettings()
	s.Batch, s.Workers = 1+random.IntN(20), 1+random.IntN(2)
	s.RetryMin, s.RetryMax = time.Millisecond, 10*time.Millisecond
	o := mustOpen(t, Options{Dir: "/data", FS: fsys}, output1("x", p, s))
	committed := next
	fsys.CrashAfter(fsys.Ops() + 1 + random.IntN(400))
	for range 1 + random.IntN(100) {
		n := random.IntN(30)
		deliver(t, o, next, next+n)
		next += n
		if err := o.Commit(t.Context()); err != nil {
			break
		}
		committed = next
		time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond)
	}
	fsys.CrashAfter(-1)
	remember(o, p.ids(), known) // what the old process does from here on is not seen by anybody
	defer func() {
		_ = o.Close()
		time.Sleep(time.Minute) // what hangs returns
	}()
	switch random.IntN(3) {
	case 0:
		return fsys.Kill(), committed
	case 1:
		return fsys.PowerLoss(nil), committed
	default:
		return fsys.PowerLoss(random), committed
	}
}

// remember notes what arrived or is a dead letter.
func remember(o *Outputs, delivered []string, known map[string]bool) {
	for _, id := range delivered {
		known[id] = true
	}
	for _, letter := range o.Dead("x").List() {
		known[letter.ID] = true
	}
}

// TestDiskFails: while the disk is full, or fails, alerts go on from memory and Commit says so; what is refused is
// neither lost nor in the way; and when the disk is back, everything is as before.
func TestDiskFails(t *testing.T) {
	faults := map[string]func(*faultfs.FS, bool){
		"full": func(fsys *faultfs.FS, on bool) {
			fsys.Space(-1)
			if on {
				fsys.Space(0)
			}
		},
		"does not sync": func(fsys *faultfs.FS, on bool) {
			fsys.Hook(func(op faultfs.Op) error {
				if on && op.Kind == faultfs.Sync {
					return syscall.EIO
				}
				return nil
			})
		},
		"is read-only": func(fsys *faultfs.FS, on bool) {
			fsys.Hook(func(op faultfs.Op) error {
				if on && op.Changes() {
					return syscall.EROFS
				}
				return nil
			})
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fsys, seen := faultfs.New(), &reports{}
				p, down := &place{answer: refuses(id(210), id(220), id(330))}, &place{answer: fails(errors.New("down"))}
				o := mustOpen(t, Options{Dir: "/data", FS: fsys, Report: seen.add}, output1("x", p, testSettings()), output1("down", down, testSettings()))
				deliver(t, o, 0, 200)
				if err := o.Commit(t.Context()); err != nil {
					t.Fatal(err)
				}
				fault(fsys, true)
				failed := false
				for i := range 100 { // what was reserved on disk may last for a while
					deliver(t, o, 200+i, 201+i)
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					if err := o.Commit(ctx); err != nil {
						failed = true
					}
					cancel()
					time.Sleep(time.Second)
				}
				c := balanced(t, o)[0]
				if !failed || c.Durable || c.DiskError == "" {
					t.Errorf("the disk does not fail: %+v", c)
				}
				if c.Delivered != 298 || c.Queued != 2 || c.Dead != 0 {
					t.Errorf("while the disk fails: %+v", c)
				}
				// A reload forgets nothing of that.
				s := testSettings()
				s.Batch++
				if err := o.Replace([]Output{output1("x", p, s), output1("down", down, s)}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				fault(fsys, false)
				deliver(t, o, 300, 400)
				time.Sleep(5 * time.Second)
				if err := o.Commit(t.Context()); err != nil {
					t.Errorf("the disk is back: %v", err)
				}
				time.Sleep(watchEvery)
				c = balanced(t, o)[0]
				if c.Delivered != 397 || c.Queued != 0 || c.Dead != 3 || !c.Durable || c.DiskError != "" {
					t.Errorf("the disk is back: %+v", c)
				}
				if c := balanced(t, o)[1]; c.Queued != 400 {
					t.Errorf("%+v", c)
				}
				told := ""
				for _, r := range seen.list() {
					if r.Sink == "x" {
						told += r.Text + "\n"
					}
				}
				for _, want := range []string{"the disk fails", "alerts are kept on disk again", "since dead letters cannot be kept"} {
					if strings.Count(told, want) == 0 || strings.Count(told, want) > 3 {
						t.Errorf("reports %s", told)
					}
				}
				// Nothing of that depended on memory.
				left := fsys.PowerLoss(nil)
				_ = o.Close()
				again := &place{}
				o = mustOpen(t, Options{Dir: "/data", FS: left}, output1("down", again, testSettings()))
				drain(t, o, time.Minute)
				equal(t, "after a loss of power", again.ids(), ids(0, 400))
				closeAll(t, o, again)
			})
		})
	}
}

// TestSlowDisk: a disk that takes two seconds for each sync holds up nobody but those who wait for Commit, and one sync
// is enough for all who wait at once.
func TestSlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, p := faultfs.New(), &place{}
		o := mustOpen(t, Options{Dir: "/data", FS: fsys}, output1("x", p, testSettings()))
		fsys.Hook(func(op faultfs.Op) error {
			if op.Kind == faultfs.Sync {
				time.Sleep(2 * time.Second)
			}
			return nil
		})
		start := time.Now()
		var all sync.WaitGroup
		for i := range 100 {
			deliver(t, o, 10*i, 10*i+10)
			all.Go(func() {
				if err := o.Commit(t.Context()); err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("committed after %v", took)
				}
			})
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("delivering took %v", took)
		}
		time.Sleep(time.Second)
		equal(t, "delivered", p.ids(), ids(0, 1000))
		all.Wait()
		balanced(t, o)
		closeAll(t, o, p)
	})
}

// TestOpenOnBadDisk: what cannot be opened is an error that names it, and leaves nothing open.
func TestOpenOnBadDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, kind := range []string{faultfs.Mkdir, faultfs.ReadDir} {
			fsys, p := faultfs.New(), &place{}
			fsys.Hook(func(op faultfs.Op) error {
				if op.Kind == kind && strings.HasPrefix(op.Path, "/data/sinks/x") {
					return fmt.Errorf("%s: %w", kind, syscall.EIO)
				}
				return nil
			})
			if _, err := Open(Options{Dir: "/data", FS: fsys}, []Output{output1("x", p, testSettings())}); !errors.Is(err, syscall.EIO) || !strings.HasPrefix(err.Error(), "sink x: ") {
				t.Errorf("%s: %v", kind, err)
			}
			if p.opened != p.closed {
				t.Errorf("%s: a sink stays open", kind)
			}
		}
	})
}

package deliver

import (
	"errors"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/saker-security/saker/internal/faultfs"
	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/queue"
)

// smallQueue are settings whose queue has files of 4 KiB, each of some twenty alerts.
func smallQueue() Settings {
	s := testSettings()
	s.Queue.MaxBytes = 64 << 10
	s.RetryMin, s.RetryMax = time.Millisecond, time.Millisecond
	return s
}

// kill ends a process without a word. What it does afterwards is not seen by the next one.
func kill(o *Outputs, fsys *faultfs.FS) *faultfs.FS {
	next := fsys.Kill()
	_ = o.Close()
	return next
}

// onDisk gives the IDs of the alerts in the files of the queue of sink x, with those that are acknowledged.
func onDisk(t testing.TB, fsys *faultfs.FS) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	if err := queue.Recent(fsys, "/data/sinks/x/queue", 1000*time.Hour, func(r queue.Record) bool {
		id, err := alert.EncodedID(r.Payload)
		if err != nil {
			t.Error(err)
		}
		ids[id] = true
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return ids
}

// waiting gives how often each alert waits in the queue of sink x.
func waiting(t testing.TB, fsys *faultfs.FS) map[string]int {
	t.Helper()
	ids := map[string]int{}
	if err := queue.Scan(fsys, "/data/sinks/x/queue", func(r queue.Record) bool {
		a, err := alert.Decode(r.Payload)
		if err != nil {
			t.Error(err)
		}
		ids[a.ID]++
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return ids
}

func commit(t testing.TB, o *Outputs) {
	t.Helper()
	if err := o.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestRecall: after a kill alerts that wait, that were delivered, and that were refused are not taken again; others are,
// and so is what is replayed. A second kill changes nothing, although the files of the queue are deleted by then.
func TestRecall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, p := faultfs.New(), &place{answer: fails(errors.New("down"))}
		o := mustOpen(t, Options{Dir: "/data", FS: fsys}, output1("x", p, smallQueue()))
		deliver(t, o, 0, 100)
		commit(t, o)
		p.mu.Lock()
		p.answer = refuses(id(7))
		p.mu.Unlock()
		drain(t, o, time.Minute)
		p.mu.Lock()
		p.answer = fails(errors.New("down"))
		p.mu.Unlock()
		deliver(t, o, 100, 120)
		commit(t, o)
		for life := range 4 {
			fsys = kill(o, fsys)
			p = &place{answer: fails(errors.New("down"))}
			if life > 1 {
				p.answer = nil
			}
			seen := &reports{}
			o = mustOpen(t, Options{Dir: "/data", FS: fsys, Report: seen.add}, output1("x", p, smallQueue()))
			deliver(t, o, 0, 130)
			commit(t, o)
			time.Sleep(5 * time.Second) // files are deleted
			c := balanced(t, o)[0]
			fresh := map[int]uint64{0: 10}[life]
			if c.Matched != 130 || c.Suppressed[Repeated] != 130-fresh || c.Dropped[queue.Damaged] != 0 {
				t.Errorf("life %d: %+v", life, c)
			}
			if life < 2 && c.Queued != 30 || life == 2 && c.Delivered != 30 {
				t.Errorf("life %d: %+v", life, c)
			}
			for _, r := range seen.list() {
				if strings.Contains(r.Text, "recall") || strings.Contains(r.Text, "noted") {
					t.Errorf("%+v", r)
				}
			}
			if d := onDisk(t, fsys); d[id(0)] {
				t.Errorf("life %d: the first files are there, the test shows little", life)
			}
		}
		if n, err := o.Replay("x", []string{id(7)}); n != 1 || err != nil {
			t.Errorf("replay: %d, %v", n, err)
		}
		c := drain(t, o, time.Minute)[0]
		if ids := p.ids(); c.Replayed != 1 || len(ids) != 1 || ids[0] != id(7) {
			t.Errorf("replayed %v: %+v", ids, c)
		}
		closeAll(t, o, p)
	})
}

// TestRecallPassed: a sink takes alerts before they are on disk. They never come there, and are not taken again all the
// same; the end of a file of notes that was not written whole is no damage.
func TestRecallPassed(t *testing.T) {
	for name, end := range map[string][]byte{"whole": nil, "cut off": {100, 0, 0, 0, 1}, "zeros": make([]byte, 4096)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fsys, p := faultfs.New(), &place{}
				o := mustOpen(t, Options{Dir: "/data", FS: fsys}, output1("x", p, smallQueue()))
				for i := range 20 {
					deliver(t, o, 3*i, 3*i+3)
					synctest.Wait()
				}
				equal(t, "delivered", p.ids(), ids(0, 60))
				fsys = kill(o, fsys)
				if n := len(onDisk(t, fsys)); n != 0 {
					t.Fatalf("%d alerts are on disk", n)
				}
				path := "/data/sinks/x/recall.0"
				if fsys.Get(path) == nil {
					path = "/data/sinks/x/recall.1"
				}
				fsys.Put(path, append(fsys.Get(path), end...))
				for life := range 3 {
					seen, next := &reports{}, 60+10*life
					p = &place{}
					o = mustOpen(t, Options{Dir: "/data", FS: fsys, Report: seen.add}, output1("x", p, smallQueue()))
					deliver(t, o, 0, next+10)
					synctest.Wait()
					c := balanced(t, o)[0]
					if c.Suppressed[Repeated] != uint64(next) || len(seen.list()) != 0 {
						t.Errorf("life %d: %+v, reports %+v", life, c, seen.list())
					}
					equal(t, "delivered", p.ids(), ids(next, next+10))
					fsys = kill(o, fsys)
				}
			})
		})
	}
}

// TestRecallEnds: what is too old to be sent again is not recalled, and nothing is after ten minutes; the time without a
// process does not count.
func TestRecallEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, p := faultfs.New(), &place{}
		p.answer = fails(errors.New("down"))
		o := mustOpen(t, Options{Dir: "/data", FS: fsys}, output1("x", p, smallQueue()))
		deliver(t, o, 0, 100)
		commit(t, o)
		time.Sleep(recallTime + time.Minute)
		deliver(t, o, 100, 200)
		commit(t, o)
		fsys = kill(o, fsys)
		time.Sleep(24 * time.Hour)
		p = &place{}
		o = mustOpen(t, Options{Dir: "/data", FS: fsys}, output1("x", p, smallQueue()))
		drain(t, o, time.Minute)
		time.Sleep(time.Minute)
		fsys = kill(o, fsys)
		p = &place{}
		o = mustOpen(t, Options{Dir: "/data", FS: fsys}, output1("x", p, smallQueue()))
		deliver(t, o, 0, 200)
		if c := drain(t, o, time.Minute)[0]; c.Suppressed[Repeated] != 100 || c.Delivered+c.Dropped[queue.QueueFull] != 100 {
			t.Errorf("%+v", c)
		}
		time.Sleep(recallTime)
		deliver(t, o, 100, 200)
		if c := drain(t, o, time.Minute)[0]; c.Suppressed[Repeated] != 100 || c.Delivered != 200 {
			t.Errorf("%+v", c)
		}
		if out := o.outputs()[0]; out.recall.known != nil {
			t.Error("memory is kept")
		}
		closeAll(t, o, p)
	})
}

// TestRecallTwoKills kills a process, or takes its power, at each of its operations, and the next one too. No alert that
// was on disk when a process started is put into the queue a second time, and none that was committed gets lost.
func TestRecallTwoKills(t *testing.T) {
	repeats, points, deleted := uint64(0), 0, 0
	for at, again := 1, 0; again < 10; at++ {
		ended := false
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(uint64(at), uint64(again)))
			fsys, got := faultfs.New(), map[string]bool{}
			known := map[string]bool{}
			// The first process keeps 60 alerts on disk and delivers most of them.
			p := &place{answer: fails(errors.New("down"))}
			o := mustOpen(t, Options{Dir: "/data", FS: fsys}, output1("x", p, smallQueue()))
			deliver(t, o, 0, 60)
			commit(t, o)
			p.mend()
			time.Sleep(time.Duration(random.IntN(3)) * time.Second)
			for life := range 3 {
				for _, id := range p.ids() {
					got[id] = true
				}
				if life == 1 && random.IntN(2) == 0 {
					next := fsys.PowerLoss(random)
					_ = o.Close()
					fsys = next
				} else {
					fsys = kill(o, fsys)
				}
				for id := range onDisk(t, fsys) {
					known[id] = true
				}
				before := waiting(t, fsys)
				p = &place{}
				if random.IntN(2) == 0 {
					p.answer = fails(errors.New("down"))
				}
				if life == 0 {
					fsys.CrashAfter(fsys.Ops() + at)
				}
				var err error
				if o, err = Open(Options{Dir: "/data", FS: fsys}, []Output{output1("x", p, smallQueue())}); err != nil {
					if life != 0 || !errors.Is(err, faultfs.ErrCrashed) {
						t.Fatal(err)
					}
					o = mustOpen(t, Options{}, output1("x", p, smallQueue())) // nothing of it is seen
				}
				deliver(t, o, 0, 70)
				failed := o.Commit(t.Context())
				time.Sleep(3 * time.Second)
				if life == 0 {
					ended = failed == nil && fsys.Ops() < at
					continue
				}
				c := balanced(t, o)[0]
				if failed != nil {
					t.Fatal(failed)
				}
				repeats += c.Suppressed[Repeated]
				// Of what was on disk before, the queue got nothing again.
				if fresh := c.Matched - c.Suppressed[Repeated]; int(fresh) > 70-len(known) {
					t.Fatalf("crash after %d operations, life %d: %d alerts are taken, %d of 70 were on disk: %+v", at, life, fresh, len(known), c)
				}
				for id, n := range before {
					if n > 1 {
						t.Fatalf("crash after %d operations, life %d: %s was there %d times", at, life, id, n)
					}
				}
				if life == 2 {
					p.mend()
					drain(t, o, time.Minute)
					for _, id := range p.ids() {
						got[id] = true
					}
					for i := range 70 {
						if !got[id(i)] {
							t.Fatalf("crash after %d operations: alert %d is lost", at, i)
						}
					}
					for _, path := range fsys.Files() {
						if strings.Contains(path, "recall.") {
							deleted++
							break
						}
					}
				}
			}
			points++
			_ = o.Close()
			time.Sleep(time.Minute)
		})
		if t.Failed() {
			return
		}
		if ended { // the process comes to its end: once more from the start, with other luck
			at, again = 0, again+1
		}
	}
	if repeats < uint64(points)*60 || points < 300 || deleted < points/2 {
		t.Errorf("%d repeated in %d runs, %d of which deleted files: the test shows little", repeats, points, deleted)
	}
}

// TestRecallDamage: notes that cannot be read are told, and cost no more than that.
func TestRecallDamage(t *testing.T) {
	for name, damage := range map[string]func(fsys *faultfs.FS, path string, b []byte){
		"a flipped bit":   func(fsys *faultfs.FS, path string, b []byte) { b[len(b)/2] ^= 4; fsys.Put(path, b) },
		"another version": func(fsys *faultfs.FS, path string, b []byte) { fsys.Put(path, frameOf(append([]byte{9}, b...))) },
		"it cannot be read": func(fsys *faultfs.FS, path string, b []byte) {
			fsys.Hook(func(op faultfs.Op) error {
				if op.Kind == faultfs.Open && op.Path == path {
					return syscall.EIO
				}
				return nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fsys := noted(t, 100)
				path := "/data/sinks/x/recall.1"
				if fsys.Get(path) == nil {
					path = "/data/sinks/x/recall.0"
				}
				damage(fsys, path, fsys.Get(path))
				seen, p := &reports{}, &place{}
				o := mustOpen(t, Options{Dir: "/data", FS: fsys, Report: seen.add}, output1("x", p, smallQueue()))
				deliver(t, o, 0, 100)
				c := drain(t, o, time.Minute)[0]
				if c.Suppressed[Repeated] == 100 || c.Delivered == 0 {
					t.Errorf("%+v", c)
				}
				told := false
				for _, r := range seen.list() {
					told = told || r.Warning && r.Sink == "x" && strings.Contains(r.Text, path) && strings.Contains(r.Text, "may be delivered twice")
				}
				if !told {
					t.Errorf("reports %+v", seen.list())
				}
				closeAll(t, o, p)
			})
		})
	}
}

func frameOf(payload []byte) []byte {
	f := recallFiles{}
	f.encode([]recallEntry{{}}, time.Time{})
	return append(f.buf[:0:0], append([]byte{byte(len(payload)), byte(len(payload) >> 8), 0, 0, 0, 0, 0, 0}, payload...)...)
}

// noted gives the disk of a process that was killed after alerts were delivered and their files deleted, so that they
// are known from the notes only.
func noted(t *testing.T, n int) *faultfs.FS {
	t.Helper()
	fsys, p := faultfs.New(), &place{answer: fails(errors.New("down"))}
	o := mustOpen(t, Options{Dir: "/data", FS: fsys}, output1("x", p, smallQueue()))
	deliver(t, o, 0, n)
	commit(t, o)
	fsys = kill(o, fsys)
	p = &place{}
	o = mustOpen(t, Options{Dir: "/data", FS: fsys}, output1("x", p, smallQueue()))
	drain(t, o, time.Minute)
	time.Sleep(5 * time.Second)
	fsys = kill(o, fsys)
	if d := onDisk(t, fsys); len(d) != 0 {
		t.Fatalf("%d alerts are still in files of the queue", len(d))
	}
	return fsys
}

// TestRecallOnFullDisk: notes that cannot be written do not keep the queue from deleting what it does not need.
func TestRecallOnFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, p, seen := faultfs.New(), &place{answer: fails(errors.New("down"))}, &reports{}
		o := mustOpen(t, Options{Dir: "/data", FS: fsys, Report: seen.add}, output1("x", p, smallQueue()))
		fsys.Hook(func(op faultfs.Op) error {
			if strings.Contains(op.Path, "recall.") && op.Changes() {
				return syscall.ENOSPC
			}
			return nil
		})
		deliver(t, o, 0, 200)
		commit(t, o)
		p.mend()
		drain(t, o, time.Minute)
		time.Sleep(10 * time.Second)
		told := 0
		for _, r := range seen.list() {
			if strings.Contains(r.Text, "cannot be noted") && r.Warning && strings.Contains(r.Err.Error(), "no space left") {
				told++
			}
		}
		if told != 1 {
			t.Errorf("%d reports in %+v", told, seen.list())
		}
		if c := balanced(t, o)[0]; c.QueueBytes > 8<<10 || !c.Durable {
			t.Errorf("%+v", c)
		}
		closeAll(t, o, p)
	})
}

// TestUnsettled: when the disk refuses to keep what a killed process wrote, its alerts are taken again.
func TestUnsettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys, p := faultfs.New(), &place{answer: fails(errors.New("down"))}
		o := mustOpen(t, Options{Dir: "/data", FS: fsys}, output1("x", p, smallQueue()))
		deliver(t, o, 0, 10)
		commit(t, o)
		fsys = kill(o, fsys)
		fsys.Hook(func(op faultfs.Op) error {
			if op.Kind == faultfs.Sync && strings.HasSuffix(op.Path, ".log") {
				return syscall.EIO
			}
			return nil
		})
		p = &place{answer: fails(errors.New("down"))}
		o = mustOpen(t, Options{Dir: "/data", FS: fsys}, output1("x", p, smallQueue()))
		fsys.Hook(nil)
		deliver(t, o, 0, 10)
		commit(t, o)
		if c := balanced(t, o)[0]; c.Suppressed[Repeated] != 0 || c.Queued != 20 {
			t.Errorf("%+v", c)
		}
		closeAll(t, o, p)
	})
}

// TestDeliverAnew: what is read again on purpose is taken although an earlier process had it, also by a queue that drops
// nothing; what waits from before stays.
func TestDeliverAnew(t *testing.T) {
	for _, policy := range []queue.Policy{queue.OldestFirst, queue.Block} {
		synctest.Test(t, func(t *testing.T) {
			s := smallQueue()
			s.Queue.Policy = policy
			fsys, p := faultfs.New(), &place{answer: fails(errors.New("down"))}
			o := mustOpen(t, Options{Dir: "/data", FS: fsys}, output1("x", p, s))
			deliver(t, o, 0, 10)
			commit(t, o)
			fsys, p = kill(o, fsys), &place{}
			o = mustOpen(t, Options{Dir: "/data", FS: fsys}, output1("x", p, s))
			for i := range 12 {
				if err := o.DeliverAnew(newAlert(i)); err != nil {
					t.Fatal(err)
				}
			}
			deliver(t, o, 0, 10)
			c := drain(t, o, time.Minute)[0]
			if c.Recovered != 10 || c.Delivered != 22 || c.Suppressed[Repeated] != 10 {
				t.Errorf("%+v", c)
			}
			equal(t, "delivered", p.ids(), append(ids(0, 10), ids(0, 12)...))
			closeAll(t, o, p)
		})
	}
}

package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/saker-security/saker/internal/faultfs"
	"pgregory.net/rapid"
)

// model is a queue made as simply as can be. It drops nothing.
type model struct {
	fs        *faultfs.FS
	q         *Queue
	o         Options
	next      int
	waiting   []int          // by number, in order
	leased    map[int]uint64 // sequence by number
	committed map[int]bool
	acked     map[int]bool
	failing   bool
	// A sync failed since the start: a process that is killed before it took back what it wrote leaves pages that can
	// be read and are not on disk. Those records are doubtful.
	lied     bool
	doubtful map[int]bool
}

func (m *model) open(t *rapid.T) {
	m.o.FS = m.fs
	q, err := Open(m.o)
	if err != nil {
		t.Fatal(err)
	}
	m.q = q
}

// restart takes over what the queue says is there after the process ended somehow.
func (m *model) restart(t *rapid.T, all bool) {
	m.open(t)
	m.failing = false
	before := slices.Sorted(maps.Keys(m.leased))
	before = append(before, m.waiting...)
	m.waiting, m.leased = nil, map[int]uint64{}
	if err := Scan(m.fs, "/q", func(r Record) bool { m.waiting = append(m.waiting, number(r)); return true }); err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(m.waiting) {
		t.Fatalf("out of order: %v", m.waiting)
	}
	for _, n := range before {
		// What was acknowledged and came again may be acknowledged all the same: power may be lost at a later state of
		// the cursor than the one that a killed process left.
		if (all || m.committed[n] && !m.acked[n]) && !slices.Contains(m.waiting, n) {
			t.Fatalf("record %d is lost: %v", n, m.waiting)
		}
	}
	for _, n := range m.waiting {
		if !slices.Contains(before, n) && !m.acked[n] {
			t.Fatalf("record %d is unknown", n)
		}
		if m.lied && !m.committed[n] {
			m.doubtful[n] = true
		}
		m.committed[n] = !m.doubtful[n]
	}
	m.lied = false
}

func (m *model) append(t *rapid.T) {
	for range rapid.IntRange(1, 20).Draw(t, "records") {
		payload := fmt.Appendf(nil, "%d %0*d", m.next, rapid.IntRange(1, 300).Draw(t, "size"), 0)
		if err := m.q.Append(rapid.Uint8Range(0, 9).Draw(t, "priority"), payload); err != nil {
			t.Fatal(err)
		}
		m.waiting = append(m.waiting, m.next)
		m.next++
	}
}

func (m *model) commit(t *rapid.T) {
	err := m.q.Commit(context.Background())
	if err != nil && !m.failing {
		// The disk works again, but the queue has not tried yet.
		time.Sleep(5 * time.Second)
		err = m.q.Commit(context.Background())
	}
	if err != nil {
		if !m.failing {
			t.Fatal(err)
		}
		return
	}
	safe := map[int]bool{}
	if err := Scan(m.fs.Safe(), "/q", func(r Record) bool { safe[number(r)] = true; return true }); err != nil {
		t.Fatal(err)
	}
	for _, n := range slices.AppendSeq(slices.Clone(m.waiting), maps.Keys(m.leased)) {
		if m.committed[n] = safe[n]; !safe[n] && !m.doubtful[n] {
			t.Fatalf("record %d is committed and not safe", n)
		}
	}
}

func (m *model) read(t *rapid.T) {
	if len(m.waiting) == 0 {
		ctx, cancel := context.WithTimeout(context.Background(), 3*retryPause)
		defer cancel()
		if records, err := m.q.Next(ctx, 1, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("from an empty queue: %v, %v", records, err)
		}
		return
	}
	limit := rapid.IntRange(1, 30).Draw(t, "max")
	records, err := m.q.Next(context.Background(), limit, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, r := range records {
		n := number(r)
		got, m.leased[n] = append(got, n), r.Seq
	}
	if want := m.waiting[:min(limit, len(m.waiting))]; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	m.waiting = m.waiting[len(got):]
}

// some draws some of the leased records.
func (m *model) some(t *rapid.T) (numbers []int, seqs []uint64) {
	for _, n := range slices.Sorted(maps.Keys(m.leased)) {
		if rapid.IntRange(0, 3).Draw(t, "take") > 0 {
			numbers, seqs = append(numbers, n), append(seqs, m.leased[n])
			delete(m.leased, n)
		}
	}
	return numbers, seqs
}

func (m *model) ack(t *rapid.T) {
	numbers, seqs := m.some(t)
	for _, n := range numbers {
		m.acked[n] = true
	}
	m.q.Ack(append(seqs, 1<<40)...)
}

func (m *model) release(t *rapid.T) {
	numbers, seqs := m.some(t)
	m.q.Release(seqs...)
	m.waiting = append(m.waiting, numbers...)
	slices.Sort(m.waiting)
}

func (m *model) powerLoss(t *rapid.T) {
	old := m.q
	m.lied = false
	clear(m.doubtful)
	m.fs = m.fs.PowerLoss(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "chance"), 0)))
	old.Close()
	m.restart(t, false)
}

func (m *model) kill(t *rapid.T) {
	old := m.q
	m.fs = m.fs.Kill()
	old.Close()
	m.restart(t, false)
}

func (m *model) reopen(t *rapid.T) {
	m.fs.Hook(nil)
	if err := m.q.Close(); err != nil {
		t.Fatal(err)
	}
	m.lied = false
	m.restart(t, true)
}

// disk has the disk fail at some operations, or work again.
func (m *model) disk(t *rapid.T) {
	// A disk that takes its time has the queue do one thing in the middle of another.
	slow := time.Duration(rapid.IntRange(0, 30).Draw(t, "slow")) * time.Millisecond
	if m.failing = !m.failing; !m.failing {
		m.fs.Hook(func(faultfs.Op) error { time.Sleep(slow); return nil })
		return
	}
	kind := rapid.SampledFrom([]string{faultfs.Write, faultfs.Sync, faultfs.Create, faultfs.SyncDir, ""}).Draw(t, "kind")
	if kind == faultfs.Create || kind == faultfs.SyncDir {
		// Only new files fail: an open one may still take records.
		kind = faultfs.Sync
	}
	m.lied = m.lied || kind == faultfs.Sync || kind == ""
	short := rapid.IntRange(0, 300).Draw(t, "short")
	m.fs.Hook(func(op faultfs.Op) error {
		time.Sleep(slow)
		switch {
		case kind == faultfs.Write && op.Kind == kind:
			return &faultfs.Short{N: short, Err: syscall.EIO}
		case op.Kind == kind || kind == "" && op.Changes():
			return syscall.EIO
		}
		return nil
	})
}

func (m *model) check(t *rapid.T) {
	s := m.q.Stats()
	sum := s.Acked + s.Records
	for reason, n := range s.Dropped {
		if sum += n; reason != Damaged {
			t.Fatalf("%d are dropped: %s", n, reason)
		}
	}
	if s.Appended+s.Recovered != sum {
		t.Fatalf("the account is wrong: %+v", s)
	}
	// Records that a loss of power tore out of the middle are found missing when they are come to.
	if have := uint64(len(m.waiting) + len(m.leased)); s.Records < have || s.Records > have+uint64(m.next) {
		t.Fatalf("%d records, want %d: %+v", s.Records, have, s)
	}
}

// TestModel compares a queue with the model through appending, committing, reading, acknowledging, giving back,
// crashes, restarts and failures of the disk.
func TestModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ testing.TB }{t}, func(t *rapid.T) { // without the deadline that a bubble has not
			m := &model{
				fs: faultfs.New(), leased: map[int]uint64{}, doubtful: map[int]bool{}, committed: map[int]bool{}, acked: map[int]bool{},
				o: Options{Dir: "/q", SegmentBytes: 4 << 10, Settings: Settings{
					Policy: rapid.SampledFrom([]Policy{LowPriorityFirst, OldestFirst, Block}).Draw(t, "policy"),
				}},
			}
			m.open(t)
			defer func() { m.q.Close() }()
			t.Repeat(map[string]func(*rapid.T){
				"append": m.append, "commit": m.commit, "read": m.read, "ack": m.ack, "release": m.release,
				"powerLoss": m.powerLoss, "kill": m.kill, "reopen": m.reopen, "disk": m.disk, "": m.check,
				"moment": func(t *rapid.T) { time.Sleep(time.Duration(rapid.IntRange(1, 50).Draw(t, "ms")) * time.Millisecond) },
				"wait":   func(t *rapid.T) { time.Sleep(time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond) },
			})
			m.fs.Hook(nil)
			m.q.Release(slices.Collect(maps.Values(m.leased))...)
			m.waiting = append(m.waiting, slices.Collect(maps.Keys(m.leased))...)
			var left int
			for m.q.Stats().Records > 0 {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				records, err := m.q.Next(ctx, 100, 0)
				cancel()
				for _, r := range records {
					m.q.Ack(r.Seq)
				}
				if left += len(records); err != nil && m.q.Stats().Records > 0 {
					t.Fatal(err, m.q.Stats())
				}
			}
			if left != len(m.waiting) {
				t.Fatalf("%d records were left, want %d", left, len(m.waiting))
			}
			m.waiting, m.leased = nil, nil
			m.check(t)
		})
	})
}

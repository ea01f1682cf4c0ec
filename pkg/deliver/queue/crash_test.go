package queue

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/saker-security/saker/internal/faultfs"
)

// life is what one process did with a queue before it died.
type life struct {
	appended  int          // records are numbered from 0
	committed int          // those before are on stable storage
	acked     map[int]bool // by number
}

// live works with a queue until the end or until the disk is gone.
func (l *life) live(fs *faultfs.FS, rounds int) {
	l.acked = map[int]bool{}
	q, err := Open(Options{FS: fs, Dir: "/q", SegmentBytes: 4 << 10})
	if err != nil {
		return
	}
	defer q.Close()
	ctx := context.Background()
	var held []Record
	for round := range rounds {
		for i := range 7 {
			payload := fmt.Appendf(nil, "%d %0*d", l.appended, 100+200*(i%3), 0)
			if q.Append(uint8(l.appended%3), payload) != nil {
				return
			}
			l.appended++
		}
		if round%3 != 2 {
			if q.Commit(ctx) != nil {
				return
			}
			l.committed = l.appended
		}
		records, err := q.Next(ctx, 5, 0)
		if err != nil {
			return
		}
		held = append(held, records...)
		for len(held) > 3 {
			i := 1 - round%2 // out of order now and then
			q.Ack(held[i].Seq)
			l.acked[number(held[i])] = true
			held = append(held[:i], held[i+1:]...)
		}
		if round%4 == 3 {
			q.Release(held[len(held)-1].Seq)
			held = held[:len(held)-1]
		}
		time.Sleep(700 * time.Millisecond)
	}
}

// number is which record it is.
func number(r Record) (n int) {
	_, _ = fmt.Sscan(string(r.Payload), &n)
	return n
}

// check opens what a process left and compares it with what that process was promised. No more than damaged records
// may be counted as lost.
func (l *life) check(t *testing.T, fs *faultfs.FS, damaged int, what string) {
	t.Helper()
	var scanned []int
	if err := Scan(fs, "/q", func(r Record) bool { scanned = append(scanned, number(r)); return true }); err != nil && l.committed > 0 {
		t.Fatalf("%s: %v", what, err)
	}
	q, err := Open(Options{FS: fs, Dir: "/q", SegmentBytes: 4 << 10})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer q.Close()
	records := drain(t, q)
	balanced(t, q)
	if s := q.Stats(); len(records) != len(scanned) || s.Acked != uint64(len(records)) || s.Err != nil {
		t.Fatalf("%s: %d records, scanned %d, stats %+v", what, len(records), len(scanned), s)
	}
	if n := q.Stats().Dropped[Damaged]; n > uint64(damaged) {
		t.Fatalf("%s: %d records are said to be damaged, at most %d can be", what, n, damaged)
	}
	seen, last := map[int]bool{}, -1
	for i, r := range records {
		n := number(r)
		if n <= last || n != scanned[i] || int(r.Priority) != n%3 {
			t.Fatalf("%s: record %d after %d, scanned %d, priority %d", what, n, last, scanned[i], r.Priority)
		}
		seen[n], last = true, n
	}
	for n := range l.committed {
		if !seen[n] && !l.acked[n] {
			t.Fatalf("%s: record %d of %d committed ones is lost", what, n, l.committed)
		}
	}
	if last >= l.appended {
		t.Fatalf("%s: record %d of %d", what, last, l.appended)
	}
}

// TestCrashAnywhere has the machine lose power, or the process killed, after every single operation.
func TestCrashAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rounds = 30
		fs, l := faultfs.New(), life{}
		l.live(fs, rounds)
		ops := fs.Ops()
		t.Logf("%d operations", ops)
		for n := 1; n <= ops; n++ {
			for how := range uint64(4) {
				fs, l := faultfs.New(), life{}
				fs.CrashAfter(n)
				l.live(fs, rounds)
				var after *faultfs.FS
				damaged := 0
				switch how {
				case 0:
					after = fs.PowerLoss(nil)
				case 1:
					after = fs.Kill()
				default:
					damaged = l.appended - l.committed
					after = fs.PowerLoss(rand.New(rand.NewPCG(uint64(n), how)))
				}
				l.check(t, after, damaged, fmt.Sprintf("after %d operations, way %d", n, how))
			}
		}
	})
}

// TestKillThenPowerLoss: what a killed process wrote and the next one recovered is safe from then on, even if the first
// one never had it on disk.
func TestKillThenPowerLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs, l := faultfs.New(), life{}
		l.live(fs, 8)
		for n := 1; n <= fs.Ops(); n++ {
			fs, l := faultfs.New(), life{}
			fs.CrashAfter(n)
			l.live(fs, 8)
			fs = fs.Kill()
			q, err := Open(Options{FS: fs, Dir: "/q"})
			if err != nil {
				t.Fatal(err)
			}
			q.Close()
			var first, second []int
			if err := Scan(fs, "/q", func(r Record) bool { first = append(first, number(r)); return true }); err != nil {
				t.Fatal(err)
			}
			if err := Scan(fs.PowerLoss(nil), "/q", func(r Record) bool { second = append(second, number(r)); return true }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(first, second) {
				t.Fatalf("after %d operations: recovered %v, then power was lost: %v", n, first, second)
			}
		}
	})
}

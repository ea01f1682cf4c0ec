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

// account drives a queue that is much too small, on a disk that fails, with records that get too old, and keeps its own
// books.
type account struct {
	fs       *faultfs.FS
	q        *Queue
	o        Options
	next     int
	appended uint64 // since the last start
	acked    uint64
	leased   map[int]uint64
	seen     map[int]bool // acknowledged, ever
}

func (a *account) open(t *rapid.T) {
	a.o.FS = a.fs
	q, err := Open(a.o)
	if err != nil {
		t.Fatal(err)
	}
	a.q, a.appended, a.acked, a.leased = q, 0, 0, map[int]uint64{}
}

func (a *account) append(t *rapid.T) {
	size := rapid.IntRange(1, 2000).Draw(t, "size")
	for range rapid.IntRange(1, 60).Draw(t, "records") {
		err := a.q.Append(rapid.Uint8Range(0, 7).Draw(t, "priority"), fmt.Appendf(nil, "%d %0*d", a.next, size, 0))
		a.next++
		switch {
		case err == nil, errors.Is(err, ErrTooLarge):
			a.appended++
		case errors.Is(err, ErrFull) && a.o.Settings.Policy == Block:
			return
		default:
			t.Fatal(err)
		}
	}
}

func (a *account) read(t *rapid.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	records, err := a.q.Next(ctx, rapid.IntRange(1, 40).Draw(t, "max"), 4000)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	for _, r := range records {
		n := number(r)
		if _, twice := a.leased[n]; twice || a.seen[n] && a.o.Dir == "" {
			t.Fatalf("record %d again", n)
		}
		a.leased[n] = r.Seq
	}
}

func (a *account) settle(t *rapid.T) {
	for _, n := range slices.Sorted(maps.Keys(a.leased)) {
		seq := a.leased[n]
		if rapid.Bool().Draw(t, "ack") {
			a.q.Ack(seq)
			a.acked++
			a.seen[n] = true
		} else {
			a.q.Release(seq)
		}
		delete(a.leased, n)
	}
}

func (a *account) fail(t *rapid.T) {
	// A disk that takes its time has the queue do one thing in the middle of another.
	slow := time.Duration(rapid.IntRange(0, 30).Draw(t, "slow")) * time.Millisecond
	if rapid.Bool().Draw(t, "works") {
		a.fs.Hook(func(faultfs.Op) error { time.Sleep(slow); return nil })
		a.fs.Space(-1)
		return
	}
	a.fs.Space(a.fs.Used() + rapid.Int64Range(0, 10_000).Draw(t, "space"))
	kind := rapid.SampledFrom([]string{faultfs.Sync, faultfs.Write, faultfs.Remove, faultfs.Truncate, "none"}).Draw(t, "kind")
	a.fs.Hook(func(op faultfs.Op) error {
		time.Sleep(slow)
		if op.Kind == kind {
			return syscall.EIO
		}
		return nil
	})
}

func (a *account) restart(t *rapid.T) {
	if a.o.Dir == "" {
		return
	}
	old := a.q
	switch rapid.IntRange(0, 2).Draw(t, "how") {
	case 0:
		a.fs = a.fs.Kill()
	case 1:
		a.fs = a.fs.PowerLoss(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "chance"), 1)))
	}
	old.Close() // with or without a disk
	a.balance(t, old)
	a.fs.Hook(nil)
	a.open(t)
}

func (a *account) balance(t *rapid.T, q *Queue) {
	s := q.Stats()
	sum := s.Acked + s.Records
	for _, n := range s.Dropped {
		sum += n
	}
	if s.Appended != a.appended || s.Acked != a.acked || s.Appended+s.Recovered != sum || s.Records < uint64(len(a.leased)) && !q.closed {
		t.Fatalf("appended %d, acked %d, leased %d: %+v", a.appended, a.acked, len(a.leased), s)
	}
	set := a.o.Settings
	if bound := set.MaxBytes; a.o.Dir != "" && s.Bytes > bound && set.Policy != Block {
		t.Fatalf("%d bytes of %d: %+v", s.Bytes, bound, s)
	}
	if s.Pending > set.MemoryBytes {
		t.Fatalf("%d bytes in memory of %d: %+v", s.Pending, set.MemoryBytes, s)
	}
}

// TestAccount: whatever happens, the books of the queue are right and its bounds are kept.
func TestAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ testing.TB }{t}, func(t *rapid.T) {
			a := &account{fs: faultfs.New(), seen: map[int]bool{}, o: Options{
				Dir: rapid.SampledFrom([]string{"/q", "/q", ""}).Draw(t, "dir"),
				Settings: Settings{
					Policy:      rapid.SampledFrom([]Policy{LowPriorityFirst, OldestFirst, Block}).Draw(t, "policy"),
					MaxBytes:    rapid.Int64Range(20<<10, 100<<10).Draw(t, "bytes"),
					MemoryBytes: rapid.Int64Range(8<<10, 50<<10).Draw(t, "memory"),
					MaxAge:      time.Hour,
				},
			}}
			a.open(t)
			defer func() { a.q.Close() }()
			t.Repeat(map[string]func(*rapid.T){
				"append": a.append, "read": a.read, "settle": a.settle, "fail": a.fail, "restart": a.restart,
				"": func(t *rapid.T) { a.balance(t, a.q) },
				"wait": func(t *rapid.T) {
					time.Sleep(time.Duration(rapid.IntRange(1, 100_000).Draw(t, "ms")) * time.Millisecond)
				},
				"moment": func(t *rapid.T) {
					time.Sleep(time.Duration(rapid.IntRange(1, 50).Draw(t, "ms")) * time.Millisecond)
				},
				"configure": func(t *rapid.T) {
					a.o.Settings.MaxBytes = rapid.Int64Range(20<<10, 100<<10).Draw(t, "bytes")
					a.q.Configure(a.o.Settings)
				},
			})
			a.fs.Hook(nil)
			a.fs.Space(-1)
			for a.q.Stats().Records > 0 {
				a.read(t)
				for n, seq := range a.leased {
					a.q.Ack(seq)
					a.acked++
					delete(a.leased, n)
				}
			}
			a.balance(t, a.q)
		})
	})
}

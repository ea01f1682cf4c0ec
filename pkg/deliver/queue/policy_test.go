package queue

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/saker-security/saker/internal/faultfs"
)

// bounded opens a queue of 64 KiB.
func bounded(t *testing.T, fs *faultfs.FS, p Policy) *Queue {
	return open(t, Options{FS: fs, Dir: "/q", Settings: Settings{Policy: p, MaxBytes: 64 << 10}})
}

// put appends a record of a priority; its number is its payload.
func put(t *testing.T, q *Queue, priority uint8, n, size int) {
	t.Helper()
	if err := q.Append(priority, fmt.Appendf(nil, "%d %0*d", n, size, 0)); err != nil {
		t.Fatal(err)
	}
}

func within64KiB(t *testing.T, q *Queue) {
	t.Helper()
	if s := q.Stats(); s.Bytes > 64<<10 {
		t.Fatalf("%d bytes: %+v", s.Bytes, s)
	}
	balanced(t, q)
}

// TestLowPriorityFirst overfills a queue with records of all priorities: no record is dropped while a less severe one
// is there, and of one priority the oldest go.
func TestLowPriorityFirst(t *testing.T) {
	for _, every := range []int{1, 10, 1000} {
		t.Run(fmt.Sprint(every), func(t *testing.T) {
			bubble(t, func(t *testing.T, fs *faultfs.FS) {
				q := bounded(t, fs, LowPriorityFirst)
				appended := map[uint8][]int{}
				for i := range 1000 {
					p := uint8(i * 7 % 8)
					put(t, q, p, i, 200)
					appended[p] = append(appended[p], i)
					if i%every == 0 {
						commit(t, q)
					}
					within64KiB(t, q)
				}
				left := map[uint8][]int{}
				for _, r := range drain(t, q) {
					left[r.Priority] = append(left[r.Priority], number(r))
				}
				worst := uint8(0) // the most severe priority of which records were dropped
				for p := uint8(8); p > 0; p-- {
					n := len(left[p-1])
					if newest := appended[p-1][len(appended[p-1])-n:]; !slices.Equal(left[p-1], newest) {
						t.Errorf("priority %d: %v are left of %v", p-1, left[p-1], appended[p-1])
					}
					if n < len(appended[p-1]) {
						worst = p - 1
					}
				}
				for p := worst + 1; p < 8; p++ {
					if len(left[p]) > 0 {
						t.Errorf("records of priority %d were dropped while these of %d were there: %v", worst, p, left[p])
					}
				}
				if worst == 0 || worst == 7 {
					t.Errorf("dropped up to priority %d", worst)
				}
				balanced(t, q)
				if err := q.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// TestSevereIsNotDroppedForLessSevere: a queue full of severe records refuses less severe ones.
func TestSevereIsNotDroppedForLessSevere(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		q := bounded(t, fs, LowPriorityFirst)
		n := 0
		for ; q.Stats().Dropped[QueueFull] == 0; n++ {
			put(t, q, 2, n, 500)
			commit(t, q)
		}
		had := q.Stats()
		put(t, q, 3, n, 5000)
		if s := q.Stats(); s.Records != had.Records || s.Dropped[QueueFull] != had.Dropped[QueueFull]+1 {
			t.Fatalf("%+v, then %+v", had, s)
		}
		put(t, q, 1, n+1, 5000)
		records := drain(t, q)
		if last := records[len(records)-1]; last.Priority != 1 || number(last) != n+1 {
			t.Fatalf("%+v", last)
		}
		balanced(t, q)
		q.Close()
	})
}

func TestOldestFirst(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		q := bounded(t, fs, OldestFirst)
		for i := range 1000 {
			put(t, q, uint8(i%8), i, 200)
			if i%7 == 0 {
				commit(t, q)
			}
			within64KiB(t, q)
		}
		dropped := int(q.Stats().Dropped[QueueFull])
		var left []int
		for _, r := range drain(t, q) {
			left = append(left, number(r))
		}
		if !slices.Equal(left, upTo(1000)[dropped:]) || len(left) < 200 {
			t.Fatalf("%d dropped, left %v", dropped, left)
		}
		q.Close()
	})
}

func TestBlock(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		q := bounded(t, fs, Block)
		n := 0
		for ; ; n++ {
			full := q.Full()
			err := q.Append(0, fmt.Appendf(nil, "%d %0*d", n, 200, 0))
			if errors.Is(err, ErrFull) {
				if !full {
					t.Fatal("refused without being full")
				}
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			commit(t, q) // what is pending is estimated with the headers that it may need
		}
		within64KiB(t, q)
		if s := q.Stats(); s.Appended != uint64(n) || len(s.Dropped) > 0 || n < 200 {
			t.Fatalf("%d, %+v", n, s)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := q.Room(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		room := make(chan error)
		go func() { room <- q.Room(t.Context()) }()
		_, seqs := take(t, q, n)
		q.Ack(seqs[:n/2]...)
		if err := <-room; err != nil {
			t.Fatal(err)
		}
		put(t, q, 0, n, 15000)
		q.Ack(seqs[n/2:]...)
		// A record that needs the whole queue has its turn when it is empty.
		large := make([]byte, 64<<10)
		for !q.fitsEmpty(frameSize(len(large))) {
			large = large[1:]
		}
		if err := q.Append(0, large); !errors.Is(err, ErrFull) || !q.Full() {
			t.Fatal(err)
		}
		_, seqs = take(t, q, 1)
		q.Ack(seqs...)
		if err := q.Room(ctx); ctx.Err() == nil && err != nil {
			t.Fatal(err)
		}
		if err := q.Append(0, large); err != nil {
			t.Fatal(err)
		}
		if err := q.Append(0, append(large, 0)); !errors.Is(err, ErrTooLarge) || q.Stats().Dropped[TooLarge] != 1 {
			t.Fatal(err)
		}
		commit(t, q)
		_, seqs = take(t, q, 1)
		q.Ack(seqs...)
		balanced(t, q)
		go func() { time.Sleep(time.Second); q.Close() }()
		if _, err := q.Next(t.Context(), 1, 0); !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
		if err := q.Append(0, nil); !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	})
}

// TestLeasedOutlivesItsFile: a leased record whose file was dropped counts as delivered when it is acknowledged, and as
// dropped when it is given back.
func TestLeasedOutlivesItsFile(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		q := bounded(t, fs, OldestFirst)
		add(t, q, 0, 10, 200)
		commit(t, q)
		_, seqs := take(t, q, 9)
		q.Release(seqs[6:]...)
		for i := range 1000 {
			put(t, q, 0, 10+i, 200)
		}
		commit(t, q)
		had := q.Stats()
		q.Ack(seqs[:3]...)
		q.Release(seqs[3:6]...)
		s := q.Stats()
		if s.Acked != 3 || s.Dropped[QueueFull] != had.Dropped[QueueFull]+3 {
			t.Fatalf("%+v, then %+v", had, s)
		}
		balanced(t, q)
		left := drain(t, q)
		if balanced(t, q); number(left[0]) < 10 || uint64(len(left)) != s.Records {
			t.Fatalf("%d, %+v", number(left[0]), s)
		}
		q.Close()
	})
}

// TestExpiry: records older than MaxAge are dropped and counted, read or not, in memory or not, before and after a
// restart.
func TestExpiry(t *testing.T) {
	for _, dir := range []string{"/q", ""} {
		for _, how := range []string{"read", "wait", "reopen"} {
			if dir == "" && how == "reopen" {
				continue
			}
			t.Run(dir+how, func(t *testing.T) {
				bubble(t, func(t *testing.T, fs *faultfs.FS) {
					o := Options{FS: fs, Dir: dir, SegmentBytes: 4 << 10, Settings: Settings{MaxAge: time.Hour}}
					q := open(t, o)
					add(t, q, 0, 100, 100)
					time.Sleep(50 * time.Minute)
					add(t, q, 100, 150, 100)
					commit(t, q)
					time.Sleep(10*time.Minute + time.Second)
					switch how {
					case "wait":
						time.Sleep(50 * time.Minute)
						if s := q.Stats(); dir != "" && (s.Records != 0 || s.Dropped[Expired] != 150) {
							t.Fatalf("%+v", s)
						}
						add(t, q, 150, 151, 10)
					case "reopen":
						if err := q.Close(); err != nil {
							t.Fatal(err)
						}
						q = open(t, o)
					}
					left := drain(t, q)
					balanced(t, q)
					want := 50
					if how == "wait" {
						want = 1
					}
					if len(left) != want {
						t.Fatalf("%d are left, want %d: %+v", len(left), want, q.Stats())
					}
					q.Close()
				})
			})
		}
	}
}

// TestMemoryBound: while the disk fails, no more than MemoryBytes wait, by the policy of the queue; nothing that is
// given out is dropped, and what was safe before is not touched.
func TestMemoryBound(t *testing.T) {
	for _, policy := range []Policy{LowPriorityFirst, OldestFirst, Block} {
		t.Run(policy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, fs *faultfs.FS) {
				q := open(t, Options{FS: fs, Dir: "/q", Settings: Settings{Policy: policy, MemoryBytes: 64 << 10}})
				put(t, q, 7, 0, 100)
				commit(t, q)
				fs.Hook(func(op faultfs.Op) error {
					if op.Changes() {
						return syscall.EIO
					}
					return nil
				})
				refused := 0
				for i := 1; i < 1000; i++ {
					err := q.Append(uint8(i%8), fmt.Appendf(nil, "%d %0*d", i, 200, 0))
					if errors.Is(err, ErrFull) && policy == Block {
						refused++
					} else if err != nil {
						t.Fatal(err)
					}
					if i%100 == 0 {
						time.Sleep(time.Second)
					}
				}
				s := q.Stats()
				if s.Pending > 64<<10 || s.Dropped[MemoryFull]+uint64(refused) == 0 || s.Records < 150 || s.Durable {
					t.Fatalf("%d refused, %+v", refused, s)
				}
				balanced(t, q)
				numbers, seqs := take(t, q, int(s.Records))
				if numbers[0] != 0 || !slices.IsSorted(numbers) {
					t.Fatal(numbers)
				}
				// All memory is given out: a new record finds no room.
				if err := q.Append(0, make([]byte, 20<<10)); policy == Block != errors.Is(err, ErrFull) {
					t.Fatal(err)
				}
				q.Ack(seqs...)
				if policy == LowPriorityFirst && numbers[len(numbers)-1]%8 > 2 {
					t.Errorf("record %d is kept, severe ones were dropped", numbers[len(numbers)-1])
				}
				put(t, q, 0, 1000, 10)
				fs.Hook(nil)
				time.Sleep(2 * time.Second)
				commit(t, q)
				if s := q.Stats(); s.Records != 1 || s.Pending != 0 {
					t.Fatalf("%+v", s)
				}
				balanced(t, q)
				if err := q.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// TestMemoryOnly: a queue without a directory behaves the same, within MemoryBytes.
func TestMemoryOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{Settings: Settings{MemoryBytes: 100 * frameSize(20)}}
		q := open(t, o)
		for i := range 1000 {
			if err := q.Append(uint8(i%8), fmt.Appendf(nil, "%-20d", i)); err != nil {
				t.Fatal(err)
			}
		}
		if s := q.Stats(); s.Records != 100 || s.Dropped[MemoryFull] != 900 || s.Durable || s.Bytes > o.Settings.MemoryBytes {
			t.Fatalf("%+v", s)
		}
		commit(t, q)
		numbers, seqs := take(t, q, 100)
		for _, n := range numbers {
			if n%8 != 0 {
				t.Fatal(numbers) // 125 of the most severe were appended
			}
		}
		q.Release(seqs[0], seqs[2], seqs[1])
		if again, _ := take(t, q, 2); !slices.Equal(again, numbers[:2]) {
			t.Fatalf("%v again, want %v", again, numbers[:2])
		}
		// What was given back may be dropped for a new record, what is leased may not.
		if err := q.Append(0, make([]byte, 20)); err != nil || q.Stats().Dropped[MemoryFull] != 901 {
			t.Fatal(err, q.Stats())
		}
		if err := q.Append(0, make([]byte, 40)); err != nil || q.Stats().Records != 99 {
			t.Fatal(err, q.Stats())
		}
		q.Ack(seqs...)
		balanced(t, q)
		add(t, q, 0, 5, 1)
		if err := q.Close(); err == nil || q.Stats().Dropped[Unwritten] != 5 {
			t.Fatal(err, q.Stats())
		}
		balanced(t, q)
	})
}

// TestCloseTellsWhatIsLost: what could not be written until the end is counted.
func TestCloseTellsWhatIsLost(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		q := open(t, Options{FS: fs, Dir: "/q"})
		add(t, q, 0, 5, 1)
		commit(t, q)
		fs.Hook(func(op faultfs.Op) error {
			if op.Kind == faultfs.Write {
				return syscall.EROFS
			}
			return nil
		})
		add(t, q, 5, 12, 1)
		_, seqs := take(t, q, 8)
		q.Ack(seqs[6:]...)
		if err := q.Close(); !errors.Is(err, syscall.EROFS) || q.Stats().Dropped[Unwritten] != 5 {
			t.Fatal(err, q.Stats())
		}
		balanced(t, q)
		fs.Hook(nil)
		if numbers, _ := reopened(t, Options{FS: fs}); !slices.Equal(numbers, upTo(5)) {
			t.Fatal(numbers)
		}
	})
}

// TestUnreadable: a file that cannot be read is tried again, then what can be read of it is.
func TestUnreadable(t *testing.T) {
	bubble(t, func(t *testing.T, _ *faultfs.FS) {
		fs := laid(t, Options{SegmentBytes: 16 << 10, Settings: Settings{Policy: OldestFirst}}, 200, 100, 0)
		q := open(t, Options{FS: fs, Dir: "/q"})
		bad := segments(fs)[0]
		fs.Hook(func(op faultfs.Op) error {
			const from, to = 4096, 8192 // this block is gone for good
			if op.Kind == faultfs.Read && op.Path == bad && op.Off < to && op.Off+int64(op.Len) > from {
				return syscall.EIO
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), retryPause/2)
		defer cancel()
		if _, err := q.Next(ctx, 1, 0); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(q.Stats().Err, syscall.EIO) {
			t.Fatal(err, q.Stats())
		}
		left := drain(t, q)
		balanced(t, q)
		s := q.Stats()
		if lost := 200 - len(left); lost < 4096/150 || lost > 4096/130+2 || s.Dropped[Damaged] != uint64(lost) || s.Err != nil {
			t.Fatalf("%d are lost: %+v", lost, s)
		}
		q.Close()
	})
}

// TestConfigure changes the bounds of a queue at work.
func TestConfigure(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		q := open(t, Options{FS: fs, Dir: "/q", SegmentBytes: 8 << 10})
		add(t, q, 0, 600, 300)
		commit(t, q)
		q.Configure(Settings{Policy: Block, MaxBytes: 64 << 10})
		if !q.Full() || q.Stats().Records != 600 {
			t.Fatalf("%+v", q.Stats())
		}
		q.Configure(Settings{Policy: OldestFirst, MaxBytes: 64 << 10})
		within64KiB(t, q)
		add(t, q, 600, 900, 300)
		within64KiB(t, q)
		left := drain(t, q)
		if balanced(t, q); number(left[len(left)-1]) != 899 || len(left) < 100 {
			t.Fatalf("%d are left", len(left))
		}
		q.Close()
	})
}

// TestMemoryIsFlat: a backlog on disk takes no memory per record.
func TestMemoryIsFlat(t *testing.T) {
	q := open(t, Options{Dir: t.TempDir()})
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range 200_000 {
		put(t, q, uint8(i%8), i, 100)
		if i%2000 == 0 {
			commit(t, q)
		}
	}
	commit(t, q)
	// The buffers of the writer and what is read ahead are all.
	if grown := heap() - before; grown > 12<<20 {
		t.Errorf("200,000 records grew the heap by %d bytes", grown)
	}
	_, seqs := take(t, q, 100_000)
	q.Ack(seqs[1:]...)
	if grown := heap() - before; grown > 20<<20 {
		t.Errorf("100,000 acknowledged behind one that is not grew the heap by %d bytes", grown)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
}

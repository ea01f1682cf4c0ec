package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/saker-security/saker/internal/faultfs"
)

// The tests of this file are about mistakes that queues on disk of other programs made.

// bubble runs a test on a fake clock with an empty file system.
func bubble(t *testing.T, f func(t *testing.T, fs *faultfs.FS)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, faultfs.New()) })
}

// add appends records from..to-1 of about size bytes.
func add(t *testing.T, q *Queue, from, to, size int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := q.Append(uint8(i%3), fmt.Appendf(nil, "%d %0*d", i, size, 0)); err != nil {
			t.Fatal(err)
		}
	}
}

func commit(t *testing.T, q *Queue) {
	t.Helper()
	if err := q.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// take leases n records.
func take(t *testing.T, q *Queue, n int) (numbers []int, seqs []uint64) {
	t.Helper()
	for len(numbers) < n {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		records, err := q.Next(ctx, n-len(numbers), 0)
		cancel()
		if err != nil {
			t.Fatalf("after %d records: %v", len(numbers), err)
		}
		for _, r := range records {
			numbers, seqs = append(numbers, number(r)), append(seqs, r.Seq)
		}
	}
	return numbers, seqs
}

// upTo gives 0..n-1.
func upTo(n int) (numbers []int) {
	for i := range n {
		numbers = append(numbers, i)
	}
	return numbers
}

// 1. A new file was synced, but not its entry in the directory: what was acknowledged vanished with the file. The same
// holds for the directories above at the first start.
func TestNewFileKeepsItsName(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		q := open(t, Options{FS: fs, Dir: "/data/sinks/x/queue", SegmentBytes: 4 << 10})
		for i := range 40 { // several files
			add(t, q, i, i+1, 300)
			commit(t, q)
			var kept []int
			if err := Scan(fs.Safe(), "/data/sinks/x/queue", func(r Record) bool { kept = append(kept, number(r)); return true }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(kept, upTo(i+1)) {
				t.Fatalf("after %d commits %v are safe", i+1, kept)
			}
		}
		q.Close()
	})
}

// TestDirectoriesAreMade looks at what disk.OS makes: nobody else may read it.
func TestDirectoriesAreMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "c")
	q := open(t, Options{Dir: dir})
	add(t, q, 0, 3, 10)
	commit(t, q)
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	for d := dir; len(d) > len(filepath.Dir(filepath.Dir(filepath.Dir(dir)))); d = filepath.Dir(d) {
		if info, err := os.Stat(d); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", d, info, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 4 {
		t.Fatal(entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info, err)
		}
	}
}

// 2. A finished file was deleted before the cursor was safe: after a crash the reader waited for ever for a file that
// never came back. Here the cursor is safe before, in both slots, so that damage to one does not ask for the file
// either; and a file that is missing all the same is passed over.
func TestCursorIsSafeBeforeFilesAreDeleted(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		o := Options{FS: fs, Dir: "/q", SegmentBytes: 4 << 10}
		q := open(t, o)
		deleted := 0
		var later []func()
		fs.Hook(func(op faultfs.Op) error {
			if op.Kind != faultfs.Remove {
				return nil
			}
			deleted++
			for slot := range 2 {
				after := fs.Safe()
				if err := after.Remove(op.Path); err != nil {
					t.Error(err)
				}
				cursor := after.Get("/q/cursor")
				clear(cursor[slot*cursorPage : (slot+1)*cursorPage])
				after.Put("/q/cursor", cursor)
				later = append(later, func() {
					if _, s := reopened(t, Options{FS: after, SegmentBytes: 4 << 10}); s.Dropped[Damaged] != 0 {
						t.Errorf("before %s is deleted, without slot %d: %d records are missed", op.Path, slot, s.Dropped[Damaged])
					}
				})
			}
			return nil
		})
		for i := range 20 {
			add(t, q, 10*i, 10*i+10, 300)
			commit(t, q)
			_, seqs := take(t, q, 9)
			q.Ack(seqs...)
			time.Sleep(100 * time.Millisecond)
		}
		if err := q.Close(); err != nil || deleted < 5 {
			t.Fatal(deleted, err)
		}
		for _, f := range later {
			f()
		}
	})
}

// TestAcknowledgedStaysSo: what was acknowledged two seconds before power is lost does not come again, whatever becomes
// of what was acknowledged after it; and what was acknowledged before the process is killed never does.
func TestAcknowledgedStaysSo(t *testing.T) {
	for seed := range uint64(100) {
		bubble(t, func(t *testing.T, fs *faultfs.FS) {
			q := open(t, Options{FS: fs, Dir: "/q"})
			add(t, q, 0, 60, 10)
			commit(t, q)
			for range 3 {
				_, seqs := take(t, q, 10)
				q.Ack(seqs...)
				time.Sleep(2 * savePause)
			}
			for range 3 {
				_, seqs := take(t, q, 2)
				q.Ack(seqs...)
			}
			synctest.Wait() // until the cursor is written
			want := 36
			if seed%2 == 0 {
				fs = fs.Kill()
			} else {
				fs, want = fs.PowerLoss(rand.New(rand.NewPCG(seed, 0))), 30
			}
			q.Close()
			if numbers, _ := reopened(t, Options{FS: fs}); numbers[0] < want {
				t.Fatalf("seed %d: from record %d on they come again, want %d", seed, numbers[0], want)
			}
		})
	}
}

// 3. A new file was begun before the reader was told that the old one had ended: reader and writer waited for each
// other. Here a reader follows the writer through many files.
func TestReaderFollowsWriterThroughFiles(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		q := open(t, Options{FS: fs, Dir: "/q", SegmentBytes: 4 << 10})
		const n = 2000
		got := make(chan []int)
		go func() {
			var all []int
			for len(all) < n {
				records, err := q.Next(t.Context(), 1+len(all)%50, 0)
				if err != nil {
					t.Error(err)
					break
				}
				for _, r := range records {
					all = append(all, number(r))
					q.Ack(r.Seq)
				}
			}
			got <- all
		}()
		for i := range n / 10 {
			add(t, q, 10*i, 10*i+10, 300)
			switch i % 3 {
			case 0:
				commit(t, q)
			case 1:
				time.Sleep(time.Second)
			}
		}
		if all := <-got; !slices.Equal(all, upTo(n)) {
			t.Fatalf("%d records, the first %v", len(all), all[:min(len(all), 20)])
		}
		if err := q.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// 4. Noise at the end of a file led to an endless loop that no signal ended, until somebody deleted the file.
func TestNoiseAtTheEnd(t *testing.T) {
	for seed := range uint64(50) {
		bubble(t, func(t *testing.T, _ *faultfs.FS) {
			fs := laid(t, Options{SegmentBytes: 4 << 10}, 50, 100, 0)
			random := rand.New(rand.NewPCG(seed, 1))
			var noise int64
			for _, name := range segments(fs) {
				data := fs.Get(name)
				for range random.IntN(3000) {
					data = append(data, byte(random.Uint32()>>random.IntN(32)))
				}
				noise += int64(len(data) - len(fs.Get(name)))
				fs.Put(name, data)
			}
			numbers, s := reopened(t, Options{FS: fs, SegmentBytes: 4 << 10})
			if !slices.Equal(numbers, upTo(50)) || s.DamagedBytes > noise {
				t.Fatalf("%v; %d bytes of noise: %+v", numbers, noise, s)
			}
			q := open(t, Options{FS: fs, Dir: "/q"})
			add(t, q, 0, 1, 10)
			commit(t, q)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if records, err := q.Next(ctx, 2, 0); err != nil || len(records) != 1 {
				t.Fatal(records, err)
			}
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// 5. Nothing was synced unless asked for, so an hour's backlog was lost with the power; and the embedded database did
// not open any more. Here records are safe soon even if nobody waits for it; that the queue opens after every loss of
// power is what TestCrashAnywhere is about.
func TestSafeWithoutCommit(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		q := open(t, Options{FS: fs, Dir: "/q"})
		add(t, q, 0, 100, 10)
		time.Sleep(2 * linger)
		after := fs.PowerLoss(nil)
		q.Close()
		if numbers, _ := reopened(t, Options{FS: after}); !slices.Equal(numbers, upTo(100)) {
			t.Fatalf("%v", numbers)
		}
	})
}

// 6. The disk was full, and deleting needed space: the queue was stuck for ever. Here acknowledging and deleting need
// none, what waits is read and delivered from memory, and a reserve is given up.
func TestFullDiskAndBack(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		o := Options{FS: fs, Dir: "/q", SegmentBytes: 16 << 10}
		q := open(t, o)
		add(t, q, 0, 100, 300)
		commit(t, q)
		time.Sleep(time.Second)
		fs.Space(fs.Used()) // nothing more, from one moment to the next

		add(t, q, 100, 120, 300)
		commit(t, q) // into the reserve
		add(t, q, 120, 1000, 300)
		if err := q.Commit(t.Context()); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("committed to a full disk: %v", err)
		}
		if s := q.Stats(); s.Durable || s.Err == nil || s.Pending == 0 {
			t.Fatalf("%+v", s)
		}
		numbers, seqs := take(t, q, 1000) // from the disk and from memory
		if !slices.Equal(numbers, upTo(1000)) {
			t.Fatal(numbers)
		}
		before := len(segments(fs))
		q.Ack(seqs[:500]...)
		time.Sleep(5 * time.Second)
		if after := len(segments(fs)); after >= before {
			t.Errorf("%d files before, %d after the records in them were acknowledged", before, after)
		}
		q.Release(seqs[500:]...)

		// There is space again: within five seconds everything is safe, though nobody asks for it.
		fs.Space(-1)
		time.Sleep(5 * time.Second)
		if s := q.Stats(); !s.Durable || s.Err != nil || s.Pending != 0 {
			t.Fatalf("%+v", s)
		}
		balanced(t, q)
		after := fs.PowerLoss(nil)
		q.Close()
		o.FS = after
		if numbers, s := reopened(t, o); !slices.Equal(numbers, upTo(1000)[500:]) {
			t.Fatalf("%v %+v", numbers, s)
		}
	})
}

// TestFullDiskAtStart: a queue on a disk that is full opens, delivers what is there, and takes records into memory.
func TestFullDiskAtStart(t *testing.T) {
	bubble(t, func(t *testing.T, _ *faultfs.FS) {
		fs := laid(t, Options{SegmentBytes: 4 << 10}, 50, 100, 0)
		for _, other := range []string{"/q/cursor", "/q/reserve"} {
			if err := fs.Remove(other); err != nil {
				t.Fatal(err)
			}
		}
		fs.Space(0)
		q := open(t, Options{FS: fs, Dir: "/q", SegmentBytes: 4 << 10})
		add(t, q, 50, 60, 100)
		numbers, seqs := take(t, q, 60)
		if !slices.Equal(numbers, upTo(60)) {
			t.Fatal(numbers)
		}
		q.Ack(seqs...)
		if err := q.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		balanced(t, q)
		fs.Space(-1)
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// 7. A backlog larger than the size that is configured now kept the program from starting.
func TestBacklogLargerThanConfigured(t *testing.T) {
	for _, policy := range []Policy{LowPriorityFirst, OldestFirst, Block} {
		t.Run(policy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *faultfs.FS) {
				fs := laid(t, Options{SegmentBytes: 8 << 10, Settings: Settings{Policy: policy}}, 600, 300, 0)
				q := open(t, Options{FS: fs, Dir: "/q", Settings: Settings{Policy: policy, MaxBytes: 64 << 10}})
				s := q.Stats()
				if s.Recovered != 600 {
					t.Fatalf("%+v", s)
				}
				if policy == Block {
					if s.Records != 600 || !q.Full() || !errors.Is(q.Append(0, nil), ErrFull) {
						t.Fatalf("%+v", s)
					}
				} else if s.Bytes > 64<<10 || s.Records == 0 || s.Records+s.Dropped[QueueFull] != 600 {
					t.Fatalf("%+v", s)
				}
				left := drain(t, q)
				if balanced(t, q); uint64(len(left)) != s.Records {
					t.Fatalf("%d were left, want %d", len(left), s.Records)
				}
				if q.Full() {
					t.Fatal("the empty queue is full")
				}
				if err := q.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// 8. A sync failed, the next one succeeded, and the records were taken for safe; but the kernel had thrown their pages
// away. Here they are written again, to another file.
func TestFailedSyncIsNotTrusted(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		q := open(t, Options{FS: fs, Dir: "/q"})
		add(t, q, 0, 10, 10)
		commit(t, q)
		failed := 0
		fs.Hook(func(op faultfs.Op) error {
			if op.Kind == faultfs.Sync && strings.HasSuffix(op.Path, ".log") && failed < 3 {
				failed++
				return syscall.EIO
			}
			return nil
		})
		add(t, q, 10, 20, 10)
		if err := q.Commit(t.Context()); !errors.Is(err, syscall.EIO) {
			t.Fatalf("commit: %v", err)
		}
		if err := q.Commit(t.Context()); !errors.Is(err, syscall.EIO) {
			t.Fatalf("second commit: %v", err)
		}
		time.Sleep(5 * time.Second)
		commit(t, q)
		if failed != 3 {
			t.Fatal(failed)
		}
		numbers, seqs := take(t, q, 20)
		if !slices.Equal(numbers, upTo(20)) {
			t.Fatal(numbers)
		}
		q.Release(seqs...)
		after := fs.PowerLoss(nil)
		q.Close()
		if numbers, s := reopened(t, Options{FS: after}); !slices.Equal(numbers, upTo(20)) || s.DamagedBytes != 0 {
			t.Fatalf("%v %+v", numbers, s)
		}
	})
}

// TestSlowSync: while a sync takes two seconds, records are taken and given out at once, and all that wait for it are
// served by the next one together.
func TestSlowSync(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		q := open(t, Options{FS: fs, Dir: "/q", Settings: Settings{Policy: OldestFirst}})
		syncs := 0
		fs.Hook(func(op faultfs.Op) error {
			if op.Kind == faultfs.Sync && path.Ext(op.Path) == ".log" {
				syncs++
				time.Sleep(2 * time.Second)
			}
			return nil
		})
		start := time.Now()
		errs := make(chan error)
		for i := range 100 {
			go func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				err := q.Append(0, fmt.Appendf(nil, "%d", i))
				if time.Since(start) > 110*time.Millisecond {
					err = errors.New("append waited for the disk")
				}
				errs <- errors.Join(err, q.Commit(t.Context()))
			}()
		}
		time.Sleep(200 * time.Millisecond)
		if numbers, _ := take(t, q, 100); !slices.Equal(numbers, upTo(100)) || time.Since(start) > 210*time.Millisecond {
			t.Fatalf("%v after %v", numbers, time.Since(start))
		}
		for range 100 {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took > 5*time.Second || syncs > 2 {
			t.Fatalf("%d syncs took %v", syncs, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		add(t, q, 100, 101, 10)
		if err := q.Commit(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

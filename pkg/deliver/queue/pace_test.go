package queue

import (
	"path"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/saker-security/saker/internal/faultfs"
)

// Nobody calls Commit: a queue that gets records all the time syncs about ten times a second, and none of them is in memory
// only for longer than that. After a rest a record is safe at once, and Commit waits for no pace.
func TestPace(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		var syncs atomic.Int64
		fs.Hook(func(op faultfs.Op) error {
			if op.Kind == faultfs.Sync && path.Ext(op.Path) == ".log" {
				syncs.Add(1)
			}
			return nil
		})
		o := Options{FS: fs, Dir: "/q", Settings: Settings{Policy: OldestFirst}}
		q := open(t, o)
		safe := func() int {
			o.FS = fs.Safe()
			numbers, _ := reopened(t, o)
			if !slices.Equal(numbers, upTo(len(numbers))) {
				t.Fatal(numbers)
			}
			return len(numbers)
		}
		n, start := 0, time.Now()
		for range 3000 {
			add(t, q, n, n+1, 10)
			n++
			time.Sleep(time.Millisecond)
			if n%97 != 0 {
				continue
			}
			if late := n - safe(); late > int(apart/time.Millisecond) {
				t.Fatalf("%d records of %d are in memory only", late, n)
			}
		}
		// A record that comes while others are written is written right after them.
		if got, took := syncs.Load(), time.Since(start); got > 2*int64(took/apart)+1 {
			t.Fatalf("%d syncs in %s", got, took)
		}
		time.Sleep(apart) // what came last is written

		for range 3 {
			time.Sleep(apart)
			add(t, q, n, n+1, 10)
			n++
			time.Sleep(linger + time.Millisecond)
			if got := safe(); got != n {
				t.Fatalf("after a rest %d of %d records are safe", got, n)
			}
		}
		for range 3 {
			add(t, q, n, n+1, 10)
			n++
			start := time.Now()
			commit(t, q)
			if took, got := time.Since(start), safe(); took != 0 || got != n {
				t.Fatalf("a commit took %s; %d of %d records are safe", took, got, n)
			}
		}
	})
}

// Many queues together do not write more often than ten do.
func TestPaceOfManyQueues(t *testing.T) {
	for _, test := range []struct {
		queues int64
		want   time.Duration
	}{{1, apart}, {10, apart}, {50, 500 * time.Millisecond}, {100, time.Second}, {1000, time.Second}} {
		if got := pace(test.queues); got != test.want {
			t.Errorf("%d queues: %v, want %v", test.queues, got, test.want)
		}
	}
}

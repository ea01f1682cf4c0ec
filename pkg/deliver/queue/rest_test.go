package queue

import (
	"testing"
	"time"

	"github.com/saker-security/saker/internal/faultfs"
)

// An empty queue kept its last file, of nearly half a segment, for ever.
func TestEmptyQueueIsSmall(t *testing.T) {
	bubble(t, func(t *testing.T, fs *faultfs.FS) {
		o := Options{FS: fs, Dir: "/q", Settings: Settings{Policy: OldestFirst}}
		q := open(t, o)
		for round := range 3 {
			add(t, q, 0, 2000, 1000)
			commit(t, q)
			drain(t, q)
			if s := q.Stats(); s.Bytes < 1<<20 {
				t.Fatalf("round %d: %+v", round, s)
			}
			time.Sleep(restPause + 2*lookPause)
			if s := q.Stats(); s.Bytes > restBytes || s.Records != 0 {
				t.Fatalf("round %d: %+v", round, s)
			}
			if used := fs.Used(); used > 9<<20 { // the reserve
				t.Fatalf("round %d: %d bytes", round, used)
			}
		}
		add(t, q, 0, 10, 10)
		commit(t, q)
		o.FS = fs.Safe()
		_ = q.Close()
		q = open(t, o)
		if got := drain(t, q); len(got) != 10 || number(got[0]) != 0 {
			t.Fatal(len(got))
		}
		balanced(t, q)
		q.Close()
	})
}

// Every sink has a reserve: on a small file system, or of a small queue, it is small.
func TestReserveIsSmall(t *testing.T) {
	for _, c := range []struct{ space, bound, want int64 }{
		{-1, 1 << 30, 8 << 20},
		{64 << 20, 1 << 30, 1 << 20},
		{-1, 64 << 20, 1 << 20},
		{-1, 1 << 10, 4 << 10},
	} {
		bubble(t, func(t *testing.T, fs *faultfs.FS) {
			fs.Space(c.space)
			q := open(t, Options{FS: fs, Dir: "/q", Settings: Settings{MaxBytes: c.bound}})
			time.Sleep(2 * lookPause)
			if got := int64(len(fs.Get("/q/" + reserveName))); got != c.want {
				t.Errorf("%+v: %d", c, got)
			}
			q.Close()
		})
	}
}

package queue

import (
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// TestWholeAgain: the records of files that are read in many pieces come whole once more, before the next start and when
// their file is deleted, also those that are longer than a piece.
func TestWholeAgain(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	var want, retired, recent []string
	o := Options{Dir: dir, SegmentBytes: 2 << 20, RetiredAge: time.Hour, Retired: func(records iter.Seq[Record]) {
		mu.Lock()
		defer mu.Unlock()
		for r := range records {
			retired = append(retired, string(r.Payload))
		}
	}}
	q, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 700 {
		payload := fmt.Sprintf("%0*d", 10+i*i%5000, i)
		if i%100 == 50 {
			payload = fmt.Sprintf("%0*d", 2*chunk, i)
		}
		want = append(want, payload)
		if err := q.Append(0, []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := Recent(disk.OS, dir, time.Hour, func(r Record) bool {
		recent = append(recent, string(r.Payload))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(recent) // the files come the newest first
	if all := slices.Sorted(slices.Values(want)); !slices.Equal(recent, all) {
		t.Errorf("%d of %d records, or others", len(recent), len(want))
	}
	drain(t, q)
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(retired) < len(want)/2 || !slices.Equal(retired, want[:len(retired)]) { // the last file stays
		t.Errorf("%d of %d records, or others", len(retired), len(want))
	}
}

// TestEarlyIsBounded: while the disk hangs, what was acknowledged before it was written takes no more memory than it may,
// however long the records are; afterwards it is told again.
func TestEarlyIsBounded(t *testing.T) {
	var told int
	q := newQueue(Options{Passed: func(records []Record) { told += len(records) }})
	for range 2 {
		told = 0
		for range 100 {
			q.overtake(&item{Record: Record{Payload: make([]byte, 1<<20)}})
		}
		if q.passEarly(); told != 8 {
			t.Errorf("%d records of a MiB were kept", told)
		}
	}
}

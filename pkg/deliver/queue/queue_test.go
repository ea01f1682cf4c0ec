package queue

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// drain takes everything out of a queue and acknowledges it.
func drain(t testing.TB, q *Queue) (records []Record) {
	t.Helper()
	for q.Stats().Records > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		got, err := q.Next(ctx, 1000, 0)
		cancel()
		if q.Stats().Records == 0 && len(got) == 0 {
			return records
		}
		if err != nil {
			t.Fatalf("next: %v; %+v", err, q.Stats())
		}
		seqs := make([]uint64, len(got))
		for i, r := range got {
			seqs[i] = r.Seq
		}
		q.Ack(seqs...)
		records = append(records, got...)
	}
	return records
}

func balanced(t testing.TB, q *Queue) {
	t.Helper()
	s := q.Stats()
	sum := s.Acked + s.Records
	for _, n := range s.Dropped {
		sum += n
	}
	if s.Appended+s.Recovered != sum {
		t.Fatalf("appended %d + recovered %d != acked %d + records %d + dropped %v", s.Appended, s.Recovered, s.Acked, s.Records, s.Dropped)
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, SegmentBytes: 4 << 10}
	q, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if err := q.Append(uint8(i%8), fmt.Appendf(nil, "record %04d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, err := q.Next(t.Context(), 100, 0)
	if err != nil || len(first) != 100 {
		t.Fatal(len(first), err)
	}
	for _, r := range first[:50] {
		q.Ack(r.Seq)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	var scanned int
	if err := Scan(nil, dir, func(Record) bool { scanned++; return true }); err != nil || scanned != 950 {
		t.Fatal(scanned, err)
	}
	if q, err = Open(o); err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	for i, r := range drain(t, q) {
		if string(r.Payload) != fmt.Sprintf("record %04d", i+50) {
			t.Fatalf("record %d: %s", i, r.Payload)
		}
	}
	balanced(t, q)
	if s := q.Stats(); s.Recovered != 950 || s.Acked != 950 || s.Records != 0 || len(s.Dropped) > 0 {
		t.Fatalf("%+v", s)
	}
}

func TestMemory(t *testing.T) {
	q, err := Open(Options{Settings: Settings{MemoryBytes: 100 * frameSize(10)}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if err := q.Append(uint8(i%8), fmt.Appendf(nil, "record %03d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := drain(t, q); len(got) != 100 {
		t.Fatal(len(got))
	}
	balanced(t, q)
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
}

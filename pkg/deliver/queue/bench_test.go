package queue

import (
	"context"
	"fmt"
	"testing"
)

func open(b testing.TB, o Options) *Queue {
	b.Helper()
	q, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { q.Close() })
	return q
}

// BenchmarkAppendCommit appends 1 KiB records to a disk; every batch of so many is committed, as the batches of a
// webhook are.
func BenchmarkAppendCommit(b *testing.B) {
	for _, batch := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			q := open(b, Options{Dir: b.TempDir()})
			defer q.Close()
			payload := make([]byte, 1<<10)
			b.SetBytes(1 << 10)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := q.Append(4, payload); err != nil {
					b.Fatal(err)
				}
				if i%batch == batch-1 {
					if err := q.Commit(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			}
			if err := q.Commit(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkCommitTogether appends 1 KiB records from many goroutines that commit each batch of ten, as the requests of
// API servers do.
func BenchmarkCommitTogether(b *testing.B) {
	q := open(b, Options{Dir: b.TempDir()})
	payload := make([]byte, 1<<10)
	b.SetBytes(1 << 10)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for i := 1; pb.Next(); i++ {
			if err := q.Append(4, payload); err != nil {
				b.Error(err)
				return
			}
			if i%10 == 0 {
				if err := q.Commit(context.Background()); err != nil {
					b.Error(err)
					return
				}
			}
		}
	})
}

// BenchmarkDrain reads and acknowledges a backlog of 1 KiB records from a disk.
func BenchmarkDrain(b *testing.B) {
	q := open(b, Options{Dir: b.TempDir()})
	defer q.Close()
	payload := make([]byte, 1<<10)
	fill := func() {
		for i := range 200_000 {
			if err := q.Append(uint8(3+i%3), payload); err != nil {
				b.Fatal(err)
			}
			if i%1000 == 0 {
				if err := q.Commit(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.SetBytes(1 << 10)
	b.ReportAllocs()
	var seqs []uint64
	for b.Loop() {
		if q.Stats().Records == 0 {
			b.StopTimer()
			fill()
			b.StartTimer()
		}
		if len(seqs) == 0 {
			records, err := q.Next(b.Context(), 100, 0)
			if err != nil {
				b.Fatal(err)
			}
			for _, r := range records {
				seqs = append(seqs, r.Seq)
			}
		}
		q.Ack(seqs[0])
		seqs = seqs[1:]
	}
}

// BenchmarkOpen opens a backlog of 128 MiB of 1 KiB records.
func BenchmarkOpen(b *testing.B) {
	o := Options{Dir: b.TempDir()}
	q := open(b, o)
	payload := make([]byte, 1<<10)
	for i := range 128 << 10 {
		if err := q.Append(uint8(i%8), payload); err != nil {
			b.Fatal(err)
		}
		if i%4096 == 0 {
			if err := q.Commit(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := q.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		q := open(b, o)
		if n := q.Stats().Recovered; n != 128<<10 {
			b.Fatal(n)
		}
		if err := q.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

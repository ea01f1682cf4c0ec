package queue

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/saker-security/saker/internal/faultfs"
)

// FuzzOpen opens a directory with foreign files. With sealed, the checksums of headers and cursor are made right, so
// that what they say is believed. The queue opens, gives what it can, ends, keeps its account and works afterwards.
func FuzzOpen(f *testing.F) {
	seed := func(n, size, acked int) {
		fs := laid(f, Options{SegmentBytes: 4 << 10, Settings: Settings{Policy: OldestFirst}}, n, size, acked)
		segs := segments(fs)
		first, second := fs.Get(segs[0]), []byte(nil)
		if len(segs) > 1 {
			second = fs.Get(segs[1])
		}
		for _, sealed := range []bool{false, true} {
			f.Add(first, second, fs.Get("/q/cursor"), sealed)
			f.Add(second, first, []byte(nil), sealed)
		}
	}
	seed(3, 10, 1)
	seed(60, 100, 7)
	f.Add([]byte("x"), make([]byte, 500), make([]byte, 9000), true)
	f.Fuzz(func(t *testing.T, first, second, cursor []byte, sealed bool) {
		synctest.Test(t, func(t *testing.T) {
			first, second, cursor := slices.Clone(first), slices.Clone(second), slices.Clone(cursor)
			if sealed {
				if len(first) >= headerSize {
					reseal(first, segmentName(0, 1))
				}
				if len(second) >= headerSize {
					reseal(second, segmentName(0, 2))
				}
				if len(cursor) >= 2*cursorPage {
					reseal(cursor, cursorName)
				}
			}
			fs := faultfs.New()
			fs.Put("/q/"+segmentName(0, 1), first)
			fs.Put("/q/"+segmentName(0, 2), second)
			fs.Put("/q/cursor", cursor)
			o := Options{FS: fs, Dir: "/q", Settings: Settings{Policy: OldestFirst}}
			scanned := 0
			scanErr := Scan(fs, "/q", func(Record) bool { scanned++; return true })
			q, err := Open(o)
			if err != nil {
				if scanErr == nil {
					t.Fatalf("scanned, but does not open: %v", err)
				}
				return
			}
			left := drain(t, q)
			balanced(t, q)
			if q.Stats().Records != 0 || len(left) > scanned {
				t.Fatalf("%d records, scanned %d: %+v", len(left), scanned, q.Stats())
			}
			if err := q.Append(0, []byte("after")); err != nil {
				t.Fatal(err)
			}
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
			q = open(t, o)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var last []byte
			for q.Stats().Records > 0 {
				records, err := q.Next(ctx, 1, 0)
				if err != nil {
					break
				}
				q.Ack(records[0].Seq)
				last = slices.Clone(records[0].Payload)
			}
			if balanced(t, q); string(last) != "after" {
				t.Fatalf("%q: %+v", last, q.Stats())
			}
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
		})
	})
}

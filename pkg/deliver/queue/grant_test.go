package queue

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/saker-security/saker/internal/faultfs"
)

// TestGrant: what a queue grants, Append takes, also while the disk fails; what it does not grant changes nothing.
func TestGrant(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 5))
			o := Options{Settings: Settings{MaxBytes: 64 << 10, MemoryBytes: 16 << 10, Policy: Block}}
			fsys := faultfs.New()
			if seed%3 > 0 {
				o.Dir, o.FS = "/q", fsys
			}
			q := open(t, o)
			var broken atomic.Bool
			fsys.Hook(func(op faultfs.Op) error {
				if broken.Load() && op.Kind == faultfs.Sync {
					return errors.New("broken")
				}
				return nil
			})
			granted, refused, appended := 0, 0, uint64(0)
			for range 300 {
				var sizes []int
				for range 1 + random.IntN(6) {
					sizes = append(sizes, random.IntN(4000))
				}
				switch {
				case !q.Grant(sizes...):
					refused++
					if q.Stats().Records == 0 {
						t.Fatalf("an empty queue grants nothing of %v: %+v", sizes, q.Stats())
					}
				case random.IntN(4) == 0:
					q.Revoke()
				default:
					granted++
					broken.Store(seed%3 == 2 && random.IntN(2) == 0)
					for _, n := range sizes {
						synctest.Wait()
						if err := q.Append(uint8(n%3), make([]byte, n)); err != nil {
							t.Fatalf("%d bytes of %v: %v", n, sizes, err)
						}
						appended++
					}
					q.Revoke()
				}
				if random.IntN(2) == 0 {
					records, err := q.some(random.IntN(10))
					if err != nil {
						t.Fatal(err)
					}
					q.Ack(records...)
				}
				if s := q.Stats(); s.Appended != appended || sum(s.Dropped) != 0 {
					t.Fatalf("%d were granted: %+v", appended, s)
				}
			}
			if granted < 20 || refused < 10 {
				t.Errorf("%d granted, %d refused", granted, refused)
			}
			broken.Store(false)
			_ = q.Close()
		})
	}
}

// some leases at most n records, if there are any.
func (q *Queue) some(n int) (seqs []uint64, err error) {
	if q.Stats().Records == 0 || n == 0 {
		return nil, nil
	}
	records, err := q.Next(context.Background(), n, 0)
	for _, r := range records {
		seqs = append(seqs, r.Seq)
	}
	return seqs, err
}

func sum(reasons map[string]uint64) (n uint64) {
	for _, m := range reasons {
		n += m
	}
	return n
}

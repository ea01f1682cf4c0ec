package follow

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
)

// TestPackedMeanwhile has a log that is put aside and packed while its events cannot be evaluated.
func TestPackedMeanwhile(t *testing.T) {
	cases := []struct {
		name string
		do   func(r *rig)
		want []string
		lost Stats
	}{
		{"copied, emptied and packed", func(r *rig) {
			r.copyFile("audit.log", "audit.log.1")
			r.truncate("audit.log")
			r.pack("audit.log.1")
			r.write("audit.log", line("c"))
		}, []string{"a", "b", "c"}, Stats{Truncations: 1}},
		{"removed", func(r *rig) {
			r.remove("audit.log")
			r.write("audit.log", line("c"))
		}, []string{"a", "b", "c"}, Stats{Rotations: 1}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			synctest.Test(t, func(t *testing.T) {
				r.write("audit.log", line("a"), line("b"))
				tries := 0
				r.evaluate = func() error {
					if tries++; tries == 1 {
						c.do(r)
					}
					if tries < 4 {
						return errors.New("full")
					}
					return nil
				}
				r.read()
				r.quiet()
				r.quiet()
				r.want(t, c.want...)
				r.wantStats(t, c.lost)
			})
		})
	}
}

// TestPackedReplaced has a packed file that is written anew in its place while its events cannot be evaluated.
func TestPackedReplaced(t *testing.T) {
	r := newRig(t)
	r.read() // there is nothing, so that what comes is read
	r.write(rotated1, line("a"), line("b"))
	r.pack(rotated1)
	r.write(rotated2, line("c"))
	r.pack(rotated2)
	other, err := os.ReadFile(r.path(rotated2 + ".gz"))
	if err != nil {
		t.Fatal(err)
	}
	r.remove(rotated2 + ".gz")
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		r.evaluate = func() error {
			if tries++; tries == 1 {
				if err := os.WriteFile(r.path(rotated1+".gz"), other, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if tries < 3 {
				return errors.New("full")
			}
			return nil
		}
		r.read()
		r.want(t, "a", "b", "c")
	})
}

// packedLog makes a packed log of many events that are not known yet, and gives their ids.
func packedLog(r *rig, name string) (ids []string) {
	for k := range 2000 {
		ids = append(ids, fmt.Sprintf("%s-%04d-%x", name, k, k*k*7919))
		r.write(name, line(ids[k]))
	}
	r.pack(name)
	return ids
}

// TestPackedRemoved has a packed log that is removed while it is read, which takes more than the time after which files
// are taken as finished.
func TestPackedRemoved(t *testing.T) {
	r := newRig(t)
	r.read()
	ids := packedLog(r, rotated1)
	r.f.chunk = 64 << 10
	reads := 0
	r.evaluate = func() error {
		if reads++; reads == 1 {
			r.remove(rotated1 + ".gz")
		}
		r.skew += quietTime // so that it is looked again after each part
		return nil
	}
	r.read()
	r.want(t, ids...)
	if reads < 3 {
		t.Errorf("it was read in %d parts", reads)
	}
	r.quiet()
	r.wantStats(t, Stats{})
}

// TestPackedCut has a packed log that is being written, and never gets finished: it is told, whatever becomes of it.
func TestPackedCut(t *testing.T) {
	for name, do := range map[string]func(r *rig){
		"stays":  func(*rig) {},
		"closed": func(r *rig) { r.f.closeAll(); r.remove(rotated1 + ".gz") },
		"open":   func(r *rig) { r.remove(rotated1 + ".gz") },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.read()
			packedLog(r, rotated1)
			whole, err := os.ReadFile(r.path(rotated1 + ".gz"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(r.path(rotated1+".gz"), whole[:len(whole)/2], 0o600); err != nil {
				t.Fatal(err)
			}
			r.touch(rotated1 + ".gz")
			r.read()
			r.read() // it is opened again
			if len(r.got) < 100 || len(r.got) > 1900 {
				t.Fatalf("%d events", len(r.got))
			}
			r.wantStats(t, Stats{})
			do(r)
			r.read()
			r.quiet()
			r.quiet()
			r.wantStats(t, Stats{Unknown: 1})
			if s := r.f.Stats(); name != "stays" && s.Files != 0 {
				t.Errorf("%d files are followed", s.Files)
			}
		})
	}
}

// TestPackedUnread has more packed logs than are held open, of which some are gone before their turn comes.
func TestPackedUnread(t *testing.T) {
	r := newRig(t)
	r.read()
	for k := range maxOpen + 2 {
		name := fmt.Sprintf("audit-2026-11-21T19-00-%02d.%03d.log", k/60, k%60)
		r.write(name, line(fmt.Sprint("id-", k)))
		r.pack(name)
	}
	gone := 0
	r.evaluate = func() error {
		if gone > 0 {
			return nil
		}
		for _, f := range r.f.files {
			if f.open == nil {
				gone++
				if err := os.Remove(f.path); err != nil {
					t.Fatal(err)
				}
			}
		}
		return nil
	}
	r.read()
	r.quiet()
	r.quiet()
	if gone == 0 || len(r.got) != maxOpen+2-gone {
		t.Errorf("%d events were read, and %d logs gone", len(r.got), gone)
	}
	r.wantStats(t, Stats{Unknown: uint64(gone)})
}

// TestPackedGrows has a packed log to which something is added after it was read: gzip allows several parts.
func TestPackedGrows(t *testing.T) {
	r := newRig(t)
	r.read()
	r.write("next.log", line("b"))
	r.pack("next.log")
	next, err := os.ReadFile(r.path("next.log.gz"))
	if err != nil {
		t.Fatal(err)
	}
	r.write(rotated1, line("a"))
	r.pack(rotated1)
	r.read()
	r.want(t, "a")
	r.write(rotated1+".gz", string(next))
	r.read()
	r.want(t, "b")
	r.quiet()
	r.want(t)
	r.wantStats(t, Stats{})
}

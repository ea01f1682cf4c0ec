package deliver

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/saker-security/saker/internal/faultfs"
)

// TestRecallFiles adds entries at any times, as several processes. None that is young enough is forgotten, and the files
// do not grow without bound.
func TestRecallFiles(t *testing.T) {
	fsys := faultfs.New()
	if err := fsys.MkdirAll("/d", 0o700); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 4))
	f := recallFiles{fs: fsys, dir: "/d"}
	now := time.Unix(1_700_000_000, 0)
	var all []recallEntry
	for range 2000 {
		now = now.Add(time.Duration(random.IntN(60)) * time.Second)
		var some []recallEntry
		for range random.IntN(10) {
			some = append(some, recallEntry{now.UnixNano() - int64(random.IntN(3)), markOf(fmt.Sprint(random.Uint64()))})
		}
		if err := f.add(some, now, random.IntN(2) == 0); err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
		if random.IntN(5) > 0 {
			continue
		}
		f = recallFiles{fs: fsys, dir: "/d"}
		got, damage := f.load()
		known := map[mark]bool{}
		for i, e := range got {
			known[e.mark] = true
			if i > 0 && e.time < got[i-1].time-2 {
				t.Fatal("not in order")
			}
		}
		for _, e := range all {
			if e.time >= now.Add(-recallTime).UnixNano() && !known[e.mark] || damage != nil {
				t.Fatalf("at %v, an entry of %v is gone; damage %v", now, time.Unix(0, e.time), damage)
			}
		}
		if random.IntN(10) == 0 && f.size > 5 { // cut off while it was being written
			path := f.path(f.current)
			fsys.Put(path, append(fsys.Get(path), 77, 0, 0))
		}
	}
	if used := fsys.Used(); used > 40_000 || len(all) < 5000 {
		t.Errorf("%d bytes for %d entries", used, len(all))
	}
}

// FuzzRecallFiles reads whatever is in the files, and goes on with them.
func FuzzRecallFiles(f *testing.F) {
	one := recallFiles{}
	one.encode([]recallEntry{{1, mark{1}}, {2, mark{2}}}, time.Unix(1, 0))
	f.Add(one.buf, []byte{})
	f.Add(one.buf[:len(one.buf)-1], one.buf)
	f.Add([]byte{1, 0, 0, 0}, make([]byte, 100))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		fsys := faultfs.New()
		fsys.Put("/d/recall.0", a)
		fsys.Put("/d/recall.1", b)
		r := recallFiles{fs: fsys, dir: "/d"}
		got, _ := r.load()
		if len(got) > (len(a)+len(b))/recallEntryN {
			t.Fatalf("%d entries", len(got))
		}
		entry := recallEntry{time.Now().UnixNano(), mark{9, 9}}
		if err := r.add([]recallEntry{entry}, time.Now(), true); err != nil {
			t.Fatal(err)
		}
		again, _ := (&recallFiles{fs: fsys, dir: "/d"}).load()
		for _, e := range again {
			if e == entry {
				return
			}
		}
		t.Fatal("what was added is not there")
	})
}

package queue

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/saker-security/saker/internal/faultfs"
)

// laid makes a queue of n records of about size bytes, of which the first acked are acknowledged, and closes it.
func laid(t testing.TB, o Options, n, size, acked int) *faultfs.FS {
	t.Helper()
	fs := faultfs.New()
	o.FS, o.Dir = fs, "/q"
	q := open(t, o)
	for i := range n {
		if err := q.Append(uint8(i%3), fmt.Appendf(nil, "%d %0*d", i, size+i%7, 0)); err != nil {
			t.Fatal(err)
		}
		if i%10 == 9 {
			if err := q.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for acked > 0 {
		records, err := q.Next(t.Context(), acked, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			q.Ack(r.Seq)
		}
		acked -= len(records)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	return fs
}

func segments(fs *faultfs.FS) (paths []string) {
	for _, p := range fs.Files() {
		if strings.HasSuffix(p, ".log") {
			paths = append(paths, p)
		}
	}
	return paths
}

// reopened opens a queue, empties it and compares the accounts.
func reopened(t *testing.T, o Options) (numbers []int, s Stats) {
	t.Helper()
	o.Dir = "/q"
	q, err := Open(o) // thousands of them: none must stay until the test ends
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range drain(t, q) {
		numbers = append(numbers, number(r))
	}
	balanced(t, q)
	s = q.Stats()
	if s.Records != 0 || s.Recovered != uint64(len(numbers))+s.Dropped[Damaged] || !slices.IsSorted(numbers) {
		t.Fatalf("%v, %+v", numbers, s)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	return numbers, s
}

// TestTornAtEveryByte cuts the last 64 KiB of a queue at every byte, as power that fails in the middle of a write does,
// with nothing, zeros or noise behind the cut.
func TestTornAtEveryByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{Settings: Settings{Policy: OldestFirst}, SegmentBytes: 128 << 10}
		fs := laid(t, o, 75, 1000, 0)
		name := segments(fs)[0]
		data := fs.Get(name)
		ends := []int{headerSize}
		for i := range 75 {
			ends = append(ends, ends[i]+int(frameSize(len(fmt.Sprintf("%d %0*d", i, 1000+i%7, 0)))))
		}
		if len(data) < 64<<10 || ends[75] != len(data) {
			t.Fatalf("%d bytes, want %d", len(data), ends[75])
		}
		random := rand.New(rand.NewPCG(1, 2))
		step := 1
		if testing.Short() || raced {
			step = 61
		}
		for cut := len(data) - 64<<10; cut < len(data); cut += step {
			whole, _ := slices.BinarySearch(ends, cut+1)
			torn := slices.Clone(data[:cut])
			switch cut % 5 {
			case 1:
				torn = append(torn, make([]byte, 5000)...)
			case 2:
				for range 500 {
					torn = append(torn, byte(random.Uint32()))
				}
			}
			fs := faultfs.New()
			fs.Put(name, torn)
			o.FS = fs
			numbers, s := reopened(t, o)
			if len(numbers) != whole-1 || s.Dropped[Damaged] != 0 || s.DamagedBytes != int64(len(torn)-ends[whole-1]) {
				t.Fatalf("cut at %d: %d records, want %d; %+v", cut, len(numbers), whole-1, s)
			}
		}
	})
}

// TestAppendBehindTornTail: what is appended after a torn tail was cut is not cut with it the next time.
func TestAppendBehindTornTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := laid(t, Options{}, 30, 100, 0)
		for _, name := range segments(fs) {
			fs.Put(name, append(fs.Get(name), 1, 2, 3))
		}
		for range 3 {
			o := Options{FS: fs, Dir: "/q"}
			q := open(t, o)
			n := int(q.Stats().Recovered)
			if err := q.Append(0, fmt.Appendf(nil, "%d", n)); err != nil {
				t.Fatal(err)
			}
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if numbers, s := reopened(t, Options{FS: fs}); len(numbers) != 33 || s.DamagedBytes != 0 {
			t.Fatalf("%v, %+v", numbers, s)
		}
	})
}

// TestBitFlips flips each of 10,000 random bits. No more than one record may be lost, and it is counted: by number, or,
// at the very end of a lane where no later record tells that it was there, by bytes.
func TestBitFlips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const records, acked = 300, 40
		o := Options{SegmentBytes: 8 << 10}
		fs := laid(t, o, records, 200, acked)
		random := rand.New(rand.NewPCG(3, 4))
		times := 10_000
		if testing.Short() || raced {
			times = 500
		}
		files := slices.DeleteFunc(fs.Files(), func(p string) bool { return path.Base(p) == reserveName })
		lost := 0
		for range times {
			fs := fs.Clone()
			name := files[random.IntN(len(files))]
			data := fs.Get(name)
			bit := random.IntN(8 * len(data))
			data[bit/8] ^= 1 << (bit % 8)
			fs.Put(name, data)
			o.FS = fs
			numbers, s := reopened(t, o)
			if path.Base(name) == cursorName {
				// The older slot counts now, or none: some records come again.
				if len(numbers) < records-acked || s.Dropped[Damaged] != 0 || s.DamagedBytes != 0 {
					t.Fatalf("%s bit %d: %d records; %+v", name, bit, len(numbers), s)
				}
				continue
			}
			missing := records - acked - len(numbers)
			if missing == 0 && s.Dropped[Damaged] == 0 {
				continue
			}
			if lost++; missing != 1 || s.DamagedBytes == 0 || s.Dropped[Damaged] > 1 {
				t.Fatalf("%s bit %d: %d records; %+v", name, bit, len(numbers), s)
			}
			if s.Dropped[Damaged] == 0 && bit/8 < len(data)-300 {
				t.Fatalf("%s bit %d of %d: the lost record is not counted: %+v", name, bit, 8*len(data), s)
			}
		}
		if lost < times/2 {
			t.Fatalf("only %d flips cost a record", lost)
		}
	})
}

// TestDamage spoils a queue of several segments in larger ways.
func TestDamage(t *testing.T) {
	const records = 200
	o := Options{Settings: Settings{Policy: OldestFirst}, SegmentBytes: 4 << 10}
	tests := []struct {
		name  string
		spoil func(fs *faultfs.FS, segs []string)
		// lost says which records of a segment are lost, by the index of the segment.
		lost func(i, segs int) (from, to float64)
	}{
		{"a missing segment", func(fs *faultfs.FS, segs []string) { _ = fs.Remove(segs[3]) },
			func(i, _ int) (float64, float64) { return 0, is(i == 3) }},
		{"the first segment is missing", func(fs *faultfs.FS, segs []string) { _ = fs.Remove(segs[0]) },
			func(i, _ int) (float64, float64) { return 0, is(i == 0) }},
		{"both headers", func(fs *faultfs.FS, segs []string) {
			b := fs.Get(segs[2])
			b[20]++
			b[90]++
			fs.Put(segs[2], b)
		}, func(i, _ int) (float64, float64) { return 0, is(i == 2) }},
		{"zeros in the middle", func(fs *faultfs.FS, segs []string) {
			b := fs.Get(segs[1])
			clear(b[len(b)/3 : len(b)/2])
			fs.Put(segs[1], b)
		}, func(i, _ int) (float64, float64) { return 1.0 / 3 * is(i == 1), 1.0 / 2 * is(i == 1) }},
		{"half a segment", func(fs *faultfs.FS, segs []string) { b := fs.Get(segs[4]); fs.Put(segs[4], b[:len(b)/2]) },
			func(i, _ int) (float64, float64) { return 0.5 * is(i == 4), is(i == 4) }},
		{"an empty segment", func(fs *faultfs.FS, segs []string) { fs.Put(segs[4], nil) },
			func(i, _ int) (float64, float64) { return 0, is(i == 4) }},
		{"a segment twice", func(fs *faultfs.FS, segs []string) {
			fs.Put("/q/"+segmentName(0, 999), fs.Get(segs[1]))
		}, func(int, int) (float64, float64) { return 0, 0 }},
		{"no cursor", func(fs *faultfs.FS, _ []string) { _ = fs.Remove("/q/cursor") },
			func(int, int) (float64, float64) { return 0, 0 }},
		{"a cursor of zeros", func(fs *faultfs.FS, _ []string) { fs.Put("/q/cursor", make([]byte, 8192)) },
			func(int, int) (float64, float64) { return 0, 0 }},
		{"other files", func(fs *faultfs.FS, _ []string) {
			fs.Put("/q/0-x.log", []byte("x"))
			fs.Put("/q/9-00000000000000000001.log", []byte("x"))
			fs.Put("/q/README", []byte("x"))
		}, func(int, int) (float64, float64) { return 0, 0 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fs := laid(t, o, records, 100, 0)
				segs := segments(fs)
				if len(segs) < 6 {
					t.Fatal(segs)
				}
				gone := map[int]bool{}
				for i, name := range segs {
					from, to := tt.lost(i, len(segs))
					size := float64(len(fs.Get(name)))
					for _, n := range within(t, fs, name, int(from*size), int(to*size)) {
						gone[n] = true
					}
				}
				tt.spoil(fs, segs)
				o := o
				o.FS = fs
				numbers, s := reopened(t, o)
				for n := range records {
					if slices.Contains(numbers, n) == gone[n] {
						t.Errorf("record %d: lost %v, want %v", n, !gone[n], gone[n])
					}
				}
				if s.Dropped[Damaged] != uint64(len(gone)) {
					t.Errorf("%d are counted as damaged, want %d", s.Dropped[Damaged], len(gone))
				}
			})
		})
	}
}

func is(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// within gives the records of a segment that touch [from, to).
func within(t *testing.T, fs *faultfs.FS, name string, from, to int) (numbers []int) {
	t.Helper()
	n, serial, _ := parseName(path.Base(name))
	seg, err := openSegment(fs, "/q", path.Base(name), n, serial)
	if err != nil {
		t.Fatal(err)
	}
	r := reader{fs: fs}
	items, err := r.from(seg, 0, maxNumber, seg.size)
	if err != nil {
		t.Fatal(err)
	}
	off := headerSize
	for _, it := range items {
		if end := off + int(it.size()); off < to && end > from {
			numbers = append(numbers, number(it.Record))
		}
		off += int(it.size())
	}
	return numbers
}

// TestForgedRecord: a payload that looks like a record of the queue is not taken for one when the record that holds
// it is damaged, because who wrote it cannot know the salt of the segment.
func TestForgedRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := faultfs.New()
		q := open(t, Options{FS: fs, Dir: "/q"})
		forger := segment{salt: 0}
		forged, _ := forger.appendRecord(nil, nil, 2, &Record{Seq: 2, Payload: []byte("999 forged")})
		for _, payload := range [][]byte{[]byte("0"), slices.Concat([]byte("1 "), forged), []byte("2")} {
			if err := q.Append(0, payload); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		name := segments(fs)[0]
		data := fs.Get(name)
		data[bytes.Index(data, forged)-1] ^= 1
		fs.Put(name, data)
		if numbers, s := reopened(t, Options{FS: fs}); !slices.Equal(numbers, []int{0, 2}) || s.Dropped[Damaged] != 1 {
			t.Fatalf("%v, %+v", numbers, s)
		}
	})
}

// TestNewerVersion: files of a newer version are neither read nor deleted.
func TestNewerVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := laid(t, Options{}, 10, 100, 5)
		for _, name := range []string{segments(fs)[0], "/q/cursor"} {
			fs := fs.Clone()
			data := fs.Get(name)
			for start := 0; start < len(data); start += headerCopy {
				data[start+8] = version + 1
			}
			reseal(data, name)
			fs.Put(name, data)
			before := fs.Files()
			if _, err := Open(Options{FS: fs, Dir: "/q"}); err == nil || !strings.Contains(err.Error(), "newer version") {
				t.Errorf("%s: %v", name, err)
			}
			if !slices.Equal(before, fs.Files()) {
				t.Errorf("%s: %v became %v", name, before, fs.Files())
			}
		}
	})
}

// reseal makes the checksums of a header or of the slots of a cursor right again.
func reseal(data []byte, name string) {
	starts, length := []int{0, headerCopy}, headerUsed
	if path.Base(name) == cursorName {
		starts, length = []int{0, cursorPage}, cursorSlot
	}
	for _, s := range starts {
		binary.LittleEndian.PutUint32(data[s+length-4:], crc32.Checksum(data[s:s+length-4], castagnoli))
	}
}

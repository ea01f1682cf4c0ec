package dead

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/internal/faultfs"
	"github.com/saker-security/saker/pkg/alert"
)

const (
	faultDir = "/data/dead"
	faultLog = faultDir + "/" + logName
)

// model is what a store must hold: the version of each letter, by ID. What an operation that failed was about may be as
// it was or as it should have become, until another one succeeds.
type model struct {
	have  map[string]int
	maybe map[string][]int // 0 stands for no letter
}

func (m *model) sure() { clear(m.maybe) }

// try notes what a failed operation may have done.
func (m *model) try(id string, version int) {
	if m.maybe[id] == nil {
		m.maybe[id] = []int{m.have[id]}
	}
	m.maybe[id] = append(m.maybe[id], version)
}

// check compares the store with the model; after a restart, what may be counts.
func (m *model) check(t *testing.T, s *Store, restarted bool) {
	t.Helper()
	got := make(map[string]int)
	for _, e := range contents(t, s) {
		if got[e.ID] != 0 {
			t.Fatalf("%s is there twice", e.ID)
		}
		if got[e.ID] = e.Attempts; len(e.Alert.Message) != e.Attempts*50 {
			t.Fatalf("%+v", e)
		}
	}
	for id, version := range got {
		if !m.allows(id, version, restarted) {
			t.Fatalf("%s is there in version %d: %+v", id, version, m)
		}
	}
	for id := range m.have {
		if got[id] == 0 && !m.allows(id, 0, restarted) {
			t.Fatalf("%s is lost: %+v, %+v", id, m, s.Stats())
		}
	}
}

func (m *model) allows(id string, version int, restarted bool) bool {
	if m.have[id] == version {
		return true
	}
	for _, v := range m.maybe[id] {
		if restarted && v == version {
			return true
		}
	}
	return false
}

// step does something by chance.
func (m *model) step(s *Store, r *rand.Rand) error {
	ids := []string{fmt.Sprint(r.IntN(12)), fmt.Sprint(12 + r.IntN(12))}
	version := 1 + r.IntN(60)
	if r.IntN(2) == 0 {
		var entries []Entry
		for _, id := range ids {
			entries = append(entries, Entry{ID: id, Attempts: version, Alert: &alert.Alert{Message: strings.Repeat("x", version*50)}})
		}
		err := s.Add(entries...)
		for _, id := range ids {
			if err != nil {
				m.try(id, version)
			} else {
				m.have[id] = version
			}
		}
		if err == nil {
			m.sure()
		}
		return err
	}
	n, err := s.Remove(ids...)
	for _, id := range ids {
		if err != nil {
			m.try(id, 0)
		} else {
			delete(m.have, id)
		}
	}
	if err == nil && n > 0 {
		m.sure()
	}
	return err
}

func newModel() *model { return &model{have: make(map[string]int), maybe: make(map[string][]int)} }

// A process that is killed and a machine that loses power after any call: what was kept is there, what was removed is
// gone.
func TestCrashAfterEveryCall(t *testing.T) {
	for _, power := range []string{"killed", "lost", "lost by chance"} {
		finished := false
		for n := 1; !finished; n++ {
			seed := rand.New(rand.NewPCG(3, 4))
			disk := faultfs.New()
			disk.CrashAfter(n)
			m := newModel()
			s, err := Open(disk, faultDir, 1<<30)
			for range 60 {
				if err != nil {
					break
				}
				err = m.step(s, seed)
			}
			finished = err == nil
			if err != nil && !errors.Is(err, faultfs.ErrCrashed) {
				t.Fatal(err)
			}
			switch power {
			case "killed":
				disk = disk.Kill()
			case "lost":
				disk = disk.PowerLoss(nil)
			default:
				disk = disk.PowerLoss(rand.New(rand.NewPCG(uint64(n), 5)))
			}
			again := mustOpen(t, disk, faultDir, 1<<30)
			m.check(t, again, true)
			if err := again.Add(letter("new", 50)); err != nil {
				t.Fatal(err)
			}
			m.have["new"] = 3
			if c := again.Stats(); power == "killed" && c.Damaged != 0 {
				t.Errorf("killed after %d calls: %+v", n, c)
			}
		}
	}
}

// Calls that fail, writes that stop half-way and disks that are full: each operation is done or it is not, the store
// goes on, and what it said holds after a loss of power.
func TestFaults(t *testing.T) {
	failed, compacted := 0, false
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 6))
		disk := faultfs.New()
		m := newModel()
		s := mustOpen(t, disk, faultDir, 1<<30)
		disk.Hook(func(op faultfs.Op) error {
			compacted = compacted || op.Kind == faultfs.Rename
			// Reading is not made to fail: a letter that cannot be read is an error to whoever asks for it.
			if !op.Changes() && op.Kind != faultfs.Open || r.IntN(8) != 0 {
				return nil
			}
			if op.Kind == faultfs.Write && r.IntN(2) == 0 {
				return &faultfs.Short{N: r.IntN(3000), Err: syscall.EIO}
			}
			return syscall.ENOSPC
		})
		for range 80 {
			if m.step(s, r) != nil {
				failed++
			}
			m.check(t, s, false)
		}
		disk.Hook(nil)
		if seed%2 == 0 {
			disk = disk.PowerLoss(r)
		} else {
			disk = disk.Kill()
		}
		s = mustOpen(t, disk, faultDir, 1<<30)
		m.check(t, s, true)
	}
	if failed < 150 || !compacted {
		t.Errorf("%d operations failed, compacted %t", failed, compacted)
	}
}

// On a full disk letters can be removed, and when there is room again others are kept.
func TestFullDisk(t *testing.T) {
	disk := faultfs.New()
	s := mustOpen(t, disk, faultDir, 1<<30)
	for i := range 100 {
		if err := s.Add(letter(fmt.Sprint(i), 2000)); err != nil {
			t.Fatal(err)
		}
	}
	disk.Space(disk.Used())
	if err := s.Add(letter("x", 2000)); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), faultLog) {
		t.Fatal(err)
	}
	for i := range 100 {
		if n, err := s.Remove(fmt.Sprint(i)); n != 1 || err != nil {
			t.Fatal(i, n, err)
		}
	}
	if got := s.Stats(); got.Count != 0 || got.FileBytes != 0 {
		t.Errorf("%+v", got)
	}
	if err := s.Add(letter("x", 2000)); err != nil {
		t.Error(err)
	}
	s = mustOpen(t, disk.PowerLoss(nil), faultDir, 1<<30)
	if got := ids(contents(t, s)); got != "x" {
		t.Error(got)
	}
}

// A Sync that failed is not believed when the next one succeeds: the kernel may have forgotten the bytes.
func TestSyncFails(t *testing.T) {
	disk := faultfs.New()
	s := mustOpen(t, disk, faultDir, 1<<30)
	if err := s.Add(letter("a", 10)); err != nil {
		t.Fatal(err)
	}
	fail := true
	disk.Hook(func(op faultfs.Op) error {
		if op.Kind == faultfs.Sync && fail {
			fail = false
			return syscall.EIO
		}
		return nil
	})
	if err := s.Add(letter("b", 10)); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if err := s.Add(letter("b", 10)); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, disk.PowerLoss(nil), faultDir, 1<<30)
	if got := ids(contents(t, s)); got != "a b" || s.Stats().Damaged != 0 {
		t.Error(got, s.Stats())
	}
}

// filled makes the file of a store with n letters and gives their offsets, the last one being the length of the file.
func filled(t testing.TB, n, size int) (disk *faultfs.FS, file []byte, offsets []int) {
	t.Helper()
	disk = faultfs.New()
	s := mustOpen(t, disk, faultDir, 1<<30)
	for i := range n {
		offsets = append(offsets, int(s.Stats().FileBytes))
		if err := s.Add(letter(fmt.Sprint(i), size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file = disk.Get(faultLog)
	return disk, file, append(offsets, len(file))
}

// again closes and opens.
func again(t testing.TB, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return mustOpen(t, s.fs, s.dir, s.maxBytes)
}

// A file that ends at any byte (of the last 16 KiB, and at every 13th of the others) gives every letter that is whole, and the store goes on.
func TestTornAtEveryByte(t *testing.T) {
	disk, file, offsets := filled(t, 9, 8000)
	whole := 0
	for cut := range file {
		for whole+1 < len(offsets) && offsets[whole+1] <= cut {
			whole++
		}
		if cut < len(file)-16<<10 && cut%13 != 0 {
			continue
		}
		disk.Put(faultLog, file[:cut])
		s := mustOpen(t, disk, faultDir, 1<<30)
		if got := s.Stats(); got.Count != whole || got.Damaged != 0 || got.CutBytes != int64(cut-offsets[whole]) {
			t.Fatalf("cut at %d: %+v, %d letters are whole", cut, got, whole)
		}
		if cut%64 != 0 {
			continue
		}
		if err := s.Add(letter("new", 1)); err != nil {
			t.Fatal(err)
		}
		if got := again(t, s).Stats(); got.Count != whole+1 || got.Damaged != 0 || got.CutBytes != 0 {
			t.Fatalf("cut at %d, opened again: %+v", cut, got)
		}
	}
}

// One bit that flips costs the letter that it is in, at most, and is counted.
func TestBitFlips(t *testing.T) {
	disk, file, offsets := filled(t, 20, 100)
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 10000 {
		bit := r.IntN(len(file) * 8)
		file[bit/8] ^= 1 << (bit % 8)
		disk.Put(faultLog, file)
		file[bit/8] ^= 1 << (bit % 8)
		s := mustOpen(t, disk, faultDir, 1<<30)
		got := s.Stats()
		mark := false
		for _, o := range offsets[1:] {
			mark = mark || bit/8 == o-1
		}
		switch {
		case mark && (got.Count != 20 || got.Damaged != 0),
			!mark && (got.Count != 19 || got.Damaged == 0 && got.CutBytes == 0):
			t.Fatalf("bit %d of byte %d: %+v", bit%8, bit/8, got)
		}
		for _, e := range contents(t, s) {
			if e.Alert.ID != e.ID || !strings.HasSuffix(e.Reason, e.ID) {
				t.Fatalf("a letter is not what was stored: %+v", e)
			}
		}
		if n%10 != 0 {
			continue
		}
		if err := s.Add(letter("new", 1)); err != nil {
			t.Fatal(err)
		}
		if after := again(t, s).Stats(); after.Count != got.Count+1 || after.Damaged != 0 {
			t.Fatalf("bit %d of byte %d: %+v, then %+v", bit%8, bit/8, got, after)
		}
	}
}

// What a stranger writes into an alert is not taken for a record when the record around it is damaged.
func TestRecordInsideRecord(t *testing.T) {
	outer := letter("outer", 0)
	outer.Alert.Message = string(appendRecord(nil, new(letter("forged", 1))))
	disk := faultfs.New()
	s := mustOpen(t, disk, faultDir, 1<<20)
	if err := s.Add(letter("before", 1), outer, letter("after", 1)); err != nil {
		t.Fatal(err)
	}
	file := disk.Get(faultLog)
	file[strings.Index(string(file), "refused: outer")]++
	disk.Put(faultLog, file)
	s = mustOpen(t, disk, faultDir, 1<<20)
	if got := ids(contents(t, s)); got != "before after" || s.Stats().Damaged != 1 {
		t.Errorf("%s, %+v", got, s.Stats())
	}
}

// A scan changes nothing, and one that runs while the store is written anew reads what was there.
func TestScanBesideStore(t *testing.T) {
	disk, file, _ := filled(t, 5, 10)
	disk.Put(faultLog, append(file, "torn"...))
	stats, err := Scan(disk, faultDir, func(Entry) bool { return false })
	if want := (Stats{Count: 5, Bytes: int64(len(file)), FileBytes: int64(len(file)) + 4, CutBytes: 4}); err != nil || !cmp.Equal(stats, want) {
		t.Errorf("%+v, %v", stats, err)
	}
	if len(disk.Get(faultLog)) != len(file)+4 {
		t.Error("the file was changed")
	}
	s := mustOpen(t, disk, faultDir, 1<<20)
	var got []string
	if _, err := Scan(disk, faultDir, func(e Entry) bool {
		if got = append(got, e.ID); len(got) == 1 {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.forget(s.byID["4"])
			if err := s.compact(); err != nil {
				t.Error(err)
			}
		}
		return true
	}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"0", "1", "2", "3", "4"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := Scan(disk, "/nothing", nil); err != nil {
		t.Errorf("no store: %v", err)
	}
	disk.Hook(func(op faultfs.Op) error {
		if op.Kind == faultfs.Read {
			return os.ErrPermission
		}
		return nil
	})
	if _, err := Scan(disk, faultDir, nil); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
	if _, err := Open(disk, faultDir, 1); !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), faultDir) {
		t.Error(err)
	}
}

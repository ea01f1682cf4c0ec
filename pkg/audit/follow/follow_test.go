package follow

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func line(id string) string {
	return `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"` + id + `","stage":"ResponseComplete","verb":"get","stageTimestamp":"2026-11-21T19:00:00.000000Z"}` + "\n"
}

const (
	rotated1 = "audit-2026-11-21T19-00-00.000.log"
	rotated2 = "audit-2026-11-21T20-00-00.000.log"
)

func TestAppend(t *testing.T) {
	r := newRig(t)
	r.read() // nothing is there
	r.write("audit.log", line("a"), line("b"), line("c")[:50])
	r.read()
	r.want(t, "a", "b")
	r.read()
	r.want(t)
	r.write("audit.log", line("c")[50:])
	r.read()
	r.want(t, "c")
	s := r.f.Stats()
	if size := int64(3 * len(line("a"))); s.Position != size || s.Size != size || s.Behind != 0 || s.Events != 3 || s.State != "waiting" || s.LastEvent.IsZero() {
		t.Errorf("statistics %+v", s)
	}
	r.restart()
	r.read()
	r.want(t)
	r.write("audit.log", line("d"))
	r.read()
	r.want(t, "d")
}

func TestRotation(t *testing.T) {
	r := newRig(t)
	r.write("audit.log", line("a"))
	r.read()
	r.write("audit.log", line("b"))
	r.rename("audit.log", rotated1)
	r.write("audit.log", line("c"))
	r.read()
	r.want(t, "a", "b", "c")
	r.pack(rotated1)
	r.read()
	r.want(t)
	// Who wrote it goes on for a moment, as with logrotate.
	r.rename("audit.log", rotated2)
	r.read()
	r.write(rotated2, line("d"))
	r.read()
	r.want(t, "d")
	r.quiet()
	r.write(rotated2, line("e"))
	r.write("audit.log", line("f"))
	r.read()
	r.want(t, "e", "f")
	r.wantStats(t, Stats{Rotations: 2})
}

// TestDown rotates while the program is down.
func TestDown(t *testing.T) {
	cases := []struct {
		name string
		do   func(r *rig)
		want []string
		lost Stats
	}{
		{"renamed", func(r *rig) {
			r.rename("audit.log", rotated1)
			r.write("audit.log", line("c"))
		}, []string{"b", "c"}, Stats{}},
		{"packed", func(r *rig) {
			r.rename("audit.log", rotated1)
			r.pack(rotated1)
			r.write("audit.log", line("c"))
		}, []string{"b", "c"}, Stats{}},
		{"twice", func(r *rig) {
			r.rename("audit.log", rotated1)
			r.write("audit.log", line("c"))
			r.rename("audit.log", rotated2)
			r.write("audit.log", line("d"))
		}, []string{"b", "c", "d"}, Stats{}},
		{"twice and packed", func(r *rig) {
			r.rename("audit.log", "audit.log.1")
			r.write("audit.log", line("c"))
			r.rename("audit.log.1", "audit.log.2")
			r.pack("audit.log.2")
			r.rename("audit.log", "audit.log.1")
			r.pack("audit.log.1")
			r.write("audit.log", line("d"))
		}, []string{"b", "c", "d"}, Stats{}},
		{"copied and emptied", func(r *rig) {
			r.copyFile("audit.log", "audit.log-20261121")
			r.truncate("audit.log")
			r.write("audit.log", line("c"), line("d"), line("e"))
		}, []string{"b", "c", "d", "e"}, Stats{}},
		{"copied, emptied and packed", func(r *rig) {
			r.copyFile("audit.log", "audit.log.1")
			r.truncate("audit.log")
			r.pack("audit.log.1")
		}, []string{"b"}, Stats{}},
		{"nothing after", func(r *rig) { r.rename("audit.log", rotated1) }, []string{"b"}, Stats{}},
		{"removed", func(r *rig) {
			r.remove("audit.log")
			r.write("audit.log", line("c"))
		}, []string{"c"}, Stats{Unknown: 1}},
		{"other logs", func(r *rig) {
			r.write("audit-kubelet.log", line("x"))
			r.write("audit2.log", line("x"))
			r.write("other.log", line("x"))
			r.write("audit.log.bak", line("x"))
		}, []string{"b"}, Stats{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.write("audit-2026-11-20T00-00-00.000.log", line("older"))
			r.write("audit.log", line("a"))
			r.read()
			r.want(t, "a")
			r.write("audit.log", line("b"))
			c.do(r)
			r.restart()
			r.read()
			slices.Sort(r.got) // files that were made within a moment have no order
			r.want(t, c.want...)
			r.quiet()
			r.want(t)
			r.wantStats(t, c.lost)
			r.restart()
			r.quiet()
			r.want(t)
			r.wantStats(t, Stats{})
		})
	}
}

func TestTruncation(t *testing.T) {
	r := newRig(t)
	r.write("audit.log", line("a"), line("b"))
	r.read()
	r.truncate("audit.log")
	r.read()
	r.write("audit.log", line("c"))
	r.read()
	r.want(t, "a", "b", "c")
	// Emptied and longer than before when it is looked at again.
	r.truncate("audit.log")
	r.write("audit.log", line("d"), line("e"), line("f"))
	r.read()
	r.want(t, "d", "e", "f")
	// A copy is made, more is written, and the log is emptied.
	r.write("audit.log", line("g"))
	r.copyFile("audit.log", "audit.log.1")
	r.truncate("audit.log")
	r.write("audit.log", line("h"))
	r.read()
	r.want(t, "g", "h")
	// What was seen and is nowhere is told.
	r.write("audit.log", line("i")[:30])
	r.read()
	r.truncate("audit.log")
	r.quiet()
	r.want(t)
	r.quiet()
	r.wantStats(t, Stats{Truncations: 4, Lost: 30})
}

func TestRemoved(t *testing.T) {
	r := newRig(t)
	r.write("audit.log", line("a"))
	r.read()
	r.write("audit.log", line("b"))
	r.remove("audit.log")
	r.write("audit.log", line("c"))
	r.read()
	slices.Sort(r.got)
	r.want(t, "a", "b", "c")
	r.quiet()
	r.quiet()
	r.wantStats(t, Stats{Rotations: 1})
	if s := r.f.Stats(); s.Files != 1 {
		t.Errorf("%d files are followed", s.Files)
	}
}

// TestReusedInode has another file at the inode of the one that was read. Which inode a new file gets is up to the file
// system, so the position is changed instead.
func TestReusedInode(t *testing.T) {
	r := newRig(t)
	r.write("audit.log", line("a"))
	r.read()
	r.rename("audit.log", rotated1)
	r.write("audit.log", line("b"), line("c"))
	info, err := os.Stat(r.path("audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	r.f.files[0].id = newCandidate("", info).id
	r.f.dirty = true
	r.f.save()
	r.restart()
	r.read()
	r.want(t, "a", "b", "c")
	r.quiet()
	r.wantStats(t, Stats{})
}

func TestFirstStart(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		want   []string
	}{
		"log":                {func(*Options) {}, []string{"b", "c"}},
		"from the end":       {func(o *Options) { o.FromEnd = true }, []string{"c"}},
		"once":               {func(o *Options) { o.Once = true }, []string{"b"}},
		"directory":          {func(o *Options) { o.Path = filepath.Dir(o.Path) }, []string{"a", "b", "c"}},
		"directory, the end": {func(o *Options) { o.Path, o.FromEnd = filepath.Dir(o.Path), true }, []string{"c"}},
		"directory, once":    {func(o *Options) { o.Path, o.Once = filepath.Dir(o.Path), true }, []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.change)
			r.write("audit.log.1", line("a"))
			r.pack("audit.log.1")
			r.write("audit.log", line("b"), line("c")[:20])
			r.read()
			if !r.o.Once {
				r.write("audit.log", line("c")[20:])
				r.read()
			}
			slices.Sort(r.got)
			if r.o.FromEnd {
				r.want(t, c.want...)
				return
			}
			r.want(t, c.want...)
			if want := map[bool]uint64{true: 1}[r.o.Once]; r.f.Stats().Malformed != want {
				t.Errorf("%d malformed, want %d", r.f.Stats().Malformed, want)
			}
		})
	}
}

// TestMalformed has broken lines, arrays over many lines, and records of log services in a log that grows byte by byte.
func TestMalformed(t *testing.T) {
	r := newRig(t)
	text := line("a") + line("b")[:60] + "\n" + line("c") + "garbage\n\n" + line("d") + "[" + line("e") + "," + line("f") + "]\n" +
		"2026-11-21T10:00:00.200Z " + line("g") + line("h") + `{"kind":"EventList","items":[` + strings.TrimSpace(line("i")) + "]}\n" + line("j")
	for k := range len(text) {
		r.write("audit.log", text[k:k+1])
		if k%3 == 0 || k == len(text)-1 {
			r.read()
		}
	}
	r.want(t, "a", "c", "d", "e", "f", "g", "h", "i", "j")
	r.wantStats(t, Stats{Malformed: 2})
}

// TestLongValues reads values that are longer than what is read at once, and longer than what is allowed.
func TestLongValues(t *testing.T) {
	r := newRig(t)
	r.f.chunk, r.f.limit = 100, 1000
	long := func(id string, n int) string {
		return strings.Replace(line(id), `"verb":"get"`, `"verb":"`+strings.Repeat("x", n)+`"`, 1)
	}
	r.write("audit.log", line("a"), long("b", 500), long("c", 5000), line("d"), long("e", 300))
	r.read()
	r.want(t, "a", "b", "d", "e")
	r.wantStats(t, Stats{Malformed: 1})
}

// TestUnfinishedPack finds the rest of a log in a packed file that is being written.
func TestUnfinishedPack(t *testing.T) {
	r := newRig(t)
	r.write("audit.log", line("a"))
	r.read()
	var ids []string
	for k := range 2000 {
		ids = append(ids, fmt.Sprintf("%04d-%x", k, k*k*7919))
		r.write("audit.log", line(ids[k]))
	}
	r.rename("audit.log", rotated1)
	r.pack(rotated1)
	whole, err := os.ReadFile(r.path(rotated1 + ".gz"))
	if err != nil {
		t.Fatal(err)
	}
	r.remove(rotated1 + ".gz")
	r.restart()
	for _, n := range []int{0, 5, 20, 5000, len(whole) - 3, len(whole)} {
		if err := os.WriteFile(r.path(rotated1+".gz"), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		r.read()
	}
	r.want(t, append([]string{"a"}, ids...)...)
	r.quiet()
	r.wantStats(t, Stats{})
	// One that is never finished is told.
	for _, id := range ids {
		r.write(rotated2, line("z"+id))
	}
	r.pack(rotated2)
	if err := os.Truncate(r.path(rotated2+".gz"), 5000); err != nil {
		t.Fatal(err)
	}
	r.read()
	r.quiet()
	if s := r.f.Stats(); s.Unknown != 1 || s.Malformed != 0 || len(r.got) < 100 {
		t.Errorf("a packed file that is cut off: %d events, %+v", len(r.got), s)
	}
}

// TestDirectory follows logs of any name in a directory.
func TestDirectory(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Path = filepath.Dir(o.Path) })
	r.write("one.log", line("1a"))
	r.write("two.json", line("2a"))
	r.write("three.jsonl", line("3a"))
	r.write("notes.txt", line("x"))
	r.write(".hidden.log", line("x"))
	r.read()
	slices.Sort(r.got)
	r.want(t, "1a", "2a", "3a")
	r.write("one.log", line("1b"))
	r.rename("one.log", "one.log.1")
	r.pack("two.json")
	r.restart()
	r.read()
	r.want(t, "1b")
	r.write("four.log", line("4a"))
	r.pack("four.log")
	r.read()
	r.want(t, "4a")
	r.quiet()
	r.wantStats(t, Stats{})
}

// TestBlocked has events that cannot be evaluated for a while: they are given again until they are, and nothing after
// them before.
func TestBlocked(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		r.write("audit.log", line("a"), line("b"))
		began, tries := time.Now(), 0
		r.evaluate = func() error {
			if tries++; tries <= 5 {
				if s := r.f.Stats(); tries > 1 && (s.State != "blocked" || s.Failure != "full") {
					t.Errorf("statistics %+v", s)
				}
				return errors.New("full")
			}
			return nil
		}
		r.read()
		if took := time.Since(began); took != 25*time.Second { // 1 + 2 + 4 + 8 + 10
			t.Errorf("it took %v", took)
		}
		r.want(t, "a", "b")
		// It ends while it is blocked, and goes on after the next start.
		r.write("audit.log", line("c"))
		r.evaluate = func() error { return errors.New("full") }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := r.f.pass(ctx); err != nil {
			t.Error(err)
		}
		r.evaluate = nil
		r.restart()
		r.read()
		r.want(t, "c")
	})
}

// TestPosition keeps going when the position cannot be written, and reads everything when it cannot be read.
func TestPosition(t *testing.T) {
	r := newRig(t)
	r.write("audit.log", line("a"))
	if err := os.WriteFile(filepath.Join(r.dir, "data"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.read()
	r.want(t, "a")
	if s := r.f.Stats(); s.SaveFailure == "" {
		t.Error("it is not told that the position cannot be kept")
	}
	if err := os.Remove(filepath.Join(r.dir, "data")); err != nil {
		t.Fatal(err)
	}
	r.read()
	if s := r.f.Stats(); s.SaveFailure != "" {
		t.Error("it is told that the position cannot be kept: " + s.SaveFailure)
	}
	r.restart()
	r.read()
	r.want(t)
	for _, text := range []string{"", "{", `{"version":99}`} {
		if err := os.WriteFile(r.o.Position, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r.restart()
		r.read()
		r.want(t, "a")
	}
}

// TestRun follows as the program does, told by the file system.
func TestRun(t *testing.T) {
	r := newRig(t)
	seen := make(chan struct{}, 100)
	r.evaluate = func() error { seen <- struct{}{}; return nil }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.f.Run(ctx) }()
	for _, id := range []string{"a", "b", "c"} {
		r.write("audit.log", line(id))
		select {
		case <-seen:
		case <-time.After(30 * time.Second):
			t.Fatal("an event was not read")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	r.want(t, "a", "b", "c")
	if s := r.f.Stats(); s.State != "ended" {
		t.Errorf("state %s", s.State)
	}
}

func TestRunOnce(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Once = true })
	if err := r.f.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no audit log") {
		t.Errorf("a file that is not there: %v", err)
	}
	r.write("audit.log", line("a"))
	if err := r.f.Run(t.Context()); err != nil {
		t.Error(err)
	}
	r.want(t, "a")
	if _, err := os.Stat(r.o.Position); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a position is kept: %v", err)
	}
	// A packed one that is cut off is told.
	for k := range 1000 {
		r.write("x.log", line(fmt.Sprint(k, k*k*7919)))
	}
	r.pack("x.log")
	info, err := os.Stat(r.path("x.log.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(r.path("x.log.gz"), info.Size()-20); err != nil {
		t.Fatal(err)
	}
	r.o.Path = r.path("x.log.gz")
	r.restart()
	if err := r.f.Run(t.Context()); err != nil || len(r.got) < 500 || r.f.Stats().Unknown != 1 {
		t.Errorf("error %v after %d events, %+v", err, len(r.got), r.f.Stats())
	}
	for _, n := range []int64{3, 15, 40} {
		r.write("y.log", line("y"))
		r.pack("y.log")
		if err := os.Truncate(r.path("y.log.gz"), n); err != nil {
			t.Fatal(err)
		}
		r.o.Path = r.path("y.log.gz")
		r.restart()
		if err := r.f.Run(t.Context()); err != nil || r.f.Stats().Unknown != 1 {
			t.Errorf("cut after %d bytes: error %v, %+v", n, err, r.f.Stats())
		}
	}
	fifo := New(Options{Path: "/dev/null", Once: true, Log: zap.NewNop()})
	if err := fifo.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "neither a file nor a directory") {
		t.Errorf("a device: %v", err)
	}
}

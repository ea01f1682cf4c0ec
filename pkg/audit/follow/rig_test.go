package follow

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/audit"
)

// rig is a log, what writes it and what follows it.
type rig struct {
	fatal    func(args ...any)
	dir      string
	o        Options
	f        *Follower
	skew     time.Duration
	got      []string
	evaluate func() error
}

func newRig(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	r := &rig{fatal: func(args ...any) { t.Helper(); t.Fatal(args...) }, dir: t.TempDir()}
	r.o = Options{Path: filepath.Join(r.dir, "logs", "audit.log"), Position: filepath.Join(r.dir, "data", "position.json")}
	for _, c := range change {
		c(&r.o)
	}
	r.begin()
	return r
}

var idOf = regexp.MustCompile(`"auditID":"([^"]*)"`)

// begin prepares the directory and starts the follower.
func (r *rig) begin() {
	if err := os.MkdirAll(filepath.Join(r.dir, "logs"), 0o700); err != nil {
		r.fatal(err)
	}
	r.o.Splitter, r.o.Log = &audit.Splitter{}, zap.NewNop()
	r.o.Evaluate = func(_ context.Context, b *audit.Batch) error {
		if r.evaluate != nil {
			if err := r.evaluate(); err != nil {
				return err
			}
		}
		for e := range b.All() {
			id := idOf.FindStringSubmatch(e.Data.(*audit.Record).PluginInfo())
			if id == nil {
				return errors.New("an event without ID")
			}
			r.got = append(r.got, strings.Clone(id[1]))
		}
		return nil
	}
	r.restart()
}

// restart ends the follower and starts another one.
func (r *rig) restart() {
	if r.f != nil {
		r.f.closeAll()
	}
	r.f = New(r.o)
	r.f.now = func() time.Time { return time.Now().Add(r.skew) }
	r.f.sync = func(*os.File) error { return nil } // a disk may take long for it
}

// read reads everything that is there.
func (r *rig) read() {
	for again := true; again; {
		var err error
		if again, err = r.f.pass(context.Background()); err != nil {
			r.fatal(err)
		}
	}
}

// quiet lets the time pass after which files are taken as finished, and reads.
func (r *rig) quiet() {
	r.skew += 2 * quietTime
	r.read()
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, "logs", name) }

// write appends to a file.
func (r *rig) write(name string, texts ...string) {
	f, err := os.OpenFile(r.path(name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err == nil {
		_, err = f.WriteString(strings.Join(texts, ""))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		r.fatal(err)
	}
	r.touch(name)
}

// touch gives a file the time of the follower's clock.
func (r *rig) touch(name string) {
	at := time.Now().Add(r.skew)
	if err := os.Chtimes(r.path(name), at, at); err != nil {
		r.fatal(err)
	}
}

func (r *rig) rename(from, to string) {
	if err := os.Rename(r.path(from), r.path(to)); err != nil {
		r.fatal(err)
	}
}

func (r *rig) remove(name string) {
	if err := os.Remove(r.path(name)); err != nil {
		r.fatal(err)
	}
}

func (r *rig) truncate(name string) {
	if err := os.Truncate(r.path(name), 0); err != nil {
		r.fatal(err)
	}
	r.touch(name)
}

// pack packs a file as gzip does, and removes it.
func (r *rig) pack(name string) {
	in, err := os.Open(r.path(name))
	if err != nil {
		r.fatal(err)
	}
	defer in.Close()
	out, err := os.Create(r.path(name + ".gz"))
	if err != nil {
		r.fatal(err)
	}
	w := gzip.NewWriter(out)
	_, err = io.Copy(w, in)
	if err = errors.Join(err, w.Close(), out.Close()); err != nil {
		r.fatal(err)
	}
	r.touch(name + ".gz")
	r.remove(name)
}

func (r *rig) copyFile(from, to string) {
	data, err := os.ReadFile(r.path(from))
	if err == nil {
		err = os.WriteFile(r.path(to), data, 0o600)
	}
	if err != nil {
		r.fatal(err)
	}
	r.touch(to)
}

// want compares what was evaluated since the last call.
func (r *rig) want(t *testing.T, ids ...string) {
	t.Helper()
	if d := cmp.Diff(ids, r.got); d != "" {
		t.Errorf("events differ (-want +got):\n%s", d)
	}
	r.got = nil
}

// wantStats compares the counters that tell of files.
func (r *rig) wantStats(t *testing.T, want Stats) {
	t.Helper()
	s := r.f.Stats()
	got := Stats{Malformed: s.Malformed, Rotations: s.Rotations, Truncations: s.Truncations, Lost: s.Lost, Unknown: s.Unknown}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("counters differ (-want +got):\n%s", d)
	}
}

package follow

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// deny puts a file in the place of a log that can be opened but not read.
func (r *rig) deny(name string) {
	if err := os.Symlink("/proc/self/mem", r.path(name)); err != nil {
		r.fatal(err)
	}
}

// TestUnreadable has a log among others that cannot be read: it is told, once, until it can.
func TestUnreadable(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Path = filepath.Dir(o.Path) })
	core, logs := observer.New(zapcore.WarnLevel)
	r.f.o.Log = zap.New(core)
	r.write("good.log", line("a"))
	r.deny("bad.log")
	for _, id := range []string{"b", "c"} {
		r.read()
		if s := r.f.Stats(); s.State != "waiting" || !strings.Contains(s.Failure, "bad.log") {
			t.Errorf("statistics %+v", s)
		}
		r.write("good.log", line(id))
	}
	if list := logs.All(); len(list) != 1 {
		t.Errorf("it was logged %d times: %v", len(list), list)
	}
	r.remove("bad.log")
	r.write("bad.log", line("d"))
	r.read()
	r.want(t, "a", "b", "c", "d")
	if s := r.f.Stats(); s.Failure != "" {
		t.Errorf("statistics %+v", s)
	}
}

func TestUnreadableOnce(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Path, o.Once = filepath.Dir(o.Path), true })
	r.write("good.log", line("a"))
	r.deny("bad.log")
	for range 2 {
		if err := r.f.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "bad.log") {
			t.Errorf("error %v", err)
		}
	}
	if s := r.f.Stats(); s.State != "failing" || !strings.Contains(s.Failure, "bad.log") {
		t.Errorf("statistics %+v", s)
	}
	r.remove("bad.log")
	r.write("bad.log", line("b"))
	if err := r.f.Run(t.Context()); err != nil {
		t.Error(err)
	}
	r.want(t, "a", "b")
}

// TestOnceEmptied has a log that is emptied while it is read once: what is new is read, and what is gone is counted.
func TestOnceEmptied(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Once = true })
	r.f.chunk = 2 * len(line("a"))
	r.write("audit.log", line("a"), line("b"), line("c"), line("d"))
	first := true
	r.evaluate = func() error {
		if first {
			r.truncate("audit.log")
			r.write("audit.log", line("e"))
		}
		first = false
		return nil
	}
	if err := r.f.Run(t.Context()); err != nil {
		t.Error(err)
	}
	r.want(t, "a", "b", "e")
	r.wantStats(t, Stats{Truncations: 1, Lost: uint64(2 * len(line("a")))})
}

// TestManyLogs follows more logs than are held open.
func TestManyLogs(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Path = filepath.Dir(o.Path) })
	defer r.f.closeAll()
	for range 2 {
		for k := range maxOpen + 10 {
			r.write(fmt.Sprintf("%d.log", k), line(fmt.Sprint("id-", k)))
		}
		r.read()
		r.read()
		open := 0
		for _, f := range r.f.files {
			if f.open != nil {
				open++
			}
		}
		if open > maxOpen {
			t.Errorf("%d files are open", open)
		}
	}
	if len(r.got) != 2*(maxOpen+10) {
		t.Errorf("%d events", len(r.got))
	}
}

package follow

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// writer writes a log at random, and rotates it in every way.
type writer struct {
	*rig
	t *rapid.T
	// events are all that were begun, pending is the rest of the last one, which was written in part.
	events  []string
	pending string
	// name is the file that is written to: that of the log, or one that was put aside, for a while, as with logrotate.
	name    string
	rotated []string // the plain files that were put aside, the last one first
	serial  int
	killed  bool
}

const current = "audit.log"

func (w *writer) event() string {
	id := fmt.Sprintf("%06d", len(w.events))
	w.events = append(w.events, id)
	text := line(id)
	if w.t != nil && rapid.IntRange(0, 3).Draw(w.t, "long") == 0 {
		text = strings.Replace(text, `"verb":"get"`, `"verb":"`+strings.Repeat("x", rapid.IntRange(0, 5000).Draw(w.t, "length"))+`"`, 1)
	}
	return text
}

// append writes whole events, and maybe a part of one more.
func (w *writer) append() {
	var text strings.Builder
	text.WriteString(w.pending)
	w.pending = ""
	for range rapid.IntRange(0, 5).Draw(w.t, "events") {
		text.WriteString(w.event())
	}
	if rapid.Bool().Draw(w.t, "torn") {
		next := w.event()
		part := rapid.IntRange(1, len(next)-1).Draw(w.t, "part")
		text.WriteString(next[:part])
		w.pending = next[part:]
	}
	w.write(w.name, text.String())
}

// finish writes the rest of an event.
func (w *writer) finish() {
	w.write(w.name, w.pending)
	w.pending = ""
}

// turn renames the log. Who writes it goes on with the old file until reopen when it is told late.
func (w *writer) turn(numbers, late bool) {
	if w.name != current {
		w.reopen()
	}
	if !late {
		w.finish()
	}
	if _, err := os.Stat(w.path(current)); err != nil {
		return
	}
	w.serial++
	to := fmt.Sprintf("audit-2026-11-21T19-00-00.%03d.log", w.serial)
	if numbers {
		to = fmt.Sprintf("audit.log.%d", w.serial)
	}
	w.rename(current, to)
	w.rotated = append([]string{to}, w.rotated...)
	if late {
		w.name = to
	} else if rapid.Bool().Draw(w.t, "at once") {
		w.write(current)
	}
}

func (w *writer) reopen() {
	w.finish()
	w.name = current
}

// copyTruncate copies the log and empties it.
func (w *writer) copyTruncate() {
	w.reopen()
	if _, err := os.Stat(w.path(current)); err != nil {
		return
	}
	w.serial++
	to := fmt.Sprintf("audit.log-20261121%03d", w.serial)
	w.copyFile(current, to)
	w.truncate(current)
	w.rotated = append([]string{to}, w.rotated...)
}

// packOne packs one of the files that were put aside.
func (w *writer) packOne() {
	if len(w.rotated) == 0 {
		return
	}
	w.reopen()
	at := rapid.IntRange(0, len(w.rotated)-1).Draw(w.t, "which")
	w.pack(w.rotated[at])
	w.rotated = slices.Delete(w.rotated, at, at+1)
}

// kill reads without keeping the position, as if the program was killed on the way, and starts again.
func (w *writer) kill() {
	before, err := os.ReadFile(w.o.Position)
	w.read()
	if err != nil {
		err = os.RemoveAll(w.o.Position)
	} else {
		err = os.WriteFile(w.o.Position, before, 0o600)
	}
	if err != nil {
		w.fatal(err)
	}
	w.killed = true
	w.restart()
}

// TestRandom compares what was evaluated with what was written: every event, and each once unless the program was killed.
func TestRandom(t *testing.T) {
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		w := &writer{t: t, name: current, rig: &rig{fatal: t.Fatal, dir: filepath.Join(dir, fmt.Sprint(run))}}
		w.o.Path, w.o.Position = w.path(current), filepath.Join(w.dir, "position.json")
		if rapid.Bool().Draw(t, "directory") {
			w.o.Path = filepath.Dir(w.o.Path)
		}
		w.begin()
		w.read()
		w.f.chunk = rapid.SampledFrom([]int{128, 1000, chunkBytes}).Draw(t, "chunk")
		t.Repeat(map[string]func(*rapid.T){
			"append":        func(*rapid.T) { w.append() },
			"append again":  func(*rapid.T) { w.append() },
			"read":          func(*rapid.T) { w.read() },
			"read again":    func(*rapid.T) { w.read() },
			"rename":        func(*rapid.T) { w.turn(false, false) },
			"rename late":   func(*rapid.T) { w.turn(true, true) },
			"reopen":        func(*rapid.T) { w.reopen() },
			"copy":          func(*rapid.T) { w.copyTruncate() },
			"pack":          func(*rapid.T) { w.packOne() },
			"restart":       func(*rapid.T) { w.restart() },
			"kill":          func(*rapid.T) { w.kill() },
			"time passes":   func(*rapid.T) { w.finish(); w.skew += 2 * quietTime },
			"read and wait": func(*rapid.T) { w.finish(); w.quiet() },
		})
		w.reopen()
		w.read()
		w.quiet()
		w.quiet()
		w.f.closeAll()
		w.check(t)
		if err := os.RemoveAll(w.dir); err != nil {
			t.Fatal(err)
		}
	})
}

// check compares what was evaluated with what was written.
func (w *writer) check(t *rapid.T) {
	times := map[string]int{}
	for _, id := range w.got {
		times[id]++
	}
	for _, id := range w.events {
		if n := times[id]; n == 0 || n > 1 && !w.killed {
			t.Errorf("event %s was evaluated %d times", id, n)
		}
	}
	s := w.f.Stats()
	if len(times) != len(w.events) || s.Malformed > 0 || s.Lost > 0 || s.Unknown > 0 {
		t.Errorf("%d events of %d, statistics %+v", len(times), len(w.events), s)
	}
}

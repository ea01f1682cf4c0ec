package drivertest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/syscall/driver"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

// patience is how long an event may take to arrive on a busy machine.
const patience = 30 * time.Second

// A watcher reads a driver and keeps everything.
type watcher struct {
	d    driver.Driver
	done chan struct{}

	mu     sync.Mutex
	more   sync.Cond
	events []*wire.Event
	err    error
}

func watch(t *testing.T, d driver.Driver) *watcher {
	w := &watcher{d: d, done: make(chan struct{})}
	w.more.L = &w.mu
	go w.read()
	t.Cleanup(func() { _ = d.Close() }) // for a test that ended early; close looks at the error
	return w
}

func (w *watcher) read() {
	defer close(w.done)
	for {
		frame, err := w.d.Next()
		var e wire.Event
		if err == nil {
			var n int
			frame = bytes.Clone(frame)
			if n, err = e.Decode(frame); err == nil && n != len(frame) {
				err = fmt.Errorf("a frame of %d bytes in %d", n, len(frame))
			}
		}
		w.mu.Lock()
		if err != nil {
			w.err = err
		} else {
			w.events = append(w.events, &e)
		}
		w.mu.Unlock()
		w.more.Broadcast()
		if err != nil {
			return
		}
	}
}

func (w *watcher) close(t *testing.T) {
	t.Helper()
	if err := w.d.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	<-w.done
	if !errors.Is(w.err, os.ErrClosed) {
		t.Errorf("Next gives %v, want os.ErrClosed", w.err)
	}
}

// find waits for the first event that matches, and gives its position among all events too.
func (w *watcher) find(t *testing.T, what string, match func(*wire.Event) bool) (*wire.Event, int) {
	t.Helper()
	late := false
	timer := time.AfterFunc(patience, func() {
		w.mu.Lock()
		late = true
		w.mu.Unlock()
		w.more.Broadcast()
	})
	defer timer.Stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := 0; ; i++ {
		for i == len(w.events) && !late && w.err == nil {
			w.more.Wait()
		}
		if i == len(w.events) {
			t.Fatalf("no %s among %d events (reader: %v)%s", what, i, w.err, w.near())
		}
		if match(w.events[i]) {
			return w.events[i], i
		}
	}
}

// near describes the last events of this process and its children, for a failure's message.
func (w *watcher) near() string {
	var b strings.Builder
	for _, e := range w.events[max(0, len(w.events)-20):] {
		fmt.Fprintf(&b, "\n  type %d thread %d", e.Type, e.Thread)
		for i := range min(e.Params, 8) {
			fmt.Fprintf(&b, " %q", e.Param(i))
		}
	}
	return b.String()
}

func (w *watcher) count(match func(*wire.Event) bool) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.events {
		if match(e) {
			n++
		}
	}
	return n
}

// settle waits until an event made now has arrived, so that all earlier ones have.
func (w *watcher) settle(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for i := 0; ; i++ { // again and again, because the mark itself may be lost in a full buffer
		mark := fmt.Sprintf("/nonexistent/mark-%d-%d", os.Getpid(), i)
		_, _ = unix.Openat(unix.AT_FDCWD, mark, unix.O_RDONLY, 0)
		time.Sleep(100 * time.Millisecond)
		if w.count(func(e *wire.Event) bool { return e.Type == typeOpenat && text(e, 2) == mark }) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no event arrives any more")
		}
	}
}

// seenOnce counts the names that were opened, none of which may be seen twice.
func (w *watcher) seenOnce(t *testing.T, names []string) int {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	times := make(map[string]int, len(names))
	for _, n := range names {
		times[n] = 0
	}
	seen := 0
	for _, e := range w.events {
		if e.Type != typeOpenat {
			continue
		}
		name := text(e, 2)
		n, ours := times[name]
		if !ours {
			continue
		}
		if n > 0 {
			t.Errorf("%s is seen twice", name)
		}
		times[name]++
		seen++
	}
	return seen
}

func num(e *wire.Event, i int) int64 {
	switch p := e.Param(i); len(p) {
	case 1:
		return int64(p[0])
	case 2:
		return int64(binary.LittleEndian.Uint16(p))
	case 4:
		return int64(binary.LittleEndian.Uint32(p))
	case 8:
		return int64(binary.LittleEndian.Uint64(p))
	}
	return -1 << 62
}

// text gives a text without its NUL, and says so when that is missing.
func text(e *wire.Event, i int) string {
	p := e.Param(i)
	if len(p) == 0 {
		return ""
	}
	if p[len(p)-1] != 0 {
		return fmt.Sprintf("%q without NUL", p)
	}
	return string(p[:len(p)-1])
}

func wantNum(t *testing.T, e *wire.Event, i int, name string, want int64) {
	t.Helper()
	if got := num(e, i); got != want {
		t.Errorf("type %d: %s is %d (% x), want %d", e.Type, name, got, e.Param(i), want)
	}
}

func wantText(t *testing.T, e *wire.Event, i int, name, want string) {
	t.Helper()
	if got := text(e, i); got != want {
		t.Errorf("type %d: %s is %q, want %q", e.Type, name, got, want)
	}
}

// wantKnown is wantNum and wantText for what not every driver knows everywhere: it may have no value, but no wrong one.
func wantKnown[T int64 | string](t *testing.T, e *wire.Event, i int, name string, want T) {
	t.Helper()
	if e.Param(i) == nil || len(e.Param(i)) == 0 {
		t.Logf("type %d: %s has no value", e.Type, name)
		return
	}
	switch want := any(want).(type) {
	case int64:
		wantNum(t, e, i, name, want)
	case string:
		wantText(t, e, i, name, want)
	}
}

// ownThread reports whether a thread id is one of this process, or was: threads end.
func ownThread(tid int64) bool {
	if tid == int64(os.Getpid()) {
		return true
	}
	_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", tid))
	return err == nil
}

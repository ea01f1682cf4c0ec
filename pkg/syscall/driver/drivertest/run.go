// Package drivertest holds what every live driver of system calls has to do, as tests: programs are run, files opened,
// connections made, and the frames that arrive are compared. A driver's own tests call Run.
package drivertest

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/saker-security/saker/pkg/syscall/driver"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

// Open opens the driver under test.
type Open func(driver.Options) (driver.Driver, error)

// Event types.
const (
	typeOpen     = 3
	typeConnect  = 23
	typeChdir    = 95
	typeFchdir   = 97
	typeProcexit = 186
	typeClone    = 223
	typeExecve   = 293
	typeOpenat   = 307
	typeOpenat2  = 327
	typeExecveat = 331
)

var allTypes = []uint16{typeOpen, typeConnect, typeChdir, typeFchdir, typeProcexit, typeClone, typeExecve, typeOpenat, typeOpenat2, typeExecveat}

// Run tests a driver on the running kernel. Where the driver is not available it skips (see Skip).
func Run(t *testing.T, open Open) {
	d, err := open(driver.Options{Types: allTypes})
	if errors.Is(err, driver.ErrUnavailable) {
		Skip(t, err.Error())
	}
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	w := watch(t, d)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, w) })
	}
	t.Run("stats", func(t *testing.T) { testStats(t, w) })
	w.close(t)
	t.Run("types", func(t *testing.T) { testTypes(t, open) })
	t.Run("losses are counted", func(t *testing.T) { testLosses(t, open) })
	t.Run("close", func(t *testing.T) { testClose(t, open) })
}

// Skip leaves out a test because of the machine; where CI=true nothing may be left out and it fails.
func Skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("left out, which CI does not allow: %s", reason)
	}
	t.Skip(reason)
}

var cases = []struct {
	name string
	run  func(*testing.T, *watcher)
}{
	{"exec", testExec},
	{"exec of a script", testExecScript},
	{"exec by a thread", testExecByThread},
	{"exec that fails", testExecFails},
	{"exec of a memfd", testExecMemfd},
	{"exec with long arguments", testExecLong},
	{"execveat", testExecveat},
	{"execveat that fails", testExecveatFails},
	{"fork and exit", testForkExit},
	{"killed", testKilled},
	{"thread", testThread},
	{"open", testOpen},
	{"open flags", testOpenFlags},
	{"openat", testOpenat},
	{"openat that creates", testOpenatCreates},
	{"openat of bad memory", testOpenatFaults},
	{"openat2", testOpenat2},
	{"connect inet", testConnectInet},
	{"connect inet6", testConnectInet6},
	{"connect that is refused", testConnectRefused},
	{"connect that goes on", testConnectNonblocking},
	{"connect unix", testConnectUnix},
	{"chdir", testChdir},
	{"storm", testStorm},
}

func testStats(t *testing.T, w *watcher) {
	seen := w.count(func(*wire.Event) bool { return true }) // first: the next event may come at any time
	s, err := w.d.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if s.Delivered < uint64(seen) {
		t.Errorf("%d frames are delivered, %d have been seen", s.Delivered, seen)
	}
	for reason, n := range s.Lost {
		if n != 0 {
			t.Errorf("%d events are lost (%s), with a reader that kept up", n, reason)
		}
	}
}

// testTypes shows that what nobody asked for is not sent, and what the process table needs always is.
func testTypes(t *testing.T, open Open) {
	d, err := open(driver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := watch(t, d)
	defer w.close(t)
	path := t.TempDir() + "/not-asked-for"
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	pid := run(t, command(t, "/bin/true")).Pid()
	w.find(t, "procexit", func(e *wire.Event) bool { return e.Type == typeProcexit && e.Thread == int64(pid) })
	want := map[uint16]bool{typeProcexit: true, typeClone: true, typeExecve: true, typeExecveat: true, typeChdir: true, typeFchdir: true}
	if n := w.count(func(e *wire.Event) bool { return !want[e.Type] }); n != 0 {
		t.Errorf("%d events of types that nobody asked for", n)
	}
}

// testLosses shows that what a small buffer cannot hold while nobody reads is counted.
func testLosses(t *testing.T, open Open) {
	page := os.Getpagesize()
	d, err := open(driver.Options{Types: allTypes, BufferBytes: page * runtime.NumCPU()})
	if err != nil {
		t.Fatal(err)
	}
	const events = 20000
	names := manyOpens(t, events)
	s, err := d.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if s.Lost[driver.LossBufferFull] == 0 {
		t.Errorf("nothing of %d events is counted as lost in a buffer of a page for each CPU", events)
	}
	w := watch(t, d)
	w.settle(t)
	seen := w.seenOnce(t, names)
	if s, err = d.Stats(); err != nil {
		t.Fatal(err)
	}
	if lost := int(s.Lost[driver.LossBufferFull]); seen+lost < events {
		t.Errorf("of %d events %d are seen and %d counted as lost: %d are lost in silence", events, seen, lost, events-seen-lost)
	}
	w.close(t)
}

func testClose(t *testing.T, open Open) {
	closeOnce(t, open) // what the first opening leaves behind, it leaves behind once
	goroutines, files := goleak.IgnoreCurrent(), openFiles(t)
	closeOnce(t, open)
	goleak.VerifyNone(t, goroutines)
	if n := openFiles(t); n > files {
		t.Errorf("%d files are open after closing, %d were before opening", n, files)
	}
}

func closeOnce(t *testing.T, open Open) {
	t.Helper()
	d, err := open(driver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	next := make(chan error, 1)
	go func() {
		for {
			if _, err := d.Next(); err != nil {
				next <- err
				return
			}
		}
	}()
	if err := d.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	select {
	case err := <-next:
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("Next gives %v after Close, want os.ErrClosed", err)
		}
	case <-time.After(patience):
		t.Fatal("Close does not wake Next")
	}
	if _, err := d.Next(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Next gives %v when called after Close, want os.ErrClosed", err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(dir)
}

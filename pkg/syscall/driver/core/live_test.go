//go:build linux && (amd64 || arm64)

package core

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/saker-security/saker/pkg/syscall/driver"
	"github.com/saker-security/saker/pkg/syscall/wire"
)

// patience bounds every wait of a test; an emulated machine is slow.
const patience = 60 * time.Second

// sensor opens the driver for the given event types. Without the rights or the kernel for it the test is skipped, in
// CI it fails.
func sensor(t testing.TB, types ...uint16) *Driver {
	t.Helper()
	return sensorWith(t, driver.Options{Types: types})
}

func sensorWith(t testing.TB, o driver.Options) *Driver {
	t.Helper()
	d, err := open(o)
	switch {
	case errors.Is(err, driver.ErrUnavailable) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		var refused *ebpf.VerifierError
		if errors.As(err, &refused) {
			for _, line := range refused.Log[max(0, len(refused.Log)-40):] {
				t.Log(line)
			}
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// got is one event with its parameters copied.
type got struct {
	wire.Header
	params [][]byte
}

func (g got) number(i int) int64 {
	switch p := g.params[i]; len(p) {
	case 1:
		return int64(p[0])
	case 2:
		return int64(binary.LittleEndian.Uint16(p))
	case 4:
		return int64(binary.LittleEndian.Uint32(p))
	case 8:
		return int64(binary.LittleEndian.Uint64(p))
	}
	return -9999
}

// text is a parameter without its NUL at the end, which must be there.
func (g got) text(i int) string {
	p, found := bytes.CutSuffix(g.params[i], []byte{0})
	if !found {
		return "(no NUL) " + string(p)
	}
	return string(p)
}

// stream reads events of a driver until a deadline; behind it the driver is closed and the test fails.
type stream struct {
	t testing.TB
	d *Driver
}

func events(t testing.TB, d *Driver) *stream {
	timer := time.AfterFunc(patience, func() { d.Close() })
	t.Cleanup(func() { timer.Stop() })
	return &stream{t: t, d: d}
}

func (s *stream) next() got {
	s.t.Helper()
	b, err := s.d.Next()
	if err != nil {
		s.t.Fatalf("no more events: %v", err)
	}
	var e wire.Event
	n, err := e.Decode(b)
	if err != nil || n != len(b) {
		s.t.Fatalf("frame of %d bytes: %d decoded, %v\n% x", len(b), n, err, b)
	}
	g := got{Header: e.Header, params: make([][]byte, e.Params)}
	for i := range g.params {
		g.params[i] = bytes.Clone(e.Param(i))
	}
	checkWidths(s.t, g)
	return g
}

// find gives the next event that matches; others before it are passed over.
func (s *stream) find(match func(got) bool) got {
	s.t.Helper()
	for {
		if g := s.next(); match(g) {
			return g
		}
	}
}

// restarted is the result of a call that a signal interrupted before the kernel starts it again by itself. The runtime
// sends signals of its own, so on a slow machine any call that waits may show it.
const restarted = -512

// of matches events of one type and thread, calls that the kernel starts again left out.
func of(kind uint16, thread int) func(got) bool {
	return func(g got) bool {
		return g.Type == kind && g.Thread == int64(thread) && !(kind == typeConnect && g.number(0) == restarted)
	}
}

// onThread runs f on a thread of its own and gives the thread's id.
func onThread(f func()) int {
	tid := make(chan int)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and what f did to it
		f()
		tid <- gettid()
	}()
	return <-tid
}

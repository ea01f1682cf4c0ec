package daemon

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
)

// manager is a service manager that takes what a service tells.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T) *manager {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return &manager{t, conn}
}

// next gives the next message that does not only feed the watchdog.
func (m *manager) next() string {
	m.t.Helper()
	for {
		if text := m.any(); text != "WATCHDOG=1" {
			return text
		}
	}
}

func (m *manager) any() string {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		m.t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	n, err := m.conn.Read(buffer)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(buffer[:n])
}

func TestNotifier(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "30000")
	var ready, dead atomic.Bool
	var failure atomic.Value
	failure.Store("")
	n := &notifier{
		log: zap.NewNop(), ready: ready.Load, alive: func() bool { return !dead.Load() },
		failures: func() []string {
			if f := failure.Load().(string); f != "" {
				return []string{f}
			}
			return nil
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.run(ctx)
	}()
	expect := func(want string) {
		t.Helper()
		if got := m.next(); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	// The watchdog is fed from the start, and nothing is said before it is ready.
	if got := m.any(); got != "WATCHDOG=1" {
		t.Errorf("told %q first", got)
	}
	ready.Store(true)
	expect("READY=1")
	expect("STATUS=Running")
	failure.Store("disk\nfull")
	expect(`STATUS=Failing: disk\nfull`)
	failure.Store("")
	expect("STATUS=Running")
	// What stands still does not feed the watchdog. By the time of the first status all that was told before is read.
	dead.Store(true)
	failure.Store("x")
	expect("STATUS=Failing: x")
	failure.Store("y")
	if got := m.any(); got != "STATUS=Failing: y" {
		t.Errorf("told %q after it stood still", got)
	}
	cancel()
	expect("STOPPING=1\nSTATUS=Ending: delivering what is queued")
	<-done
}

func TestNotifyReload(t *testing.T) {
	m := newManager(t)
	done := notifyReloading(zap.NewNop())
	if got := m.next(); !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") || strings.HasSuffix(got, "\n") {
		t.Errorf("told %q", got)
	}
	done()
	if got := m.next(); got != "READY=1" {
		t.Errorf("told %q", got)
	}
}

// The daemon tells the service manager when it takes in events and when it ends, and leaves nothing running.
func TestDaemonNotifies(t *testing.T) {
	m := newManager(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	_, _, _, stop := start(t, testConfig(), "k8s_audit")
	for _, want := range []string{"READY=1", "STATUS=Running"} {
		if got := m.next(); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if got := m.next(); !strings.HasPrefix(got, "STOPPING=1") {
		t.Errorf("told %q at the end", got)
	}
}

package daemon

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/account"
	"github.com/saker-security/saker/pkg/syscall/driver"
	"github.com/saker-security/saker/pkg/syscall/driver/core"
	"github.com/saker-security/saker/pkg/syscall/process"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// drivers are those built in, by their name in engine.kind, and driverOrder is how auto tries them.
var (
	drivers     = map[string]func(driver.Options) (driver.Driver, error){"modern_ebpf": core.Open}
	driverOrder = []string{"modern_ebpf", "bcc"}
)

// lossInterval is how often the driver is asked whether it lost events.
const lossInterval = 5 * time.Second

// sensor is the system call source: a driver, the state that its events build up, and the loop between them.
type sensor struct {
	driver    driver.Driver
	inspector *syscall.Inspector
	pipeline  *pipeline
	log       *zap.Logger
	lost      atomic.Uint64 // as reported last
	closing   sync.Once
	closed    error
	done      chan struct{}
}

// openSensor starts the system call sensor. A machine without the means for it is an error only when required.
func (d *Daemon) openSensor(required bool) error {
	types := d.pipeline.engine.Types(event.SourceSyscall)
	if types == nil {
		d.log.Info("the system call sensor is not started")
		return nil
	}
	drv, err := openDriver(d.cfg.Sensor.Kind, driver.Options{Types: wantedTypes(types), BufferBytes: int(d.cfg.Sensor.Buffer)})
	if err != nil {
		if errors.Is(err, driver.ErrUnavailable) && !required {
			d.log.Warn("going on without system calls", zap.String("reason", oneLine(err)))
			return nil
		}
		return err
	}
	in, err := newInspector(d.cfg.HostRoot)
	if err != nil {
		return errors.Join(err, drv.Close())
	}
	threads, err := in.Seed(time.Now().UnixNano())
	if err != nil {
		return errors.Join(err, drv.Close())
	}
	d.sensor = &sensor{driver: drv, inspector: in, pipeline: d.pipeline, log: d.log, done: make(chan struct{})}
	d.log.Info("taking in system calls", zap.String("driver", drv.Name()), zap.Int("threads", threads))
	for _, name := range undeliverable(types) {
		d.log.Warn("rules ask for events that no driver makes yet", zap.String("event", name))
	}
	return nil
}

func openDriver(kind string, o driver.Options) (driver.Driver, error) {
	if kind != "auto" {
		open := drivers[kind]
		if open == nil {
			return nil, fmt.Errorf("%w: the %s driver is not built into this program (make agent-bcc builds one with it)", driver.ErrUnavailable, kind)
		}
		return open(o)
	}
	var errs []error
	for _, name := range driverOrder {
		if open := drivers[name]; open != nil {
			d, err := open(o)
			if err == nil {
				return d, nil
			}
			errs = append(errs, err)
		}
	}
	return nil, errors.Join(errs...)
}

// wantedTypes is what the driver must deliver for the rules.
func wantedTypes(s *program.TypeSet) []uint16 {
	var ids []uint16
	for _, id := range table.DeliverableIDs() {
		if s.Has(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// undeliverable names the events that rules ask for by name although no driver makes them.
func undeliverable(s *program.TypeSet) []string {
	if s.All() {
		return nil
	}
	var names []string
	seen := map[string]bool{}
	for _, id := range s.IDs() {
		if int(id) >= len(table.TypeNames()) {
			continue
		}
		if name := table.TypeNames()[id]; name != "" && name != "asyncevent" && !seen[name] && !table.Deliverable(name) {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// newInspector makes the state of this machine, whose files are below root.
func newInspector(root string) (*syscall.Inspector, error) {
	proc, err := process.OpenProc(filepath.Join(root, "proc"))
	if err != nil {
		return nil, fmt.Errorf("open the process file system: %w", err)
	}
	var addresses []netip.Addr
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the addresses of this machine: %w", err)
	}
	for _, a := range found {
		text, _, _ := strings.Cut(a.String(), "/")
		if ip, err := netip.ParseAddr(text); err == nil {
			addresses = append(addresses, ip)
		}
	}
	return syscall.New(syscall.Options{Proc: proc, Accounts: account.Open(root), Addresses: addresses}), nil
}

// run evaluates events until the driver is closed.
func (s *sensor) run() error {
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		s.watchLosses()
	}()
	err := s.loop()
	close(s.done)
	<-watching
	return err
}

func (s *sensor) loop() error {
	w := s.pipeline.worker()
	defer s.pipeline.release(w)
	for {
		frame, err := s.driver.Next()
		switch {
		case errors.Is(err, os.ErrClosed), errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("take the next event: %w", err)
		}
		e, err := s.inspector.Event(frame)
		if err != nil {
			// Counted by the inspector; a driver that makes such frames has a defect.
			s.log.Error("a system call event could not be read", zap.Error(err))
			continue
		}
		if err := w.evaluate(e); err != nil {
			s.log.Error("an alert could not be delivered", zap.Error(err))
		}
	}
}

// watchLosses says when the driver lost events, and flushes buffered outputs.
func (s *sensor) watchLosses() {
	tick := time.NewTicker(lossInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
			s.reportLosses()
			if err := s.pipeline.outputs.Flush(); err != nil {
				s.log.Error("flushing the outputs failed", zap.Error(err))
			}
		}
	}
}

// reportLosses logs what the driver lost since the last report.
func (s *sensor) reportLosses() {
	stats, err := s.driver.Stats()
	if err != nil {
		return // the driver is closed
	}
	var fields []zap.Field
	var total uint64
	for reason, n := range stats.Lost {
		total += n
		fields = append(fields, zap.Uint64(string(reason), n))
	}
	if last := s.lost.Swap(total); total > last {
		s.log.Warn("system call events were lost and not evaluated", append(fields, zap.Uint64("new", total-last), zap.Uint64("total", total))...)
	}
}

// stop closes the driver, which ends run. It may be called more than once.
func (s *sensor) stop() error {
	s.closing.Do(func() {
		s.reportLosses()
		s.closed = s.driver.Close()
	})
	return s.closed
}

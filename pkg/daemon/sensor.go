package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/driver"
)

// lossInterval is how often the driver is asked whether it lost events.
const lossInterval = 5 * time.Second

// sensor is the system call source: a driver, the state that its events build up, and the loop between them.
type sensor struct {
	kind     string
	buffer   int
	pipeline *pipeline
	log      *zap.Logger
	// openDriver and newInspector make what a capture consists of.
	openDriver   func(kind string, o driver.Options) (driver.Driver, error)
	newInspector func() (*syscall.Inspector, error)

	mu sync.Mutex
	// live is nil as long as no rule asks for system calls, and while the sensor does not run.
	live    *live
	stopped bool
	// drivers and states are the counters of those that were closed, left how many events waited in them then, and lost
	// how many events were reported as lost.
	drivers    driver.Stats
	states     syscall.Stats
	left, lost uint64
	// wake ends the wait for rules that ask for system calls, and ended is closed by stop.
	wake, ended chan struct{}
}

// live is an open driver with the state that its events build up.
type live struct {
	driver    driver.Driver
	inspector *syscall.Inspector
	// closed tells that the driver is, counts are its counters then.
	closed bool
	counts driver.Stats
}

func newSensor(cfg config.Config, p *pipeline, log *zap.Logger) *sensor {
	return &sensor{
		kind: cfg.Sensor.Kind, buffer: int(cfg.Sensor.Buffer), pipeline: p, log: log, openDriver: openDriver,
		newInspector: func() (*syscall.Inspector, error) { return newInspector(cfg.HostRoot) },
		wake:         make(chan struct{}, 1), ended: make(chan struct{}),
	}
}

func (s *sensor) name() string { return event.SourceSyscall }

// open opens the driver for what the rules ask for and then fills the process table, so that nothing happens unseen
// between the two.
func (s *sensor) open() error {
	types := s.pipeline.engine.Types(event.SourceSyscall)
	if types == nil {
		s.log.Info("no rule asks for system calls, the sensor waits for one that does")
		return nil
	}
	drv, err := s.openDriver(s.kind, driver.Options{Types: wantedTypes(types), BufferBytes: s.buffer})
	if err != nil {
		return err
	}
	in, err := s.newInspector()
	if err != nil {
		return errors.Join(err, drv.Close())
	}
	threads, err := in.Seed(time.Now().UnixNano())
	if err != nil {
		return errors.Join(err, drv.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return drv.Close()
	}
	s.live = &live{driver: drv, inspector: in}
	s.log.Info("taking in system calls", zap.String("driver", drv.Name()), zap.Int("threads", threads))
	for _, name := range undeliverable(types) {
		s.log.Warn("rules ask for events that no driver makes yet", zap.String("event", name))
	}
	return nil
}

// run evaluates events until stop is called or the driver fails.
func (s *sensor) run() error {
	for {
		s.mu.Lock()
		l := s.live
		s.mu.Unlock()
		if l == nil {
			select {
			case <-s.ended:
				return nil
			case <-s.wake:
			}
		} else if err := s.watched(l); err != nil {
			return err
		}
		select {
		case <-s.ended:
			return nil
		default:
		}
		if err := s.open(); err != nil {
			return err
		}
	}
}

// watched takes events of an open driver until it is closed, and says when it loses some.
func (s *sensor) watched(l *live) (err error) {
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(lossInterval)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				s.reportLosses()
			}
		}
	})
	defer func() {
		close(done)
		watching.Wait()
		s.retire(l)
	}()
	for again := true; again; {
		again, err = s.take(l)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && !l.closed {
		err = errors.New("the driver ended by itself")
	}
	return err
}

// take evaluates events. After a panic, which costs the event that it came from, it is to be called again.
func (s *sensor) take(l *live) (again bool, err error) {
	w := s.pipeline.worker(true)
	defer s.pipeline.release(w)
	defer func() {
		if p := recover(); p != nil {
			s.pipeline.panicked("events of the system call sensor", p, debug.Stack())
			again, err = true, nil
		}
	}()
	for {
		frame, err := l.driver.Next()
		switch {
		case errors.Is(err, os.ErrClosed), errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("take the next event: %w", err)
		}
		e, err := l.inspector.Event(frame)
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

// retarget has the driver deliver what the rules ask for now. A driver that cannot change while it runs is opened
// again.
func (s *sensor) retarget() {
	types := s.pipeline.engine.Types(event.SourceSyscall)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil {
		select {
		case s.wake <- struct{}{}:
		default: // it is awake
		}
		return
	}
	var wanted []uint16
	if types != nil {
		wanted = wantedTypes(types)
	}
	if w, ok := s.live.driver.(driver.Wanter); ok {
		err := w.Want(wanted)
		if err == nil {
			return
		}
		s.log.Error("the driver could not be told what the rules ask for now", zap.Error(err))
	}
	s.log.Warn("the driver is opened again; system calls of the moment in between are not seen")
	if err := s.live.close(); err != nil {
		s.log.Error("closing the driver failed", zap.Error(err))
	}
}

// close closes the driver, which ends take. The caller holds the sensor's mu.
func (l *live) close() error {
	if l.closed {
		return nil
	}
	l.counts = l.stats()
	l.closed = true
	return l.driver.Close()
}

// stats reads the counters of the driver. The caller holds the sensor's mu.
func (l *live) stats() driver.Stats {
	if l.closed {
		return l.counts
	}
	if stats, err := l.driver.Stats(); err == nil {
		l.counts = stats
	}
	return l.counts
}

// retire closes the driver if it is not, and keeps its counters.
func (s *sensor) retire(l *live) {
	s.reportLosses()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := l.close(); err != nil {
		s.log.Error("closing the driver failed", zap.Error(err))
	}
	state := l.inspector.Stats()
	if n := left(l.counts, state); n > 0 {
		s.left += n
		s.log.Warn("system call events that waited for their turn when the driver was closed were not evaluated", zap.Uint64("events", n))
	}
	s.drivers = sumDrivers(s.drivers, l.counts)
	s.states = sumStates(s.states, state)
	s.states.Threads = 0
	s.live = nil
}

// stop closes the driver, which ends run.
func (s *sensor) stop(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	close(s.ended)
	if s.live == nil {
		return nil
	}
	return s.live.close()
}

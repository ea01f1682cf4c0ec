// Package direct takes alerts to people: each alert goes to every sink, and each sink counts what it delivered and
// what it failed to deliver. An error comes back to whoever handed the alert in, so that a source that can ask for a
// repetition (the audit webhook) does.
package direct

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/saker-security/saker/pkg/alert"
)

// Sink is one place where alerts go. Its methods are called by one goroutine at a time.
type Sink interface {
	// Name is a short name for logs and metrics, such as stdout.
	Name() string
	// Write delivers one alert.
	Write(a *alert.Alert) error
	// Flush makes sure that everything written is where it must be.
	Flush() error
	// Close flushes and releases.
	Close() error
}

// Count is what one sink did since the start.
type Count struct {
	Sink              string
	Delivered, Failed uint64
}

// Outputs hands each alert to all sinks. It is safe for concurrent use.
type Outputs struct {
	mu    sync.Mutex
	sinks []*output
}

type output struct {
	Sink
	delivered, failed atomic.Uint64
}

// New makes Outputs of the given sinks, in this order.
func New(sinks ...Sink) *Outputs {
	o := &Outputs{}
	for _, s := range sinks {
		o.sinks = append(o.sinks, &output{Sink: s})
	}
	return o
}

// Deliver writes the alert to every sink, also to those behind one that failed, and returns all failures.
func (o *Outputs) Deliver(a *alert.Alert) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, s := range o.sinks {
		if err := s.Write(a); err != nil {
			s.failed.Add(1)
			errs = append(errs, fmt.Errorf("deliver alert of rule %q to %s: %w", a.Rule, s.Name(), err))
			continue
		}
		s.delivered.Add(1)
	}
	return errors.Join(errs...)
}

// Flush flushes every sink.
func (o *Outputs) Flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, s := range o.sinks {
		if err := s.Flush(); err != nil {
			errs = append(errs, fmt.Errorf("flush %s: %w", s.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// Close closes every sink.
func (o *Outputs) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, s := range o.sinks {
		if err := s.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", s.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// Counts reads the counters, in the order of the sinks.
func (o *Outputs) Counts() []Count {
	counts := make([]Count, len(o.sinks))
	for i, s := range o.sinks {
		counts[i] = Count{Sink: s.Name(), Delivered: s.delivered.Load(), Failed: s.failed.Load()}
	}
	return counts
}

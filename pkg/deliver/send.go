package deliver

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/saker-security/saker/pkg/alert"
)

const (
	// abandonGrace is how long a Send may go on after its context ended before nobody waits for it any more.
	abandonGrace = 5 * time.Second
	// maxAbandoned is how many such Sends of a sink there may be at once; with more, nothing is sent until one returns.
	maxAbandoned = 8
)

// instance is an opened sink. It is closed when it is retired and no Send of it is running.
type instance struct {
	Sink
	out *output

	mu      sync.Mutex
	users   int
	retired bool
}

func (i *instance) enter() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.users++
}

func (i *instance) leave() {
	i.mu.Lock()
	i.users--
	last := i.retired && i.users == 0
	i.mu.Unlock()
	if last {
		i.close()
	}
}

// retire says that no Send begins any more.
func (i *instance) retire() {
	i.mu.Lock()
	first := !i.retired
	i.retired = true
	idle := i.users == 0
	i.mu.Unlock()
	if first && idle {
		go i.close()
	}
}

func (i *instance) close() {
	defer i.out.closing.Done()
	fallbacks := i.fallbacks()
	if err := protect(i.Close); err != nil {
		i.out.tell(Report{Text: "the sink could not be closed", Err: err, Warning: true})
	}
	i.out.mu.Lock()
	defer i.out.mu.Unlock()
	i.out.account.fallbacks += fallbacks
	delete(i.out.instances, i)
}

func (i *instance) fallbacks() uint64 {
	if f, ok := i.Sink.(Fallbacker); ok {
		return f.Fallbacks()
	}
	return 0
}

// sender calls the sink of a crew so that nothing that the sink does harms the caller.
type sender struct {
	out  *output
	open func() (Sink, error)

	running chan struct{} // holds one item for each Send that did not return yet, abandoned or not

	mu      sync.Mutex
	current *instance // nil is opened before the next Send
}

func newSender(out *output, open func() (Sink, error), workers int) *sender {
	return &sender{out: out, open: open, running: make(chan struct{}, workers+maxAbandoned)}
}

// take gives the opened sink, entered.
func (s *sender) take() (*instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		sink, err := openSink(s.open)
		if err != nil {
			return nil, err
		}
		s.current = s.out.hold(sink)
	}
	s.current.enter()
	return s.current, nil
}

// renew has the next Send use a sink that is opened anew.
func (s *sender) renew(broken *instance) {
	s.mu.Lock()
	if s.current == broken {
		s.current = nil
	}
	s.mu.Unlock()
	broken.retire()
}

// reopen has the opened sink open anew what it writes to.
func (s *sender) reopen() error {
	s.mu.Lock()
	i := s.current
	if i == nil {
		s.mu.Unlock()
		return nil
	}
	i.enter()
	s.mu.Unlock()
	defer i.leave()
	if r, ok := i.Sink.(Reopener); ok {
		return protect(r.Reopen)
	}
	return nil
}

// retire gives up the opened sink.
func (s *sender) retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		s.current.retire()
		s.current = nil
	}
}

var (
	// errGone is the error of a Send for which nobody waits any more.
	errGone = errors.New("the sink does not answer and does not stop: it is opened anew")
	// errNoResult is the error of a Send that ended its goroutine.
	errNoResult = errors.New("the sink ended without a result")
)

// send calls Send with a context that ends after the time-out. When Send does not return for a while after that, it
// is left to itself, and the sink is opened anew for what follows. Alerts of such a Send that come to be delivered
// after all are counted as duplicates, since they are sent again.
func (s *sender) send(ctx context.Context, timeout time.Duration, batch []*alert.Alert) error {
	select {
	case s.running <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	i, err := s.take()
	if err != nil {
		<-s.running
		return err
	}
	ctx, cancel := withTimeout(ctx, timeout)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		err := errNoResult
		defer func() {
			result <- err
			i.leave()
			<-s.running
		}()
		err = protect(func() error { return i.Send(ctx, batch) })
	}()
	err, returned := await(ctx, result)
	if !returned {
		s.abandon(i, result, len(batch))
		return fmt.Errorf("%w (%w)", errGone, context.Cause(ctx))
	}
	if _, panicked := errors.AsType[*panicError](err); panicked {
		s.renew(i)
	}
	return err
}

func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not done within %v", timeout))
}

// await waits for the result, after the end of the context only a little longer.
func await(ctx context.Context, result <-chan error) (err error, returned bool) {
	select {
	case err := <-result:
		return err, true
	case <-ctx.Done():
	}
	grace := time.NewTimer(abandonGrace)
	defer grace.Stop()
	select {
	case err := <-result:
		if err != nil && !errors.Is(context.Cause(ctx), ctx.Err()) {
			err = &timedOut{cause: context.Cause(ctx), err: err}
		}
		return err, true
	case <-grace.C:
		return nil, false
	}
}

// timedOut is the error of a Send that its time-out ended.
type timedOut struct{ cause, err error }

func (e *timedOut) Error() string {
	text, cause := e.err.Error(), e.cause.Error()
	if strings.Contains(text, cause) {
		return text // the sink says it itself
	}
	return cause + ": " + text
}

// Unwrap gives what Send returned.
func (e *timedOut) Unwrap() error { return e.err }

// abandon leaves a Send to itself.
func (s *sender) abandon(i *instance, result <-chan error, alerts int) {
	s.renew(i)
	s.out.abandoned()
	go func() { s.out.late(judge(<-result, alerts).done) }()
}

// openSink opens a sink. A panic is an error.
func openSink(open func() (Sink, error)) (sink Sink, err error) {
	err = protect(func() (err error) {
		sink, err = open()
		return err
	})
	if err == nil && sink == nil {
		err = errors.New("there is no sink")
	}
	if err != nil {
		return nil, fmt.Errorf("open the sink: %w", err)
	}
	return sink, nil
}

// panicError is a panic of a sink.
type panicError struct {
	value any
	where string
}

func (e *panicError) Error() string {
	return fmt.Sprintf("the sink panicked: %v (%s)", e.value, e.where)
}

// protect calls f and makes an error of its panic.
func protect(f func() error) (err error) {
	ended := false
	defer func() {
		if ended {
			return
		}
		if value := recover(); value != nil {
			err = &panicError{value, callers()}
		}
	}()
	err = f()
	ended = true
	return err
}

// callers names the functions in which a panic happened, innermost first.
func callers() string {
	var counters [16]uintptr
	n := runtime.Callers(4, counters[:]) // without Callers, callers, the deferred function and the runtime's panic
	frames := runtime.CallersFrames(counters[:n])
	var lines []string
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, "deliver.protect") || !more {
			break
		}
		if !strings.HasPrefix(f.Function, "runtime.") {
			lines = append(lines, fmt.Sprintf("%s %s:%d", path.Base(f.Function), path.Base(f.File), f.Line))
		}
	}
	return strings.Join(lines, " < ")
}

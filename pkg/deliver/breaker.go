package deliver

import (
	"context"
	"sync"
	"time"
)

// breaker is the gate that the workers of a sink pass before they send. It is closed for all of them while the sink
// asked for a pause, and after too many failures in a row, when it lets one of them try after a pause. A worker that
// passed it says what came of it with exactly one of worked, failed, postpone and leave.
type breaker struct {
	limit int // failures in a row after which it opens, 0 for never
	pause time.Duration

	mu       sync.Mutex
	failures int // in a row
	open     bool
	trial    bool          // one worker is trying
	until    time.Time     // nobody passes before, because it is open
	asked    time.Time     // nor before, because the sink asked for it
	changed  chan struct{} // closed at the next change
	hurried  chan struct{} // closed at the next hurry
}

func newBreaker(limit int, pause time.Duration) *breaker {
	return &breaker{limit: limit, pause: pause, changed: make(chan struct{}), hurried: make(chan struct{})}
}

// enter waits until the caller may send.
func (b *breaker) enter(ctx context.Context) error {
	for {
		pass, wait, changed := b.ask()
		if pass {
			return ctx.Err()
		}
		if err := sleepUntil(ctx, wait, changed); err != nil {
			return err
		}
	}
}

// ask says whether the caller may pass, or else how long it shall wait (0 for any time) or for which change.
func (b *breaker) ask() (pass bool, wait time.Duration, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if wait := time.Until(later(b.until, b.asked)); wait > 0 {
		return false, wait, b.changed
	}
	if b.open {
		if b.trial {
			return false, 0, b.changed
		}
		b.trial = true
	}
	return true, 0, nil
}

// change has those who wait look again. b.mu is held.
func (b *breaker) change() {
	b.trial = false
	close(b.changed)
	b.changed = make(chan struct{})
}

// worked says that the place behind the sink answered.
func (b *breaker) worked() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures > 0 || b.open {
		b.failures, b.open, b.until, b.asked = 0, false, time.Time{}, time.Time{}
		b.change()
	}
}

// failed says that the sink failed, and returns whether the breaker opened.
func (b *breaker) failed() (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	if b.limit > 0 && b.failures >= b.limit {
		opened = !b.open
		b.open = true
		b.until = later(b.until, time.Now().Add(b.pause))
	}
	b.change()
	return opened
}

// postpone says that the sink wants nothing for a time.
func (b *breaker) postpone(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = later(b.asked, time.Now().Add(d))
	b.change()
}

// hurry ends the pauses between attempts, of which an open breaker lets one through. A pause for which the sink asked
// stays.
func (b *breaker) hurry() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.hurried)
	b.hurried = make(chan struct{})
	if b.open && !b.trial {
		b.until = time.Time{}
		b.change()
	}
}

// rest waits for d, a hurry, or the end of the context, which is the only error.
func (b *breaker) rest(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	b.mu.Lock()
	hurried := b.hurried
	b.mu.Unlock()
	return sleepUntil(ctx, d, hurried)
}

// leave says that nothing came of it.
func (b *breaker) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open {
		b.change()
	}
}

func (b *breaker) isOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sleepUntil waits for d (0 for any time), the change, or the end of the context, which is the only error.
func sleepUntil(ctx context.Context, d time.Duration, changed <-chan struct{}) error {
	var expired <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		expired = t.C
	}
	select {
	case <-expired:
		return ctx.Err()
	case <-changed:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause waits for d or the end of the context, which is the only error.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	return sleepUntil(ctx, d, nil)
}

// Package turn is the lock under which a sink sends one batch after the other: one that can be given up on.
package turn

import (
	"context"
	"fmt"
)

// Turn is held by one goroutine at a time.
type Turn chan struct{}

// New makes a turn that nobody holds.
func New() Turn { return make(Turn, 1) }

// Take waits for the turn until the context ends. A turn that is free is taken in any case.
func (t Turn) Take(ctx context.Context) error {
	if t.Try() {
		return nil
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the batch before: %w", context.Cause(ctx))
	}
}

// Try takes the turn if it is free.
func (t Turn) Try() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

// Give ends the turn.
func (t Turn) Give() { <-t }

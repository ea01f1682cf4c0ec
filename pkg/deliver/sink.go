package deliver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/saker-security/saker/pkg/alert"
)

// Sink is one place where alerts go. The workers of a sink share it: with more than one of them Send is called by
// several goroutines at once.
type Sink interface {
	// Send delivers the alerts of a batch, never empty, in their order. It returns nil only when the place has all of
	// them. ctx ends when the time-out of the sink is over or the program ends. An error says what shall become of the
	// batch: Refused, Later and Partial have a meaning of their own; after every other error the whole batch is sent
	// again after a pause that grows.
	Send(ctx context.Context, batch []*alert.Alert) error
	// Close releases what the sink holds. Nothing is called after it.
	Close() error
}

// Reopener is a Sink that can open what it writes to again, as log rotation asks for with SIGUSR1. Reopen may be
// called while Send is.
type Reopener interface{ Reopen() error }

// Render appends the form of an alert that a sink sends, without a line break, to dst.
type Render func(dst []byte, a *alert.Alert) []byte

// Refused is the error of a batch that the place will never take, such as the HTTP status 400. A batch of several
// alerts is then sent in halves, so that only those that are refused go to the dead letters.
type Refused struct{ Err error }

func (e *Refused) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Refused) Unwrap() error { return e.Err }

// Later is the error of a batch that the place wants to be sent again after a time, such as the HTTP status 429 with
// Retry-After.
type Later struct {
	Err   error
	After time.Duration
}

func (e *Later) Error() string { return fmt.Sprintf("%v (again after %v)", e.Err, e.After) }

// Unwrap gives the cause.
func (e *Later) Unwrap() error { return e.Err }

// Partial is the error of a batch of which the first Done alerts were delivered. Err says what happened to the next
// one and may be Refused or Later.
type Partial struct {
	Done int
	Err  error
}

func (e *Partial) Error() string { return fmt.Sprintf("after %d alerts: %v", e.Done, e.Err) }

// Unwrap gives the cause.
func (e *Partial) Unwrap() error { return e.Err }

// ErrFull is returned when a queue that does not drop is full. Whoever asks shall hold back and try again.
var ErrFull = errors.New("the queue of a sink is full")

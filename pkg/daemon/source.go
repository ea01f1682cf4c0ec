package daemon

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"
)

// source takes in events of one kind, or serves one address. One goroutine opens and runs it; stop may come from
// another at any time.
type source interface {
	// name is that of its events, or what it serves.
	name() string
	// open makes it ready to run. After it failed, and after run returned, it may be called again.
	open() error
	// run works until stop is called, for which it returns nil, or until it fails. It releases what open took.
	run() error
	// stop ends run after what is being worked on, or when ctx ends, and releases what open took when run does not run.
	// A second call does nothing.
	stop(ctx context.Context) error
}

const (
	// minPause and maxPause bound the pause before a source is started again; it doubles with each failure in a row.
	minPause = time.Second
	maxPause = 30 * time.Second
	// healthyTime is how long a source must have run for its next failure to be the first in a row.
	healthyTime = time.Minute
)

// keeper keeps a source running: when it fails or panics it is started again, alone, after a pause.
type keeper struct {
	source
	// events is the event source whose rules are for what comes of it, empty for none.
	events string
	log    *zap.Logger
	// panicked is told of every panic of the source.
	panicked func(where string, value any, stack []byte)

	mu       sync.Mutex
	up       bool
	read     bool
	restarts uint64
	failure  string
}

// state tells how the source is doing.
func (k *keeper) state() sourceState {
	k.mu.Lock()
	defer k.mu.Unlock()
	return sourceState{name: k.name(), events: k.events, up: k.up, restarts: k.restarts, failure: k.failure, optional: k.read}
}

// keep runs the source, which is open, until ctx ends or everything is read.
func (k *keeper) keep(ctx context.Context) {
	pause := minPause
	for {
		k.started()
		began := time.Now()
		err := k.guard(k.run)
		if ctx.Err() != nil {
			k.ended(err)
			return
		}
		if errors.Is(err, errAllRead) {
			k.allRead()
			return
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		if time.Since(began) >= healthyTime {
			pause = minPause
		}
		for err != nil {
			k.failed(err, pause)
			if !sleep(ctx, pause) {
				return
			}
			pause = min(2*pause, maxPause)
			err = k.guard(k.open)
		}
		k.mu.Lock()
		k.restarts++
		k.mu.Unlock()
		k.log.Info("started again", zap.String("source", k.name()))
	}
}

// guard turns a panic into an error.
func (k *keeper) guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			k.panicked("source "+k.name(), p, debug.Stack())
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return f()
}

func (k *keeper) started() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.up, k.failure = true, ""
}

func (k *keeper) ended(err error) {
	k.mu.Lock()
	k.up = false
	k.mu.Unlock()
	if err != nil {
		k.log.Error("ended with an error", zap.String("source", k.name()), zap.Error(err))
	}
}

// allRead is the end of a source that has nothing more to give, which is no failure.
func (k *keeper) allRead() {
	k.mu.Lock()
	k.up, k.read, k.failure = false, true, errAllRead.Error()
	k.mu.Unlock()
	k.log.Info("everything is read", zap.String("source", k.name()))
}

func (k *keeper) failed(err error, pause time.Duration) {
	k.mu.Lock()
	k.up, k.failure = false, oneLine(err)
	k.mu.Unlock()
	k.log.Error("failed; it is started again after a pause, the others go on",
		zap.String("source", k.name()), zap.Error(err), zap.Duration("pause", pause))
}

// sleep waits; it returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

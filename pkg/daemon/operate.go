package daemon

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
)

// operation is what the daemon does beside its work so that it can be operated: it reports, watches over itself and
// talks to the service manager.
type operation struct {
	started time.Time
	// level is the level of the log, which a reload may change.
	level zap.AtomicLevel
}

func newOperation(level zap.AtomicLevel) *operation {
	return &operation{started: time.Now(), level: level}
}

// operate starts what runs beside the work. An error that shall end the program is sent to failures. The returned
// function ends it and returns when it has ended.
func (d *Daemon) operate(ctx context.Context, failures chan<- error) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	return func() {
		cancel()
		running.Wait()
	}
}

// reloaded is called when a reload has put new settings into force.
func (d *Daemon) reloaded() { setLevel(d.ops.level, d.settings().Log.Level) }

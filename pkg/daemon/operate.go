package daemon

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/deliver"
)

// Phases of the daemon.
const (
	phaseStarting = "starting"
	phaseRunning  = "running"
	phaseEnding   = "ending"
)

// garbage is how much may lie around before it is collected, as a percentage of what is in use. Most of that are tables
// without pointers, such as that of the audit events that are known, which cost next to nothing to look through.
const garbage = 50

// operation is what the daemon does beside its work so that it can be operated: it reports, watches over itself and
// talks to the service manager.
type operation struct {
	started time.Time
	// level is the level of the log, which a reload may change.
	level zap.AtomicLevel
	// phase is a string, one of the constants above.
	phase     atomic.Value
	heartbeat *heartbeat
	// sums are those of the files in force.
	sums atomic.Pointer[fileSums]
	// changed tells that a reload may have changed the settings.
	changed chan struct{}
	// looking tells that somebody looks at the state, since looked: nanoseconds since the Unix epoch.
	looking atomic.Bool
	looked  atomic.Int64
}

func newOperation(level zap.AtomicLevel) *operation {
	o := &operation{started: time.Now(), level: level, heartbeat: newHeartbeat(), changed: make(chan struct{}, 1)}
	o.phase.Store(phaseStarting)
	o.sums.Store(&fileSums{})
	return o
}

// operate starts what runs beside the work, once everything else runs. An error that shall end the program is sent to
// failures. The returned function ends it and returns when it has ended.
func (d *Daemon) operate(ctx context.Context, failures chan<- error) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	limitMemory(os.DirFS("/"), os.Getenv("GOMEMLIMIT"), debug.SetMemoryLimit, d.log)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	d.sumFiles()
	d.ops.phase.Store(phaseRunning)
	running.Go(func() { d.ops.heartbeat.run(ctx, d.commit, d.sensorProgress) })
	running.Go(func() { d.watchHealth(ctx) })
	running.Go(func() { d.newNotifier().run(ctx) })
	running.Go(func() { d.snapshot(ctx) })
	running.Go(func() { d.watchDrops(ctx, failures) })
	return func() {
		d.ops.phase.Store(phaseEnding)
		cancel()
		running.Wait()
	}
}

func (d *Daemon) newNotifier() *notifier {
	return &notifier{
		log:      d.log,
		failures: func() []string { return d.failures(time.Now()) },
		// Restarting the program would not empty a queue.
		ready: func() bool { return d.ops.phase.Load() == phaseRunning && len(d.faults(time.Now())) == 0 },
		alive: func() bool { return d.responds(context.Background()) },
	}
}

// respondTime is how long the daemon may take to look at its own state.
const respondTime = 5 * time.Second

// responds tells whether the state of the daemon can be read: that nothing holds for ever one of the locks that its
// parts take.
func (d *Daemon) responds(ctx context.Context) bool {
	if !d.ops.looking.CompareAndSwap(false, true) {
		// Somebody else looks, or waits in vain.
		return time.Since(time.Unix(0, d.ops.looked.Load())) < respondTime
	}
	d.ops.looked.Store(time.Now().UnixNano())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer d.ops.looking.Store(false)
		d.settings()
		d.sourceStates()
		d.reloads()
		d.sensorCounts()
		d.storage()
		d.pipeline.engine.Counts()
	}()
	ctx, cancel := context.WithTimeout(ctx, respondTime)
	defer cancel()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// commit returns when all alerts that were delivered so far are stored.
func (d *Daemon) commit(ctx context.Context) error { return d.pipeline.outputs.Commit(ctx) }

// sinkCounts says what became of the alerts, sink by sink.
func (d *Daemon) sinkCounts() []deliver.Count {
	return d.pipeline.outputs.Counts()
}

// storageState is how the alerts are stored until they are delivered.
type storageState struct {
	// durable tells that they outlive the process in every queue; without a data directory they do not.
	durable bool
	// failure says why they cannot be stored, on one line.
	failure string
}

func (d *Daemon) storage() storageState {
	counts := d.sinkCounts()
	s := storageState{durable: len(counts) > 0}
	for _, c := range counts {
		s.durable = s.durable && c.Durable
		if c.DiskError != "" {
			s.failure = c.Sink + ": " + c.DiskError
		}
	}
	return s
}

// setting is a key of the configuration with the value in force, without secrets, and where it was written.
type setting struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`
	Origin string `json:"origin,omitempty"`
}

// effective lists the configuration in force.
func (d *Daemon) effective() []setting {
	cfg := d.settings()
	list := []setting{}
	for _, v := range cfg.Effective() {
		list = append(list, setting(v))
	}
	return list
}

func (d *Daemon) sensorProgress() sensorProgress {
	s, _ := d.sensorCounts()
	taken := s.state.Events
	for _, n := range s.state.Malformed {
		taken += n
	}
	return sensorProgress{live: s.name != "", made: s.driver.Delivered, taken: taken}
}

// watchHealth logs when the answer of the health check changes.
func (d *Daemon) watchHealth(ctx context.Context) {
	tick := time.NewTicker(beatInterval)
	defer tick.Stop()
	var told []string
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		reasons := d.failures(time.Now())
		switch {
		case len(reasons) > 0 && !slices.Equal(reasons, told):
			d.log.Warn("health check fails", zap.String("reasons", strings.Join(reasons, "; ")))
		case len(reasons) == 0 && len(told) > 0:
			d.log.Info("health check is well again")
		}
		told = reasons
	}
}

// limitMemory makes the Go runtime keep below the memory limit of the control group, so that it collects garbage
// instead of being killed. What given, the value of GOMEMLIMIT, says is left alone.
func limitMemory(own fs.FS, given string, set func(bytes int64) int64, log *zap.Logger) {
	if given != "" {
		log.Info("memory limit of the Go runtime", zap.String("from", "GOMEMLIMIT"), zap.String("limit", given))
		return
	}
	if limit, ok := memoryLimit(own); ok {
		set(limit)
		log.Info("memory limit of the Go runtime", zap.String("from", "control group"), zap.Int64("bytes", limit))
	}
}

// reloading is called when a reload begins; the returned function when it has ended, well or not.
func (d *Daemon) reloading() (done func()) {
	told, before := notifyReloading(d.log), d.reloads().good
	return func() {
		defer told()
		if d.reloads().good == before {
			return // everything is as it was
		}
		if err := setLevel(d.ops.level, d.settings().Log.Level); err != nil {
			d.log.Warn("the level of the log stays as it is", zap.Error(err))
		}
		d.sumFiles()
		select {
		case d.ops.changed <- struct{}{}:
		default: // it is known already
		}
	}
}

func (d *Daemon) sumFiles() {
	cfg := d.settings()
	d.ops.sums.Store(sumFiles(cfg.RulesFiles, cfg.Files))
}

// sugared is a logger for libraries that print lines.
type sugared struct{ log *zap.SugaredLogger }

// Println logs an error.
func (s sugared) Println(v ...any) { s.log.Error(fmt.Sprint(v...)) }

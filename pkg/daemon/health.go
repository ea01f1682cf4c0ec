package daemon

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// beatInterval is how often the way of the alerts is tried, stuckTime how long it may be without success.
	beatInterval = 5 * time.Second
	stuckTime    = 30 * time.Second
)

// heartbeat tries again and again the way on which events become stored alerts, so that a program that stands still is
// noticed.
type heartbeat struct {
	mu sync.Mutex
	// beats counts the commits that ended, last is when one ended well, failure why the last one did not.
	beats   uint64
	last    time.Time
	failure string
	// moved is when an event of the sensor was last seen to be taken, waiting whether there were others then.
	moved   time.Time
	taken   uint64
	waiting bool
}

func newHeartbeat() *heartbeat {
	now := time.Now()
	return &heartbeat{last: now, moved: now}
}

// run beats until ctx ends. commit returns when everything delivered is stored; progress says how the sensor is going on.
func (h *heartbeat) run(ctx context.Context, commit func(context.Context) error, progress func() sensorProgress) {
	tick := time.NewTicker(beatInterval)
	defer tick.Stop()
	// A commit that hangs, as on a broken disk, stays alone: there is never a second one.
	idle := make(chan struct{}, 1)
	idle <- struct{}{}
	for {
		select {
		case <-idle:
			go func() {
				defer func() { idle <- struct{}{} }()
				limit, cancel := context.WithTimeout(ctx, stuckTime)
				defer cancel()
				h.committed(commit(limit))
			}()
		default:
		}
		h.look(progress())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (h *heartbeat) committed(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.beats++
	if err != nil {
		h.failure = oneLine(err)
		return
	}
	h.last, h.failure = time.Now(), ""
}

// sensorProgress is how many system call events the kernel has handed over, and how many of them were taken. live
// tells that there is a driver.
type sensorProgress struct {
	live        bool
	made, taken uint64
}

// look sees whether the sensor makes and takes events.
func (h *heartbeat) look(p sensorProgress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.taken != h.taken || !p.live {
		h.moved, h.taken = time.Now(), p.taken
	}
	h.waiting = p.made > p.taken
	if p.live {
		endThread()
	}
}

// endThread starts a thread that ends at once. A sensor sees the end of every thread, whatever the rules ask for: of a
// live one something is heard with every beat.
func endThread() {
	go runtime.LockOSThread() // a goroutine that ends locked to its thread takes it along
}

// storing says why alerts cannot be stored at the time now, empty when they can.
func (h *heartbeat) storing(now time.Time) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failure != "" {
		return "storing alerts fails: " + h.failure
	}
	if d := now.Sub(h.last); d > stuckTime {
		return fmt.Sprintf("storing alerts is stuck for %v", d.Round(time.Second))
	}
	return ""
}

// sensing says why no system call events come at the time now, empty when some do or none are expected.
func (h *heartbeat) sensing(now time.Time) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := now.Sub(h.moved)
	switch {
	case d <= stuckTime:
	case h.waiting:
		return fmt.Sprintf("the system call events are not taken for %v", d.Round(time.Second))
	default:
		return fmt.Sprintf("no system call event has come for %v, the programs of the sensor may have been taken out of the kernel", d.Round(time.Second))
	}
	return ""
}

// failures says why the daemon does not do its work, nothing when it does.
func (d *Daemon) failures(now time.Time) []string {
	return slices.Concat(d.faults(now), d.heldBack(), d.unreadable(), d.expired(now))
}

// heldBack says which sinks hold back the sources: no alert is taken for any sink while their queues are full.
func (d *Daemon) heldBack() (reasons []string) {
	for _, c := range d.sinkCounts() {
		if !c.Full {
			continue
		}
		reason := fmt.Sprintf("the queue of sink %s is full and holds back the sources, since its when_full is block: %d alerts wait", c.Sink, c.Queued)
		if c.Failing != "" {
			reason += " (" + c.Failing + ")"
		}
		reasons = append(reasons, reason)
	}
	return reasons
}

// faults are those failures that a restart might end.
func (d *Daemon) faults(now time.Time) (reasons []string) {
	up, wanted := 0, 0
	for _, s := range d.sourceStates() {
		wanted++
		if s.up {
			up++
		} else if !s.optional {
			reasons = append(reasons, fmt.Sprintf("source %s is down: %s", s.name, s.failure))
		}
	}
	if up == 0 && len(reasons) == 0 && wanted > 0 {
		reasons = append(reasons, "no event source is up")
	}
	running := d.ops.phase.Load() == phaseRunning
	if s := d.storage(); s.failure != "" {
		reasons = append(reasons, "storage of alerts: "+s.failure)
	} else if reason := d.ops.heartbeat.storing(now); running && reason != "" {
		reasons = append(reasons, reason)
	}
	if reason := d.ops.heartbeat.sensing(now); running && reason != "" {
		reasons = append(reasons, reason)
	}
	return reasons
}

// unreadable says which audit logs cannot be read.
func (d *Daemon) unreadable() (reasons []string) {
	if d.intake == nil {
		return nil
	}
	for _, f := range d.intake.files {
		s := f.stats()
		if why := fileFailure(&s); why != "" {
			reasons = append(reasons, fmt.Sprintf("audit log %s: %s", s.Path, why))
		}
	}
	return reasons
}

// expired says which certificates keep every sender away.
func (d *Daemon) expired(now time.Time) (reasons []string) {
	if d.intake == nil || d.intake.access == nil {
		return nil
	}
	for _, c := range d.intake.access.now().certificates() {
		if c.Key == keyCertificate && c.Error == "" && now.After(c.NotAfter) {
			reasons = append(reasons, fmt.Sprintf("the certificate %s of %s expired on %s: no API server sends to it", c.File, c.Subject, c.NotAfter.Format(time.RFC3339)))
		}
	}
	return reasons
}

// readiness is what /readyz answers.
type readiness struct {
	Ready bool `json:"ready"`
	// Phase is starting, running or ending.
	Phase string `json:"phase"`
	// Sources are the event sources: up, or why not.
	Sources map[string]string `json:"sources"`
	// Rules are how many rules are looked at, by source that is taken in.
	Rules map[string]int `json:"rules"`
	// Idle are the sources without any rule: their events are counted and not evaluated. Not ready makes only that all
	// of them are.
	Idle []string `json:"idle,omitempty"`
	// Storage is durable, or memory when there is no data directory, or why it fails.
	Storage string `json:"storage"`
	// Reload is why the last reload of configuration and rules did not change anything; it makes nobody unready.
	Reload string `json:"reload,omitempty"`
	// Reasons say why it is not ready.
	Reasons []string `json:"reasons"`
}

func (d *Daemon) readiness(now time.Time) readiness {
	a := readiness{
		Phase: d.ops.phase.Load().(string), Sources: map[string]string{}, Rules: map[string]int{},
		Storage: "durable", Reload: d.reloads().failure, Reasons: []string{},
	}
	if a.Phase != phaseRunning {
		a.Reasons = append(a.Reasons, "the program is "+a.Phase)
	}
	for _, s := range d.sourceStates() {
		a.Sources[s.name] = "up"
		if !s.up {
			a.Sources[s.name] = "down: " + s.failure
		}
	}
	a.rules(d.runningSources(), d.enabledRules())
	if s := d.storage(); s.failure != "" {
		a.Storage = "failing: " + s.failure
	} else if !s.durable {
		a.Storage = "memory"
	}
	for _, reason := range d.failures(now) {
		if !slices.Contains(a.Reasons, reason) {
			a.Reasons = append(a.Reasons, reason)
		}
	}
	a.Ready = len(a.Reasons) == 0
	return a
}

// rules tells what the sources have of the rules.
func (a *readiness) rules(sources []string, enabled map[string]int) {
	for _, s := range sources {
		if a.Rules[s] = enabled[s]; enabled[s] == 0 {
			a.Idle = append(a.Idle, s)
		}
	}
	if len(sources) > 0 && len(a.Idle) == len(sources) {
		a.Reasons = append(a.Reasons, "no rule is enabled for "+strings.Join(sources, ", "))
	}
}

func (d *Daemon) serveReady(w http.ResponseWriter, _ *http.Request) {
	a := d.readiness(time.Now())
	code := http.StatusOK
	if !a.Ready {
		code = http.StatusServiceUnavailable
	}
	answer(w, code, a)
}

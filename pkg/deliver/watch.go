package deliver

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// watchEvery is how often the queues are looked at for what should be reported.
const watchEvery = 5 * time.Second

// watch reports what happens to queues without anybody noticing: alerts that they drop, a disk that fails, and a sink
// that goes on failing.
type watch struct{ end, done chan struct{} }

func (w *watch) start(o *Outputs) {
	w.end, w.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(w.done)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		seen := make(map[string]*seen)
		for {
			select {
			case <-tick.C:
				o.look(seen)
			case <-w.end:
				o.look(seen)
				return
			}
		}
	}()
}

// stop takes a last look.
func (w *watch) stop() {
	close(w.end)
	<-w.done
}

// seen is what the last look at a sink gave.
type seen struct {
	dropped  map[string]uint64 // as reported
	next     time.Time
	volatile bool
}

func (o *Outputs) look(sinks map[string]*seen) {
	o.mu.Lock()
	o.expire()
	o.mu.Unlock()
	if o.options.Report == nil {
		return
	}
	for _, out := range o.outputs() {
		out.remind()
		out.tellDamage()
	}
	for _, c := range o.Counts() {
		s := sinks[c.Sink]
		if s == nil {
			s = &seen{}
			sinks[c.Sink] = s
		}
		if r, due := s.drops(&c, time.Now()); due {
			o.options.Report(r)
		}
		if volatile := o.options.Dir != "" && !c.Durable; volatile != s.volatile {
			s.volatile = volatile
			o.options.Report(durability(&c))
		}
	}
}

// drops gives the report of the alerts dropped since the last one.
func (s *seen) drops(c *Count, now time.Time) (Report, bool) {
	if now.Before(s.next) {
		return Report{}, false
	}
	total := uint64(0)
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(c.Dropped)) {
		// A sink that was taken away and is there again counts from 0.
		if n := c.Dropped[reason]; n > s.dropped[reason] {
			total += n - s.dropped[reason]
			reasons = append(reasons, fmt.Sprintf("%d %s", n-s.dropped[reason], reason))
		}
	}
	s.dropped = c.Dropped
	if total == 0 {
		return Report{}, false
	}
	s.next = now.Add(quiet)
	return Report{Sink: c.Sink, Text: "alerts were dropped: " + strings.Join(reasons, ", "), Alerts: int(total), Warning: true}, true
}

func durability(c *Count) Report {
	if c.Durable {
		return Report{Sink: c.Sink, Text: "alerts are kept on disk again"}
	}
	return Report{Sink: c.Sink, Text: "the disk fails: new alerts are kept in memory only", Err: diskError(c), Alerts: int(c.Queued), Warning: true}
}

func diskError(c *Count) error {
	if c.DiskError == "" {
		return nil
	}
	return shownError(c.DiskError)
}

package deliver

import (
	"fmt"
	"sync"
	"time"
)

// quiet is how long a sink keeps to itself what it already reported.
const quiet = time.Minute

// health knows whether a sink works and what of that was reported. Reports are few, however often a sink fails: the
// beginning and the end of a failure, at most once in a while.
type health struct {
	mu       sync.Mutex
	text     string // of the last error, empty while the sink works
	failures int    // since it last worked
	reported bool   // this failure
	next     time.Time
	dead     notice
}

func (h *health) failing() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text
}

// failed notes a failure and says whether it shall be reported.
func (h *health) failed(err error) (report bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text = ErrorText(err)
	h.failures++
	if now := time.Now(); !h.reported && !now.Before(h.next) {
		h.reported, h.next = true, now.Add(quiet)
		return true
	}
	return false
}

// refused notes alerts that the sink refused, and says how many of them shall be reported.
func (h *health) refused(err error, alerts int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text = ErrorText(err)
	return h.dead.add(alerts)
}

// worked notes that the sink took an alert, and gives the number of failures before that if their end shall be
// reported.
func (h *health) worked() (failures int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.reported {
		failures = h.failures
	}
	h.text, h.failures, h.reported = "", 0, false
	return failures
}

// known says whether the present failure was reported.
func (h *health) known() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reported
}

// notice is a number that is reported at most once in a while.
type notice struct {
	kept int
	next time.Time
}

// add gives the number to report, or 0 if it shall be kept for now.
func (n *notice) add(more int) int {
	n.kept += more
	now := time.Now()
	if n.kept == 0 || now.Before(n.next) {
		return 0
	}
	due := n.kept
	n.kept, n.next = 0, now.Add(quiet)
	return due
}

// failed takes note of a Send that failed, and reports it if that is due.
func (o *output) failed(err error, opened bool, pause time.Duration) {
	first := o.health.failed(err)
	if first {
		o.tell(Report{Text: "alerts cannot be delivered and are kept: it is tried again", Err: err, Alerts: o.waiting(), Warning: true})
	}
	if opened && o.health.known() {
		o.tell(Report{Text: fmt.Sprintf("too many failures in a row: the next try is in %v", pause), Err: err, Alerts: o.waiting(), Warning: true})
	}
}

// worked takes note of alerts that were delivered, and reports the end of a failure.
func (o *output) worked() {
	if failures := o.health.worked(); failures > 0 {
		waiting := o.waiting()
		o.tell(Report{Text: fmt.Sprintf("delivering again after %d failures, %d alerts waited", failures, waiting), Alerts: waiting})
	}
}

func (o *output) waiting() int { return int(o.queue.Stats().Records) }

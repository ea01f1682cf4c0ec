package deliver

import (
	"fmt"
	"regexp"
	"sync"
	"time"
)

const (
	// quiet is how long a sink keeps to itself what it already reported.
	quiet = time.Minute
	// remindEvery is how often a failure that lasts is reported again.
	remindEvery = 10 * time.Minute
)

// health knows whether a sink works and what of that was reported. Reports are few, however often a sink fails: the
// beginning of a failure, another cause of it and its end, at most once in a while, and a reminder while it lasts.
type health struct {
	mu       sync.Mutex
	text     string // of the last error, empty while the sink works
	failures int    // since it last worked
	since    time.Time
	reported bool   // this failure
	cause    string // as reported
	next     time.Time
	remind   time.Time
	dead     notice
}

func (h *health) failing() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text
}

// failed notes a failure and gives what shall be reported of it, empty for nothing.
func (h *health) failed(err error) (report string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now, cause := time.Now(), causeOf(err)
	h.text = ErrorText(err)
	if h.failures++; h.failures == 1 {
		h.since = now
	}
	if now.Before(h.next) || h.reported && cause == h.cause {
		return ""
	}
	report = "alerts cannot be delivered and are kept: it is tried again"
	if h.reported {
		report = "alerts still cannot be delivered, now for another reason: it is tried again"
	}
	h.reported, h.cause, h.next, h.remind = true, cause, now.Add(quiet), now.Add(remindEvery)
	return report
}

// causeOf is what errors of one cause have in common: their text without long numbers, such as ports and IDs.
func causeOf(err error) string { return longNumber.ReplaceAllString(err.Error(), "#") }

var longNumber = regexp.MustCompile(`[0-9]{4,}`)

// lasting says since when the present failure lasts and what its last error is, if it is time to report that again.
func (h *health) lasting() (since time.Time, text string, due bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if !h.reported || now.Before(h.remind) {
		return time.Time{}, "", false
	}
	h.remind = now.Add(remindEvery)
	return h.since, h.text, true
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
	if text := o.health.failed(err); text != "" {
		o.tell(Report{Text: text, Err: err, Alerts: o.waiting(), Warning: true})
	}
	if opened && o.health.known() {
		o.tell(Report{Text: fmt.Sprintf("too many failures in a row: the next try is in %v", pause), Err: err, Alerts: o.waiting(), Warning: true})
	}
}

// remind reports a failure again that lasts.
func (o *output) remind() {
	since, text, due := o.health.lasting()
	if !due {
		return
	}
	waiting := o.waiting()
	o.tell(Report{
		Text: fmt.Sprintf("alerts still cannot be delivered, since %s: %d wait", since.UTC().Format(time.RFC3339), waiting),
		Err:  shownError(text), Alerts: waiting, Warning: true,
	})
}

// worked takes note of alerts that were delivered, and reports the end of a failure.
func (o *output) worked() {
	if failures := o.health.worked(); failures > 0 {
		waiting := o.waiting()
		o.tell(Report{Text: fmt.Sprintf("delivering again after %d failures, %d alerts waited", failures, waiting), Alerts: waiting})
	}
}

func (o *output) waiting() int { return int(o.queue.Stats().Records) }

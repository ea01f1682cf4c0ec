package doctor

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// auditFlags gives the flags of auditing without dashes; of one that is given twice the last one counts. As with pflag,
// the value of a flag that is no switch may be the next word.
func auditFlags(command []string) map[string]string {
	flags := map[string]string{}
	for i := 0; i < len(command); i++ {
		name, value, given := strings.Cut(strings.TrimLeft(command[i], "-"), "=")
		if !strings.HasPrefix(command[i], "-") || !strings.HasPrefix(name, "audit-") {
			continue
		}
		switch {
		case given:
		case isSwitch(name):
			value = "true"
		case i+1 < len(command):
			i++
			value = command[i]
		}
		flags[name] = value
	}
	return flags
}

// isSwitch tells whether a flag of auditing is a boolean.
func isSwitch(name string) bool {
	return strings.HasSuffix(name, "-truncate-enabled") || strings.HasSuffix(name, "-throttle-enable") || name == "audit-log-compress"
}

// on is the value of a switch; one that is no boolean is told by numbers.
func on(flags map[string]string, name string, def bool) bool {
	if v, err := strconv.ParseBool(flags[name]); err == nil {
		return v
	}
	return def
}

// The numbers that are judged, without the start that they have in common.
const (
	webhookFlag   = "audit-webhook-"
	batchSize     = "batch-max-size"
	bufferSize    = "batch-buffer-size"
	throttleQPS   = "batch-throttle-qps"
	throttleBurst = "batch-throttle-burst"
	longestEvent  = "truncate-max-event-size"
	longestBatch  = "truncate-max-batch-size"
)

// numbers gives the numbers of the flags, or their defaults, and tells of those with which kube-apiserver does not
// start. They and what they may be are those of k8s.io/apiserver (pkg/server/options/audit.go).
func (f *findings) numbers(flags map[string]string) map[string]float64 {
	const subject = "numbers"
	batches := flags[webhookFlag+"mode"] == "" || flags[webhookFlag+"mode"] == "batch"
	throttled := batches && on(flags, webhookFlag+"batch-throttle-enable", true)
	got := map[string]float64{}
	for _, n := range []struct {
		name  string
		def   float64
		parse func(string) (float64, error)
		// checked tells that it must be positive, as kube-apiserver looks only at what it uses.
		checked bool
	}{
		{batchSize, 400, whole, batches}, {bufferSize, 10000, whole, batches},
		{throttleQPS, 10, fraction, throttled}, {throttleBurst, 15, whole, throttled},
		{longestEvent, 100 << 10, whole, true}, {longestBatch, 10 << 20, whole, false},
	} {
		got[n.name] = n.def
		text, given := flags[webhookFlag+n.name]
		if !given {
			continue
		}
		next := fmt.Sprintf("write a positive number, or leave it out; the default is %.0f", n.def)
		v, err := n.parse(text)
		switch {
		case err != nil:
			f.bad(subject, next, "--%s%s=%s is %v, so kube-apiserver does not start", webhookFlag, n.name, text, err)
		case v <= 0 && n.checked:
			f.bad(subject, next, "--%s%s=%s is not positive, so kube-apiserver does not start", webhookFlag, n.name, text)
		default:
			got[n.name] = v
		}
	}
	if got[longestBatch] < got[longestEvent] {
		f.bad(subject, "leave --audit-webhook-truncate-max-batch-size out; the default is 10485760", "--%s%s is %.0f, less than the %.0f of --%s%s, so kube-apiserver does not start",
			webhookFlag, longestBatch, got[longestBatch], got[longestEvent], webhookFlag, longestEvent)
	}
	for _, name := range []string{"truncate-enabled", "batch-throttle-enable"} {
		if text, given := flags[webhookFlag+name]; given {
			if _, err := strconv.ParseBool(text); err != nil {
				f.bad(subject, "write true or false", "--%s%s=%s is neither true nor false, so kube-apiserver does not start", webhookFlag, name, text)
			}
		}
	}
	return got
}

var errNoWhole, errNoNumber = errors.New("no whole number"), errors.New("no number")

// whole reads an integer as pflag does, fraction a number.
func whole(text string) (float64, error) {
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		return 0, errNoWhole
	}
	return float64(n), nil
}

func fraction(text string) (float64, error) {
	n, err := strconv.ParseFloat(text, 32)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, errNoNumber
	}
	return n, nil
}

// mode judges how events are sent, and tells whether that is in batches.
func (f *findings) mode(flags map[string]string) bool {
	switch mode := flags["audit-webhook-mode"]; mode {
	case "", "batch":
		f.ok("mode", "batch: events are sent beside the requests of the cluster")
		return true
	case "blocking":
		f.look("mode", "set --audit-webhook-mode=batch", "blocking: each request to the cluster waits for Saker's answer")
	case "blocking-strict":
		f.bad("mode", "set --audit-webhook-mode=batch", "blocking-strict: requests to the cluster fail while Saker does not answer")
	default:
		f.bad("mode", "set --audit-webhook-mode=batch", "--audit-webhook-mode=%s is not known, so kube-apiserver does not start", mode)
	}
	return false
}

// wait judges how long events wait for a batch.
func (f *findings) wait(flags map[string]string) {
	const next = "set --audit-webhook-batch-max-wait=1s"
	if size, err := whole(flags[webhookFlag+batchSize]); err == nil && size == 1 {
		f.ok("batch wait", "none: each event is sent by itself")
		return
	}
	text, given := flags["audit-webhook-batch-max-wait"]
	d, err := time.ParseDuration(text)
	switch {
	case !given:
		f.look("batch wait", next, "30 s, the default: in a quiet cluster an alert is that late")
	case err != nil:
		f.bad("batch wait", next, "--audit-webhook-batch-max-wait=%s is no duration, so kube-apiserver does not start", text)
	case d <= 0:
		f.look("batch wait", next, "--audit-webhook-batch-max-wait=%s makes kube-apiserver look for events all the time, which takes a whole CPU", text)
	case d > 5*time.Second:
		f.look("batch wait", next, "%s: in a quiet cluster an alert is that late", age(d))
	default:
		f.ok("batch wait", "%s", age(d))
	}
}

// throughput judges how many events a second can be sent.
func (f *findings) throughput(flags map[string]string, n map[string]float64) {
	most, buffer := n[batchSize], n[bufferSize]
	if !on(flags, webhookFlag+"batch-throttle-enable", true) {
		f.ok("throughput", "as many events as come, in requests of %.0f at most", most)
		return
	}
	// A batch of one event costs a request each, so less is enough.
	const enough, alone = 4000, 1000
	rate := n[throttleQPS] * most
	text := fmt.Sprintf("%.0f events a second at most, and a buffer of %.0f; what comes beyond is lost in kube-apiserver", rate, buffer)
	if rate < enough && (most > 1 || rate < alone) || buffer < 10000 {
		f.look("throughput", "raise --audit-webhook-batch-throttle-qps, --audit-webhook-batch-max-size or --audit-webhook-batch-buffer-size; the defaults are 10, 400 and 10000", "%s", text)
		return
	}
	// A connection takes 100 requests at once; those beyond open others, and then all shake hands together.
	if burst := n[throttleBurst]; burst > 100 && most == 1 {
		f.look("throughput", "set --audit-webhook-batch-throttle-burst=50", "%s; after a quiet time up to %.0f requests come at once, most of them on connections of their own", text, burst)
		return
	}
	f.ok("throughput", "%s", text)
}

// patience judges for how long Saker may be away: the API server tries five times, and each wait is half as long again
// as the one before.
func (f *findings) patience(flags map[string]string) {
	const next = "leave --audit-webhook-initial-backoff out; the default is 10s"
	wait := 10 * time.Second
	if text, given := flags["audit-webhook-initial-backoff"]; given {
		var err error
		if wait, err = time.ParseDuration(text); err != nil {
			f.bad("patience", next, "--audit-webhook-initial-backoff=%s is no duration, so kube-apiserver does not start", text)
			return
		}
	}
	away := time.Duration(float64(wait) * (1 + 1.5 + 1.5*1.5 + 1.5*1.5*1.5))
	if wait <= 0 {
		f.look("patience", next, "an event that cannot be delivered is sent again at once, four times, and then lost")
		return
	}
	if wait < 10*time.Second {
		f.look("patience", next, "Saker may be away for %s only, then events are lost", age(away))
		return
	}
	f.ok("patience", "Saker may be away for %s without a loss", age(away))
}

// lostAlone is what happens with an event that cannot be sent: bytes that are no JSON, such as those of a patch in true
// YAML, are recorded as if they were JSON, and then the event cannot be written.
const lostAlone = "a patch in YAML whose body is recorded, or an event of hundreds of megabytes, cannot be sent and is lost"

// truncation judges whether events come whole, and what is lost with one that cannot be sent. With truncation the API
// server tries each event before it joins a batch.
func (f *findings) truncation(flags map[string]string, n map[string]float64) {
	const watch = "watch apiserver_audit_error_total of the API server"
	if !on(flags, webhookFlag+"truncate-enabled", false) {
		mode, most := flags[webhookFlag+"mode"], n[batchSize]
		if (mode == "" || mode == "batch") && most > 1 {
			f.bad("truncation", "set --audit-webhook-truncate-enabled=true and --audit-webhook-truncate-max-event-size=4194304; where that cannot be set, set --audit-webhook-batch-max-size=1, --audit-webhook-batch-throttle-qps=1000 and --audit-webhook-batch-throttle-burst=50",
				"off: %s together with up to %.0f others of its batch, so that whoever sends one hides what was done at the same time", lostAlone, most-1)
			return
		}
		f.look("truncation", "set --audit-webhook-truncate-enabled=true and --audit-webhook-truncate-max-event-size=4194304, or, where that cannot be set, "+watch,
			"off: events come whole, whatever their length; %s", lostAlone)
		return
	}
	switch most := n[longestEvent]; {
	case most < 1<<20:
		f.look("truncation", "set --audit-webhook-truncate-max-event-size=4194304",
			"events longer than %s lose their request and response object: whoever pads an object hides it from the rules", size(int64(most)))
	default:
		f.ok("truncation", "events longer than %s lose their request and response object; one that cannot be sent is lost alone", size(int64(most)))
	}
}

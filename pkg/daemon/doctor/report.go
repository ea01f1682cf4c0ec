package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/saker-security/saker/pkg/daemon"
)

// What is judged against these:
const (
	// silence is after what time without an event something may be wrong: components of a cluster never rest that long.
	silence = 10 * time.Minute
	// slow is a mean lag that is more than the way and a wait of up to 5 s for a batch should take: events that wait up to
	// some time for their batch lag by half of it in the mean.
	slow = 4 * time.Second
	// stale is a lag that waits for a batch cannot explain.
	stale = 45 * time.Second
	// ahead is how far the clock of a sender may be ahead.
	ahead = 2 * time.Second
	// expiring is how long before its end a certificate is told.
	expiring = 30 * 24 * time.Hour
	// slowCommit is how long storing alerts may take before requests pile up.
	slowCommit = time.Second
	// farBehind is how many bytes of a followed log may wait.
	farBehind = 64 << 20
	// waitingLong is how old an alert in a queue may be.
	waitingLong = 5 * time.Minute
)

// checkSender is what to do when nothing comes.
const checkSender = "on a machine of the control plane run: saker audit doctor --kubeconfig FILE --manifest FILE, with the file of --audit-webhook-config-file"

// NoAnswer judges a program that uses the data directory and does not answer.
func NoAnswer(err error) []Finding {
	var f findings
	f.bad("program", "see whether it is stopped (ps shows T: kill -CONT goes on) or has no CPU, or start it anew; until then nobody is answered, and an API server keeps events only for minutes", "%v", err)
	return f
}

// Report judges what the running program tells.
func Report(r *daemon.AuditReport) []Finding {
	var f findings
	f.program(r)
	if !r.Enabled {
		return f
	}
	f.receiver(r)
	f.arrival(r)
	f.senders(r)
	f.repeated(r)
	f.lost(r)
	f.refused(r)
	f.certificates(r)
	f.accessFiles(r)
	f.files(r)
	f.storage(r)
	return f
}

func (f *findings) program(r *daemon.AuditReport) {
	text := fmt.Sprintf("version %s runs for %s", r.Version, age(seconds(r.Uptime)))
	switch {
	case !r.Enabled:
		f.bad("program", "name k8s_audit in the key sources, and set audit.listen or audit.files", "%s and takes no audit events in", text)
		return
	case !r.Ready:
		f.bad("program", "mend this first; until then /readyz answers 503, so that a Service of Kubernetes sends nothing here, and an API server keeps events only for minutes", "%s and is not ready: %s", text,
			strings.Join(r.Reasons, "; "))
	default:
		f.ok("program", "%s and is ready", text)
	}
	if r.Rules == 0 {
		f.bad("rules", "load rules of source k8s_audit; saker rules lists what is loaded", "no rule looks at audit events")
	} else {
		f.ok("rules", "%s for audit events", plural(uint64(r.Rules), "rule"))
	}
}

func (f *findings) receiver(r *daemon.AuditReport) {
	s := r.Receiver
	if s == nil {
		return
	}
	var kept []string
	if s.ClientCA {
		kept = append(kept, "client certificates")
	}
	if s.Tokens > 0 {
		kept = append(kept, plural(uint64(s.Tokens), "token"))
	}
	if len(s.Networks) > 0 {
		kept = append(kept, "networks "+strings.Join(s.Networks, ", "))
	}
	scheme := "http"
	if s.TLS {
		scheme = "https"
	}
	text := fmt.Sprintf("takes events at %s://%s%s", scheme, s.Address, s.Path)
	if len(kept) > 0 {
		text += ", with " + strings.Join(kept, " and ")
	}
	switch {
	case !s.Up:
		f.bad("receiver", "free the address or change audit.listen", "does not listen on %s: %s", s.Address, s.Failure)
	case !s.Loopback && len(kept) == 0:
		f.look("receiver", "set audit.tls_client_ca; saker audit init makes the certificates", "%s, from everybody: whoever reaches the port can make alerts up", text)
	case !s.Loopback && !s.TLS:
		f.look("receiver", "set audit.tls_certificate and audit.tls_key; saker audit init makes them", "%s, so everybody on the way can read the events", text)
	case s.Loopback:
		f.ok("receiver", "%s, from programs of this machine alone", text)
	default:
		f.ok("receiver", "%s", text)
	}
}

// arrival tells whether events come at all.
func (f *findings) arrival(r *daemon.AuditReport) {
	if r.Events.Received == 0 {
		next := checkSender
		if r.Receiver == nil {
			next = "see the lines about the followed files"
		}
		f.bad("events", next, "none has arrived in the %s since the start", age(seconds(r.Uptime)))
		return
	}
	text := fmt.Sprintf("%d arrived, %d evaluated", r.Events.Received, r.Events.Evaluated)
	newest := newestArrival(r)
	if newest.IsZero() {
		f.ok("events", "%s", text)
		return
	}
	since := r.Now.Sub(newest)
	if since > silence {
		f.look("events", "a cluster that is used is never silent that long: "+checkSender, "%s, but the last one %s ago", text, age(since))
		return
	}
	f.ok("events", "%s, the last one %s ago", text, age(since))
}

func newestArrival(r *daemon.AuditReport) (newest time.Time) {
	if r.Receiver == nil {
		return newest
	}
	for _, s := range r.Receiver.Senders {
		if s.Arrival.After(newest) {
			newest = s.Arrival
		}
	}
	return newest
}

func (f *findings) senders(r *daemon.AuditReport) {
	if r.Receiver == nil {
		return
	}
	for i := range r.Receiver.Senders {
		f.sender(r, &r.Receiver.Senders[i])
	}
}

// sender judges one API server, above all how late its events are.
func (f *findings) sender(r *daemon.AuditReport, s *daemon.SenderReport) {
	who := s.Address
	if s.Cluster != "" {
		who = "cluster " + s.Cluster + " at " + who
	}
	if s.Name != "" {
		who += ", certificate " + s.Name
	}
	if s.UserAgent != "" {
		who += ", " + s.UserAgent
	}
	text := fmt.Sprintf("%s: %s, the last one %s ago, late by %s", who, plural(s.Events, "event"), age(r.Now.Sub(s.Arrival)), age(seconds(s.Lag)))
	if s.MaxLag != 0 || s.MeanLag != 0 {
		text += fmt.Sprintf("; in the last two minutes by %s in the mean and %s at most", age(seconds(s.MeanLag)), age(seconds(s.MaxLag)))
	}
	lag, worst := seconds(s.MeanLag), seconds(s.MaxLag)
	switch {
	case s.Events == 0 && s.Rejected == 0:
		f.ok("sender", "%s: it has sent no event, as saker audit doctor --kubeconfig does", who)
	case s.Events == 0:
		f.look("sender", "it sends what is no audit event; see the lines about rejected items", "%s: no event, %s", who, plural(s.Rejected, "rejected item"))
	case s.Stage.Sub(s.Arrival) > ahead: // the lag is never less than nothing
		f.look("sender", "set the clocks of both machines by NTP; the times of alerts are wrong as long as they differ", "%s; its clock is ahead by %s", text, age(s.Stage.Sub(s.Arrival)))
	case lag > stale:
		f.look("sender", "either its clock is behind, or it sends again what it could not deliver: compare with the answers 503 and 500, and with apiserver_audit_error_total",
			"%s, which no wait for a batch explains", text)
	case lag > slow && worst >= 20*time.Second && worst <= 35*time.Second:
		f.look("sender", "set --audit-webhook-batch-max-wait=1s on the API server; the default is 30s", "%s: that is the wait for a batch of 30 s, the default", text)
	case lag > slow:
		f.look("sender", "set --audit-webhook-batch-max-wait=1s on the API server, the default is 30s; if it is, compare the clocks, and see the answers 503",
			"%s: that is a long wait for a batch, or a clock that is behind", text)
	default:
		f.ok("sender", "%s", text)
	}
}

// repeated judges duplicates and what was shortened.
func (f *findings) repeated(r *daemon.AuditReport) {
	if e := r.Events; e.Duplicates > 0 {
		share := 100 * float64(e.Duplicates) / float64(max(e.Received, 1))
		text := fmt.Sprintf("%d (%.1f%%) came again and gave no second alert", e.Duplicates, share)
		switch {
		case share < 1:
			f.ok("duplicates", "%s", text)
		case r.Receiver != nil && len(r.Files) > 0:
			f.look("duplicates", "take the log out of audit.files if the same API server also sends by its webhook", "%s; events come by the webhook and from files", text)
		case r.Receiver != nil && r.Receiver.Requests["503"]+r.Receiver.Requests["500"] > 0:
			f.look("duplicates", "see the lines about answers 503 and 500: the API server sends again whatever was not answered with 200", "%s", text)
		default:
			f.look("duplicates", "either answers are late (see storage), or the same API server is given two webhooks or stands behind a proxy that repeats", "%s", text)
		}
	}
	if e := r.Events; e.Trimmed > 0 {
		limit := int64(0)
		if r.Receiver != nil {
			limit = r.Receiver.MaxEvent
		}
		f.look("truncation", "raise audit.max_event_bytes, and --audit-webhook-truncate-max-event-size of the API server with it",
			"%s longer than %s lost request and response object before evaluation", plural(e.Trimmed, "event"), size(limit))
	}
	if w := r.Window; w.Evicted > 0 {
		f.look("window", "raise audit.duplicate_events", "%s forgotten before the time of %s was over; when they come again, they give a second alert", plural(w.Evicted, "event"), age(seconds(w.Seconds)))
	}
}

// rejectedNext says what to do about items that are no events.
var rejectedNext = map[string]string{
	"not_an_object": "something other than an API server sends, or rewrites what it sends",
	"not_an_event":  "something other than an API server sends; send nothing but audit.k8s.io events",
	"no_time":       "something rewrites the events: a stageTimestamp must be in each of them",
	"bad_time":      "something rewrites the events: a stageTimestamp is an RFC 3339 time",
	"cut_off":       "the log service cuts long events off; record less of the objects by the audit policy, or use the webhook",
	"too_large":     "raise audit.max_event_bytes, or record less by the audit policy",
}

// lost judges what was not evaluated.
func (f *findings) lost(r *daemon.AuditReport) {
	for _, reason := range slices.Sorted(maps.Keys(r.Events.Rejected)) {
		if n := r.Events.Rejected[reason]; n > 0 {
			next := rejectedNext[reason]
			if next == "" {
				next = "see the log of Saker"
			}
			verdict := Look
			if reason == "cut_off" || reason == "too_large" {
				verdict = Bad // these are events of an API server
			}
			*f = append(*f, Finding{verdict, "rejected", plural(n, "item") + " could not be evaluated: " + strings.ReplaceAll(reason, "_", " "), next})
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Events.NotEvaluated)) {
		if n := r.Events.NotEvaluated[reason]; n > 0 {
			f.bad("not evaluated", "see the log of Saker, and saker_events_not_evaluated_total of the metrics", "%s: %s", plural(n, "event"), strings.ReplaceAll(reason, "_", " "))
		}
	}
}

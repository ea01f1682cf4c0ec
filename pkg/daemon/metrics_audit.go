package daemon

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/saker-security/saker/pkg/audit"
	logs "github.com/saker-security/saker/pkg/audit/follow" // follow is a function here
	"github.com/saker-security/saker/pkg/event"
)

// AuditAccounting says how the metrics of audit events belong together, for the documentation: it holds whenever no
// request is being worked on. An event that is sent again is received again.
const AuditAccounting = `saker_audit_received_events_total
  = saker_events_evaluated_total{source="k8s_audit"} + saker_audit_duplicate_events_total
  + sum by reason(saker_events_not_evaluated_total{source="k8s_audit"})`

// Metrics of the intake of audit events. What has reason rejected_... was no event, busy and unfinished are events of
// batches that the sender was told to send again.
var (
	metricReceived   = metric{"saker_audit_received_events_total", "Audit events, and what stood in the place of one, that came in by the webhook or from a log; those that come again count again.", counter, nil}
	metricDuplicates = metric{"saker_audit_duplicate_events_total", "Audit events that came again and were not evaluated again.", counter, nil}
	metricTrimmed    = metric{"saker_audit_trimmed_events_total", "Audit events without their request and response object, because they are longer than audit.max_event_bytes.", counter, nil}
	metricWindow     = metric{"saker_audit_window_events", "Evaluated audit events that are remembered, so that one that comes again is known.", gauge, nil}
	metricForgotten  = metric{"saker_audit_window_evicted_total", "Audit events that were forgotten before audit.duplicate_time was over, because there were more than audit.duplicate_events.", counter, nil}

	metricRequests   = metric{"saker_audit_requests_total", "Requests to the audit receiver by HTTP status.", counter, []string{"code"}}
	metricBroken     = metric{"saker_audit_broken_requests_total", "What came to the audit receiver in the place of an HTTP request, by reason: malformed is a request line or headers that are answered 400, 417, 431, 501 or 505, slow and cut_off are those that did not come to their end, http2 is what HTTP/2 forbids, too_many are connections beyond 2,048, or 1,024 of one address.", counter, []string{"reason"}}
	metricHandshakes = metric{"saker_audit_failed_handshakes_total", "TLS connections to the audit receiver that did not come about, by reason.", counter, []string{"reason"}}
	metricBytes      = metric{"saker_audit_received_bytes_total", "Bytes of request bodies read by the audit receiver, unpacked.", counter, nil}
	metricWorking    = metric{"saker_audit_requests_in_flight", "Requests to the audit receiver by state: reading, or working when their events are being evaluated.", gauge, []string{"state"}}
	metricMemory     = metric{"saker_audit_requests_memory_bytes", "Memory that the bodies of these requests take.", gauge, nil}
	metricLag        = metric{"saker_audit_lag_seconds", "Time from the stage of an audit event to its arrival at the receiver.", histogram, nil}
	metricExpiry     = metric{"saker_audit_certificate_expiry_timestamp_seconds", "When a certificate of the audit receiver's files expires, since the Unix epoch; the first to expire of each file.", gauge, []string{"key"}}

	metricAccessFile = metric{"saker_audit_access_file_usable", "1 when the file can be used as it is now, 0 when it changed and cannot be, so that what was in it before stays in use; audit.tls_certificate stands for all files of TLS.", gauge, []string{"key"}}

	metricSenderEvents     = metric{"saker_audit_sender_events_total", "Audit events by sender, duplicates included; the sender other is the sum of those that are not told apart.", counter, []string{"address", "cluster"}}
	metricSenderDuplicates = metric{"saker_audit_sender_duplicate_events_total", "Duplicates among them.", counter, []string{"address", "cluster"}}
	metricSenderArrival    = metric{"saker_audit_sender_last_arrival_timestamp_seconds", "When the last request of the sender came, since the Unix epoch.", gauge, []string{"address", "cluster"}}
	metricSenderLag        = metric{"saker_audit_sender_lag_seconds", "Time from the stage of the sender's last event to its arrival.", gauge, []string{"address", "cluster"}}

	metricFileUp          = metric{"saker_audit_file_up", "1 when the log can be read and its position kept, 0 when not.", gauge, []string{"path"}}
	metricFileEvents      = metric{"saker_audit_file_events_total", "Audit events read from the log, duplicates included.", counter, []string{"path"}}
	metricFileCount       = metric{"saker_audit_file_files", "How many files the log has: the one that is written to, and rotated ones.", gauge, []string{"path"}}
	metricFilePosition    = metric{"saker_audit_file_position_bytes", "How far the log is read, all its files together.", gauge, []string{"path"}}
	metricFileBehind      = metric{"saker_audit_file_behind_bytes", "How much of the log is not read yet.", gauge, []string{"path"}}
	metricFileLag         = metric{"saker_audit_file_lag_seconds", "Time from the stage of the last event of the log to its reading.", gauge, []string{"path"}}
	metricFileRotations   = metric{"saker_audit_file_rotations_total", "Files of the log that another one took the place of.", counter, []string{"path"}}
	metricFileTruncations = metric{"saker_audit_file_truncations_total", "Files of the log that were emptied in their place.", counter, []string{"path"}}
	metricFileMalformed   = metric{"saker_audit_file_malformed_total", "Places of the log that are no JSON; they are among the events not evaluated, too.", counter, []string{"path"}}
	metricFileForeign     = metric{"saker_audit_file_foreign_entries_total", "Entries of a cloud's log that are about something else than audit events.", counter, []string{"path"}}
	metricFileLost        = metric{"saker_audit_file_lost_bytes_total", "Bytes of the log that were gone before they were read.", counter, []string{"path"}}
	metricFileGaps        = metric{"saker_audit_file_gaps_total", "How often something of the log was gone before it was read, and nobody can tell how much.", counter, []string{"path"}}
)

// auditMetrics lists the table in the order of the documentation.
var auditMetrics = []*metric{
	&metricReceived, &metricDuplicates, &metricTrimmed, &metricWindow, &metricForgotten,
	&metricRequests, &metricBroken, &metricHandshakes, &metricBytes, &metricWorking, &metricMemory, &metricLag, &metricExpiry, &metricAccessFile,
	&metricSenderEvents, &metricSenderDuplicates, &metricSenderArrival, &metricSenderLag,
	&metricFileUp, &metricFileCount, &metricFileEvents, &metricFilePosition, &metricFileBehind, &metricFileLag, &metricFileRotations,
	&metricFileTruncations, &metricFileMalformed, &metricFileForeign, &metricFileLost, &metricFileGaps,
}

// auditCounts say what became of the audit events of all inputs.
type auditCounts struct {
	// received is the sum of what the engine counts, of the duplicates and of missed.
	received, duplicates, trimmed uint64
	// missed are those that the engine never saw, by reason; every reason is there.
	missed map[string]uint64
	// receiver is nil when there is none.
	receiver *audit.Stats
	files    []logs.Stats
}

// counts reads the counters of the intake.
func (in *intake) counts() auditCounts {
	c := auditCounts{missed: map[string]uint64{"busy": in.busy.Load(), "unfinished": in.unfinished.Load()}, duplicates: in.duplicates.Load()}
	reject := func(reasons map[string]uint64) {
		for reason, n := range reasons {
			c.missed["rejected_"+reason] += n
			c.received += n
		}
	}
	if in.receiver != nil {
		s := in.receiver.Stats()
		c.receiver, c.trimmed = &s, s.Trimmed
		reject(s.Rejected)
	}
	for _, f := range in.files {
		s := f.stats()
		c.files, c.trimmed = append(c.files, s), c.trimmed+s.Trimmed
		reject(s.Rejected)
		reject(map[string]uint64{"malformed": s.Malformed})
	}
	c.received += in.handed.Load()
	return c
}

func (s samples) intake(in *intake) {
	c := in.counts()
	s.send(metricReceived, float64(c.received))
	s.send(metricDuplicates, float64(c.duplicates))
	s.send(metricTrimmed, float64(c.trimmed))
	for reason, n := range c.missed {
		s.send(metricNotEvaluated, float64(n), event.SourceK8sAudit, reason)
	}
	s.send(metricWindow, float64(in.window.Len()))
	s.send(metricForgotten, float64(in.window.Evicted()))
	if c.receiver != nil {
		s.receiver(c.receiver)
		for key, at := range in.access.now().expiries() {
			s.send(metricExpiry, float64(at.Unix()), key)
		}
		for _, f := range in.accessFiles() {
			s.send(metricAccessFile, truth(f.Error == ""), f.Key)
		}
	}
	if len(c.files) > 0 {
		s.send(metricEngine, 1, "file", event.SourceK8sAudit)
	}
	for _, f := range c.files {
		s.file(&f)
	}
}

func (s samples) receiver(stats *audit.Stats) {
	s.send(metricEngine, 1, "webhook", event.SourceK8sAudit)
	for code, n := range stats.Requests {
		s.send(metricRequests, float64(n), strconv.Itoa(code))
	}
	for reason, n := range stats.Broken {
		s.send(metricBroken, float64(n), reason)
	}
	for reason, n := range stats.Handshakes {
		s.send(metricHandshakes, float64(n), reason)
	}
	s.send(metricBytes, float64(stats.Bytes))
	s.send(metricWorking, float64(stats.Reading), "reading")
	s.send(metricWorking, float64(stats.InFlight), "working")
	s.send(metricMemory, float64(stats.InFlightBytes))
	s.lag(stats.Lag)
	s.senders(stats.Senders)
}

func (s samples) lag(l audit.Lag) {
	buckets, sum := map[float64]uint64{}, uint64(0)
	for i, n := range l.Counts {
		if sum += n; i < len(l.Bounds) {
			buckets[l.Bounds[i]] = sum
		}
	}
	s.out <- prometheus.MustNewConstHistogram(prometheus.NewDesc(metricLag.name, metricLag.help, nil, nil), sum, l.Sum, buckets)
}

// senders takes the counts of the senders. Those that differ in their names only are one sample.
func (s samples) senders(list []audit.Sender) {
	type key struct{ address, cluster string }
	sums := map[key]audit.Sender{}
	for _, n := range list {
		k := key{labelValue(n.Address), labelValue(n.Cluster)}
		sum := sums[k]
		sum.Events += n.Events + n.Duplicates
		sum.Duplicates += n.Duplicates
		if n.Arrival.After(sum.Arrival) {
			sum.Arrival, sum.Lag = n.Arrival, n.Lag
		}
		sums[k] = sum
	}
	for k, n := range sums {
		s.send(metricSenderEvents, float64(n.Events), k.address, k.cluster)
		s.send(metricSenderDuplicates, float64(n.Duplicates), k.address, k.cluster)
		s.send(metricSenderArrival, seconds(n.Arrival), k.address, k.cluster)
		s.send(metricSenderLag, n.Lag.Seconds(), k.address, k.cluster)
	}
}

// seconds is a time in seconds since the Unix epoch.
func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

func (s samples) file(f *logs.Stats) {
	lag := 0.0
	if !f.LastEvent.IsZero() {
		lag = max(0, f.LastRead.Sub(f.LastEvent).Seconds())
	}
	for _, n := range []struct {
		m     metric
		value float64
	}{
		{metricFileUp, truth(fileFailure(f) == "")}, {metricFileEvents, float64(f.Events)}, {metricFileCount, float64(f.Files)},
		{metricFilePosition, float64(f.Position)}, {metricFileBehind, float64(f.Behind)}, {metricFileLag, lag},
		{metricFileRotations, float64(f.Rotations)}, {metricFileTruncations, float64(f.Truncations)},
		{metricFileMalformed, float64(f.Malformed)}, {metricFileForeign, float64(f.Foreign)},
		{metricFileLost, float64(f.Lost)}, {metricFileGaps, float64(f.Unknown)},
	} {
		s.send(n.m, n.value, f.Path)
	}
}

// fileFailure says why a log cannot be read, or its position not be kept; empty when both can.
func fileFailure(f *logs.Stats) string {
	switch {
	case f.Failure != "":
		return f.Failure
	case f.SaveFailure != "":
		return "its position cannot be kept: " + f.SaveFailure
	case f.Files == 0 && f.LastRead.IsZero() && f.State == "waiting":
		return "there is nothing to read: it is not there, or may not be read"
	}
	return ""
}

// cutRejected gives the reason of items that are no events, and false for other reasons.
func cutRejected(reason string) (string, bool) { return strings.CutPrefix(reason, "rejected_") }

// reasons lists those of missed with a count, in their order.
func (c *auditCounts) reasons() (reasons []string) {
	for _, reason := range slices.Sorted(maps.Keys(c.missed)) {
		if c.missed[reason] > 0 {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

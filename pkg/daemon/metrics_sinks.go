package daemon

import (
	"time"

	"github.com/saker-security/saker/pkg/deliver"
)

// Accounting says how the metrics of alerts belong together, for the documentation: it holds for each sink and at
// every moment.
const Accounting = `saker_alerts_matched_total + saker_alerts_recovered_total + saker_alerts_replayed_total
  = sum by reason(saker_alerts_suppressed_total) + saker_alerts_delivered_total + saker_alerts_queued
  + saker_alerts_dead_total + sum by reason(saker_alerts_dropped_total)`

// Metrics of the sinks. Those named saker_alerts_ are the terms of Accounting.
var (
	metricMatched    = metric{"saker_alerts_matched_total", "Alerts offered to the sink since the start.", counter, []string{"sink"}}
	metricRecovered  = metric{"saker_alerts_recovered_total", "Alerts found in the queue of the sink at the start.", counter, []string{"sink"}}
	metricReplayed   = metric{"saker_alerts_replayed_total", "Alerts put from the dead letters back into the queue.", counter, []string{"sink"}}
	metricSuppressed = metric{"saker_alerts_suppressed_total", "Alerts not meant for the sink, by reason.", counter, []string{"sink", "reason"}}
	metricDelivered  = metric{"saker_alerts_delivered_total", "Alerts that the sink has.", counter, []string{"sink"}}
	metricQueued     = metric{"saker_alerts_queued", "Alerts that wait for the sink or are on their way.", gauge, []string{"sink"}}
	metricDead       = metric{"saker_alerts_dead_total", "Alerts moved to the dead letters.", counter, []string{"sink"}}
	metricDropped    = metric{"saker_alerts_dropped_total", "Alerts lost, by reason.", counter, []string{"sink", "reason"}}

	metricSinkUp        = metric{"saker_sink_up", "1 when the sink took the last alert that was sent to it or none was sent, 0 when it failed.", gauge, []string{"sink"}}
	metricSinkBreaker   = metric{"saker_sink_breaker_open", "1 while the sink is left alone after failures in a row.", gauge, []string{"sink"}}
	metricSinkDurable   = metric{"saker_sink_durable", "1 when what is queued outlives the process and a loss of power.", gauge, []string{"sink"}}
	metricSinkBytes     = metric{"saker_sink_queue_bytes", "Size of the queue on disk and in memory.", gauge, []string{"sink"}}
	metricSinkMemory    = metric{"saker_sink_queue_memory_bytes", "Size of what is queued in memory only.", gauge, []string{"sink"}}
	metricSinkDamaged   = metric{"saker_sink_queue_damaged_bytes_total", "Bytes of the queue that could not be read.", counter, []string{"sink"}}
	metricSinkAge       = metric{"saker_sink_queue_oldest_seconds", "Age of the oldest queued alert, 0 when there is none.", gauge, []string{"sink"}}
	metricSinkLetters   = metric{"saker_sink_dead_letters", "Dead letters that are stored.", gauge, []string{"sink"}}
	metricSinkDeadBytes = metric{"saker_sink_dead_letter_bytes", "Size of the dead letters.", gauge, []string{"sink"}}
	metricSinkDeadLost  = metric{"saker_sink_dead_letters_dropped_total", "Dead letters that made room for others.", counter, []string{"sink"}}
	metricSinkDiscarded = metric{"saker_sink_dead_letters_discarded_total", "Dead letters dropped by an operator.", counter, []string{"sink"}}
	metricSinkDeadBad   = metric{"saker_sink_dead_letters_damaged_total", "Places of the dead letters that could not be read, each of one letter or more.", counter, []string{"sink"}}
	metricSinkDeadCut   = metric{"saker_sink_dead_letter_cut_bytes_total", "Bytes at the end of the dead letters that a write which did not finish left.", counter, []string{"sink"}}
	metricSinkFailures  = metric{"saker_sink_failures_total", "Batches that the sink failed to take.", counter, []string{"sink"}}
	metricSinkRetries   = metric{"saker_sink_retries_total", "Alerts sent again after a failure.", counter, []string{"sink"}}
	metricSinkTwice     = metric{"saker_sink_duplicates_total", "Alerts sent again although the sink had them.", counter, []string{"sink"}}
	metricSinkPanics    = metric{"saker_sink_panics_total", "Panics caught while alerts were sent.", counter, []string{"sink"}}
	metricSinkAbandoned = metric{"saker_sink_abandoned_total", "Batches given up because sending them did not return.", counter, []string{"sink"}}
	metricSinkFallbacks = metric{"saker_sink_fallbacks_total", "Alerts sent in their plain form because their template failed.", counter, []string{"sink"}}

	metricDrops = metric{"falcosecurity_falco_outputs_queue_num_drops_total", "Alerts lost, of all sinks and reasons; see saker_alerts_dropped_total.", counter, nil}
)

func (s samples) sinks(counts []deliver.Count, now time.Time) {
	for _, n := range counts {
		s.sink(&n, now)
	}
	s.send(metricDrops, float64(dropped(counts)))
}

func (s samples) sink(n *deliver.Count, now time.Time) {
	for reason, count := range n.Suppressed {
		s.send(metricSuppressed, float64(count), n.Sink, reason)
	}
	for reason, count := range n.Dropped {
		s.send(metricDropped, float64(count), n.Sink, reason)
	}
	age := 0.0
	if n.Oldest > 0 {
		age = max(0, now.Sub(time.Unix(0, n.Oldest)).Seconds())
	}
	for _, f := range []struct {
		m     metric
		value float64
	}{
		{metricMatched, float64(n.Matched)}, {metricRecovered, float64(n.Recovered)}, {metricReplayed, float64(n.Replayed)},
		{metricDelivered, float64(n.Delivered)}, {metricQueued, float64(n.Queued)}, {metricDead, float64(n.Dead)},
		{metricSinkUp, truth(n.Failing == "")}, {metricSinkBreaker, truth(n.Open)}, {metricSinkDurable, truth(n.Durable)},
		{metricSinkBytes, float64(n.QueueBytes)}, {metricSinkMemory, float64(n.MemoryBytes)},
		{metricSinkDamaged, float64(n.DamagedBytes)}, {metricSinkAge, age},
		{metricSinkLetters, float64(n.DeadStored)}, {metricSinkDeadBytes, float64(n.DeadBytes)}, {metricSinkDeadLost, float64(n.DeadDropped)},
		{metricSinkDiscarded, float64(n.DeadDiscarded)}, {metricSinkDeadBad, float64(n.DeadDamaged)}, {metricSinkDeadCut, float64(n.DeadCutBytes)},
		{metricSinkFailures, float64(n.Failures)}, {metricSinkRetries, float64(n.Retries)}, {metricSinkTwice, float64(n.Duplicates)},
		{metricSinkPanics, float64(n.Panics)}, {metricSinkAbandoned, float64(n.Abandoned)}, {metricSinkFallbacks, float64(n.Fallbacks)},
	} {
		s.send(f.m, f.value, n.Sink)
	}
}

// dropped is how many alerts were lost, of all sinks.
func dropped(counts []deliver.Count) (sum uint64) {
	for _, n := range counts {
		for _, count := range n.Dropped {
			sum += count
		}
	}
	return sum
}

package daemon

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/saker-security/saker/pkg/deliver"
)

// accounted tells for each sink whether the formula holds for what a scrape says and nothing else, and how many alerts
// went in.
func accounted(t *testing.T, families map[string]*dto.MetricFamily) map[string]float64 {
	t.Helper()
	in, out := map[string]float64{}, map[string]float64{}
	add := func(to map[string]float64, names ...string) {
		for _, name := range names {
			for _, m := range families[name].GetMetric() {
				for _, l := range m.GetLabel() {
					if l.GetName() == "sink" {
						to[l.GetValue()] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
					}
				}
			}
		}
	}
	add(in, "saker_alerts_matched_total", "saker_alerts_recovered_total", "saker_alerts_replayed_total")
	add(out, "saker_alerts_suppressed_total", "saker_alerts_delivered_total", "saker_alerts_queued",
		"saker_alerts_dead_total", "saker_alerts_dropped_total")
	for sink, n := range in {
		if out[sink] != n {
			t.Errorf("sink %s: %v alerts went in, %v are accounted for", sink, n, out[sink])
		}
	}
	if len(in) == 0 {
		t.Error("no sink is counted")
	}
	return in
}

// sinkCounts serves counts of sinks to a registry.
type sinkCounts []deliver.Count

func (sinkCounts) Describe(chan<- *prometheus.Desc)       {}
func (m sinkCounts) Collect(out chan<- prometheus.Metric) { samples{out}.sinks(m, time.Unix(100, 0)) }

// Every count of a sink becomes a metric, and the terms of the formula are complete.
func TestSinkMetrics(t *testing.T) {
	counts := sinkCounts{
		{
			Sink: "http", Matched: 20, Recovered: 3, Replayed: 1, Suppressed: map[string]uint64{"below_priority": 2},
			Delivered: 10, Queued: 5, Dead: 4, Dropped: map[string]uint64{"queue_full": 1, "expired": 2},
			Failures: 6, Retries: 7, Duplicates: 8, Panics: 9, Abandoned: 11, Fallbacks: 12, QueueBytes: 13,
			Oldest: time.Unix(90, 0).UnixNano(), DeadStored: 14, DeadBytes: 15, DeadDropped: 16, Open: true, Failing: "x",
		},
		{Sink: "stdout", Matched: 20, Delivered: 20, Durable: true, Oldest: time.Unix(200, 0).UnixNano()},
	}
	for _, n := range counts {
		if n.Unaccounted() != 0 {
			t.Fatalf("the example of %s does not fit the formula", n.Sink)
		}
	}
	families := parse(t, scrape(t, counts))
	if in := accounted(t, families); in["http"] != 24 || in["stdout"] != 20 {
		t.Errorf("alerts: %v", in)
	}
	for name, want := range map[string][2]float64{
		"saker_sink_up": {0, 1}, "saker_sink_breaker_open": {1, 0}, "saker_sink_durable": {0, 1}, "saker_sink_queue_bytes": {13, 0},
		"saker_sink_queue_oldest_seconds": {10, 0}, "saker_sink_dead_letters": {14, 0}, "saker_sink_dead_letter_bytes": {15, 0},
		"saker_sink_dead_letters_dropped_total": {16, 0}, "saker_sink_failures_total": {6, 0}, "saker_sink_retries_total": {7, 0},
		"saker_sink_duplicates_total": {8, 0}, "saker_sink_panics_total": {9, 0}, "saker_sink_abandoned_total": {11, 0},
		"saker_sink_fallbacks_total": {12, 0}, "saker_alerts_queued": {5, 0},
	} {
		got := [2]float64{value(t, families, name, "sink=http"), value(t, families, name, "sink=stdout")}
		if got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if got := value(t, families, metricDrops.name); got != 3 {
		t.Errorf("%s: %v, want 3", metricDrops.name, got)
	}
	for _, m := range allMetrics {
		ofSinks := strings.HasPrefix(m.name, "saker_alerts_") || strings.HasPrefix(m.name, "saker_sink_")
		if ofSinks && families[m.name] == nil {
			t.Errorf("%s is in the table and not served", m.name)
		}
		if term := strings.Contains(Accounting, m.name); term != strings.HasPrefix(m.name, "saker_alerts_") {
			t.Errorf("%s is in the formula: %v", m.name, term)
		}
	}
}

package daemon

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/secret"
	"github.com/saker-security/saker/pkg/rule"
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
			Failures: 6, Retries: 7, Duplicates: 8, Panics: 9, Abandoned: 11, Fallbacks: 12, QueueBytes: 13, MemoryBytes: 17, DamagedBytes: 18,
			Oldest: time.Unix(90, 0).UnixNano(), DeadStored: 14, DeadBytes: 15, DeadDropped: 16,
			DeadDiscarded: 19, DeadDamaged: 20, DeadCutBytes: 21, Open: true, Failing: "x",
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
		"saker_sink_dead_letters_discarded_total": {19, 0}, "saker_sink_dead_letters_damaged_total": {20, 0}, "saker_sink_dead_letter_cut_bytes_total": {21, 0},
		"saker_sink_queue_memory_bytes": {17, 0}, "saker_sink_queue_damaged_bytes_total": {18, 0},
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

// A running daemon with a sink that refuses, one that fails at first, one that gets only what is severe and one that
// takes everything accounts for every alert in what it serves for Prometheus.
func TestAccounting(t *testing.T) {
	var failing atomic.Bool
	failing.Store(true)
	place := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failing.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer place.Close()
	cfg := testConfig()
	cfg.DataDir = t.TempDir()
	file := filepath.Join(t.TempDir(), "alerts")
	cfg.Outputs.File.Enabled, cfg.Outputs.File.Settings.Path = true, file
	cfg.Outputs.File.Delivery.MinPriority = rule.PriorityEmergency
	cfg.Outputs.HTTP.Enabled, cfg.Outputs.HTTP.Settings.URL = true, secret.New(place.URL)
	cfg.Outputs.HTTP.Delivery.RetryMin, cfg.Outputs.HTTP.Delivery.RetryMax = time.Millisecond, time.Millisecond
	cfg.Outputs.HTTP.Delivery.BreakerFailures = 0
	d, _, _, stop := start(t, cfg, "k8s_audit")
	const events = 20
	for i := range events {
		// Another event each time: the same one would be recognised.
		body := strings.Replace(example(t), `"auditID": "`, fmt.Sprintf(`"auditID": "%d`, i), 1)
		if code, text := post(t, d, body); code != http.StatusOK {
			t.Fatalf("%d %s", code, text)
		}
	}
	scrape := func() map[string]*dto.MetricFamily {
		_, text := get(t, "http://"+d.WebAddress()+"/metrics")
		return parse(t, text)
	}
	until := func(name string, want float64, labels ...string) (families map[string]*dto.MetricFamily) {
		t.Helper()
		waitUntil(t, func() bool {
			families = scrape()
			return value(t, families, name, labels...) >= want
		})
		return families
	}
	until("saker_alerts_delivered_total", events, "sink=stdout")
	families := until("saker_sink_retries_total", 1, "sink=http")
	for sink, n := range accounted(t, families) {
		if n != events {
			t.Errorf("sink %s: %v alerts, want %d", sink, n, events)
		}
	}
	if n := value(t, families, "saker_alerts_queued", "sink=http"); n != events {
		t.Errorf("queued for the sink that fails: %v, want %d", n, events)
	}
	for _, reason := range []string{"queue_full", "memory_full", "expired", "damaged", "too_large", "unwritten"} {
		// A counter that is not there before it counts has no rate.
		if n := value(t, families, "saker_alerts_dropped_total", "sink=http", "reason="+reason); n != 0 {
			t.Errorf("dropped, %s: %v", reason, n)
		}
	}
	if n := value(t, families, "saker_alerts_suppressed_total", "sink=file", "reason=below_priority"); n != events {
		t.Errorf("suppressed: %v, want %d", n, events)
	}
	if value(t, families, "saker_sink_up", "sink=http") != 0 || value(t, families, "saker_sink_durable", "sink=http") != 1 {
		t.Error("the sink that fails is up, or its queue is not durable")
	}
	failing.Store(false)
	families = until("saker_alerts_delivered_total", events, "sink=http")
	accounted(t, families)
	if value(t, families, "saker_alerts_queued", "sink=http") != 0 || value(t, families, "saker_sink_up", "sink=http") != 1 {
		t.Error("after the sink came back")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

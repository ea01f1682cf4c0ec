package daemon

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/event"
)

// metric is one row of the table of metrics. The names that Falco has keep Falco's names, so that its dashboards work.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
}

// sample is one value of a metric.
type sample struct {
	value  float64
	labels []string
}

var (
	metricVersion      = metric{"falcosecurity_falco_version_info", "Version of the program; always 1.", prometheus.GaugeValue, []string{"version"}}
	metricHostname     = metric{"falcosecurity_evt_hostname_info", "Name of this host; always 1.", prometheus.GaugeValue, []string{"hostname"}}
	metricRules        = metric{"falcosecurity_falco_rules_matches_total", "Alerts by rule; tags of the rule are labels tag_NAME.", prometheus.CounterValue, []string{"priority", "rule_name", "source"}}
	metricEngine       = metric{"falcosecurity_scap_engine_name_info", "Driver of an event source; always 1.", prometheus.GaugeValue, []string{"engine_name", "evt_source"}}
	metricSensorEvents = metric{"falcosecurity_scap_n_evts_total", "System call events that the driver made.", prometheus.CounterValue, nil}
	metricSensorDrops  = metric{"falcosecurity_scap_n_drops_total", "System call events that the driver lost.", prometheus.CounterValue, nil}
	metricLost         = metric{"saker_sensor_lost_events_total", "System call events that the driver lost, by reason.", prometheus.CounterValue, []string{"reason"}}
	metricTruncated    = metric{"saker_sensor_truncated_events_total", "System call events of which a value was cut because it is too long.", prometheus.CounterValue, nil}
	metricUnread       = metric{"saker_sensor_unread_events_total", "System call events of which a value could not be read from memory.", prometheus.CounterValue, nil}
	metricEvaluated    = metric{"saker_events_evaluated_total", "Events evaluated against the rules.", prometheus.CounterValue, []string{"source"}}
	metricNotEvaluated = metric{"saker_events_not_evaluated_total", "Events taken in but not evaluated, by reason.", prometheus.CounterValue, []string{"source", "reason"}}
	metricRequests     = metric{"saker_audit_requests_total", "Requests to the audit receiver by HTTP status.", prometheus.CounterValue, []string{"code"}}
	metricBytes        = metric{"saker_audit_received_bytes_total", "Bytes of request bodies read by the audit receiver.", prometheus.CounterValue, nil}
	metricTrimmed      = metric{"saker_audit_trimmed_events_total", "Audit events evaluated without their request and response object, because they are too long.", prometheus.CounterValue, nil}
	metricThreads      = metric{"saker_sensor_threads", "Threads in the process table.", prometheus.GaugeValue, nil}
	metricThreadless   = metric{"saker_sensor_unknown_thread_events_total", "System call events of threads that were not known; they were evaluated without process fields.", prometheus.CounterValue, nil}
	metricEvicted      = metric{"saker_sensor_evicted_threads_total", "Threads for which the process table had no room.", prometheus.CounterValue, nil}
	metricDelivered    = metric{"saker_alerts_delivered_total", "Alerts written, by sink.", prometheus.CounterValue, []string{"sink"}}
	metricFailed       = metric{"saker_alerts_failed_total", "Alerts that a sink could not write.", prometheus.CounterValue, []string{"sink"}}
)

// allMetrics lists the table in the order of the documentation.
var allMetrics = []*metric{
	&metricVersion, &metricHostname, &metricRules, &metricEngine, &metricSensorEvents, &metricSensorDrops, &metricLost,
	&metricTruncated, &metricUnread,
	&metricEvaluated, &metricNotEvaluated, &metricRequests, &metricBytes, &metricTrimmed,
	&metricThreads, &metricThreadless, &metricEvicted, &metricDelivered, &metricFailed,
}

// MetricInfo describes a metric for the documentation.
type MetricInfo struct {
	Name, Help string
	Labels     []string
}

// Metrics lists the metrics that the daemon serves, besides those of the Go runtime and the process.
func Metrics() []MetricInfo {
	list := make([]MetricInfo, 0, len(allMetrics))
	for _, m := range allMetrics {
		list = append(list, MetricInfo{m.name, m.help, m.labels})
	}
	return list
}

// collector reads the counters of the running daemon whenever it is scraped.
type collector struct{ d *Daemon }

// Describe sends nothing: labels for tags differ from rule to rule.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends all metrics.
func (c collector) Collect(out chan<- prometheus.Metric) {
	d := c.d
	send := func(m metric, s sample) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(m.name, m.help, m.labels, nil), m.kind, s.value, s.labels...)
	}
	send(metricVersion, sample{1, []string{Version}})
	send(metricHostname, sample{1, []string{d.cfg.Hostname}})
	c.rules(out)
	counts := d.pipeline.engine.Counts()
	for _, s := range counts.Sources {
		send(metricEvaluated, sample{float64(s.Evaluated), []string{s.Source}})
		for reason, n := range s.NotEvaluated {
			send(metricNotEvaluated, sample{float64(n), []string{s.Source, string(reason)}})
		}
	}
	if s, ok := d.sensorCounts(); ok {
		c.sensor(send, s)
	}
	if r := d.currentReceiver(); r != nil {
		c.receiver(send, r)
	}
	for _, s := range d.pipeline.outputs.Counts() {
		send(metricDelivered, sample{float64(s.Delivered), []string{s.Sink}})
		send(metricFailed, sample{float64(s.Failed), []string{s.Sink}})
	}
}

func (c collector) sensor(send func(metric, sample), s sensorState) {
	if s.name != "" {
		send(metricEngine, sample{1, []string{s.name, event.SourceSyscall}})
	}
	var lost uint64
	for reason, n := range s.driver.Lost {
		lost += n
		send(metricLost, sample{float64(n), []string{string(reason)}})
	}
	send(metricSensorEvents, sample{float64(s.driver.Delivered), nil})
	send(metricSensorDrops, sample{float64(lost), nil})
	send(metricTruncated, sample{float64(s.driver.Truncated), nil})
	send(metricUnread, sample{float64(s.driver.Unread), nil})
	for reason, n := range s.state.Malformed {
		send(metricNotEvaluated, sample{float64(n), []string{event.SourceSyscall, "malformed_" + reason}})
	}
	send(metricThreads, sample{float64(s.state.Threads), nil})
	send(metricThreadless, sample{float64(s.state.Threadless), nil})
	send(metricEvicted, sample{float64(s.state.Evicted), nil})
}

func (c collector) receiver(send func(metric, sample), r *audit.Receiver) {
	stats := r.Stats()
	for code, n := range stats.Requests {
		send(metricRequests, sample{float64(n), []string{strconv.Itoa(code)}})
	}
	for reason, n := range stats.Rejected {
		send(metricNotEvaluated, sample{float64(n), []string{event.SourceK8sAudit, "rejected_" + reason}})
	}
	send(metricTrimmed, sample{float64(stats.Trimmed), nil})
	send(metricBytes, sample{float64(stats.Bytes), nil})
}

func (c collector) rules(out chan<- prometheus.Metric) {
	for _, r := range c.d.pipeline.engine.Counts().Rules {
		labels := append([]string{}, metricRules.labels...)
		values := []string{strconv.Itoa(int(r.Rule.Priority)), r.Rule.Name, r.Rule.Source}
		for _, tag := range r.Rule.Tags {
			labels = append(labels, "tag_"+labelName(tag))
			values = append(values, "true")
		}
		desc := prometheus.NewDesc(metricRules.name, metricRules.help, labels, nil)
		if m, err := prometheus.NewConstMetric(desc, metricRules.kind, float64(r.Matches), values...); err == nil {
			out <- m
			continue
		}
		// Tags that become one label name twice leave the count without labels for tags.
		desc = prometheus.NewDesc(metricRules.name, metricRules.help, metricRules.labels, nil)
		out <- prometheus.MustNewConstMetric(desc, metricRules.kind, float64(r.Matches), values[:3]...)
	}
}

// labelName makes a tag fit for a label: letters, digits and underscores.
func labelName(tag string) string {
	b := []byte(tag)
	for i, c := range b {
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			b[i] = '_'
		}
	}
	return string(b)
}

func newRegistry(d *Daemon) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{d}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

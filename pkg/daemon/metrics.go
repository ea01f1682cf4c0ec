package daemon

import (
	"math"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/saker-security/saker/pkg/engine"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/syscall/driver"
)

func newRegistry(d *Daemon) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{d}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// collector reads the counters of the running daemon whenever it is scraped.
type collector struct{ d *Daemon }

// Describe sends nothing: labels for tags differ from rule to rule.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends all metrics.
func (c collector) Collect(out chan<- prometheus.Metric) {
	s := samples{out}
	now := time.Now()
	// First what is counted of events, since whatever follows reads files, which makes more of them. The engine is read
	// before the sensor, so that no event is evaluated and not made.
	counts := c.d.pipeline.engine.Counts()
	sensor, sensing := c.d.sensorCounts()
	c.program(s, now)
	c.files(s)
	c.machine(s, now)
	for _, n := range counts.Sources {
		s.send(metricEvaluated, float64(n.Evaluated), n.Source)
		for reason, n2 := range n.NotEvaluated {
			s.send(metricNotEvaluated, float64(n2), n.Source, string(reason))
		}
	}
	s.rules(counts.Rules)
	for _, state := range c.d.sourceStates() {
		s.send(metricSourceUp, truth(state.up), state.name)
		s.send(metricRestarts, float64(state.restarts), state.name)
	}
	if sensing {
		s.sensor(sensor)
		s.send(metricWaiting, float64(sensor.waiting(counts)))
	}
	if c.d.intake != nil {
		s.intake(c.d.intake)
	}
	s.sinks(c.d.sinkCounts(), now)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (c collector) program(s samples, now time.Time) {
	d := c.d
	s.send(metricHealthy, truth(len(d.failures(now)) == 0))
	s.send(metricPanics, float64(d.pipeline.panics.count.Load()))
	s.send(metricVersion, 1, Version)
	s.send(metricHostname, 1, d.settings().Hostname)
	s.send(metricKernel, 1, kernelRelease())
	s.send(metricStart, float64(d.ops.started.UnixNano()))
	s.send(metricDuration, math.Floor(now.Sub(d.ops.started).Seconds()))
	r := d.reloads()
	s.send(metricReload, float64(r.at))
	s.send(metricReloads, float64(r.good), "good")
	s.send(metricReloads, float64(r.bad), "bad")
}

func (c collector) files(s samples) {
	for _, f := range c.d.ops.sums.Load().rules {
		s.send(metricRulesFiles, 1, f.name, f.sum)
	}
	for _, f := range c.d.ops.sums.Load().config {
		s.send(metricConfigFiles, 1, f.name, f.sum)
	}
}

func (c collector) machine(s samples, now time.Time) {
	u := readUsage(os.DirFS("/"), os.DirFS(c.d.settings().HostRoot), now.Sub(c.d.ops.started))
	for _, f := range []struct {
		m     metric
		value float64
	}{
		{metricCPU, u.cpu}, {metricRSS, u.rss}, {metricVSZ, u.vsz}, {metricPSS, u.pss}, {metricContainer, u.container},
		{metricHostCPU, u.hostCPU}, {metricHostMemory, u.hostMemory}, {metricProcsRunning, u.procsRunning},
		{metricOpenFiles, u.openFiles}, {metricBoot, u.boot}, {metricCPUs, u.cpus},
	} {
		if !math.IsNaN(f.value) {
			s.send(f.m, f.value)
		}
	}
}

// samples takes the values of one scrape.
type samples struct{ out chan<- prometheus.Metric }

// send takes one value. Whatever is in the labels, the scrape stays readable.
func (s samples) send(m metric, value float64, labels ...string) {
	for i, l := range labels {
		labels[i] = labelValue(l)
	}
	s.out <- prometheus.MustNewConstMetric(prometheus.NewDesc(m.name, m.help, m.labels, nil), m.kind, value, labels...)
}

func (s samples) sensor(n sensorState) {
	if n.name != "" {
		s.send(metricEngine, 1, n.name, event.SourceSyscall)
	}
	for reason, lost := range n.driver.Lost {
		s.send(metricLost, float64(lost), string(reason))
	}
	s.send(metricSensorEvents, float64(n.driver.Delivered))
	s.send(metricSensorDrops, float64(n.lost()))
	s.send(metricScratchDrops, float64(n.driver.Lost[driver.LossScratch]))
	s.send(metricSizeDrops, float64(n.driver.Lost[driver.LossTooLong]))
	s.send(metricTruncated, float64(n.driver.Truncated))
	s.send(metricUnread, float64(n.driver.Unread))
	for reason, malformed := range n.state.Malformed {
		s.send(metricNotEvaluated, float64(malformed), event.SourceSyscall, "malformed_"+reason)
	}
	s.send(metricNotEvaluated, float64(n.left), event.SourceSyscall, "driver_closed")
	s.send(metricThreads, float64(n.state.Threads))
	s.send(metricThreadless, float64(n.state.Threadless))
	s.send(metricEvicted, float64(n.state.Evicted))
	s.send(metricRefusedFDs, float64(n.state.FDsRefused))
	s.send(metricLookups, float64(n.state.Lookups-n.state.LookupsFailed), "found")
	s.send(metricLookups, float64(n.state.LookupsFailed), "gone")
}

// waiting is how many events of the driver are not in any count of what became of them: they wait in its buffer.
func (n *sensorState) waiting(counts engine.Counts) uint64 {
	known := eventsOf(counts, event.SourceSyscall) + n.left
	for _, malformed := range n.state.Malformed {
		known += malformed
	}
	return n.driver.Delivered - min(known, n.driver.Delivered)
}

// lost is how many events the driver lost for any reason.
func (n *sensorState) lost() (sum uint64) {
	for _, lost := range n.driver.Lost {
		sum += lost
	}
	return sum
}

// rules takes the matches of the rules. Rules whose names look the same in labels are one sample.
func (s samples) rules(counts []engine.RuleCounts) {
	type key struct{ priority, name, source string }
	sums := map[key]uint64{}
	tags := map[key][]string{}
	var order []key
	for _, r := range counts {
		k := key{strconv.Itoa(int(r.Rule.Priority)), labelValue(r.Rule.Name), labelValue(r.Rule.Source)}
		if _, known := sums[k]; !known {
			order = append(order, k)
			tags[k] = tagLabels(r.Rule)
		}
		sums[k] += r.Matches
	}
	for _, k := range order {
		names, values := append([]string{}, metricRules.labels...), []string{k.priority, k.name, k.source}
		for _, tag := range tags[k] {
			names, values = append(names, tag), append(values, "true")
		}
		desc := prometheus.NewDesc(metricRules.name, metricRules.help, names, nil)
		s.out <- prometheus.MustNewConstMetric(desc, metricRules.kind, float64(sums[k]), values...)
	}
}

const (
	// maxLabel bounds the value of a label in bytes, maxTags the labels for tags of a rule.
	maxLabel = 256
	maxTags  = 64
)

// tagLabels gives the labels for the tags of a rule, each once.
func tagLabels(r *rule.Rule) (labels []string) {
	seen := map[string]bool{}
	for _, tag := range r.Tags {
		label := "tag_" + labelName(tag)
		if !seen[label] && len(labels) < maxTags {
			seen[label] = true
			labels = append(labels, label)
		}
	}
	return labels
}

// labelName makes a tag fit for a label: letters, digits and underscores.
func labelName(tag string) string {
	b := []byte(tag[:min(len(tag), maxLabel)])
	for i, c := range b {
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			b[i] = '_'
		}
	}
	return string(b)
}

// labelValue makes a text fit for the value of a label: it is UTF-8 and not long.
func labelValue(text string) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) <= maxLabel {
		return text
	}
	cut := maxLabel
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

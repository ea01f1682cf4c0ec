package daemon

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// metric is one row of the table of metrics. The names that Falco has keep Falco's names, so that its dashboards work.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
}

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
	// histogram is a type that prometheus.ValueType has no value for.
	histogram = prometheus.UntypedValue
)

// Metrics of the program and its machine.
var (
	metricVersion      = metric{"falcosecurity_falco_version_info", "Version of the program; always 1.", gauge, []string{"version"}}
	metricHostname     = metric{"falcosecurity_evt_hostname_info", "Name of this host; always 1.", gauge, []string{"hostname"}}
	metricKernel       = metric{"falcosecurity_falco_kernel_release_info", "Version of the kernel; always 1.", gauge, []string{"kernel_release"}}
	metricRulesFiles   = metric{"falcosecurity_falco_sha256_rules_files_info", "SHA-256 of each rules file; always 1.", gauge, []string{"file_name", "sha256"}}
	metricConfigFiles  = metric{"falcosecurity_falco_sha256_config_files_info", "SHA-256 of each configuration file; always 1.", gauge, []string{"file_name", "sha256"}}
	metricStart        = metric{"falcosecurity_falco_start_timestamp_nanoseconds", "When the program was started, since the Unix epoch.", gauge, nil}
	metricReload       = metric{"falcosecurity_falco_reload_timestamp_nanoseconds", "When configuration and rules were loaded last, since the Unix epoch.", gauge, nil}
	metricDuration     = metric{"falcosecurity_falco_duration_seconds_total", "How long the program runs.", counter, nil}
	metricCPU          = metric{"falcosecurity_falco_cpu_usage_ratio", "Processor time of the process since its start, as a share of one CPU.", gauge, nil}
	metricRSS          = metric{"falcosecurity_falco_memory_rss_bytes", "Memory of the process.", gauge, nil}
	metricVSZ          = metric{"falcosecurity_falco_memory_vsz_bytes", "Address space of the process.", gauge, nil}
	metricPSS          = metric{"falcosecurity_falco_memory_pss_bytes", "Memory of the process, shared pages in proportion.", gauge, nil}
	metricContainer    = metric{"falcosecurity_falco_container_memory_used_bytes", "Memory of the control group of the process.", gauge, nil}
	metricHostCPU      = metric{"falcosecurity_falco_host_cpu_usage_ratio", "Processor time of the machine since its start, as a share of all CPUs.", gauge, nil}
	metricHostMemory   = metric{"falcosecurity_falco_host_memory_used_bytes", "Memory of the machine in use, without caches.", gauge, nil}
	metricProcsRunning = metric{"falcosecurity_falco_host_procs_running_total", "Processes of the machine that run or could.", gauge, nil}
	metricOpenFiles    = metric{"falcosecurity_falco_host_open_fds_total", "Open files of the machine.", gauge, nil}
	metricBoot         = metric{"falcosecurity_falco_host_boot_timestamp_nanoseconds", "When the machine was started, since the Unix epoch.", gauge, nil}
	metricCPUs         = metric{"falcosecurity_falco_host_num_cpus_total", "CPUs of the machine.", gauge, nil}
	metricHealthy      = metric{"saker_healthy", "1 when the health check is well, 0 when it answers 503.", gauge, nil}
	metricPanics       = metric{"saker_panics_total", "Panics of sources and rules that were caught; each is a defect of the program.", counter, nil}
	metricReloads      = metric{"saker_reloads_total", "Reloads of configuration and rules by result: good, or bad when everything stayed as it was.", counter, []string{"result"}}
)

// Metrics of events and rules.
var (
	metricRules        = metric{"falcosecurity_falco_rules_matches_total", "Alerts by rule; tags of the rule are labels tag_NAME.", counter, []string{"priority", "rule_name", "source"}}
	metricEngine       = metric{"falcosecurity_scap_engine_name_info", "How the events of a source are taken in: name of the driver, or webhook; always 1.", gauge, []string{"engine_name", "evt_source"}}
	metricSourceUp     = metric{"saker_source_up", "1 when the event source takes in events, 0 when it failed and waits to be started again.", gauge, []string{"source"}}
	metricRestarts     = metric{"saker_source_restarts_total", "How often the event source was started again after it failed.", counter, []string{"source"}}
	metricEvaluated    = metric{"saker_events_evaluated_total", "Events evaluated against the rules.", counter, []string{"source"}}
	metricNotEvaluated = metric{"saker_events_not_evaluated_total", "Events taken in but not evaluated, by reason.", counter, []string{"source", "reason"}}
	metricSensorEvents = metric{"falcosecurity_scap_n_evts_total", "System call events that the driver made: those that were evaluated, those that were not, and those that wait.", counter, nil}
	metricWaiting      = metric{"saker_sensor_waiting_events", "System call events that wait in the buffer of the driver for their turn; being asked for metrics makes a few.", gauge, nil}
	metricSensorDrops  = metric{"falcosecurity_scap_n_drops_total", "System call events that the driver lost.", counter, nil}
	metricScratchDrops = metric{"falcosecurity_scap_n_drops_scratch_map_total", "System call events lost because the kernel side had no scratch memory.", counter, nil}
	metricSizeDrops    = metric{"falcosecurity_scap_n_drops_max_event_size_total", "System call events lost because they are too long.", counter, nil}
	metricLost         = metric{"saker_sensor_lost_events_total", "System call events that the driver lost, by reason.", counter, []string{"reason"}}
	metricTruncated    = metric{"saker_sensor_truncated_events_total", "System call events of which a value was cut because it is too long.", counter, nil}
	metricUnread       = metric{"saker_sensor_unread_events_total", "System call events of which a value could not be read from memory.", counter, nil}
	metricThreads      = metric{"falcosecurity_scap_n_threads_total", "Threads in the process table.", gauge, nil}
	metricEvicted      = metric{"falcosecurity_scap_n_drops_full_threadtable_total", "Threads for which the process table had no room.", counter, nil}
	metricThreadless   = metric{"saker_sensor_unknown_thread_events_total", "System call events of threads that were not known; they were evaluated without process fields.", counter, nil}
	metricRefusedFDs   = metric{"saker_sensor_refused_descriptors_total", "Open files for which the table of their process had no room.", counter, nil}
	metricLookups      = metric{"saker_sensor_thread_lookups_total", "Searches for a thread in /proc, by result: found or gone.", counter, []string{"result"}}
)

// allMetrics lists the table in the order of the documentation.
var allMetrics = slices.Concat([]*metric{
	&metricHealthy, &metricPanics, &metricReloads, &metricVersion, &metricHostname, &metricKernel, &metricRulesFiles, &metricConfigFiles,
	&metricStart, &metricReload, &metricDuration, &metricCPU, &metricRSS, &metricVSZ, &metricPSS, &metricContainer,
	&metricHostCPU, &metricHostMemory, &metricProcsRunning, &metricOpenFiles, &metricBoot, &metricCPUs,
	&metricSourceUp, &metricRestarts, &metricEngine, &metricEvaluated, &metricNotEvaluated, &metricRules,
}, auditMetrics, []*metric{
	&metricSensorEvents, &metricWaiting, &metricSensorDrops, &metricScratchDrops, &metricSizeDrops, &metricLost, &metricTruncated,
	&metricUnread, &metricThreads, &metricEvicted, &metricThreadless, &metricRefusedFDs, &metricLookups,
	&metricMatched, &metricRecovered, &metricReplayed, &metricSuppressed, &metricDelivered, &metricQueued, &metricDead,
	&metricDropped, &metricDrops, &metricSinkUp, &metricSinkBreaker, &metricSinkDurable, &metricSinkBytes, &metricSinkMemory,
	&metricSinkDamaged, &metricSinkAge,
	&metricSinkLetters, &metricSinkDeadBytes, &metricSinkDeadLost, &metricSinkDiscarded, &metricSinkDeadBad, &metricSinkDeadCut,
	&metricSinkFailures, &metricSinkRetries, &metricSinkTwice, &metricSinkPanics, &metricSinkAbandoned, &metricSinkFallbacks,
})

// MetricInfo describes a metric for the documentation.
type MetricInfo struct {
	Name, Help string
	// Kind is counter, gauge or histogram.
	Kind   string
	Labels []string
}

// Metrics lists the metrics that the daemon serves, besides those of the Go runtime and the process.
func Metrics() []MetricInfo {
	list := make([]MetricInfo, 0, len(allMetrics))
	for _, m := range allMetrics {
		kind := map[prometheus.ValueType]string{counter: "counter", gauge: "gauge", histogram: "histogram"}[m.kind]
		list = append(list, MetricInfo{m.name, m.help, kind, m.labels})
	}
	return list
}

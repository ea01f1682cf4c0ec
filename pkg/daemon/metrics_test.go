package daemon

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/saker-security/saker/pkg/engine"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/driver"
)

// falcoMetrics are the metrics that Falco 0.44 serves, with the reason for each that Saker does not.
var falcoMetrics = func() map[string]string {
	const (
		given      = ""
		iterators  = "the drivers have no BPF iterators, threads and files that are there at the start are read from /proc"
		classes    = "the drivers count lost events by reason and not by class: saker_sensor_lost_events_total"
		cache      = "there is no cache in front of the tables of threads and files whose hits could be counted"
		notCounted = "changes of the tables of threads and files are not counted, only how many threads there are"
		enter      = "a system call is one event at its exit, nothing of its entry is stored"
		containers = "containers are not tracked"
	)
	list := map[string]string{
		"falco_version_info": given, "falco_sha256_rules_files_info": given, "falco_sha256_config_files_info": given,
		"falco_rules_matches_total": given, "falco_kernel_release_info": given, "evt_hostname_info": given,
		"falco_outputs_queue_num_drops_total": given, "falco_reload_timestamp_nanoseconds": given,
		"falco_start_timestamp_nanoseconds": given, "falco_duration_seconds_total": given,
		"falco_host_boot_timestamp_nanoseconds": given, "falco_host_num_cpus_total": given,
		"falco_cpu_usage_ratio": given, "falco_memory_rss_bytes": given, "falco_memory_vsz_bytes": given,
		"falco_memory_pss_bytes": given, "falco_container_memory_used_bytes": given, "falco_host_cpu_usage_ratio": given,
		"falco_host_memory_used_bytes": given, "falco_host_procs_running_total": given, "falco_host_open_fds_total": given,
		"scap_engine_name_info": given, "scap_n_evts_total": given, "scap_n_drops_total": given,
		"scap_n_drops_scratch_map_total": given, "scap_n_drops_max_event_size_total": given,
		"scap_n_threads_total": given, "scap_n_drops_full_threadtable_total": given,
		"scap_n_drops_buffer_total":                          classes,
		"scap_n_fds_total":                                   notCounted,
		"scap_n_added_fds_total":                             notCounted,
		"scap_n_removed_fds_total":                           notCounted,
		"scap_n_added_threads_total":                         notCounted,
		"scap_n_removed_threads_total":                       notCounted,
		"scap_n_cached_fd_lookups_total":                     cache,
		"scap_n_noncached_fd_lookups_total":                  cache,
		"scap_n_cached_thread_lookups_total":                 cache,
		"scap_n_noncached_thread_lookups_total":              cache,
		"scap_n_failed_fd_lookups_total":                     "a file that is not known is a field without value, not a failure",
		"scap_n_failed_thread_lookups_total":                 "means searches of the table; ours are saker_sensor_unknown_thread_events_total and saker_sensor_thread_lookups_total",
		"scap_n_stored_evts_total":                           enter,
		"scap_n_store_evts_drops_total":                      enter,
		"scap_n_retrieved_evts_total":                        enter,
		"scap_n_retrieve_evts_drops_total":                   enter,
		"plugins_container_n_containers_total":               containers,
		"plugins_container_n_missing_container_images_total": containers,
	}
	for _, kind := range []string{"", "_file_pipe", "_file_memfd", "_file_regular", "_file_directory", "_file_socket_inet", "_file_socket_inet6", "_file_socket_unix", "_file_socket_netlink", "_file_anon_inode"} {
		list["scap_n_evts_task"+kind+"_total"], list["scap_n_drops_task"+kind+"_total"] = iterators, iterators
	}
	return list
}()

// Every metric of Falco is either served or missing for a reason, and no other one has its prefix.
func TestFalcoMetrics(t *testing.T) {
	have := map[string]bool{}
	for _, m := range Metrics() {
		if have[m.Name] {
			t.Errorf("%s is in the table twice", m.Name)
		}
		have[m.Name] = true
		name, ok := strings.CutPrefix(m.Name, "falcosecurity_")
		if _, known := falcoMetrics[name]; ok && !known {
			t.Errorf("%s has Falco's prefix, but Falco does not have it", m.Name)
		}
		if !ok && !strings.HasPrefix(m.Name, "saker_") {
			t.Errorf("%s has no known prefix", m.Name)
		}
		if m.Help == "" || !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%s: help %q", m.Name, m.Help)
		}
	}
	for name, reason := range falcoMetrics {
		if have["falcosecurity_"+name] != (reason == "") {
			t.Errorf("falcosecurity_%s: served %v, but the reason for its absence is %q", name, have["falcosecurity_"+name], reason)
		}
	}
}

// parse reads a scrape as Prometheus does.
func parse(t testing.TB, text string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return families
}

// value is that of the one sample with these labels, NAME=VALUE, among others.
func value(t testing.TB, families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	t.Helper()
	var found []float64
	for _, m := range families[name].GetMetric() {
		have := map[string]bool{}
		for _, l := range m.GetLabel() {
			have[l.GetName()+"="+l.GetValue()] = true
		}
		if !slices.ContainsFunc(labels, func(l string) bool { return !have[l] }) {
			found = append(found, m.GetCounter().GetValue()+m.GetGauge().GetValue())
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s%v: %d samples, want 1", name, labels, len(found))
	}
	return found[0]
}

// ruleMetrics serves the matches of rules to a registry.
type ruleMetrics []engine.RuleCounts

func (ruleMetrics) Describe(chan<- *prometheus.Desc)       {}
func (m ruleMetrics) Collect(out chan<- prometheus.Metric) { samples{out}.rules(m) }

// scrape gives what a collector serves, as text.
func scrape(t testing.TB, c prometheus.Collector) string {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestRuleMetrics(t *testing.T) {
	long := strings.Repeat("é", 200)
	counts := ruleMetrics{
		{Rule: &rule.Rule{Name: "a", Source: "syscall", Priority: rule.PriorityDebug, Tags: []string{"x.y", "x-y", "", "z"}}, Matches: 1},
		{Rule: &rule.Rule{Name: "b\xff", Source: "syscall"}, Matches: 2},
		{Rule: &rule.Rule{Name: "b\xfe", Source: "syscall"}, Matches: 3},
		{Rule: &rule.Rule{Name: long, Source: "syscall"}, Matches: 4},
		{Rule: &rule.Rule{Name: "q\"\\\n", Source: "k8s_audit"}, Matches: 5},
	}
	families := parse(t, scrape(t, counts))
	name := metricRules.name
	if got := value(t, families, name, "rule_name=a", "priority=7", "tag_x_y=true", "tag_=true", "tag_z=true"); got != 1 {
		t.Errorf("a: %v", got)
	}
	if got := value(t, families, name, "rule_name=b\uFFFD"); got != 5 {
		t.Errorf("names that look the same: %v, want their sum", got)
	}
	if got := value(t, families, name, "rule_name="+long[:256]+"…"); got != 4 {
		t.Errorf("a long name: %v", got)
	}
	if got := value(t, families, name, "rule_name=q\"\\\n"); got != 5 {
		t.Errorf("a name with quotes: %v", got)
	}
}

// Whatever rules are called, their metrics can be read and no match is missing.
func FuzzRuleMetrics(f *testing.F) {
	f.Add("a", "b", "tag", "tag_", byte(0))
	f.Add("x\xff", "x\xfe", "a.b", "a-b", byte(7))
	f.Add("\"\n\\", "{}", "", "\x00", byte(3))
	f.Add(strings.Repeat("é", 300), strings.Repeat("é", 301), "__name__", "priority", byte(200))
	f.Fuzz(func(t *testing.T, first, second, tag1, tag2 string, priority byte) {
		counts := ruleMetrics{
			{Rule: &rule.Rule{Name: first, Source: "syscall", Priority: rule.Priority(priority % 8), Tags: []string{tag1, tag2}}, Matches: 1},
			{Rule: &rule.Rule{Name: second, Source: second, Priority: rule.Priority(priority % 8), Tags: []string{tag2, tag1}}, Matches: 2},
			{Rule: &rule.Rule{Name: second, Source: "syscall", Priority: rule.Priority(priority % 8)}, Matches: 4},
		}
		var sum float64
		for _, m := range parse(t, scrape(t, counts))[metricRules.name].GetMetric() {
			sum += m.GetCounter().GetValue()
		}
		if sum != 7 {
			t.Errorf("%v matches, want 7", sum)
		}
	})
}

// What the running daemon serves is in the table, and can be read.
func TestMetricsAreInTheTable(t *testing.T) {
	d, _, _, _ := start(t, testConfig(), "k8s_audit")
	post(t, d, example(t))
	_, text := get(t, "http://"+d.WebAddress()+"/metrics")
	families := parse(t, text)
	table := map[string]MetricInfo{}
	for _, m := range Metrics() {
		table[m.Name] = m
	}
	for _, name := range slices.Sorted(maps.Keys(families)) {
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		m, ok := table[name]
		if !ok {
			t.Errorf("%s is not in the table", name)
			continue
		}
		if want := strings.ToUpper(m.Kind); families[name].GetType().String() != want {
			t.Errorf("%s is a %s, want %s", name, families[name].GetType(), want)
		}
		var labels []string
		for _, l := range families[name].GetMetric()[0].GetLabel() {
			if !strings.HasPrefix(l.GetName(), "tag_") {
				labels = append(labels, l.GetName())
			}
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(m.Labels)), labels); diff != "" {
			t.Errorf("labels of %s: %s", name, diff)
		}
	}
	for _, name := range []string{"saker_healthy", "falcosecurity_falco_cpu_usage_ratio", "falcosecurity_falco_memory_rss_bytes", "falcosecurity_falco_host_boot_timestamp_nanoseconds"} {
		if !(value(t, families, name) > 0) {
			t.Errorf("%s is not above 0", name)
		}
	}
	if value(t, families, "saker_source_up", "source=k8s_audit") != 1 {
		t.Error("the source is not up")
	}
}

// What the driver made is accounted for: evaluated, not evaluated for a reason, or waiting.
func TestWaitingEvents(t *testing.T) {
	counts := engine.Counts{Sources: []engine.SourceCounts{
		{Source: event.SourceK8sAudit, Evaluated: 1000},
		{Source: event.SourceSyscall, Evaluated: 50, NotEvaluated: map[engine.Reason]uint64{engine.ReasonPanic: 3}},
	}}
	n := sensorState{left: 4, driver: driver.Stats{Delivered: 70}, state: syscall.Stats{Malformed: map[string]uint64{"frame": 6}}}
	if got := n.waiting(counts); got != 7 {
		t.Errorf("%d wait", got)
	}
	n.driver.Delivered = 1 // counters of the kernel that could not be read
	if got := n.waiting(counts); got != 0 {
		t.Errorf("%d wait", got)
	}
}

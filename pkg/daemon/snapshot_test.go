package daemon

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/engine"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/driver"
)

func snapshotOf(t *testing.T, s *snapshots, cfg config.Metrics, source string, p *present) map[string]any {
	t.Helper()
	out := map[string]any{}
	for _, f := range s.fields(cfg, source, p) {
		var v any
		if err := json.Unmarshal([]byte(f.JSON), &v); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if _, twice := out[f.Name]; twice {
			t.Errorf("%s is there twice", f.Name)
		}
		out[f.Name] = v
	}
	return out
}

func examplePresent() *present {
	return &present{
		now: time.Unix(200, 0), started: time.Unix(100, 0), hostname: "h", reload: 5, drops: 6,
		usage: usage{
			cpu: 0.064, hostCPU: 0.5, rss: 10 << 20, vsz: 20 << 20, pss: 1 << 19, container: 2048, hostMemory: 1 << 30,
			procsRunning: 2, openFiles: 0, boot: 7e9, cpus: 4,
		},
		sums:    &fileSums{rules: []fileSum{{"a.yaml", "1"}, {"a.yaml", "2"}}, config: []fileSum{{"falco.yaml", "3"}}},
		sources: []string{event.SourceSyscall},
		counts: engine.Counts{
			Sources: []engine.SourceCounts{{Source: event.SourceSyscall, Evaluated: 90, NotEvaluated: map[engine.Reason]uint64{engine.ReasonPanic: 10}}},
			Rules: []engine.RuleCounts{
				{Rule: &rule.Rule{Name: "My rule"}, Matches: 3}, {Rule: &rule.Rule{Name: "My-rule"}, Matches: 1}, {Rule: &rule.Rule{Name: "Quiet"}},
			},
		},
		sensor: sensorState{
			name:   "modern_ebpf",
			driver: driver.Stats{Delivered: 300, Lost: map[driver.Loss]uint64{driver.LossBufferFull: 100}},
			state:  syscall.Stats{Threads: 12},
		},
	}
}

func TestSnapshotFields(t *testing.T) {
	all := config.Metrics{RulesCounters: true, ResourceUtilization: true, StateCounters: true, KernelEventCounters: true, ConvertMemoryToMB: true}
	base := map[string]any{
		"evt.time": 2e11, "evt.hostname": "h", "evt.source": "syscall", "falco.version": Version, "falco.kernel_release": kernelRelease(),
		"falco.start_ts": 1e11, "falco.reload_ts": 5.0, "falco.duration_sec": 100.0, "falco.outputs_queue_num_drops": 6.0,
		"falco.host_boot_ts": 7e9, "falco.host_num_cpus": 4.0, "falco.num_evts": 100.0, "falco.num_evts_prev": 0.0,
		"falco.sha256_rules_file.a_yaml": "1", "falco.sha256_rules_file.a_yaml_2": "2", "falco.sha256_config_file.falco_yaml": "3",
		"scap.engine_name": "modern_ebpf",
	}
	more := map[string]any{
		"falco.rules.matches_total": 4.0, "falco.rules.My_rule": 3.0, "falco.rules.My_rule_2": 1.0,
		"falco.cpu_usage_perc": 6.4, "falco.host_cpu_usage_perc": 50.0, "falco.memory_rss_mb": 10.0, "falco.memory_vsz_mb": 20.0,
		"falco.memory_pss_mb": 0.5, "falco.container_memory_used_mb": 0.0, "falco.host_memory_used_mb": 1024.0,
		"falco.host_procs_running": 2.0, "falco.n_threads": 12.0,
		"scap.n_evts": 300.0, "scap.n_drops": 100.0, "scap.n_drops_perc": 25.0,
	}
	s := &snapshots{last: map[string]measure{}}
	want := map[string]any{}
	for _, m := range []map[string]any{base, more} {
		for k, v := range m {
			want[k] = v
		}
	}
	if diff := cmp.Diff(want, snapshotOf(t, s, all, event.SourceSyscall, examplePresent())); diff != "" {
		t.Errorf("the first: %s", diff)
	}
	// The second knows rates.
	p := examplePresent()
	p.now = p.now.Add(10 * time.Second)
	p.counts.Sources[0].Evaluated += 55
	p.sensor.driver.Delivered += 90
	p.sensor.driver.Lost[driver.LossBufferFull] += 10
	got := snapshotOf(t, s, all, event.SourceSyscall, p)
	for name, want := range map[string]any{
		"falco.num_evts": 155.0, "falco.num_evts_prev": 100.0, "falco.evts_rate_sec": 5.5, "scap.evts_rate_sec": 9.0,
		"scap.evts_drop_rate_sec": 1.0, "scap.n_drops_perc": 10.0, "scap.n_evts_prev": 300.0, "scap.n_drops_prev": 100.0,
	} {
		if got[name] != want {
			t.Errorf("the second: %s is %v, want %v", name, got[name], want)
		}
	}
	// Without groups there is the base alone.
	if diff := cmp.Diff(base, snapshotOf(t, &snapshots{last: map[string]measure{}}, config.Metrics{}, event.SourceSyscall, examplePresent())); diff != "" {
		t.Errorf("without groups: %s", diff)
	}
	// Another source knows nothing of the sensor.
	for name := range snapshotOf(t, &snapshots{last: map[string]measure{}}, all, event.SourceK8sAudit, examplePresent()) {
		if name == "falco.n_threads" || strings.HasPrefix(name, "scap.") && name != "scap.engine_name" {
			t.Errorf("k8s_audit: %s", name)
		}
	}
	// Memory without conversion, and counters that are zero.
	all.ConvertMemoryToMB, all.IncludeEmptyValues = false, true
	p = examplePresent()
	p.usage.pss = math.NaN()
	got = snapshotOf(t, &snapshots{last: map[string]measure{}}, all, event.SourceSyscall, p)
	for name, want := range map[string]any{
		"falco.memory_rss_kb": 10240.0, "falco.container_memory_used_bytes": 2048.0, "falco.host_memory_used_kb": 1048576.0,
		"falco.host_open_fds": 0.0, "falco.rules.Quiet": 0.0, "falco.n_drops_full_threadtable": 0.0, "falco.memory_pss_kb": nil,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

// A snapshot goes to the outputs as an alert and to a file as a JSON line.
func TestSnapshotOutputs(t *testing.T) {
	cfg := testConfig()
	file := filepath.Join(t.TempDir(), "stats.jsonl")
	cfg.Metrics = config.Metrics{Enabled: true, Interval: minInterval, OutputRule: true, OutputFile: file, RulesCounters: true}
	cfg.JSON = true
	d, stdout, _, stop := start(t, cfg, "k8s_audit")
	post(t, d, example(t))
	stdout.waitFor(t, `"falco.rules.matches_total":1`)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(stdout.String()[strings.Index(stdout.String(), "Falco metrics snapshot")-len(`{"hostname":"host","output":"`):], "\n")
	var a struct {
		Output, Priority, Rule, Source string
		Fields                         map[string]any `json:"output_fields"`
		Tags                           *[]string
	}
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	if a.Output != "Falco metrics snapshot" || a.Priority != "Informational" || a.Rule != "Falco internal: metrics snapshot" ||
		a.Source != "internal" || a.Tags != nil || a.Fields["evt.source"] != "k8s_audit" || a.Fields["evt.hostname"] != "host" {
		t.Errorf("alert %s", line)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		var s struct {
			Sample int
			Fields map[string]any `json:"output_fields"`
		}
		if err := json.Unmarshal([]byte(line), &s); err != nil || s.Sample != i+1 || s.Fields["falco.version"] != Version {
			t.Errorf("line %d: %v: %s", i, err, line)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// A link in the place of the file is not followed.
func TestSnapshotFileIsNoLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := appendSnapshot(link, 1, nil); err == nil || !strings.Contains(err.Error(), "metrics.output_file") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(target); !os.IsNotExist(err) {
		t.Error("the target was written")
	}
}

func TestRuleLabels(t *testing.T) {
	var rules []engine.RuleCounts
	for _, name := range []string{"a b", "c", "a-b", "a_b_2", "a+b"} {
		rules = append(rules, engine.RuleCounts{Rule: &rule.Rule{Name: name}})
	}
	if diff := cmp.Diff([]string{"a_b", "c", "a_b_3", "a_b_2", "a_b_4"}, ruleLabels(rules)); diff != "" {
		t.Error(diff)
	}
}

// A file that snapshots cannot be written to is an error of the start and of a reload; snapshots that go nowhere are told.
func TestSnapshotsThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil {
		t.Fatal(err)
	}
	good := testConfig()
	cfg := good
	d, _, stderr, _ := startWith(t, Options{Load: func() (config.Config, []string, error) { return cfg, nil, nil }, Sources: []string{"k8s_audit"}})
	for name, want := range map[string]string{
		filepath.Join(dir, "missing", "x"): "make its directory", dir: "metrics.output_file: open " + dir + ": is a directory", link: "metrics.output_file: " + link + " is a symbolic link",
	} {
		cfg = good
		cfg.Metrics.Enabled, cfg.Metrics.OutputFile = true, name
		if err := d.reload(always); err == nil || !strings.Contains(err.Error(), want) || d.settings().Metrics.Enabled {
			t.Errorf("reload with %s: %v", name, err)
		}
		if _, err := New(options(cfg, &output{}, &output{}, "k8s_audit")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("start with %s: %v", name, err)
		}
	}
	cfg = good
	cfg.Metrics.Enabled, cfg.Metrics.OutputRule = true, false
	if err := d.reload(always); err != nil {
		t.Error(err)
	}
	stderr.waitFor(t, "the snapshots go nowhere")
}

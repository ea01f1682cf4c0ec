package config

import (
	"fmt"
	"math"
	"net"
	"strings"
	"time"

	"github.com/saker-security/saker/pkg/event"
)

var grpcAddress = single("unix:///PATH, or an address and a port such as 0.0.0.0:5060", func(s string) (string, bool) {
	if path, ok := strings.CutPrefix(s, "unix://"); ok {
		return s, path != ""
	}
	_, ok := hostPort.read(&value{scalar: s})
	return s, ok == nil
}, itself, refer("grpc_address"))

const noCapture = "Saker writes no captures of what surrounds an alert"

const noModule = "Saker has no kernel module; the sensor is CO-RE eBPF or, for kernels without BTF, BCC"

var sourceKeys = []Key{
	key("sources", "", several(event.SourceK8sAudit, event.SourceSyscall), func(c *Config) *[]string { return &c.Sources },
		"Event sources that run; empty for all.").ours(),
	structured("engine.kind", "one of auto, modern_ebpf, bcc, nodriver", false, setEngine, func(c *Config) any { return c.Sensor.Kind },
		schema{"anyOf": []any{schema{"enum": []string{"auto", "modern_ebpf", "bcc", "nodriver", "kmod", "ebpf"}}, refer("variable")}},
		"System call driver: auto, modern_ebpf (CO-RE), bcc, or nodriver for none. kmod and ebpf are taken for auto with a warning; in place of replay there is the command saker replay.").
		withDefault("auto").falco("modern_ebpf", "auto takes the driver that the kernel has"),
	key("engine.buffer_bytes", "0", size, func(c *Config) *int64 { return &c.Sensor.Buffer },
		"Size of the buffer between kernel and reader, all CPUs together; 0 for the driver's default or what buf_size_preset says.").ours(),
	key("engine.modern_ebpf.buf_size_preset", "4", integer(1, 10), func(c *Config) *int { return &c.record.modern.preset },
		"Size of a buffer: 1 is 1 MiB and each step doubles it. Only a value other than 4 counts, times the number of buffers."),
	key("engine.modern_ebpf.cpus_for_each_buffer", "2", integer(0, 65536), func(c *Config) *int { return &c.record.modern.cpus },
		"How many CPUs share a buffer, 0 for all; tells how large the one buffer of Saker is."),
	inert("engine.modern_ebpf.drop_failed_exit", "false", boolean, "Drop failed system calls in the kernel.", "events of failed system calls are kept; write a condition on evt.failed"),
	inert("engine.modern_ebpf.disable_iterators", "false", boolean, "Do not use BPF iterators.", "the sensor has no BPF iterators"),
	key("engine.kmod.buf_size_preset", "4", integer(1, 10), func(c *Config) *int { return &c.record.kmod },
		"As engine.modern_ebpf.buf_size_preset with one buffer for each CPU, when engine.kind is kmod."),
	inert("engine.kmod.drop_failed_exit", "false", boolean, "Drop failed system calls in the kernel.", noModule),
	ignored("engine.replay.capture_file", text, "File to replay when engine.kind is replay.", "write saker replay FILE"),
	inert("base_syscalls.custom_set", "[]", texts, "System calls to capture beside those of the rules.", "the sensor captures what the rules and its state need"),
	inert("base_syscalls.repair", "false", boolean, "Capture only the system calls that the state needs.", "the sensor does so always", "true"),
	inert("base_syscalls.all", "false", boolean, "Capture all system calls.", "the sensor captures what the rules and its state need"),
	inert("syscall_event_timeouts.max_consecutives", "1000", integer(1, maxInt), "Time-outs without an event before Falco tells it.", "Saker counts events and losses instead, see metrics"),
	inert("falco_libs.thread_table_size", "262144", number(0, math.MaxFloat64), "Threads that Falco remembers.", "the process table grows and shrinks with the processes of the machine"),
	inert("falco_libs.thread_table_auto_purging_interval_s", "300", integer(0, maxInt), "Seconds between two purges of Falco's thread table.", "processes leave the table when they end"),
	inert("falco_libs.thread_table_auto_purging_thread_timeout_s", "300", integer(0, maxInt), "Seconds after which Falco forgets a silent thread.", "processes leave the table when they end"),
	inert("falco_libs.snaplen", "80", integer(0, maxInt), "Bytes captured of a buffer.", "the sensor's drivers have their own limit"),
	inert("capture.enabled", "false", boolean, "Write a capture file when a rule triggers.", noCapture),
	ignored("capture.path_prefix", text, "Path of capture files.", noCapture),
	ignored("capture.mode", choice("rules", "all_rules"), "Which rules start a capture.", noCapture),
	ignored("capture.default_duration", integer(0, maxInt), "Milliseconds that a capture takes.", noCapture),
	ignored("capture.max_file_size_mb", integer(0, 1<<20), "Greatest size of a capture file in megabytes.", noCapture),
}

// ignored makes a row for a key that is never warned of, because it means nothing beside another key that is.
func ignored[T any](name string, f form[T], help, why string) Key {
	k := inert(name, "", f, help, why)
	k.set = func(_ *Config, v *value) error { _, err := f.read(v); return err }
	return k
}

func setEngine(c *Config, v *value) error {
	switch strings.ToLower(v.scalar) {
	case "kmod", "ebpf":
		c.record.oldDriver = v.scalar
		c.warn(v.origin, "key engine.kind: %s is taken for auto: %s", v.scalar, noModule)
		c.Sensor.Kind = "auto"
		return nil
	case "gvisor":
		return fmt.Errorf("Saker cannot take events from gVisor; write one of auto, modern_ebpf, bcc, nodriver")
	case "replay":
		if c.record.recorded {
			c.Sensor.Kind = "nodriver"
			return nil
		}
		return fmt.Errorf("run takes in what happens now; replay a capture with: saker replay FILE")
	}
	kind, err := choice("auto", "modern_ebpf", "bcc", "nodriver").read(v)
	if err == nil {
		c.Sensor.Kind = kind
	}
	return err
}

var webKeys = []Key{
	key("webserver.enabled", "true", boolean, func(c *Config) *bool { return &c.Web.Enabled }, "Serve health checks, versions and metrics."),
	key("webserver.listen_address", "127.0.0.1", address, func(c *Config) *string { return &c.Web.Address }, "IP address of that server.").
		falco("0.0.0.0", "nobody from outside sees it unless asked for"),
	key("webserver.listen_port", "8765", port, func(c *Config) *int { return &c.Web.Port }, "Port of that server."),
	key("webserver.k8s_healthz_endpoint", "/healthz", urlPath, func(c *Config) *string { return &c.Web.Healthz }, "Path of the health check."),
	key("webserver.ssl_enabled", "false", boolean, func(c *Config) *bool { return &c.record.webTLS }, "Speak HTTPS."),
	key("webserver.ssl_certificate", "/etc/falco/falco.pem", text, func(c *Config) *string { return &c.record.webCertificate },
		"PEM file with certificate and key, when ssl_enabled is true."),
	key("webserver.prometheus_metrics_enabled", "true", boolean, func(c *Config) *bool { return &c.Web.Metrics }, "Serve /metrics for Prometheus.").
		falco("false", "the counters are what shows that nothing is lost"),
	inert("webserver.threadiness", "0", integer(0, maxInt), "Threads of the server.", "the server needs no number of threads"),
}

var logKeys = []Key{
	key("log_level", "info", choice("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"), func(c *Config) *string { return &c.Log.Level },
		"Least severe level of the program's own log."),
	key("log_format", "auto", choice("auto", "json", "text"), func(c *Config) *string { return &c.Log.Format },
		"json for JSON lines, text for lines of text, auto for text on a terminal and JSON elsewhere.").ours(),
	key("log_stderr", "true", boolean, func(c *Config) *bool { return &c.Log.Stderr }, "Write the log to standard error."),
	key("log_syslog", "false", boolean, func(c *Config) *bool { return &c.Log.Syslog }, "Send the log to syslog.").
		falco("true", "containers have no syslog, and systemd takes standard error"),
	inert("libs_logger.enabled", "true", boolean, "Log what Falco's libraries say.", "Saker does not use those libraries", "false"),
	inert("libs_logger.severity", "info", choice("fatal", "critical", "error", "warning", "notice", "info", "debug", "trace"), "Least severe level of Falco's libraries.", "Saker does not use those libraries", "debug"),
}

func group(name, def string, at func(*Metrics) *bool, help string) Key {
	return key("metrics."+name, def, boolean, func(c *Config) *bool { return at(&c.Metrics) }, help)
}

var metricKeys = []Key{
	group("enabled", "false", func(m *Metrics) *bool { return &m.Enabled }, "Report counters regularly."),
	key("metrics.interval", "1h", interval(100*time.Millisecond), func(c *Config) *time.Duration { return &c.Metrics.Interval }, "Time between two reports."),
	group("output_rule", "true", func(m *Metrics) *bool { return &m.OutputRule }, "Report as an alert of source internal."),
	key("metrics.output_file", "", text, func(c *Config) *string { return &c.Metrics.OutputFile }, "File to which reports are appended as JSON lines."),
	group("rules_counters_enabled", "true", func(m *Metrics) *bool { return &m.RulesCounters }, "How often rules matched."),
	group("resource_utilization_enabled", "true", func(m *Metrics) *bool { return &m.ResourceUtilization }, "CPU and memory of the program."),
	group("state_counters_enabled", "true", func(m *Metrics) *bool { return &m.StateCounters }, "Sizes of the tables of processes and files."),
	group("kernel_event_counters_enabled", "true", func(m *Metrics) *bool { return &m.KernelEventCounters }, "Events and losses of the system call driver."),
	inert("metrics.kernel_event_counters_per_cpu_enabled", "false", boolean, "The same for each CPU.", "the sensor has one buffer for all CPUs"),
	inert("metrics.libbpf_stats_enabled", "true", boolean, "Run counts and times of BPF programs.", "they are not reported", "false"),
	inert("metrics.plugins_metrics_enabled", "true", boolean, "Counters of plugins.", "the counters of the audit source are at /metrics", "false"),
	inert("metrics.kernel_iter_event_counters_enabled", "true", boolean, "Events of BPF iterators.", "the sensor has no BPF iterators", "false"),
	inert("metrics.jemalloc_stats_enabled", "false", boolean, "Statistics of the memory allocator jemalloc.", "Saker does not use it; /metrics has those of Go's"),
	group("convert_memory_to_mb", "true", func(m *Metrics) *bool { return &m.ConvertMemoryToMB }, "Memory in megabytes."),
	group("include_empty_values", "false", func(m *Metrics) *bool { return &m.IncludeEmptyValues }, "Counters that are zero, too."),
	key("syscall_event_drops.threshold", "0.1", number(0, 1), func(c *Config) *float64 { return &c.Drops.Threshold },
		"Share of lost system call events above which the actions are taken."),
	structured("syscall_event_drops.actions", "a list of log, alert, exit, or of ignore alone", true, setDropActions,
		func(c *Config) any { return texts.show(c.Drops.Actions) }, dropActions,
		"What is done then: log, alert (rule Falco internal: syscall event drop), exit, or ignore.").withDefault("[log, alert]"),
	key("syscall_event_drops.rate", "0.03333", number(0, math.MaxFloat64), func(c *Config) *float64 { return &c.Drops.Rate }, "How often in a second the actions are taken at most."),
	key("syscall_event_drops.max_burst", "1", number(0, math.MaxInt32), func(c *Config) *float64 { return &c.record.dropBurst }, "How often they may be taken at once."),
	key("syscall_event_drops.simulate_drops", "false", boolean, func(c *Config) *bool { return &c.Drops.Simulate }, "Report losses that did not happen, for tests."),
}

// dropActions lets ignore stand alone only.
var dropActions = either(several("log", "alert", "exit").schema, several("ignore").schema)

func setDropActions(c *Config, v *value) error {
	actions, err := several("ignore", "log", "alert", "exit").read(v)
	if err != nil {
		return err
	}
	c.Drops.Actions = nil
	ignore := false
	for _, a := range actions {
		if a == "ignore" {
			ignore = true
			continue
		}
		c.Drops.Actions = append(c.Drops.Actions, a)
	}
	if ignore && len(c.Drops.Actions) > 0 {
		return fmt.Errorf("ignore stands alone; with it there cannot be %s", strings.Join(c.Drops.Actions, ", "))
	}
	return nil
}

// joinPort gives host:port, with brackets for IPv6.
func joinPort(host, port string) string { return net.JoinHostPort(strings.Trim(host, "[]"), port) }

package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/saker-security/saker/pkg/rule"
)

// Key is one row of the table of keys.
type Key struct {
	// Name is the dotted path.
	Name string
	// Default is the value as text; empty for none.
	Default string
	// Ours marks a key that Falco does not have.
	Ours bool
	// Help is a sentence for people.
	Help string
	set  func(c *Config, v *value) error
}

// Keys lists the table, sorted by name.
func Keys() []Key {
	return slices.SortedFunc(slices.Values(keys), func(a, b Key) int { return strings.Compare(a.Name, b.Name) })
}

func keyNamed(name string) *Key {
	for i := range keys {
		if keys[i].Name == name {
			return &keys[i]
		}
	}
	return nil
}

// keys is the table: what a configuration may say, in the order of the documentation of Falco.
var keys = []Key{
	{"rules_files", "", false, "Rules files and directories in load order; without any, the built-in rules are used.", paths(func(c *Config) *[]string { return &c.RulesFiles })},
	{"rules_file", "", false, "Old name of rules_files.", paths(func(c *Config) *[]string { return &c.RulesFiles })},
	{"priority", "debug", false, "Least severe priority whose rules are evaluated.", setPriority},
	{"rule_matching", "first", false, "first: an event triggers the first rule that holds; all: every rule that holds.", setMatching},
	{"rules", "", false, "Rules switched on and off after the rules files are read, in order: entries enable or disable, each with {rule: NAME} (in which each * stands for any text), {tag: TAG}, or both.", setSelections},
	{"append_output", "", false, "What is added to the outputs of the rules that match (rule, source, tags) names, in order: extra_output (text), suggested_output (where it happened), extra_fields (fields for JSON: a field, or {NAME: text}).", setAdditions},
	{"static_fields", "", false, "Fields of one value, the same for every event: NAME: value is the field static.NAME of conditions and outputs.", setStaticFields},
	{"json_output", "false", false, "Alerts as JSON lines instead of text lines.", boolean(func(c *Config) *bool { return &c.JSON })},
	{"json_include_output_property", "true", false, "The key output in JSON alerts.", boolean(func(c *Config) *bool { return &c.JSONOutput })},
	{"json_include_message_property", "false", false, "The key message in JSON alerts.", boolean(func(c *Config) *bool { return &c.JSONMessage })},
	{"json_include_output_fields_property", "true", false, "The key output_fields in JSON alerts.", boolean(func(c *Config) *bool { return &c.JSONFields })},
	{"json_include_tags_property", "true", false, "The key tags in JSON alerts.", boolean(func(c *Config) *bool { return &c.JSONTags })},
	{"time_format_iso_8601", "false", false, "Times as ISO 8601 in UTC instead of local time of day.", boolean(func(c *Config) *bool { return &c.ISO8601 })},
	{"buffered_outputs", "false", false, "Collect alerts in memory before they are written to stdout and files.", boolean(func(c *Config) *bool { return &c.Outputs.Stdout.Settings.Buffered })},
	{"stdout_output.enabled", "true", false, "Write alerts to standard output.", boolean(func(c *Config) *bool { return &c.Outputs.Stdout.Enabled })},
	{"file_output.enabled", "false", false, "Append alerts to a file.", boolean(func(c *Config) *bool { return &c.Outputs.File.Enabled })},
	{"file_output.keep_alive", "false", false, "Keep the file open; otherwise it is opened for each alert.", boolean(func(c *Config) *bool { return &c.Outputs.File.Settings.KeepOpen })},
	{"file_output.filename", "./events.txt", false, "Name of the file.", text(func(c *Config) *string { return &c.Outputs.File.Settings.Path })},
	{"webserver.enabled", "true", false, "Serve /healthz, /versions and /metrics.", boolean(func(c *Config) *bool { return &c.Web.Enabled })},
	{"webserver.listen_address", "127.0.0.1", false, "Address of that server (Falco's default is 0.0.0.0).", text(func(c *Config) *string { return &c.Web.Address })},
	{"webserver.listen_port", "8765", false, "Port of that server.", setPort},
	{"webserver.k8s_healthz_endpoint", "/healthz", false, "Path of the health check.", text(func(c *Config) *string { return &c.Web.Healthz })},
	{"log_level", "info", false, "Least severe level of the program's own log, which is JSON lines on standard error.", setLevel},
	{"engine.kind", "auto", false, "System call driver: auto, modern_ebpf (CO-RE), bcc, or nodriver for none.", setEngine},
	{"engine.buffer_bytes", "0", true, "Size of the buffer between kernel and reader in bytes, all CPUs together; 0 for the driver's default.", size(func(c *Config) *int64 { return &c.Sensor.Buffer })},
	{"audit.listen", "127.0.0.1:9765", true, "Address and port of the receiver of Kubernetes audit events; its path is /k8s-audit.", text(func(c *Config) *string { return &c.Audit.Listen })},
	{"audit.tls_certificate", "", true, "PEM file with the receiver's certificate chain; with audit.tls_key it makes the receiver speak HTTPS.", text(func(c *Config) *string { return &c.Audit.Certificate })},
	{"audit.tls_key", "", true, "PEM file with the private key of audit.tls_certificate.", text(func(c *Config) *string { return &c.Audit.Key })},
	{"audit.tls_client_ca", "", true, "PEM file with the authorities whose client certificates are accepted; without it no client certificate is asked for.", text(func(c *Config) *string { return &c.Audit.ClientCA })},
	{"audit.max_body_bytes", "268435456", true, "Largest request body in bytes; a larger one is answered with 413.", size(func(c *Config) *int64 { return &c.Audit.MaxBody })},
	{"data_dir", "", true, "Directory in which every alert is kept as a JSON line before its event is acknowledged; empty for none.", text(func(c *Config) *string { return &c.DataDir })},
}

// falcoOnly names keys of falco.yaml, or whole sections, that this version reads over with a warning.
var falcoOnly = []string{
	"config_files", "watch_config_files", "plugins", "load_plugins", "plugins_hostinfo", "capture",
	"buffer_format_base64", "outputs_queue", "syslog_output", "program_output",
	"http_output", "log_stderr", "log_syslog", "libs_logger", "output_timeout", "syscall_event_timeouts",
	"syscall_event_drops", "metrics", "base_syscalls", "falco_libs", "engine.kmod", "engine.modern_ebpf",
	"engine.replay", "webserver.threadiness", "webserver.ssl_enabled", "webserver.ssl_certificate",
	"webserver.prometheus_metrics_enabled",
}

func scalar(v *value) (string, error) {
	if v.list != nil || v.keys != nil {
		return "", fmt.Errorf("must be a single value")
	}
	return v.scalar, nil
}

func text(at func(*Config) *string) func(*Config, *value) error {
	return func(c *Config, v *value) error {
		s, err := scalar(v)
		*at(c) = s
		return err
	}
}

// booleans are the truth values of YAML 1.1, which Falco's configuration files use.
var booleans = map[string]bool{
	"true": true, "yes": true, "on": true, "y": true,
	"false": false, "no": false, "off": false, "n": false,
}

func boolean(at func(*Config) *bool) func(*Config, *value) error {
	return func(c *Config, v *value) (err error) {
		*at(c), err = truth(v)
		return err
	}
}

func truth(v *value) (bool, error) {
	s, err := scalar(v)
	if err != nil {
		return false, err
	}
	b, ok := booleans[strings.ToLower(s)]
	if !ok {
		return false, fmt.Errorf("%q is neither true nor false", s)
	}
	return b, nil
}

func size(at func(*Config) *int64) func(*Config, *value) error {
	return func(c *Config, v *value) error {
		s, err := scalar(v)
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is not a number of bytes", s)
		}
		*at(c) = n
		return nil
	}
}

func paths(at func(*Config) *[]string) func(*Config, *value) error {
	return func(c *Config, v *value) (err error) {
		*at(c), err = v.texts()
		return err
	}
}

func oneOf(v *value, names ...string) (string, error) {
	s, err := scalar(v)
	if err != nil {
		return "", err
	}
	if !slices.Contains(names, s) {
		return "", fmt.Errorf("%q must be one of %s", s, strings.Join(names, ", "))
	}
	return s, nil
}

func setMatching(c *Config, v *value) error {
	s, err := scalar(v)
	if err != nil {
		return err
	}
	switch strings.ToLower(s) {
	case "first":
		c.MatchAll = false
	case "all":
		c.MatchAll = true
	default:
		return fmt.Errorf("unknown rule matching strategy %q--must be one of first, all", s)
	}
	return nil
}

func setLevel(c *Config, v *value) (err error) {
	c.Log.Level, err = oneOf(v, "emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
	return err
}

func setEngine(c *Config, v *value) (err error) {
	if v.scalar == "kmod" || v.scalar == "ebpf" {
		return fmt.Errorf("Saker has no %s driver; use auto, modern_ebpf or bcc", v.scalar)
	}
	c.Sensor.Kind, err = oneOf(v, "auto", "modern_ebpf", "bcc", "nodriver")
	return err
}

func setPort(c *Config, v *value) error {
	s, err := scalar(v)
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return fmt.Errorf("%q is not a port number", s)
	}
	c.Web.Port = int(n)
	return nil
}

func setPriority(c *Config, v *value) error {
	s, err := scalar(v)
	if err != nil {
		return err
	}
	p, err := rule.ParsePriority(s)
	if err != nil {
		return fmt.Errorf("unknown priority %q--must be one of emergency, alert, critical, error, warning, notice, informational, debug", s)
	}
	c.Priority = p
	return nil
}

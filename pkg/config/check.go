package config

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/secret"
	"github.com/saker-security/saker/pkg/deliver/sink/http"
)

// finish makes the settings that several keys decide together.
func (c *Config) finish() {
	r := c.record
	o := &c.Outputs
	if ms := r.outputTimeout; ms != 2000 && !c.given("delivery.timeout") {
		for i, d := range o.deliveries() {
			// Clients of the gRPC sink come when they like.
			if sinkNames[i] != "grpc_output" && !c.given(sinkNames[i]+".delivery.timeout") {
				d.Timeout = time.Duration(ms) * time.Millisecond
			}
		}
	}
	t := &o.HTTP.Settings.TLS
	t.CAFile, t.CABundle, t.CAPath = "", "", ""
	switch {
	case r.http.caCert != "":
		t.CAFile = r.http.caCert
	case r.http.caBundle != "":
		t.CABundle = r.http.caBundle
	case r.http.caPath != falcoCAPath && r.http.caPath != falcoCAPath+"/":
		t.CAPath = r.http.caPath
	}
	if c.record.http.plain {
		t.CAPath = "" // Falco's Helm chart names a directory that is not there without certificates
	}
	t.CertificateFile, t.KeyFile = "", ""
	if r.http.mtls {
		t.CertificateFile, t.KeyFile = r.http.cert, r.http.key
	}
	o.GRPC.Enabled = r.grpcServer && r.grpcOutput
	c.Web.Certificate = ""
	if r.webTLS {
		c.Web.Certificate = r.webCertificate
	}
	c.Drops.MaxBurst = int(math.Ceil(r.dropBurst))
	if !c.given("engine.buffer_bytes") {
		c.Sensor.Buffer = c.presetBuffer(runtime.NumCPU())
	}
}

// sinkNames are the sections of the sinks in the order of Outputs.deliveries.
var sinkNames = []string{"stdout_output", "file_output", "syslog_output", "http_output", "program_output", "grpc_output"}

// maxBuffer bounds what the buffers of Falco become together, in bytes: the greatest ring buffer of the sensor.
const maxBuffer = 1 << 30

// presetBuffer gives the size of the one buffer of the sensor that stands for those that Falco's presets ask for: 0 as
// long as they are not changed.
func (c *Config) presetBuffer(cpus int) int64 {
	preset, buffers, key := c.record.modern.preset, 1, "engine.modern_ebpf.buf_size_preset"
	if n := c.record.modern.cpus; n > 0 {
		buffers = (cpus + n - 1) / n
	}
	changed := preset != 4 || c.record.modern.cpus != 2
	if c.record.oldDriver == "kmod" {
		preset, buffers, key = c.record.kmod, cpus, "engine.kmod.buf_size_preset"
		changed = preset != 4
	}
	if !changed {
		return 0
	}
	bytes := int64(buffers) << (20 + preset - 1)
	if bytes > maxBuffer {
		c.warn(c.record.given[key], "key %s: %s for all CPUs together is more than the sensor can have, it gets %s", key, formatSize(bytes), formatSize(maxBuffer))
		return maxBuffer
	}
	return bytes
}

// check looks at combinations of keys.
func (c *Config) check() {
	for _, rule := range checks {
		if !slices.ContainsFunc(rule.keys, func(k string) bool { return c.record.bad[k] }) {
			if text := rule.wrong(c); text != "" {
				c.fail(&finding{c.place(rule.keys), text})
			}
		}
	}
	c.checkPauses("delivery.", &c.record.delivery)
	for i, d := range c.Outputs.deliveries() {
		// Without keys of its own it is as wrong as delivery, of which was told.
		if section := sinkNames[i] + ".delivery."; c.given(section+"retry_min") || c.given(section+"retry_max") {
			c.checkPauses(section, d)
		}
	}
	if c.record.grpcServer != c.record.grpcOutput {
		c.warn(c.place([]string{"grpc.enabled", "grpc_output.enabled"}), "alerts are offered by gRPC only when grpc.enabled and grpc_output.enabled are both true")
	}
}

// checkPauses looks at the pauses of a section of the delivery.
func (c *Config) checkPauses(section string, d *deliver.Settings) {
	keys := []string{section + "retry_max", section + "retry_min", "delivery.retry_max", "delivery.retry_min"}
	switch {
	case d.RetryMin == 0 || d.RetryMax == 0:
		key := section + "retry_min"
		if d.RetryMax == 0 {
			key = section + "retry_max"
		}
		c.fail(&finding{c.place(keys), fmt.Sprintf("key %s: a pause of 0 would try without end and without rest, write 1ms or more", key)})
	case d.RetryMin > d.RetryMax:
		c.fail(&finding{c.place(keys), fmt.Sprintf("key %[1]sretry_max: %[2]s is less than %[1]sretry_min, which is %[3]s", section, formatDuration(d.RetryMax), formatDuration(d.RetryMin))})
	}
}

// place gives where the first of the keys was written that was.
func (c *Config) place(keys []string) place {
	for _, k := range keys {
		if at, ok := c.record.given[k]; ok {
			return at
		}
	}
	return place{}
}

// checks are the combinations of keys that cannot be. Each is looked at only when all its keys could be read; the place
// of the error is that of the first of them.
var checks = []struct {
	keys  []string
	wrong func(c *Config) string
}{
	{[]string{"stdout_output.enabled", "file_output.enabled", "syslog_output.enabled", "http_output.enabled", "program_output.enabled", "grpc.enabled", "grpc_output.enabled"}, func(c *Config) string {
		o := &c.Outputs
		if o.Stdout.Enabled || o.File.Enabled || o.Syslog.Enabled || o.HTTP.Enabled || o.Program.Enabled || o.GRPC.Enabled {
			return ""
		}
		return "No output configured, please make sure at least one output is configured and enabled: stdout_output, file_output, syslog_output, http_output, program_output or grpc_output"
	}},
	{[]string{"file_output.filename", "file_output.enabled"}, func(c *Config) string {
		return c.needs(c.Outputs.File.Enabled && c.Outputs.File.Settings.Path == "", "file_output.enabled is true, but file_output.filename is empty")
	}},
	{[]string{"http_output.url", "http_output.enabled"}, func(c *Config) string {
		return c.needs(c.Outputs.HTTP.Enabled && c.Outputs.HTTP.Settings.URL.IsEmpty(), "http_output.enabled is true, but http_output.url is empty")
	}},
	{[]string{"http_output.mtls", "http_output.client_cert", "http_output.client_key"}, func(c *Config) string {
		return c.needs(c.record.http.mtls && (c.record.http.cert == "" || c.record.http.key == ""), "http_output.mtls needs http_output.client_cert and http_output.client_key")
	}},
	{[]string{"http_output.template_file", "http_output.template", "http_output.user_agent"}, func(c *Config) string {
		s := http.Settings{URL: secret.New("http://localhost/"), UserAgent: c.Outputs.HTTP.Settings.UserAgent, Template: c.Outputs.HTTP.Settings.Template}
		sink, err := http.New(s, http.Options{})
		if err != nil {
			return "http_output: " + err.Error()
		}
		_ = sink.Close()
		return ""
	}},
	{[]string{"program_output.program", "program_output.argv", "program_output.enabled"}, func(c *Config) string {
		s := c.Outputs.Program.Settings
		if s.Shell != "" && len(s.Argv) > 0 {
			return "program_output.program and program_output.argv are both set; keep one"
		}
		return c.needs(c.Outputs.Program.Enabled && s.Shell == "" && len(s.Argv) == 0, "program_output.enabled is true, but there is neither program_output.program nor program_output.argv")
	}},
	{[]string{"program_output.argv"}, func(c *Config) string {
		argv := c.Outputs.Program.Settings.Argv
		return c.needs(len(argv) > 0 && argv[0] == "", "program_output.argv must begin with the name of a program")
	}},
	{[]string{"syslog_output.address", "syslog_output.network", "syslog_output.enabled"}, func(c *Config) string {
		s := c.Outputs.Syslog.Settings
		if !c.Outputs.Syslog.Enabled || s.Network == "local" {
			return ""
		}
		_, err := hostPort.read(&value{scalar: s.Address})
		return c.needs(err != nil, "syslog_output.network "+s.Network+" needs syslog_output.address: write host:port, such as logs.example.com:514")
	}},
	{[]string{"syslog_output.client_cert", "syslog_output.client_key"}, func(c *Config) string {
		t := c.Outputs.Syslog.Settings.TLS
		return c.needs((t.CertificateFile == "") != (t.KeyFile == ""), "syslog_output.client_cert and syslog_output.client_key must be set together")
	}},
	{[]string{"grpc.bind_address", "grpc.private_key", "grpc.cert_chain", "grpc.root_certs", "grpc.enabled", "grpc_output.enabled"}, func(c *Config) string {
		s := c.Outputs.GRPC.Settings
		tcp := c.Outputs.GRPC.Enabled && len(s.BindAddress) > 0 && (len(s.BindAddress) < 7 || s.BindAddress[:7] != "unix://")
		return c.needs(tcp && (s.PrivateKey == "" || s.CertChain == "" || s.RootCerts == ""), "grpc.bind_address with a port needs grpc.private_key, grpc.cert_chain and grpc.root_certs; write unix:///PATH to do without")
	}},
	{[]string{"audit.tls_certificate", "audit.tls_key"}, func(c *Config) string {
		return c.needs((c.Audit.Certificate == "") != (c.Audit.Key == ""), "audit.tls_certificate and audit.tls_key must be set together")
	}},
	{[]string{"audit.tls_client_ca", "audit.tls_certificate"}, func(c *Config) string {
		return c.needs(c.Audit.ClientCA != "" && c.Audit.Certificate == "", "audit.tls_client_ca needs audit.tls_certificate and audit.tls_key")
	}},
	{[]string{"webserver.ssl_certificate", "webserver.ssl_enabled"}, func(c *Config) string {
		return c.needs(c.record.webTLS && c.record.webCertificate == "", "webserver.ssl_enabled is true, but webserver.ssl_certificate is empty")
	}},
	{[]string{"audit.max_body_bytes"}, func(c *Config) string {
		return c.needs(c.Audit.MaxBody == 0, "audit.max_body_bytes is 0: no event could be taken in")
	}},
	{[]string{"audit.duplicate_time"}, func(c *Config) string {
		return c.needs(c.Audit.DuplicateTime == 0, "audit.duplicate_time is 0: an event that is sent again would give its alerts again; write 10m, or 5m at least")
	}},
}

// needs gives the text when something is wrong.
func (c *Config) needs(wrong bool, text string) string {
	if wrong {
		return text
	}
	return ""
}

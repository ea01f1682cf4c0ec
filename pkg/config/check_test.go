package config

import (
	"strings"
	"testing"
	"time"

	"github.com/saker-security/saker/pkg/deliver/sink/syslog"
)

func TestCombinations(t *testing.T) {
	for _, test := range []struct{ file, want string }{
		{"stdout_output: {enabled: false}", ":1:26: No output configured, please make sure at least one output is configured and enabled: "},
		{"stdout_output: {enabled: maybe}", `:1:26: key stdout_output.enabled: "maybe" is not allowed, write true or false`},
		{"file_output: {enabled: true}", ":1:24: file_output.enabled is true, but file_output.filename is empty"},
		{"http_output: {enabled: true}", ":1:24: http_output.enabled is true, but http_output.url is empty"},
		{"http_output: {url: 'ftp://x'}", ":1:20: key http_output.url: the value is not allowed, write an address that begins with http:// or https://"},
		{"http_output: {mtls: true, client_cert: ''}", ":1:21: http_output.mtls needs http_output.client_cert and http_output.client_key"},
		{"http_output: {template: '{{.Nothing}}'}", ":1:25: http_output: template: line 1, column 3: "},
		{"http_output: {template: '{{'}", ":1:25: http_output: template: line 1, column 1: "},
		{"http_output: {template_file: /nowhere/x}", ":1:30: key http_output.template_file: read /nowhere/x: no such file or directory"},
		{"http_output: {template_file: /nowhere/x, template: y}", "there is http_output.template too, keep one"},
		{"http_output: {user_agent: \"a\\nb\"}", ":1:27: http_output: the user agent "},
		{"program_output: {enabled: true}", ":1:27: program_output.enabled is true, but there is neither program_output.program nor program_output.argv"},
		{"program_output: {program: cat, argv: [cat]}", ":1:27: program_output.program and program_output.argv are both set; keep one"},
		{"program_output: {argv: ['']}", "program_output.argv must begin with the name of a program"},
		{"syslog_output: {enabled: true, network: tcp}", ":1:41: syslog_output.network tcp needs syslog_output.address: write host:port"},
		{"syslog_output: {enabled: true, network: udp, address: x}", ":1:55: syslog_output.network udp needs"},
		{"syslog_output: {client_cert: x}", ":1:30: syslog_output.client_cert and syslog_output.client_key must be set together"},
		{"grpc: {enabled: true, bind_address: ':5060', cert_chain: ''}\ngrpc_output: {enabled: true}", ":1:37: grpc.bind_address with a port needs grpc.private_key"},
		{"grpc: {bind_address: 'unix://'}", ":1:22: key grpc.bind_address: "},
		{"audit: {tls_certificate: x}", ":1:26: audit.tls_certificate and audit.tls_key must be set together"},
		{"audit: {tls_client_ca: x}", ":1:24: audit.tls_client_ca needs audit.tls_certificate"},
		{"audit: {max_body_bytes: 0}", ":1:25: audit.max_body_bytes is 0"},
		{"audit: {listen: localhost}", `:1:17: key audit.listen: "localhost" is not allowed, write an address and a port`},
		{"webserver: {ssl_enabled: true, ssl_certificate: ''}", ":1:49: webserver.ssl_enabled is true, but webserver.ssl_certificate is empty"},
		{"webserver: {listen_address: localhost}", "write an IP address such as 127.0.0.1"},
		{"delivery: {retry_min: 5s, retry_max: 1s}", ":1:38: key delivery.retry_max: 1s is less than delivery.retry_min, which is 5s"},
		{"http_output: {delivery: {retry_max: 0}}", ":1:37: key http_output.delivery.retry_max: a pause of 0 would try without end"},
		{"http_output: {delivery: {retry_max: 5ms}}", ":1:37: key http_output.delivery.retry_max: 5ms is less than http_output.delivery.retry_min, which is 500ms"},
		{"delivery: {queue_bytes: 0}", `:1:25: key delivery.queue_bytes: "0" is not allowed, write a number of bytes such as 65536, 64KiB, 10MB or 1GiB, 1MiB at least`},
		{"http_output: {delivery: {memory_bytes: 5}}", "1MiB at least"},
		{"delivery: {retry_min: 0}", "a pause of 0 would try without end"},
		{"syscall_event_drops: {actions: [ignore, log]}", "key syscall_event_drops.actions: ignore stands alone; with it there cannot be log"},
		{"engine: {kind: gvisor}", "cannot take events from gVisor; write one of auto, modern_ebpf, bcc, nodriver"},
		{"engine: {kind: vax}", `"vax" is not allowed, write one of auto, modern_ebpf, bcc, nodriver`},
		{"sources: [k8s_audit, vms]", ":1:10: key sources: this list is not allowed, write a list of k8s_audit, syscall"},
	} {
		path := write(t, test.file+"\n")
		_, _, err := load(path, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), path+":") {
			t.Errorf("%s: %v, want %q", test.file, err, test.want)
		}
	}
}

// What is wrong for all sinks is told once.
func TestPausesOnce(t *testing.T) {
	path := write(t, "")
	_, _, err := load(path, []string{"delivery.retry_max=300ms"})
	if want := "-o delivery.retry_max: key delivery.retry_max: 300ms is less than delivery.retry_min, which is 500ms"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// All that is wrong is told at once, in the order of the file, and nothing that only follows from it.
func TestAllErrors(t *testing.T) {
	path := write(t, `log_level: loud
stdout_output: {enabled: 7}
webserver: {listen_port: x, ssl_enabled: {}}
http_output: 5
rules: [{enable: {}}]
priority: [a]
`)
	_, _, err := load(path, []string{"json_output=x", "nothing", "metrics.interval=5"})
	want := strings.ReplaceAll(`F:1:12: key log_level: "loud" is not allowed, write one of emergency, alert, critical, error, warning, notice, info, debug
F:2:26: key stdout_output.enabled: "7" is not allowed, write true or false
F:3:26: key webserver.listen_port: "x" is not allowed, write a whole number from 0 to 65535
F:3:42: key webserver.ssl_enabled: a mapping is not allowed, write true or false
F:4:14: key http_output must be a mapping with keys such as enabled
F:5:18: key rules[0].enable: names neither a rule nor a tag
F:6:11: key priority: this list is not allowed, write one of emergency, alert, critical, error, warning, notice, informational, debug
-o json_output: key json_output: "x" is not allowed, write true or false
-o: the option that begins with "nothing" must have the form key=value or key.subkey=value
-o metrics.interval: key metrics.interval: "5" is not allowed, write a time such as 1h, 1h30m10s500ms, or a number of milliseconds, 100ms at least`, "F:", path+":")
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestDelivery(t *testing.T) {
	c, warnings, err := load(write(t, `
http_output: {delivery: {batch: 100, timeout: 3s}}
delivery: {batch: 7, rate: 20}
output_timeout: 5000
`), nil)
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	o := c.Outputs
	if o.HTTP.Delivery.Batch != 100 || o.File.Delivery.Batch != 7 || o.Stdout.Delivery.Batch != 7 || o.HTTP.Delivery.Timeout != 3*time.Second ||
		o.File.Delivery.Timeout != 5*time.Second || o.GRPC.Delivery.Timeout != 0 || o.HTTP.Delivery.Rate != 20 {
		t.Errorf("%+v", o)
	}
	c, _, err = load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if o := c.Outputs; o.Stdout.Delivery.Batch != 256 || o.HTTP.Delivery.Batch != 1 || o.HTTP.Delivery.Timeout != 10*time.Second || o.GRPC.Delivery.Timeout != 0 {
		t.Errorf("%+v", o)
	}
	// An explicit delivery.timeout is stronger than Falco's key.
	c, _, err = load("", []string{"delivery.timeout=9s", "output_timeout=5000"})
	if err != nil || c.Outputs.HTTP.Delivery.Timeout != 9*time.Second {
		t.Errorf("%v, %v", c.Outputs.HTTP.Delivery, err)
	}
}

func TestAuthorities(t *testing.T) {
	for _, test := range []struct{ file, ca, bundle, path string }{
		{"url: https://x, ca_path: /etc/ssl/certs", "", "", ""}, {"url: https://x, ca_path: /etc/ssl/certs/", "", "", ""}, {"url: https://x, ca_path: /x", "", "", "/x"},
		{"url: https://x, ca_path: /x, ca_bundle: /b", "", "/b", ""}, {"url: https://x, ca_path: /x, ca_bundle: /b, ca_cert: /c", "/c", "", ""},
		{"url: http://x, ca_path: /x", "", "", ""},
	} {
		c, _, err := load(write(t, "http_output: {"+test.file+"}\n"), nil)
		tls := c.Outputs.HTTP.Settings.TLS
		if err != nil || tls.CAFile != test.ca || tls.CABundle != test.bundle || tls.CAPath != test.path {
			t.Errorf("%s: %+v, %v", test.file, tls, err)
		}
	}
}

func TestBufferPresets(t *testing.T) {
	for _, test := range []struct {
		options []string
		cpus    int
		want    int64
	}{
		{nil, 8, 0},
		{[]string{"engine.modern_ebpf.buf_size_preset=5"}, 8, 4 * 16 << 20},
		{[]string{"engine.modern_ebpf.buf_size_preset=1", "engine.modern_ebpf.cpus_for_each_buffer=0"}, 7, 1 << 20},
		{[]string{"engine.modern_ebpf.cpus_for_each_buffer=2"}, 7, 0},
		{[]string{"engine.modern_ebpf.cpus_for_each_buffer=3"}, 7, 3 * 8 << 20},
		{[]string{"engine.modern_ebpf.buf_size_preset=10"}, 64, 1 << 30},
		{[]string{"engine.kind=kmod", "engine.kmod.buf_size_preset=2", "engine.modern_ebpf.buf_size_preset=9"}, 4, 4 * 2 << 20},
		{[]string{"engine.kind=kmod", "engine.modern_ebpf.buf_size_preset=9"}, 4, 0},
	} {
		c, _, err := load("", test.options)
		if got := c.presetBuffer(test.cpus); err != nil || got != test.want {
			t.Errorf("%q: %d, %v; want %d", test.options, got, err, test.want)
		}
	}
	c, _, err := load("", []string{"engine.modern_ebpf.buf_size_preset=9", "engine.buffer_bytes=5MiB"})
	if err != nil || c.Sensor.Buffer != 5<<20 {
		t.Errorf("%d, %v", c.Sensor.Buffer, err)
	}
}

func TestGRPCNeedsBoth(t *testing.T) {
	c, warnings, err := load("", []string{"grpc_output.enabled=true"})
	if err != nil || c.Outputs.GRPC.Enabled || len(warnings) != 1 || !strings.Contains(warnings[0], "only when grpc.enabled and grpc_output.enabled are both true") {
		t.Errorf("%q, %v", warnings, err)
	}
	c, warnings, err = load("", []string{"grpc_output.enabled=true", "grpc.enabled=true"})
	if err != nil || !c.Outputs.GRPC.Enabled || len(warnings) > 0 {
		t.Errorf("%q, %v", warnings, err)
	}
}

// The facilities that may be written are those that the sink has.
func TestFacilities(t *testing.T) {
	for i, name := range facilities {
		if _, err := syslog.Facility(name); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}

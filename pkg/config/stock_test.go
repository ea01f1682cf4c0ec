package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A file that nobody changed starts, and only what somebody should know is said.
func TestStock(t *testing.T) {
	const path = "testdata/stock.yaml"
	c, warnings, err := load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		path + ":6:3: none of the rules files is there (/nowhere/falco/falco_rules.yaml, /nowhere/falco/falco_rules.local.yaml, /nowhere/falco/rules.d): the built-in rules are used",
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Error(diff)
	}
	if c.Sensor.Kind != "modern_ebpf" || c.Sensor.Buffer != 0 || c.Web.Address != "0.0.0.0" || c.Web.Metrics || !c.Outputs.Syslog.Enabled {
		t.Errorf("wrong values: %+v", c)
	}
	if tls := c.Outputs.HTTP.Settings.TLS; tls.CAPath != "" || tls.CertificateFile != "" {
		t.Errorf("the authorities are not those of the system: %+v", tls)
	}
	if got := c.Outputs.HTTP.Delivery.Timeout; got != defaultHTTPTimeout {
		t.Errorf("the default of output_timeout made a time-out of %v", got)
	}
}

const defaultHTTPTimeout = 10e9

func TestOldStock(t *testing.T) {
	const path = "testdata/old.yaml"
	c, warnings, err := load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		path + ":3:3: none of the rules files is there (/nowhere/falco/falco_rules.yaml, /nowhere/falco/rules.d): the built-in rules are used",
		path + ":34:9: key engine.kind: kmod is taken for auto: Saker has no kernel module; the sensor is CO-RE eBPF or, for kernels without BTF, BCC",
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Error(diff)
	}
	if c.Sensor.Kind != "auto" || c.Outputs.GRPC.Enabled {
		t.Errorf("wrong values: %+v", c)
	}
}

// Every key of the table is in one of the two files, except ours.
func TestStockIsWhole(t *testing.T) {
	missing := []string{"rules", "grpc.private_key", "grpc.cert_chain", "grpc.root_certs", "container_engines.cri.cri_timeout", "webserver.k8s_audit_endpoint"}
	given := map[string]bool{"config_files": true, "static_fields": true}
	for _, path := range []string{"testdata/stock.yaml", "testdata/old.yaml"} {
		c, _, err := load(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name := range c.record.given {
			given[name] = true
		}
	}
	for _, name := range missing {
		given[name] = true
	}
	for _, k := range Keys() {
		if !k.Ours && !given[k.Name] {
			t.Errorf("%s is in no file", k.Name)
		}
	}
}

// Each key without effect says so when it is changed.
func TestInertKeys(t *testing.T) {
	changed := map[string]string{
		"outputs_queue.capacity": "7", "http_output.max_consecutive_timeouts": "9", "grpc.threadiness": "2", "engine.modern_ebpf.drop_failed_exit": "true",
		"base_syscalls.custom_set": "[read]", "syscall_buf_size_preset": "7", "capture.enabled": "true", "falco_libs.snaplen": "81",
		"container_engines.docker.enabled": "false", "outputs.rate": "2", "webserver.k8s_audit_endpoint": "/x", "plugins_hostinfo": "false",
	}
	for name, text := range changed {
		_, warnings, err := load("", []string{name + "=" + text})
		if err != nil || len(warnings) != 1 || !strings.HasPrefix(warnings[0], "-o "+name+": key "+name+" has no effect: ") {
			t.Errorf("%s: %q, %v", name, warnings, err)
		}
	}
}

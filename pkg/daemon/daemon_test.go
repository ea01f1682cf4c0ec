package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/syscall/driver"
)

// output collects what the daemon writes; it is safe for concurrent use.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	fail error
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return 0, o.fail
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) setFailure(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fail = err
}

// patience is how long a test waits for what must come.
const patience = time.Minute

// waitFor polls until text appears in the output.
func (o *output) waitFor(t *testing.T, text string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !strings.Contains(o.String(), text) {
		if time.Now().After(deadline) {
			t.Fatalf("no %q within %v in:\n%s", text, patience, o.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// waitUntil polls until done is true.
func waitUntil(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v", patience)
		}
	}
}

func testConfig() config.Config {
	c := config.Default()
	c.Hostname = "host"
	c.Audit.Listen, c.Web.Port = "127.0.0.1:0", 0
	return c
}

// options give a daemon one configuration, however often it asks.
func options(cfg config.Config, stdout, stderr io.Writer, sources ...string) Options {
	load := func() (config.Config, []string, error) { return cfg, nil, nil }
	return Options{Load: load, Sources: sources, Stdout: stdout, Stderr: stderr}
}

// start runs a daemon until stop is called, which returns what Run returned.
func start(t *testing.T, cfg config.Config, sources ...string) (d *Daemon, stdout, stderr *output, stop func() error) {
	t.Helper()
	return startWith(t, options(cfg, nil, nil, sources...))
}

// startWith is start with other options, of which the outputs are set here.
func startWith(t *testing.T, o Options) (d *Daemon, stdout, stderr *output, stop func() error) {
	t.Helper()
	stdout, stderr = &output{}, &output{}
	o.Stdout, o.Stderr = stdout, stderr
	d, err := New(o)
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	var once sync.Once
	stop = func() (err error) {
		once.Do(func() {
			cancel()
			err = <-done
		})
		return err
	}
	t.Cleanup(func() { _ = stop() })
	waitUntil(t, func() bool { return d.ops.phase.Load() != phaseStarting })
	return d, stdout, stderr, stop
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func post(t *testing.T, d *Daemon, body string) (int, string) {
	t.Helper()
	answer, err := http.Post("http://"+d.AuditAddress()+"/k8s-audit", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func example(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../examples/exec-into-pod.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// One audit event goes all the way: over HTTP, through the built-in rules, to standard output and a file.
func TestAuditToAlert(t *testing.T) {
	cfg := testConfig()
	cfg.JSON = true
	cfg.Outputs.File.Enabled, cfg.Outputs.File.Settings.Path = true, filepath.Join(t.TempDir(), "alerts")
	cfg.DataDir, cfg.DataDirChosen = filepath.Join(t.TempDir(), "data"), true
	d, stdout, stderr, stop := start(t, cfg, "k8s_audit")
	if code, body := post(t, d, example(t)); code != http.StatusOK || !strings.Contains(body, `"accepted":1`) {
		t.Fatalf("%d %s", code, body)
	}
	stdout.waitFor(t, "\n")
	line := stdout.String()
	var alert struct {
		Hostname, Output, Priority, Rule, Source, Time string
		OutputFields                                   map[string]any `json:"output_fields"`
		Tags                                           []string
	}
	if err := json.Unmarshal([]byte(line), &alert); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	if alert.Rule != "Session opened in a pod" || alert.Hostname != "host" || alert.Source != "k8s_audit" ||
		alert.Time != "2026-11-21T08:27:32.123301000Z" || alert.OutputFields["ka.target.name"] != "web-0" {
		t.Errorf("alert %+v", alert)
	}
	waitUntil(t, func() bool {
		data, err := os.ReadFile(cfg.Outputs.File.Settings.Path)
		return err == nil && string(data) == line
	})
	web := "http://" + d.WebAddress()
	if code, body := get(t, web+"/healthz"); code != 200 || body != `{"status": "ok"}` {
		t.Errorf("healthz: %d %s", code, body)
	}
	if code, body := get(t, web+"/versions"); code != 200 || !strings.Contains(body, `"engine_version_semver":"0.`) {
		t.Errorf("versions: %d %s", code, body)
	}
	_, metrics := get(t, web+"/metrics")
	for _, want := range []string{
		`falcosecurity_falco_rules_matches_total{priority="5",rule_name="Session opened in a pod",source="k8s_audit",tag_T1609="true",tag_execution="true",tag_k8s="true",tag_pod="true"} 1`,
		`saker_events_evaluated_total{source="k8s_audit"} 1`,
		`saker_alerts_delivered_total{sink="stdout"} 1`,
		`saker_audit_requests_total{code="200"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(stderr.String(), `"msg":"events detected","alerts":1,"priorities":{"Notice":1},"rules":{"Session opened in a pod":1}`) || strings.Contains(stdout.String(), "detected") {
		t.Errorf("statistics must not mix with JSON alerts:\n%s", stdout)
	}
}

// A sink that fails hurts nobody: the event is acknowledged, because its alert is kept, and delivered when the sink is
// well again.
func TestFailingSink(t *testing.T) {
	cfg := testConfig()
	cfg.Outputs.Stdout.Delivery.RetryMin, cfg.Outputs.Stdout.Delivery.RetryMax = time.Millisecond, time.Millisecond
	cfg.Outputs.Stdout.Delivery.BreakerFailures = 0
	d, stdout, stderr, _ := start(t, cfg, "k8s_audit")
	stdout.setFailure(errors.New("no space left"))
	if code, body := post(t, d, example(t)); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
	stderr.waitFor(t, "no space left")
	_, metrics := get(t, "http://"+d.WebAddress()+"/metrics")
	for _, want := range []string{`saker_alerts_queued{sink="stdout"} 1`, `saker_sink_up{sink="stdout"} 0`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	stdout.setFailure(nil)
	stdout.waitFor(t, "pod=web-0")
}

// blocked is an output that nobody reads.
type blocked struct{ release chan struct{} }

func (b blocked) Write(p []byte) (int, error) {
	<-b.release
	return len(p), nil
}

// An output that blocks does not keep events from being acknowledged nor the program from ending, which tells that the
// alerts, which are in memory, are lost.
func TestEndWithABlockedOutput(t *testing.T) {
	out := blocked{make(chan struct{})}
	defer close(out.release)
	cfg := testConfig()
	cfg.Shutdown.Drain = 100 * time.Millisecond
	var stderr output
	d, err := New(options(cfg, out, &stderr, "k8s_audit"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	if code, body := post(t, d, example(t)); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
	cancel()
	err = <-ended
	if err == nil || !strings.Contains(err.Error(), "alerts were lost: 1 for stdout") {
		t.Errorf("ended with %v", err)
	}
}

// What is wrong with a body does not disturb what comes after it.
func TestBadBodies(t *testing.T) {
	cfg := testConfig()
	cfg.Log.Format = "text"
	d, _, stderr, stop := start(t, cfg, "k8s_audit")
	for _, test := range []struct {
		body string
		code int
		want string
	}{
		{`{"kind":"EventList","items":[{"stage":`, 400, `"line":1,"column":39`},
		{`{"kind":"Pod"}`, 400, "kind"},
		{`not json`, 400, "offset"},
		{strings.Repeat("[", 100_000), 400, "deep"},
		{`{"kind":"EventList","items":[1,{"kind":"Event"}]}`, 200, `"rejected":2`},
	} {
		if code, body := post(t, d, test.body); code != test.code || !strings.Contains(body, test.want) {
			t.Errorf("%.40s: %d %s", test.body, code, body)
		}
	}
	if code, body := post(t, d, example(t)); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(stderr.String(), "Events detected: 1\n") {
		t.Errorf("wrong statistics:\n%s", stderr)
	}
}

func TestNewFails(t *testing.T) {
	used, _, _, _ := start(t, testConfig(), "k8s_audit")
	broken := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(broken, []byte("- rule: r\n  condition: ka.verbs = get\n  output: x\n  desc: d\n  priority: INFO\n  source: k8s_audit\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*config.Config)
		source string
		want   string
	}{
		{"source", func(*config.Config) {}, "sycall", `unknown source "sycall"`},
		{"address", func(c *config.Config) { c.Audit.Listen = used.AuditAddress() }, "", "--audit-listen"},
		{"web", func(c *config.Config) {
			var port string
			c.Web.Address, port, _ = strings.Cut(used.WebAddress(), ":")
			c.Web.Port, _ = strconv.Atoi(port)
		}, "", "webserver.listen_port"},
		{"rules", func(c *config.Config) { c.RulesFiles = []string{broken} }, "", "the rules cannot be used"},
		{"no rules file", func(c *config.Config) { c.RulesFiles = []string{broken + "x"} }, "", "no such file"},
		{"no output", func(c *config.Config) { c.Outputs.Stdout.Enabled = false }, "", "no output is enabled"},
	} {
		cfg := testConfig()
		test.change(&cfg)
		var sources []string
		if test.source != "" {
			sources = []string{test.source}
		}
		_, err := New(options(cfg, io.Discard, io.Discard, sources...))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}

// A program reads a sensitive file on this machine, and its alert arrives.
func TestSensorToAlert(t *testing.T) {
	needSensor(t)
	cfg := testConfig()
	d, stdout, stderr, stop := start(t, cfg, "syscall")
	if d.sensor == nil {
		t.Fatalf("the sensor is not running:\n%s", stderr)
	}
	shadow := "/etc/shadow"
	before := time.Now()
	if out, err := exec.Command("cat", shadow).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	stdout.waitFor(t, "file="+shadow)
	t.Logf("the alert came %s after the program was started", time.Since(before).Round(time.Millisecond))
	if !strings.Contains(stdout.String(), "command=cat /etc/shadow") || !strings.Contains(stdout.String(), "user=root") {
		t.Errorf("alerts:\n%s", stdout)
	}
	_, metrics := get(t, "http://"+d.WebAddress()+"/metrics")
	for _, want := range []string{`falcosecurity_scap_engine_name_info{engine_name="co-re",evt_source="syscall"} 1`, "falcosecurity_scap_n_drops_total 0"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// needSensor skips a test on a machine where the sensor cannot run; in CI that is a failure.
func needSensor(t *testing.T) {
	t.Helper()
	d, err := openDriver("auto", driver.Options{})
	if err == nil {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
}

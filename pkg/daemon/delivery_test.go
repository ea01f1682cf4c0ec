package daemon

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/queue"
	"github.com/saker-security/saker/pkg/deliver/secret"
	"github.com/saker-security/saker/pkg/engine"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// httpConfig is a configuration with one rule that every event matches and one sink, a web server.
func httpConfig(t *testing.T, url string) config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, file, generation("x"))
	cfg := testConfig()
	cfg.RulesFiles, cfg.Watch = []string{file}, false
	cfg.DataDir, cfg.DataDirChosen = filepath.Join(t.TempDir(), "data"), true
	cfg.Outputs.Stdout.Enabled = false
	h := &cfg.Outputs.HTTP
	h.Enabled, h.Settings.URL = true, secret.New(url)
	h.Delivery.RetryMin, h.Delivery.RetryMax, h.Delivery.BreakerFailures = 5*time.Millisecond, 20*time.Millisecond, 0
	cfg.Shutdown.Drain = 50 * time.Millisecond
	return cfg
}

var idOf = regexp.MustCompile(` id=([^ "]+)`)

// accepted are the IDs of the events whose alerts a server took, with how often.
func accepted(s *fakesink.Server) map[string]int {
	return s.Alerts(func(text string) string {
		if m := idOf.FindStringSubmatch(text); m != nil {
			return m[1]
		}
		return "?"
	})
}

// checkAccounts fails when an alert of a sink is in no counter, or in two.
func checkAccounts(t *testing.T, d *Daemon) {
	t.Helper()
	for _, c := range d.pipeline.outputs.Counts() {
		if n := c.Unaccounted(); n != 0 {
			t.Errorf("%d alerts are not accounted for: %+v", n, c)
		}
	}
}

// A sink that is down keeps nobody from being answered. What it did not take is on disk when the program ends, which says
// so, and is delivered by the next one.
func TestRestartDeliversWhatWaited(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	server.Down()
	cfg := httpConfig(t, server.URL)
	d, _, stderr, stop := start(t, cfg, "k8s_audit")
	const n = 50
	if code, body := post(t, d, batchOf("a", n)); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	_, metrics := get(t, "http://"+d.WebAddress()+"/metrics")
	if want := fmt.Sprintf(`saker_alerts_queued{sink="http"} %d`, n); !strings.Contains(metrics, want) {
		t.Errorf("metrics lack %s", want)
	}
	if _, err := New(options(cfg, io.Discard, io.Discard, "k8s_audit")); err == nil || !strings.Contains(err.Error(), cfg.DataDir) {
		t.Errorf("a second process on the same data: %v", err)
	}
	// The control socket is there for the user alone, and answers.
	socket := filepath.Join(cfg.DataDir, controlName)
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("control socket: %v, %v", info, err)
	}
	waitUntil(t, func() bool { return d.sinkCounts()[0].Failing != "" })
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	answer, err := client.Get("http://saker" + pathAlerts + "?state=queued")
	if err != nil {
		t.Fatal(err)
	}
	list, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	client.CloseIdleConnections()
	if err != nil || strings.Count(string(list), `"rule":"every event"`) != n || strings.Count(string(list), `"reason":"http`) != n {
		t.Errorf("%v: %.300s", err, list)
	}
	d.Leave() // only tells what is left
	if want := fmt.Sprintf("Ended at once. Alerts that wait in %s and are delivered after the next start: %d for http (", cfg.DataDir, n); !strings.Contains(stderr.String(), want) {
		t.Errorf("not told %q:\n%s", want, stderr)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	checkAccounts(t, d)
	if want := fmt.Sprintf("Alerts that wait in %s and are delivered after the next start: %d for http (", cfg.DataDir, n); !strings.Contains(stderr.String(), want) {
		t.Errorf("not told %q:\n%s", want, stderr)
	}

	server.Up(t)
	cfg.Shutdown.Drain = 20 * time.Second
	d, _, _, stop = start(t, cfg, "k8s_audit")
	if err := stop(); err != nil { // it drains first
		t.Error(err)
	}
	got := accepted(server)
	for i := range n {
		if got[fmt.Sprintf("a-%d", i)] == 0 {
			t.Errorf("the alert of event %d did not arrive", i)
		}
	}
	c := d.pipeline.outputs.Counts()[0]
	if c.Recovered != n || c.Delivered != n || c.Queued != 0 {
		t.Errorf("counts %+v", c)
	}
	checkAccounts(t, d)
}

// A queue that is full and does not drop has the sender come again later, and nothing that was acknowledged is lost.
func TestFullQueueHoldsTheSenderBack(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	server.Down()
	cfg := httpConfig(t, server.URL)
	cfg.Shutdown.Drain = 20 * time.Second
	cfg.Outputs.HTTP.Delivery.Queue = queue.Settings{Policy: queue.Block, MaxBytes: 64 << 10, MemoryBytes: 1 << 20}
	d, _, _, stop := start(t, cfg, "k8s_audit")
	acknowledged := 0
	busy := func(i int) bool {
		answer, err := http.Post("http://"+d.AuditAddress()+"/k8s-audit", "application/json", strings.NewReader(batchOf(fmt.Sprint(i), 10)))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		switch answer.StatusCode {
		case http.StatusOK:
			return false
		case http.StatusServiceUnavailable:
			if answer.Header.Get("Retry-After") == "" || !strings.Contains(string(body), "alerts cannot be stored: sink http: "+deliver.ErrFull.Error()) || strings.Contains(string(body), "busy") {
				t.Errorf("answer %v %s", answer.Header, body)
			}
		default:
			t.Fatalf("%s: %s", answer.Status, body)
		}
		return true
	}
	for !busy(acknowledged) {
		if acknowledged++; acknowledged > 1000 {
			t.Fatal("the queue never gets full")
		}
	}
	if acknowledged == 0 {
		t.Fatal("the queue is full at once")
	}
	const held = "the queue of sink http is full and holds back the sources"
	for _, path := range []string{"/readyz", "/healthz"} {
		if code, body := get(t, "http://"+d.WebAddress()+path); code != http.StatusServiceUnavailable || !strings.Contains(body, held) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	server.Up(t)
	waitUntil(t, func() bool { return !busy(acknowledged) }) // as the API server does
	acknowledged++
	waitUntil(t, func() bool {
		code, _ := get(t, "http://"+d.WebAddress()+"/readyz")
		return code == http.StatusOK
	})
	if err := stop(); err != nil {
		t.Error(err)
	}
	got := accepted(server)
	for i := range acknowledged {
		for j := range 10 {
			if got[fmt.Sprintf("%d-%d", i, j)] == 0 {
				t.Errorf("the alert of event %d-%d did not arrive", i, j)
			}
		}
	}
	checkAccounts(t, d)
	for _, c := range d.pipeline.outputs.Counts() {
		if dropped([]deliver.Count{c}) > 0 {
			t.Errorf("alerts were dropped: %+v", c)
		}
	}
}

// A data directory that nobody chose and that cannot be used is told, and memory takes its place; one that was chosen is
// an error.
func TestUnusableDataDirectory(t *testing.T) {
	cfg := testConfig()
	blocker := filepath.Join(t.TempDir(), "file")
	write(t, blocker, "")
	cfg.DataDir, cfg.DataDirChosen = filepath.Join(blocker, "data"), true
	if _, err := New(options(cfg, io.Discard, io.Discard, "k8s_audit")); err == nil || !strings.Contains(err.Error(), blocker) {
		t.Errorf("chosen: %v", err)
	}
	cfg.DataDirChosen = false
	d, stdout, stderr, stop := start(t, cfg, "k8s_audit")
	if text := stderr.String(); !strings.Contains(text, `"level":"warn"`) || !strings.Contains(text, "in memory only") || !strings.Contains(text, blocker) {
		t.Errorf("not told:\n%s", text)
	}
	if code, _ := post(t, d, example(t)); code != http.StatusOK || d.storage().durable {
		t.Errorf("%d, %+v", code, d.storage())
	}
	stdout.waitFor(t, "pod=web-0")
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Panics of rules and of their outputs are defects of the program, and cost neither it nor an alert: other rules are
// evaluated, an output that cannot be made is replaced, and the stack is logged once.
func TestPanicsInEvaluation(t *testing.T) {
	d, stdout, stderr, stop := start(t, testConfig(), "k8s_audit")
	catalogue := audit.Catalogue("h")
	var own []field.Field
	for _, f := range catalogue.Fields() {
		own = append(own, *f)
	}
	boom := field.Field{Name: "x.boom", Type: event.TypeString, Help: "Panics.",
		Extract: func(*event.Event, *field.Arg, *event.Value) bool { panic("boom") }}
	catalogues := map[string]*field.Catalogue{event.SourceK8sAudit: field.New(event.SourceK8sAudit, catalogue.Types(), own, []field.Field{boom})}
	var text strings.Builder
	for _, r := range []string{"condition: x.boom exists\n  output: never", "condition: ka.verb exists\n  output: boom=%x.boom", "condition: ka.verb exists\n  output: fine"} {
		fmt.Fprintf(&text, "- rule: r%d\n  desc: d\n  source: k8s_audit\n  %s\n  priority: NOTICE\n", text.Len(), r)
	}
	set, found := rule.Load([]rule.File{{Name: "r", Data: []byte(text.String())}}, catalogues)
	compiled, more := set.Compile(catalogues)
	if rule.HasErrors(append(found, more...)) {
		t.Fatal(found, more)
	}
	d.pipeline.engine.Swap(compiled, engine.Options{MatchAll: true, MinPriority: rule.PriorityDebug})
	const n = 3
	for i := range n {
		if code, body := post(t, d, batchOf(fmt.Sprint(i), 1)); code != http.StatusOK {
			t.Errorf("%d %s", code, body)
		}
	}
	_, metrics := get(t, "http://"+d.WebAddress()+"/metrics")
	for _, want := range []string{`saker_events_not_evaluated_total{reason="panic",source="k8s_audit"} 3`, "saker_panics_total 6"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if out := stdout.String(); strings.Count(out, "Notice boom=%x.boom\n") != n || strings.Count(out, "Notice fine\n") != n {
		t.Errorf("alerts:\n%s", out)
	}
	if log := stderr.String(); strings.Count(log, `"stack"`) != 2 || strings.Count(log, `"panic":"boom"`) != 2*n {
		t.Errorf("log:\n%s", log)
	}
}

// Secrets of a configuration are nowhere to be seen, whatever happens: while the sink fails, is refused, is changed, and
// at the end.
func TestSecretsAreNotShown(t *testing.T) {
	const canary = "s3cr3t-canary"
	server := fakesink.Start(t, fakesink.Options{Script: fakesink.Sequence(
		fakesink.Answer{Status: 500, Body: "no"}, fakesink.Answer{Fault: fakesink.Reset}, fakesink.Redirect(302, "http://127.0.0.1:1/"),
		fakesink.Answer{Status: 400, Body: "bad"}, fakesink.Answer{Status: 401})})
	cfg := httpConfig(t, strings.Replace(server.URL, "http://", "http://user:"+canary+"@", 1)+"/"+canary+"?token="+canary)
	cfg.Outputs.HTTP.Settings.Headers = map[string]secret.Text{"Authorization": secret.New("Bearer " + canary)}
	cfg.Log.Level = "debug"
	d, stdout, stderr, stop := start(t, cfg, "k8s_audit")
	for i := range 3 {
		if code, body := post(t, d, batchOf(fmt.Sprint(i), 2)); code != http.StatusOK || strings.Contains(body, canary) {
			t.Errorf("%d %s", code, body)
		}
	}
	server.Wait(t, 8)
	if request := server.Receipts()[0]; !strings.Contains(request.URI, canary) || !strings.Contains(request.Header.Get("Authorization"), canary) {
		t.Errorf("the sink did not get the secrets: %s %v", request.URI, request.Header)
	}
	server.Down()
	if err := d.reload(always); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"/metrics", "/config", "/readyz", "/healthz", "/versions", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2"} {
		if _, body := get(t, "http://"+d.WebAddress()+path); strings.Contains(body, canary) {
			t.Errorf("%s shows a secret: %s", path, body)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{"log": stderr.String(), "output": stdout.String()} {
		if strings.Contains(text, canary) {
			t.Errorf("the %s shows a secret:\n%s", name, text)
		}
	}
	err := filepath.WalkDir(cfg.DataDir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), canary) {
			t.Errorf("%s holds a secret", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

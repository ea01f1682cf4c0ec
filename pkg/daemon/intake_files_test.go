package daemon

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/config"
)

// linesOf writes the events of a batch as an API server writes its log.
func linesOf(t *testing.T, batch string) string {
	t.Helper()
	var list struct{ Items []json.RawMessage }
	if err := json.Unmarshal([]byte(batch), &list); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, item := range list.Items {
		b.Write(item)
		b.WriteByte('\n')
	}
	return b.String()
}

// appendTo adds a text to a file.
func appendTo(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// A log is read beside the webhook: what comes by both gives one alert, everything is accounted for, and a restart goes
// on where the log was.
func TestFollowedLog(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	cfg := httpConfig(t, server.URL)
	name := filepath.Join(t.TempDir(), "audit.log")
	cfg.Audit.Files = []config.AuditFile{{Path: name}}
	d, _, _, stop := start(t, cfg, "k8s_audit")
	web := "http://" + d.WebAddress()
	if code, body := get(t, web+"/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "audit log "+name+": there is nothing to read") {
		t.Errorf("%d %s", code, body)
	}
	appendTo(t, name, linesOf(t, batchOf("a", 3))+"no json\n"+`{"kind":"Event"}`+"\n")
	if code, body := post(t, d, batchOf("b", 2)); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	waitUntil(t, func() bool { c := d.intake.counts(); return c.files[0].Events == 3 && c.files[0].Malformed == 1 })
	appendTo(t, name, linesOf(t, batchOf("b", 2))) // they came by the webhook, too
	waitUntil(t, func() bool { return d.intake.counts().duplicates == 2 })
	waitUntil(t, func() bool { code, _ := get(t, web+"/readyz"); return code == http.StatusOK })
	waitUntil(t, func() bool { return d.intake.counts().files[0].Behind == 0 })
	if s := checkAuditAccounts(t, d); s != (auditSums{received: 9, evaluated: 5, duplicates: 2, missed: 2}) {
		t.Errorf("%+v", s)
	}
	families := metricsOf(t, d)
	for metric, want := range map[string]float64{
		"saker_audit_file_up": 1, "saker_audit_file_files": 1, "saker_audit_file_events_total": 5, "saker_audit_file_behind_bytes": 0,
		"saker_audit_file_malformed_total": 1, "saker_audit_file_rotations_total": 0,
	} {
		if got := value(t, families, metric, "path="+name); got != want {
			t.Errorf("%s %v, want %v", metric, got, want)
		}
	}
	if got := d.readiness(time.Now()).Rules; len(got) != 1 || got["k8s_audit"] != 1 {
		t.Errorf("%v", got)
	}
	r, err := AskAudit(t.Context(), cfg.DataDir)
	if err != nil || len(r.Files) != 1 || r.Files[0].Events != 5 || r.Files[0].Duplicates != 2 || r.Files[0].Files != 1 || r.Files[0].Failure != "" || r.Receiver == nil {
		t.Errorf("%+v, %v", r, err)
	}
	waitUntil(t, func() bool { return d.sinkCounts()[0].Delivered == 5 })
	if err := stop(); err != nil {
		t.Error(err)
	}

	appendTo(t, name, linesOf(t, batchOf("c", 1)))
	d, _, _, stop = start(t, cfg, "k8s_audit")
	waitUntil(t, func() bool { return d.sinkCounts()[0].Delivered == 1 })
	if s := checkAuditAccounts(t, d); s != (auditSums{received: 1, evaluated: 1}) {
		t.Errorf("%+v", s)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	for id, n := range accepted(server) {
		if n != 1 {
			t.Errorf("%d alerts of event %s", n, id)
		}
	}
}

// runOnce runs a program that ends by itself, and gives what it wrote.
func runOnce(t *testing.T, cfg config.Config) (stdout, stderr string) {
	t.Helper()
	var out, log output
	d, err := New(options(cfg, &out, &log, "k8s_audit"))
	if err != nil {
		t.Fatal(err)
	}
	if d.AuditAddress() != "" {
		t.Errorf("it listens on %s", d.AuditAddress())
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(t.Context()) }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatalf("it does not end:\n%s", &log)
	}
	return out.String(), log.String()
}

// With a log that is read once and no receiver, as Falco's open_params say it, the program ends by itself. Each start on
// the same data directory alerts, with the same id, also when the file was followed before; what stands in it twice
// alerts once.
func TestLogReadOnce(t *testing.T) {
	cfg := testConfig()
	name := filepath.Join(t.TempDir(), "audit.log")
	line := strings.ReplaceAll(example(t), "\n", "") + "\n"
	write(t, name, line+line)
	cfg.DataDir, cfg.DataDirChosen = t.TempDir(), true
	cfg.JSON, cfg.JSONID = true, true
	followed := cfg
	followed.Audit.Files = []config.AuditFile{{Path: name, Cluster: "west"}}
	d, stdout, _, stop := start(t, followed, "k8s_audit")
	waitUntil(t, func() bool { return d.sinkCounts()[0].Delivered == 1 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	cfg.Audit.Listen, cfg.Audit.Files = "", []config.AuditFile{{Path: name, Once: true, Cluster: "west"}}
	for range 3 {
		got, log := runOnce(t, cfg)
		if got != stdout.String() || strings.Count(got, `"id":`) != 1 || !strings.Contains(log, "ending: everything is read") {
			t.Errorf("%s\nafter\n%s\n%s", got, stdout, log)
		}
		if strings.Contains(log, "an earlier process") {
			t.Errorf("%s", log)
		}
	}
}

// When the position in a log was removed, its alerts of a moment ago are not made again, and the end says so, whatever the
// form of the log.
func TestRepeatedIsTold(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		cfg := testConfig()
		cfg.DataDir, cfg.DataDirChosen, cfg.Log.Format = t.TempDir(), true, format
		name := filepath.Join(t.TempDir(), "audit.log")
		write(t, name, strings.ReplaceAll(example(t), "\n", "")+"\n")
		cfg.Audit.Files = []config.AuditFile{{Path: name}}
		for run := range 2 {
			d, stdout, stderr, stop := start(t, cfg, "k8s_audit")
			waitUntil(t, func() bool { return d.sinkCounts()[0].Matched == 1 })
			waitUntil(t, func() bool { return d.sinkCounts()[0].Queued == 0 })
			if err := stop(); err != nil {
				t.Error(err)
			}
			told := strings.Contains(stderr.String(), "an earlier process") && strings.Contains(stderr.String(), "1 for stdout")
			if got := strings.Count(stdout.String(), "pod=web-0"); got != 1-run || told != (run == 1) {
				t.Errorf("%s, start %d: %d alerts\n%s", format, run, got, stderr)
			}
			if err := os.RemoveAll(filepath.Join(cfg.DataDir, "audit-files")); err != nil {
				t.Fatal(err)
			}
		}
	}
}

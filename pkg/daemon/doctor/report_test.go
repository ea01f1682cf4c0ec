package doctor

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/daemon"
)

var update = flag.Bool("update", false, "write what is found into testdata")

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// healthy is a report with nothing to say about it.
func healthy() *daemon.AuditReport {
	return &daemon.AuditReport{
		Version: "1.0.0", Now: now, Started: now.Add(-time.Hour), Uptime: 3600, Ready: true, Enabled: true, Rules: 79,
		Events: daemon.AuditEvents{Received: 1000, Evaluated: 995, Duplicates: 5, Rejected: map[string]uint64{}, NotEvaluated: map[string]uint64{}},
		Window: daemon.WindowReport{Events: 995, MaxEvents: 1000000, Seconds: 600},
		Receiver: &daemon.ReceiverReport{
			Address: "0.0.0.0:9765", Path: "/k8s-audit", Up: true, TLS: true, ClientCA: true, MaxEvent: 4 << 20,
			Certificates: []daemon.CertificateReport{{File: "/etc/saker/server.crt", Key: "audit.tls_certificate", Subject: "saker", NotBefore: now.Add(-time.Hour), NotAfter: now.Add(300 * 24 * time.Hour)}},
			Requests:     map[string]uint64{"200": 40}, Handshakes: map[string]uint64{"no_client_certificate": 0},
			Senders: []daemon.SenderReport{{
				Cluster: "blue", Address: "10.0.0.1", Name: "kube-apiserver blue", UserAgent: "kube-apiserver/v1.36.3", Events: 1000,
				Arrival: now.Add(-2 * time.Second), Stage: now.Add(-3 * time.Second), Lag: 1, MaxLag: 1.2, MeanLag: 0.7,
			}},
		},
		Storage: daemon.StorageReport{Durable: true, CommitSeconds: 0.004, Sinks: []daemon.SinkReport{{Name: "stdout", Delivered: 12}}},
	}
}

// TestReport judges a report with one thing after the other wrong with it, and compares the lines that are not ok, and
// those of the first case, with testdata/report.txt.
func TestReport(t *testing.T) {
	cases := []struct {
		name   string
		change func(r *daemon.AuditReport)
	}{
		{"healthy", func(*daemon.AuditReport) {}},
		{"no audit events wanted", func(r *daemon.AuditReport) { r.Enabled = false }},
		{"not ready", func(r *daemon.AuditReport) { r.Ready, r.Reasons = false, []string{"stdout: disk full", "rules: none"} }},
		{"no rules", func(r *daemon.AuditReport) { r.Rules = 0 }},
		{"port taken", func(r *daemon.AuditReport) { r.Receiver.Up, r.Receiver.Failure = false, "address already in use" }},
		{"open to everybody", func(r *daemon.AuditReport) { r.Receiver.ClientCA, r.Receiver.AllowUnauthenticated = false, true }},
		{"readable", func(r *daemon.AuditReport) {
			r.Receiver.TLS, r.Receiver.ClientCA, r.Receiver.Tokens, r.Receiver.Networks = false, false, 1, []string{"10.0.0.0/8"}
		}},
		{"no events", func(r *daemon.AuditReport) { r.Events, r.Receiver.Senders = daemon.AuditEvents{}, nil }},
		{"no events of files", func(r *daemon.AuditReport) { r.Events, r.Receiver = daemon.AuditEvents{}, nil }},
		{"silent", func(r *daemon.AuditReport) { r.Receiver.Senders[0].Arrival = now.Add(-20 * time.Minute) }},
		{"batch wait", func(r *daemon.AuditReport) { s := &r.Receiver.Senders[0]; s.Lag, s.MeanLag, s.MaxLag = 14, 15.2, 30.1 }},
		{"late", func(r *daemon.AuditReport) { s := &r.Receiver.Senders[0]; s.Lag, s.MeanLag, s.MaxLag = 12, 12, 13 }},
		{"batch wait after a busy time", func(r *daemon.AuditReport) { s := &r.Receiver.Senders[0]; s.Lag, s.MeanLag, s.MaxLag = 3, 8.8, 94.8 }},
		{"very late", func(r *daemon.AuditReport) { s := &r.Receiver.Senders[0]; s.Lag, s.MeanLag, s.MaxLag = 90, 90, 240 }},
		{"clock ahead", func(r *daemon.AuditReport) {
			s := &r.Receiver.Senders[0]
			s.Stage, s.Lag, s.MeanLag, s.MaxLag = s.Arrival.Add(30*time.Second), 0, 0, 0
		}},
		{"probe", func(r *daemon.AuditReport) {
			s := &r.Receiver.Senders[0]
			s.Events, s.UserAgent = 0, "saker-audit-doctor"
		}},
		{"nonsense", func(r *daemon.AuditReport) { s := &r.Receiver.Senders[0]; s.Events, s.Rejected = 0, 3 }},
		{"duplicates by both ways", func(r *daemon.AuditReport) {
			r.Events.Duplicates = 500
			r.Files = []daemon.FileReport{{Path: "/var/log/audit.log", State: "waiting", Events: 500}}
		}},
		{"duplicates by errors", func(r *daemon.AuditReport) { r.Events.Duplicates, r.Receiver.Requests["503"] = 500, 3 }},
		{"duplicates", func(r *daemon.AuditReport) { r.Events.Duplicates = 500 }},
		{"trimmed", func(r *daemon.AuditReport) { r.Events.Trimmed = 1 }},
		{"evicted", func(r *daemon.AuditReport) { r.Window.Evicted = 7 }},
		{"rejected", func(r *daemon.AuditReport) {
			r.Events.Rejected = map[string]uint64{"no_time": 1, "too_large": 2, "new_reason": 3}
		}},
		{"not evaluated", func(r *daemon.AuditReport) { r.Events.NotEvaluated = map[string]uint64{"panic": 2} }},
		{"refused beside events", func(r *daemon.AuditReport) {
			r.Receiver.Requests = map[string]uint64{"200": 1, "401": 1, "403": 2, "404": 3, "413": 1, "500": 1, "503": 9, "418": 1}
		}},
		{"refused without events", func(r *daemon.AuditReport) {
			r.Events, r.Receiver.Requests = daemon.AuditEvents{}, map[string]uint64{"401": 5}
			r.Receiver.Handshakes = map[string]uint64{"client_certificate_expired": 1, "plain_http": 2, "odd_thing": 3}
		}},
		{"no requests", func(r *daemon.AuditReport) {
			r.Receiver.Broken = map[string]uint64{"malformed": 1, "slow": 2, "cut_off": 3, "http2": 4, "too_many": 6, "odd_thing": 5}
		}},
		{"certificates", func(r *daemon.AuditReport) {
			c := r.Receiver.Certificates[0]
			r.Receiver.Certificates = nil
			for _, end := range []time.Duration{-time.Hour, 36 * time.Hour, 20 * 24 * time.Hour} {
				c.NotAfter = now.Add(end)
				r.Receiver.Certificates = append(r.Receiver.Certificates, c)
			}
			c.NotBefore, c.NotAfter = now.Add(time.Hour), now.Add(1000*time.Hour)
			r.Receiver.Certificates = append(r.Receiver.Certificates, c, daemon.CertificateReport{File: "ca.crt", Key: "audit.tls_client_ca", Error: "permission denied"})
		}},
		{"access files", func(r *daemon.AuditReport) {
			r.Receiver.Access = []daemon.AccessFile{{Key: "audit.tls_certificate", File: "server.crt"}, {Key: "audit.token_file", File: "tokens", Error: "tokens holds no token"}}
		}},
		{"a sender that was late long ago", func(r *daemon.AuditReport) { s := &r.Receiver.Senders[0]; s.Lag, s.MeanLag, s.MaxLag = 29, 0, 0 }},
		{"files", func(r *daemon.AuditReport) {
			r.Files = []daemon.FileReport{
				{Path: "good.log", State: "waiting", Events: 1},
				{Path: "blocked.log", Cluster: "green", State: "blocked", Failure: "disk full", Behind: 5000},
				{Path: "missing.log", State: "waiting", Failure: "permission denied"},
				{Path: "lost.log", State: "reading", Lost: 3 << 20, Gaps: 1},
				{Path: "behind.log", State: "reading", Behind: 3 << 30},
				{Path: "broken.log", State: "reading", Malformed: 2},
			}
		}},
		{"disk full", func(r *daemon.AuditReport) { r.Storage.Failure = "no space left on device" }},
		{"memory", func(r *daemon.AuditReport) { r.Storage.Durable = false }},
		{"slow disk", func(r *daemon.AuditReport) { r.Storage.CommitSeconds = 2.25 }},
		{"sinks", func(r *daemon.AuditReport) {
			r.Storage.Sinks = []daemon.SinkReport{
				{Name: "dropped", Dropped: 3}, {Name: "full", Queued: 9, Oldest: 7300, Full: true, Failing: "connection refused"},
				{Name: "failing", Queued: 1, Oldest: 3, Failing: "timeout"}, {Name: "dead", Dead: 1}, {Name: "slow", Queued: 5, Oldest: 900},
			}
		}},
	}
	var b strings.Builder
	for i, c := range cases {
		r := healthy()
		c.change(r)
		found := Report(r)
		fmt.Fprintf(&b, "# %s: %s\n", c.name, Worst(found))
		for _, f := range found {
			if (f.Verdict == OK) != (f.Next == "") || f.Subject == "" || f.Text == "" {
				t.Errorf("%s: incomplete: %+v", c.name, f)
			}
			if i == 0 || f.Verdict != OK {
				b.WriteString(line(f))
			}
		}
		if i > 0 && c.name != "probe" && c.name != "a sender that was late long ago" && Worst(found) == OK {
			t.Errorf("%s: nothing is found", c.name)
		}
	}
	golden(t, "testdata/report.txt", b.String())
}

func line(f Finding) string {
	text := fmt.Sprintf("%-4s %s: %s\n", f.Verdict, f.Subject, f.Text)
	if f.Next != "" {
		text += "     -> " + f.Next + "\n"
	}
	return text
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

func TestVerdictText(t *testing.T) {
	for _, v := range []Verdict{OK, Look, Bad} {
		text, err := json.Marshal(Finding{Verdict: v})
		if err != nil {
			t.Fatal(err)
		}
		var back Finding
		if err := json.Unmarshal(text, &back); err != nil || back.Verdict != v {
			t.Errorf("%s is read back as %v: %v", text, back.Verdict, err)
		}
	}
	if err := new(Verdict).UnmarshalText([]byte("good")); err == nil {
		t.Error("an unknown verdict is taken")
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		300 * time.Millisecond: "300 ms", time.Second: "1 s", 81250 * time.Millisecond: "81.2 s", 5 * time.Minute: "5 min", 3 * time.Hour: "3 h",
		72 * time.Hour: "3 days", -2 * time.Second: "-2 s",
	} {
		if got := age(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 bytes", 1536: "1.5 KiB", 4 << 20: "4 MiB", 1 << 30: "1 GiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

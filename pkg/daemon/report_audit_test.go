package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/config"
)

func TestAuditReport(t *testing.T) {
	dir := t.TempDir()
	authority := fakesink.NewAuthority(t, "authority")
	cfg := testConfig()
	cfg.DataDir, cfg.DataDirChosen = filepath.Join(dir, "data"), true
	cfg.Audit.Certificate, cfg.Audit.Key = authority.Write(t, dir, "server", fakesink.Certificate{Name: "saker", Hosts: []string{"saker.example", "127.0.0.1"}})
	cfg.Audit.TokenFile = fakesink.WriteFile(t, dir, "tokens", []byte(strong+"\n"+strong+"2\n"))
	d, _, _, stop := start(t, cfg, "k8s_audit")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: poolOf(authority)}}}
	for body, want := range map[string]int{example(t): 200, "x": 400, `{"kind":"EventList","items":[1]}`: 200} {
		if code := send(t, client, "https://"+d.AuditAddress()+"/k8s-audit/west", strong, body); code != want {
			t.Errorf("%.20s: %d", body, code)
		}
	}
	if code := send(t, client, "https://"+d.AuditAddress()+"/k8s-audit/west", strong, example(t)); code != 200 {
		t.Errorf("%d", code)
	}
	if code := send(t, client, "https://"+d.AuditAddress()+"/k8s-audit", "", example(t)); code != 401 {
		t.Errorf("%d", code)
	}
	r, err := AskAudit(t.Context(), cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Ready || !r.Enabled || r.Rules == 0 || r.Uptime <= 0 || r.Version != Version || time.Since(r.Now) > time.Minute || len(r.Files) != 0 {
		t.Errorf("%+v", r)
	}
	want := AuditEvents{Received: 3, Evaluated: 1, Duplicates: 1, Rejected: map[string]uint64{"not_an_object": 1}, NotEvaluated: map[string]uint64{}}
	if diff := cmp.Diff(want, r.Events); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(WindowReport{Events: 1, MaxEvents: 1_000_000, Seconds: 600}, r.Window); diff != "" {
		t.Error(diff)
	}
	v := r.Receiver
	if v == nil || !v.Up || !v.TLS || v.ClientCA || v.Tokens != 2 || !v.Loopback || v.Path != "/k8s-audit" || v.Address != d.AuditAddress() || v.MaxEvent != 4<<20 {
		t.Fatalf("%+v", v)
	}
	if diff := cmp.Diff(map[string]uint64{"200": 3, "400": 1, "401": 1}, v.Requests); diff != "" {
		t.Error(diff)
	}
	if len(v.Certificates) != 1 || v.Certificates[0].Subject != "saker" || time.Until(v.Certificates[0].NotAfter) > time.Hour || v.Certificates[0].Key != "audit.tls_certificate" {
		t.Errorf("%+v", v.Certificates)
	}
	sender := SenderReport{Cluster: "west", Address: "127.0.0.1", UserAgent: "Go-http-client/1.1", Events: 2, Duplicates: 1, Rejected: 1}
	if diff := cmp.Diff([]SenderReport{sender}, v.Senders, cmpopts.IgnoreFields(SenderReport{}, "Arrival", "Stage", "Lag", "MaxLag", "MeanLag")); diff != "" {
		t.Error(diff)
	}
	if s := r.Storage; !s.Durable || s.Commit.IsZero() || s.Failure != "" || len(s.Sinks) != 1 || s.Sinks[0].Name != "stdout" {
		t.Errorf("%+v", r.Storage)
	}
	_, metrics := get(t, "http://"+d.WebAddress()+"/metrics")
	families := parse(t, metrics)
	if at := value(t, families, "saker_audit_certificate_expiry_timestamp_seconds", "key=audit.tls_certificate"); at != float64(v.Certificates[0].NotAfter.Unix()) {
		t.Errorf("expires at %v", at)
	}
	if got := value(t, families, "saker_audit_sender_duplicate_events_total", "address=127.0.0.1", "cluster=west"); got != 1 {
		t.Errorf("%v duplicates", got)
	}
	if h := families["saker_audit_lag_seconds"].GetMetric()[0].GetHistogram(); h.GetSampleCount() != 2 || len(h.GetBucket()) == 0 {
		t.Errorf("lag %v", h)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := AskAudit(t.Context(), cfg.DataDir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("%v", err)
	}
}

// An expired certificate keeps the senders away, and so is a matter of health.
func TestExpiredCertificate(t *testing.T) {
	authority := fakesink.NewAuthority(t, "authority")
	cfg, now := testConfig(), time.Now()
	cfg.Audit.Certificate, cfg.Audit.Key = authority.Write(t, t.TempDir(), "server", fakesink.Certificate{Name: "saker", From: now.Add(-2 * time.Hour), Until: now.Add(-time.Hour)})
	d, _, stderr, _ := start(t, cfg, "k8s_audit")
	if code, body := get(t, "http://"+d.WebAddress()+"/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "of saker expired on ") {
		t.Errorf("%d %s", code, body)
	}
	if !d.newNotifier().ready() {
		t.Error("a restart would not make another certificate")
	}
	stderr.waitFor(t, "the certificate has expired or is not yet good")
}

// Files that changed and cannot be used are told until they can be used again, also when nobody connects.
func TestUnusableFiles(t *testing.T) {
	dir := t.TempDir()
	authority := fakesink.NewAuthority(t, "authority")
	cfg := testConfig()
	cfg.DataDir, cfg.DataDirChosen = filepath.Join(dir, "data"), true
	cfg.Audit.Certificate, cfg.Audit.Key = authority.Write(t, dir, "server", fakesink.Certificate{Name: "saker"})
	cfg.Audit.TokenFile = fakesink.WriteFile(t, dir, "tokens", []byte(strong+"\n"))
	d, _, _, _ := start(t, cfg, "k8s_audit")
	later := time.Now()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		later = later.Add(time.Second) // the times of files can be as coarse as a clock tick
		if err := os.Chtimes(name, later, later); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(tls, tokens string) {
		t.Helper()
		r, err := AskAudit(t.Context(), cfg.DataDir)
		if err != nil {
			t.Fatal(err)
		}
		_, text := get(t, "http://"+d.WebAddress()+"/metrics")
		families := parse(t, text)
		want := []AccessFile{{keyCertificate, cfg.Audit.Certificate, tls}, {"audit.token_file", cfg.Audit.TokenFile, tokens}}
		for i, f := range r.Receiver.Access {
			if f.Key != want[i].Key || f.File != want[i].File || (f.Error == "") != (want[i].Error == "") || !strings.Contains(f.Error, want[i].Error) {
				t.Errorf("%+v, want %+v", f, want[i])
			}
			if got := value(t, families, "saker_audit_access_file_usable", "key="+f.Key); got != truth(want[i].Error == "") {
				t.Errorf("%s: %v", f.Key, got)
			}
		}
		if len(r.Receiver.Access) != len(want) {
			t.Errorf("%+v", r.Receiver.Access)
		}
	}
	good, err := os.ReadFile(cfg.Audit.Key)
	if err != nil {
		t.Fatal(err)
	}
	expect("", "")
	put(cfg.Audit.TokenFile, "# none\n")
	expect("", "holds no token")
	authority.Write(t, dir, "other", fakesink.Certificate{})
	other, err := os.ReadFile(filepath.Join(dir, "other.key"))
	if err != nil {
		t.Fatal(err)
	}
	put(cfg.Audit.Key, string(other))
	expect("private key does not match public key", "holds no token")
	put(cfg.Audit.Key, string(good))
	put(cfg.Audit.TokenFile, strong)
	expect("", "")
}

// A program that stands still is told from one that is not there.
func TestNoAnswer(t *testing.T) {
	dir := t.TempDir()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, controlName))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := time.Now()
	if _, err := AskAudit(t.Context(), dir); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took < answerTime {
		t.Errorf("after %v", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := AskAudit(ctx, dir); errors.Is(err, ErrNoAnswer) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// What is wrong with the files of TLS is told, and does not keep the report from being made.
func TestCertificateReports(t *testing.T) {
	dir := t.TempDir()
	authority := fakesink.NewAuthority(t, "authority")
	certificate, _ := authority.Write(t, dir, "server", fakesink.Certificate{})
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &accessSettings{audit: config.Audit{Certificate: certificate, ClientCA: empty}}
	got := s.certificates()
	if len(got) != 2 || got[0].Error != "" || got[1].Error != "no certificate in "+empty || got[1].Key != "audit.tls_client_ca" {
		t.Errorf("%+v", got)
	}
	if e := s.expiries(); len(e) != 1 || e["audit.tls_certificate"].IsZero() {
		t.Errorf("%v", e)
	}
}

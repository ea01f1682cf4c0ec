package daemon

import (
	"crypto/tls"
	"net/http"
	"os"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/audit"
)

// A certificate that is renewed is used for the next connection; one that is broken leaves the old one.
func TestCertificateIsRenewed(t *testing.T) {
	dir := t.TempDir()
	authority := fakesink.NewAuthority(t, "authority")
	cfg := testConfig()
	cfg.Audit.Certificate, cfg.Audit.Key = authority.Write(t, dir, "server", fakesink.Certificate{Name: "first"})
	d, _, stderr, _ := start(t, cfg, "k8s_audit")
	name := func() string {
		t.Helper()
		conn, err := tls.Dial("tcp", d.AuditAddress(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) // whose certificate it is, is what is asked
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if p := conn.ConnectionState().NegotiatedProtocol; p != "h2" {
			t.Errorf("protocol %q", p)
		}
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := name(); got != "first" {
		t.Errorf("certificate %q", got)
	}
	if code, _ := get(t, "http://"+d.AuditAddress()+"/"); code != http.StatusBadRequest {
		t.Errorf("plain HTTP is answered %d", code)
	}
	// The times of files can be as coarse as a clock tick.
	later := time.Now().Add(time.Second)
	write(t, cfg.Audit.Certificate, "broken")
	if err := os.Chtimes(cfg.Audit.Certificate, later, later); err != nil {
		t.Fatal(err)
	}
	if got := name(); got != "first" {
		t.Errorf("certificate %q", got)
	}
	stderr.waitFor(t, "the one in use stays")
	authority.Write(t, dir, "server", fakesink.Certificate{Name: "second"})
	later = later.Add(time.Second)
	if err := os.Chtimes(cfg.Audit.Certificate, later, later); err != nil {
		t.Fatal(err)
	}
	if got := name(); got != "second" {
		t.Errorf("certificate %q", got)
	}
}

// A server that cannot be opened anew because its certificate is broken tells of the files as before, and is opened when
// they are mended.
func TestCertificateIsBrokenAtRestart(t *testing.T) {
	dir := t.TempDir()
	authority := fakesink.NewAuthority(t, "authority")
	certificate, key := authority.Write(t, dir, "server", fakesink.Certificate{Name: "first"})
	s := &server{title: "test", network: "tcp", address: "127.0.0.1:0", log: zap.NewNop(), handler: http.NotFoundHandler(),
		tls:   func() (*tls.Config, error) { return audit.TLSConfig(certificate, key, "") },
		files: func() []string { return []string{certificate, key} }}
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	if err := s.listener.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, certificate, "broken, and longer or shorter than before")
	if err := s.open(); err == nil {
		t.Fatal("opened with a broken certificate")
	}
	if s.unusable() == "" {
		t.Error("nothing is wrong with a broken certificate")
	}
	authority.Write(t, dir, "server", fakesink.Certificate{Name: "second"})
	if problem := s.unusable(); problem != "" {
		t.Errorf("wrong with a good one: %s", problem)
	}
	if err := s.open(); err != nil {
		t.Error(err)
	}
	if err := s.stop(t.Context()); err != nil {
		t.Error(err)
	}
}

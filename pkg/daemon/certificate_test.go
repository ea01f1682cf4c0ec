package daemon

import (
	"crypto/tls"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/saker-security/saker/internal/fakesink"
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

package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/config"
)

// One PEM file holds the key and the certificate.
func TestWebTLS(t *testing.T) {
	if webTLS(config.Web{}) != nil {
		t.Error("settings of TLS without a certificate")
	}
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	missing := filepath.Join(t.TempDir(), "none.pem")
	if _, err := webTLS(config.Web{Certificate: missing})(); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("a file that is not there: %v", err)
	}
	name := filepath.Join(t.TempDir(), "falco.pem")
	if err := os.WriteFile(name, onePEM(t, server.TLS.Certificates[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.Web.Certificate = name
	d, _, stderr, _ := start(t, cfg, "k8s_audit")
	stderr.waitFor(t, "serving")
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "example.com"}}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+d.WebAddress()+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK || a.TLS.Version < tls.VersionTLS12 {
		t.Errorf("%d, TLS version %x", a.StatusCode, a.TLS.Version)
	}
}

// onePEM is a certificate with its key in one file, the key first as Falco's documentation makes it.
func onePEM(t *testing.T, c tls.Certificate) []byte {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})...)
}

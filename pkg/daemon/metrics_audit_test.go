package daemon

import (
	"io"
	"net"
	"strings"
	"testing"
)

// What never was a request, of HTTP/1.1 or of HTTP/2, is in the metrics with its reason, and nothing of it among the
// requests.
func TestBrokenRequests(t *testing.T) {
	d, _, _, _ := start(t, testConfig(), "k8s_audit")
	for _, say := range []string{
		"GET /k8s audit HTTP/1.1\r\nHost: x\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x08\x06\x00\x00\x00\x00\x00" + "a ping first",
	} {
		c, err := net.Dial("tcp", d.AuditAddress())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, say); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, c) // until the server ends it, in whatever way
		c.Close()
	}
	metrics := ""
	waitUntil(t, func() bool {
		_, metrics = get(t, "http://"+d.WebAddress()+"/metrics")
		return strings.Contains(metrics, `saker_audit_broken_requests_total{reason="http2"} 1`) &&
			strings.Contains(metrics, `saker_audit_broken_requests_total{reason="malformed"} 1`)
	})
	for _, want := range []string{`saker_audit_broken_requests_total{reason="slow"} 0`, `saker_audit_broken_requests_total{reason="cut_off"} 0`, `saker_audit_requests_total{code="400"} 0`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

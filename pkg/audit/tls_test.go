package audit

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// forge makes a certificate for a client, changed in some way.
func (a *authority) forge(t *testing.T, name string, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	certificate, key := a.issueAs(t, name, change)
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// TestClientCertificates connects with certificates that are not to be let in, and with TLS that is too old.
func TestClientCertificates(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	certificate, key := ca.issue(t, "server")
	config, err := TLSConfig(certificate, key, ca.path)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{r: NewReceiver(&Splitter{}, accept)}
	l.server = httptest.NewUnstartedServer(nil)
	l.server.Config = NewServer("", nil, l.r)
	l.server.Config.ErrorLog = zap.NewStdLog(zap.NewNop())
	l.server.TLS = config
	l.server.EnableHTTP2 = true
	l.server.StartTLS()
	defer l.server.Close()
	good := ca.forge(t, "apiserver", func(*x509.Certificate) {})
	cases := []struct {
		name    string
		certs   []tls.Certificate
		version uint16
		h2, in  bool
	}{
		{name: "good", certs: []tls.Certificate{good}, in: true},
		{name: "good, HTTP/2", certs: []tls.Certificate{good}, h2: true, in: true},
		{name: "good, TLS 1.2", certs: []tls.Certificate{good}, version: tls.VersionTLS12, in: true},
		{name: "TLS 1.1", certs: []tls.Certificate{good}, version: tls.VersionTLS11},
		{name: "TLS 1.0", certs: []tls.Certificate{good}, version: tls.VersionTLS10},
		{name: "none"},
		{name: "none, HTTP/2", h2: true},
		{name: "expired", certs: []tls.Certificate{ca.forge(t, "expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })}},
		{name: "not yet valid", certs: []tls.Certificate{ca.forge(t, "early", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })}},
		{name: "for servers only", certs: []tls.Certificate{ca.forge(t, "only", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })}},
		{name: "of another authority", certs: []tls.Certificate{stranger.forge(t, "apiserver", func(*x509.Certificate) {})}},
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			transport := &http.Transport{ForceAttemptHTTP2: c.h2, TLSClientConfig: &tls.Config{
				RootCAs: roots,
				// Whatever the server asks for, this is what it gets.
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					if len(c.certs) == 0 {
						return &tls.Certificate{}, nil
					}
					return &c.certs[0], nil
				},
				MinVersion: c.version, MaxVersion: c.version,
			}}
			defer transport.CloseIdleConnections()
			before := l.r.Stats().Requests[200]
			resp, err := (&http.Client{Transport: transport}).Post(l.server.URL+"/k8s-audit", "application/json", strings.NewReader(oneEvent))
			if err == nil {
				resp.Body.Close()
			}
			if in := err == nil && resp.StatusCode == http.StatusOK; in != c.in || l.r.Stats().Requests[200]-before != map[bool]uint64{true: 1}[c.in] {
				t.Errorf("let in: %v, error %v", in, err)
			}
			if c.in && (resp.ProtoMajor == 2) != c.h2 {
				t.Errorf("the protocol is %s", resp.Proto)
			}
		})
	}
	l.account(t, map[int]uint64{200: 3}, 3, 0)
	for _, from := range l.r.Stats().Senders {
		if from.Name != "apiserver" {
			t.Errorf("sender %+v", from)
		}
	}
}

// TestHTTPOnTLS speaks plain HTTP where TLS is spoken, as a sender with http:// in the place of https:// does.
func TestHTTPOnTLS(t *testing.T) {
	ca := newAuthority(t)
	certificate, key := ca.issue(t, "server")
	config, err := TLSConfig(certificate, key, "")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{r: NewReceiver(&Splitter{}, accept)}
	l.server = httptest.NewUnstartedServer(nil)
	l.server.Config = NewServer("", nil, l.r)
	l.server.Config.ErrorLog = zap.NewStdLog(zap.NewNop())
	l.server.TLS = config
	l.server.StartTLS()
	defer l.server.Close()
	w := dial(t, l)
	w.say(t, "%sContent-Length: 2\r\n\r\n{}", postHead)
	if got, text := w.hear(t); got != 400 || !strings.Contains(text, "HTTPS") {
		t.Errorf("status %d: %s", got, text)
	}
}

// BenchmarkBatch sends batches of 400 events over TLS with client certificates, on loopback.
func BenchmarkBatch(b *testing.B) {
	body, events := benchBody(b)
	item := body[bytes.IndexByte(body, '[')+1 : bytes.LastIndexByte(body, ']')]
	text := append([]byte(`{"kind":"EventList","items":[`), item...)
	for ; events < 400; events *= 2 {
		text = append(append(text, ','), text[len(`{"kind":"EventList","items":[`):]...)
	}
	text = append(text, "]}"...)
	ca := newAuthority(b)
	certificate, key := ca.issue(b, "server")
	config, err := TLSConfig(certificate, key, ca.path)
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	r := NewReceiver(&Splitter{}, accept)
	server.Config, server.TLS = NewServer("", nil, r), config
	server.StartTLS()
	defer server.Close()
	mine, myKey := ca.issue(b, "client")
	pair, err := tls.LoadX509KeyPair(mine, myKey)
	if err != nil {
		b.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}}
	defer client.CloseIdleConnections()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		resp, err := client.Post(server.URL+"/k8s-audit", "application/json", bytes.NewReader(text))
		if err != nil {
			b.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status)
		}
	}
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(events), "events/batch")
}

package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/rest"
)

const (
	// askTimeout bounds each question to the network.
	askTimeout = 10 * time.Second
	// maxAnswer is how many bytes of an answer are read.
	maxAnswer = 4 << 10
)

// emptyList is what the API server sends, without an event.
const emptyList = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[]}`

// Kubeconfig judges a webhook configuration of an API server by doing what the API server would do with it from this
// machine: load it, find the server, connect, and send it a list without events. now is the time of certificates.
func Kubeconfig(ctx context.Context, path string, now time.Time) []Finding {
	var f findings
	c, server, ok := f.load(path)
	if !ok {
		return f
	}
	f.client(c, now)
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: server}); c.Proxy == nil && (err != nil || proxy != nil) {
		f.look("proxy", "unset HTTPS_PROXY, or add the address to NO_PROXY, unless kube-apiserver has the same environment",
			"the environment names a proxy, which is used here as kube-apiserver would use one of its own")
	} else if !f.connect(ctx, c, server, now) {
		return f
	}
	f.ask(ctx, c, server)
	return f
}

// load loads the configuration as the API server does.
func (f *findings) load(path string) (*rest.Config, *url.URL, bool) {
	const subject = "webhook file"
	if _, err := os.Stat(path); err != nil {
		f.bad(subject, "name the file of --audit-webhook-config-file", "%v", err)
		return nil, nil, false
	}
	c, err := webhook.LoadKubeconfig(path, nil)
	if err != nil {
		f.bad(subject, "mend it; kube-apiserver does not start with it. saker audit init writes one", "%s cannot be loaded: %v", path, err)
		return nil, nil, false
	}
	u, err := url.Parse(c.Host)
	if err != nil || u.Host == "" {
		f.bad(subject, "write server: https://ADDRESS:9765/k8s-audit", "%s: the server %q is no URL", path, c.Host)
		return nil, nil, false
	}
	shown := u.Redacted()
	switch named, below := strings.CutPrefix(u.Path, "/k8s-audit/"); {
	case u.Scheme != "https" && u.Scheme != "http":
		f.bad(subject, "write server: https://ADDRESS:9765/k8s-audit", "%s: the server %s is neither https nor http", path, shown)
		return nil, nil, false
	case c.Insecure:
		f.look(subject, "take insecure-skip-tls-verify out and name certificate-authority", "%s sends to %s, without looking at its certificate: anybody on the way can take the events", path, shown)
	case u.Scheme == "http":
		f.look(subject, "use https unless Saker is on the same machine; saker audit init makes the certificates", "%s sends to %s, readable for everybody on the way", path, shown)
	case below && named != "":
		f.ok(subject, "%s sends to %s, as cluster %s", path, shown, named)
	default:
		f.ok(subject, "%s sends to %s", path, shown)
	}
	return c, u, true
}

// client judges what the API server shows.
func (f *findings) client(c *rest.Config, now time.Time) {
	const subject = "client"
	switch {
	case c.CertFile != "" || len(c.CertData) > 0:
		pair, err := clientPair(c)
		if err != nil {
			f.bad(subject, "mend client-certificate and client-key of the webhook file", "the certificate cannot be used: %v", err)
			return
		}
		leaf := pair.Leaf
		f.validity(subject, fmt.Sprintf("the certificate of %q, signed by %q,", leaf.Subject.CommonName, leaf.Issuer.CommonName), now, leaf.NotBefore, leaf.NotAfter)
	case c.BearerTokenFile != "":
		data, err := os.ReadFile(c.BearerTokenFile)
		if err != nil || strings.TrimSpace(string(data)) == "" {
			f.bad(subject, "mend tokenFile of the webhook file", "the token cannot be read: %v", orEmpty(err))
			return
		}
		f.ok(subject, "shows the token in %s", c.BearerTokenFile)
	case c.BearerToken != "":
		f.ok(subject, "shows a token")
	default:
		f.look(subject, "saker audit init makes certificates for both sides", "the API server shows neither a certificate nor a token")
	}
}

func orEmpty(err error) error {
	if err == nil {
		return errors.New("it is empty")
	}
	return err
}

func clientPair(c *rest.Config) (tls.Certificate, error) {
	certificate, key := c.CertData, c.KeyData
	var err error
	if len(certificate) == 0 {
		if certificate, err = os.ReadFile(c.CertFile); err != nil {
			return tls.Certificate{}, err
		}
	}
	if len(key) == 0 {
		if key, err = os.ReadFile(c.KeyFile); err != nil {
			return tls.Certificate{}, err
		}
	}
	return tls.X509KeyPair(certificate, key)
}

// connect looks the server up, connects, and looks at its certificate. It tells whether asking makes sense.
func (f *findings) connect(ctx context.Context, c *rest.Config, server *url.URL, now time.Time) bool {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	host, port := server.Hostname(), server.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[server.Scheme]
	}
	if net.ParseIP(host) == nil {
		addresses, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil {
			f.bad("address", "kube-apiserver asks the DNS of its machine, not the cluster's: use an address, such as the service's cluster IP", "%s is not found: %v", host, err)
			return false
		}
		f.ok("address", "%s is %s", host, strings.Join(addresses, ", "))
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		f.bad("connection", "start Saker with this audit.listen, and open the port in firewalls", "%v", err)
		return false
	}
	defer raw.Close()
	f.ok("connection", "%s answers", raw.RemoteAddr())
	if server.Scheme == "http" {
		return true
	}
	return f.certificate(ctx, c, raw, host, now)
}

// certificate looks at what the server shows.
func (f *findings) certificate(ctx context.Context, c *rest.Config, raw net.Conn, host string, now time.Time) bool {
	const subject = "server"
	settings, err := rest.TLSConfigFor(c)
	if err != nil {
		f.bad(subject, "mend certificate-authority, client-certificate and client-key of the webhook file", "%v", err)
		return false
	}
	if settings == nil {
		settings = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if settings.ServerName == "" {
		settings.ServerName = host
	}
	// With TLS 1.2 the server answers to the client's certificate within the handshake; later versions do so only when the
	// client reads again, and who writes first may never see it.
	settings.MaxVersion = tls.VersionTLS12
	conn := tls.Client(raw, settings)
	if err := conn.HandshakeContext(ctx); err != nil {
		if strings.Contains(err.Error(), "protocol version") {
			f.ok(subject, "speaks only TLS 1.3, so that the request alone shows whether it takes the certificates")
			return true
		}
		f.bad(subject, handshakeAdvice(err), "TLS: %v", err)
		return false
	}
	if peers := conn.ConnectionState().PeerCertificates; len(peers) > 0 {
		f.validity(subject, fmt.Sprintf("the certificate of %q for %s", peers[0].Subject.CommonName, settings.ServerName), now, peers[0].NotBefore, peers[0].NotAfter)
	}
	return true
}

// handshakeAdvice says what to do when TLS fails.
func handshakeAdvice(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return "certificate-authority must be the authority that signed audit.tls_certificate: use the files of one saker audit init on both sides"
	case errors.As(err, &name):
		return "make a certificate for this address (saker audit init --server), or name one that is in it by tls-server-name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew Saker's certificate: saker audit init --renew; or set the clock"
	case errors.As(err, &record):
		return "the other side speaks no TLS: set audit.tls_certificate and audit.tls_key, or see what else listens there"
	}
	return refusal(err.Error())
}

// ask sends a list without events, as the API server sends its batches.
func (f *findings) ask(ctx context.Context, c *rest.Config, server *url.URL) {
	const subject = "request"
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	client, err := rest.HTTPClientFor(c)
	if err != nil {
		f.bad(subject, "mend the webhook file", "%v", err)
		return
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.String(), strings.NewReader(emptyList))
	if err != nil {
		f.bad(subject, "mend the server of the webhook file", "%v", err)
		return
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "saker-audit-doctor")
	a, err := client.Do(r)
	if err != nil {
		f.bad(subject, refusal(err.Error()), "%v", unwrapped(err))
		return
	}
	defer a.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(a.Body, maxAnswer)) // what came is what can be shown
	if a.StatusCode == http.StatusOK {
		f.ok(subject, "a list without events is answered with 200")
		return
	}
	text, next := strings.TrimSpace(string(body)), "see what listens there; Saker answers 200"
	if known, ok := answers[fmt.Sprint(a.StatusCode)]; ok {
		next = known.next
	}
	if strings.Contains(text, "HTTPS server") {
		next = refusal(text)
	}
	f.bad(subject, next, "a list without events is answered with %s: %s", a.Status, text)
}

// unwrapped leaves out the method and the URL that the HTTP client puts before its errors.
func unwrapped(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// refusals are what the other side says of a connection, with what to do.
var refusals = []struct{ part, next string }{
	{"certificate required", "Saker asks for a certificate: name client-certificate and client-key in the webhook file"},
	{"unknown certificate authority", "the certificate is of another authority than audit.tls_client_ca: use the files of one saker audit init on both sides"},
	{"expired certificate", "renew the certificate of the API server: saker audit init --renew"},
	{"bad certificate", "Saker wants a certificate of audit.tls_client_ca that has not expired and is for clientAuth: name client-certificate and client-key in the webhook file"},
	{"handshake failure", "Saker asks for a certificate, or both sides know no common cipher: name client-certificate and client-key in the webhook file"},
	{"malformed HTTP response", "the other side speaks TLS: write https:// in the webhook file"},
	{"HTTP request to an HTTPS server", "the other side speaks TLS: write https:// in the webhook file"},
}

// refusal says what to do about an error or an answer.
func refusal(text string) string {
	for _, known := range refusals {
		if strings.Contains(text, known.part) {
			return known.next
		}
	}
	return "see the log of Saker for its side of it"
}

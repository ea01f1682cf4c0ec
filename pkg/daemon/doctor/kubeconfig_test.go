package doctor

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/policy/wiring"
)

// place is a receiver with the files by which it is reached.
type place struct {
	dir      string
	receiver *audit.Receiver
	events   atomic.Int64
}

func (p *place) kubeconfig() string { return filepath.Join(p.dir, "apiserver", "audit-webhook.yaml") }

// wire writes the files for a receiver at an address.
func wire(t *testing.T, address, auth string, made time.Time) string {
	t.Helper()
	server, err := wiring.ParseServer(address, "blue")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "wired")
	files, err := wiring.Make(wiring.Options{
		For: "generic", Server: server, Auth: auth, Policy: []byte("kind: Policy\n"), Dir: dir, SakerDir: dir, Now: made, Valid: 100 * 24 * time.Hour, ValidAuthority: 3000 * 24 * time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := wiring.Write(dir, files, false); err != nil {
		t.Fatal(err)
	}
	return dir
}

// open starts a receiver that takes what audit init writes for it.
func open(t *testing.T, auth string) *place {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	p := &place{dir: wire(t, server.Listener.Addr().String(), auth, time.Now())}
	p.receiver = audit.NewReceiver(&audit.Splitter{}, func(_ context.Context, b *audit.Batch) error {
		p.events.Add(int64(b.Len()))
		return nil
	})
	at := func(name string) string { return filepath.Join(p.dir, "saker", name) }
	ca := at("client-ca.crt")
	if auth == wiring.Token {
		token, err := os.ReadFile(at("tokens"))
		if err != nil {
			t.Fatal(err)
		}
		ca, p.receiver.Access.Tokens = "", func() []string { return strings.Fields(string(token)) }
	}
	settings, err := audit.TLSConfig(at("server.crt"), at("server.key"), ca)
	if err != nil {
		t.Fatal(err)
	}
	server.Config = audit.NewServer("", settings, p.receiver)
	server.Config.ErrorLog = zap.NewStdLog(zap.NewNop())
	server.TLS = settings
	server.StartTLS()
	t.Cleanup(server.Close)
	return p
}

// copyFiles copies files of the API server from another place.
func copyFiles(t *testing.T, to, from string, names ...string) {
	t.Helper()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(from, "apiserver", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, "apiserver", name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// edit changes the webhook configuration.
func edit(t *testing.T, p *place, old, new string) {
	t.Helper()
	data, err := os.ReadFile(p.kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(data), old, new)
	if changed == string(data) {
		t.Fatalf("there is no %q in %s", old, data)
	}
	if err := os.WriteFile(p.kubeconfig(), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestKubeconfig breaks one thing after the other between an API server and a receiver.
func TestKubeconfig(t *testing.T) {
	for _, c := range []struct {
		name, auth string
		change     func(t *testing.T, p *place)
		subject    string // of the only finding that is not ok
		verdict    Verdict
		text, next string
	}{
		{"client certificate", wiring.MTLS, func(*testing.T, *place) {}, "", OK, "", ""},
		{"token", wiring.Token, func(*testing.T, *place) {}, "", OK, "", ""},
		{"another authority of the server", wiring.MTLS, func(t *testing.T, p *place) {
			copyFiles(t, p.dir, wire(t, "10.0.0.1", wiring.MTLS, time.Now()), "ca.crt")
		}, "server", Bad, "signed by unknown authority", "certificate-authority must be"},
		{"another authority of the client", wiring.MTLS, func(t *testing.T, p *place) {
			copyFiles(t, p.dir, wire(t, "10.0.0.1", wiring.MTLS, time.Now()), "client.crt", "client.key")
		}, "server", Bad, "unknown certificate authority", "another authority than audit.tls_client_ca"},
		{"no client certificate", wiring.MTLS, func(t *testing.T, p *place) {
			edit(t, p, "client-certificate: client.crt\n      client-key: client.key", "username: nobody")
		}, "", Bad, "handshake failure", "name client-certificate and client-key"},
		{"key of another certificate", wiring.MTLS, func(t *testing.T, p *place) {
			copyFiles(t, p.dir, wire(t, "10.0.0.1", wiring.MTLS, time.Now()), "client.key")
		}, "", Bad, "private key does not match public key", "mend client-certificate and client-key"},
		{"another token", wiring.Token, func(t *testing.T, p *place) {
			copyFiles(t, p.dir, wire(t, "10.0.0.1", wiring.Token, time.Now()), "token")
		}, "request", Bad, "answered with 401", "audit.token_file"},
		{"no token", wiring.Token, func(t *testing.T, p *place) {
			if err := os.WriteFile(filepath.Join(p.dir, "apiserver", "token"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "", Bad, "the token cannot be read: it is empty", "mend tokenFile"},
		{"another name", wiring.MTLS, func(t *testing.T, p *place) { edit(t, p, "https://127.0.0.1:", "https://localhost:") }, "server", Bad, "wanted to match localhost", "saker audit init --server"},
		{"no such name", wiring.MTLS, func(t *testing.T, p *place) { edit(t, p, "https://127.0.0.1:", "https://a..b:") }, "address", Bad, "a..b is not found", "the DNS of its machine"},
		{"plain", wiring.MTLS, func(t *testing.T, p *place) { edit(t, p, "https://", "http://") }, "", Bad, "400 Bad Request", "write https://"},
		{"no checks", wiring.MTLS, func(t *testing.T, p *place) {
			edit(t, p, "certificate-authority: ca.crt", "insecure-skip-tls-verify: true")
		}, "webhook file", Look, "anybody on the way", "take insecure-skip-tls-verify out"},
		{"another path", wiring.MTLS, func(t *testing.T, p *place) { edit(t, p, "/k8s-audit/blue", "/audit") }, "request", Bad, "answered with 404", "must end with /k8s-audit"},
		{"no YAML", wiring.MTLS, func(t *testing.T, p *place) { edit(t, p, "apiVersion: v1", "{") }, "webhook file", Bad, "cannot be loaded", "kube-apiserver does not start with it"},
		{"no file", wiring.MTLS, func(t *testing.T, p *place) { p.dir = t.TempDir() }, "webhook file", Bad, "no such file", "--audit-webhook-config-file"},
		{"no server", wiring.MTLS, func(t *testing.T, p *place) {
			// The port of a listener that is closed is nobody's.
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := l.Addr().String()
			l.Close()
			p.dir = wire(t, address, wiring.MTLS, time.Now())
		}, "connection", Bad, "connection refused", "start Saker"},
		{"not TLS", wiring.MTLS, func(t *testing.T, p *place) {
			other := httptest.NewServer(http.NotFoundHandler())
			t.Cleanup(other.Close)
			p.dir = wire(t, other.Listener.Addr().String(), wiring.MTLS, time.Now())
		}, "server", Bad, "does not look like a TLS handshake", "speaks no TLS"},
		{"busy", wiring.MTLS, func(t *testing.T, p *place) { p.receiver.MaxReading = 0 }, "request", Bad, "answered with 503", "storage and sinks"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := open(t, c.auth)
			c.change(t, p)
			found := Kubeconfig(t.Context(), p.kubeconfig(), time.Now())
			if Worst(found) != c.verdict {
				t.Errorf("the verdict is %s, not %s", Worst(found), c.verdict)
			}
			seen := c.verdict == OK
			for _, f := range found {
				seen = seen || f.Verdict == c.verdict && strings.Contains(f.Text, c.text) && strings.Contains(f.Next, c.next) && (c.subject == "" || c.subject == f.Subject)
				if f.Verdict != OK && c.subject != "" && f.Subject != c.subject {
					t.Errorf("more is found: %s", line(f))
				}
			}
			if !seen || t.Failed() {
				t.Errorf("found:\n%s", lines(found))
			}
			if p.events.Load() != 0 {
				t.Error("asking sends events")
			}
		})
	}
}

func lines(all []Finding) string {
	var b strings.Builder
	for _, f := range all {
		fmt.Fprint(&b, line(f))
	}
	return b.String()
}

// TestKubeconfigLater looks at the same files when certificates are about to expire, and when they have.
func TestKubeconfigLater(t *testing.T) {
	p := open(t, wiring.MTLS)
	for later, want := range map[time.Duration]Verdict{0: OK, 80 * 24 * time.Hour: Look, 101 * 24 * time.Hour: Bad} {
		found := Kubeconfig(t.Context(), p.kubeconfig(), time.Now().Add(later))
		var got []string
		for _, f := range found {
			if f.Verdict != OK {
				got = append(got, f.Subject)
			}
		}
		if Worst(found) != want || want != OK && strings.Join(got, " ") != "client server" {
			t.Errorf("after %s:\n%s", later, lines(found))
		}
	}
}

// TestKubeconfigExpired is refused by the receiver, too.
func TestKubeconfigExpired(t *testing.T) {
	p := open(t, wiring.MTLS)
	authority, err := wiring.LoadAuthority(filepath.Join(p.dir, "ca"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	server, err := wiring.ParseServer("10.0.0.1", "blue")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "old")
	files, err := wiring.Make(wiring.Options{For: "generic", Server: server, Auth: wiring.MTLS, Policy: []byte("kind: Policy\n"), Authority: authority, Now: time.Now().Add(-48 * time.Hour), Valid: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := wiring.Write(dir, files, false); err != nil {
		t.Fatal(err)
	}
	copyFiles(t, p.dir, dir, "client.crt", "client.key")
	text := lines(Kubeconfig(t.Context(), p.kubeconfig(), time.Now()))
	for _, want := range []string{`bad  client: the certificate of "kube-apiserver blue", signed by "Saker audit authority", expired on`, "bad  server: TLS: remote error: tls: "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}

package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/config"
)

// strong is a token that nobody guesses.
const strong = "0123456789abcdef0123456789abcdef"

func TestParseTokens(t *testing.T) {
	for _, test := range []struct {
		text, want string
		tokens     []string
	}{
		{"a\n", "", []string{"a"}},
		{"\xef\xbb\xbf# tokens\n\n a \r\nb#c\n#d\n", "", []string{"a", "b#c"}},
		{"", "holds no token", nil}, {"\n# x\n", "holds no token", nil},
		{"good\nthe secret\n", ":2:4: a token has a character that no token may have", nil},
		{"s\x00", ":1:2: ", nil}, {"sé", ":1:2: ", nil},
		{strings.Repeat("x", maxTokens+1), "more than 1048576 bytes", nil},
	} {
		got, err := parseTokens([]byte(test.text))
		if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%.40q: %v", test.text, err)
		}
		if diff := cmp.Diff(test.tokens, got); diff != "" {
			t.Errorf("%.40q:\n%s", test.text, diff)
		}
	}
}

// Whatever is in a file of tokens: those that are taken can stand in a header, and errors show nothing of it.
func FuzzParseTokens(f *testing.F) {
	for _, seed := range []string{"a\n", "# x\n\r\nb c", "\xef\xbb\xbfx", "\x00", strings.Repeat("ab\n", 1000)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tokens, err := parseTokens(data)
		if (err == nil) == (len(tokens) == 0) {
			t.Fatalf("%q, %v", tokens, err)
		}
		for _, token := range tokens {
			if token == "" || token[0] == '#' || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
				t.Fatalf("%q", token)
			}
		}
	})
}

func TestTokenFileIsFollowed(t *testing.T) {
	dir := t.TempDir()
	var text output
	log, _, err := newLog(testConfig().Log, &text)
	if err != nil {
		t.Fatal(err)
	}
	name := fakesink.WriteFile(t, dir, "tokens", []byte(strong))
	f, err := openTokens(name, log)
	if err != nil || text.String() != "" {
		t.Fatal(err, text.String())
	}
	expect := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, f.list()); diff != "" {
			t.Error(diff)
		}
	}
	expect(strong)
	fakesink.WriteFile(t, dir, "tokens", []byte(strong+"1\n"+strong+"2\n"))
	expect(strong+"1", strong+"2")
	fakesink.WriteFile(t, dir, "tokens", []byte("# empty\n"))
	expect(strong+"1", strong+"2")
	if !strings.Contains(text.String(), "the tokens that were in it stay valid") {
		t.Error(text.String())
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	expect(strong+"1", strong+"2")
	// A pipe in its place does not hold anybody up.
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(strong+"1", strong+"2")
	fakesink.WriteFile(t, dir, "tokens", []byte("short"))
	if err := os.Chmod(name, 0o644); err != nil {
		t.Fatal(err)
	}
	expect("short")
	for _, want := range []string{"it is a pipe", "so short that it can be guessed", `"mode":"0644"`} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
	if strings.Contains(text.String(), strong) || strings.Contains(text.String(), `"short"`) {
		t.Errorf("a token is in the log:\n%s", &text)
	}
}

func TestTokenFileMistakes(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		filepath.Join(dir, "missing"):                      "no such file",
		fakesink.WriteFile(t, dir, "empty", nil):           "empty holds no token",
		fakesink.WriteFile(t, dir, "bad", []byte("a b c")): "bad:1:2: a token has a character",
		pipe: "it is a pipe", dir: "is a directory",
	} {
		if _, err := openTokens(name, zap.NewNop()); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "audit.token_file: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// send posts an event with a token, empty for none, and gives the code of the answer.
func send(t *testing.T, client *http.Client, url, token, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode
}

// The start is refused when everybody could send, and when what keeps others away cannot be used.
func TestUnsafeStart(t *testing.T) {
	dir := t.TempDir()
	authority := fakesink.NewAuthority(t, "authority")
	certificate, key := authority.Write(t, dir, "server", fakesink.Certificate{})
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*config.Audit)
		want   string
	}{
		{"open", func(a *config.Audit) { a.Listen = ":0" }, "nothing says who may send audit events"},
		{"tls alone", func(a *config.Audit) { a.Listen, a.Certificate, a.Key = ":0", certificate, key }, "audit.tls_client_ca"},
		{"no tokens", func(a *config.Audit) { a.Listen, a.TokenFile = ":0", fakesink.WriteFile(t, dir, "empty", nil) }, "holds no token"},
		{"pipe for a certificate", func(a *config.Audit) { a.Certificate, a.Key = pipe, key }, "it is a pipe"},
		{"pipe for an authority", func(a *config.Audit) { a.Certificate, a.Key, a.ClientCA = certificate, key, pipe }, "it is a pipe"},
		{"nothing at all", func(a *config.Audit) { a.Listen = "" }, "set audit.listen to an address, or audit.files"},
	} {
		cfg := testConfig()
		test.change(&cfg.Audit)
		if _, err := New(options(cfg, io.Discard, io.Discard, "k8s_audit")); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	cfg := testConfig()
	cfg.Audit.Listen, cfg.Audit.AllowUnauthenticated = ":0", true
	_, _, stderr, _ := start(t, cfg, "k8s_audit")
	stderr.waitFor(t, "since audit.allow_unauthenticated is true")
}

// Tokens and networks that a reload brings hold at once; what would leave the receiver open to everybody is refused.
func TestReloadOfAccess(t *testing.T) {
	dir := t.TempDir()
	cfg := testConfig()
	cfg.Audit.Listen, cfg.Audit.TokenFile = "0.0.0.0:0", fakesink.WriteFile(t, dir, "first", []byte(strong))
	given := make(chan config.Config, 1)
	given <- cfg
	d, _, stderr, _ := startWith(t, Options{Sources: []string{"k8s_audit"}, Load: func() (config.Config, []string, error) { return <-given, nil, nil }})
	stderr.waitFor(t, "the tokens are sent in the clear")
	_, port, err := net.SplitHostPort(d.AuditAddress())
	if err != nil {
		t.Fatal(err)
	}
	url := "http://127.0.0.1:" + port + "/k8s-audit"
	expect := func(token string, want int) {
		t.Helper()
		if got := send(t, http.DefaultClient, url, token, example(t)); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
	reload := func(change func(*config.Audit)) reloadState {
		t.Helper()
		next := cfg
		change(&next.Audit)
		before := d.reloads()
		given <- next
		d.Reload()
		waitUntil(t, func() bool { now := d.reloads(); return now.good+now.bad > before.good+before.bad })
		return d.reloads()
	}
	expect("", http.StatusUnauthorized)
	expect("x"+strong, http.StatusUnauthorized)
	expect(strong, http.StatusOK)
	if s := reload(func(a *config.Audit) { a.TokenFile = fakesink.WriteFile(t, dir, "second", []byte("x"+strong)) }); s.bad > 0 {
		t.Error(s.failure)
	}
	expect(strong, http.StatusUnauthorized)
	expect("x"+strong, http.StatusOK)
	if s := reload(func(a *config.Audit) {
		a.TokenFile, a.Networks = "", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	}); s.bad > 0 {
		t.Error(s.failure)
	}
	expect("", http.StatusForbidden)
	if s := reload(func(a *config.Audit) { a.TokenFile = "" }); s.bad != 1 || !strings.Contains(s.failure, "nothing says who may send audit events") {
		t.Errorf("%+v", s)
	}
	expect("", http.StatusForbidden)
	// Another address does not hold before a restart, so what keeps strangers away may not go with it.
	if s := reload(func(a *config.Audit) { a.TokenFile, a.Listen = "", "127.0.0.1:1" }); s.bad != 2 ||
		!strings.Contains(s.failure, "the address in force, 0.0.0.0:0, stays until a restart") || !strings.Contains(s.failure, "nothing says who may send audit events") {
		t.Errorf("%+v", s)
	}
	expect("", http.StatusForbidden)
	if s := reload(func(a *config.Audit) { a.TokenFile = filepath.Join(dir, "missing") }); s.bad != 3 || strings.Contains(s.failure, "until a restart") {
		t.Errorf("%+v", s)
	}
	if s := reload(func(a *config.Audit) { a.MaxEvent, a.DuplicateEvents = 1<<20, 5000 }); s.good != 3 {
		t.Errorf("%+v", s)
	}
	expect(strong, http.StatusOK)
	stderr.waitFor(t, `"settings":["audit.max_event_bytes","audit.duplicate_events"]`)
	_, metrics := get(t, "http://"+d.WebAddress()+"/metrics")
	for _, want := range []string{`saker_audit_requests_total{code="401"} 3`, `saker_audit_requests_total{code="403"} 3`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(stderr.String(), strong) {
		t.Error("a token is in the log")
	}
}

// A reload may name other files of TLS, but not switch it on and off.
func TestReloadOfCertificates(t *testing.T) {
	dir := t.TempDir()
	authority := fakesink.NewAuthority(t, "authority")
	cfg := testConfig()
	cfg.Audit.Certificate, cfg.Audit.Key = authority.Write(t, dir, "first", fakesink.Certificate{Name: "first"})
	given := make(chan config.Config, 1)
	given <- cfg
	d, _, stderr, _ := startWith(t, Options{Sources: []string{"k8s_audit"}, Load: func() (config.Config, []string, error) { return <-given, nil, nil }})
	reload := func(change func(*config.Audit)) reloadState {
		t.Helper()
		next, before := cfg, d.reloads()
		change(&next.Audit)
		given <- next
		d.Reload()
		waitUntil(t, func() bool { now := d.reloads(); return now.good+now.bad > before.good+before.bad })
		return d.reloads()
	}
	name := func(certificates ...tls.Certificate) string {
		t.Helper()
		conn, err := tls.Dial("tcp", d.AuditAddress(), &tls.Config{RootCAs: poolOf(authority), Certificates: certificates})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := name(); got != "first" {
		t.Errorf("%q", got)
	}
	certificate, key := authority.Write(t, dir, "second", fakesink.Certificate{Name: "second"})
	if s := reload(func(a *config.Audit) { a.Certificate, a.Key = certificate, key }); s.good != 1 {
		t.Errorf("%+v", s)
	}
	if got := name(); got != "second" {
		t.Errorf("%q", got)
	}
	if s := reload(func(a *config.Audit) { a.Certificate, a.Key = key, key }); s.bad != 1 || !strings.Contains(s.failure, "load the certificate") {
		t.Errorf("%+v", s)
	}
	if s := reload(func(a *config.Audit) { a.Certificate, a.Key = "", "" }); s.good != 2 {
		t.Errorf("%+v", s)
	}
	stderr.waitFor(t, `"settings":["audit.tls_certificate"]`)
	if got := name(); got != "second" {
		t.Errorf("%q", got)
	}
	// Authorities that are named later are asked for by the next connection.
	ca := authority.WriteCA(t, dir, "ca.crt")
	if s := reload(func(a *config.Audit) { a.Certificate, a.Key, a.ClientCA = certificate, key, ca }); s.good != 3 {
		t.Errorf("%+v", s)
	}
	before := d.intake.receiver.Stats().Handshakes["no_client_certificate"]
	name() // the client hears of it only when it reads
	waitUntil(t, func() bool { return d.intake.receiver.Stats().Handshakes["no_client_certificate"] == before+1 })
}

// poolOf trusts an authority.
func poolOf(a *fakesink.Authority) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.CertPEM)
	return pool
}

// Who does not get a TLS connection is counted with the reason.
func TestHandshakes(t *testing.T) {
	dir := t.TempDir()
	ours, theirs := fakesink.NewAuthority(t, "ours"), fakesink.NewAuthority(t, "theirs")
	cfg := testConfig()
	cfg.Audit.Certificate, cfg.Audit.Key = ours.Write(t, dir, "server", fakesink.Certificate{})
	cfg.Audit.ClientCA = ours.WriteCA(t, dir, "ca.crt")
	d, _, _, _ := start(t, cfg, "k8s_audit")
	roots := poolOf(ours)
	pair := func(a *fakesink.Authority, c fakesink.Certificate) []tls.Certificate {
		certificate, key := a.Sign(t, c)
		p, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{p}
	}
	now := time.Now()
	for _, test := range []struct {
		reason string
		config *tls.Config
	}{
		{"", &tls.Config{RootCAs: roots, Certificates: pair(ours, fakesink.Certificate{Name: "kube-apiserver"})}},
		{"no_client_certificate", &tls.Config{RootCAs: roots}},
		{"client_certificate_expired", &tls.Config{RootCAs: roots, Certificates: pair(ours, fakesink.Certificate{From: now.Add(-2 * time.Hour), Until: now.Add(-time.Hour)})}},
		{"client_certificate_unknown_authority", &tls.Config{RootCAs: roots, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &pair(theirs, fakesink.Certificate{})[0], nil
		}}},
		{"server_certificate_refused", &tls.Config{RootCAs: x509.NewCertPool(), Certificates: pair(ours, fakesink.Certificate{})}},
		{"tls_version", &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}},
	} {
		transport := &http.Transport{TLSClientConfig: test.config}
		before := d.intake.receiver.Stats().Handshakes
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+d.AuditAddress()+"/k8s-audit", strings.NewReader(example(t)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := (&http.Client{Transport: transport}).Do(r)
		if err == nil {
			answer.Body.Close()
		}
		if (err == nil) != (test.reason == "") {
			t.Errorf("%s: %v", test.reason, err)
		}
		if test.reason != "" {
			waitUntil(t, func() bool { return d.intake.receiver.Stats().Handshakes[test.reason] == before[test.reason]+1 })
		}
		transport.CloseIdleConnections()
	}
	if code, _ := get(t, "http://"+d.AuditAddress()+"/"); code != http.StatusBadRequest {
		t.Errorf("plain HTTP is answered %d", code)
	}
	waitUntil(t, func() bool { return d.intake.receiver.Stats().Handshakes["plain_http"] == 1 })
}

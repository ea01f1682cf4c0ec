package transport

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/saker-security/saker/internal/fakesink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// handshake connects, sends a byte and waits for the end of the connection or of the exchange, so that what a server
// says about the client's certificate is seen too.
func handshake(t *testing.T, config *tls.Config, address string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	d := tls.Dialer{Config: config}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	request := "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	if _, err := c.Write([]byte(request)); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 1))
	return err
}

// TestHandshakes: who is let in and why others are not.
func TestHandshakes(t *testing.T) {
	servers, clients, strangers := fakesink.NewAuthority(t, "servers"), fakesink.NewAuthority(t, "clients"), fakesink.NewAuthority(t, "strangers")
	dir := t.TempDir()
	ca, strangerCA := servers.WriteCA(t, dir, "ca.pem"), strangers.WriteCA(t, dir, "strangers.pem")
	caDir := filepath.Join(dir, "authorities")
	if err := os.MkdirAll(filepath.Join(caDir, "..data"), 0o700); err != nil {
		t.Fatal(err)
	}
	servers.WriteCA(t, caDir, "ca.crt")
	fakesink.WriteFile(t, caDir, "README", []byte("no certificate"))
	crt, key := clients.Write(t, dir, "client", fakesink.Certificate{Name: "saker"})
	strangeCrt, strangeKey := strangers.Write(t, dir, "strange", fakesink.Certificate{})

	valid := servers.Server(t, fakesink.Certificate{})
	old := servers.Server(t, fakesink.Certificate{})
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	expired := servers.Server(t, fakesink.Certificate{Until: time.Now().Add(-time.Minute)})
	elsewhere := servers.Server(t, fakesink.Certificate{Hosts: []string{"sink.example"}})
	mutual := servers.Server(t, fakesink.Certificate{}, clients)
	tests := []struct {
		name     string
		server   *tls.Config
		settings TLS
		want     string // part of the error, empty for none
	}{
		{"authority from a file", valid, TLS{CAFile: ca}, ""},
		{"authority from a bundle", valid, TLS{CABundle: ca}, ""},
		{"authority from a directory", valid, TLS{CAPath: caDir}, ""},
		{"authorities of the system", valid, TLS{}, "certificate signed by unknown authority"},
		{"another authority", valid, TLS{CAFile: strangerCA}, "certificate signed by unknown authority"},
		{"any certificate", expired, TLS{Insecure: true}, ""},
		{"insecure needs no authorities", valid, TLS{Insecure: true, CAFile: "/nonexistent/ca", CAPath: "/nonexistent"}, ""},
		{"expired", expired, TLS{CAFile: ca}, "certificate has expired"},
		{"not yet in force", servers.Server(t, fakesink.Certificate{From: time.Now().Add(time.Minute)}), TLS{CAFile: ca}, "not yet valid"},
		{"wrong name", elsewhere, TLS{CAFile: ca}, "doesn't contain any IP SANs"},
		{"name from the settings", elsewhere, TLS{CAFile: ca, ServerName: "sink.example"}, ""},
		{"wrong name from the settings", valid, TLS{CAFile: ca, ServerName: "sink.example"}, "not sink.example"},
		{"TLS 1.1", old, TLS{CAFile: ca}, "protocol version"},
		{"client certificate", mutual, TLS{CAFile: ca, CertificateFile: crt, KeyFile: key}, ""},
		{"client certificate missing", mutual, TLS{CAFile: ca}, "certificate required"},
		{"client certificate of a stranger", mutual, TLS{CAFile: ca, CertificateFile: strangeCrt, KeyFile: strangeKey}, "certificate"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := NewClient(test.settings, nil)
			if err != nil {
				t.Fatal(err)
			}
			s := fakesink.Start(t, fakesink.Options{TLS: test.server})
			err = handshake(t, c.Config(), s.Address)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// TestWrongFiles: what is wrong with a file is said when the client is made, with the name of the file.
func TestWrongFiles(t *testing.T) {
	a := fakesink.NewAuthority(t, "a")
	dir := t.TempDir()
	ca := a.WriteCA(t, dir, "ca.pem")
	crt, key := a.Write(t, dir, "good", fakesink.Certificate{})
	_, otherKey := a.Write(t, dir, "other", fakesink.Certificate{})
	oldCrt, oldKey := a.Write(t, dir, "old", fakesink.Certificate{Name: "me\n", Until: time.Now().Add(-time.Minute)})
	newCrt, newKey := a.Write(t, dir, "new", fakesink.Certificate{From: time.Now().Add(time.Minute)})
	text := fakesink.WriteFile(t, dir, "text", []byte("hello"))
	bad := fakesink.WriteFile(t, dir, "bad", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}))
	locked := fakesink.WriteFile(t, dir, "locked", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))
	large := fakesink.WriteFile(t, dir, "large", make([]byte, maxFile+1))
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		settings TLS
		want     []string
	}{
		{TLS{CAFile: filepath.Join(dir, "none")}, []string{filepath.Join(dir, "none"), "no such file"}},
		{TLS{CABundle: text}, []string{text, "holds no PEM"}},
		{TLS{CAFile: dir}, []string{dir, "no regular file"}},
		{TLS{CAFile: key}, []string{key, `"PRIVATE KEY", but no CERTIFICATE`}},
		{TLS{CAFile: bad}, []string{bad, "certificate 1"}},
		{TLS{CAFile: oldCrt}, []string{oldCrt, `"CN=me\n" expired on `}},
		{TLS{CAFile: large}, []string{large, "more than"}},
		{TLS{CAPath: empty}, []string{empty, "no file of the 0"}},
		{TLS{CAPath: filepath.Join(dir, "none")}, []string{filepath.Join(dir, "none"), "no such file"}},
		{TLS{CAFile: ca, CertificateFile: crt}, []string{crt, "without the file of its key"}},
		{TLS{CAFile: ca, KeyFile: key}, []string{key, "without the file of its certificate"}},
		{TLS{CertificateFile: oldCrt, KeyFile: oldKey}, []string{oldCrt, "expired on"}},
		{TLS{CertificateFile: newCrt, KeyFile: newKey}, []string{newCrt, "not in force before"}},
		{TLS{CertificateFile: crt, KeyFile: otherKey}, []string{crt, otherKey, "does not match"}},
		{TLS{CertificateFile: crt, KeyFile: text}, []string{text, "holds no PEM"}},
		{TLS{CertificateFile: crt, KeyFile: crt}, []string{crt, `"CERTIFICATE", but no PRIVATE KEY`}},
		{TLS{CertificateFile: crt, KeyFile: locked}, []string{locked, "encrypted"}},
		{TLS{CertificateFile: text, KeyFile: key}, []string{text, "holds no PEM"}},
	}
	for _, test := range tests {
		_, err := NewClient(test.settings, nil)
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: error %v lacks %q", test.settings, err, want)
			}
		}
	}
}

// TestRotation: files that change on disk are used without a restart, and what is half done changes nothing.
func TestRotation(t *testing.T) {
	first, second := fakesink.NewAuthority(t, "first"), fakesink.NewAuthority(t, "second")
	dir := t.TempDir()
	ca := first.WriteCA(t, dir, "ca.pem")
	crt, key := first.Write(t, dir, "client", fakesink.Certificate{Name: "one"})
	var reports []string
	c, err := NewClient(TLS{CAFile: ca, CertificateFile: crt, KeyFile: key}, func(err error) { reports = append(reports, err.Error()) })
	if err != nil {
		t.Fatal(err)
	}
	look := func() *tls.Config { // as if the interval were over
		c.checked = time.Time{}
		return c.Config()
	}
	servers := func(a *fakesink.Authority) *fakesink.Server {
		return fakesink.Start(t, fakesink.Options{TLS: a.Server(t, fakesink.Certificate{}, first, second)})
	}
	one, two := servers(first), servers(second)
	old := look()
	if err := handshake(t, old, one.Address); err != nil || look() != old {
		t.Errorf("%v, or a new configuration without a change", err)
	}

	second.WriteCA(t, dir, "ca.pem")
	changed := look()
	if err := handshake(t, changed, two.Address); err != nil || changed == old {
		t.Errorf("the new authority: %v", err)
	}
	newCrt, newKey := second.Sign(t, fakesink.Certificate{Name: "two"})
	fakesink.WriteFile(t, dir, "client.crt", newCrt)
	for range 2 {
		if look() != changed {
			t.Error("a certificate without its key is in force")
		}
	}
	if len(reports) != 1 || !strings.Contains(reports[0], key) || !strings.Contains(reports[0], "does not match") {
		t.Errorf("reports %q", reports)
	}
	fakesink.WriteFile(t, dir, "client.key", newKey)
	if err := handshake(t, look(), two.Address); err != nil {
		t.Errorf("the new certificate: %v", err)
	}
	if got := two.Wait(t, 2)[1].Client; got != "two" {
		t.Errorf("client %q", got)
	}
}

// TestCheckInterval: the files are looked at once in a second, not at every connection.
func TestCheckInterval(t *testing.T) {
	a := fakesink.NewAuthority(t, "a")
	dir := t.TempDir()
	ca := a.WriteCA(t, dir, "ca.pem")
	other := fakesink.NewAuthority(t, "b")
	synctest.Test(t, func(t *testing.T) {
		c := &Client{settings: TLS{CAFile: ca, Insecure: true}, report: func(err error) { t.Error(err) }, checked: time.Now()}
		c.stamps = c.settings.stamps()
		old := c.Config()
		other.WriteCA(t, dir, "ca.pem")
		if time.Sleep(checkInterval - time.Nanosecond); c.Config() != old {
			t.Error("looked at too early")
		}
		if time.Sleep(time.Nanosecond); c.Config() == old {
			t.Error("not looked at")
		}
	})
}

func FuzzPEM(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := certificates(data)
		if (err == nil) != (len(found) > 0) {
			t.Errorf("%d certificates, %v", len(found), err)
		}
		_ = checkKey(data)
	})
}

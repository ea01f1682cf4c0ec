package grpc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/sink/grpc/outputs"
	"github.com/saker-security/saker/pkg/deliver/sink/grpc/version"
)

// asks calls version.
func asks(t *testing.T, conn *grpc.ClientConn) error {
	t.Helper()
	_, err := version.NewServiceClient(conn).Version(within(t), &version.Request{}, grpc.WaitForReady(false))
	return err
}

func TestUnixSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "made", "s")
	s := Settings{BindAddress: "unix://" + path}
	k := startWith(t, s)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if parent, err := os.Stat(filepath.Dir(path)); err != nil || parent.Mode().Perm() != 0o700 {
		t.Error(parent.Mode(), err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}

	// What a process that died left is replaced.
	old, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	old.(*net.UnixListener).SetUnlinkOnClose(false)
	if _, err := New(s, render, Version{}); err == nil || !strings.Contains(err.Error(), "grpc.bind_address: another process listens on "+path) {
		t.Errorf("a socket that is in use: %v", err)
	}
	old.Close()
	startWith(t, s)
	if err := asks(t, connect(t, s.BindAddress, nil)); err != nil {
		t.Error(err)
	}

	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Settings{BindAddress: "unix://" + file}, render, Version{}); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("a file: %v", err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "precious" {
		t.Error("the file is gone")
	}
}

// A sink that is opened anew with other settings takes over the socket of the one before: no client is turned away.
func TestTakeOver(t *testing.T) {
	files := certificates(t)
	for _, s := range []Settings{{BindAddress: "unix://" + filepath.Join(t.TempDir(), "s")}, files.settings(freePort(t))} {
		var c credentials.TransportCredentials
		if s.CertChain != "" {
			c = files.client("client")
		}
		first := startWith(t, s)
		second := startWith(t, s)
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		ctx := within(t)
		stream, err := outputs.NewServiceClient(connect(t, s.BindAddress, c)).Sub(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Send(ctx, []*alert.Alert{sample("1")}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Error(err)
		}
		if err := second.Close(); err != nil {
			t.Fatal(err)
		}
		startWith(t, s)
	}
}

// A sink whose server ended says so, and can be opened anew before it is closed.
func TestServerEnded(t *testing.T) {
	s := Settings{BindAddress: "unix://" + filepath.Join(t.TempDir(), "s")}
	first := startWith(t, s)
	if err := first.listen.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Send(within(t), []*alert.Alert{sample("1")}); err == nil || !strings.Contains(err.Error(), "the grpc server ended: ") {
		t.Error(err)
	}
	startWith(t, s)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := asks(t, connect(t, s.BindAddress, nil)); err != nil {
		t.Error(err)
	}
}

// More connections than there may be wait for one to end.
func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &listener{Listener: pipes{}, slots: make(chan struct{}, 1), done: make(chan struct{})}
		first, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		var second net.Conn
		go func() {
			if second, err = l.Accept(); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		if second != nil {
			t.Fatal("two connections at once")
		}
		first.Close()
		first.Close()
		synctest.Wait()
		if second == nil {
			t.Fatal("no connection after another one ended")
		}
		l.Close()
		l.Close()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// pipes is a listener that has a connection whenever it is asked.
type pipes struct{}

func (pipes) Accept() (net.Conn, error) {
	c, _ := net.Pipe()
	return c, nil
}

func (pipes) Close() error   { return nil }
func (pipes) Addr() net.Addr { return nil }

func TestMutualTLS(t *testing.T) {
	files := certificates(t)
	s := files.settings(freePort(t))
	startWith(t, s)
	if err := asks(t, connect(t, s.BindAddress, files.client("client"))); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]credentials.TransportCredentials{
		"without a certificate": files.client(""),
		"of another authority":  files.client("stranger"),
		"without TLS":           insecure.NewCredentials(),
	} {
		if err := asks(t, connect(t, s.BindAddress, c)); err == nil {
			t.Errorf("a client %s is let in", name)
		}
	}

	// Files that change count from the next connection on; while they are wrong, those before do.
	files.make("stranger", "server", "server")
	later := time.Now().Add(time.Hour)
	if err := os.Rename(files.path("server.key"), files.path("other.key")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(files.path("server.crt"), later, later); err != nil {
		t.Fatal(err)
	}
	if err := asks(t, connect(t, s.BindAddress, files.client("client"))); err != nil {
		t.Errorf("while the files are replaced: %v", err)
	}
	if err := os.Rename(files.path("other.key"), files.path("server.key")); err != nil {
		t.Fatal(err)
	}
	if err := asks(t, connect(t, s.BindAddress, files.client("client"))); err == nil {
		t.Error("the server shows its old certificate")
	}
}

func TestWrongSettings(t *testing.T) {
	files := certificates(t)
	good := files.settings("127.0.0.1:0")
	change := func(f func(*Settings)) Settings { s := good; f(&s); return s }
	for want, s := range map[string]Settings{
		`grpc.bind_address: "unix:///" has no absolute path; write unix:///path`:               {BindAddress: "unix:///"},
		`grpc.bind_address: "unix:here" has no absolute path`:                                  {BindAddress: "unix:here"},
		`grpc.bind_address: the path has 201 bytes, and that of a socket has at most 107: /xx`: {BindAddress: "unix:///" + strings.Repeat("x", 200)},
		`grpc.bind_address: "unix://" has no absolute path; write unix:///path`:                {BindAddress: "unix://"},
		`grpc.bind_address: "here" is neither unix:///path nor host:port`:                      {BindAddress: "here"},
		`grpc.private_key is not set: a server on 127.0.0.1:0 needs`:                           change(func(s *Settings) { s.PrivateKey = "" }),
		`grpc.root_certs is not set`:                                                           change(func(s *Settings) { s.RootCerts = "" }),
		`grpc.cert_chain: open /nonexistent: no such file`:                                     change(func(s *Settings) { s.CertChain = "/nonexistent" }),
		`grpc.private_key ` + files.path("ca.crt"):                                             change(func(s *Settings) { s.PrivateKey = files.path("ca.crt") }),
		`grpc.root_certs ` + files.path("server.key") + `: there is no PEM certificate`:        change(func(s *Settings) { s.RootCerts = s.PrivateKey }),
		`grpc.bind_address: listen tcp: address 99999`:                                         change(func(s *Settings) { s.BindAddress = "127.0.0.1:99999" }),
		`grpc.bind_address: mkdir /dev/null`:                                                   {BindAddress: "unix:///dev/null/s"},
	} {
		k, err := New(s, render, Version{})
		if err == nil {
			k.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", s, err, want)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	address, err := fakesink.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// pems makes authorities and certificates in a directory.
type pems struct {
	t   *testing.T
	dir string
	ca  map[string]*x509.Certificate
	key map[string]*ecdsa.PrivateKey
}

// certificates makes the authority ca with a server and a client, and the authority other with a stranger.
func certificates(t *testing.T) *pems {
	p := &pems{t: t, dir: t.TempDir(), ca: make(map[string]*x509.Certificate), key: make(map[string]*ecdsa.PrivateKey)}
	p.make("", "ca", "ca")
	p.make("ca", "server", "server")
	p.make("ca", "client", "client")
	p.make("", "other", "other")
	p.make("other", "stranger", "stranger")
	return p
}

func (p *pems) path(name string) string { return filepath.Join(p.dir, name) }

func (p *pems) make(authority, name, file string) {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: authority == "",
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	parent, signer := c, key
	if authority != "" {
		parent, signer = p.ca[authority], p.key[authority]
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		p.t.Fatal(err)
	}
	p.ca[name], p.key[name] = c, key
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		p.t.Fatal(err)
	}
	for suffix, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(p.path(file+suffix), pem.EncodeToMemory(block), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *pems) settings(address string) Settings {
	return Settings{BindAddress: address, PrivateKey: p.path("server.key"), CertChain: p.path("server.crt"), RootCerts: p.path("ca.crt")}
}

// client gives the credentials of a client with the certificate of this name, or with none.
func (p *pems) client(name string) credentials.TransportCredentials {
	p.t.Helper()
	data, err := os.ReadFile(p.path("ca.crt"))
	if err != nil {
		p.t.Fatal(err)
	}
	c := &tls.Config{RootCAs: x509.NewCertPool()}
	c.RootCAs.AppendCertsFromPEM(data)
	if name != "" {
		pair, err := tls.LoadX509KeyPair(p.path(name+".crt"), p.path(name+".key"))
		if err != nil {
			p.t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return credentials.NewTLS(c)
}

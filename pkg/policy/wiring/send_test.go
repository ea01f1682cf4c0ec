package wiring

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/plugin/pkg/audit/buffered"
	"k8s.io/apiserver/plugin/pkg/audit/webhook"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/config"
)

// listen takes a port of the loopback address for serve.
func listen(t *testing.T) (l net.Listener, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, port, err = net.SplitHostPort(l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	return l, port
}

// serve runs the receiver as the written configuration says, and counts the events of each cluster.
func serve(t *testing.T, dir string, listener net.Listener) *arrived {
	t.Helper()
	cfg, _, err := config.Load(config.Input{File: filepath.Join(dir, configPath)})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := audit.TLSConfig(cfg.Audit.Certificate, cfg.Audit.Key, cfg.Audit.ClientCA)
	if err != nil {
		t.Fatal(err)
	}
	got := &arrived{}
	receiver := audit.NewReceiver(&audit.Splitter{}, func(_ context.Context, b *audit.Batch) error {
		if b.Cluster != "blue" {
			return fmt.Errorf("the cluster is %q", b.Cluster)
		}
		got.events.Add(int64(b.Len()))
		return nil
	})
	if cfg.Audit.TokenFile != "" {
		data, err := os.ReadFile(cfg.Audit.TokenFile)
		if err != nil {
			t.Fatal(err)
		}
		receiver.Access.Tokens = func() []string { return strings.Fields(string(data)) }
	}
	server := audit.NewServer("", settings, receiver)
	server.ErrorLog = zap.NewStdLog(zap.NewNop())
	done := make(chan error, 1)
	go func() { done <- server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() {
		server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return got
}

// arrived counts events.
type arrived struct{ events atomic.Int64 }

// send sends events as an API server does that has been given the webhook configuration, and waits until they were
// delivered or given up.
func send(t *testing.T, kubeconfig string, count int) {
	t.Helper()
	hook, err := webhook.NewBackend(kubeconfig, auditv1.SchemeGroupVersion, wait.Backoff{Duration: time.Millisecond, Factor: 1, Steps: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	backend := buffered.NewBackend(hook, buffered.BatchConfig{BufferSize: 1000, MaxBatchSize: 10, MaxBatchWait: time.Millisecond, AsyncDelegate: true})
	stop := make(chan struct{})
	if err := backend.Run(stop); err != nil {
		t.Fatal(err)
	}
	for i := range count {
		e := &auditinternal.Event{
			Level: auditinternal.LevelMetadata, AuditID: types.UID(fmt.Sprintf("event-%d", i)), Stage: auditinternal.StageResponseComplete,
			RequestURI: "/api/v1/pods", Verb: "list",
		}
		e.StageTimestamp.Time, e.RequestReceivedTimestamp.Time = time.Now(), time.Now()
		if !backend.ProcessEvents(e) {
			t.Error("the backend refused an event")
		}
	}
	close(stop)
	backend.Shutdown()
}

// TestSend sends events by the API server's own code, over the network, with exactly the files that were written.
func TestSend(t *testing.T) {
	for _, c := range []struct {
		name       string
		auth, host string
		serverName string
	}{
		{"client certificate", MTLS, "127.0.0.1", ""},
		{"token", Token, "127.0.0.1", ""},
		{"by name", MTLS, "localhost", ""},
		{"for another name", MTLS, "127.0.0.1", "saker-audit.saker.svc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			listener, port := listen(t)
			dir := written(t, func(o *Options) {
				o.Auth, o.Server, o.ServerName = c.auth, Server{Host: c.host, Port: port, Cluster: "blue"}, c.serverName
			})
			got := serve(t, dir, listener)
			send(t, filepath.Join(dir, webhookPath), 25)
			if n := got.events.Load(); n != 25 {
				t.Errorf("25 events were sent, %d arrived", n)
			}
			refuseStranger(t, dir, listener.Addr().String(), got)
		})
	}
}

// refuseStranger sends with the certificates, or the token, of somebody else.
func refuseStranger(t *testing.T, dir, address string, got *arrived) {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	auth := MTLS
	if _, err := os.Stat(filepath.Join(dir, clientToken)); err == nil {
		auth = Token
	}
	other := written(t, func(o *Options) { o.Auth, o.Server = auth, Server{Host: "127.0.0.1", Port: port, Cluster: "blue"} })
	// Who does not trust the server does not even ask.
	ca, err := os.ReadFile(filepath.Join(dir, serverCAPath))
	if err != nil {
		t.Fatal(err)
	}
	before := got.events.Load()
	for _, trusting := range []bool{false, true} {
		if trusting {
			if err := os.WriteFile(filepath.Join(other, serverCAPath), ca, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		send(t, filepath.Join(other, webhookPath), 3)
	}
	if n := got.events.Load() - before; n != 0 {
		t.Errorf("%d events of a stranger were taken", n)
	}
}

// TestServerHandshake looks at what the server shows.
func TestServerHandshake(t *testing.T) {
	dir := written(t, func(o *Options) { o.ServerName = "saker.example" })
	settings, err := audit.TLSConfig(filepath.Join(dir, serverPath), filepath.Join(dir, serverKeyPath), filepath.Join(dir, clientCAPath))
	if err != nil {
		t.Fatal(err)
	}
	authority, err := LoadAuthority(filepath.Join(dir, "ca"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, clientPath), filepath.Join(dir, clientKeyPath))
	if err != nil {
		t.Fatal(err)
	}
	if pair.Leaf.Subject.CommonName != "kube-apiserver blue" {
		t.Errorf("the client is %q", pair.Leaf.Subject.CommonName)
	}
	for name, want := range map[string]string{"127.0.0.1": "", "saker.example": "", "127.0.0.2": "127.0.0.1, not 127.0.0.2", "other.example": "saker.example, not other.example"} {
		client := &tls.Config{ServerName: name, RootCAs: authority.pool(), Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		err := handshake(settings, client)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	// The server's certificate is no client's.
	server, err := tls.LoadX509KeyPair(filepath.Join(dir, serverPath), filepath.Join(dir, serverKeyPath))
	if err != nil {
		t.Fatal(err)
	}
	client := &tls.Config{ServerName: "saker.example", RootCAs: authority.pool(), Certificates: []tls.Certificate{server}, MinVersion: tls.VersionTLS12}
	if err := handshake(settings, client); err == nil {
		t.Error("a certificate of a server is taken for one of a client")
	}
}

// handshake gives the error of either side. With TLS 1.3 the client learns only by reading that it was refused.
func handshake(server, client *tls.Config) error {
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		return err
	}
	defer listener.Close()
	done := make(chan error, 1)
	go func() {
		c, err := listener.Accept()
		if err != nil {
			done <- err
			return
		}
		defer c.Close()
		_, err = c.Write([]byte("."))
		done <- err
	}()
	c, err := tls.Dial("tcp", listener.Addr().String(), client)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err != nil {
		return err
	}
	return <-done
}

// pool is the authority as what a client trusts.
func (a *Authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.certificate)
	return p
}

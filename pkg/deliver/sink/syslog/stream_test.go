package syslog_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/sink/sinktest"
	"github.com/saker-security/saker/pkg/deliver/sink/syslog"
	"github.com/saker-security/saker/pkg/deliver/transport"
)

// server is a syslog daemon for TCP and TLS.
type server struct {
	listener net.Listener
	config   *tls.Config
	all      sync.WaitGroup

	mu       sync.Mutex
	messages []string
	conns    []net.Conn
	closeAt  int // how many messages a connection may bring before it is closed, 0 for no end
}

func serve(t testing.TB, config *tls.Config) *server { return serveAt(t, "127.0.0.1:0", config) }

func serveAt(t testing.TB, address string, config *tls.Config) *server {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	must(t, err)
	s := &server{listener: listener, config: config}
	s.all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			s.all.Go(func() { s.read(conn) })
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *server) address() string { return s.listener.Addr().String() }

// stop ends the server and its connections.
func (s *server) stop() {
	s.listener.Close()
	s.mu.Lock()
	for _, conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.all.Wait()
}

func (s *server) read(conn net.Conn) {
	defer conn.Close()
	if s.config != nil {
		conn = tls.Server(conn, s.config)
		defer conn.Close()
	}
	stream, count := "", 0
	buffer := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buffer)
		var messages []string
		messages, stream = frames(stream + string(buffer[:n]))
		count += len(messages)
		enough := s.closeAt > 0 && count >= s.closeAt
		if enough {
			conn.Close() // before anybody sees the messages
		}
		s.mu.Lock()
		s.messages = append(s.messages, messages...)
		s.mu.Unlock()
		if err != nil || enough {
			return
		}
	}
}

// wait gives the messages when there are at least n.
func (s *server) wait(t testing.TB, n int) []string {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		messages := s.messages
		s.mu.Unlock()
		if len(messages) >= n {
			return messages
		}
		if time.Now().After(end) {
			t.Fatalf("%d messages after 20 s, want %d", len(messages), n)
		}
	}
}

// checkOrder checks that the messages are those of n alerts, each once and in order.
func checkOrder(t testing.TB, messages []string, n int) {
	t.Helper()
	if len(messages) != n {
		t.Fatalf("%d messages, want %d", len(messages), n)
	}
	for i, text := range messages {
		if p, err := parse(text); err != nil || p.message != fmt.Sprintf("alert %d", i) {
			t.Fatalf("message %d: %s, %v", i, text, err)
		}
	}
}

func TestTCP(t *testing.T) {
	server := serve(t, nil)
	sink := open(t, syslog.Settings{Network: "tcp", Address: server.address()})
	for i := range 20 {
		send(t, sink, i*10, 10)
	}
	checkOrder(t, server.wait(t, 200), 200)
	must(t, sink.Reopen())
	send(t, sink, 200, 1)
	checkOrder(t, server.wait(t, 201), 201)
	if len(server.conns) != 2 {
		t.Errorf("%d connections", len(server.conns))
	}
	huge := &alert.Alert{Message: strings.Repeat("x", 3<<20)}
	must(t, sink.Send(t.Context(), []*alert.Alert{huge}))
	if p, err := parse(server.wait(t, 202)[201]); err != nil || p.message != huge.Message {
		t.Errorf("a long message is not whole: %v", err)
	}
}

// TestTCPClosed: a server that has closed is noticed at once, before the next message is counted as delivered.
func TestTCPClosed(t *testing.T) {
	for _, closeAt := range []int{1, 2, 3} {
		server := serve(t, nil)
		server.closeAt = closeAt
		sink := open(t, syslog.Settings{Network: "tcp", Address: server.address()})
		for i := range 10 {
			send(t, sink, i, 1)
			checkOrder(t, server.wait(t, i+1), i+1)
		}
	}
}

// TestTCPRestart: while there is no server, Send fails; what it called delivered is there afterwards.
func TestTCPRestart(t *testing.T) {
	first := serve(t, nil)
	sink := open(t, syslog.Settings{Network: "tcp", Address: first.address()})
	send(t, sink, 0, 5)
	checkOrder(t, first.wait(t, 5), 5)
	first.stop()
	if err := sink.Send(t.Context(), sinktest.Batch(5, 5)); err == nil || !strings.Contains(err.Error(), "connect to the syslog daemon") {
		t.Errorf("error %v", err)
	}
	second := serveAt(t, first.address(), nil)
	send(t, sink, 0, 5)
	checkOrder(t, second.wait(t, 5), 5)
}

// TestTCPAcceptsAndCloses: a load balancer without a server behind it takes nothing.
func TestTCPAcceptsAndCloses(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	})
	sink := open(t, syslog.Settings{Network: "tcp", Address: listener.Addr().String()})
	for range 3 {
		if err := sink.Send(t.Context(), sinktest.Batch(0, 1)); err == nil || !strings.Contains(err.Error(), "closed the connection") {
			t.Errorf("error %v", err)
		}
	}
	listener.Close()
	all.Wait()
}

// TestTCPNotRead: what the other side does not take is not delivered, and Send ends with its context.
func TestTCPNotRead(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	sink := open(t, syslog.Settings{Network: "tcp", Address: listener.Addr().String()})
	big := []*alert.Alert{{Message: strings.Repeat("x", 32<<20)}}
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	if err := sink.Send(ctx, big); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// authority makes certificates for a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	dir         string
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	a := &authority{certificate, key, t.TempDir()}
	a.write(t, "ca.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) write(t testing.TB, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(a.dir, name)
	must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

// issue makes a certificate for 127.0.0.1 and gives the paths of it and its key.
func (a *authority) issue(t testing.TB, name string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &private.PublicKey, a.key)
	must(t, err)
	secret, err := x509.MarshalECPrivateKey(private)
	must(t, err)
	return a.write(t, name+".pem", "CERTIFICATE", der), a.write(t, name+".key", "EC PRIVATE KEY", secret)
}

// TestTLS: the server is checked, and a server that wants a certificate gets nothing before it has agreed.
func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	certificate, key := ca.issue(t, "server")
	pair, err := tls.LoadX509KeyPair(certificate, key)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(ca.certificate)
	server := serve(t, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
	settings := syslog.Settings{Network: "tls", Address: server.address()}

	if err := open(t, settings).Send(t.Context(), sinktest.Batch(0, 1)); err == nil || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("an unknown server: error %v", err)
	}
	settings.TLS = transport.TLS{CAFile: filepath.Join(ca.dir, "ca.pem")}
	if err := open(t, settings).Send(t.Context(), sinktest.Batch(0, 1)); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("no certificate: error %v", err)
	}
	settings.TLS.CertificateFile, settings.TLS.KeyFile = ca.issue(t, "client")
	sink := open(t, settings)
	for i := range 10 {
		send(t, sink, i*10, 10)
	}
	checkOrder(t, server.wait(t, 100), 100)
	server.stop()
	if err := sink.Send(t.Context(), sinktest.Batch(100, 1)); err == nil {
		t.Error("no error without a server")
	}

	settings.TLS = transport.TLS{CAFile: filepath.Join(ca.dir, "missing.pem")}
	if _, err := syslog.New(settings, sinktest.Message, nil); err == nil || !strings.Contains(err.Error(), "missing.pem") {
		t.Errorf("error %v", err)
	}
}

// TestTLSHangs: a server that never answers ends with the context.
func TestTLSHangs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	sink := open(t, syslog.Settings{Network: "tls", Address: listener.Addr().String()})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := sink.Send(ctx, sinktest.Batch(0, 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func BenchmarkTCP(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	var all sync.WaitGroup
	all.Go(func() {
		conn, err := listener.Accept()
		if err == nil {
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
	})
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			if size > 1 {
				all.Go(func() {
					conn, err := listener.Accept()
					if err == nil {
						_, _ = io.Copy(io.Discard, conn)
						conn.Close()
					}
				})
			}
			sink := open(b, syslog.Settings{Network: "tcp", Address: listener.Addr().String()})
			batch := sinktest.Batch(0, size)
			for b.Loop() {
				if err := sink.Send(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "messages/s")
		})
	}
	listener.Close()
	all.Wait()
}

package audit

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/util/wait"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/plugin/pkg/audit/buffered"
	"k8s.io/apiserver/plugin/pkg/audit/webhook"
)

// sender is the part of an API server that sends audit events: the buffered webhook backend, in batch mode.
type sender struct {
	backend audit.Backend
	stop    chan struct{}
}

func newSender(t *testing.T, kubeconfig string) *sender {
	t.Helper()
	hook, err := webhook.NewBackend(kubeconfig, auditv1.SchemeGroupVersion,
		wait.Backoff{Duration: 5 * time.Millisecond, Factor: 1.5, Steps: 5}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &sender{
		backend: buffered.NewBackend(hook, buffered.BatchConfig{
			BufferSize: 10_000, MaxBatchSize: 50, MaxBatchWait: 50 * time.Millisecond, AsyncDelegate: true,
		}),
		stop: make(chan struct{}),
	}
	if err := s.backend.Run(s.stop); err != nil {
		t.Fatal(err)
	}
	return s
}

// send sends events and returns when all of them were delivered or given up.
func (s *sender) send(t *testing.T, events []*auditinternal.Event) {
	t.Helper()
	if !s.backend.ProcessEvents(events...) {
		t.Error("the backend refused events")
	}
	close(s.stop)
	s.backend.Shutdown()
}

// recordedEvents decodes the recorded bodies as the API server does.
func recordedEvents(t *testing.T) []*auditinternal.Event {
	t.Helper()
	var events []*auditinternal.Event
	for name, body := range recorded(t) {
		object, _, err := audit.Codecs.UniversalDecoder(auditinternal.SchemeGroupVersion).Decode(body, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		list := object.(*auditinternal.EventList)
		for i := range list.Items {
			events = append(events, &list.Items[i])
		}
	}
	return events
}

func writeKubeconfig(t *testing.T, url, ca, certificate, key string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "webhook.yaml")
	tls := ""
	if ca != "" {
		tls = "\n    certificate-authority: " + ca
	}
	user := "{}"
	if certificate != "" {
		user = fmt.Sprintf("{client-certificate: %s, client-key: %s}", certificate, key)
	}
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: saker
  cluster:
    server: %s%s
users:
- name: apiserver
  user: %s
contexts:
- name: webhook
  context: {cluster: saker, user: apiserver}
current-context: webhook
`, url, tls, user)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// collector keeps what was evaluated, by audit id and stage.
type collector struct {
	mu     sync.Mutex
	events map[string]string
	count  int
}

func (c *collector) evaluate(_ context.Context, b *Batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := range b.All() {
		r := e.Data.(*Record)
		id, _ := r.text(r.at[auditID])
		stage, _ := r.text(r.at[stage])
		if c.events == nil {
			c.events = map[string]string{}
		}
		c.events[id+" "+stage] = strings.Clone(r.b.doc[r.span.Start:r.span.End])
		c.count++
	}
	return nil
}

// check compares what was evaluated with what was sent.
func (c *collector) check(t *testing.T, sent []*auditinternal.Event) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count != len(sent) {
		t.Errorf("%d events were sent, %d evaluated", len(sent), c.count)
	}
	for _, e := range sent {
		text, ok := c.events[string(e.AuditID)+" "+string(e.Stage)]
		if !ok {
			t.Errorf("event %s at %s was not evaluated", e.AuditID, e.Stage)
			continue
		}
		var v1, got auditv1.Event
		if err := auditv1.Convert_audit_Event_To_v1_Event(e, &v1, nil); err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(&v1)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(&got)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(again)); d != "" {
			t.Fatalf("event %s differs (-sent +evaluated):\n%s", e.AuditID, d)
		}
	}
}

// TestWebhook sends the recorded events with the API server's own code, over HTTP, HTTPS and with client certificates.
// Every third request is refused at first: with 503, with 500 and by a connection that breaks.
func TestWebhook(t *testing.T) {
	ca := newAuthority(t)
	serverCert, serverKey := ca.issue(t, "server")
	clientCert, clientKey := ca.issue(t, "client")
	cases := []struct {
		name           string
		tls, clientTLS bool
	}{{"http", false, false}, {"https", true, false}, {"client certificate", true, true}}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var got collector
			var calls atomic.Int64
			r := NewReceiver(&Splitter{}, func(ctx context.Context, b *Batch) error {
				switch calls.Add(1) {
				case 1:
					return errors.New("it fails once")
				case 4:
					panic(http.ErrAbortHandler)
				}
				return got.evaluate(ctx, b)
			})
			server := httptest.NewUnstartedServer(nil)
			server.Config = NewServer("", nil, r)
			var kubeconfig string
			if c.tls {
				clientCA := ""
				if c.clientTLS {
					clientCA = ca.path
				}
				config, err := TLSConfig(serverCert, serverKey, clientCA)
				if err != nil {
					t.Fatal(err)
				}
				server.TLS = config
				server.StartTLS()
				cert, key := "", ""
				if c.clientTLS {
					cert, key = clientCert, clientKey
				}
				kubeconfig = writeKubeconfig(t, server.URL+"/k8s-audit", ca.path, cert, key)
			} else {
				server.Start()
				kubeconfig = writeKubeconfig(t, server.URL+"/k8s-audit", "", "", "")
			}
			defer server.Close()
			sent := recordedEvents(t)
			newSender(t, kubeconfig).send(t, sent)
			got.check(t, sent)
			if s := r.Stats(); s.Events != uint64(len(sent)) || s.Requests[500] != 1 || s.InFlight != 0 {
				t.Errorf("counters: %+v", s)
			}
		})
	}
}

// TestWebhookBusy lets one request in at a time, so that the others are refused with 503 and Retry-After, and come again.
func TestWebhookBusy(t *testing.T) {
	var got collector
	r := NewReceiver(&Splitter{}, nil)
	r.MaxRequests = 1
	var refused atomic.Bool
	r.Evaluate = func(ctx context.Context, b *Batch) error {
		// The first request stays until another one was refused.
		for !refused.Load() {
			if r.Stats().Requests[503] > 0 {
				refused.Store(true)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			time.Sleep(time.Millisecond)
		}
		return got.evaluate(ctx, b)
	}
	var retryAfter atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		rec := httptest.NewRecorder()
		r.ServeHTTP(rec, req)
		if after := rec.Header().Get("Retry-After"); after != "" {
			retryAfter.Store(after)
			w.Header().Set("Retry-After", "1") // five seconds are long for a test
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}))
	defer server.Close()
	sent := recordedEvents(t)[:150]
	newSender(t, writeKubeconfig(t, server.URL+"/k8s-audit", "", "", "")).send(t, sent)
	got.check(t, sent)
	if retryAfter.Load() != "5" {
		t.Errorf("Retry-After is %v", retryAfter.Load())
	}
}

func TestTLSConfig(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue(t, "server")
	other, _ := ca.issue(t, "other")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, files := range [][3]string{{other, key, ""}, {cert, "none", ""}, {cert, key, "none"}, {cert, key, empty}} {
		if _, err := TLSConfig(files[0], files[1], files[2]); err == nil {
			t.Errorf("%v is accepted", files)
		}
	}
	config, err := TLSConfig(cert, key, ca.path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(NewReceiver(&Splitter{}, accept))
	server.Config.ErrorLog = zap.NewStdLog(zap.NewNop())
	server.TLS = config
	server.StartTLS()
	defer server.Close()
	if _, err := server.Client().Get(server.URL); err == nil {
		t.Error("a client without certificate is let in")
	}
}

// authority issues certificates for 127.0.0.1.
type authority struct {
	dir, path string
	key       *ecdsa.PrivateKey
	cert      *x509.Certificate
	serial    int64
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := a.template("authority")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.path = a.write(t, "ca.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) template(name string) *x509.Certificate {
	a.serial++
	return &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

func (a *authority) issue(t testing.TB, name string) (certPath, keyPath string) {
	t.Helper()
	return a.issueAs(t, name, func(*x509.Certificate) {})
}

// issueAs issues a certificate that is changed in some way.
func (a *authority) issueAs(t testing.TB, name string, change func(*x509.Certificate)) (certPath, keyPath string) {
	t.Helper()
	template := a.template(name)
	change(template)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return a.write(t, name+".pem", "CERTIFICATE", der), a.write(t, name+".key", "EC PRIVATE KEY", keyDER)
}

func (a *authority) write(t testing.TB, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

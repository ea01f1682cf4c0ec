package reliability

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/plugin/pkg/audit/buffered"
	"k8s.io/apiserver/plugin/pkg/audit/webhook"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/saker-security/saker/internal/fakesink"
)

var pause = flag.Duration("pause", 0, "how long the receiver is paused; 0 for 60s with CI=true and else 5s")

// apiServer is the part of an API server that sends audit events: its buffered webhook backend, in batch mode, with a
// client certificate.
type apiServer struct {
	backend audit.Backend
	stop    chan struct{}
	sent    []string
}

// trust is the files by which a receiver and a sender know each other.
type trust struct{ ca, serverCert, serverKey, clientCert, clientKey string }

func newTrust(t testing.TB, dir string) trust {
	t.Helper()
	authority := fakesink.NewAuthority(t, "saker")
	var f trust
	f.ca = authority.WriteCA(t, dir, "ca.crt")
	f.serverCert, f.serverKey = authority.Write(t, dir, "server", fakesink.Certificate{Name: "saker"})
	f.clientCert, f.clientKey = authority.Write(t, dir, "client", fakesink.Certificate{Name: "kube-apiserver"})
	return f
}

// options give the receiver its side of the trust.
func (f trust) options() []string {
	return []string{"-o", "audit.tls_certificate=" + f.serverCert, "-o", "audit.tls_key=" + f.serverKey, "-o", "audit.tls_client_ca=" + f.ca}
}

// newAPIServer makes a sender of so many batches a second, which waits so long after a first failure.
func newAPIServer(t testing.TB, dir, address string, f trust, batch int, qps float32, backoff time.Duration) *apiServer {
	t.Helper()
	kubeconfig := fakesink.WriteFile(t, dir, "webhook.yaml", fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: saker
  cluster: {server: "https://%s/k8s-audit/test", certificate-authority: %s}
users:
- name: kube-apiserver
  user: {client-certificate: %s, client-key: %s}
contexts:
- name: webhook
  context: {cluster: saker, user: kube-apiserver}
current-context: webhook
`, address, f.ca, f.clientCert, f.clientKey))
	hook, err := webhook.NewBackend(kubeconfig, auditv1.SchemeGroupVersion,
		wait.Backoff{Duration: backoff, Factor: 1.5, Jitter: 0.2, Steps: 5},
		(&net.Dialer{Timeout: 5 * time.Second}).DialContext)
	if err != nil {
		t.Fatal(err)
	}
	s := &apiServer{stop: make(chan struct{}), backend: buffered.NewBackend(hook, buffered.BatchConfig{
		BufferSize: 10_000, MaxBatchSize: batch, MaxBatchWait: 100 * time.Millisecond,
		ThrottleEnable: true, ThrottleQPS: qps, ThrottleBurst: 15, AsyncDelegate: true,
	})}
	if err := s.backend.Run(s.stop); err != nil {
		t.Fatal(err)
	}
	return s
}

// send makes n events.
func (s *apiServer) send(n int) {
	for range n {
		id := fmt.Sprintf("request-%d", len(s.sent))
		s.sent = append(s.sent, id)
		now := metav1.NowMicro()
		s.backend.ProcessEvents(&auditinternal.Event{
			Level: auditinternal.LevelMetadata, AuditID: types.UID(id), Stage: auditinternal.StageResponseComplete,
			Verb: "create", RequestURI: "/api/v1/namespaces/default/pods", RequestReceivedTimestamp: now, StageTimestamp: now,
		})
	}
}

// end returns when everything was delivered or given up.
func (s *apiServer) end() {
	close(s.stop)
	s.backend.Shutdown()
}

// sendFor makes events at a rate until the time is over.
func (s *apiServer) sendFor(d time.Duration, perTick int, tick time.Duration) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); <-ticker.C {
		s.send(perTick)
	}
}

// checkOnce fails unless the alert of every event came exactly once.
func (s *apiServer) checkOnce(t *testing.T, sink *fakesink.Server) {
	t.Helper()
	got, wrong := sink.Alerts(eventID), 0
	for _, id := range s.sent {
		if n := got[id]; n != 1 {
			if wrong++; wrong < 10 {
				t.Errorf("the alert of %s came %d times", id, n)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d alerts did not come once", wrong, len(s.sent))
	}
}

// The webhook backend of an API server sends while the program is killed again and again. Every event is evaluated and
// its alert comes once, though batches of which the answer was lost are sent again. The sink is down meanwhile: an alert
// that is on its way to it at a kill would rightly be sent to it again, and hide one that was made again.
func TestWebhookKilled(t *testing.T) {
	dir := t.TempDir()
	f := newTrust(t, dir)
	sink := fakesink.Start(t, fakesink.Options{})
	sink.Down()
	i := newInstance(t, dir, sink.URL, f.options()...)
	i.start(t)
	i.waitReady(t)
	s := newAPIServer(t, dir, i.audit, f, 50, 100, 500*time.Millisecond) // often, so that a kill meets batches
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.sendFor(5*time.Second, 40, 10*time.Millisecond)
	}()
	kills, repeated := 0, 0.0
	for sending := true; sending; {
		select {
		case <-done:
			sending = false
		case <-time.After(time.Duration(100+rand.IntN(400)) * time.Millisecond): // the moment of the kill
		}
		repeated += i.metrics(t, "http")["saker_alerts_suppressed_total"]
		i.process.Kill()
		i.start(t)
		i.waitReady(t)
		kills++
	}
	s.end()
	repeated += i.metrics(t, "http")["saker_alerts_suppressed_total"]
	sink.Up(t)
	i.waitDelivered(t)
	s.checkOnce(t, sink)
	i.process.Signal(syscall.SIGTERM)
	if code := i.process.Wait(t, limit); code != 0 {
		t.Errorf("exit code %d:\n%s", code, i.process.Output())
	}
	t.Logf("%d events, %d kills, %v alerts of repeated batches left out", len(s.sent), kills, repeated)
}

// The program stands still for longer than the API server waits for an answer. Then it works on requests whose sender
// has gone, while the same batches come again: each event gives one alert.
func TestWebhookPaused(t *testing.T) {
	t.Parallel()
	d, backoff := *pause, 10*time.Second // that of an API server
	if d == 0 {
		if d = 5 * time.Second; os.Getenv("CI") == "true" {
			d = time.Minute
		}
	}
	dir := t.TempDir()
	f := newTrust(t, dir)
	sink := fakesink.Start(t, fakesink.Options{})
	i := newInstance(t, dir, sink.URL, f.options()...)
	i.start(t)
	i.waitReady(t)
	s := newAPIServer(t, dir, i.audit, f, 400, 10, backoff)
	s.sendFor(500*time.Millisecond, 4, 20*time.Millisecond)
	i.process.Signal(syscall.SIGSTOP)
	s.sendFor(d, 4, 20*time.Millisecond)
	i.process.Signal(syscall.SIGCONT)
	s.sendFor(500*time.Millisecond, 4, 20*time.Millisecond)
	s.end()
	i.waitDelivered(t)
	s.checkOnce(t, sink)
	m := i.metrics(t, "http")
	t.Logf("%d events, paused for %v, %v events came again", len(s.sent), d, m["saker_audit_duplicate_events_total"])
}

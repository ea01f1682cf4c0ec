package reliability

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var loadTime = flag.Duration("load", 0, "how long 12,000 events a second are sent; 0 for 20s with CI=true and else 5s")

const (
	// loadSenders API servers send as much as one can by default: batchRate batches of batchEvents in a second.
	loadSenders, batchRate, batchEvents = 3, 10, 400
)

// template is a recorded event, cut where its audit id stands.
type template struct{ before, after []byte }

// recordedEvents gives recorded events in which another audit id can be set.
func recordedEvents(t testing.TB) (events []template) {
	t.Helper()
	names, err := filepath.Glob("../../pkg/audit/testdata/events/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no recorded events: %v", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var list struct{ Items []json.RawMessage }
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, item := range list.Items {
			before, rest, found := bytes.Cut(item, []byte(`"auditID":"`))
			_, after, ended := bytes.Cut(rest, []byte(`"`))
			if !found || !ended {
				t.Fatalf("%s: an event without auditID: %.200s", name, item)
			}
			events = append(events, template{append(slices.Clip(before), `"auditID":"`...), append([]byte(`"`), after...)})
		}
	}
	return events
}

// body makes an EventList of recorded events with audit ids of their own.
func body(events []template, sender, batch int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[`)
	for k := range batchEvents {
		if k > 0 {
			b.WriteByte(',')
		}
		e := events[(batch*batchEvents+k)%len(events)]
		b.Write(e.before)
		fmt.Fprintf(&b, "load-%d-%d-%d", sender, batch, k)
		b.Write(e.after)
	}
	b.WriteString("]}")
	return b.Bytes()
}

// client makes an HTTP client with the sender's side of the trust.
func (f trust) client(t testing.TB) *http.Client {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(f.clientCert, f.clientKey)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(f.ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, Certificates: []tls.Certificate{pair}},
		MaxIdleConnsPerHost: 16,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// accepted is what came of the batches that were sent.
type accepted struct {
	mu sync.Mutex
	// times are those from when a batch was due to its answer.
	times  []time.Duration
	failed []string
}

func (a *accepted) add(took time.Duration, failure string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times = append(a.times, took)
	if failure != "" {
		a.failed = append(a.failed, failure)
	}
}

// quantile gives the time within which that share of the batches was answered.
func (a *accepted) quantile(q float64) time.Duration {
	slices.Sort(a.times)
	return a.times[min(int(q*float64(len(a.times))), len(a.times)-1)]
}

// post sends a batch and says what went wrong.
func post(ctx context.Context, client *http.Client, url string, body []byte) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Sprintf("%d %s %v", answer.StatusCode, text, err)
	}
	return ""
}

// load sends 12,000 events a second for the time, whether answers come or not, and returns when all are answered.
func load(t testing.TB, i *instance, f trust, d time.Duration) *accepted {
	t.Helper()
	events, a := recordedEvents(t), &accepted{}
	client := f.client(t)
	var senders sync.WaitGroup
	begin := time.Now()
	for sender := range loadSenders {
		senders.Go(func() {
			var requests sync.WaitGroup
			defer requests.Wait()
			for n := range int(d.Seconds() * batchRate) {
				text := body(events, sender, n)
				due := begin.Add(time.Duration(n)*time.Second/batchRate + time.Duration(sender)*time.Second/batchRate/loadSenders)
				time.Sleep(time.Until(due))
				requests.Go(func() {
					failure := post(t.Context(), client, fmt.Sprintf("https://%s/k8s-audit/cluster-%d", i.audit, sender), text)
					a.add(time.Since(due), failure)
				})
			}
		})
	}
	senders.Wait()
	return a
}

// newLoaded makes an instance with the built-in rules, which takes events by TLS with client certificates, keeps its
// queue on disk and writes alerts to a file.
func newLoaded(t testing.TB, dir string, f trust) *instance {
	t.Helper()
	audit, _ := freePort(t)
	web, port := freePort(t)
	i := &instance{audit: audit, web: web, args: append([]string{
		"run", "--source", "k8s_audit", "--audit-listen", audit, "--data-dir", filepath.Join(dir, "data"),
		"-o", "webserver.listen_port=" + port, "-o", "json_output=true", "-o", "stdout_output.enabled=false",
		"-o", "file_output.enabled=true", "-o", "file_output.filename=" + filepath.Join(dir, "alerts.json"),
	}, f.options()...)}
	i.start(t)
	i.waitReady(t)
	return i
}

// checkLoad fails unless every event that was sent was answered with 200 and evaluated.
func checkLoad(t testing.TB, i *instance, a *accepted) {
	t.Helper()
	if len(a.failed) > 0 {
		t.Errorf("%d of %d batches were not taken, among them: %s", len(a.failed), len(a.times), strings.Join(a.failed[:min(3, len(a.failed))], "; "))
	}
	m := i.metrics(t, "file")
	if got, want := m["saker_events_evaluated_total"], float64(len(a.times)*batchEvents); got != want {
		t.Errorf("%v events were sent, %v evaluated", want, got)
	}
}

// As many events as three API servers can send by default are all taken and evaluated, with their alerts on disk.
func TestLoad(t *testing.T) {
	d := *loadTime
	if d == 0 {
		if d = 5 * time.Second; os.Getenv("CI") == "true" {
			d = 20 * time.Second
		}
	}
	dir := t.TempDir()
	f := newTrust(t, dir)
	i := newLoaded(t, dir, f)
	a := load(t, i, f, d)
	checkLoad(t, i, a)
	t.Logf("%d events in %v: answered within %v (p50), %v (p99), %v (longest), %d MiB resident",
		len(a.times)*batchEvents, d, a.quantile(0.5), a.quantile(0.99), a.quantile(1), i.process.Memory()>>20)
}

// BenchmarkLoad sends 12,000 events a second for two minutes, by TLS with client certificates, against all built-in
// rules, each batch of 400 on disk before it is answered. It gives the time from when a batch was due to its answer and
// the resident memory. Run it with -benchtime 1x.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		dir := b.TempDir()
		f := newTrust(b, dir)
		i := newLoaded(b, dir, f)
		a := load(b, i, f, 2*time.Minute)
		checkLoad(b, i, a)
		for _, q := range []struct {
			share float64
			name  string
		}{{0.5, "ms-p50"}, {0.99, "ms-p99"}, {1, "ms-max"}} {
			b.ReportMetric(float64(a.quantile(q.share).Microseconds())/1000, q.name)
		}
		b.ReportMetric(float64(i.process.Memory())/(1<<20), "MiB")
		b.ReportMetric(float64(len(a.failed)), "failed")
		i.process.Kill()
	}
}

// BenchmarkDurableBatch sends one batch of 400 after another and gives the time until it is evaluated and its alerts
// are on disk.
func BenchmarkDurableBatch(b *testing.B) {
	dir := b.TempDir()
	f := newTrust(b, dir)
	i := newLoaded(b, dir, f)
	events, client, a, n := recordedEvents(b), f.client(b), &accepted{}, 0
	for b.Loop() {
		b.StopTimer()
		text := body(events, 0, n)
		n++
		b.StartTimer()
		start := time.Now()
		failure := post(b.Context(), client, "https://"+i.audit+"/k8s-audit", text)
		a.add(time.Since(start), failure)
	}
	checkLoad(b, i, a)
	b.ReportMetric(float64(a.quantile(0.5).Microseconds())/1000, "ms-p50")
	b.ReportMetric(float64(a.quantile(0.99).Microseconds())/1000, "ms-p99")
}

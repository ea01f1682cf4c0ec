package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/event"
)

// auditSums are the terms of AuditAccounting, read from what /metrics serves.
type auditSums struct{ received, evaluated, duplicates, missed float64 }

func sumsOf(t *testing.T, families map[string]*dto.MetricFamily) (s auditSums) {
	t.Helper()
	s.received = value(t, families, "saker_audit_received_events_total")
	s.duplicates = value(t, families, "saker_audit_duplicate_events_total")
	for _, m := range families["saker_events_evaluated_total"].GetMetric() {
		if m.GetLabel()[0].GetValue() == event.SourceK8sAudit {
			s.evaluated = m.GetCounter().GetValue()
		}
	}
	for _, m := range families["saker_events_not_evaluated_total"].GetMetric() {
		if slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == "source" && l.GetValue() == event.SourceK8sAudit }) {
			s.missed += m.GetCounter().GetValue()
		}
	}
	return s
}

func metricsOf(t *testing.T, d *Daemon) map[string]*dto.MetricFamily {
	t.Helper()
	_, text := get(t, "http://"+d.WebAddress()+"/metrics")
	return parse(t, text)
}

// checkAuditAccounts fails when an audit event is in no counter, or in two.
func checkAuditAccounts(t *testing.T, d *Daemon) auditSums {
	t.Helper()
	s := sumsOf(t, metricsOf(t, d))
	if s.received != s.evaluated+s.duplicates+s.missed {
		t.Errorf("received %v, but %v evaluated + %v duplicates + %v not evaluated", s.received, s.evaluated, s.duplicates, s.missed)
	}
	return s
}

// An event that comes again, in whatever batch, gives no second alert; one that only has the same id and stage does.
func TestDuplicates(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	d, _, _, stop := start(t, httpConfig(t, server.URL), "k8s_audit")
	for range 3 {
		if code, body := post(t, d, batchOf("a", 4)); code != http.StatusOK {
			t.Fatalf("%d %s", code, body)
		}
	}
	// The same again, as single events of a log have it, twice in one body.
	single := `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a-0","stage":"ResponseComplete","requestURI":"/api","verb":"get","user":{"username":"u"},"stageTimestamp":"2026-11-21T08:00:00.5Z"}`
	if code, body := post(t, d, "["+single+","+single+"]"); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	// An attacker cannot hide an event behind the id of an earlier one.
	if code, body := post(t, d, strings.ReplaceAll(single, `"/api"`, `"/api/v1/secrets"`)); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	if s := checkAuditAccounts(t, d); s != (auditSums{received: 15, evaluated: 5, duplicates: 10}) {
		t.Errorf("%+v", s)
	}
	waitUntil(t, func() bool { return d.sinkCounts()[0].Delivered == 5 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	if got := accepted(server); got["a-0"] != 2 || got["a-1"] != 1 || got["a-3"] != 1 || len(got) != 4 {
		t.Errorf("%v", got)
	}
}

// While another request has an event, nobody can say whether its alerts will be stored: the sender comes again.
func TestBusyEvents(t *testing.T) {
	d, stdout, _, _ := start(t, testConfig(), "k8s_audit")
	var claim audit.Claim
	var state audit.State
	begin := func() {
		var batch audit.Batch
		err := (&audit.Splitter{}).Split(&batch, []byte(example(t)), func(b *audit.Batch) error {
			for e := range b.All() {
				claim, state = d.intake.window.Begin(e)
			}
			return nil
		})
		if err != nil || state != audit.New {
			t.Fatal(err, state)
		}
	}
	begin()
	answer, err := http.Post("http://"+d.AuditAddress()+"/k8s-audit", "application/json", strings.NewReader(example(t)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || !bytes.Contains(body, []byte("another request")) {
		t.Errorf("%s %s %v", answer.Status, body, err)
	}
	if s := checkAuditAccounts(t, d); s != (auditSums{received: 1, missed: 1}) {
		t.Errorf("%+v", s)
	}
	d.intake.window.Forget(claim)
	if code, body := post(t, d, example(t)); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
	stdout.waitFor(t, "pod=web-0")
	if s := checkAuditAccounts(t, d); s != (auditSums{received: 2, evaluated: 1, missed: 1}) {
		t.Errorf("%+v", s)
	}
	if !errors.Is(errElsewhere, audit.ErrBusy) {
		t.Error("the sender is not told to come again")
	}
}

// hostile sends what a good and a bad sender send, and counts what it was answered.
type hostile struct {
	t      *testing.T
	d      *Daemon
	random *rand.Rand

	requests, rejected int
	// sent are the batches that were answered 200.
	sent []string
}

func (h *hostile) post(kind, body string) int {
	answer, err := http.Post("http://"+h.d.AuditAddress()+"/k8s-audit", kind, strings.NewReader(body))
	if err != nil {
		h.t.Error(err)
		return 0
	}
	defer answer.Body.Close()
	h.requests++
	var told struct{ Accepted, Rejected int }
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil {
		h.t.Error(err)
	}
	if answer.StatusCode == http.StatusOK {
		h.rejected += told.Rejected
	}
	return answer.StatusCode
}

// until posts until it is taken.
func (h *hostile) until(body string) {
	for deadline := time.Now().Add(patience); h.post("application/json", body) != http.StatusOK; {
		if time.Now().After(deadline) {
			h.t.Errorf("not taken within %v", patience)
			return
		}
	}
	h.sent = append(h.sent, body)
}

func (h *hostile) run(name string, n int) {
	for i := range n {
		batch := batchOf(fmt.Sprintf("%s-%d", name, i), 1+h.random.IntN(20))
		switch h.random.IntN(8) {
		case 0, 1:
			h.until(batch)
		case 2: // again, when nothing new is at hand
			if len(h.sent) > 0 {
				h.until(h.sent[h.random.IntN(len(h.sent))])
			}
		case 3: // the same by all
			h.until(batchOf(fmt.Sprintf("all-%d", i), 5))
		case 4: // with items that are no events
			h.until(strings.Replace(batch, `"items":[`, `"items":[1,{"kind":"Event"},{"stageTimestamp":"yesterday"},`, 1))
		case 5:
			h.post("application/json", batch[:h.random.IntN(len(batch))])
		case 6:
			h.post("text/plain", batch)
		case 7:
			h.post("application/json", []string{"", "[", `{"kind":"Pod"}`, `{"kind":0}`, strings.Repeat("[", 1000), `{"kind":"EventList","items":null}`, "5E5555"}[h.random.IntN(7)])
		}
	}
}

// long sends a body that is evaluated while it arrives: first with a broken end, then whole.
func (h *hostile) long() {
	body := strings.ReplaceAll(batchOf("long", 1200), `"/api"`, `"/api?x=`+strings.Repeat("x", 4<<10)+`"`)
	if code := h.post("application/json", body[:len(body)-10]); code != http.StatusBadRequest {
		h.t.Errorf("a long body without its end is answered %d", code)
	}
	h.until(body)
}

// unique are the events of all batches that were taken.
func (h *hostile) unique(into map[string]bool) {
	for _, body := range h.sent {
		var list struct{ Items []json.RawMessage }
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			h.t.Error(err)
		}
		for _, item := range list.Items {
			var e struct{ AuditID string }
			if json.Unmarshal(item, &e) == nil && e.AuditID != "" {
				into[e.AuditID] = true
			}
		}
	}
}

// After a hostile run, /metrics alone says what became of every event.
func TestAuditAccounts(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	cfg := httpConfig(t, server.URL)
	cfg.Shutdown.Drain = 20 * time.Second
	d, _, _, stop := start(t, cfg, "k8s_audit")
	senders := make([]*hostile, 6)
	var running sync.WaitGroup
	for i := range senders {
		senders[i] = &hostile{t: t, d: d, random: rand.New(rand.NewPCG(1, uint64(i)))}
		running.Go(func() {
			senders[i].run(fmt.Sprint("s", i), 60)
			if i == 0 {
				senders[i].long()
			}
		})
	}
	running.Wait()
	unique, requests, rejected := map[string]bool{}, 0, 0
	for _, h := range senders {
		h.unique(unique)
		requests, rejected = requests+h.requests, rejected+h.rejected
	}
	families := metricsOf(t, d)
	s := checkAuditAccounts(t, d)
	if int(s.evaluated) != len(unique) {
		t.Errorf("%v evaluated, but %d events were taken", s.evaluated, len(unique))
	}
	var told, answers float64
	for _, m := range families["saker_events_not_evaluated_total"].GetMetric() {
		if slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return strings.HasPrefix(l.GetValue(), "rejected_") }) {
			told += m.GetCounter().GetValue()
		}
	}
	for _, m := range families["saker_audit_requests_total"].GetMetric() {
		answers += m.GetCounter().GetValue()
	}
	// A single text that is no event is rejected with the code 400 and counted, too.
	if int(told) < rejected || int(answers) != requests {
		t.Errorf("%v rejected items of at least %d, %v answers to %d requests", told, rejected, answers, requests)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	checkAccounts(t, d)
	got := accepted(server)
	for id := range unique {
		if got[id] != 1 {
			t.Errorf("%d alerts of event %s", got[id], id)
		}
	}
	t.Logf("%d requests, %+v", requests, s)
}

// A sender that does not wait for the answer is not taken for a disk that fails.
func TestSenderHasGone(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	d, _, stderr, _ := start(t, httpConfig(t, server.URL), "k8s_audit")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range 20 { // a batch may be on disk before somebody looks whether the sender is there
		var batch audit.Batch
		err := (&audit.Splitter{}).Split(&batch, []byte(batchOf(fmt.Sprint(i), 4)), func(b *audit.Batch) error { return d.evaluateBatch(gone, b) })
		if err != nil && !errors.Is(err, audit.ErrBusy) {
			t.Error(err)
		}
	}
	if text := stderr.String(); strings.Contains(text, "cannot be stored") {
		t.Error(text)
	}
}

package kube

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// alert is what the program tells of an event, as it sends it to an HTTP output.
type alert struct {
	ID       string         `json:"id"`
	Rule     string         `json:"rule"`
	Output   string         `json:"output"`
	Priority string         `json:"priority"`
	Fields   map[string]any `json:"output_fields"`
}

// event gives the auditID of the alert's event.
func (a alert) event() string { return fmt.Sprint(a.Fields["ka.auditid"]) }

// alertSink takes alerts. An alert that comes again with the same id is counted once, as the delivery promises that it
// comes at least once.
type alertSink struct {
	url    string
	mu     sync.Mutex
	alerts []alert
	seen   map[string]bool
}

func startAlertSink(t *testing.T) *alertSink {
	t.Helper()
	s := &alertSink{seen: map[string]bool{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var a alert
		if err := json.NewDecoder(r.Body).Decode(&a); err != nil || a.ID == "" {
			t.Errorf("an alert is no JSON object with an id: %v", err)
			http.Error(w, "no alert", http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.seen[a.ID] {
			s.seen[a.ID] = true
			s.alerts = append(s.alerts, a)
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// count gives how many alerts came, without those that came again.
func (s *alertSink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.alerts)
}

// rules gives the rule of each alert by the alert's id.
func (s *alertSink) rules() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	rules := map[string]string{}
	for _, a := range s.alerts {
		rules[a.ID] = a.Rule
	}
	return rules
}

// byEvent gives the alerts so far by the auditID of their event.
func (s *alertSink) byEvent() map[string][]alert {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := map[string][]alert{}
	for _, a := range s.alerts {
		events[a.event()] = append(events[a.event()], a)
	}
	return events
}

// daemon is the program under test as the target of the webhook.
type daemon struct {
	*process
	dir, web string
	args     []string
}

// startDaemon runs the program with the settings of the wiring; alerts go to the sink.
func startDaemon(t *testing.T, dir string, sink *alertSink, w wiring) *daemon {
	t.Helper()
	d := &daemon{dir: dir}
	port := freePort(t)
	d.web = "http://127.0.0.1:" + port
	d.args = append([]string{
		"run", "-c", w.config(), "--audit-listen", w.receiver, "--data-dir", d.data(),
		"-o", "webserver.listen_address=127.0.0.1", "-o", "webserver.listen_port=" + port,
		"-o", "webserver.prometheus_metrics_enabled=true", "-o", "json_output=true", "-o", "json_include_id_property=true",
		"-o", "stdout_output.enabled=false", "-o", "http_output.enabled=true", "-o", "http_output.url=" + sink.url,
		"-o", "http_output.keep_alive=true", "-o", "append_output=[{match: {source: k8s_audit}, extra_fields: [ka.cluster.name]}]",
	}, rulesArgs()...)
	d.start(t)
	return d
}

// rulesArgs has the program take other rules than its own when that was asked for.
func rulesArgs() []string {
	if *rules == "" {
		return nil
	}
	return []string{"-r", *rules}
}

// data is the data directory.
func (d *daemon) data() string { return filepath.Join(d.dir, "data") }

// start runs the program, again after it was killed, and waits until it takes requests.
func (d *daemon) start(t *testing.T) {
	t.Helper()
	d.process = start(t, d.dir, *saker, d.args...)
	eventually(t, "saker is ready", time.Minute, d.running(t, func() error { return healthy(d.web + "/healthz") }))
}

// metric gives the sum of the samples of a metric that have all of the labels.
func (d *daemon) metric(name string, labels ...string) (int, error) {
	answer, err := http.Get(d.web + "/metrics")
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("/metrics answers %s", answer.Status)
	}
	sum := 0.0
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, err
		}
		if containsAll(line, labels) {
			sum += value
		}
	}
	return int(sum), lines.Err()
}

func containsAll(s string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

// evaluated gives how many audit events were evaluated, and fails when some were taken in and were not.
func (d *daemon) evaluated(t *testing.T) (int, error) {
	t.Helper()
	lost, err := d.metric("saker_events_not_evaluated_total", `source="k8s_audit"`)
	if err != nil {
		return 0, err
	}
	if lost > 0 {
		t.Fatalf("%d audit events were not evaluated", lost)
	}
	return d.metric("saker_events_evaluated_total", `source="k8s_audit"`)
}

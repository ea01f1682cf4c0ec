package http

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/secret"
)

// ruleOf gives the rule of an alert as it was posted.
func ruleOf(text string) string {
	var a struct{ Rule string }
	_ = json.Unmarshal([]byte(text), &a)
	return a.Rule
}

// TestWithQueue: through a queue, every alert arrives at a server with every fault, but for the one that it refuses,
// which is found among the dead letters.
func TestWithQueue(t *testing.T) {
	const alerts, refused = 120, "rule 13"
	faults := []fakesink.Answer{
		{Fault: fakesink.Reset}, {Status: 503}, {Fault: fakesink.HalfHeader}, {Status: 429, Header: map[string]string{"Retry-After": "0.01"}},
		{Fault: fakesink.Close}, fakesink.Redirect(302, "/else"), {Status: 401}, {Fault: fakesink.Hang},
	}
	server := fakesink.Start(t, fakesink.Options{ResetEarly: func(n int) bool { return n%11 == 10 }, Script: func(n int, r *fakesink.Receipt) fakesink.Answer {
		switch {
		case n%2 == 0:
			return faults[n/2%len(faults)]
		case len(r.Alerts()) > 5:
			return fakesink.Answer{Status: 413}
		case strings.Contains(string(r.Body), `"rule":"`+refused+`"`):
			return fakesink.Answer{Status: 400, Body: "not this one"}
		}
		return fakesink.Answer{Body: "thanks"}
	}})
	settings := deliver.DefaultSettings()
	settings.Batch, settings.Workers, settings.Timeout = 20, 2, 200*time.Millisecond
	settings.RetryMin, settings.RetryMax, settings.BreakerFailures = time.Millisecond, 5*time.Millisecond, 0
	outputs, err := deliver.Open(deliver.Options{}, []deliver.Output{{Name: "http", Settings: settings, Open: func() (deliver.Sink, error) {
		return New(Settings{URL: secret.New(server.URL), KeepAlive: true, Compress: true}, Options{Render: renderJSON, JSON: true})
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer outputs.Close()
	for _, a := range newBatch(alerts) {
		if err := outputs.Deliver(a); err != nil {
			t.Fatal(err)
		}
	}
	if err := outputs.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	count := outputs.Counts()[0]
	if count.Delivered != alerts-1 || count.Dead != 1 || count.Unaccounted() != 0 || count.Retries == 0 {
		t.Errorf("%+v", count)
	}
	arrived := server.Alerts(ruleOf)
	for i := range alerts {
		if rule := fmt.Sprint("rule ", i); (arrived[rule] > 0) != (rule != refused) {
			t.Errorf("%s arrived %d times", rule, arrived[rule])
		}
	}
	dead, err := outputs.Dead("http").Get(newAlert(13).ID)
	if err != nil || dead.Alert.Rule != refused || !strings.Contains(dead.Reason, "400 Bad Request: not this one") {
		t.Errorf("%+v, %v", dead, err)
	}
}

// TestWorkers: a sink is used by several workers while its secrets change.
func TestWorkers(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	dir := t.TempDir()
	token := fakesink.WriteFile(t, dir, "token", []byte("0"))
	s := open(t, Settings{
		URL: secret.New(server.URL), KeepAlive: true, Compress: true, Template: `{"rule":{{json .Rule}}}`,
		Headers: map[string]secret.Text{"X-Token": secret.New("file:" + token)},
	}, Options{})
	const workers, sends = 8, 20
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for range sends {
				if err := s.Send(t.Context(), newBatch(3)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 20 {
		fakesink.WriteFile(t, dir, "token", fmt.Append(nil, i))
	}
	running.Wait()
	for rule, n := range server.Alerts(ruleOf) {
		if n != workers*sends {
			t.Errorf("%s arrived %d times", rule, n)
		}
	}
}

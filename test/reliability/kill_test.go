// Package reliability holds the tests that run the built program and take its power away.
package reliability

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/internal/procctl"
)

var kills = flag.Int("kills", 0, "how often the program is killed under load; 0 for 200 with CI=true and else 20")

// rules make one alert of each audit event.
const rules = `
- rule: every event
  desc: An alert for each audit event.
  condition: ka.verb = create
  output: event %ka.auditid
  priority: Warning
  source: k8s_audit
`

// eventID gives the auditID of the event of an alert.
func eventID(alert string) string {
	var a struct {
		Fields struct {
			ID string `json:"ka.auditid"`
		} `json:"output_fields"`
	}
	if err := json.Unmarshal([]byte(alert), &a); err != nil {
		return "no alert: " + alert
	}
	return a.Fields.ID
}

// freePort gives host:port on which nobody listens between two lives of the program.
func freePort(t testing.TB) (address, port string) {
	t.Helper()
	address, err := fakesink.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err = net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return address, port
}

// instance is the program with everything that stays from one start to the next.
type instance struct {
	args       []string
	audit, web string
	process    *procctl.Process
}

// newInstance makes an instance whose files are in dir.
func newInstance(t testing.TB, dir, sinkURL string, more ...string) *instance {
	t.Helper()
	path := fakesink.WriteFile(t, dir, "rules.yaml", []byte(rules))
	audit, _ := freePort(t)
	web, port := freePort(t)
	args := []string{
		"run", "--source", "k8s_audit", "-r", path, "--audit-listen", audit, "--data-dir", filepath.Join(dir, "data"),
		"-o", "webserver.listen_port=" + port, "-o", "json_output=true", "-o", "stdout_output.enabled=false",
		"-o", "http_output.enabled=true", "-o", "http_output.url=" + sinkURL, "-o", "http_output.keep_alive=true",
		"-o", "http_output.delivery.retry_min=10ms", "-o", "http_output.delivery.retry_max=200ms",
		"-o", "http_output.delivery.breaker_failures=0", "-o", "http_output.delivery.batch=20",
	}
	return &instance{args: append(args, more...), audit: audit, web: web}
}

func (i *instance) start(t testing.TB) {
	t.Helper()
	i.process = procctl.Start(t, []string{"FALCO_HOSTNAME=host"}, program, i.args...)
}

// post sends events as the API server does, and tells whether they were taken.
func (i *instance) post(ids []string) bool {
	status, _ := i.answer(ids)
	return status == http.StatusOK
}

// answer sends events and gives the status of the answer, 0 for none, and its header.
func (i *instance) answer(ids []string) (int, http.Header) {
	items := make([]string, len(ids))
	for k, id := range ids {
		items[k] = fmt.Sprintf(`{"kind":"Event","auditID":%q,"stage":"ResponseComplete","verb":"create","stageTimestamp":"2026-01-02T03:04:05.000006Z"}`, id)
	}
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Post("http://"+i.audit+"/k8s-audit", "application/json",
		strings.NewReader(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[`+strings.Join(items, ",")+`]}`))
	if err != nil {
		return 0, nil
	}
	defer answer.Body.Close()
	return answer.StatusCode, answer.Header
}

// sender posts batches one after another until stop; a batch that is not taken is sent again, as the API server does.
// It gives the events that were taken.
func (i *instance) sender(name string, stop <-chan struct{}) (taken []string) {
	for n := 0; ; n++ {
		ids := make([]string, 20)
		for k := range ids {
			ids[k] = fmt.Sprintf("%s-%d-%d", name, n, k)
		}
		for !i.post(ids) {
			select {
			case <-stop:
				return taken
			case <-time.After(5 * time.Millisecond):
			}
		}
		taken = append(taken, ids...)
		select {
		case <-stop:
			return taken
		default:
		}
	}
}

// Every event that was answered with 200 gets its alert to the sink, however often the program is killed, while the
// sink fails now and then; and in every life of the program the account is exact.
func TestKilledUnderLoad(t *testing.T) {
	times := *kills
	if times == 0 {
		if times = 20; os.Getenv("CI") == "true" {
			times = 200
		}
	}
	sink := fakesink.Start(t, fakesink.Options{Script: func(n int, _ *fakesink.Receipt) fakesink.Answer {
		switch n % 17 {
		case 3:
			return fakesink.Answer{Status: http.StatusInternalServerError}
		case 7:
			return fakesink.Answer{Fault: fakesink.Reset}
		case 11:
			return fakesink.Answer{Status: http.StatusServiceUnavailable, Header: map[string]string{"Retry-After": "0"}}
		}
		return fakesink.Answer{}
	}})
	i := newInstance(t, t.TempDir(), sink.URL)
	i.start(t)
	stop := make(chan struct{})
	var senders sync.WaitGroup
	taken := make([][]string, 3)
	for n := range taken {
		senders.Go(func() { taken[n] = i.sender(fmt.Sprintf("sender%d", n), stop) })
	}
	for k := range times {
		i.waitReady(t)
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // the moment of the kill, not a wait for something
		if k%10 == 0 {
			i.account(t)
		}
		i.process.Kill()
		i.start(t)
	}
	close(stop)
	senders.Wait()
	sink.Answer(nil)
	i.waitReady(t)
	last := i.waitDelivered(t)
	i.process.Signal(syscall.SIGTERM)
	if code := i.process.Wait(t, 30*time.Second); code != 0 {
		t.Errorf("exit code %d:\n%s", code, i.process.Output())
	}
	all, lost, again := missing(t, sink, taken...)
	if all == 0 {
		t.Fatal("no event was taken")
	}
	t.Logf("%d kills, %d events answered with 200, %d lost, %d alerts came again, recovered last %v", times, all, lost, again, last["saker_alerts_recovered_total"])
}

// missing tells how many events were taken, and of how many the alert never reached the sink, which is an error, or did
// so again.
func missing(t testing.TB, sink *fakesink.Server, taken ...[]string) (all, lost, again int) {
	t.Helper()
	got := sink.Alerts(eventID)
	for _, ids := range taken {
		for _, id := range ids {
			all++
			if n := got[id]; n > 0 {
				again += n - 1
				continue
			}
			if lost++; lost < 10 {
				t.Errorf("%s was answered with 200 and its alert never came", id)
			}
		}
	}
	return all, lost, again
}

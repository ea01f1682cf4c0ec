package kube

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// tokenRule gives an alert for each token that an operator fetches for a service account of an app.
const tokenRule = "Service account token requested by hand"

// killed takes the program's power away while requests run, and starts it again. The API server sends again what was not
// answered, after a pause of ten seconds and more: each request has its alert in the end, and none two different ones.
func killed(t *testing.T, c *cluster, d *daemon, sink *alertSink) {
	stop := make(chan struct{})
	var made atomic.Int64
	type result struct {
		scene *scene
		err   error
	}
	ended := make(chan result)
	go func() {
		scene, err := play(c, "outage", func(s *scene) {
			accounts := s.as("mallory").CoreV1().ServiceAccounts("shop")
			for {
				select {
				case <-stop:
					return
				default:
				}
				s.done(accounts.CreateToken(ctx(), "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{}))
				made.Add(1)
			}
		})
		ended <- result{scene, err}
	}()
	// Some alerts are there, some events are on their way, and requests go on.
	before := sink.count()
	eventually(t, "alerts come", time.Minute, func() error {
		if sink.count() < before+20 {
			return fmt.Errorf("%d came", sink.count()-before)
		}
		return nil
	})
	d.kill()
	atKill := made.Load()
	eventually(t, "the API server sends in vain", time.Minute, func() error { return c.sendsInVain(t) })
	d.start(t)
	close(stop)
	r := <-ended
	if r.err != nil {
		t.Fatal(r.err)
	}
	eventually(t, "every request has its alert", 90*time.Second, func() error {
		found, missing := sink.byEvent(), 0
		for id := range r.scene.events {
			if len(found[id]) == 0 {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Errorf("%d of %d have none", missing, len(r.scene.events))
		}
		return nil
	})
	found := sink.byEvent()
	for id := range r.scene.events {
		if alerts := found[id]; len(alerts) != 1 || alerts[0].Rule != tokenRule {
			t.Errorf("event %s: %d alerts instead of one of %q: %v", id, len(alerts), tokenRule, alerts)
		}
	}
	t.Logf("%d requests, of which %d while the program was away", len(r.scene.events), made.Load()-atKill)
}

// sendsInVain gives an error while no request of the API server to the webhook got no answer, by its own metrics.
func (c *cluster) sendsInVain(t *testing.T) error {
	text, err := c.client(t, "kubernetes-super-admin").Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "rest_client_requests_total{") && strings.Contains(line, `code="<error>"`) && strings.Contains(line, c.receiver) {
			return nil
		}
	}
	return errors.New("no request failed")
}

// read has a second program read the API server's own log of audit events: it has to give the same alerts, by their ids,
// as the events that came by the webhook.
func read(t *testing.T, c *cluster, sink *alertSink) {
	command := exec.CommandContext(t.Context(), *saker, append([]string{
		"run", "--source", "k8s_audit", "--data-dir", filepath.Join(t.TempDir(), "data"), "-o", "webserver.enabled=false",
		"-o", "audit.listen=", "-o", "audit.files=[{path: " + c.auditLog + ", cluster: " + clusterName + ", once: true}]",
		"-o", "json_output=true", "-o", "json_include_id_property=true",
	}, rulesArgs()...)...)
	complaints := &bytes.Buffer{}
	command.Stderr = complaints
	out, err := command.Output()
	if err != nil {
		t.Fatalf("saker run on the log: %v\n%s", err, complaints)
	}
	missing := sink.rules()
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var a alert
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatalf("saker run on the log: %v in %q", err, lines.Text())
		}
		if missing[a.ID] != a.Rule {
			t.Errorf("the alert %s of the log did not come by the webhook: %s", a.ID, a.Output)
		}
		delete(missing, a.ID)
	}
	for id, rule := range missing {
		t.Errorf("alert %s of %q came by the webhook and is none of the log", id, rule)
	}
}

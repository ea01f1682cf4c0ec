package kube

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAuditWebhook(t *testing.T) {
	need(t)
	dir := scratch(t)
	ca := newAuthority(t, "kubernetes")
	sink := startAlertSink(t)
	w := wire(t, dir)
	d := startDaemon(t, dir, sink, w)
	c := startCluster(t, dir, ca, w)

	played := perform(t, c, append([]scenario{bootstrap}, slices.Concat(attacksOnPods, attacksOnRights, attacksOnCluster, everydayDevelopment, everydayOperation, everydayAddons)...))
	t.Run("every event is evaluated", func(t *testing.T) { settled(t, c, d) })
	dumpEvents(t, c, played)
	found := sink.byEvent()
	t.Run("every alert is delivered", func(t *testing.T) { delivered(t, d, sink) })
	for _, p := range played {
		t.Run(p.name, func(t *testing.T) { p.check(t, found) })
	}
	t.Run("no alert on what the API server does by itself", func(t *testing.T) { strangers(t, played, found) })
	t.Run("the doctor finds nothing", func(t *testing.T) { examined(t, d, w) })
	t.Run("its log gives the same alerts", func(t *testing.T) { read(t, c, sink) })
	t.Run("killed while requests run", func(t *testing.T) { killed(t, c, d, sink) })
}

// scratch makes a directory for the servers' files; it stays when the test fails.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "saker-kube")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the files of the servers are in %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// performance is a scenario that was played.
type performance struct {
	scenario
	scene *scene
	err   error
}

// perform plays the scenarios one after another. Without the first one, the bootstrap, there is nothing to play on.
func perform(t *testing.T, c *cluster, scenarios []scenario) []performance {
	t.Helper()
	var played []performance
	for _, s := range scenarios {
		scene, err := play(c, s.name, s.act)
		if err != nil && s.name == bootstrap.name {
			t.Fatalf("%s: %v", s.name, err)
		}
		played = append(played, performance{s, scene, err})
	}
	return played
}

// settled waits until as many events are evaluated as the API server's own log has and all alerts are delivered; it
// fails when more events are evaluated than there are.
func settled(t *testing.T, c *cluster, d *daemon) {
	eventually(t, "the events of the API server's log are evaluated and their alerts delivered", 2*time.Minute, func() error {
		// The log has an event before the webhook sends it: read in this order, the log is never behind.
		evaluated, err := d.evaluated(t)
		if err != nil {
			return err
		}
		logged := len(events(t, c))
		if evaluated > logged {
			t.Fatalf("%d events were evaluated, the API server's log has %d", evaluated, logged)
		}
		if evaluated < logged {
			return fmt.Errorf("%d of %d events are evaluated", evaluated, logged)
		}
		queued, err := d.metric("saker_alerts_queued")
		if err != nil || queued > 0 {
			return errors.Join(err, fmt.Errorf("%d alerts wait for delivery", queued))
		}
		t.Logf("%d events", evaluated)
		return nil
	})
}

// event is what the test reads of an audit event; line is all of it.
type event struct {
	AuditID, Stage string
	line           string
}

// events reads the API server's own log of audit events. A line that is being written is left out.
func events(t *testing.T, c *cluster) []event {
	t.Helper()
	data, err := os.ReadFile(c.auditLog)
	if err != nil {
		t.Fatal(err)
	}
	var all []event
	for line := range strings.Lines(string(data)) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		e := event{line: line}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("the API server's log: %v", err)
		}
		all = append(all, e)
	}
	return all
}

// dumpEvents writes the events of each scenario into a file of its own when that was asked for.
func dumpEvents(t *testing.T, c *cluster, played []performance) {
	t.Helper()
	if *dump == "" {
		return
	}
	files := map[string]string{}
	for _, e := range events(t, c) {
		name := "others"
		for _, p := range played {
			if p.scene.events[e.AuditID] {
				name = strings.ReplaceAll(p.name, " ", "-")
			}
		}
		files[name] += e.line
	}
	if err := os.MkdirAll(*dump, 0o750); err != nil {
		t.Fatal(err)
	}
	for name, lines := range files {
		write(t, *dump, name+".jsonl", []byte(lines))
	}
}

// check compares the alerts of a scenario with those that are wanted, in any order.
func (p performance) check(t *testing.T, found map[string][]alert) {
	if p.err != nil {
		t.Errorf("the scenario was not played to its end: %v", p.err)
	}
	var got []alert
	for id := range p.scene.events {
		got = append(got, found[id]...)
	}
	for _, a := range got {
		if name := a.Fields["ka.cluster.name"]; name != clusterName {
			t.Errorf("the alert %s is of the cluster %v instead of %s", a.ID, name, clusterName)
		}
	}
	for _, w := range p.want {
		i := slices.IndexFunc(got, w.fits)
		if i < 0 {
			t.Errorf("no alert is %s", w)
			continue
		}
		got = slices.Delete(got, i, i+1)
	}
	for _, a := range got {
		t.Errorf("unexpected alert: %s", a.Output)
	}
}

// fits tells whether an alert is the wanted one.
func (w want) fits(a alert) bool {
	if a.Rule != w.rule {
		return false
	}
	for name, value := range w.all() {
		if got := fmt.Sprint(a.Fields[name]); got != value && !begins(got, value) {
			return false
		}
	}
	return true
}

func (w want) all() fields {
	all := maps.Clone(w.fields)
	if all == nil {
		all = fields{}
	}
	if w.user != "" {
		all["ka.user.name"] = w.user
	}
	if w.target != "" {
		all["ka.target.name"] = w.target
	}
	return all
}

func (w want) String() string { return fmt.Sprintf("%q with %v", w.rule, w.all()) }

// strangers fails when there are alerts on events that belong to no scenario.
func strangers(t *testing.T, played []performance, found map[string][]alert) {
	for id, alerts := range found {
		if !slices.ContainsFunc(played, func(p performance) bool { return p.scene.events[id] }) {
			for _, a := range alerts {
				t.Errorf("unexpected alert: %s", a.Output)
			}
		}
	}
}

// begins tells whether the wanted value ends with a star and the text begins with what is before it.
func begins(got, value string) bool {
	prefix, found := strings.CutSuffix(value, "*")
	return found && strings.HasPrefix(got, prefix)
}

// delivered compares the alerts that the rules gave with those that came.
func delivered(t *testing.T, d *daemon, sink *alertSink) {
	matched, err := d.metric("falcosecurity_falco_rules_matches_total", `source="k8s_audit"`)
	if err != nil {
		t.Fatal(err)
	}
	if came := sink.count(); came != matched {
		t.Errorf("%d alerts came, the rules gave %d", came, matched)
	}
}

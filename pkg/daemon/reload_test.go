package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/deliver/secret"
	"github.com/saker-security/saker/pkg/event"
)

// generation is a rules file whose one rule holds for every audit event and says which generation it is of.
func generation(text string) string {
	return "- rule: every event\n  desc: d\n  source: k8s_audit\n  condition: ka.verb exists\n  output: generation=" + text + " id=%ka.auditid\n  priority: NOTICE\n"
}

// broken is a rules file with two errors.
const broken = "- rule: r\n  desc: d\n  source: k8s_audit\n  condition: ka.verbs = get\n  output: x\n  priority: NOTICE\n" +
	"- rule: s\n  desc: d\n  source: k8s_audit\n  condition: ka.verb = get\n  output: x\n  priority: LOUD\n"

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// batchOf is an EventList of n events whose IDs begin with prefix.
func batchOf(prefix string, n int) string {
	var items []json.RawMessage
	for i := range n {
		items = append(items, fmt.Appendf(nil, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"%s-%d",`+
			`"stage":"ResponseComplete","requestURI":"/api","verb":"get","user":{"username":"u"},"stageTimestamp":"2026-11-21T08:00:00.5Z"}`, prefix, i))
	}
	text, err := json.Marshal(map[string]any{"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": items})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func always() bool { return true }

// evaluated is how many audit events were evaluated.
func evaluated(d *Daemon) uint64 {
	for _, s := range d.pipeline.engine.Counts().Sources {
		if s.Source == event.SourceK8sAudit {
			return s.Evaluated
		}
	}
	return 0
}

// Rules are reloaded, good ones and broken ones, as fast as it goes while events come: each event is evaluated exactly
// once, by rules that were good, and each has its alert.
func TestReloadUnderLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, file, generation("0"))
	cfg := testConfig()
	cfg.RulesFiles, cfg.Watch = []string{file}, false
	d, stdout, _, stop := start(t, cfg, "k8s_audit")
	var over atomic.Bool
	var events atomic.Uint64
	var posting sync.WaitGroup
	for worker := range 2 {
		posting.Go(func() {
			for i := 0; !over.Load(); i++ {
				const n = 20
				if code, body := post(t, d, batchOf(fmt.Sprintf("%d-%d", worker, i), n)); code != http.StatusOK {
					t.Errorf("%d %s", code, body)
				}
				events.Add(n)
			}
		})
	}
	good, bad := uint64(0), uint64(0)
	for end := time.Now().Add(3 * time.Second); good+bad < 1000 && time.Now().Before(end); {
		write(t, file, generation(fmt.Sprint(good+1)))
		if err := d.reload(always); err != nil {
			t.Fatal(err)
		}
		good++
		write(t, file, broken)
		if err := d.reload(always); !errors.Is(err, ErrRules) {
			t.Fatalf("broken rules: %v", err)
		}
		bad++
	}
	over.Store(true)
	posting.Wait()
	if s := d.reloads(); s.good != good || s.bad != bad || s.at == 0 || !strings.Contains(s.failure, "rules.yaml:4:14") || !strings.Contains(s.failure, "rules.yaml:12:") {
		t.Errorf("reloads %+v, want %d good and %d bad ones", s, good, bad)
	}
	if got := evaluated(d); got != events.Load() {
		t.Errorf("%d events evaluated of %d", got, events.Load())
	}
	if counts := d.pipeline.engine.Counts(); len(counts.Rules) != 1 || counts.Rules[0].Matches != events.Load() {
		t.Errorf("the counter of the rule did not go on: %+v", counts.Rules)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	seen, failures := map[string]int{}, uint64(0)
	for line := range strings.Lines(stdout.String()) {
		if _, id, ok := strings.Cut(line, " id="); ok {
			seen[strings.TrimSpace(id)]++
		}
		if strings.Contains(line, "Critical "+ruleReload+": the rules cannot be used: ") {
			failures++
		}
	}
	if len(seen) != int(events.Load()) {
		t.Errorf("%d events have alerts, of %d", len(seen), events.Load())
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("event %s has %d alerts", id, n)
		}
	}
	if failures != bad {
		t.Errorf("%d alerts about %d failures", failures, bad)
	}
	t.Logf("%d reloads with %d events", good+bad, events.Load())
}

// alertOf waits until an event is judged by the rules of a generation.
func alertOf(t *testing.T, d *Daemon, stdout *output, text string) {
	t.Helper()
	i := 0
	waitUntil(t, func() bool {
		i++
		if code, body := post(t, d, batchOf(fmt.Sprintf("%s-%d", text, i), 1)); code != http.StatusOK {
			t.Fatalf("%d %s", code, body)
		}
		return strings.Contains(stdout.String(), "generation="+text+" ")
	})
}

// reloadsAre waits until so many reloads are counted, which is just after their rules are in force.
func reloadsAre(t *testing.T, d *Daemon, good, bad uint64) {
	t.Helper()
	waitUntil(t, func() bool {
		s := d.reloads()
		if s.good > good || s.bad > bad {
			t.Fatalf("reloads %+v, want %d good and %d bad ones", s, good, bad)
		}
		return s.good == good && s.bad == bad
	})
}

// A volume of Kubernetes: the files are links into a directory that is a link itself, which is replaced to change all of
// them at once. Afterwards the old directory is removed.
func TestReloadOfAVolume(t *testing.T) {
	volume := t.TempDir()
	fill := func(name, text string) {
		dir := filepath.Join(volume, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "rules.yaml"), generation(text))
		link := filepath.Join(volume, "..data_tmp")
		if err := os.Symlink(name, link); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link, filepath.Join(volume, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	fill("..1", "first")
	file := filepath.Join(volume, "rules.yaml")
	if err := os.Symlink("..data/rules.yaml", file); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.RulesFiles, cfg.Watch = []string{file}, true
	d, stdout, _, _ := start(t, cfg, "k8s_audit")
	alertOf(t, d, stdout, "first")
	for i, text := range []string{"second", "third", "fourth"} {
		fill(fmt.Sprintf("..%d", i+2), text)
		if err := os.RemoveAll(filepath.Join(volume, fmt.Sprintf("..%d", i+1))); err != nil {
			t.Fatal(err)
		}
		alertOf(t, d, stdout, text)
	}
	reloadsAre(t, d, 3, 0)
}

// What is being written is not read before it is whole, a file that is gone keeps its rules in force, and what comes back
// is read; files come and go in a directory; neighbours do not matter.
func TestReloadOfFiles(t *testing.T) {
	dir := t.TempDir()
	file, more := filepath.Join(dir, "rules.yaml"), filepath.Join(dir, "more")
	if err := os.Mkdir(more, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, file, generation("first"))
	cfg := testConfig()
	cfg.RulesFiles, cfg.Watch = []string{file, more}, true
	load := func() (config.Config, []string, error) {
		c := cfg
		if _, err := os.Stat(file); err != nil {
			c.RulesFiles, c.RulesMissing = []string{more}, []string{file}
		}
		return c, nil, nil
	}
	d, stdout, stderr, _ := startWith(t, Options{Load: load, Sources: []string{"k8s_audit"}})
	alertOf(t, d, stdout, "first")

	// A writer that takes its time.
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []byte(generation("second")) {
		if _, err := f.Write([]byte{c}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(quietTime / 50)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	alertOf(t, d, stdout, "second")
	reloadsAre(t, d, 1, 0)

	// Neighbours are none of its business.
	write(t, filepath.Join(dir, "events.txt"), "x")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool { return d.reloads().bad == 1 })
	if s := d.reloads(); !strings.Contains(s.failure, "rules files are gone: "+file) {
		t.Errorf("failure %q", s.failure)
	}
	stderr.waitFor(t, "rules files are gone")
	write(t, file, generation("third"))
	alertOf(t, d, stdout, "third")

	write(t, filepath.Join(more, "x.yaml"), strings.ReplaceAll(generation("fourth"), "every event", "every event, too"))
	waitUntil(t, func() bool { return d.reloads().good == 3 })
	if n := len(d.pipeline.engine.Counts().Rules); n != 2 {
		t.Errorf("%d rules with a new file", n)
	}
	if err := os.Remove(filepath.Join(more, "x.yaml")); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool { return d.reloads().good == 4 })
	if n := len(d.pipeline.engine.Counts().Rules); n != 1 {
		t.Errorf("%d rules without it", n)
	}
	_, metrics := get(t, "http://"+d.WebAddress()+"/metrics")
	for _, want := range []string{`saker_reloads_total{result="good"} 4`, `saker_reloads_total{result="bad"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

// A reload changes the sinks, the level of the log and what is evaluated; what cannot change while the program runs
// is named and stays. A configuration that cannot be used changes nothing.
func TestReloadOfTheConfiguration(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	file := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, file, generation("first"))
	cfg := testConfig()
	cfg.RulesFiles, cfg.Watch = []string{file}, false
	cfg.DataDir, cfg.DataDirChosen = filepath.Join(t.TempDir(), "data"), true
	var mu sync.Mutex
	var failure error
	load := func() (config.Config, []string, error) {
		mu.Lock()
		defer mu.Unlock()
		return cfg, []string{"a warning about a key"}, failure
	}
	d, stdout, stderr, _ := startWith(t, Options{Load: load, Sources: []string{"k8s_audit"}})
	address := d.AuditAddress()

	mu.Lock()
	cfg.JSON, cfg.Log.Level = true, "debug"
	cfg.Outputs.HTTP.Enabled, cfg.Outputs.HTTP.Settings.URL = true, secret.New(server.URL)
	cfg.Audit.Listen, cfg.Sensor.Kind, cfg.DataDir = "127.0.0.1:1", "bcc", filepath.Join(t.TempDir(), "other")
	mu.Unlock()
	d.Reload()
	waitUntil(t, func() bool { return d.reloads().good == 1 })
	stderr.waitFor(t, `"settings":["data_dir","audit.listen","engine"]`)
	stderr.waitFor(t, "a warning about a key")
	if !d.log.Core().Enabled(zap.DebugLevel) {
		t.Error("the level of the log did not change")
	}
	if got := d.settings(); got.Audit.Listen != d.cfg.Audit.Listen || got.DataDir != d.cfg.DataDir || d.AuditAddress() != address {
		t.Errorf("settings that need a restart changed: %+v", got)
	}
	if code, body := post(t, d, batchOf("a", 1)); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	stdout.waitFor(t, `"output":`)
	if body := string(server.Wait(t, 1)[0].Body); !strings.Contains(body, "generation=first id=a-0") {
		t.Errorf("the new sink got %s", body)
	}

	for _, test := range []struct {
		change func()
		want   string
	}{
		{func() { failure = errors.New("falco.yaml:3:1: key x: no") }, "falco.yaml:3:1: key x: no"},
		{func() { cfg.Outputs.Stdout.Enabled, cfg.Outputs.HTTP.Enabled = false, false }, "no output is enabled"},
		{func() { cfg.Outputs.File.Enabled, cfg.Outputs.File.Settings.Path = true, filepath.Join(file, "x") }, "not a directory"},
	} {
		before := d.settings()
		mu.Lock()
		saved := cfg
		test.change()
		mu.Unlock()
		if err := d.reload(always); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want %q", err, test.want)
		}
		if d.settings() != before || len(d.pipeline.outputs.Counts()) != 2 {
			t.Errorf("%s: something changed", test.want)
		}
		stdout.waitFor(t, ruleReload)
		mu.Lock()
		cfg, failure = saved, nil
		mu.Unlock()
	}
	if code, _ := post(t, d, batchOf("b", 1)); code != http.StatusOK {
		t.Error(code)
	}
	waitUntil(t, func() bool {
		for _, r := range server.Receipts() {
			if strings.Contains(string(r.Body), "id=b-0") {
				return true
			}
		}
		return false
	})
}

// Files that change while they are read are read again.
func TestReloadOfChangingFiles(t *testing.T) {
	cfg := testConfig()
	d, _, _, _ := start(t, cfg, "k8s_audit")
	n := 0
	err := d.reload(func() bool { n++; return false })
	if s := d.reloads(); !errors.Is(err, errChanging) || n == 0 || s.good+s.bad != 0 {
		t.Errorf("%v after %d looks, reloads %+v", err, n, s)
	}
}

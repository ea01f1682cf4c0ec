package daemon

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/syscall/driver"
)

func driverStats(delivered, full uint64) driver.Stats {
	return driver.Stats{Delivered: delivered, Lost: map[driver.Loss]uint64{driver.LossBufferFull: full}}
}

// The threshold is a share of the events of a second, and a burst of actions is bounded.
func TestDropWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config.Drops{Threshold: 0.1, Rate: 0.1, MaxBurst: 1}
		w := &dropWatch{}
		for i, step := range []struct {
			pause           time.Duration
			delivered, lost uint64
			act             bool
			added           uint64
		}{
			{0, 900, 0, false, 0},
			{time.Second, 1800, 100, false, 100}, // exactly the threshold
			{time.Second, 1800, 100, false, 0},
			{time.Second, 1900, 200, true, 100},
			{time.Second, 2000, 300, false, 100}, // too soon
			{10 * time.Second, 2000, 400, true, 100},
			{20 * time.Second, 2000, 400, false, 0},
			{time.Second, 0, 1, true, 1}, // another driver counts from 0
		} {
			time.Sleep(step.pause)
			added, act := w.look(cfg, driverStats(step.delivered, step.lost))
			if act != step.act || sumLost(added) != step.added {
				t.Errorf("step %d: %v, %d lost, want %v, %d", i, act, sumLost(added), step.act, step.added)
			}
		}
		if w.skipped != 1 {
			t.Errorf("skipped %d, want 1", w.skipped)
		}
		cfg.Simulate, cfg.Rate, cfg.MaxBurst = true, 1, 2
		if added, act := w.look(cfg, driverStats(0, 1)); !act || sumLost(added) != 1 {
			t.Errorf("simulated: %v, %d lost", act, sumLost(added))
		}
	})
}

func TestDropAlert(t *testing.T) {
	added := driver.Stats{Delivered: 7, Lost: map[driver.Loss]uint64{driver.LossBufferFull: 3, driver.LossScratch: 2, driver.LossTooLong: 1}}
	line := dropAlert(time.Unix(0, 1), "h", added).AppendJSON(nil, alert.DefaultOptions())
	var got map[string]any
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"hostname": "h", "priority": "Debug", "rule": "Falco internal: syscall event drop", "source": "internal",
		"output": "Falco internal: syscall event drop. 6 system calls dropped in last second.", "time": "1970-01-01T00:00:00.000000001Z",
		"output_fields": map[string]any{
			"n_evts": "7", "n_drops": "6", "n_drops_buffer_total": "3", "n_drops_scratch_map": "2", "n_drops_max_event_size": "1",
			"n_drops_page_faults": "0", "n_drops_bug": "0", "ebpf_enabled": "1",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDropActions(t *testing.T) {
	for _, test := range []struct {
		actions                 []string
		logged, alerted, failed bool
	}{
		{nil, false, false, false},
		{[]string{"ignore"}, false, false, false},
		{[]string{"log"}, true, false, false},
		{[]string{"alert"}, false, true, false},
		{[]string{"log", "alert", "exit"}, true, true, true},
	} {
		d, stdout, stderr, stop := start(t, testConfig(), "k8s_audit")
		failures := make(chan error, 1)
		d.actOnDrops(test.actions, driverStats(1, 2), 0, failures)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		const text = "2 system calls dropped in last second."
		if got := strings.Contains(stderr.String(), text); got != test.logged {
			t.Errorf("%v: logged %v", test.actions, got)
		}
		if got := strings.Contains(stdout.String(), "Debug Falco internal: syscall event drop. "+text+` (ebpf_enabled="1" n_drops="2"`); got != test.alerted {
			t.Errorf("%v: alert %v in %q", test.actions, got, stdout)
		}
		select {
		case err := <-failures:
			if !test.failed || !errors.Is(err, errDrops) {
				t.Errorf("%v: %v", test.actions, err)
			}
		default:
			if test.failed {
				t.Errorf("%v: the program does not end", test.actions)
			}
		}
	}
}

package daemon

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/queue"
)

// A source that cannot ask for an event again waits for room in the queues; what it could not put in when nobody may wait
// any more is counted.
func TestWorkerThatWaits(t *testing.T) {
	cfg := testConfig()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, file, strings.ReplaceAll(generation("x"), "id=", strings.Repeat("long ", 200)+"id="))
	cfg.RulesFiles = []string{file}
	cfg.Outputs.Stdout.Delivery.Queue = queue.Settings{Policy: queue.Block, MemoryBytes: 16 << 10}
	out := blocked{make(chan struct{})}
	p, err := newPipeline(cfg, zap.NewNop(), io.Discard, func() (*deliver.Outputs, error) { return openOutputs(&cfg, zap.NewNop(), out) })
	if err != nil {
		t.Fatal(err)
	}
	matched := func() uint64 { return p.outputs.Counts()[0].Matched }
	const n = 60
	evaluated := make(chan []error, 1)
	evaluate := func() {
		var errs []error
		err := (&audit.Splitter{}).Split(&audit.Batch{}, []byte(batchOf("a", n)), func(b *audit.Batch) error {
			w := p.worker(true)
			defer p.release(w)
			for e := range b.All() {
				errs = append(errs, w.evaluate(e))
			}
			return nil
		})
		evaluated <- append(errs, err)
	}
	standsStill := func(from uint64) {
		t.Helper()
		waitUntil(t, func() bool {
			before := matched()
			time.Sleep(2 * maxWait)
			return before > from && matched() == before
		})
		if matched() >= from+n {
			t.Fatal("all alerts are in a queue that has no room for them")
		}
	}
	go evaluate()
	standsStill(0)
	close(out.release)
	for _, err := range <-evaluated {
		if err != nil {
			t.Error(err)
		}
	}
	if matched() != n || p.lost.Load() != 0 || p.statistics.Total() != n {
		t.Errorf("%d of %d alerts, %d lost, %d in the statistics", matched(), n, p.lost.Load(), p.statistics.Total())
	}
	if err := p.outputs.Drain(t.Context()); err != nil {
		t.Error(err)
	}

	// Nobody reads any more, and then the program ends.
	stuck := blocked{make(chan struct{})}
	defer close(stuck.release)
	list, err := enabledOutputs(&cfg, zap.NewNop(), stuck)
	if err != nil {
		t.Fatal(err)
	}
	list[0].Config = "another one"
	if err := p.outputs.Replace(list); err != nil {
		t.Fatal(err)
	}
	before := matched()
	go evaluate()
	standsStill(before)
	p.giveUp()
	failed := 0
	for _, err := range <-evaluated {
		if errors.Is(err, deliver.ErrFull) {
			failed++
		} else if err != nil {
			t.Error(err)
		}
	}
	if failed == 0 || uint64(failed) != p.lost.Load() || matched()-before+uint64(failed) != n {
		t.Errorf("%d alerts in the queue and %d refused of %d, %d counted", matched()-before, failed, n, p.lost.Load())
	}
	_ = p.outputs.Close() // it tells what is lost
}

// A panic behind the rules costs no more than its event.
func TestPanicOutsideOfRules(t *testing.T) {
	cfg := testConfig()
	p := pipelineOf(t, cfg)
	w := p.worker(false)
	outputs := p.outputs
	p.outputs = nil // so that delivering panics
	err := (&audit.Splitter{}).Split(&audit.Batch{}, []byte(example(t)), func(b *audit.Batch) error {
		for e := range b.All() {
			if err := w.evaluate(e); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	p.outputs = outputs
	if err != nil || p.panics.count.Load() != 1 {
		t.Errorf("%v, %d panics", err, p.panics.count.Load())
	}
}

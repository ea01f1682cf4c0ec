package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/engine"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// pipeline is the way from an event to its alerts, the same for every source: evaluate, build the alert, deliver it,
// count it. It is safe for concurrent use; each goroutine works with a worker of its own.
type pipeline struct {
	engine     *engine.Engine
	outputs    *deliver.Outputs
	statistics *alert.Statistics
	hostname   string
	log        *zap.Logger
	workers    sync.Pool
	panics     panics
	// patient ends when nobody may wait any more for room in the queues: giveUp is called.
	patient context.Context
	giveUp  context.CancelFunc
	// lost counts alerts that could not be put into the queues because patient ended.
	lost atomic.Uint64
}

// newLoggedPipeline is newPipeline for a program whose log may be JSON objects: then findings are entries of it, unless
// they keep the rules from being used.
func newLoggedPipeline(cfg config.Config, log *zap.Logger, stderr io.Writer, open func() (*deliver.Outputs, error)) (*pipeline, error) {
	if isText(cfg.Log, stderr) {
		return newPipeline(cfg, log, stderr, open)
	}
	var findings bytes.Buffer
	p, err := newPipeline(cfg, log, &findings, open)
	if err != nil {
		_, failed := stderr.Write(findings.Bytes())
		return nil, errors.Join(err, failed)
	}
	logFindings(log, findings.String())
	return p, nil
}

// logFindings logs findings, each an entry: what is indented belongs to the line before.
func logFindings(log *zap.Logger, text string) {
	finding := ""
	for line := range strings.Lines(text) {
		if finding != "" && !strings.HasPrefix(line, " ") {
			log.Warn(finding)
			finding = ""
		}
		line = strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "Warning: ")
		switch {
		case finding == "":
			finding = line
		case strings.HasPrefix(strings.TrimSpace(line), "hint: "):
			finding += "; " + strings.TrimSpace(line)
		}
	}
	if finding != "" {
		log.Warn(finding)
	}
}

// newPipeline loads the rules, prints findings about them to findings, and then opens the outputs.
func newPipeline(cfg config.Config, log *zap.Logger, findings io.Writer, open func() (*deliver.Outputs, error)) (*pipeline, error) {
	rules, err := loadRules(cfg, log, findings)
	if err != nil {
		return nil, err
	}
	outputs, err := open()
	if err != nil {
		return nil, err
	}
	p := &pipeline{
		engine:     engine.New(rules.compiled, engineOptions(cfg)),
		outputs:    outputs,
		statistics: alert.NewStatistics(rules.names...),
		hostname:   cfg.Hostname,
		log:        log,
	}
	p.patient, p.giveUp = context.WithCancel(context.Background())
	return p, nil
}

func engineOptions(cfg config.Config) engine.Options {
	return engine.Options{MatchAll: cfg.MatchAll, MinPriority: cfg.Priority}
}

// worker evaluates events one after another.
type worker struct {
	p       *pipeline
	builder alert.Builder
	event   *event.Event
	alerts  []*alert.Alert
	emit    func(*rule.CompiledRule)
	// wait has it wait for room in the queues of the sinks, instead of returning an error.
	wait bool
	// anew has alerts delivered that an earlier process delivered, since their events are read again on purpose.
	anew bool
}

// worker gives a worker. One that waits, waits for room in the queues; the others return deliver.ErrFull.
func (p *pipeline) worker(wait bool) *worker {
	w, ok := p.workers.Get().(*worker)
	if !ok {
		w = &worker{p: p, builder: alert.Builder{Hostname: p.hostname}}
		w.emit = w.alert // once, so that an event costs no allocation
	}
	w.wait, w.anew = wait, false
	return w
}

func (p *pipeline) release(w *worker) { p.workers.Put(w) }

// evaluate judges one event and puts its alerts into the queues. With an error none of them is in a queue, so that whoever
// sent the event can send it again. An event whose evaluation fails is counted as not evaluated by the engine and
// logged; asking for it again would not help.
func (w *worker) evaluate(e *event.Event) error {
	w.judge(e)
	if len(w.alerts) == 0 {
		return nil
	}
	return w.hand()
}

// judge collects the alerts of an event.
func (w *worker) judge(e *event.Event) {
	defer w.caught()
	w.event = e
	err := w.p.engine.Evaluate(e, w.emit)
	w.event = nil
	if err != nil {
		w.p.notEvaluable(err)
	}
}

// hand puts the collected alerts into the queues.
func (w *worker) hand() error {
	defer w.caught()
	defer func() {
		clear(w.alerts)
		w.alerts = w.alerts[:0]
	}()
	if err := w.deliver(w.alerts...); err != nil {
		return err
	}
	for _, a := range w.alerts {
		w.p.statistics.Add(a)
	}
	return nil
}

// caught catches a panic outside of rules and outputs, so that one event cannot keep a sender sending it again for ever.
func (w *worker) caught() {
	if p := recover(); p != nil {
		w.p.panicked("evaluation of an event", p, debug.Stack())
	}
}

func (p *pipeline) notEvaluable(err error) {
	var caught *engine.PanicError
	if errors.As(err, &caught) {
		p.panicked(fmt.Sprintf("rule %q", caught.Rule), caught.Value, caught.Stack)
		return
	}
	p.log.Error("an event could not be evaluated", zap.Error(err))
}

func (w *worker) alert(r *rule.CompiledRule) { w.alerts = append(w.alerts, w.build(r)) }

// build makes the alert. When that panics, the alert has the output of the rule as it is written instead of with values.
func (w *worker) build(r *rule.CompiledRule) (a *alert.Alert) {
	defer func() {
		if p := recover(); p != nil {
			w.p.panicked(fmt.Sprintf("output of rule %q", r.Name), p, debug.Stack())
			e := w.event
			a = &alert.Alert{
				ID:   alert.NewID(e.Time, fmt.Appendf(nil, "%s\x00%s\x00%d\x00%s", e.Source, r.Name, e.Num, w.p.hostname)),
				Time: e.Time, Rule: r.Name, Priority: r.Priority, Source: r.Source, Hostname: w.p.hostname, Tags: r.Tags,
				Message: r.Rule.Output,
			}
		}
	}()
	return w.builder.New(w.event, r)
}

// maxWait is the longest pause before alerts are offered again to queues that are full.
const maxWait = 100 * time.Millisecond

func (w *worker) deliver(alerts ...*alert.Alert) error {
	deliverAll := w.p.outputs.Deliver
	if w.anew {
		deliverAll = w.p.outputs.DeliverAnew
	}
	err := deliverAll(alerts...)
	for pause := time.Duration(0); w.wait && errors.Is(err, deliver.ErrFull); pause = min(2*pause+time.Millisecond, maxWait) {
		// There may be room, but not for all of these: hence the pause.
		if e := w.p.outputs.Room(w.p.patient); e != nil || !sleep(w.p.patient, pause) {
			w.p.lost.Add(uint64(len(alerts)))
			return err
		}
		err = deliverAll(alerts...)
	}
	return err
}

// missed says how many events of a source were not evaluated and why.
type missed struct {
	source, reason string
	count          uint64
}

// notEvaluated lists the reasons with a count, in a fixed order.
func (p *pipeline) notEvaluated() []missed {
	var list []missed
	for _, s := range p.engine.Counts().Sources {
		for reason, n := range s.NotEvaluated {
			if n > 0 {
				list = append(list, missed{s.Source, string(reason), n})
			}
		}
	}
	sort.Slice(list, func(i, j int) bool {
		return list[i].source+list[i].reason < list[j].source+list[j].reason
	})
	return list
}

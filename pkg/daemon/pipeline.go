package daemon

import (
	"errors"
	"io"
	"sort"
	"sync"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/deliver/direct"
	"github.com/saker-security/saker/pkg/engine"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// pipeline is the way from an event to its alerts, the same for every source: evaluate, build the alert, deliver it,
// count it. It is safe for concurrent use; each goroutine works with a worker of its own.
type pipeline struct {
	engine     *engine.Engine
	outputs    *direct.Outputs
	statistics *alert.Statistics
	hostname   string
	log        *zap.Logger
	workers    sync.Pool
}

func newPipeline(cfg config.Config, log *zap.Logger, stdout, stderr io.Writer) (*pipeline, error) {
	compiled, names, err := loadRules(cfg, log, stderr)
	if err != nil {
		return nil, err
	}
	sinks, err := openSinks(cfg, stdout)
	if err != nil {
		return nil, err
	}
	return &pipeline{
		engine:     engine.New(compiled, engine.Options{MatchAll: cfg.MatchAll, MinPriority: cfg.Priority}),
		outputs:    direct.New(sinks...),
		statistics: alert.NewStatistics(names...),
		hostname:   cfg.Hostname,
		log:        log,
	}, nil
}

// openSinks opens what the configuration asks for; without any sink nobody would see an alert, which is an error.
func openSinks(cfg config.Config, stdout io.Writer) ([]direct.Sink, error) {
	o := alert.Options{
		Output: cfg.JSONOutput, Message: cfg.JSONMessage, Fields: cfg.JSONFields, Tags: cfg.JSONTags, ISO8601: cfg.ISO8601,
	}
	asJSON := func(dst []byte, a *alert.Alert) []byte { return append(a.AppendJSON(dst, o), '\n') }
	line := asJSON
	if !cfg.JSON {
		line = func(dst []byte, a *alert.Alert) []byte { return append(a.AppendText(dst, o), '\n') }
	}
	var sinks []direct.Sink
	// The journal comes first: an alert is kept before anybody is told.
	if cfg.DataDir != "" {
		s, err := direct.NewJournal(cfg.DataDir, asJSON)
		if err != nil {
			return nil, err
		}
		sinks = append(sinks, s)
	}
	if cfg.Outputs.Stdout.Enabled {
		sinks = append(sinks, direct.NewWriter("stdout", stdout, cfg.Outputs.Stdout.Settings.Buffered, line))
	}
	if cfg.Outputs.File.Enabled {
		s, err := direct.NewFile(cfg.Outputs.File.Settings.Path, cfg.Outputs.File.Settings.KeepOpen, line)
		if err != nil {
			return nil, err
		}
		sinks = append(sinks, s)
	}
	if len(sinks) == 0 {
		return nil, errors.New("no output is enabled, alerts would be lost: enable stdout_output or file_output, or set data_dir")
	}
	return sinks, nil
}

// worker evaluates events one after another.
type worker struct {
	p       *pipeline
	builder alert.Builder
	event   *event.Event
	errs    []error
	emit    func(*rule.CompiledRule)
}

func (p *pipeline) worker() *worker {
	if w, ok := p.workers.Get().(*worker); ok {
		return w
	}
	w := &worker{p: p, builder: alert.Builder{Hostname: p.hostname}}
	w.emit = w.alert // once, so that an event costs no allocation
	return w
}

func (p *pipeline) release(w *worker) { p.workers.Put(w) }

// evaluate judges one event and delivers its alerts. The error says which alerts could not be delivered. An event
// whose evaluation fails is counted as not evaluated by the engine and logged; asking for it again would not help.
func (w *worker) evaluate(e *event.Event) error {
	w.event, w.errs = e, w.errs[:0]
	if err := w.p.engine.Evaluate(e, w.emit); err != nil {
		w.p.log.Error("an event could not be evaluated", zap.Error(err), zap.String("source", e.Source), zap.Uint64("num", e.Num))
	}
	w.event = nil
	if len(w.errs) == 0 {
		return nil
	}
	return errors.Join(w.errs...)
}

func (w *worker) alert(r *rule.CompiledRule) {
	a := w.builder.New(w.event, r)
	w.p.statistics.Add(a)
	if err := w.p.outputs.Deliver(a); err != nil {
		w.errs = append(w.errs, err)
	}
}

// writeStatistics prints what Falco prints at its end.
func (p *pipeline) writeStatistics(w io.Writer) error {
	_, err := p.statistics.WriteTo(w)
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

// Package daemon puts the rooms together: it loads the rules, starts the sources, evaluates every event, hands every
// alert on, and says what it does in logs and metrics.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall/driver"
)

// stopTime is how long requests and events that are being worked on may take after the program was told to end.
const stopTime = 20 * time.Second

// Options say what a Daemon works with.
type Options struct {
	// Load reads the configuration, at the start and for every reload. The warnings name keys that have no effect.
	Load func() (cfg config.Config, warnings []string, err error)
	// Sources names the event sources to take in, k8s_audit or syscall, which then must be possible; those that the
	// configuration asks for when empty.
	Sources []string
	// Alerts go to Stdout, the log and findings about rules to Stderr.
	Stdout, Stderr io.Writer
}

// Daemon is the running program. It is made by New, run once by Run.
type Daemon struct {
	options Options
	// cfg is the configuration that it was started with, inForce the present one.
	cfg      config.Config
	inForce  atomic.Pointer[config.Config]
	log      *zap.Logger
	ops      *operation
	pipeline *pipeline
	// intake is nil when no audit events are taken in.
	intake *intake
	sensor *sensor
	// sources are kept running until the program is told to end, servers until it has ended.
	sources, servers []*keeper
	reloader         reloader
	// loaded is what the files were when the configuration was loaded.
	loaded fingerprint
	// absent are the sources for which the machine has no means.
	absent []sourceState
	web    *server
	// stopTime is stopTime.
	stopTime time.Duration
}

// New loads the configuration and the rules, opens the outputs and the sources and takes the addresses. What is wrong
// with one of them is an error; that the machine lacks the means for the system call sensor is none unless it is named
// in the options or is the only source.
func New(o Options) (_ *Daemon, err error) {
	cfg, warnings, err := o.Load()
	text := isText(cfg.Log, o.Stderr)
	if err != nil || text {
		for _, w := range warnings {
			warn(o.Stderr, w, "")
		}
	}
	if err != nil {
		// What is wrong with the rules and with what the configuration adds to them is told in the same run.
		_, other := loadRules(cfg, zap.NewNop(), o.Stderr)
		return nil, errors.Join(err, other)
	}
	log, level, err := newLog(cfg.Log, o.Stderr)
	if err != nil {
		return nil, err
	}
	if !text {
		for _, w := range warnings {
			log.Warn(w)
		}
	}
	if err := checkSnapshots(&cfg.Metrics, log); err != nil {
		return nil, err
	}
	d := &Daemon{options: o, log: log, ops: newOperation(level), stopTime: stopTime, loaded: fingerprintOf(configured(&cfg))}
	d.reloader.asked = make(chan struct{}, 1)
	d.reloader.state.at, d.reloader.good = time.Now().UnixNano(), d.loaded
	d.pipeline, err = newLoggedPipeline(cfg, log, o.Stderr, func() (*deliver.Outputs, error) { return openOutputs(&cfg, log, o.Stdout) })
	if err != nil {
		return nil, err
	}
	d.cfg = cfg
	d.inForce.Store(&cfg)
	if err := d.openAll(); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// wantedSources gives the names of the sources to take in, and tells which of them must be possible.
func (d *Daemon) wantedSources() (names []string, required func(string) bool, err error) {
	names = d.options.Sources
	if len(names) == 0 {
		names = d.cfg.Sources
	}
	if len(names) == 0 {
		names = []string{event.SourceK8sAudit, event.SourceSyscall}
	}
	for _, s := range names {
		if s != event.SourceK8sAudit && s != event.SourceSyscall {
			return nil, nil, fmt.Errorf("unknown source %q: there are %s and %s", s, event.SourceK8sAudit, event.SourceSyscall)
		}
	}
	return names, func(name string) bool { return len(names) == 1 || slices.Contains(d.options.Sources, name) }, nil
}

// openAll opens the sources and the servers.
func (d *Daemon) openAll() error {
	names, required, err := d.wantedSources()
	if err != nil {
		return err
	}
	for _, name := range names {
		d.reportRules(name)
	}
	if slices.Contains(names, event.SourceK8sAudit) {
		if err := d.openAudit(required(event.SourceK8sAudit)); err != nil {
			return err
		}
	}
	if d.cfg.Web.Enabled {
		if err := d.openWeb(); err != nil {
			return err
		}
	}
	d.openControl()
	if slices.Contains(names, event.SourceSyscall) && d.cfg.Sensor.Kind != "nodriver" {
		return d.openSensor(required(event.SourceSyscall))
	}
	return nil
}

// reportRules logs how many rules of a source are looked at; none is worth a warning.
func (d *Daemon) reportRules(source string) {
	n := d.enabledRules()[source]
	if n == 0 {
		d.log.Warn("no rule is enabled, events of this source are counted and not evaluated", zap.String("source", source))
		return
	}
	d.log.Info("rules loaded", zap.String("source", source), zap.Int("rules", n))
}

// keep makes the keeper of a source that is open. events is the event source of its rules, empty for a server without
// events.
func (d *Daemon) keep(s source, events string) *keeper {
	return &keeper{source: s, events: events, log: d.log, panicked: d.pipeline.panicked, up: true}
}

// openWeb makes the server of health checks and metrics.
func (d *Daemon) openWeb() error {
	d.web = &server{title: "health checks and metrics", network: "tcp", log: d.log, handler: newWeb(d), tls: webTLS(d.cfg.Web), files: func() []string { return []string{d.cfg.Web.Certificate} },
		address: net.JoinHostPort(d.cfg.Web.Address, fmt.Sprint(d.cfg.Web.Port)),
		hint:    " (choose another port with -o webserver.listen_port=N, or -o webserver.enabled=false)"}
	if err := d.web.open(); err != nil {
		return err
	}
	d.servers = append(d.servers, d.keep(d.web, ""))
	return nil
}

// openControl makes the control socket. The program works without it.
func (d *Daemon) openControl() {
	if d.cfg.DataDir == "" {
		return
	}
	s := &server{title: "control", network: "unix", address: filepath.Join(d.cfg.DataDir, controlName), log: d.log,
		handler: newControl(d.cfg.DataDir, d.pipeline.outputs, d.serveAudit)}
	if err := s.open(); err != nil {
		d.log.Warn("there is no control socket, so that saker alerts cannot ask this process", zap.Error(err))
		return
	}
	d.servers = append(d.servers, d.keep(s, ""))
}

// openSensor makes the system call sensor. A machine without the means for it is an error only when required.
func (d *Daemon) openSensor(required bool) error {
	s := newSensor(d.cfg, d.pipeline, d.log)
	if err := s.open(); err != nil {
		if errors.Is(err, driver.ErrUnavailable) && !required {
			d.log.Warn("going on without system calls", zap.String("reason", oneLine(err)))
			d.absent = append(d.absent, sourceState{name: event.SourceSyscall, events: event.SourceSyscall, failure: oneLine(err), optional: true})
			return nil
		}
		return err
	}
	d.sensor = s
	d.sources = append(d.sources, d.keep(s, event.SourceSyscall))
	return nil
}

// WebAddress is where health checks and metrics are served, empty when they are not.
func (d *Daemon) WebAddress() string { return d.web.addressOf() }

// Run takes in events until ctx ends, or until all sources are read to their end, then finishes what was taken in, prints the statistics and closes everything.
func (d *Daemon) Run(ctx context.Context) error {
	defer takeStandardLog(d.log)()
	defer d.close()
	working := context.WithoutCancel(ctx)
	failures := make(chan error, 3)
	endServers, _ := d.start(working, d.servers)
	endSources, read := d.start(working, d.sources)
	endOperation := d.operate(ctx, failures)
	reloadContext, stopReloading := context.WithCancel(ctx)
	var reloading sync.WaitGroup
	reloading.Go(func() { d.reloadWhenChanged(reloadContext) })
	var err error
	select {
	case <-ctx.Done():
		d.log.Info("ending: finishing what was taken in")
	case <-read:
		d.log.Info("ending: everything is read")
	case err = <-failures:
	}
	stopReloading()
	reloading.Wait()
	endOperation()
	// Who waits for room in a queue gets no more of it than requests get time.
	patience := time.AfterFunc(d.stopTime, d.pipeline.giveUp)
	defer patience.Stop()
	err = errors.Join(err, endSources(), d.finish(working))
	return errors.Join(err, endServers())
}

// start keeps sources running. The returned function ends them, after what is being worked on or when stopTime is over;
// read is closed when all of them have nothing more to give, before that or after.
func (d *Daemon) start(ctx context.Context, sources []*keeper) (end func() error, read <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, k := range sources {
		running.Go(func() { k.keep(ctx) })
	}
	all := make(chan struct{})
	if len(sources) > 0 {
		go func() {
			running.Wait()
			close(all)
		}()
	}
	return func() error {
		limit, done := context.WithTimeout(context.WithoutCancel(ctx), d.stopTime)
		defer done()
		cancel()
		errs := make([]error, len(sources))
		var stopping sync.WaitGroup
		for i, k := range sources {
			stopping.Go(func() { errs[i] = k.stop(limit) })
		}
		stopping.Wait()
		running.Wait()
		return errors.Join(errs...)
	}, all
}

// close releases everything; what is closed already stays so.
func (d *Daemon) close() {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for _, k := range slices.Concat(d.sources, d.servers) {
		_ = k.stop(over) // reported by Run, if it got that far
	}
	d.pipeline.giveUp()
	if err := d.pipeline.outputs.Close(); err != nil {
		d.log.Error("closing the outputs failed", zap.Error(err))
	}
}

// oneLine joins the lines of an error for a log.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

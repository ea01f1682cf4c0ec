// Package daemon puts the rooms together: it loads the rules, starts the sources, evaluates every event, hands every
// alert on, and says what it does in logs and metrics.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/event"
)

// shutdownTime is how long requests that are being worked on, and outputs, may take after the program was told to end.
const shutdownTime = 20 * time.Second

// Daemon is the running program. It is made by New, run once by Run.
type Daemon struct {
	cfg      config.Config
	log      *zap.Logger
	ops      *operation
	pipeline *pipeline
	receiver *audit.Receiver
	sensor   *sensor
	stats    io.Writer
	// patience is how long the end may wait for others.
	patience time.Duration
	// stuck tells that an output blocks, so that nothing may wait for it any more.
	stuck bool

	audit, web net.Listener
}

// New loads the rules, opens the outputs and binds the listeners. sources names the event sources to take in; all
// when empty. Alerts go to stdout, the log and findings about rules to stderr. What is wrong with the configuration,
// the rules or the addresses is an error; a machine without the means for the system call sensor is none.
func New(cfg config.Config, sources []string, stdout, stderr io.Writer) (*Daemon, error) {
	for _, s := range sources {
		if s != event.SourceK8sAudit && s != event.SourceSyscall {
			return nil, fmt.Errorf("unknown source %q: there are %s and %s", s, event.SourceK8sAudit, event.SourceSyscall)
		}
	}
	wanted := func(source string) bool { return len(sources) == 0 || slices.Contains(sources, source) }
	log, level, err := newLog(cfg.Log, stderr)
	if err != nil {
		return nil, err
	}
	d := &Daemon{cfg: cfg, log: log, ops: newOperation(level), stats: stdout, patience: shutdownTime}
	if cfg.JSON {
		d.stats = stderr
	}
	if d.pipeline, err = newPipeline(cfg, log, stdout, stderr); err != nil {
		return nil, err
	}
	for _, source := range []string{event.SourceK8sAudit, event.SourceSyscall} {
		if wanted(source) {
			d.reportRules(source)
		}
	}
	if err := d.listen(wanted(event.SourceK8sAudit)); err != nil {
		d.close()
		return nil, err
	}
	if wanted(event.SourceSyscall) && cfg.Sensor.Kind != "nodriver" {
		required := slices.Contains(sources, event.SourceSyscall) && len(sources) == 1
		if err := d.openSensor(required); err != nil {
			d.close()
			return nil, err
		}
	}
	return d, nil
}

// reportRules logs how many rules of a source are looked at; none is worth a warning.
func (d *Daemon) reportRules(source string) {
	n := 0
	for _, c := range d.pipeline.engine.Counts().Rules {
		if c.Rule.Source == source && c.Rule.Enabled && c.Rule.Priority <= d.cfg.Priority {
			n++
		}
	}
	if n == 0 {
		d.log.Warn("no rule is enabled, events of this source are counted and not evaluated", zap.String("source", source))
		return
	}
	d.log.Info("rules loaded", zap.String("source", source), zap.Int("rules", n))
}

func (d *Daemon) listen(wanted bool) (err error) {
	var listener net.ListenConfig
	if wanted {
		if d.audit, err = listener.Listen(context.Background(), "tcp", d.cfg.Audit.Listen); err != nil {
			return fmt.Errorf("listen for audit events (choose another address with --audit-listen): %w", err)
		}
		d.receiver = audit.NewReceiver(&audit.Splitter{}, d.evaluateBatch)
		if d.cfg.Audit.MaxBody > 0 {
			d.receiver.MaxBody = d.cfg.Audit.MaxBody
			d.receiver.MaxBytes = max(d.receiver.MaxBytes, d.cfg.Audit.MaxBody+d.cfg.Audit.MaxBody/2)
		}
	}
	if d.cfg.Web.Enabled {
		address := net.JoinHostPort(d.cfg.Web.Address, fmt.Sprint(d.cfg.Web.Port))
		if d.web, err = listener.Listen(context.Background(), "tcp", address); err != nil {
			return fmt.Errorf("listen for health checks and metrics (choose another port with -o webserver.listen_port=N, or -o webserver.enabled=false): %w", err)
		}
	}
	return nil
}

// AuditAddress is where the audit receiver listens, empty when it does not.
func (d *Daemon) AuditAddress() string { return address(d.audit) }

// WebAddress is where health checks and metrics are served, empty when they are not.
func (d *Daemon) WebAddress() string { return address(d.web) }

func address(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// Run takes in events until ctx ends, then finishes what was taken in, prints the statistics and closes everything.
func (d *Daemon) Run(ctx context.Context) error {
	defer d.close()
	var servers []*http.Server
	var running sync.WaitGroup
	failures := make(chan error, 3)
	serve := func(name string, s *http.Server, l net.Listener) {
		servers = append(servers, s)
		s.ErrorLog = zap.NewStdLog(d.log)
		running.Go(func() {
			var err error
			if s.TLSConfig != nil {
				err = s.ServeTLS(l, "", "")
			} else {
				err = s.Serve(l)
			}
			if !errors.Is(err, http.ErrServerClosed) {
				failures <- fmt.Errorf("serve %s: %w", name, err)
			}
		})
	}
	if d.audit != nil {
		s := audit.NewServer("", nil, d.receiver)
		if d.cfg.Audit.Certificate != "" {
			var err error
			if s.TLSConfig, err = audit.TLSConfig(d.cfg.Audit.Certificate, d.cfg.Audit.Key, d.cfg.Audit.ClientCA); err != nil {
				return err
			}
		}
		d.log.Info("taking in audit events", zap.String("address", d.AuditAddress()), zap.String("path", "/k8s-audit"), zap.Bool("tls", s.TLSConfig != nil))
		serve("audit events", s, d.audit)
	}
	if d.web != nil {
		serve("health and metrics", audit.NewServer("", nil, newWeb(d)), d.web)
		d.log.Info("serving health checks and metrics", zap.String("address", d.WebAddress()))
	}
	if d.sensor != nil {
		running.Go(func() {
			if err := d.sensor.run(); err != nil {
				failures <- fmt.Errorf("system call sensor: %w", err)
			}
		})
	}
	endOperation := d.operate(ctx, failures)
	var err error
	select {
	case <-ctx.Done():
		d.log.Info("ending: finishing what was taken in")
	case err = <-failures:
	}
	endOperation()
	return errors.Join(err, d.end(context.WithoutCancel(ctx), servers, &running))
}

// end stops taking in, waits for what was taken in and finishes it. It does not wait longer than patience for a client
// that does not end its request, and again for an output that does not take its alerts.
func (d *Daemon) end(ctx context.Context, servers []*http.Server, running *sync.WaitGroup) (err error) {
	limit, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	for _, s := range servers {
		e := s.Shutdown(limit)
		if errors.Is(e, context.DeadlineExceeded) {
			d.log.Warn("requests were cut off before they were answered; their senders will send them again")
			e = s.Close()
		}
		err = errors.Join(err, e)
	}
	if d.sensor != nil {
		err = errors.Join(err, d.sensor.stop())
	}
	done := make(chan error, 1)
	go func() {
		running.Wait()
		done <- d.finish()
	}()
	select {
	case e := <-done:
		return errors.Join(err, e)
	case <-time.After(d.patience):
		d.stuck = true
		return errors.Join(err, errors.New("end without the outputs: one of them does not take its alerts"))
	}
}

// finish flushes the outputs and prints the statistics.
func (d *Daemon) finish() error {
	err := d.pipeline.outputs.Flush()
	d.reportNotEvaluated()
	return errors.Join(err, d.pipeline.writeStatistics(d.stats))
}

// reportNotEvaluated says which events were not evaluated and why.
func (d *Daemon) reportNotEvaluated() {
	for _, line := range d.pipeline.notEvaluated() {
		d.log.Warn("events were not evaluated", zap.String("source", line.source), zap.String("reason", line.reason), zap.Uint64("events", line.count))
	}
	if d.receiver != nil {
		for reason, n := range d.receiver.Stats().Rejected {
			if n > 0 {
				d.log.Warn("audit items were rejected", zap.String("reason", reason), zap.Uint64("items", n))
			}
		}
	}
}

// close releases everything; what is closed already stays so.
func (d *Daemon) close() {
	for _, l := range []net.Listener{d.audit, d.web} {
		if l != nil {
			_ = l.Close() // a listener that its server has closed already
		}
	}
	if d.sensor != nil {
		_ = d.sensor.stop() // reported by Run, if it got that far
	}
	if d.pipeline != nil && !d.stuck {
		if err := d.pipeline.outputs.Close(); err != nil {
			d.log.Error("closing the outputs failed", zap.Error(err))
		}
	}
}

// evaluateBatch evaluates the events of a request. It returns an error when an alert could not be written, so that
// the API server sends the batch again.
func (d *Daemon) evaluateBatch(_ context.Context, b *audit.Batch) error {
	w := d.pipeline.worker()
	defer d.pipeline.release(w)
	var errs []error
	for e := range b.All() {
		if err := w.evaluate(e); err != nil {
			errs = append(errs, err)
		}
	}
	for _, r := range b.Rejects {
		d.log.Warn("audit item rejected", zap.Stringer("reason", r.Reason), zap.Int("offset", r.Offset))
	}
	err := errors.Join(append(errs, d.pipeline.outputs.Flush())...)
	if err != nil {
		d.log.Error("evaluating a batch of audit events failed; the sender is told to send it again", zap.Error(err))
	}
	return err
}

// oneLine joins the lines of an error for a log.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/rule"
)

// ruleReload is the name under which a reload that failed is told; it is Falco's.
const ruleReload = "Falco internal: hot restart failure"

// reloader is what reloads need.
type reloader struct {
	// asked has a value when somebody asked for a reload.
	asked chan struct{}
	// one is held while a reload is under way.
	one sync.Mutex
	// good is what the files in force hold.
	good fingerprint

	mu    sync.Mutex
	state reloadState
	// refused are the files and directories of a configuration that was loaded last and is not in force, so that it is
	// noticed when they are mended.
	refused []string
}

// Reload has the configuration and the rules loaded again. It does not wait for it. When something is wrong with them,
// nothing changes, and it is logged.
func (d *Daemon) Reload() {
	select {
	case d.reloader.asked <- struct{}{}:
	default: // it is asked for already
	}
}

// Reopen has the outputs open anew what they write to, as log rotation asks for.
func (d *Daemon) Reopen() {
	if err := d.pipeline.outputs.Reopen(); err != nil {
		d.log.Error("opening the outputs anew failed", zap.Error(err))
		return
	}
	d.log.Info("outputs opened anew")
}

// reloads counts the reloads.
func (d *Daemon) reloads() reloadState {
	d.reloader.mu.Lock()
	defer d.reloader.mu.Unlock()
	return d.reloader.state
}

// reloadWhenChanged loads the configuration and the rules again when their files changed, if that is configured, and when
// it is asked for, until ctx ends.
func (d *Daemon) reloadWhenChanged(ctx context.Context) {
	w := newWatcher(d.log)
	defer w.close()
	known, again := d.loaded, false
	for ctx.Err() == nil {
		watching, asked := d.settings().Watch, false
		// Watched first and read then, so that no change falls in between.
		w.watch(d.watched())
		if !again && (!watching || known.same(fingerprintOf(d.watched()))) {
			if asked = !w.wait(ctx, d.reloader.asked); !asked && !watching {
				continue
			}
		}
		// Whoever asks has written what shall be read.
		now := settle(ctx, known, d.watched(), asked)
		if ctx.Err() != nil || !asked && !again && known.same(now) {
			continue
		}
		paths := d.watched()
		err := d.reload(func() bool { return now.same(fingerprintOf(paths)) })
		// What changed since it was read has no word of its own any more when it is known.
		known = fingerprintOf(d.watched())
		again = errors.Is(err, errChanging) || !known.holds(now, paths, d.watched()) || err == nil && !known.same(d.read())
	}
}

// read is what the files in force held when they were read.
func (d *Daemon) read() fingerprint {
	d.reloader.one.Lock()
	defer d.reloader.one.Unlock()
	return d.reloader.good
}

// watched are the files and directories of the configuration in force, and of one that was loaded since and refused.
func (d *Daemon) watched() []string {
	d.reloader.mu.Lock()
	defer d.reloader.mu.Unlock()
	return append(configured(d.settings()), d.reloader.refused...)
}

func (d *Daemon) refuse(paths []string) {
	d.reloader.mu.Lock()
	defer d.reloader.mu.Unlock()
	d.reloader.refused = paths
}

// errChanging is the error of a reload whose files changed while they were read.
var errChanging = errors.New("the files changed while they were read")

// reload puts the configuration and the rules as they are now into force, or nothing of them. stable tells whether the
// files are still what they were before.
func (d *Daemon) reload(stable func() bool) error {
	d.reloader.one.Lock()
	defer d.reloader.one.Unlock()
	done := d.reloading()
	defer done()
	began := time.Now()
	changes, err := d.tryReload(stable)
	if errors.Is(err, errChanging) {
		d.log.Info("the files of configuration and rules are still changing")
		return err
	}
	d.reloader.mu.Lock()
	if err == nil {
		d.reloader.state = reloadState{good: d.reloader.state.good + 1, bad: d.reloader.state.bad, at: time.Now().UnixNano()}
	} else {
		d.reloader.state.bad++
		d.reloader.state.failure = oneLine(err)
	}
	d.reloader.mu.Unlock()
	if err != nil {
		d.log.Error("configuration and rules are not reloaded, those in force stay", zap.String("error", oneLine(err)))
		d.tellFailure(err)
		return err
	}
	d.log.Info("configuration and rules reloaded", append(changes, zap.Duration("took", time.Since(began)))...)
	return nil
}

// tellFailure makes an alert of a reload that failed.
func (d *Daemon) tellFailure(cause error) {
	a := alert.NewInternal(time.Now().UnixNano(), d.cfg.Hostname, ruleReload, rule.PriorityCritical, ruleReload+": "+deliver.ErrorText(cause))
	if err := d.emit(a); err != nil {
		d.log.Error("the alert about it cannot be kept", zap.Error(err))
	}
}

// tryReload makes everything first and then puts it into force. changes say for the log what that changed.
func (d *Daemon) tryReload(stable func() bool) (changes []zap.Field, err error) {
	defer func() {
		if p := recover(); p != nil {
			d.pipeline.panicked("reload", p, debug.Stack())
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	cfg, warnings, err := d.options.Load()
	paths := configured(&cfg)
	d.refuse(paths)
	if err != nil {
		return nil, notWhile(stable, err)
	}
	fixed := d.keepFixed(&cfg)
	now := fingerprintOf(paths)
	if err := errors.Join(d.checkGone(&cfg), checkEmptied(d.reloader.good, now)); err != nil {
		return nil, notWhile(stable, err)
	}
	var findings bytes.Buffer
	rules, err := loadRules(cfg, d.log, &findings)
	if err != nil {
		return nil, notWhile(stable, withFindings(err, findings.String()))
	}
	if err := d.checkIdle(&cfg, rules); err != nil {
		return nil, notWhile(stable, err)
	}
	outputs, err := enabledOutputs(&cfg, d.log, d.options.Stdout)
	if err != nil {
		return nil, notWhile(stable, err)
	}
	admit, err := d.nextAccess(&cfg, slices.Contains(fixed, "audit.listen"))
	if err != nil {
		return nil, notWhile(stable, err)
	}
	if !stable() {
		return nil, errChanging
	}
	if err := checkSnapshots(&cfg.Metrics, d.log); err != nil {
		return nil, err
	}
	changes = append(d.changedRules(enabledRules(rules.compiled, &cfg)), d.changedSinks(outputs)...)
	if err := d.pipeline.outputs.Replace(outputs); err != nil {
		return nil, err
	}
	// From here nothing can fail.
	d.pipeline.engine.Swap(rules.compiled, engineOptions(cfg))
	if text := findings.String() + strings.Join(warnings, "\n"); text != "" {
		d.log.Warn("findings about configuration and rules", zap.Strings("findings", strings.Split(strings.TrimSpace(text), "\n")))
	}
	if len(fixed) > 0 {
		d.log.Warn("these settings changed and need a restart, they stay as they are until then", zap.Strings("settings", fixed))
	}
	admit()
	d.inForce.Store(&cfg)
	d.refuse(nil)
	d.reloader.good = now
	if d.sensor != nil {
		d.sensor.retarget()
	}
	for _, source := range d.runningSources() {
		d.reportRules(source)
	}
	return changes, nil
}

// notWhile is the error, unless it may come from files that are being changed.
func notWhile(stable func() bool, err error) error {
	if !stable() {
		return errChanging
	}
	return err
}

// withFindings adds to the error about rules where and what is wrong with them.
func withFindings(err error, text string) error {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if strings.Contains(line, ": error: ") {
			lines = append(lines, line)
		}
	}
	if !errors.Is(err, ErrRules) || len(lines) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s", ErrRules, strings.Join(lines, "; "))
}

// keepFixed keeps the settings that need a restart as they are, and names those that changed.
func (d *Daemon) keepFixed(cfg *config.Config) (changed []string) {
	keep := func(name string, now, new any) {
		n, o := reflect.ValueOf(new).Elem(), reflect.ValueOf(now).Elem()
		if !reflect.DeepEqual(n.Interface(), o.Interface()) {
			changed = append(changed, name)
			n.Set(o)
		}
	}
	old := &d.cfg
	if old.DataDirChosen || cfg.DataDirChosen {
		keep("data_dir", &old.DataDir, &cfg.DataDir)
	}
	cfg.DataDir = old.DataDir // also one that could not be used
	d.keepAudit(cfg, keep)
	keep("engine", &old.Sensor, &cfg.Sensor)
	keep("webserver.enabled", &old.Web.Enabled, &cfg.Web.Enabled)
	keep("webserver.listen_address", &old.Web.Address, &cfg.Web.Address)
	keep("webserver.listen_port", &old.Web.Port, &cfg.Web.Port)
	keep("webserver.ssl_certificate", &old.Web.Certificate, &cfg.Web.Certificate)
	keep("log_format", &old.Log.Format, &cfg.Log.Format)
	keep("log_stderr", &old.Log.Stderr, &cfg.Log.Stderr)
	keep("log_syslog", &old.Log.Syslog, &cfg.Log.Syslog)
	keep("sources", &old.Sources, &cfg.Sources)
	keep("FALCO_HOSTNAME", &old.Hostname, &cfg.Hostname)
	keep("HOST_ROOT", &old.HostRoot, &cfg.HostRoot)
	return changed
}

// keepAudit is keepFixed for the intake of audit events: all but who may send them stays as it is.
func (d *Daemon) keepAudit(cfg *config.Config, keep func(name string, now, new any)) {
	old, next := &d.cfg.Audit, &cfg.Audit
	keep("audit.listen", &old.Listen, &next.Listen)
	keep("audit.path", &old.Path, &next.Path)
	keep("audit.max_body_bytes", &old.MaxBody, &next.MaxBody)
	keep("audit.max_event_bytes", &old.MaxEvent, &next.MaxEvent)
	keep("audit.duplicate_time", &old.DuplicateTime, &next.DuplicateTime)
	keep("audit.duplicate_events", &old.DuplicateEvents, &next.DuplicateEvents)
	keep("audit.files", &old.Files, &next.Files)
	if now := &d.settings().Audit; (now.Certificate == "") != (next.Certificate == "") {
		keep("audit.tls_certificate", &now.Certificate, &next.Certificate)
		next.Key, next.ClientCA = now.Key, now.ClientCA
	}
}

// nextAccess makes who may send audit events by a configuration; the returned function puts it into force. moved tells that
// the files name another address than the one that is listened on until a restart.
func (d *Daemon) nextAccess(cfg *config.Config, moved bool) (admit func(), err error) {
	if d.intake == nil || d.intake.receiver == nil {
		return func() {}, nil
	}
	next, err := d.accessOf(cfg)
	if err != nil && moved {
		return nil, fmt.Errorf("audit.listen was changed, but the address in force, %s, stays until a restart: restart, or keep who may send as it was until then: %w", cfg.Audit.Listen, err)
	}
	if err != nil {
		return nil, err
	}
	return func() { d.intake.access.current.Store(next) }, nil
}

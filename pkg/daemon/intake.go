package daemon

import (
	"crypto/tls"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/event"
)

// intake is the way of audit events into the program: the receiver of the API server's webhook, and the logs that are
// read. All of them share one numbering of the events, and one memory of those that were evaluated.
type intake struct {
	splitter *audit.Splitter
	window   *audit.Window
	// receiver and server are nil when only files are read.
	receiver *audit.Receiver
	server   *server
	files    []*auditFiles
	access   *access
	// handed counts the events that were given to evaluateBatch, each time anew when they come again. It is the sum of
	// those that the engine counts and of the others.
	handed, duplicates, busy, unfinished atomic.Uint64
	// stored is the last time that the alerts of a batch were stored; nil for never.
	stored atomic.Pointer[stored]
}

// stored is a commit that ended well: when, and how long it took.
type stored struct {
	at   time.Time
	took time.Duration
}

// openAudit makes what takes in audit events. required tells that there must be something.
func (d *Daemon) openAudit(required bool) error {
	a := &d.cfg.Audit
	if a.Listen == "" && len(a.Files) == 0 {
		if required {
			return errors.New("there is nothing to take audit events from: set audit.listen to an address, or audit.files to the logs of the API server")
		}
		d.log.Info("no audit events are taken in: audit.listen and audit.files are empty")
		return nil
	}
	d.intake = newIntake(a)
	for _, f := range a.Files {
		evaluate := d.evaluateBatch
		if f.Once {
			evaluate = d.evaluateAnew
		}
		s := newAuditFiles(f, d.cfg.DataDir, d.intake.splitter, evaluate, d.log)
		d.intake.files = append(d.intake.files, s)
	}
	if a.Listen != "" {
		if err := d.openReceiver(); err != nil {
			return err
		}
	}
	for _, s := range d.intake.files {
		if err := s.open(); err != nil {
			return err
		}
		d.sources = append(d.sources, d.keep(s, event.SourceK8sAudit))
	}
	return nil
}

func newIntake(a *config.Audit) *intake {
	return &intake{splitter: &audit.Splitter{MaxEvent: int(a.MaxEvent)}, window: audit.NewWindow(a.DuplicateEvents, a.DuplicateTime)}
}

// openReceiver makes the receiver of the webhook.
func (d *Daemon) openReceiver() error {
	a, in := &d.cfg.Audit, d.intake
	var err error
	if in.access, err = d.newAccess(&d.cfg); err != nil {
		return err
	}
	in.receiver = audit.NewReceiver(in.splitter, d.evaluateBatch)
	in.receiver.Path = a.Path
	in.receiver.MaxBody = a.MaxBody
	in.receiver.Access = audit.Access{Now: func() *audit.Access { return &in.access.now().admitted }}
	in.server = &server{title: event.SourceK8sAudit, network: "tcp", address: a.Listen, log: d.log,
		handler: in.receiver, watch: in.receiver.Watch, noted: in.receiver.Printed,
		hint: " (choose another address with --audit-listen)"}
	if a.Certificate != "" {
		in.server.files = func() []string { return in.access.now().files() }
		in.server.tls = func() (*tls.Config, error) { return in.access.now().tls() }
	}
	if err := in.server.open(); err != nil {
		return err
	}
	d.sources = append(d.sources, d.keep(in.server, event.SourceK8sAudit))
	return nil
}

// AuditAddress is where the audit receiver listens, empty when it does not.
func (d *Daemon) AuditAddress() string {
	if d.intake == nil {
		return ""
	}
	return d.intake.server.addressOf()
}

// access is who may send audit events, which a reload may change. It is safe for concurrent use.
type access struct {
	current atomic.Pointer[accessSettings]
}

// accessSettings are the settings of a moment. They are not changed.
type accessSettings struct {
	audit    config.Audit
	tokens   *tokenFile // nil for none
	admitted audit.Access
}

// newAccess makes what the configuration says, or tells what is wrong with it. What is weak is logged.
func (d *Daemon) newAccess(cfg *config.Config) (*access, error) {
	s, err := d.accessOf(cfg)
	if err != nil {
		return nil, err
	}
	a := &access{}
	a.current.Store(s)
	return a, nil
}

func (d *Daemon) accessOf(cfg *config.Config) (*accessSettings, error) {
	warnings, err := cfg.CheckAccess()
	if err != nil {
		return nil, err
	}
	for _, w := range warnings {
		d.log.Warn(w)
	}
	s := &accessSettings{audit: cfg.Audit, admitted: audit.Access{Networks: cfg.Audit.Networks}}
	if cfg.Audit.TokenFile != "" {
		if s.tokens, err = openTokens(cfg.Audit.TokenFile, d.log); err != nil {
			return nil, err
		}
		s.admitted.Tokens = s.tokens.list
	}
	if cfg.Audit.Certificate != "" {
		if _, err := s.tls(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (a *access) now() *accessSettings { return a.current.Load() }

// accessFiles tells of the files that decide who may send, whether they can be used as they are now.
func (in *intake) accessFiles() []AccessFile {
	s, list := in.access.now(), []AccessFile{}
	if s.audit.Certificate != "" {
		list = append(list, AccessFile{keyCertificate, s.audit.Certificate, in.server.unusable()})
	}
	if s.tokens != nil {
		list = append(list, AccessFile{"audit.token_file", s.tokens.name, s.tokens.problem()})
	}
	return list
}

// files are those that TLS is made of.
func (s *accessSettings) files() []string {
	return slices.DeleteFunc([]string{s.audit.Certificate, s.audit.Key, s.audit.ClientCA}, func(name string) bool { return name == "" })
}

func (s *accessSettings) tls() (*tls.Config, error) {
	return audit.TLSConfig(s.audit.Certificate, s.audit.Key, s.audit.ClientCA)
}

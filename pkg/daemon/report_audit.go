package daemon

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/saker-security/saker/internal/regular"
	"github.com/saker-security/saker/pkg/audit"
	logs "github.com/saker-security/saker/pkg/audit/follow" // follow is a function here
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/event"
)

func (d *Daemon) serveAudit(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, d.auditReport(time.Now()))
}

// auditReport says how the intake of audit events is doing.
func (d *Daemon) auditReport(now time.Time) AuditReport {
	ready := d.readiness(now)
	r := AuditReport{
		Version: Version, Now: now.UTC(), Started: d.ops.started.UTC(), Uptime: now.Sub(d.ops.started).Seconds(),
		Ready: ready.Ready, Reasons: ready.Reasons, Enabled: d.intake != nil, Rules: d.enabledRules()[event.SourceK8sAudit],
		Files: []FileReport{}, Storage: d.storageReport(now),
		Events: AuditEvents{Rejected: map[string]uint64{}, NotEvaluated: map[string]uint64{}},
	}
	in := d.intake
	if in == nil {
		return r
	}
	for _, s := range d.pipeline.engine.Counts().Sources {
		if s.Source == event.SourceK8sAudit {
			r.Events.Evaluated = s.Evaluated
			for reason, n := range s.NotEvaluated {
				r.Events.NotEvaluated[string(reason)] = n
			}
		}
	}
	c := in.counts()
	r.Events.add(&c)
	a := d.settings().Audit
	r.Window = WindowReport{Events: in.window.Len(), MaxEvents: a.DuplicateEvents, Seconds: a.DuplicateTime.Seconds(), Evicted: in.window.Evicted()}
	if c.receiver != nil {
		r.Receiver = d.receiverReport(c.receiver)
	}
	for i, s := range c.files {
		r.Files = append(r.Files, fileReport(&s, in.files[i].file))
	}
	return r
}

// add puts in what the engine does not know.
func (e *AuditEvents) add(c *auditCounts) {
	e.Received, e.Duplicates, e.Trimmed = c.received, c.duplicates, c.trimmed
	for _, reason := range c.reasons() {
		if name, ok := cutRejected(reason); ok {
			e.Rejected[name] = c.missed[reason]
		} else {
			e.NotEvaluated[reason] = c.missed[reason]
		}
	}
}

func (d *Daemon) receiverReport(s *audit.Stats) *ReceiverReport {
	in, a := d.intake, d.settings().Audit
	access := in.access.now()
	r := &ReceiverReport{
		Address: in.server.addressOf(), Path: a.Path, Loopback: config.IsLoopback(a.Listen),
		TLS: a.Certificate != "", ClientCA: access.audit.ClientCA != "", AllowUnauthenticated: access.audit.AllowUnauthenticated,
		Networks: []string{}, Certificates: access.certificates(), Access: in.accessFiles(), MaxBody: a.MaxBody, MaxEvent: a.MaxEvent,
		Requests: map[string]uint64{}, Handshakes: occurred(s.Handshakes), Broken: occurred(s.Broken),
		Bytes: s.Bytes, Reading: s.Reading, Working: s.InFlight, Memory: s.InFlightBytes,
		Lag: LagReport{Bounds: s.Lag.Bounds, Counts: s.Lag.Counts}, Senders: []SenderReport{},
	}
	if access.tokens != nil {
		r.Tokens = len(access.tokens.list())
	}
	for _, n := range access.audit.Networks {
		r.Networks = append(r.Networks, n.String())
	}
	for _, k := range d.sources {
		if k.source == in.server {
			state := k.state()
			r.Up, r.Failure = state.up, state.failure
		}
	}
	for code, n := range s.Requests {
		if n > 0 {
			r.Requests[strconv.Itoa(code)] = n
		}
	}
	for _, sender := range s.Senders {
		r.Senders = append(r.Senders, senderReport(&sender))
	}
	return r
}

// occurred are the counts that are not 0.
func occurred(counts map[string]uint64) map[string]uint64 {
	out := maps.Clone(counts)
	maps.DeleteFunc(out, func(_ string, n uint64) bool { return n == 0 })
	return out
}

func senderReport(s *audit.Sender) SenderReport {
	return SenderReport{
		Cluster: s.Cluster, Address: s.Address, Name: s.Name, UserAgent: s.UserAgent,
		Events: s.Events + s.Duplicates, Duplicates: s.Duplicates, Trimmed: s.Trimmed, Rejected: s.Rejected,
		Arrival: s.Arrival.UTC(), Stage: inUTC(s.Stage), Lag: s.Lag.Seconds(), MaxLag: s.MaxLag.Seconds(), MeanLag: s.MeanLag.Seconds(),
	}
}

// inUTC leaves no time at all as it is.
func inUTC(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

func fileReport(s *logs.Stats, f config.AuditFile) FileReport {
	r := FileReport{
		Path: s.Path, Cluster: f.Cluster, Once: f.Once, State: s.State, Failure: fileFailure(s),
		Position: s.Position, Behind: s.Behind, Files: s.Files, Events: s.Events, Duplicates: s.Duplicates, Rotations: s.Rotations, Truncations: s.Truncations, Malformed: s.Malformed,
		Lost: s.Lost, Gaps: s.Unknown,
	}
	if !s.LastEvent.IsZero() {
		r.Lag = max(0, s.LastRead.Sub(s.LastEvent).Seconds())
	}
	return r
}

func (d *Daemon) storageReport(now time.Time) StorageReport {
	s := d.storage()
	r := StorageReport{Durable: s.durable, Failure: s.failure, Sinks: []SinkReport{}}
	if d.intake != nil {
		if last := d.intake.stored.Load(); last != nil {
			r.Commit, r.CommitSeconds = last.at.UTC(), last.took.Seconds()
		}
	}
	if r.Failure == "" {
		r.Failure = d.ops.heartbeat.storing(now)
	}
	for _, n := range d.sinkCounts() {
		sink := SinkReport{Name: n.Sink, Queued: n.Queued, Full: n.Full, Open: n.Open, Failing: n.Failing, Delivered: n.Delivered, Dead: n.Dead}
		if n.Oldest > 0 {
			sink.Oldest = max(0, now.Sub(time.Unix(0, n.Oldest)).Seconds())
		}
		for _, dropped := range n.Dropped {
			sink.Dropped += dropped
		}
		r.Sinks = append(r.Sinks, sink)
	}
	return r
}

const (
	// maxPEM bounds a file of certificates in bytes, maxCertificates how many of them are told.
	maxPEM          = 4 << 20
	maxCertificates = 100
)

// keyCertificate is the key that names the receiver's own certificate.
const keyCertificate = "audit.tls_certificate"

// certificates tells of the certificates in the files of TLS.
func (s *accessSettings) certificates() []CertificateReport {
	out := []CertificateReport{}
	for _, f := range []struct{ key, name string }{{keyCertificate, s.audit.Certificate}, {"audit.tls_client_ca", s.audit.ClientCA}} {
		if f.name == "" {
			continue
		}
		list, err := readCertificates(f.name)
		if err != nil {
			out = append(out, CertificateReport{File: f.name, Key: f.key, Error: oneLine(err)})
		}
		for _, c := range list {
			names := slices.Clone(c.DNSNames)
			for _, ip := range c.IPAddresses {
				names = append(names, ip.String())
			}
			out = append(out, CertificateReport{File: f.name, Key: f.key, Subject: c.Subject.CommonName, Names: names, NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC()})
		}
	}
	return out
}

// expiries gives, for each key that names a file of certificates, when the first of them expires.
func (s *accessSettings) expiries() map[string]time.Time {
	out := map[string]time.Time{}
	for _, c := range s.certificates() {
		if first, ok := out[c.Key]; c.Error == "" && (!ok || c.NotAfter.Before(first)) {
			out[c.Key] = c.NotAfter
		}
	}
	return out
}

// readCertificates reads the certificates of a PEM file; what else is in it does not matter.
func readCertificates(name string) ([]*x509.Certificate, error) {
	f, err := regular.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPEM))
	if err != nil {
		return nil, err
	}
	var list []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil && len(list) < maxCertificates; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return list, fmt.Errorf("certificate %d: %w", len(list)+1, err)
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no certificate in %s", name)
	}
	return list, nil
}

package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"time"
)

// pathAudit is the path of the control socket that tells how the intake of audit events is doing.
const pathAudit = "/v1/audit"

// AuditReport is how the intake of Kubernetes audit events is doing, for whoever looks at a running program. Counters
// count from the start of the program, times are UTC, and texts from outside are as they came.
type AuditReport struct {
	Version string    `json:"version"`
	Now     time.Time `json:"now"`
	Started time.Time `json:"started"`
	// Uptime is in seconds.
	Uptime float64 `json:"uptime_seconds"`
	// Ready is what /readyz answers, Reasons say why it is not.
	Ready   bool     `json:"ready"`
	Reasons []string `json:"reasons"`
	// Enabled tells that audit events are taken in at all.
	Enabled bool `json:"enabled"`
	// Rules is how many rules are looked at for audit events.
	Rules  int          `json:"rules"`
	Events AuditEvents  `json:"events"`
	Window WindowReport `json:"window"`
	// Receiver is nil when there is none, because only files are read.
	Receiver *ReceiverReport `json:"receiver,omitempty"`
	Files    []FileReport    `json:"files"`
	Storage  StorageReport   `json:"storage"`
}

// AuditEvents say what became of the audit events. Received is the sum of all others but Trimmed, as soon as no request
// is being worked on.
type AuditEvents struct {
	Received   uint64 `json:"received"`
	Evaluated  uint64 `json:"evaluated"`
	Duplicates uint64 `json:"duplicates"`
	// Rejected are items that are no events, NotEvaluated events that were not evaluated; each by reason.
	Rejected     map[string]uint64 `json:"rejected"`
	NotEvaluated map[string]uint64 `json:"not_evaluated"`
	// Trimmed counts those of the events that lost their request and response object because they are too long.
	Trimmed uint64 `json:"trimmed"`
}

// WindowReport is the memory of the events by which those that come again are recognised.
type WindowReport struct {
	// Events is how many it holds, MaxEvents how many it can, Seconds how long it keeps them.
	Events    int     `json:"events"`
	MaxEvents int     `json:"max_events"`
	Seconds   float64 `json:"seconds"`
	// Evicted counts the events that had to make room for others before their time was over.
	Evicted uint64 `json:"evicted"`
}

// ReceiverReport is the receiver of the API server's webhook.
type ReceiverReport struct {
	// Address is host:port as it listens, Path the path that takes events; PATH/CLUSTER names the cluster, too.
	Address string `json:"address"`
	Path    string `json:"path"`
	Up      bool   `json:"up"`
	Failure string `json:"failure,omitempty"`
	// Loopback tells that only programs of this machine can reach it.
	Loopback bool `json:"loopback"`
	// TLS, ClientCA (mTLS), Tokens (how many) and Networks are what keeps others away.
	TLS                  bool                `json:"tls"`
	ClientCA             bool                `json:"client_ca"`
	Tokens               int                 `json:"tokens"`
	Networks             []string            `json:"networks"`
	AllowUnauthenticated bool                `json:"allow_unauthenticated"`
	Certificates         []CertificateReport `json:"certificates"`
	// Access are the files that decide who may send. They are read again when they change.
	Access []AccessFile `json:"access_files"`
	// MaxBody and MaxEvent are the limits in bytes.
	MaxBody  int64 `json:"max_body_bytes"`
	MaxEvent int64 `json:"max_event_bytes"`
	// Requests counts the answers by status code; those with 0 are left out. Handshakes counts the TLS connections that
	// did not come about, and Broken what came in the place of a request, both by reason.
	Requests   map[string]uint64 `json:"requests"`
	Handshakes map[string]uint64 `json:"failed_handshakes"`
	Broken     map[string]uint64 `json:"broken_requests"`
	// Bytes is the length of the bodies; Reading and Working count the requests that are arriving and being evaluated now,
	// Memory is what they hold in bytes.
	Bytes   uint64 `json:"received_bytes"`
	Reading int64  `json:"reading"`
	Working int64  `json:"working"`
	Memory  int64  `json:"memory_bytes"`
	// Lag is the time from the stage of an event to its arrival.
	Lag     LagReport      `json:"lag"`
	Senders []SenderReport `json:"senders"`
}

// AccessFile is one of the files, or those of TLS together, that decide who may send.
type AccessFile struct {
	// Key is the key that names it; audit.tls_certificate also stands for audit.tls_key and audit.tls_client_ca.
	Key  string `json:"key"`
	File string `json:"file"`
	// Error says why it cannot be used as it is now; what was in it before stays in use. It is empty when it can.
	Error string `json:"error,omitempty"`
}

// CertificateReport is a certificate of one of the files of TLS.
type CertificateReport struct {
	// File is audit.tls_certificate or audit.tls_client_ca as configured; Key is which of them.
	File string `json:"file"`
	Key  string `json:"key"`
	// Subject is the common name, Names the host names and addresses that it is for.
	Subject   string    `json:"subject,omitempty"`
	Names     []string  `json:"names,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	// Error says why the file cannot be read.
	Error string `json:"error,omitempty"`
}

// LagReport is a histogram: Counts[i] events lagged at most Bounds[i] seconds and more than the bound before; the last
// of Counts, which has no bound, lagged more.
type LagReport struct {
	Bounds []float64 `json:"bounds_seconds"`
	Counts []uint64  `json:"counts"`
}

// SenderReport is one sender of audit events, usually an API server.
type SenderReport struct {
	Cluster   string `json:"cluster,omitempty"`
	Address   string `json:"address"`
	Name      string `json:"name,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	// Events were sent, Duplicates of them came again, Trimmed lost their bodies, Rejected are no events.
	Events     uint64    `json:"events"`
	Duplicates uint64    `json:"duplicates"`
	Trimmed    uint64    `json:"trimmed"`
	Rejected   uint64    `json:"rejected"`
	Arrival    time.Time `json:"last_arrival,omitzero"`
	// Stage is the stage time of its last event, Lag the time from there to its arrival; MaxLag and MeanLag are those of
	// the last minutes; all in seconds.
	Stage   time.Time `json:"last_stage,omitzero"`
	Lag     float64   `json:"lag_seconds"`
	MaxLag  float64   `json:"max_lag_seconds"`
	MeanLag float64   `json:"mean_lag_seconds"`
}

// FileReport is an audit log that is followed or read.
type FileReport struct {
	Path    string `json:"path"`
	Cluster string `json:"cluster,omitempty"`
	Once    bool   `json:"once"`
	// State is waiting (for the file, or more of it), reading, blocked, because what was read cannot be evaluated now, or
	// ended. Failure says why it is blocked, or cannot be read.
	State   string `json:"state"`
	Failure string `json:"failure,omitempty"`
	// Position is how far it is read, Behind how much of it is not yet read; in bytes.
	Position int64 `json:"position"`
	Behind   int64 `json:"behind_bytes"`
	// Lag is the time from the stage of the last event to its reading, in seconds.
	Lag float64 `json:"lag_seconds"`
	// Files is how many files it has. Events were read, Duplicates of them were known already.
	Files       int    `json:"files"`
	Events      uint64 `json:"events"`
	Duplicates  uint64 `json:"duplicates"`
	Rotations   uint64 `json:"rotations"`
	Truncations uint64 `json:"truncations"`
	Malformed   uint64 `json:"malformed"`
	// Lost is how many bytes were gone before they were read, Gaps how often nobody can tell how many.
	Lost uint64 `json:"lost_bytes"`
	Gaps uint64 `json:"gaps"`
}

// StorageReport is how alerts are stored before a request is answered.
type StorageReport struct {
	// Durable tells that what was answered outlives the process; Failure says why alerts cannot be stored.
	Durable bool   `json:"durable"`
	Failure string `json:"failure,omitempty"`
	// Commit is when the alerts of a batch of audit events were last stored, CommitSeconds how long that took.
	Commit        time.Time    `json:"last_commit,omitzero"`
	CommitSeconds float64      `json:"last_commit_seconds"`
	Sinks         []SinkReport `json:"sinks"`
}

// SinkReport is the queue of one sink.
type SinkReport struct {
	Name   string `json:"name"`
	Queued uint64 `json:"queued"`
	// Oldest is the age of the oldest queued alert in seconds.
	Oldest float64 `json:"oldest_seconds"`
	// Full holds back the sources, Open leaves the sink alone after failures; Failing is its last error.
	Full    bool   `json:"full"`
	Open    bool   `json:"open"`
	Failing string `json:"failing,omitempty"`
	// Delivered alerts arrived, Dead ones are dead letters, Dropped ones are lost.
	Delivered uint64 `json:"delivered"`
	Dead      uint64 `json:"dead"`
	Dropped   uint64 `json:"dropped"`
}

// ErrNoAnswer says that a program uses the data directory and does not answer.
var ErrNoAnswer = errors.New("the program that uses the data directory does not answer")

// answerTime is how long AskAudit waits.
const answerTime = 5 * time.Second

// maxReport bounds the answer in bytes.
const maxReport = 16 << 20

// AskAudit asks the program that uses the data directory how the intake of audit events is doing. The error is
// ErrNotRunning when there is none, and ErrNoAnswer when it has not answered after five seconds.
func AskAudit(ctx context.Context, dataDir string) (AuditReport, error) {
	limit, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	r, err := askAudit(limit, dataDir)
	// Who never takes a connection lets so many of them wait, and then EAGAIN is the answer.
	if err != nil && ctx.Err() == nil && (limit.Err() != nil || errors.Is(err, syscall.EAGAIN)) {
		return AuditReport{}, fmt.Errorf("%w within %v: %w", ErrNoAnswer, answerTime, err)
	}
	return r, err
}

func askAudit(ctx context.Context, dataDir string) (AuditReport, error) {
	c, err := Dial(ctx, dataDir)
	if err != nil {
		return AuditReport{}, err
	}
	a, err := c.ask(ctx, http.MethodGet, pathAudit, nil)
	if err != nil {
		return AuditReport{}, err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return AuditReport{}, fmt.Errorf("the running program does not tell of audit events (%s); it may be of an older version", a.Status)
	}
	var r AuditReport
	if err := json.NewDecoder(io.LimitReader(a.Body, maxReport)).Decode(&r); err != nil {
		return AuditReport{}, fmt.Errorf("read the answer of the running program: %w", err)
	}
	return r, nil
}

package daemon

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/audit"
)

// commitTime is how long a request waits for its alerts to be on stable storage. The API server waits 30 seconds for an
// answer.
const commitTime = 20 * time.Second

// evaluateBatch evaluates the events of a request, and returns nil when their alerts are in the queues for good. Else it
// returns audit.ErrBusy, so that the API server sends the batch again; an alert that is in a queue already has the same
// ID then.
func (d *Daemon) evaluateBatch(ctx context.Context, b *audit.Batch) error {
	w := d.pipeline.worker(false)
	defer d.pipeline.release(w)
	var err error
	for e := range b.All() {
		if err = w.evaluate(e); err != nil {
			break
		}
	}
	if err == nil {
		limit, cancel := context.WithTimeout(ctx, commitTime)
		defer cancel()
		err = d.pipeline.outputs.Commit(limit)
	}
	if err != nil {
		d.log.Error("the alerts of a batch of audit events cannot be stored; the sender is told to send it again", zap.Error(err))
		return &unstored{err}
	}
	for _, r := range b.Rejects {
		d.log.Warn("audit item rejected", zap.Stringer("reason", r.Reason), zap.Int("offset", r.Offset))
	}
	return nil
}

// unstored is the error of a batch whose alerts cannot be stored. It is audit.ErrBusy: the sender shall try again.
type unstored struct{ err error }

func (e *unstored) Error() string { return "alerts cannot be stored: " + e.err.Error() }

// Unwrap gives what it stands for, and the cause.
func (e *unstored) Unwrap() []error { return []error{audit.ErrBusy, e.err} }

// auditPath is where the receiver takes events.
const auditPath = "/k8s-audit"

// alsoAt has the receiver take events at another path, too.
func alsoAt(path string, receiver http.Handler) http.Handler {
	if path == "" || path == auditPath {
		return receiver
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			r.URL.Path, r.URL.RawPath = auditPath, ""
		}
		receiver.ServeHTTP(w, r)
	})
}

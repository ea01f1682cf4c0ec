package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/event"
)

// commitTime is how long a request waits for its alerts to be on stable storage. The API server waits 30 seconds for an
// answer.
const commitTime = 20 * time.Second

// evaluateBatch evaluates those of the events that were not evaluated before, and returns nil when their alerts are in
// the queues for good, as are those of the others. Else it returns audit.ErrBusy, so that the batch is sent again: the
// events that were evaluated are known then, and an alert that is in a queue already has the same ID.
func (d *Daemon) evaluateBatch(ctx context.Context, b *audit.Batch) error {
	return d.evaluate(ctx, b, false)
}

// evaluateAnew is evaluateBatch for a source that is read from its start by every process: its events alert each time,
// whatever an earlier process delivered, since that is how rules are tried.
func (d *Daemon) evaluateAnew(ctx context.Context, b *audit.Batch) error {
	return d.evaluate(ctx, b, true)
}

func (d *Daemon) evaluate(ctx context.Context, b *audit.Batch, anew bool) error {
	if err := d.evaluateEvents(b, anew); err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	// Also when all events were known: their alerts may be those of a request that was not answered, for which nobody
	// waited until they were stored.
	began := time.Now()
	if err := d.commit(limit); err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return &unstored{err} // whoever sent it has gone, which is no fault of the disk
	} else if err != nil {
		d.log.Error("the alerts of a batch of audit events cannot be stored; the sender is told to send it again", zap.Error(err))
		return &unstored{err}
	}
	now := time.Now()
	d.intake.stored.Store(&stored{now, now.Sub(began)})
	for _, r := range b.Rejects {
		d.log.Warn("audit item rejected", zap.Stringer("reason", r.Reason), zap.Int("offset", r.Offset))
	}
	return nil
}

// evaluateEvents evaluates the events that nobody has evaluated. The first error ends it.
func (d *Daemon) evaluateEvents(b *audit.Batch, anew bool) error {
	w := d.pipeline.worker(false)
	w.anew = anew
	defer d.pipeline.release(w)
	in, done := d.intake, 0
	in.handed.Add(uint64(b.Len()))
	for e := range b.All() {
		known, err := d.evaluateOnce(w, e)
		if known {
			b.Duplicates++
			in.duplicates.Add(1)
		}
		done++
		if err == nil {
			continue
		}
		in.unfinished.Add(uint64(b.Len() - done))
		if errors.Is(err, audit.ErrBusy) {
			return err
		}
		d.log.Error("the alerts of a batch of audit events cannot be put into the queues; the sender is told to send it again", zap.Error(err))
		return &unstored{err}
	}
	return nil
}

// evaluateOnce evaluates an event unless it is known. An event that is being evaluated for another request is
// audit.ErrBusy: whether that will end well is not known yet.
func (d *Daemon) evaluateOnce(w *worker, e *event.Event) (known bool, err error) {
	claim, state := d.intake.window.Begin(e)
	switch state {
	case audit.Seen:
		return true, nil
	case audit.Busy:
		d.intake.busy.Add(1)
		return false, errElsewhere
	}
	if err := w.evaluate(e); err != nil {
		d.intake.window.Forget(claim)
		return false, err
	}
	d.intake.window.Done(claim)
	return false, nil
}

// errElsewhere is the error of a batch of which an event is being evaluated for another request.
var errElsewhere = fmt.Errorf("%w: an event of the batch is being evaluated for another request", audit.ErrBusy)

// unstored is the error of a batch whose alerts cannot be stored. It is audit.ErrBusy: the sender shall try again.
type unstored struct{ err error }

func (e *unstored) Error() string { return "alerts cannot be stored: " + e.err.Error() }

// Unwrap gives what it stands for, and the cause.
func (e *unstored) Unwrap() []error { return []error{audit.ErrBusy, e.err} }

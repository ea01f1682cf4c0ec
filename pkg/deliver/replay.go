package deliver

import (
	"context"
	"fmt"

	"github.com/saker-security/saker/pkg/deliver/dead"
)

// Dead gives the dead letters of a sink, nil if there is no such sink.
func (o *Outputs) Dead(sink string) *dead.Store {
	if out := find(o.outputs(), sink); out != nil {
		return out.dead
	}
	return nil
}

// Replay puts dead letters of a sink into its queue again, and removes them from the dead letters once that is on disk.
// A sink that failed is tried again at once. It says how many there were; an error ends it. An alert is never in neither place, but may be in both after a crash.
func (o *Outputs) Replay(sink string, ids []string) (n int, err error) {
	out := find(o.outputs(), sink)
	if out == nil {
		return 0, fmt.Errorf("there is no sink %q", sink)
	}
	out.burying.Lock()
	defer out.burying.Unlock()
	queued := make([]string, 0, len(ids))
	for _, id := range ids {
		var entry dead.Entry
		if entry, err = out.dead.Get(id); err != nil {
			break
		}
		if err = o.replay(out, &entry); err != nil {
			break
		}
		queued = append(queued, id)
	}
	if len(queued) == 0 {
		return 0, err
	}
	if err := out.queue.Commit(context.Background()); err != nil {
		return 0, fmt.Errorf("sink %s: %w", sink, err)
	}
	// Whoever replays knows that the cause is gone.
	o.crewOf(out).breaker.hurry()
	n, removeErr := out.dead.Remove(queued...)
	if err == nil {
		err = removeErr
	}
	return n, err
}

// replay puts one letter into the queue.
func (o *Outputs) replay(out *output, e *dead.Entry) error {
	encoded := encode(e.Alert)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return ErrClosed
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	return out.put(e.Alert, encoded, &out.account.replayed)
}

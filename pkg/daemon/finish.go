package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/deliver"
)

// statisticsTime is how long whoever reads the output may take for the statistics.
const statisticsTime = 2 * time.Second

// finish gives the sinks the time that is configured for what waits for them, closes them, tells what became of the
// alerts and prints the statistics. Alerts that are left in memory are an error.
func (d *Daemon) finish(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, d.settings().Shutdown.Drain)
	defer cancel()
	if err := d.pipeline.outputs.Drain(limit); err != nil {
		d.log.Warn("not every alert was delivered", zap.Error(err))
	}
	err := d.pipeline.outputs.Close()
	d.reportNotEvaluated()
	err = errors.Join(err, d.reportSinks())
	w := d.options.Stdout
	if d.settings().JSON {
		w = d.options.Stderr
	}
	return errors.Join(err, d.pipeline.writeStatistics(w))
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

// reportSinks says what became of the alerts of each sink, and in plain words what is left. The error says what is lost.
func (d *Daemon) reportSinks() error {
	counts := d.pipeline.outputs.Counts()
	for _, c := range counts {
		d.log.Info("alerts of an output", zap.String("sink", c.Sink), zap.Uint64("matched", c.Matched), zap.Uint64("recovered", c.Recovered),
			zap.Uint64("replayed", c.Replayed), zap.Uint64("delivered", c.Delivered), zap.Uint64("queued", c.Queued), zap.Uint64("dead", c.Dead),
			zap.Any("dropped", c.Dropped), zap.Any("suppressed", c.Suppressed))
	}
	if n := d.pipeline.lost.Load(); n > 0 {
		counts = append(counts, deliver.Count{Sink: "every output", Dropped: map[string]uint64{"full at the end": n}})
	}
	return tellLeft(counts, d.cfg.DataDir, d.options.Stderr)
}

// tellLeft prints one line about alerts that are not delivered. Those that are lost are the error.
func tellLeft(counts []deliver.Count, dir string, w io.Writer) error {
	var kept, lost []string
	for _, c := range counts {
		if c.Queued > 0 {
			text := fmt.Sprintf("%d for %s", c.Queued, c.Sink)
			if c.Failing != "" {
				text += " (" + c.Failing + ")"
			}
			if dir != "" {
				kept = append(kept, text)
			} else {
				lost = append(lost, text)
			}
		}
		for reason, n := range c.Dropped {
			lost = append(lost, fmt.Sprintf("%d for %s (%s)", n, c.Sink, reason))
		}
	}
	if len(kept) > 0 {
		fmt.Fprintf(w, "Alerts that wait in %s and are delivered after the next start: %s\n", dir, strings.Join(kept, ", "))
	}
	if len(lost) > 0 {
		return fmt.Errorf("alerts were lost: %s", strings.Join(lost, ", "))
	}
	return nil
}

// writeStatistics prints what Falco prints at its end. Nobody may be there any more to read it.
func (p *pipeline) writeStatistics(w io.Writer) error {
	done := make(chan error, 1)
	go func() {
		_, err := p.statistics.WriteTo(w)
		done <- err
	}()
	timer := time.NewTimer(statisticsTime)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return errors.New("print the statistics: the output is not read")
	}
}

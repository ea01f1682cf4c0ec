package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/queue"
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
	if lost := d.reportSinks(); lost != nil {
		if err != nil {
			d.log.Error("closing the outputs failed", zap.Error(err))
		}
		err = lost // says it all, and once
	}
	return errors.Join(err, d.reportStatistics())
}

// reportStatistics tells how many alerts there were, in Falco's words where people read the log. Standard output is for
// alerts alone.
func (d *Daemon) reportStatistics() error {
	if isText(d.cfg.Log, d.options.Stderr) {
		return d.pipeline.writeStatistics(d.options.Stderr)
	}
	s := d.pipeline.statistics
	priorities, rules := s.Counts()
	d.log.Info("events detected", zap.Uint64("alerts", s.Total()), zap.Any("priorities", priorities), zap.Any("rules", rules))
	return nil
}

// reportNotEvaluated says which events were not evaluated and why.
func (d *Daemon) reportNotEvaluated() {
	for _, line := range d.pipeline.notEvaluated() {
		d.log.Warn("events were not evaluated", zap.String("source", line.source), zap.String("reason", line.reason), zap.Uint64("events", line.count))
	}
	if d.intake == nil {
		return
	}
	c := d.intake.counts()
	for _, reason := range c.reasons() {
		d.log.Warn("audit events were not evaluated", zap.String("reason", reason), zap.Uint64("events", c.missed[reason]))
	}
}

// reportSinks says what became of the alerts of each sink, and in plain words what is left. The error says what is lost.
func (d *Daemon) reportSinks() error {
	counts := d.pipeline.outputs.Counts()
	for _, c := range counts {
		maps.DeleteFunc(c.Dropped, func(_ string, n uint64) bool { return n == 0 })
		d.log.Info("alerts of an output", zap.String("sink", c.Sink), zap.Uint64("matched", c.Matched), zap.Uint64("recovered", c.Recovered),
			zap.Uint64("replayed", c.Replayed), zap.Uint64("delivered", c.Delivered), zap.Uint64("queued", c.Queued), zap.Uint64("dead", c.Dead),
			zap.Any("dropped", c.Dropped), zap.Any("suppressed", c.Suppressed))
	}
	l := leftOf(counts)
	if n := d.pipeline.lost.Load(); n > 0 {
		l.lost = append(l.lost, fmt.Sprintf("%d for all outputs (a queue was full at the end)", n))
	}
	if !isText(d.cfg.Log, d.options.Stderr) {
		d.logLeft(l)
		return l.error()
	}
	if len(l.kept) > 0 {
		fmt.Fprintf(d.options.Stderr, "Alerts that wait in %s and are delivered after the next start: %s\n", d.cfg.DataDir, strings.Join(l.kept, ", "))
	}
	if len(l.dropped) > 0 {
		fmt.Fprintf(d.options.Stderr, "Alerts that were dropped while it ran, as configured: %s\n", strings.Join(l.dropped, ", "))
	}
	if len(l.repeated) > 0 {
		fmt.Fprintf(d.options.Stderr, "Alerts that were not delivered again, since an earlier process had them and their events were read anew: %s\n", strings.Join(l.repeated, ", "))
	}
	return l.error()
}

// logLeft logs what a log of text says in plain words.
func (d *Daemon) logLeft(l leftovers) {
	if len(l.kept) > 0 {
		d.log.Warn("alerts wait and are delivered after the next start", zap.String("data_dir", d.cfg.DataDir), zap.Strings("outputs", l.kept))
	}
	if len(l.dropped) > 0 {
		d.log.Warn("alerts were dropped while it ran, as configured", zap.Strings("outputs", l.dropped))
	}
	if len(l.repeated) > 0 {
		d.log.Warn("alerts were not delivered again, since an earlier process had them and their events were read anew", zap.Strings("outputs", l.repeated))
	}
}

// leftovers are alerts that were not delivered, sink by sink, in words.
type leftovers struct {
	// kept ones are on disk, lost ones were in memory, dropped ones had to make room or were too old before.
	kept, lost, dropped []string
	// repeated ones were delivered by an earlier process, or wait since then.
	repeated []string
}

// leftOf sums up what the sinks, which are closed, did not deliver.
func leftOf(counts []deliver.Count) (l leftovers) {
	for _, c := range counts {
		why := ""
		if c.Failing != "" {
			why = " (" + c.Failing + ")"
		}
		if c.Queued > 0 {
			l.kept = append(l.kept, fmt.Sprintf("%d for %s%s", c.Queued, c.Sink, why))
		}
		if n := c.Suppressed[deliver.Repeated]; n > 0 {
			l.repeated = append(l.repeated, fmt.Sprintf("%d for %s", n, c.Sink))
		}
		for _, reason := range slices.Sorted(maps.Keys(c.Dropped)) {
			switch n := c.Dropped[reason]; {
			case n == 0:
			case reason == queue.Unwritten:
				l.lost = append(l.lost, fmt.Sprintf("%d for %s%s", n, c.Sink, why))
			default:
				l.dropped = append(l.dropped, fmt.Sprintf("%d for %s (%s)", n, c.Sink, reason))
			}
		}
	}
	return l
}

// error says which alerts are lost.
func (l leftovers) error() error {
	if len(l.lost) == 0 {
		return nil
	}
	return fmt.Errorf("alerts were lost: %s", strings.Join(l.lost, ", "))
}

// leaveTime is how long Leave may take.
const leaveTime = time.Second / 2

// Leave says what becomes of the alerts that wait when the program is ended at once, if that is known soon.
func (d *Daemon) Leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
	defer cancel()
	go func() {
		defer cancel()
		stored, giveUp := context.WithTimeout(ctx, leaveTime/2)
		defer giveUp()
		_ = d.commit(stored) // what is not on disk then is told below
		counts := d.sinkCounts()
		l := leftOf(counts)
		if len(l.kept) == 0 {
			return
		}
		text := "Ended at once. Alerts that wait in " + d.cfg.DataDir + " and are delivered after the next start: "
		if d.cfg.DataDir == "" {
			text = "Ended at once. Alerts were lost: "
		}
		text += strings.Join(l.kept, ", ")
		if d.cfg.DataDir != "" && slices.ContainsFunc(counts, func(c deliver.Count) bool { return c.MemoryBytes > 0 }) {
			text += "; those that are not on disk are lost"
		}
		fmt.Fprintln(d.options.Stderr, text)
	}()
	<-ctx.Done()
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

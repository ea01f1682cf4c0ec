package daemon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/format"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/syscall/driver"
)

// ruleDrops is the name under which lost system call events are told.
const ruleDrops = "Falco internal: syscall event drop"

// errDrops ends the program where syscall_event_drops.actions says exit.
var errDrops = errors.New("system call events were lost, and syscall_event_drops.actions has exit")

// dropWatch decides once a second what is done about events that the driver lost.
type dropWatch struct {
	settings config.Drops
	limit    *rate.Limiter
	// last are the counters a second ago.
	last driver.Stats
	// skipped is how often nothing was done because too much was done before.
	skipped uint64
}

// look takes the counters now. It returns what was added in the last second, and whether that is to be acted on: more
// was lost than the threshold says, and the rate allows it.
func (w *dropWatch) look(cfg config.Drops, stats driver.Stats) (added driver.Stats, act bool) {
	if w.limit == nil || w.settings.Rate != cfg.Rate || w.settings.MaxBurst != cfg.MaxBurst {
		w.limit = rate.NewLimiter(rate.Limit(cfg.Rate), cfg.MaxBurst)
	}
	w.settings = cfg
	added = driver.Stats{Delivered: since(stats.Delivered, w.last.Delivered), Lost: map[driver.Loss]uint64{}}
	for reason, n := range stats.Lost {
		added.Lost[reason] = since(n, w.last.Lost[reason])
	}
	w.last = stats
	if cfg.Simulate {
		added.Lost[driver.LossBufferFull]++
	}
	lost := sumLost(added)
	if lost == 0 || float64(lost)/float64(lost+added.Delivered) <= cfg.Threshold {
		return added, false
	}
	if !w.limit.Allow() {
		w.skipped++
		return added, false
	}
	return added, true
}

// since is how much a counter grew; one that began anew grew by what it is.
func since(now, before uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

func sumLost(s driver.Stats) (sum uint64) {
	for _, n := range s.Lost {
		sum += n
	}
	return sum
}

// watchDrops acts on lost events until ctx ends.
func (d *Daemon) watchDrops(ctx context.Context, failures chan<- error) {
	w := &dropWatch{}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s, ok := d.sensorCounts()
		if !ok {
			continue
		}
		cfg := d.settings().Drops
		if added, act := w.look(cfg, s.driver); act {
			d.actOnDrops(cfg.Actions, added, w.skipped, failures)
			w.skipped = 0
		}
	}
}

func (d *Daemon) actOnDrops(actions []string, added driver.Stats, skipped uint64, failures chan<- error) {
	a := dropAlert(time.Now(), d.settings().Hostname, added)
	if slices.Contains(actions, "log") {
		d.log.Warn(a.Message, zap.Uint64("events", added.Delivered), zap.Uint64("lost", sumLost(added)), zap.Uint64("not_told_before", skipped))
	}
	if slices.Contains(actions, "alert") {
		if err := d.emit(a); err != nil {
			d.log.Error("the alert about lost system call events was not taken", zap.Error(err))
		}
	}
	if slices.Contains(actions, "exit") {
		select {
		case failures <- errDrops:
		default: // the program ends already
		}
	}
}

// dropAlert is the alert about the events that were lost in a second. Its fields are texts, as Falco's are. The
// drivers do not count lost events by class, so the fields for classes are not there.
func dropAlert(now time.Time, hostname string, added driver.Stats) *alert.Alert {
	lost := sumLost(added)
	var f fields
	for name, n := range map[string]uint64{
		"n_evts": added.Delivered, "n_drops": lost, "n_drops_buffer_total": added.Lost[driver.LossBufferFull],
		"n_drops_scratch_map": added.Lost[driver.LossScratch], "n_drops_max_event_size": added.Lost[driver.LossTooLong],
		// A page that is not there makes a value unknown and loses no event, and both drivers are eBPF.
		"n_drops_page_faults": 0, "n_drops_bug": 0, "ebpf_enabled": 1,
	} {
		f.text(name, strconv.FormatUint(n, 10))
	}
	return alert.NewInternal(now.UnixNano(), hostname, ruleDrops, rule.PriorityDebug,
		fmt.Sprintf("%s. %d system calls dropped in last second.", ruleDrops, lost), f...)
}

// fields are those of an alert that the program makes itself.
type fields []alert.Field

func (f *fields) add(name, json string) { *f = append(*f, alert.Field{Name: name, JSON: json}) }

func (f *fields) text(name, value string) { f.add(name, string(format.AppendString(nil, value))) }

func (f *fields) integer(name string, value uint64) { f.add(name, strconv.FormatUint(value, 10)) }

// decimal adds a number with one digit behind the point; one that is not known is left out.
func (f *fields) decimal(name string, value float64) {
	if !math.IsNaN(value) && !math.IsInf(value, 0) {
		f.add(name, strconv.FormatFloat(value, 'f', 1, 64))
	}
}

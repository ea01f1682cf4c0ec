package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/engine"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/format"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/syscall/driver"
)

// ruleSnapshot is the name under which the counters are told, snapshotMessage the text.
const (
	ruleSnapshot    = "Falco internal: metrics snapshot"
	snapshotMessage = "Falco metrics snapshot"
)

// minInterval is the shortest time between two snapshots.
const minInterval = 100 * time.Millisecond

// snapshots tells the counters of the program again and again, one snapshot for each event source, under Falco's names.
type snapshots struct {
	// sample counts the times.
	sample uint64
	// last is what the last snapshot of a source was made of.
	last map[string]measure
}

// measure is what is compared from one snapshot to the next.
type measure struct {
	at         time.Time
	events     uint64
	made, lost uint64
}

// present is what a snapshot is made of.
type present struct {
	now, started time.Time
	hostname     string
	reload       int64
	drops        uint64
	usage        usage
	sums         *fileSums
	sources      []string
	counts       engine.Counts
	sensor       sensorState
}

// snapshot tells the counters until ctx ends, as the settings of the moment say.
func (d *Daemon) snapshot(ctx context.Context) {
	s := &snapshots{last: map[string]measure{}}
	last := time.Now()
	for {
		cfg := d.settings().Metrics
		var due <-chan time.Time
		if cfg.Enabled {
			due = time.After(time.Until(last.Add(max(cfg.Interval, minInterval))))
		}
		select {
		case <-ctx.Done():
			return
		case <-d.ops.changed:
		case <-due:
			last = time.Now()
			d.tell(cfg, s)
		}
	}
}

// tell makes a snapshot of each source and hands it on.
func (d *Daemon) tell(cfg config.Metrics, s *snapshots) {
	p := d.present()
	s.sample++
	for _, source := range p.sources {
		f := s.fields(cfg, source, p)
		if cfg.OutputRule {
			a := alert.NewInternal(p.now.UnixNano(), p.hostname, ruleSnapshot, rule.PriorityInformational, snapshotMessage, f...)
			if err := d.emit(a); err != nil {
				d.log.Error("the metrics snapshot was not taken by the outputs", zap.Error(err))
			}
		}
		if cfg.OutputFile != "" {
			if err := appendSnapshot(cfg.OutputFile, s.sample, f); err != nil {
				d.log.Error("the metrics snapshot was not written", zap.Error(err))
			}
		}
	}
}

func (d *Daemon) present() *present {
	now := time.Now()
	p := &present{
		now: now, started: d.ops.started, hostname: d.settings().Hostname, reload: d.reloads().at, drops: dropped(d.sinkCounts()),
		usage:  readUsage(os.DirFS("/"), os.DirFS(d.settings().HostRoot), now.Sub(d.ops.started)),
		sums:   d.ops.sums.Load(),
		counts: d.pipeline.engine.Counts(),
	}
	for _, s := range d.sourceStates() {
		if s.up && !slices.Contains(p.sources, s.events) {
			p.sources = append(p.sources, s.events)
		}
	}
	p.sensor, _ = d.sensorCounts()
	return p
}

// fields are those of the snapshot of a source, sorted by name.
func (s *snapshots) fields(cfg config.Metrics, source string, p *present) fields {
	last, known := s.last[source]
	next := measure{at: p.now, events: eventsOf(p.counts, source), made: p.sensor.driver.Delivered, lost: p.sensor.lost()}
	s.last[source] = next
	seconds := p.now.Sub(last.at).Seconds()
	if !known {
		seconds = math.NaN() // there is no rate without two snapshots
	}
	f := baseFields(source, p)
	f.integer("falco.num_evts", next.events)
	f.integer("falco.num_evts_prev", last.events)
	f.decimal("falco.evts_rate_sec", float64(since(next.events, last.events))/seconds)
	g := group{fields: f, empty: cfg.IncludeEmptyValues}
	if cfg.RulesCounters {
		g.rules(p.counts)
	}
	if cfg.ResourceUtilization {
		g.usage(p.usage, cfg.ConvertMemoryToMB)
	}
	if source == event.SourceSyscall && cfg.StateCounters {
		g.integer("falco.n_threads", uint64(max(0, p.sensor.state.Threads)))
		g.integer("falco.n_drops_full_threadtable", p.sensor.state.Evicted)
	}
	if source == event.SourceSyscall && cfg.KernelEventCounters {
		g.kernel(p.sensor, last, next, seconds)
	}
	slices.SortFunc(g.fields, func(a, b alert.Field) int { return strings.Compare(a.Name, b.Name) })
	return g.fields
}

// baseFields are in every snapshot.
func baseFields(source string, p *present) (f fields) {
	f.integer("evt.time", uint64(p.now.UnixNano()))
	f.text("evt.hostname", p.hostname)
	f.text("evt.source", source)
	f.text("falco.version", Version)
	f.text("falco.kernel_release", kernelRelease())
	f.integer("falco.start_ts", uint64(p.started.UnixNano()))
	f.integer("falco.reload_ts", uint64(p.reload))
	f.integer("falco.duration_sec", uint64(p.now.Sub(p.started).Seconds()))
	f.integer("falco.outputs_queue_num_drops", p.drops)
	if !math.IsNaN(p.usage.boot) {
		f.integer("falco.host_boot_ts", uint64(p.usage.boot))
	}
	f.integer("falco.host_num_cpus", uint64(p.usage.cpus))
	f.sums("falco.sha256_rules_file.", p.sums.rules)
	f.sums("falco.sha256_config_file.", p.sums.config)
	switch source {
	case event.SourceSyscall:
		f.text("scap.engine_name", p.sensor.name)
	default:
		f.text("scap.engine_name", "webhook")
	}
	return f
}

// sums adds those of files. Of files with one name the second and later ones have a number behind it.
func (f *fields) sums(prefix string, sums []fileSum) {
	seen := map[string]int{}
	for _, sum := range sums {
		name := labelName(sum.name)
		seen[name]++
		if n := seen[name]; n > 1 {
			name = fmt.Sprintf("%s_%d", name, n)
		}
		f.text(prefix+name, sum.sum)
	}
}

// group adds the fields of the groups that metrics.* switches, without those that are zero unless empty is true.
type group struct {
	fields
	empty bool
}

func (g *group) integer(name string, value uint64) {
	if value != 0 || g.empty {
		g.fields.integer(name, value)
	}
}

func (g *group) decimal(name string, value float64) {
	if value != 0 || g.empty {
		g.fields.decimal(name, value)
	}
}

func (g *group) rules(counts engine.Counts) {
	var total uint64
	names := ruleLabels(counts.Rules)
	for i, c := range counts.Rules {
		total += c.Matches
		g.integer("falco.rules."+names[i], c.Matches)
	}
	g.integer("falco.rules.matches_total", total)
}

// ruleLabels gives the rules names of letters, digits and underscores. Of rules with one such name, in the order of
// their sources and definition, the second and later ones have a number behind it that makes another name.
func ruleLabels(rules []engine.RuleCounts) []string {
	taken, count := map[string]bool{}, map[string]int{}
	for _, r := range rules {
		taken[labelName(r.Rule.Name)] = true
	}
	names := make([]string, len(rules))
	for i, r := range rules {
		name := labelName(r.Rule.Name)
		names[i] = name
		for count[name]++; count[name] > 1; count[name]++ {
			if names[i] = fmt.Sprintf("%s_%d", name, count[name]); !taken[names[i]] {
				break
			}
		}
		taken[names[i]] = true
	}
	return names
}

func (g *group) usage(u usage, megabytes bool) {
	g.decimal("falco.cpu_usage_perc", u.cpu*100)
	g.decimal("falco.host_cpu_usage_perc", u.hostCPU*100)
	for _, m := range []struct {
		name, unit string
		bytes      float64
	}{
		{"memory_rss", "kb", u.rss}, {"memory_vsz", "kb", u.vsz}, {"memory_pss", "kb", u.pss},
		{"host_memory_used", "kb", u.hostMemory}, {"container_memory_used", "bytes", u.container},
	} {
		switch {
		case megabytes:
			g.decimal("falco."+m.name+"_mb", m.bytes/(1<<20))
		case math.IsNaN(m.bytes):
		case m.unit == "kb":
			g.integer("falco."+m.name+"_kb", uint64(m.bytes)/1024)
		default:
			g.integer("falco."+m.name+"_bytes", uint64(m.bytes))
		}
	}
	for name, n := range map[string]float64{"falco.host_procs_running": u.procsRunning, "falco.host_open_fds": u.openFiles} {
		if !math.IsNaN(n) {
			g.integer(name, uint64(n))
		}
	}
}

func (g *group) kernel(s sensorState, last, next measure, seconds float64) {
	made, lost := since(next.made, last.made), since(next.lost, last.lost)
	g.integer("scap.n_evts", next.made)
	g.integer("scap.n_evts_prev", last.made)
	g.integer("scap.n_drops", next.lost)
	g.integer("scap.n_drops_prev", last.lost)
	g.integer("scap.n_drops_scratch_map", s.driver.Lost[driver.LossScratch])
	g.integer("scap.n_drops_max_event_size", s.driver.Lost[driver.LossTooLong])
	g.decimal("scap.evts_rate_sec", float64(made)/seconds)
	g.decimal("scap.evts_drop_rate_sec", float64(lost)/seconds)
	share := 0.0
	if lost > 0 {
		share = 100 * float64(lost) / float64(made+lost)
	}
	g.fields.decimal("scap.n_drops_perc", share)
}

// eventsOf is how many events of a source were taken in.
func eventsOf(counts engine.Counts, source string) (sum uint64) {
	for _, c := range counts.Sources {
		if c.Source == source {
			sum = c.Evaluated
			for _, n := range c.NotEvaluated {
				sum += n
			}
		}
	}
	return sum
}

// appendSnapshot appends a snapshot as a JSON line to a file, which is opened each time, so that it may be renamed.
func appendSnapshot(name string, sample uint64, list fields) error {
	line := fmt.Appendf(nil, `{"sample":%d,"output_fields":{`, sample)
	for i, f := range list {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(append(format.AppendString(line, f.Name), ':'), f.JSON...)
	}
	line = append(line, "}}\n"...)
	file, err := openSnapshots(name)
	if err != nil {
		return err
	}
	if _, err := file.Write(line); err != nil {
		return fmt.Errorf("write metrics.output_file: %w", errors.Join(err, file.Close()))
	}
	return file.Close()
}

// openSnapshots opens metrics.output_file to append to it. Links are not followed: whoever may make one would choose
// the file that is written to.
func openSnapshots(name string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Clean(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0o600)
	switch {
	case errors.Is(err, unix.ELOOP):
		return nil, fmt.Errorf("metrics.output_file: %s is a symbolic link, which is not followed; give the path of the file itself", name)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("metrics.output_file: %w; make its directory", err)
	case err != nil:
		return nil, fmt.Errorf("metrics.output_file: %w", err)
	}
	return file, nil
}

// checkSnapshots tells whether snapshots can be written where the configuration says; those that go nowhere are worth a
// warning.
func checkSnapshots(cfg *config.Metrics, log *zap.Logger) error {
	switch {
	case !cfg.Enabled:
		return nil
	case cfg.OutputFile != "":
		file, err := openSnapshots(cfg.OutputFile)
		if err != nil {
			return err
		}
		return file.Close()
	case !cfg.OutputRule:
		log.Warn("metrics.enabled is true, but the snapshots go nowhere: set metrics.output_rule to true, or metrics.output_file")
	}
	return nil
}

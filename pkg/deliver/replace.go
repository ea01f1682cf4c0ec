package deliver

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"regexp"
	"time"

	"github.com/saker-security/saker/pkg/deliver/queue"
)

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// Replace changes the sinks. Those whose Config and Settings are equal to what they were stay as they are, others are
// opened anew on the same queue. When one cannot be opened, nothing changes. The queue of a sink that is not there any
// more stays on disk and is reported.
func (o *Outputs) Replace(outputs []Output) error {
	o.change.Lock()
	defer o.change.Unlock()
	if err := checkNames(outputs); err != nil {
		return err
	}
	o.mu.Lock()
	old, closed := o.list, o.closed
	o.mu.Unlock()
	if closed {
		return ErrClosed
	}
	p := &plan{options: &o.options}
	for i := range outputs {
		if err := p.add(&outputs[i], find(old, outputs[i].Name)); err != nil {
			p.undo()
			return err
		}
	}
	o.mu.Lock()
	o.list = p.apply()
	o.mu.Unlock()
	for _, s := range p.steps {
		if s.sink != nil {
			s.out.dead.Limit(s.in.Settings.DeadBytes) // may wait for the disk
		}
		if n := s.out.queue.Stats().Recovered; s.new && n > 0 {
			s.out.tell(Report{Text: fmt.Sprintf("%d alerts of an earlier run wait", n), Alerts: int(n)})
		}
	}
	var removed []*output
	for _, out := range old {
		if find(p.list(), out.name) == nil {
			out.crew.stop()
			removed = append(removed, out)
		}
	}
	for _, out := range removed {
		o.remove(out)
	}
	return nil
}

func checkNames(outputs []Output) error {
	seen := make(map[string]bool)
	for i := range outputs {
		name := outputs[i].Name
		if !validName.MatchString(name) {
			return fmt.Errorf("%q cannot be the name of a sink: it has lower-case letters, digits, '_' and '-'", name)
		}
		if seen[name] {
			return fmt.Errorf("two sinks have the name %s", name)
		}
		seen[name] = true
	}
	return nil
}

func find(list []*output, name string) *output {
	for _, out := range list {
		if out.name == name {
			return out
		}
	}
	return nil
}

// plan is what Replace will do, with everything opened that can fail.
type plan struct {
	options *Options
	steps   []step
}

// step is what becomes of one sink.
type step struct {
	out  *output
	in   *Output
	sink Sink // nil if the sink stays as it is
	new  bool // out was opened for this
}

// add opens what the sink needs. old is the sink of that name, if there is one.
func (p *plan) add(in *Output, old *output) error {
	s := step{out: old, in: in, new: old == nil}
	if old != nil && reflect.DeepEqual(old.settings, in.Settings) && reflect.DeepEqual(old.config, in.Config) {
		p.steps = append(p.steps, s)
		return nil
	}
	var err error
	if s.sink, err = openSink(in.Open); err != nil {
		return fmt.Errorf("sink %s: %w", in.Name, err)
	}
	if s.new {
		if s.out, err = openOutput(p.options, in); err != nil {
			_ = protect(s.sink.Close)
			return advised(err)
		}
	}
	p.steps = append(p.steps, s)
	return nil
}

// undo closes what was opened.
func (p *plan) undo() {
	for _, s := range p.steps {
		if s.sink != nil {
			_ = protect(s.sink.Close)
		}
		if s.new {
			_ = s.out.queue.Close() // nothing was put in
			_ = s.out.dead.Close()
		}
	}
}

// apply has every sink work as planned. Nothing of it can fail or takes long.
func (p *plan) apply() []*output {
	for _, s := range p.steps {
		if s.sink == nil {
			continue
		}
		next := newCrew(s.out, s.in.Settings, s.in.Open, s.sink)
		var after <-chan struct{}
		if !s.new {
			s.out.crew.stop()
			after = s.out.crew.done
			s.out.queue.Configure(s.in.Settings.Queue)
		}
		s.out.settings, s.out.config, s.out.crew = s.in.Settings, s.in.Config, next
		next.start(after)
	}
	return p.list()
}

func (p *plan) list() []*output {
	list := make([]*output, len(p.steps))
	for i, s := range p.steps {
		list[i] = s.out
	}
	return list
}

// remove ends a sink that is not configured any more. Its crew was told to stop.
func (o *Outputs) remove(out *output) {
	<-out.crew.done
	waiting := out.waiting()
	if err := out.close(); err != nil {
		out.tell(Report{Text: "the queue of the removed sink could not be closed", Err: err, Warning: true})
	}
	switch {
	case waiting == 0:
	case o.options.Dir == "":
		out.tell(Report{Text: "the sink was removed with alerts in memory, which are lost", Alerts: waiting, Warning: true})
	default:
		out.tell(leftReport(o.options.Dir, out.name, waiting))
	}
}

// closeGrace is how long a sink may take to close.
const closeGrace = 5 * time.Second

// close ends the sink whose crew was told to stop.
func (o *output) close() error {
	<-o.crew.done
	closed := make(chan struct{})
	go func() {
		o.closing.Wait()
		close(closed)
	}()
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
	select {
	case <-closed:
	case <-grace.C:
		o.tell(Report{Text: "the sink does not close and is left open", Warning: true})
	}
	err := o.queue.Close()
	if deadErr := o.dead.Close(); err == nil {
		err = deadErr
	}
	if err != nil {
		return fmt.Errorf("sink %s: %w", o.name, err)
	}
	return nil
}

// reportLeft reports the queues on disk whose sink is not configured.
func (o *Outputs) reportLeft() {
	if o.options.Dir == "" || o.options.Report == nil {
		return
	}
	entries, err := o.options.FS.ReadDir(sinkDir(o.options.Dir, ""))
	if err != nil {
		o.options.Report(Report{Text: "cannot look for queues of sinks that are not configured", Err: shown(err), Warning: true})
		return
	}
	list := o.outputs()
	for _, e := range entries {
		if !e.IsDir() || find(list, e.Name()) != nil {
			continue
		}
		n := 0
		err := queue.Scan(o.options.FS, queueDir(o.options.Dir, e.Name()), func(queue.Record) bool { n++; return true })
		if n == 0 && (err == nil || errors.Is(err, fs.ErrNotExist)) {
			continue // something of another origin, or empty
		}
		r := leftReport(o.options.Dir, e.Name(), n)
		if r.Err = shown(err); n == 0 {
			r.Text = fmt.Sprintf("the queue in %s cannot be read, of a sink that is not configured", sinkDir(o.options.Dir, r.Sink))
		}
		o.options.Report(r)
	}
}

// leftReport says that alerts wait for a sink that is not there.
func leftReport(dir, name string, n int) Report {
	return Report{
		Sink: ErrorText(shownError(name)), Alerts: n, Warning: true,
		Text: fmt.Sprintf("%d alerts of sink %s wait in %s: the sink is not configured any more; configure it again to deliver them, or remove the directory",
			n, name, sinkDir(dir, name)),
	}
}

package deliver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/disk"
)

// sinksName is the directory in the data directory that holds one directory for each sink.
const sinksName = "sinks"

// Output is a sink as it is configured.
type Output struct {
	// Name is unique: lower-case letters, digits, '_' and '-'. Queue and dead letters lie under it.
	Name     string
	Settings Settings
	// Config is compared with reflect.DeepEqual by Replace: a sink whose Config and Settings are equal stays as it is.
	Config any
	// Open opens the sink. It is also called when the sink panicked or hangs, while the old one may still be open, and
	// by Replace. It does not wait for the place where alerts go to be there.
	Open func() (Sink, error)
}

// Options are those of all sinks.
type Options struct {
	// Dir is the data directory, "" to keep everything in memory. One process at a time uses it.
	Dir string
	// FS is the file system of the queues and the dead letters, nil that of the machine.
	FS disk.FS
	// Report, if not nil, is told what an operator should see in the log. It is called by several goroutines and should
	// not block. Reports are few: of a sink that fails for days
	// there is one every ten minutes, and one when the cause changes, at most once a minute.
	Report func(Report)

	held func() error // says why the data directory must not be written to
}

// Report is something that an operator should know.
type Report struct {
	// Sink is the name of the sink, Text what happened, for people.
	Sink, Text string
	// Err is the cause, or nil. Its text is that of ErrorText.
	Err error
	// Alerts is how many alerts it is about, or 0.
	Alerts int
	// Warning says that something should be done.
	Warning bool
}

// ErrClosed is the error of Outputs that are used after Close.
var ErrClosed = errors.New("the outputs are closed")

// Outputs deliver alerts to all sinks. They are safe for concurrent use.
type Outputs struct {
	options Options
	lock    *lock // nil without one
	watch   watch

	change sync.Mutex // held while sinks come and go, before mu

	mu     sync.Mutex
	list   []*output
	closed bool
}

// Open takes the data directory, opens every queue and every sink, and starts to deliver what was left in the queues.
// Queues of sinks that are not configured any more are reported.
func Open(o Options, outputs []Output) (*Outputs, error) {
	if o.FS == nil {
		o.FS = disk.OS
	}
	os := &Outputs{options: o}
	if err := os.takeDir(); err != nil {
		return nil, err
	}
	if err := os.Replace(outputs); err != nil {
		if os.lock != nil {
			_ = os.lock.Close()
		}
		return nil, err
	}
	os.reportLeft()
	os.watch.start(os)
	return os, nil
}

// takeDir makes the data directory and takes its lock. Only the file system of the machine has other processes.
func (o *Outputs) takeDir() error {
	if o.options.Dir == "" {
		return nil
	}
	if err := o.options.FS.MkdirAll(filepath.Join(o.options.Dir, sinksName), 0o700); err != nil {
		return advised(fmt.Errorf("make the data directory: %w", err))
	}
	if o.options.FS != disk.OS {
		return nil
	}
	file, err := takeLock(o.options.Dir)
	if err != nil {
		return err
	}
	o.lock = &lock{dir: o.options.Dir, file: file}
	o.options.held = o.lock.check
	if text := openToOthers(o.options.Dir); text != "" && o.options.Report != nil {
		o.options.Report(Report{Text: text, Warning: true})
	}
	return nil
}

// Deliver puts the alerts of one event into the queue of each sink that their priority lets them through to, and does
// not wait for any sink or disk. Commit says when they are there for good. With ErrFull, a queue that does not drop has
// no room for those that are for it; then no queue got any of them, and none is counted: wait with Room and try again.
// In the first minutes an alert that an earlier process put into the queue of a sink is suppressed there.
func (o *Outputs) Deliver(alerts ...*alert.Alert) error { return o.deliver(alerts, false) }

// DeliverAnew is Deliver for the alerts of an event that is read again on purpose: those that an earlier process had are
// taken as well.
func (o *Outputs) DeliverAnew(alerts ...*alert.Alert) error { return o.deliver(alerts, true) }

func (o *Outputs) deliver(alerts []*alert.Alert, anew bool) error {
	encoded := make([][]byte, len(alerts))
	for i, a := range alerts {
		encoded[i] = encode(a)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return ErrClosed
	}
	o.expire()
	for i, out := range o.list {
		if err := out.admit(alerts, encoded, anew); err != nil {
			for _, admitted := range o.list[:i] {
				admitted.queue.Revoke()
			}
			return err
		}
	}
	for _, out := range o.list {
		for i, a := range alerts {
			if err := out.offer(a, encoded[i], anew); err != nil {
				return err
			}
		}
		out.queue.Revoke()
	}
	return nil
}

// expire has the sinks forget what they recall when its time is over, between two calls of Deliver. o.mu is held.
func (o *Outputs) expire() {
	for _, out := range o.list {
		out.recall.expire()
	}
}

// encode gives the form on disk, which the queues share, in memory of about its size.
func encode(a *alert.Alert) []byte {
	const lengths = 3 // bytes of most lengths
	size := 64 + len(a.ID) + len(a.Rule) + len(a.Source) + len(a.Hostname) + len(a.Message)
	for _, t := range a.Tags {
		size += len(t) + lengths
	}
	for _, f := range a.Fields {
		size += len(f.Name) + len(f.JSON) + 2*lengths
	}
	return a.Append(make([]byte, 0, size))
}

// Commit waits until everything that was delivered before is on stable storage. The error says why that is not so;
// without a data directory there is none. When the context ends first, its error is returned.
func (o *Outputs) Commit(ctx context.Context) error {
	if err := o.lock.hold(); err != nil {
		return err
	}
	return o.each(func(out *output) error { return out.queue.Commit(ctx) })
}

// Room waits until no queue is full that does not drop.
func (o *Outputs) Room(ctx context.Context) error {
	return o.each(func(out *output) error { return out.queue.Room(ctx) })
}

// each calls f for every sink at once and joins the errors.
func (o *Outputs) each(f func(*output) error) error {
	list := o.outputs()
	errs := make([]error, len(list))
	call := func(i int) {
		if err := f(list[i]); err != nil {
			errs[i] = fmt.Errorf("sink %s: %w", list[i].name, err)
		}
	}
	var all sync.WaitGroup
	for i := 1; i < len(list); i++ {
		all.Go(func() { call(i) })
	}
	if len(list) > 0 {
		call(0)
	}
	all.Wait()
	return errors.Join(errs...)
}

// outputs gives the sinks that are there now.
func (o *Outputs) outputs() []*output {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.list // it is replaced, never changed
}

// Reopen has each sink open anew what it writes to, as log rotation asks for. The error names those that could not.
func (o *Outputs) Reopen() error {
	return o.each(func(out *output) error {
		return o.crewOf(out).sender.reopen()
	})
}

func (o *Outputs) crewOf(out *output) *crew {
	o.mu.Lock()
	defer o.mu.Unlock()
	return out.crew
}

// Counts says what became of the alerts of each sink, in the order of the configuration. Each Count is exact in itself
// also while alerts are on their way.
func (o *Outputs) Counts() []Count {
	o.mu.Lock()
	list, crews := o.list, make([]*crew, len(o.list))
	for i, out := range list {
		crews[i] = out.crew
	}
	o.mu.Unlock() // those who deliver do not wait for the disk of the dead letters
	counts, held := make([]Count, len(list)), o.lock.hold()
	for i, out := range list {
		counts[i] = out.count()
		if held != nil {
			counts[i].Durable, counts[i].DiskError = false, ErrorText(held)
		}
		counts[i].Full = out.queue.Full()
		counts[i].Open = crews[i].breaker.isOpen()
	}
	return counts
}

// Drain waits until every queue is empty. When the context ends before that, the error says for each sink how many
// alerts wait. Nothing new should be delivered meanwhile.
func (o *Outputs) Drain(ctx context.Context) error {
	err := o.each(func(out *output) error { return out.queue.Idle(ctx) })
	if ctx.Err() == nil {
		return err
	}
	var left []error
	for _, c := range o.Counts() {
		if c.Queued > 0 {
			left = append(left, fmt.Errorf("sink %s: %d alerts wait%s", c.Sink, c.Queued, o.place(&c)))
		}
	}
	return errors.Join(left...)
}

// place says where the alerts of a sink wait and why.
func (o *Outputs) place(c *Count) string {
	text := " in memory"
	if o.options.Dir != "" {
		text = " in " + sinkDir(o.options.Dir, c.Sink)
	}
	if c.Failing != "" {
		text += " (" + c.Failing + ")"
	}
	return text
}

// endGrace is how long a running Send may go on in Close. Whoever wants to give it longer calls Drain before.
const endGrace = time.Second / 2

// Close stops delivering. What a sink is just taking has a short while, a sink that hangs a little longer; everything
// else stays in the queues and is there at the next start.
func (o *Outputs) Close() error {
	o.change.Lock()
	defer o.change.Unlock()
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return nil
	}
	o.closed = true
	list := o.list
	o.mu.Unlock()
	o.watch.stop()
	errs := make([]error, 0, len(list))
	for _, out := range list {
		out.crew.stop()
	}
	hurry := time.AfterFunc(endGrace, func() {
		for _, out := range list {
			out.crew.cancel()
		}
	})
	defer hurry.Stop()
	for _, out := range list {
		errs = append(errs, out.close())
	}
	if o.lock != nil {
		errs = append(errs, o.lock.Close())
	}
	return errors.Join(errs...)
}

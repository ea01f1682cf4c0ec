package deliver

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"sync"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/dead"
	"github.com/saker-security/saker/pkg/deliver/queue"
)

// output is one sink with its queue, its dead letters, and the crew that takes alerts from the one to the other.
type output struct {
	name   string
	report func(Report)
	queue  *queue.Queue
	dead   *dead.Store
	// burying is held while letters are moved to the dead letters or from there: one that is replayed and refused again
	// at once must not be put there before the old one is removed.
	burying sync.Mutex
	health  health
	recall  *recall
	// closing waits for the instances of the sink that are not closed yet.
	closing sync.WaitGroup

	// What follows changes with the lock of Outputs.
	settings Settings
	config   any
	crew     *crew

	// mu holds together what changes in the queue and in the account, so that a look at both is exact.
	mu        sync.Mutex
	account   account
	instances map[*instance]struct{}

	damage damageTold
}

// openOutput opens the queue and the dead letters.
func openOutput(o *Options, in *Output) (*output, error) {
	out := &output{
		name: in.Name, report: o.Report, settings: in.Settings, config: in.Config,
		instances: make(map[*instance]struct{}),
		account:   account{dropped: make(map[string]uint64), suppressed: map[string]uint64{belowPriority: 0, Repeated: 0}},
	}
	out.recall = openRecall(o, in.Name, out.tell)
	options := queue.Options{FS: o.FS, Dir: queueDir(o.Dir, in.Name), Settings: in.Settings.Queue, Held: o.held}
	if out.recall != nil {
		options.Retired, options.RetiredAge, options.Passed = out.recall.retired, recallTime, out.recall.passed
	}
	var err error
	if out.queue, err = queue.Open(options); err != nil {
		return nil, fmt.Errorf("sink %s: %w", in.Name, err)
	}
	if !out.queue.Settled() {
		out.recall.forget() // rather twice than lost
	}
	if out.dead, err = dead.Open(o.FS, deadDir(o.Dir, in.Name), in.Settings.DeadBytes); err != nil {
		return nil, errors.Join(fmt.Errorf("sink %s: %w", in.Name, err), out.queue.Close())
	}
	out.dead.Guard(o.held)
	out.tellDamage()
	return out, nil
}

// The directories of a sink; those of its queue and its dead letters are "" without a data directory.
func sinkDir(dir, name string) string { return filepath.Join(dir, sinksName, name) }

func queueDir(dir, name string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(sinkDir(dir, name), "queue")
}

func deadDir(dir, name string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(sinkDir(dir, name), "dead")
}

// tell reports something of this sink.
func (o *output) tell(r Report) {
	if o.report == nil {
		return
	}
	r.Sink, r.Err = o.name, shown(r.Err)
	o.report(r)
}

// hold keeps account of an opened sink until it is closed.
func (o *output) hold(s Sink) *instance {
	i := &instance{Sink: s, out: o}
	o.closing.Add(1)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.instances[i] = struct{}{}
	return i
}

// wants says whether the priority of the alert lets it through to the sink.
func (o *output) wants(a *alert.Alert) bool { return a.Priority <= o.settings.MinPriority }

// blocks says whether the queue drops nothing when it is full.
func (o *output) blocks() bool { return o.settings.Queue.Policy == queue.Block }

// takes says whether an alert is for the queue, or else the reason for which it is not. One that is made anew is for it
// also when an earlier process had it.
func (o *output) takes(a *alert.Alert, anew bool) (suppressed string) {
	switch {
	case !o.wants(a):
		return belowPriority
	case !anew && o.recall.knows(a.ID):
		return Repeated
	}
	return ""
}

// admit has the queue keep room for those of the alerts that are for it. It may refuse only if it drops nothing.
func (o *output) admit(alerts []*alert.Alert, encoded [][]byte, anew bool) error {
	if !o.blocks() {
		return nil
	}
	lengths := make([]int, 0, 8)
	for i, a := range alerts {
		if o.takes(a, anew) == "" {
			lengths = append(lengths, len(encoded[i]))
		}
	}
	if len(lengths) > 0 && (o.queue.Full() || !o.queue.Grant(lengths...)) {
		return fmt.Errorf("sink %s: %w", o.name, ErrFull)
	}
	return nil
}

// offer puts an alert into the queue if it is for it.
func (o *output) offer(a *alert.Alert, encoded []byte, anew bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if reason := o.takes(a, anew); reason != "" {
		o.account.matched++
		o.account.suppressed[reason]++
		return nil
	}
	return o.put(a, encoded, &o.account.matched)
}

// put appends an alert to the queue and counts it. o.mu is held.
func (o *output) put(a *alert.Alert, encoded []byte, count *uint64) error {
	switch err := o.queue.Append(uint8(a.Priority), encoded); {
	case err == nil, errors.Is(err, queue.ErrTooLarge): // which the queue counts as dropped
		*count++
		return nil
	case errors.Is(err, queue.ErrFull):
		return fmt.Errorf("sink %s: %w", o.name, ErrFull)
	default:
		return fmt.Errorf("sink %s: %w", o.name, err)
	}
}

// count takes a look at the queue and the account at once.
func (o *output) count() Count {
	stored := o.dead.Stats()
	o.mu.Lock()
	defer o.mu.Unlock()
	q, a := o.queue.Stats(), &o.account
	c := Count{
		Sink: o.name, Matched: a.matched, Recovered: q.Recovered, Replayed: a.replayed,
		Suppressed: maps.Clone(a.suppressed),
		Delivered:  a.delivered, Queued: q.Records, Dead: a.dead, Dropped: make(map[string]uint64),
		Failures: a.failures, Retries: a.retries, Duplicates: a.duplicates, Panics: a.panics, Abandoned: a.abandoned,
		Fallbacks:  a.fallbacks,
		QueueBytes: q.Bytes, MemoryBytes: q.Pending, Oldest: q.Oldest, Durable: q.Durable,
		DamagedBytes: q.DamagedBytes, DiskError: ErrorText(q.Err),
		DeadStored: stored.Count, DeadBytes: stored.Bytes, DeadDropped: stored.Dropped,
		DeadDiscarded: stored.Discarded, DeadDamaged: stored.Damaged, DeadCutBytes: stored.CutBytes,
	}
	for _, reason := range dropReasons {
		c.Dropped[reason] = 0
	}
	for i := range o.instances {
		c.Fallbacks += i.fallbacks()
	}
	for _, dropped := range []map[string]uint64{q.Dropped, a.dropped} {
		for reason, n := range dropped {
			c.Dropped[reason] += n
		}
	}
	c.Failing = o.health.failing()
	return c
}

// settle takes alerts out of the queue and counts what became of them.
func (o *output) settle(letters []letter, count func(a *account, n uint64)) {
	if len(letters) == 0 {
		return
	}
	seqs := seqsOf(letters)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue.Ack(seqs...)
	count(&o.account, uint64(len(letters)))
}

// note changes the account where the queue does not change.
func (o *output) note(change func(a *account)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(&o.account)
}

// abandoned counts a Send that did not return, late the alerts that it delivered after all.
func (o *output) abandoned()    { o.note(func(a *account) { a.abandoned++ }) }
func (o *output) late(done int) { o.note(func(a *account) { a.duplicates += uint64(done) }) }

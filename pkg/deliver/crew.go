package deliver

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/queue"
)

const (
	// batchBytes bounds what one worker takes from its queue at once.
	batchBytes = 4 << 20
	// stopGrace is how long a running Send may go on when its crew stops, before its context ends.
	stopGrace = 2 * time.Second
	// queuePause is the pause after a queue that could not be read.
	queuePause = time.Second
)

// crew are the workers of a sink, from one configuration of it to the next.
type crew struct {
	out      *output
	settings Settings
	sender   *sender
	breaker  *breaker
	limiter  *rate.Limiter // nil for no limit
	graves   graves

	// stopping ends when the crew shall stop, cancelled a little later, done when no worker is left.
	stopping, cancelled context.Context
	stop, cancel        context.CancelFunc
	done                chan struct{}
}

// newCrew makes the crew of a sink. The sink, which may be nil, was opened by open.
func newCrew(out *output, s Settings, open func() (Sink, error), sink Sink) *crew {
	c := &crew{
		out: out, settings: s, sender: newSender(out, open, max(s.Workers, 1)),
		breaker: newBreaker(s.BreakerFailures, s.BreakerPause), done: make(chan struct{}),
	}
	c.settings.Batch = max(s.Batch, 1)
	if s.Rate > 0 {
		burst := s.Burst
		if burst <= 0 {
			burst = int(min(max(math.Ceil(s.Rate), 1), math.MaxInt32))
		}
		c.limiter = rate.NewLimiter(rate.Limit(s.Rate), burst)
	}
	c.stopping, c.stop = context.WithCancel(context.Background())
	c.cancelled, c.cancel = context.WithCancel(context.Background())
	if sink != nil {
		c.sender.current = out.hold(sink)
	}
	return c
}

// start has the workers begin once the channel is closed; nil is closed.
func (c *crew) start(after <-chan struct{}) {
	go func() {
		defer close(c.done)
		if after != nil {
			<-after
		}
		grace := context.AfterFunc(c.stopping, func() {
			timer := time.AfterFunc(stopGrace, c.cancel)
			context.AfterFunc(c.cancelled, func() { timer.Stop() })
		})
		defer grace()
		var workers sync.WaitGroup
		for range max(c.settings.Workers, 1) {
			workers.Go(c.work)
		}
		workers.Wait()
		c.out.queue.Release(seqsOf(c.graves.leave())...)
		c.sender.retire()
		c.cancel()
	}()
}

// letter is an alert on its way.
type letter struct {
	queue.Record
	alert *alert.Alert
}

func seqsOf(letters []letter) []uint64 {
	seqs := make([]uint64, len(letters))
	for i := range letters {
		seqs[i] = letters[i].Seq
	}
	return seqs
}

// work is a worker.
func (c *crew) work() {
	for c.stopping.Err() == nil {
		c.fillGraves()
		letters, err := c.take()
		if len(letters) > 0 {
			c.deliver(letters)
		}
		switch {
		case err == nil:
		case errors.Is(err, queue.ErrClosed):
			return
		default:
			c.out.failed(err, false, 0)
			_ = pause(c.stopping, queuePause)
		}
	}
}

// take leases a batch: what is there when the first alert is, and what comes until Linger is over or the batch is
// full. The error is nil also when the crew stops.
func (c *crew) take() ([]letter, error) {
	ctx, cancel := c.graves.wake(c.stopping)
	defer cancel()
	records, err := c.out.queue.Next(ctx, c.settings.Batch, batchBytes)
	if missing := c.settings.Batch - len(records); err == nil && missing > 0 && c.settings.Linger > 0 {
		records, err = c.linger(records)
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil
	}
	return c.decode(records), err
}

// linger adds to a batch until it is full or Linger is over.
func (c *crew) linger(records []queue.Record) ([]queue.Record, error) {
	ctx, cancel := context.WithTimeout(c.stopping, c.settings.Linger)
	defer cancel()
	size := 0
	for _, r := range records {
		size += len(r.Payload)
	}
	for len(records) < c.settings.Batch && size < batchBytes {
		more, err := c.out.queue.Next(ctx, c.settings.Batch-len(records), batchBytes-size)
		if err != nil {
			if ctx.Err() != nil {
				err = nil
			}
			return records, err
		}
		for _, r := range more {
			size += len(r.Payload)
		}
		records = append(records, more...)
	}
	return records, nil
}

// decode gives the alerts of the records. Records that are no alerts are dropped.
func (c *crew) decode(records []queue.Record) []letter {
	var bad []letter
	letters := make([]letter, 0, len(records))
	for _, r := range records {
		a, err := alert.Decode(r.Payload)
		if err != nil {
			bad = append(bad, letter{Record: r})
			continue
		}
		letters = append(letters, letter{r, a})
	}
	c.out.settle(bad, func(a *account, n uint64) { a.dropped[queue.Damaged] += n })
	return letters
}

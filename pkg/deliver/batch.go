package deliver

import (
	"errors"
	"time"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/queue"
)

const (
	// maxPanics is how often a batch may make its sink panic before it is taken for refused.
	maxPanics = 3
	// panicPause bounds the pause after a panic.
	panicPause = time.Second
)

// batch is what is sent at once.
type batch struct {
	letters []letter
	// tries is how often the first of the letters was sent, failures how often in a row that failed.
	tries, failures, panics int
	// pause is how long the batch waits before it is sent again.
	pause time.Duration
}

// deliver sends the letters until each is delivered, dead or dropped. When the crew stops, the queue gets the rest back.
func (c *crew) deliver(letters []letter) {
	todo := []*batch{{letters: letters}} // the last one is next
	for len(todo) > 0 {
		b := todo[len(todo)-1]
		if c.breaker.rest(c.stopping, b.pause) != nil {
			break
		}
		c.dropExpired(b)
		if len(b.letters) == 0 {
			todo = todo[:len(todo)-1]
			continue
		}
		if c.pass(len(b.letters)) != nil {
			break
		}
		err := c.send(b)
		if err != nil && c.cancelled.Err() != nil {
			c.breaker.leave()
			c.delivered(b, judge(err, len(b.letters)).done)
			break
		}
		todo = append(todo[:len(todo)-1], c.settle(b, err)...)
	}
	for _, b := range todo {
		c.out.queue.Release(seqsOf(b.letters)...)
	}
}

// pass waits until so many alerts may be sent.
func (c *crew) pass(alerts int) error {
	for left := alerts; c.limiter != nil && left > 0; {
		n := min(left, c.limiter.Burst())
		if err := c.limiter.WaitN(c.stopping, n); err != nil {
			return err
		}
		left -= n
	}
	return c.breaker.enter(c.stopping)
}

// send sends the batch.
func (c *crew) send(b *batch) error {
	// The sink may keep the slice when its Send is abandoned, so it is a new one each time.
	alerts := make([]*alert.Alert, len(b.letters))
	for i := range alerts {
		alerts[i] = b.letters[i].alert
	}
	if b.tries > 0 {
		c.out.note(func(a *account) { a.retries += uint64(len(alerts)) })
	}
	b.tries++
	return c.sender.send(c.cancelled, c.settings.Timeout, alerts)
}

// settle does with the batch what the error of Send says. It returns what is to be sent, the last first.
func (c *crew) settle(b *batch, err error) []*batch {
	v := judge(err, len(b.letters))
	c.delivered(b, v.done)
	if err == nil || len(b.letters) == 0 {
		c.breaker.worked()
		return nil
	}
	if v.refused > 0 {
		c.breaker.worked()
		return c.refused(b, v.refused, err)
	}
	return c.failed(b, v.later, err)
}

// delivered counts the first n letters of the batch as delivered.
func (c *crew) delivered(b *batch, n int) {
	if n == 0 {
		return
	}
	c.out.settle(b.letters[:n], func(a *account, n uint64) { a.delivered += n })
	c.out.worked()
	*b = batch{letters: b.letters[n:], tries: 1}
}

// refused gives up the first letter of the batch, or has its halves sent when it is not known which letter is bad.
func (c *crew) refused(b *batch, n int, err error) []*batch {
	if n > 1 {
		half := n / 2
		return []*batch{{letters: b.letters[half:], tries: b.tries}, {letters: b.letters[:half], tries: b.tries}}
	}
	c.bury(b.letters[:1], b.tries, err)
	if len(b.letters) == 1 {
		return nil
	}
	return []*batch{{letters: b.letters[1:]}}
}

// failed has the batch sent again after a pause, or gives it up. asked is the pause that the sink asked for, negative
// if it did not.
func (c *crew) failed(b *batch, asked time.Duration, err error) []*batch {
	b.failures++
	b.pause = backoff(&c.settings, b.failures)
	opened := false
	_, panicked := errors.AsType[*panicError](err)
	switch {
	case asked >= 0:
		b.pause = max(b.pause, asked)
		c.breaker.postpone(asked)
	default:
		opened = c.breaker.failed()
	}
	c.out.note(func(a *account) {
		a.failures++
		if panicked {
			a.panics++
		}
	})
	c.out.failed(err, opened, c.settings.BreakerPause)
	if panicked {
		b.panics++
		b.pause = min(b.pause, panicPause)
		if b.panics >= maxPanics {
			return c.refused(b, len(b.letters), err)
		}
	}
	if c.settings.Attempts > 0 && b.tries >= c.settings.Attempts {
		c.bury(b.letters, b.tries, err)
		return nil
	}
	return []*batch{b}
}

// dropExpired drops the letters that waited for too long.
func (c *crew) dropExpired(b *batch) {
	age := c.settings.Queue.MaxAge
	if age <= 0 {
		return
	}
	oldest := time.Now().Add(-age).UnixNano()
	fresh := make([]letter, 0, len(b.letters))
	var expired []letter
	for _, l := range b.letters {
		if l.Time < oldest {
			expired = append(expired, l)
		} else {
			fresh = append(fresh, l)
		}
	}
	if len(expired) > 0 {
		c.out.settle(expired, func(a *account, n uint64) { a.dropped[queue.Expired] += n })
		b.letters = fresh
	}
}

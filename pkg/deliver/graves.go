package deliver

import (
	"context"
	"sync"
	"time"

	"github.com/saker-security/saker/pkg/deliver/dead"
)

// maxGraves is how many letters may wait to be put with the dead letters before their sink stands still.
const maxGraves = 1000

// gravePause is the pause before the disk is tried again.
const gravePause = time.Second

// grave is a letter that was given up. It stays in the queue until it is with the dead letters on disk: a disk that
// fails loses no refused alert, and a refused alert does not hold up the others while the disk fails.
type grave struct {
	letter letter
	entry  dead.Entry
}

// graves are the letters that are not with the dead letters yet.
type graves struct {
	mu      sync.Mutex
	waiting []grave
	next    time.Time // not before this they are tried again
	notice  notice
}

// bury moves letters to the dead letters.
func (c *crew) bury(letters []letter, tries int, cause error) {
	reason, now := ErrorText(cause), time.Now().UnixNano()
	graves := make([]grave, len(letters))
	for i, l := range letters {
		graves[i] = grave{l, dead.Entry{ID: l.alert.ID, Alert: l.alert, Reason: reason, Attempts: tries, Time: now}}
	}
	if n := c.out.health.refused(cause, len(letters)); n > 0 {
		c.out.tell(Report{Text: "alerts were given up and are kept as dead letters", Err: cause, Alerts: n, Warning: true})
	}
	c.graves.add(graves)
	c.fillGraves()
	for c.graves.full() && pause(c.stopping, gravePause) == nil {
		c.fillGraves()
	}
}

// fillGraves tries to move what waits to the dead letters.
func (c *crew) fillGraves() {
	graves := c.graves.due()
	if len(graves) == 0 {
		return
	}
	entries, letters := make([]dead.Entry, len(graves)), make([]letter, len(graves))
	for i, g := range graves {
		entries[i], letters[i] = g.entry, g.letter
	}
	c.out.burying.Lock()
	err := c.out.dead.Add(entries...)
	c.out.burying.Unlock()
	if err != nil {
		if n := c.graves.failed(graves); n > 0 {
			c.out.tell(Report{Text: "alerts that were given up stay in the queue, since dead letters cannot be kept", Err: err, Alerts: n, Warning: true})
		}
		return
	}
	c.out.settle(letters, func(a *account, n uint64) { a.dead += n })
}

func (g *graves) add(more []grave) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, more...)
}

func (g *graves) full() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting) >= maxGraves
}

// due takes what waits if it is time to try it.
func (g *graves) due() []grave {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Now().Before(g.next) {
		return nil
	}
	waiting := g.waiting
	g.waiting = nil
	return waiting
}

// failed takes back what could not be moved, and gives the number of letters to report.
func (g *graves) failed(back []grave) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next = time.Now().Add(gravePause)
	g.waiting = append(back, g.waiting...)
	return g.notice.add(len(back))
}

// leave takes what waits, when nobody tries any more.
func (g *graves) leave() []letter {
	g.mu.Lock()
	defer g.mu.Unlock()
	letters := make([]letter, len(g.waiting))
	for i := range letters {
		letters[i] = g.waiting[i].letter
	}
	g.waiting = nil
	return letters
}

// wake gives a context that ends when it is time to try again.
func (g *graves) wake(ctx context.Context) (context.Context, context.CancelFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, g.next)
}

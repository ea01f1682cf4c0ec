package audit

import (
	"sync"
	"time"
)

// taken is what bodies take of the limits: places of those that are arriving, places of the long ones among them, and
// memory in bytes.
type taken struct{ reading, streaming, bytes int64 }

// shares are what each origin takes. They are safe for concurrent use.
type shares struct {
	mu sync.Mutex
	by map[string]taken
}

// add changes what an origin takes, and gives the sum.
func (s *shares) add(origin string, more taken) taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.by[origin]
	t.reading += more.reading
	t.streaming += more.streaming
	t.bytes += more.bytes
	if t == (taken{}) {
		delete(s.by, origin)
		return t
	}
	if s.by == nil {
		s.by = map[string]taken{}
	}
	s.by[origin] = t
	return t
}

// greedy tells whether an origin takes more than half of a limit although it is not alone: one that sends its bodies
// slowly, and again whenever their time is over, would keep all others out.
func (r *Receiver) greedy(origin string, takes int64, limit int64) bool {
	return takes > max(limit/2, 1) && r.counters.senders.others(origin, time.Now())
}

// others tells whether another origin sent something of late.
func (s *senders) others(origin string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, t := range s.by {
		if key.origin() != origin && now.Sub(t.Arrival) <= idleSender {
			return true
		}
	}
	return false
}

package audit

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxSenders is how many senders are told apart, maxName how many bytes of a text that they chose are kept.
	maxSenders = 64
	maxName    = 200
	// lagMinutes is the span of Sender.MaxLag and MeanLag: the minute that is not over and the one before, so that what
	// was mended at a sender is soon seen.
	lagMinutes = 2
	// idleSender is after how long without a request a sender gives its place to any other.
	idleSender = 10 * time.Minute
	// otherSenders is Sender.Address of those that are not told apart.
	otherSenders = "other"
)

// Sender is what came from one sender: one program at one address, for one cluster. The texts are as the sender gave
// them, cut to 200 bytes.
type Sender struct {
	// Cluster is the name in the path, empty for none. Address is the IP address; it is "other" in the sum of those that
	// are not told apart.
	Cluster string
	Address string
	// Name is the common name of the client certificate, UserAgent the header User-Agent.
	Name, UserAgent string
	// Requests counts those that were let in and are answered; the others are counts as in Stats.
	Requests   uint64
	Events     uint64
	Duplicates uint64
	Trimmed    uint64
	Rejected   uint64
	// Arrival is when the last request was answered, Stage the stage time of the last event.
	Arrival time.Time
	Stage   time.Time
	// Lag is the lag of the last event: from its stage time until it came to be evaluated, at least 0. MaxLag and
	// MeanLag are over the events of this minute and the one before, 0 when there are none. All are in nanoseconds.
	Lag     time.Duration
	MaxLag  time.Duration
	MeanLag time.Duration
}

// senderKey tells senders apart.
type senderKey struct{ cluster, address, name, agent string }

// origin is what a sender cannot choose at will: the name in its certificate, or else its address.
func (k senderKey) origin() string {
	if k.name != "" {
		return "certificate " + k.name
	}
	return k.address
}

// keyOf is the sender of a request.
func keyOf(req *http.Request, cluster string) senderKey {
	key := senderKey{cluster: cluster, address: req.RemoteAddr, agent: req.UserAgent()}
	if addr, ok := address(req.RemoteAddr); ok {
		key.address = addr.String()
	}
	if req.TLS != nil && len(req.TLS.VerifiedChains) > 0 {
		key.name = req.TLS.VerifiedChains[0][0].Subject.CommonName
	}
	key.address, key.name, key.agent = cutName(key.address), cutName(key.name), cutName(key.agent)
	return key
}

// cutName gives the start of a text that a client chose, on its own, so that nothing else is kept with it.
func cutName(text string) string { return strings.Clone(text[:min(len(text), maxName)]) }

// minute sums the lag of the events of one minute.
type minute struct {
	at     int64 // minutes since 1970
	max    time.Duration
	sum    float64 // in nanoseconds; a Duration of 292 years is soon full
	events uint64
}

// tally is a Sender that counts.
type tally struct {
	Sender
	minutes [lagMinutes]minute
}

// senders count by sender. When there are too many, some are summed up (see leaving). They are safe for concurrent use.
type senders struct {
	mu    sync.Mutex
	by    map[senderKey]*tally
	other *tally
	lag   lag
}

// of gives the counts of a sender; mu is held.
func (s *senders) of(key senderKey, now time.Time) *tally {
	if t := s.by[key]; t != nil {
		return t
	}
	if s.by == nil {
		s.by = map[senderKey]*tally{}
	}
	if len(s.by) >= maxSenders {
		s.fold(now)
	}
	t := &tally{Sender: Sender{Cluster: key.cluster, Address: key.address, Name: key.name, UserAgent: key.agent, Arrival: now}}
	s.by[key] = t
	return t
}

// fold adds one sender to the others, to make room; mu is held.
func (s *senders) fold(now time.Time) {
	leaves := s.leaving(now)
	t := s.by[leaves]
	delete(s.by, leaves)
	if s.other == nil {
		s.other = &tally{Sender: Sender{Address: otherSenders}}
	}
	s.other.add(t)
}

// leaving chooses who gives its place up; mu is held. That is whoever was not heard of for the longest time, if that is
// long; else the one of the origin that takes the most places that was not heard of for the longest time: who sends
// under ever new names or for ever new clusters takes the places of its own and not those of the others.
func (s *senders) leaving(now time.Time) senderKey {
	places := map[string]int{}
	var oldest, crowded senderKey
	for key, t := range s.by {
		places[key.origin()]++
		if first := s.by[oldest]; first == nil || t.Arrival.Before(first.Arrival) {
			oldest = key
		}
	}
	if now.Sub(s.by[oldest].Arrival) > idleSender {
		return oldest
	}
	for key, t := range s.by {
		first := s.by[crowded]
		more := places[key.origin()] - places[crowded.origin()]
		if first == nil || more > 0 || more == 0 && t.Arrival.Before(first.Arrival) {
			crowded = key
		}
	}
	return crowded
}

// add sums up; times and the lag are those of the later one.
func (t *tally) add(more *tally) {
	t.Requests += more.Requests
	t.Events += more.Events
	t.Duplicates += more.Duplicates
	t.Trimmed += more.Trimmed
	t.Rejected += more.Rejected
	if more.Arrival.After(t.Arrival) {
		t.Arrival, t.Stage, t.Lag = more.Arrival, more.Stage, more.Lag
	}
	for _, m := range more.minutes {
		t.during(m.at).add(m)
	}
}

// during is the sum for a minute; one that is older than those that are kept is counted with the one in its place.
func (t *tally) during(at int64) *minute {
	m := &t.minutes[at%lagMinutes]
	if m.at < at {
		*m = minute{at: at}
	}
	return m
}

func (m *minute) add(more minute) {
	if m.at == more.at {
		m.max, m.sum, m.events = max(m.max, more.max), m.sum+more.sum, m.events+more.events
	}
}

// requested counts a request that is answered.
func (s *senders) requested(key senderKey) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.of(key, now)
	t.Requests++
	t.Arrival = now
}

// count counts what was evaluated of a batch that came at a time.
func (s *senders) count(key senderKey, b *Batch, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.of(key, now)
	t.Events += uint64(b.Len() - b.Duplicates)
	t.Duplicates += uint64(b.Duplicates)
	t.Trimmed += uint64(b.Trimmed)
	t.Rejected += uint64(b.rejected())
	t.Arrival = now
	if b.Len() == 0 {
		return
	}
	at := now.Unix() / 60
	sum := minute{at: at, events: uint64(b.Len())}
	for i := range b.events {
		behind := max(time.Duration(now.UnixNano()-b.events[i].Time), 0)
		s.lag.count(behind)
		sum.max, sum.sum, t.Lag = max(sum.max, behind), sum.sum+float64(behind), behind
	}
	t.Stage = time.Unix(0, b.events[b.Len()-1].Time)
	t.during(at).add(sum)
}

// snapshot gives the senders, those with the most events first, and the sum of the others last.
func (s *senders) snapshot(now time.Time) []Sender {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Sender, 0, len(s.by)+1)
	for _, t := range s.by {
		all = append(all, t.at(now))
	}
	slices.SortFunc(all, func(a, b Sender) int {
		if a.Events != b.Events {
			if a.Events > b.Events {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Cluster+"\x00"+a.Address+"\x00"+a.Name+"\x00"+a.UserAgent, b.Cluster+"\x00"+b.Address+"\x00"+b.Name+"\x00"+b.UserAgent)
	})
	if s.other != nil {
		all = append(all, s.other.at(now))
	}
	return all
}

// at is the sender with its lag over the minutes before now.
func (t *tally) at(now time.Time) Sender {
	got := t.Sender
	var sum float64
	var events uint64
	for _, m := range t.minutes {
		if m.events > 0 && m.at > now.Unix()/60-lagMinutes {
			got.MaxLag, sum, events = max(got.MaxLag, m.max), sum+m.sum, events+m.events
		}
	}
	if events > 0 {
		got.MeanLag = time.Duration(sum / float64(events))
	}
	return got
}

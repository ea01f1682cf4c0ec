package audit

import (
	"net"
	"net/netip"
	"sync"
)

// maxVisits is how many connections there may be at once, half of them from one address. Each costs a file descriptor and
// up to some ten kilobytes before anything is known of who is there. An API server keeps one or two.
const maxVisits = 2048

// door is a listener whose connections are visits. One that is too many is closed at once. Accept is for one goroutine.
type door struct {
	net.Listener
	counters *counters
	most     int

	mu     sync.Mutex
	all    int
	visits map[netip.Addr]int
}

// Accept waits for a visit that is let in.
func (d *door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, _ := address(c.RemoteAddr().String()) // none for what is not TCP
		if d.enter(from) {
			return &visit{Conn: c, leave: sync.OnceFunc(func() { d.leave(from) })}, nil
		}
		d.counters.broken[tooMany].Add(1)
		_ = c.Close()
	}
}

func (d *door) enter(from netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all >= d.most || d.visits[from] >= max(d.most/2, 1) {
		return false
	}
	if d.visits == nil {
		d.visits = map[netip.Addr]int{}
	}
	d.all++
	d.visits[from]++
	return true
}

func (d *door) leave(from netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if d.visits[from]--; d.visits[from] == 0 {
		delete(d.visits, from)
	}
}

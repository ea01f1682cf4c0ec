package fakesink

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"testing"
)

// StreamOptions say what a Stream does.
type StreamOptions struct {
	// TLS makes it speak TLS.
	TLS *tls.Config
	// Hang takes connections and never reads from them.
	Hang bool
	// ResetAfter resets a connection that brought as many bytes, 0 none. The bytes are received.
	ResetAfter int
}

// Stream is a server of raw connections. It is safe for concurrent use.
type Stream struct {
	// Address is host:port, or the path of the socket.
	Address string

	options  StreamOptions
	network  string
	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
	received [][]byte // one for each connection
	running  sync.WaitGroup
	parts    journal[int]
}

// Listen starts a server of raw connections: network is tcp or unix, address host:port (empty for any port of the
// loopback address) or a path. It ends with the test.
func Listen(t testing.TB, network, address string, o StreamOptions) *Stream {
	t.Helper()
	if network == "tcp" && address == "" {
		var err error
		if address, err = FreeAddress(); err != nil {
			t.Fatalf("start a fake sink: %v", err)
		}
	}
	s := &Stream{Address: address, options: o, network: network, conns: map[net.Conn]bool{}}
	s.parts.name = "parts of streams"
	s.Up(t)
	t.Cleanup(s.Down)
	return s
}

// Up listens again, at the address that the server had before Down.
func (s *Stream) Up(t testing.TB) {
	t.Helper()
	var listen net.ListenConfig
	l, err := listen.Listen(context.Background(), s.network, s.Address)
	if err != nil {
		t.Fatalf("start a fake sink: %v", err)
	}
	s.mu.Lock()
	s.Address, s.listener = l.Addr().String(), l
	s.mu.Unlock()
	s.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if s.options.TLS != nil {
				c = tls.Server(c, s.options.TLS)
			}
			s.mu.Lock()
			s.conns[c] = true
			number := len(s.received)
			s.received = append(s.received, nil)
			s.mu.Unlock()
			if !s.options.Hang {
				s.running.Go(func() { s.read(c, number) })
			}
		}
	})
}

// Down breaks all connections and refuses new ones until Up.
func (s *Stream) Down() {
	s.mu.Lock()
	_ = s.listener.Close()
	for c := range s.conns {
		_ = c.Close()
	}
	clear(s.conns)
	s.mu.Unlock()
	s.running.Wait()
}

func (s *Stream) read(c net.Conn, number int) {
	defer c.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := c.Read(b)
		s.mu.Lock()
		s.received[number] = append(s.received[number], b[:n]...)
		total := len(s.received[number])
		s.mu.Unlock()
		s.parts.add(n)
		if s.options.ResetAfter > 0 && total >= s.options.ResetAfter {
			if t, ok := rawConn(c).(*net.TCPConn); ok {
				_ = t.SetLinger(0)
			}
			_ = rawConn(c).Close()
			return
		}
		if err != nil {
			return
		}
	}
}

func rawConn(c net.Conn) net.Conn {
	if t, ok := c.(*tls.Conn); ok {
		return t.NetConn()
	}
	return c
}

// Received gives the bytes that each connection brought so far, in the order in which they were made.
func (s *Stream) Received() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([][]byte, len(s.received))
	for i, b := range s.received {
		all[i] = append([]byte(nil), b...)
	}
	return all
}

// Wait waits until done holds of what was received and gives it; the test fails when that does not come.
func (s *Stream) Wait(t testing.TB, done func(received [][]byte) bool) [][]byte {
	t.Helper()
	for {
		n := len(s.parts.all()) + 1
		if all := s.Received(); done(all) {
			return all
		}
		s.parts.wait(t, n)
	}
}

// Packets is a server of datagrams. It is safe for concurrent use.
type Packets struct {
	// Address is host:port, or the path of the socket.
	Address string

	log journal[string]
}

// ListenPackets starts a server of datagrams: network is udp or unixgram, address host:port (empty for any port of the
// loopback address) or a path. It ends with the test.
func ListenPackets(t testing.TB, network, address string) *Packets {
	t.Helper()
	if network == "udp" && address == "" {
		address = "127.0.0.1:0"
	}
	var listen net.ListenConfig
	c, err := listen.ListenPacket(context.Background(), network, address)
	if err != nil {
		t.Fatalf("start a fake sink: %v", err)
	}
	p := &Packets{Address: c.LocalAddr().String()}
	p.log.name = "datagrams"
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 64<<10)
		for {
			n, _, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			p.log.add(string(b[:n]))
		}
	}()
	t.Cleanup(func() {
		_ = c.Close()
		<-done
	})
	return p
}

// Received gives the datagrams that arrived so far.
func (p *Packets) Received() []string { return p.log.all() }

// Wait waits until n datagrams arrived and gives all; the test fails when they do not come.
func (p *Packets) Wait(t testing.TB, n int) []string { return p.log.wait(t, n) }

package audit

import (
	"net"
	"testing"
	"time"
)

// TestDoor comes from three addresses to a door that lets in four, two from each: who is too many is closed at once and
// counted, and has a place again when another one leaves.
func TestDoor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var c counters
	d := &door{Listener: l, counters: &c, most: 4}
	in := make(chan net.Conn)
	go func() {
		defer close(in)
		for {
			conn, err := d.Accept()
			if err != nil {
				return
			}
			in <- conn
		}
	}()
	// come connects, and gives the connection if it is let in.
	come := func(from string) net.Conn {
		t.Helper()
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		client, err := dialer.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		closed := make(chan error, 1)
		go func() {
			_, err := client.Read(make([]byte, 1))
			closed <- err
		}()
		select {
		case conn := <-in:
			t.Cleanup(func() { conn.Close() })
			return conn
		case <-closed:
			return nil
		case <-time.After(time.Minute):
			t.Fatal("neither let in nor closed")
			return nil
		}
	}
	steps := []struct {
		from  string
		let   bool
		leave int // which one of those let in leaves after that, from 1
	}{
		{"127.0.0.1", true, 0}, {"127.0.0.1", true, 0}, {"127.0.0.1", false, 0}, {"127.0.0.2", true, 0}, {"127.0.0.3", true, 0},
		{"127.0.0.2", false, 3}, {"127.0.0.1", false, 0}, {"127.0.0.3", true, 1}, {"127.0.0.3", false, 0}, {"127.0.0.1", true, 0},
	}
	var let []net.Conn
	refused := uint64(0)
	for i, s := range steps {
		conn := come(s.from)
		if (conn != nil) != s.let {
			t.Fatalf("step %d from %s: let in is %v", i+1, s.from, conn != nil)
		}
		if conn != nil {
			let = append(let, conn)
		} else {
			refused++
		}
		if got := c.broken[tooMany].Load(); got != refused {
			t.Errorf("step %d: %d are counted as too many, want %d", i+1, got, refused)
		}
		if s.leave > 0 {
			for range 2 { // which is one leaving
				let[s.leave-1].Close()
			}
		}
	}
	l.Close()
	for range in { // until Accept ends
	}
	for _, conn := range let {
		conn.Close()
	}
	if d.all != 0 || len(d.visits) != 0 {
		t.Errorf("all have left, but %d are there: %v", d.all, d.visits)
	}
}

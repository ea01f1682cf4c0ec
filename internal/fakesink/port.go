package fakesink

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports that the system gives to connections and to those who listen on port 0 are mostly 32768 and above.
const firstPort, lastPort = 10_000, 32_000

// nextPort is looked at next. It begins anywhere, for tests of several packages run at once.
var nextPort = struct {
	sync.Mutex
	n int
}{n: firstPort + rand.IntN(lastPort-firstPort)}

// FreeAddress gives host:port on the loopback address where nobody listens. It gives no port twice, and none that the
// system would give to somebody else before the program that is to listen there has started, or while it is away.
func FreeAddress() (string, error) {
	nextPort.Lock()
	defer nextPort.Unlock()
	var listen net.ListenConfig
	var err error
	for range lastPort - firstPort {
		if nextPort.n++; nextPort.n > lastPort {
			nextPort.n = firstPort
		}
		var l net.Listener
		if l, err = listen.Listen(context.Background(), "tcp", fmt.Sprint("127.0.0.1:", nextPort.n)); err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", err
}

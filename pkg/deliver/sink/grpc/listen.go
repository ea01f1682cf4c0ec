package grpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/saker-security/saker/pkg/deliver/disk"
)

// maxPath is how long the path of a socket is at most, in bytes.
const maxPath = 107

// open listens as the settings say.
func open(s Settings) (*listener, credentials.TransportCredentials, error) {
	path, isUnix := strings.CutPrefix(s.BindAddress, "unix:")
	if isUnix {
		path, isAbsolute := strings.CutPrefix(path, "//")
		switch {
		case !isAbsolute || !filepath.IsAbs(path) || path == "/":
			return nil, nil, fmt.Errorf("grpc.bind_address: %q has no absolute path; write unix:///path", s.BindAddress)
		case len(path) > maxPath:
			return nil, nil, fmt.Errorf("grpc.bind_address: the path has %d bytes, and that of a socket has at most %d: %s", len(path), maxPath, path)
		}
		l, err := listen("unix", path)
		return l, insecure.NewCredentials(), err
	}
	if _, _, err := net.SplitHostPort(s.BindAddress); err != nil {
		return nil, nil, fmt.Errorf("grpc.bind_address: %q is neither unix:///path nor host:port: %w", s.BindAddress, err)
	}
	files := &tlsFiles{settings: s}
	if err := files.check(); err != nil {
		return nil, nil, err
	}
	l, err := listen("tcp", s.BindAddress)
	return l, credentials.NewTLS(files.config()), err
}

// held are the listeners of this process by address. After a change of its settings a sink is opened anew before the
// old one is closed: both then share the socket, so that no client is turned away.
var held = struct {
	sync.Mutex
	by map[string]*listener
}{by: make(map[string]*listener)}

// listener is a socket that bounds the number of connections.
type listener struct {
	net.Listener
	address string // the key in held
	path    string // of a unix socket
	slots   chan struct{}
	done    chan struct{}
	once    sync.Once
}

// listen opens the address, or shares what this process has open there.
func listen(network, address string) (*listener, error) {
	held.Lock()
	defer held.Unlock()
	l := &listener{address: network + ":" + address, slots: make(chan struct{}, maxConnections), done: make(chan struct{})}
	if network == "unix" {
		l.path = address
	}
	var err error
	if old := held.by[l.address]; old != nil {
		l.Listener, _ = old.share() // it cannot when its server ended; then the address is free
	}
	switch {
	case l.Listener != nil:
	case network == "unix":
		l.Listener, err = listenUnix(address)
	default:
		l.Listener, err = (&net.ListenConfig{}).Listen(context.Background(), network, address)
	}
	if err != nil {
		return nil, fmt.Errorf("grpc.bind_address: %w", err)
	}
	held.by[l.address] = l
	return l, nil
}

// share gives a second listener of the same socket.
func (l *listener) share() (net.Listener, error) {
	file, err := l.Listener.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return net.FileListener(file)
}

// release removes a unix socket unless another sink listens there now.
func (l *listener) release() error {
	held.Lock()
	defer held.Unlock()
	if held.by[l.address] != l {
		return nil
	}
	delete(held.by, l.address)
	if l.path == "" {
		return nil
	}
	if err := os.Remove(l.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// listenUnix makes a socket that only the user may connect to, in the place of one on which nobody listens any more.
func listenUnix(path string) (net.Listener, error) {
	if err := disk.OS.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := removeOld(path); err != nil {
		return nil, err
	}
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		// The file gets the mode of the socket, so there is no moment at which others can connect.
		var err error
		if e := raw.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }); e != nil {
			return e
		}
		return err
	}}
	l, err := c.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // see release
	return l, nil
}

func removeOld(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("%s is there and is no socket; remove it or choose another path", path)
	}
	c, err := (&net.Dialer{Timeout: time.Second}).Dial("unix", path)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("another process listens on %s", path)
	}
	return os.Remove(path)
}

// Accept waits for a connection while there are as many as there may be.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &connection{Conn: c, slots: l.slots}, nil
}

// Close ends Accept.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

type connection struct {
	net.Conn
	slots chan struct{}
	once  sync.Once
}

// Close makes room for another connection.
func (c *connection) Close() error {
	c.once.Do(func() { <-c.slots })
	return c.Conn.Close()
}

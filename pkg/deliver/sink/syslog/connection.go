package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// localPaths are the usual sockets of the machine's daemon.
var localPaths = []string{"/dev/log", "/var/run/syslog", "/run/systemd/journal/syslog"}

// connection is one way to the daemon.
type connection struct {
	net.Conn
	network string // of package net, or tls
	config  *tls.Config

	gone chan struct{} // closed when the other side has closed a TCP connection
	why  error         // set before
}

// dialLocal connects to the first socket that there is. Daemons of today have datagram sockets, some had streams.
func dialLocal(ctx context.Context, paths []string) (*connection, error) {
	var failed error
	for _, path := range paths {
		for _, network := range []string{"unixgram", "unix"} {
			var d net.Dialer
			conn, err := d.DialContext(ctx, network, path)
			if err == nil {
				return &connection{Conn: conn, network: network}, nil
			}
			if !errors.Is(err, unix.EPROTOTYPE) { // that is the other kind of socket
				if failed == nil {
					failed = err
				} else {
					failed = fmt.Errorf("%w; %w", failed, err) // one line
				}
				break
			}
		}
	}
	return nil, fmt.Errorf("connect to the syslog daemon of this machine: %w", failed)
}

// verdict is the least time that a new TCP connection is watched before anything is sent. A server that does not like
// the certificate says so only after the handshake of TLS 1.3, and a load balancer without a server behind it accepts
// and closes; what is sent meanwhile would seem to arrive.
const verdict = 100 * time.Millisecond

// dial connects to another machine. config is nil for all but TLS.
func dial(ctx context.Context, network, address string, config *tls.Config) (*connection, error) {
	begin := time.Now()
	var conn net.Conn
	var err error
	if network == "tls" {
		conn, err = (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the syslog daemon: %w", err)
	}
	c := &connection{Conn: conn, network: network, config: config}
	if network == "udp" {
		return c, nil
	}
	c.gone = make(chan struct{})
	go c.watch()
	timer := time.NewTimer(verdict + 2*time.Since(begin))
	defer timer.Stop()
	select {
	case <-timer.C:
		return c, nil
	case <-c.gone:
		err = c.why
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.drop()
	return nil, fmt.Errorf("connect to the syslog daemon: %w", err)
}

// watch waits for the end of a connection. A daemon has nothing to say; what it says is thrown away.
func (c *connection) watch() {
	_, err := io.Copy(io.Discard, c.Conn)
	if err == nil {
		err = io.EOF
	}
	c.why = fmt.Errorf("%w: %w", errClosed, err)
	close(c.gone)
}

// errClosed is the error of a connection that the other side has begun to close.
var errClosed = errors.New("the syslog daemon closed the connection")

// States of a connection in tcp_info: open, and closed in one direction by the other side.
const (
	established = 1
	closeWait   = 8
)

// alive tells why a connection can no longer be used, as far as this machine knows.
func (c *connection) alive() error {
	if c.gone == nil {
		return nil
	}
	select {
	case <-c.gone:
		return c.why
	default:
	}
	_, state, err := c.progress()
	if err == nil && state != established {
		err = errClosed
	}
	return err
}

// progress gives the number of bytes that the other machine does not have yet, and then the state of the connection.
// The kernel is asked, which knows of a reset before watch is woken; after one nothing is unacknowledged either.
func (c *connection) progress() (bytes int, state uint8, err error) {
	raw := c.Conn
	if t, ok := raw.(*tls.Conn); ok {
		raw = t.NetConn()
	}
	tcp, ok := raw.(*net.TCPConn)
	if !ok {
		return 0, 0, fmt.Errorf("no TCP connection but %T", raw)
	}
	conn, err := tcp.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var failed error
	err = conn.Control(func(fd uintptr) { bytes, state, failed = unacknowledged(int(fd)) })
	return bytes, state, errors.Join(err, failed)
}

// acknowledged waits until the other side's system has all that was written. A daemon that closed then is no failure:
// one that closes with something unread resets the connection.
func (c *connection) acknowledged(ctx context.Context) error {
	for pause := 20 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		n, state, err := c.progress()
		switch {
		case err != nil:
			return err
		case state != established && state != closeWait:
			return errClosed
		case n == 0:
			return c.failure()
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%d bytes are not acknowledged by the syslog daemon's machine: %w", n, ctx.Err())
		}
	}
}

// failure gives the error that the daemon has told, such as that of TLS; that it closed is none.
func (c *connection) failure() error {
	select {
	case <-c.gone:
		if errors.Is(c.why, io.EOF) {
			return nil
		}
		return c.why
	default:
		return nil
	}
}

// drop ends a connection without ceremony.
func (c *connection) drop() {
	if t, ok := c.Conn.(*tls.Conn); ok {
		_ = t.NetConn().Close() // Close would try to say good-bye
	} else {
		_ = c.Conn.Close()
	}
	c.wait()
}

// close ends a connection that is in order.
func (c *connection) close() error {
	err := c.Conn.Close()
	c.wait()
	return err
}

func (c *connection) wait() {
	if c.gone != nil {
		<-c.gone
	}
}

package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/sink/turn"
	"github.com/saker-security/saker/pkg/deliver/transport"
)

// Sink sends each alert as a message of its own, in order. Safe for concurrent use; batches are sent one after the
// other.
type Sink struct {
	settings Settings
	render   deliver.Render
	client   *transport.Client // nil for all but TLS
	stale    atomic.Bool

	turn    turn.Turn // held by whoever uses what is below
	writer  writer
	conn    *connection // nil when there is none
	line    []byte
	message []byte
	batch   []byte
}

// New makes a sink; the connection is made with the first batch, so that a daemon that is down keeps nothing from
// starting. warn, which may be nil, is told when changed TLS files cannot be used.
func New(s Settings, render deliver.Render, warn func(error)) (*Sink, error) {
	if s.Facility == "" {
		s.Facility = "daemon"
	}
	if s.AppName == "" {
		s.AppName = "saker"
	}
	facility, err := Facility(s.Facility)
	if err != nil {
		return nil, err
	}
	sink := &Sink{settings: s, render: render, turn: turn.New(), writer: newWriter(facility, s.AppName)}
	switch s.Network {
	case "local":
		return sink, nil
	case "udp", "tcp":
	case "tls":
		if sink.client, err = transport.NewClient(s.TLS, warn); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("unknown syslog network %q; one of local, udp, tcp, tls", s.Network)
	}
	if host, port, err := net.SplitHostPort(s.Address); err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("the address %q of the syslog daemon is not host:port", s.Address)
	}
	return sink, nil
}

// Send sends one message for each alert.
func (s *Sink) Send(ctx context.Context, batch []*alert.Alert) error {
	if err := s.turn.Take(ctx); err != nil {
		return err
	}
	defer s.turn.Give()
	defer s.trim()
	if s.settings.Network == "tcp" || s.settings.Network == "tls" {
		return s.sendAll(ctx, batch)
	}
	for i, a := range batch {
		err := s.sendOne(ctx, a)
		if err == nil {
			continue
		}
		s.drop()
		if s.settings.Network == "udp" && errors.Is(err, unix.ECONNREFUSED) && i > 0 {
			i-- // it is the datagram before that nobody took
		}
		if i > 0 {
			return &deliver.Partial{Done: i, Err: err}
		}
		return err
	}
	return nil
}

// kept is the greatest memory in bytes that a buffer holds from one batch to the next.
const kept = 1 << 20

// trim gives back what a batch of huge alerts took.
func (s *Sink) trim() {
	for _, b := range []*[]byte{&s.line, &s.message, &s.batch} {
		if cap(*b) > kept {
			*b = nil
		}
	}
}

// connect has a connection that seems to be in order.
func (s *Sink) connect(ctx context.Context) (err error) {
	var config *tls.Config
	if s.client != nil {
		config = s.client.Config()
	}
	if s.stale.Swap(false) || s.conn != nil && (s.conn.alive() != nil || s.conn.config != config) {
		s.drop()
	}
	if s.conn != nil {
		return nil
	}
	if s.settings.Network != "local" {
		s.conn, err = dial(ctx, s.settings.Network, s.settings.Address, config)
		return err
	}
	paths := localPaths
	if s.settings.Address != "" {
		paths = []string{s.settings.Address}
	}
	s.conn, err = dialLocal(ctx, paths)
	return err
}

// drop forgets the connection.
func (s *Sink) drop() {
	if s.conn != nil {
		s.conn.drop()
		s.conn = nil
	}
}

// write writes bytes before the context ends. After an error the connection is no longer there.
func (s *Sink) write(ctx context.Context, p []byte) error {
	conn := s.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Unix(1, 0)) })
	_, err := conn.Write(p)
	if ended := !stop(); err != nil || ended { // the deadline may hit the next write
		s.drop()
		if ended && err != nil {
			err = errors.Join(ctx.Err(), err)
		}
	}
	return err
}

// sendAll sends a batch over TCP, each message behind its length.
func (s *Sink) sendAll(ctx context.Context, batch []*alert.Alert) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	s.batch = s.batch[:0]
	for _, a := range batch {
		s.line = s.render(s.line[:0], a)
		s.message = s.writer.append5424(s.message[:0], a, s.line)
		s.batch = strconv.AppendInt(s.batch, int64(len(s.message)), 10)
		s.batch = append(s.batch, ' ')
		s.batch = append(s.batch, s.message...)
	}
	err := s.write(ctx, s.batch)
	if err == nil && s.conn == nil {
		err = ctx.Err() // it ended with the last byte, whose way is unknown now
	}
	if err == nil {
		err = s.conn.acknowledged(ctx)
	}
	if err != nil {
		s.drop()
		return fmt.Errorf("send to the syslog daemon: %w", err)
	}
	return nil
}

// sendOne sends one message to the local socket or as a datagram.
func (s *Sink) sendOne(ctx context.Context, a *alert.Alert) error {
	s.line = s.render(s.line[:0], a)
	if s.settings.Network == "udp" {
		if err := s.connect(ctx); err != nil {
			return err
		}
		s.message = cut(s.writer.append5424(s.message[:0], a, s.line), maxUDP)
		return s.write(ctx, s.message)
	}
	s.message = s.writer.appendLocal(s.message[:0], a, s.line)
	known := s.conn != nil
	err := s.sendLocal(ctx)
	if err != nil && known && ctx.Err() == nil { // the daemon was started again and has a new socket
		s.drop()
		err = s.sendLocal(ctx)
	}
	return err
}

// localSizes are what a message is cut to when the socket takes no more: daemons agree on the last one.
var localSizes = []int{64 << 10, 8 << 10, 1 << 10}

// sendLocal sends the message to the socket of the machine.
func (s *Sink) sendLocal(ctx context.Context) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	if s.conn.network == "unix" {
		return s.write(ctx, append(s.message, 0)) // as syslog(3) ends messages on a stream
	}
	err := s.write(ctx, s.message)
	for _, size := range localSizes {
		if !errors.Is(err, unix.EMSGSIZE) {
			break
		}
		if err := s.connect(ctx); err != nil {
			return err
		}
		err = s.write(ctx, cut(s.message, size))
	}
	return err
}

// Reopen has the next batch look up the address and connect again.
func (s *Sink) Reopen() error {
	s.stale.Store(true)
	return nil
}

// Close ends the connection. One that a Send still uses is left to it.
func (s *Sink) Close() error {
	if !s.turn.Try() {
		return nil
	}
	defer s.turn.Give()
	if s.conn == nil {
		return nil
	}
	err := s.conn.close()
	s.conn = nil
	return err
}

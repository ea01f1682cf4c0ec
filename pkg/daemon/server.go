package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"sync"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/audit"
)

// server is a source that is an HTTP server: the receiver of audit events, the health checks and metrics, the control
// socket.
type server struct {
	title string
	// network and address are those of net.Listen. A TCP port of 0 is replaced by the one that the first open found.
	network, address string
	handler          http.Handler
	// tls makes the settings of TLS, again when one of files changed; nil for plain HTTP.
	tls   func() (*tls.Config, error)
	files func() []string
	// noted, if it is not nil, is given what the server of net/http prints, each a line.
	noted func(string)
	// watch, if it is not nil, is given the server before it serves, and the listener to serve on in its place.
	watch func(*http.Server, net.Listener) net.Listener
	// hint says what to do when the address cannot be taken.
	hint string
	log  *zap.Logger

	mu       sync.Mutex
	certs    *certificates // nil for plain HTTP
	listener net.Listener
	server   *http.Server
	stopped  bool
}

func (s *server) name() string { return s.title }

// open takes the address.
func (s *server) open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return http.ErrServerClosed
	}
	made := audit.NewServer("", nil, s.handler)
	made.ErrorLog = log.New(printed{s.log, s.noted}, "", 0)
	if s.tls != nil {
		var err error
		certs := &certificates{load: s.tls, files: s.files, log: s.log}
		if made.TLSConfig, err = certs.config(); err != nil {
			return err
		}
		s.certs = certs
	}
	if s.network == "unix" {
		// Whoever had this socket is gone: the directory that it is in is locked by this process.
		if err := os.Remove(s.address); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove the socket of an earlier process: %w", err)
		}
	}
	var listener net.ListenConfig
	l, err := listener.Listen(context.Background(), s.network, s.address)
	if err != nil {
		return fmt.Errorf("listen for %s%s: %w", s.title, s.hint, err)
	}
	if s.network == "unix" {
		if err := os.Chmod(s.address, 0o600); err != nil {
			return errors.Join(fmt.Errorf("keep others from the socket: %w", err), l.Close())
		}
	}
	if s.watch != nil {
		l = s.watch(made, l)
	}
	s.address, s.listener, s.server = l.Addr().String(), l, made
	return nil
}

// run serves.
func (s *server) run() error {
	s.mu.Lock()
	made, l := s.server, s.listener
	s.mu.Unlock()
	s.log.Info("serving", zap.String("what", s.title), zap.String("address", s.address), zap.Bool("tls", made.TLSConfig != nil))
	var err error
	if made.TLSConfig != nil {
		err = made.ServeTLS(l, "", "")
	} else {
		err = made.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	_ = made.Close() // what is left of it, so that the address is free; the error to tell is the first
	return fmt.Errorf("serve %s: %w", s.title, err)
}

// stop lets the requests that are being worked on end within ctx and cuts off the others.
func (s *server) stop(ctx context.Context) error {
	s.mu.Lock()
	made, l, again := s.server, s.listener, s.stopped
	s.stopped = true
	s.mu.Unlock()
	if made == nil || again {
		return nil
	}
	err := made.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		s.log.Warn("requests were cut off before they were answered; their senders will send them again", zap.String("what", s.title))
		err = made.Close()
	}
	_ = l.Close() // one that was never served; else it is closed already
	return err
}

// addressOf is where a server listens, empty for none.
func (s *server) addressOf() string {
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}

// unusable says why the files of TLS cannot be used as they are now, so that what was read before stays in use; empty
// when they can, or there are none.
func (s *server) unusable() string {
	s.mu.Lock()
	certs := s.certs
	s.mu.Unlock()
	if certs == nil {
		return ""
	}
	return certs.problem()
}

package daemon

import (
	"crypto/tls"
	"slices"
	"sync"

	"go.uber.org/zap"
)

// certificates are the TLS settings of a server, read again when one of their files changed, so that a certificate that
// is renewed is used without a restart. They are safe for concurrent use.
type certificates struct {
	load func() (*tls.Config, error)
	// files gives the names of the files, which a reload may change.
	files func() []string
	log   *zap.Logger

	mu      sync.Mutex
	seen    []stamped
	current *tls.Config
}

// config reads the settings and gives those of a server that follows the files.
func (c *certificates) config() (*tls.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = c.changed()
	var err error
	if c.current, err = c.load(); err != nil {
		return nil, err
	}
	c.current.NextProtos = []string{"h2", "http/1.1"}
	follow := c.current.Clone()
	follow.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.latest(), nil }
	return follow, nil
}

// stamped is a file with what tells whether it changed.
type stamped struct {
	name  string
	stamp fileStamp
}

// changed is the present state of the files.
func (c *certificates) changed() (list []stamped) {
	for _, name := range c.files() {
		list = append(list, stamped{name, stampOf(name)})
	}
	return list
}

// latest gives the settings for a new connection. Files that cannot be used, such as those that are just being
// replaced, leave the settings as they are until they change again.
func (c *certificates) latest() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.changed()
	if slices.Equal(now, c.seen) {
		return c.current
	}
	c.seen = now
	fresh, err := c.load()
	if err != nil {
		c.log.Error("the changed files of the certificate cannot be used, the one in use stays", zap.Error(err))
		return c.current
	}
	fresh.NextProtos = c.current.NextProtos
	c.current = fresh
	c.log.Info("certificate read again", zap.Strings("files", c.files()))
	return c.current
}

package daemon

import (
	"crypto/tls"
	"slices"
	"sync"
	"time"

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
	// failure says why the files cannot be used as they are now; empty when they can.
	failure string
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
	c.warn(time.Now())
	follow := c.current.Clone()
	follow.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.latest(), nil }
	return follow, nil
}

// warn tells of a certificate that no client takes.
func (c *certificates) warn(now time.Time) {
	for _, chain := range c.current.Certificates {
		if leaf := chain.Leaf; leaf != nil && (now.After(leaf.NotAfter) || now.Before(leaf.NotBefore)) {
			c.log.Error("the certificate has expired or is not yet good: no client takes it; renew it, or set the clock", zap.Strings("files", c.files()),
				zap.Time("from", leaf.NotBefore), zap.Time("until", leaf.NotAfter))
		}
	}
}

// problem says why the files cannot be used as they are now; empty when they can.
func (c *certificates) problem() string {
	c.latest()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failure
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
		c.failure = oneLine(err)
		c.log.Error("the changed files of the certificate cannot be used, the one in use stays", zap.Error(err))
		return c.current
	}
	fresh.NextProtos = c.current.NextProtos
	c.current, c.failure = fresh, ""
	c.warn(time.Now())
	c.log.Info("certificate read again", zap.Strings("files", c.files()))
	return c.current
}

package daemon

import (
	"crypto/tls"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
)

// certificates are the TLS settings of a server, read again when one of their files changed, so that a certificate that
// is renewed is used without a restart. They are safe for concurrent use.
type certificates struct {
	load  func() (*tls.Config, error)
	files []string
	log   *zap.Logger

	mu      sync.Mutex
	seen    []time.Time
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

// changed is when each file changed last.
func (c *certificates) changed() []time.Time {
	times := make([]time.Time, len(c.files))
	for i, name := range c.files {
		if info, err := os.Stat(name); err == nil {
			times[i] = info.ModTime()
		}
	}
	return times
}

// latest gives the settings for a new connection. Files that cannot be used, such as those that are just being
// replaced, leave the settings as they are until they change again.
func (c *certificates) latest() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.changed()
	same := true
	for i := range now {
		same = same && now[i].Equal(c.seen[i])
	}
	if same {
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
	c.log.Info("certificate read again", zap.Strings("files", c.files))
	return c.current
}

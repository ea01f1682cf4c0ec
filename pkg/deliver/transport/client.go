package transport

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// checkInterval is how often the files are looked at.
const checkInterval = time.Second

// Client gives the TLS configuration of a client, made anew when a file of its settings changes. It is safe for
// concurrent use.
type Client struct {
	settings TLS
	report   func(error)

	mu      sync.Mutex
	config  *tls.Config
	checked time.Time
	stamps  []stamp
	failure string // the last one reported, empty when the files of now are in force
}

// NewClient reads the files of the settings. Its errors name the file and what is wrong with it. report, which may be
// nil, is told when changed files cannot be used: what they held before then stays in force until they are right.
func NewClient(settings TLS, report func(error)) (*Client, error) {
	if report == nil {
		report = func(error) {}
	}
	c := &Client{settings: settings, report: report, checked: time.Now(), stamps: settings.stamps()}
	var err error
	if c.config, err = settings.load(c.checked); err != nil {
		return nil, err
	}
	return c, nil
}

// Config gives the configuration, which must not be changed. It is the same pointer as before as long as no file
// changed: connections that were made with another one are better not used any more.
func (c *Client) Config() *tls.Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.checked) < checkInterval {
		return c.config
	}
	c.checked = now
	stamps := c.settings.stamps()
	if c.failure == "" && slices.EqualFunc(stamps, c.stamps, stamp.equal) {
		return c.config
	}
	config, err := c.settings.load(now)
	if err != nil {
		// A rotation replaces one file after the other, so that for a moment they do not fit: they are tried again even
		// when nothing more seems to change.
		if text := err.Error(); text != c.failure {
			c.failure = text
			c.report(fmt.Errorf("the TLS files changed, and what they held before stays in force: %w", err))
		}
		return c.config
	}
	c.config, c.stamps, c.failure = config, stamps, ""
	return c.config
}

// stamp tells one state of a file from another.
type stamp struct {
	path string
	info fs.FileInfo // nil when the file cannot be reached
}

func (s stamp) equal(o stamp) bool {
	if s.path != o.path || (s.info == nil) != (o.info == nil) {
		return false
	}
	return s.info == nil || s.info.ModTime().Equal(o.info.ModTime()) && s.info.Size() == o.info.Size() && os.SameFile(s.info, o.info)
}

// stamps gives the stamps of all files.
func (s TLS) stamps() []stamp {
	paths := []string{s.CAFile, s.CABundle, s.CertificateFile, s.KeyFile}
	if s.CAPath != "" && !s.Insecure {
		files, _ := directory(s.CAPath) // what is wrong with it is told by load
		paths = append(paths, files...)
	}
	var stamps []stamp
	for _, path := range paths {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			info = nil
		}
		stamps = append(stamps, stamp{path, info})
	}
	return stamps
}

// maxFiles bounds the files of a directory of authorities.
const maxFiles = 4096

// directory gives the paths of what is in a directory, in the order of their names.
func directory(path string) ([]string, error) {
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	if len(names) > maxFiles {
		return nil, fmt.Errorf("%s: %d files are more than %d", path, len(names), maxFiles)
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = filepath.Join(path, name)
	}
	return names, nil
}

// load reads the files.
func (s TLS) load(now time.Time) (*tls.Config, error) {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: s.ServerName, InsecureSkipVerify: s.Insecure,
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}
	var err error
	if !s.Insecure {
		if config.RootCAs, err = s.authorities(now); err != nil {
			return nil, err
		}
	}
	switch {
	case s.CertificateFile == "" && s.KeyFile == "":
		return config, nil
	case s.KeyFile == "":
		return nil, fmt.Errorf("the client's certificate %s is set without the file of its key", s.CertificateFile)
	case s.CertificateFile == "":
		return nil, fmt.Errorf("the client's key %s is set without the file of its certificate", s.KeyFile)
	}
	pair, err := keyPair(s.CertificateFile, s.KeyFile, now)
	if err != nil {
		return nil, err
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

package transport

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// maxFile bounds a PEM file in bytes.
const maxFile = 4 << 20

// readFile reads a regular file. It does not wait for the writer of a pipe.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is no regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: has more than %d bytes", path, maxFile)
	}
	return data, nil
}

// errNoPEM is the error of a file without any PEM block.
var errNoPEM = errors.New("holds no PEM")

// certificates gives the certificates of a PEM file, one at least.
func certificates(data []byte) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	other := ""
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			other = block.Type
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(found)+1, err)
		}
		found = append(found, c)
	}
	switch {
	case len(found) > 0:
		return found, nil
	case other != "":
		return nil, fmt.Errorf("holds PEM of type %q, but no CERTIFICATE", other)
	}
	return nil, errNoPEM
}

// valid tells why a certificate is not in force now.
func valid(c *x509.Certificate, now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return fmt.Errorf("the certificate of %q expired on %s", c.Subject, c.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(c.NotBefore):
		return fmt.Errorf("the certificate of %q is not in force before %s", c.Subject, c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// authorities gives those of the settings, nil for those of the system.
func (s TLS) authorities(now time.Time) (*x509.CertPool, error) {
	if s.CAFile == "" && s.CABundle == "" && s.CAPath == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	for _, path := range []string{s.CAFile, s.CABundle} {
		if path == "" {
			continue
		}
		data, err := readFile(path)
		if err != nil {
			return nil, err
		}
		if err := addAll(pool, data, now); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if s.CAPath == "" {
		return pool, nil
	}
	paths, err := directory(s.CAPath)
	if err != nil {
		return nil, err
	}
	useful := false
	for _, path := range paths {
		// A directory of authorities holds other things too.
		if data, err := readFile(path); err == nil && addAll(pool, data, now) == nil {
			useful = true
		}
	}
	if !useful {
		return nil, fmt.Errorf("%s: no file of the %d in this directory holds a PEM certificate that is in force", s.CAPath, len(paths))
	}
	return pool, nil
}

// addAll adds the certificates of a PEM file, of which one must be in force.
func addAll(pool *x509.CertPool, data []byte, now time.Time) error {
	found, err := certificates(data)
	if err != nil {
		return err
	}
	var last error
	inForce := false
	for _, c := range found {
		pool.AddCert(c)
		if err := valid(c, now); err != nil {
			last = err
		} else {
			inForce = true
		}
	}
	if !inForce {
		return last
	}
	return nil
}

// keyPair reads a certificate chain and its key.
func keyPair(certificateFile, keyFile string, now time.Time) (tls.Certificate, error) {
	var none tls.Certificate
	chain, err := readFile(certificateFile)
	if err != nil {
		return none, err
	}
	found, err := certificates(chain)
	if err != nil {
		return none, fmt.Errorf("%s: %w", certificateFile, err)
	}
	if err := valid(found[0], now); err != nil {
		return none, fmt.Errorf("%s: %w", certificateFile, err)
	}
	key, err := readFile(keyFile)
	if err != nil {
		return none, err
	}
	if err := checkKey(key); err != nil {
		return none, fmt.Errorf("%s: %w", keyFile, err)
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return none, fmt.Errorf("%s, the key of %s: %w", keyFile, certificateFile, err)
	}
	return pair, nil
}

// checkKey tells why a PEM file has no key that can be used.
func checkKey(data []byte) error {
	other := ""
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY", strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return errors.New("the key is encrypted; it must be stored without a password")
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return nil
		}
		other = block.Type
	}
	if other != "" {
		return fmt.Errorf("holds PEM of type %q, but no PRIVATE KEY", other)
	}
	return errNoPEM
}

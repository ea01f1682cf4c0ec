package grpc

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// tlsFiles gives the server's configuration and reads the files again when they change.
type tlsFiles struct {
	settings Settings

	mu      sync.Mutex
	stamps  [3]stamp
	current *tls.Config
}

// stamp tells one version of a file from another.
type stamp struct {
	size int64
	time time.Time
}

// file is a file and the key of the configuration that names it.
type file struct{ key, path string }

func (f *tlsFiles) files() [3]file {
	s := f.settings
	return [3]file{{"grpc.private_key", s.PrivateKey}, {"grpc.cert_chain", s.CertChain}, {"grpc.root_certs", s.RootCerts}}
}

// check reads the files for the first time.
func (f *tlsFiles) check() error {
	for _, file := range f.files() {
		if file.path == "" {
			return fmt.Errorf("%s is not set: a server on %s needs private_key, cert_chain and root_certs, because clients must show a certificate",
				file.key, f.settings.BindAddress)
		}
	}
	f.stamps = f.stat()
	var err error
	f.current, err = f.read()
	return err
}

func (f *tlsFiles) stat() (stamps [3]stamp) {
	for i, file := range f.files() {
		if info, err := os.Stat(file.path); err == nil {
			stamps[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return stamps
}

func (f *tlsFiles) read() (*tls.Config, error) {
	var data [3][]byte
	for i, file := range f.files() {
		var err error
		if data[i], err = os.ReadFile(file.path); err != nil {
			return nil, fmt.Errorf("%s: %w", file.key, err)
		}
	}
	s := f.settings
	certificate, err := tls.X509KeyPair(data[1], data[0])
	if err != nil {
		return nil, fmt.Errorf("grpc.cert_chain %s with grpc.private_key %s: %w", s.CertChain, s.PrivateKey, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data[2]) {
		return nil, fmt.Errorf("grpc.root_certs %s: %w", s.RootCerts, errors.New("there is no PEM certificate in it"))
	}
	return &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"},
	}, nil
}

// config is the configuration of a listener.
func (f *tlsFiles) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return f.latest(), nil },
	}
}

// latest is the configuration of the next connection. Files that are wrong, as while they are being replaced, leave
// the one before.
func (f *tlsFiles) latest() *tls.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	if stamps := f.stat(); stamps != f.stamps {
		if c, err := f.read(); err == nil {
			f.current, f.stamps = c, stamps
		}
	}
	return f.current
}

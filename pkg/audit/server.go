package audit

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/saker-security/saker/internal/regular"
)

// maxPEM is the greatest length of a file with certificates or a key, in bytes.
const maxPEM = 4 << 20

// answerTime is how long an answer may take from when a request has arrived, evaluation included.
const answerTime = 2 * time.Minute

// NewServer makes a server on addr for HTTP/1.1 and HTTP/2, which without TLS is spoken to clients that know it beforehand.
// Its limits suit a Receiver: what a client sends before the body, how much the server holds of bodies that nobody reads
// yet, and how long a client may keep a connection without a request, are bounded. With a tlsConfig it is to be started
// by ListenAndServeTLS("", "").
func NewServer(addr string, tlsConfig *tls.Config, handler http.Handler) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Addr:              addr,
		Handler:           handler,
		TLSConfig:         tlsConfig,
		Protocols:         &protocols,
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      answerTime,
		IdleTimeout:       2 * time.Minute, // longer than the API server keeps an idle connection
		MaxHeaderBytes:    64 << 10,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          100, // an API server sends 15 batches at once by default
			MaxReceiveBufferPerConnection: 1 << 20,
			MaxReceiveBufferPerStream:     256 << 10,
			SendPingTimeout:               time.Minute,
			PingTimeout:                   15 * time.Second,
		},
	}
}

// TLSConfig makes the TLS settings of a server, version 1.2 or newer, from PEM files with its certificate chain and its
// key. With a clientCA, a PEM file of certificate authorities, clients must show a certificate of one of them. All must
// be regular files: a pipe would hold up the program.
func TLSConfig(certificate, key, clientCA string) (*tls.Config, error) {
	chain, err := readPEM(certificate)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	secret, err := readPEM(key)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	pair, err := tls.X509KeyPair(chain, secret)
	if err != nil {
		return nil, fmt.Errorf("load the certificate %s with the key %s: %w", certificate, key, err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if clientCA == "" {
		return config, nil
	}
	authorities, err := readPEM(clientCA)
	if err != nil {
		return nil, fmt.Errorf("read the certificate authorities of clients: %w", err)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("read the certificate authorities of clients: no certificate in %s", clientCA)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}

// readPEM reads a file that is not too long for what it is.
func readPEM(name string) ([]byte, error) {
	file, err := regular.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxPEM+1))
	if err == nil && len(text) > maxPEM {
		err = fmt.Errorf("%s: it is longer than %d bytes", name, maxPEM)
	}
	return text, err
}

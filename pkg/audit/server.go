package audit

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"time"
)

// NewServer makes an HTTP server on addr with limits that suit a Receiver: what a client sends before the body, and how
// long it may keep a connection, are bounded. With a tlsConfig it is to be started by ListenAndServeTLS("", "").
func NewServer(addr string, tlsConfig *tls.Config, handler http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           handler,
		TLSConfig:         tlsConfig,
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute, // longer than the API server keeps an idle connection
		MaxHeaderBytes:    64 << 10,
	}
}

// TLSConfig makes the TLS settings of a server, version 1.2 or newer, from PEM files with its certificate chain and its
// key. With a clientCA, a PEM file of certificate authorities, clients must show a certificate of one of them.
func TLSConfig(certificate, key, clientCA string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("load the certificate %s with the key %s: %w", certificate, key, err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if clientCA == "" {
		return config, nil
	}
	pem, err := os.ReadFile(clientCA)
	if err != nil {
		return nil, fmt.Errorf("read the certificate authorities of clients: %w", err)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read the certificate authorities of clients: no certificate in %s", clientCA)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}

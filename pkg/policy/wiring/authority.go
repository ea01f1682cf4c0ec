package wiring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Authority signs certificates.
type Authority struct {
	certificate            *x509.Certificate
	key                    crypto.Signer
	certificatePEM, keyPEM []byte
}

// clockSkew is how far the clocks of two machines may differ for a new certificate to be good on both.
const clockSkew = time.Hour

// NewAuthority makes an authority with a key of the curve P-256, which is good for valid from now on.
func NewAuthority(now time.Time, valid time.Duration) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of the authority: %w", err)
	}
	t := template("Saker audit authority", now, now.Add(valid))
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of the authority: %w", err)
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	return ReadAuthority(encodeCertificate(der), keyPEM, now)
}

// ReadAuthority reads an authority from the PEM texts of its certificate and its key.
func ReadAuthority(certificate, key []byte, now time.Time) (*Authority, error) {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	a := &Authority{certificate: pair.Leaf, certificatePEM: certificate, keyPEM: key}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	switch {
	case !ok:
		return nil, errors.New("read the authority: its key cannot sign")
	case !a.certificate.IsCA:
		return nil, fmt.Errorf("read the authority: the certificate of %q is not that of an authority", a.certificate.Subject.CommonName)
	case now.After(a.certificate.NotAfter):
		return nil, fmt.Errorf("the authority %q expired on %s; make everything anew without --renew and --ca", a.certificate.Subject.CommonName,
			a.certificate.NotAfter.UTC().Format(time.DateOnly))
	}
	a.key = signer
	return a, nil
}

// issue signs a certificate for a name, and for hosts when it is one of a server, or for a client without them. It does
// not outlive the authority.
func (a *Authority) issue(name string, hosts []string, now time.Time, valid time.Duration) (certificate, key []byte, err error) {
	until := now.Add(valid)
	if until.After(a.certificate.NotAfter) {
		until = a.certificate.NotAfter
	}
	t := template(name, now, until)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.BasicConstraintsValid = true
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(hosts) > 0 {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, host)
		}
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make the key of %q: %w", name, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.certificate, private.Public(), a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("sign the certificate of %q: %w", name, err)
	}
	key, err = encodeKey(private)
	return encodeCertificate(der), key, err
}

func template(name string, now, until time.Time) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // the reader does not fail, it ends the program
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-clockSkew).UTC(), NotAfter: until.UTC(),
	}
}

// newToken makes a bearer token.
func newToken() string {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // it does not fail, it ends the program
	return hex.EncodeToString(b[:])
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write the key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

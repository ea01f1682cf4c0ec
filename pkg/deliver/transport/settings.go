// Package transport makes the TLS connections of the sinks.
package transport

// TLS says whom a client trusts and who it is. The zero value trusts the authorities of the system and shows no
// certificate. Files are PEM and are read again when they change (see Client).
type TLS struct {
	// Insecure accepts any certificate.
	Insecure bool
	// CAFile and CABundle are files with authorities, CAPath is a directory of such files; where one of them is set,
	// only these authorities are trusted.
	CAFile, CABundle, CAPath string
	// CertificateFile and KeyFile, set together, are the client's certificate chain and key.
	CertificateFile, KeyFile string
	// ServerName replaces the host of the address in the check of the server's certificate.
	ServerName string
}

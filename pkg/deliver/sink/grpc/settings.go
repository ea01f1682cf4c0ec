package grpc

// Settings say where the server listens.
type Settings struct {
	// BindAddress is unix:///path, or host:port, which needs the files below.
	BindAddress string
	// PrivateKey and CertChain are the server's PEM files; RootCerts holds the authorities of the clients, each of which
	// must show a certificate. They are read again when they change.
	PrivateKey, CertChain, RootCerts string
}

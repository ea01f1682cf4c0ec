package audit

import (
	"strings"
	"sync/atomic"
)

// handshakeErrors are the causes for which a TLS connection does not come about, each with what the server of net/http
// says of it; the last one stands for all others.
var handshakeErrors = [...]struct {
	reason string
	texts  []string
}{
	{"no_client_certificate", []string{"client didn't provide a certificate"}},
	{"client_certificate_expired", []string{"has expired or is not yet valid"}},
	{"client_certificate_unknown_authority", []string{"signed by unknown authority"}},
	{"client_certificate_bad", []string{"failed to verify certificate", "invalid signature by the client certificate", "failed to parse client certificate"}},
	{"server_certificate_refused", []string{"remote error: tls: bad certificate", "remote error: tls: unknown certificate", "remote error: tls: expired certificate", "remote error: tls: certificate"}},
	{"plain_http", []string{"client sent an HTTP request to an HTTPS server", "does not look like a TLS handshake"}},
	{"tls_version", []string{"unsupported versions", "protocol version", "unsupported protocol"}},
	{"timeout", []string{"i/o timeout", "deadline exceeded"}},
	{"closed", []string{"EOF", "connection reset by peer", "broken pipe", "use of closed"}},
	{"other", nil},
}

// handshakeMark is how the server of net/http begins to tell of a TLS connection that did not come about.
const handshakeMark = "TLS handshake error from "

// handshakes counts the TLS connections that did not come about. It is safe for concurrent use.
type handshakes [len(handshakeErrors)]atomic.Uint64

// note counts a line of the log of net/http, if it is about a handshake.
func (h *handshakes) note(line string) {
	_, text, ok := strings.Cut(line, handshakeMark)
	if !ok {
		return
	}
	for i, e := range handshakeErrors {
		for _, t := range e.texts {
			if strings.Contains(text, t) {
				h[i].Add(1)
				return
			}
		}
	}
	h[len(h)-1].Add(1)
}

// counts gives the numbers by reason; every reason is there.
func (h *handshakes) counts() map[string]uint64 {
	out := map[string]uint64{}
	for i, e := range handshakeErrors {
		out[e.reason] = h[i].Load()
	}
	return out
}

package audit

import "testing"

// What the server logs of TLS is counted by what it says, and everything else is not.
func TestHandshakeLines(t *testing.T) {
	var h handshakes
	for _, line := range []string{"http: something else", "http: TLS handshake error from 10.0.0.1:5: local error: tls: odd", "http: TLS handshake error from [::1]:5: EOF", "http: TLS handshake error from x: read tcp: i/o timeout"} {
		h.note(line)
	}
	if got := h.counts(); got["other"] != 1 || got["closed"] != 1 || got["timeout"] != 1 {
		t.Errorf("%v", got)
	}
}

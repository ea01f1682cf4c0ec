// Package http is the sink that posts alerts to a web server.
package http

import (
	"github.com/saker-security/saker/pkg/deliver/secret"
	"github.com/saker-security/saker/pkg/deliver/transport"
)

// Settings say where and how alerts are posted.
type Settings struct {
	// URL may hold a password or a token and is never shown whole.
	URL secret.Text
	// UserAgent is the header User-Agent; Headers are others, whose values are secrets.
	UserAgent string
	Headers   map[string]secret.Text
	// Echo has the answers' bodies logged.
	Echo bool
	// Compress packs bodies with gzip.
	Compress bool
	// KeepAlive uses a connection for more than one request.
	KeepAlive bool
	// FollowRedirects follows up to that many redirects; 0 takes a redirect for an error.
	FollowRedirects int
	// BlockLocal refuses to connect to link-local addresses, where clouds serve metadata.
	BlockLocal bool
	// Template is a text/template for the body of one alert; empty for the alert as the configuration has it.
	Template string
	// ArrayBody posts a batch as a JSON array, otherwise as lines (NDJSON); a batch of at most one is posted bare.
	ArrayBody bool
	TLS       transport.TLS
}

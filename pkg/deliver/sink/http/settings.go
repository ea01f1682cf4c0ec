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
	// BlockLocal refuses to connect to link-local addresses and others where clouds serve metadata. Behind a proxy, which
	// looks up names by itself, it holds for the proxy's address and for addresses that are written as numbers.
	BlockLocal bool
	// Template is a text/template for the body of one alert; empty for the alert as the configuration has it. It sees
	// .ID .Rule .Priority .Source .Hostname .Time .Output .Message .Tags .Fields (a map) and .Field "proc.name" (text,
	// empty when there is none), and has the functions json, upper, lower, trim, contains, join, truncate and default. For
	// an alert for which it fails, the alert is posted without it.
	Template string
	// ArrayBody posts a JSON array, also of a single alert, so that the server always gets the same; otherwise a single
	// alert is posted bare and a batch as lines (NDJSON).
	ArrayBody bool
	TLS       transport.TLS
}

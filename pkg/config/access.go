package config

import (
	"net/netip"
	"slices"
	"strings"
)

// origin is where a setting comes from: its place, and the name of the key that was written there.
type origin struct {
	at  place
	key string
}

// listenOrigin is where audit.listen comes from, which may be open_params of k8saudit.
func (c *Config) listenOrigin() origin {
	if o := c.record.plugins.audit.listen; o.key != "" {
		return o
	}
	return origin{c.record.given["audit.listen"], "audit.listen"}
}

// CheckAccess looks at who may send audit events: a receiver that others than this machine reach needs something that
// keeps strangers away, for they could make alerts up, hide what they do in a flood of them, and hold the receiver up.
// The warnings name what is weak. It is for programs that open the receiver.
func (c *Config) CheckAccess() (warnings []string, err error) {
	a, from := &c.Audit, c.listenOrigin()
	if a.Listen == "" || IsLoopback(a.Listen) {
		return nil, nil
	}
	all := slices.ContainsFunc(a.Networks, func(p netip.Prefix) bool { return p.Bits() == 0 })
	switch kept := a.ClientCA != "" || a.TokenFile != "" || len(a.Networks) > 0 && !all; {
	case !kept && !a.AllowUnauthenticated:
		text := "key " + from.key + ": " + shown(a.Listen) + " is reached from other machines, and nothing says who may send audit events. Set one of\n" +
			"  audit.tls_client_ca: FILE       senders must show a client certificate of these authorities; needs audit.tls_certificate and audit.tls_key\n" +
			"  audit.token_file: FILE          senders must send a bearer token that stands in the file\n" +
			"  audit.allowed_networks: [...]   senders must have an address in these networks\n" +
			"or audit.allow_unauthenticated: true to take events from whoever reaches the port, or listen on 127.0.0.1"
		if all {
			text += "; a network that holds all addresses keeps nobody away"
		}
		return nil, &finding{from.at, text}
	case !kept:
		warnings = append(warnings, (&finding{from.at, "key " + from.key + ": whoever reaches " + shown(a.Listen) + " can send audit events, since audit.allow_unauthenticated is true"}).Error())
	case a.TokenFile != "" && a.Certificate == "":
		at := c.record.given["audit.token_file"]
		warnings = append(warnings, (&finding{at, "key audit.token_file: the tokens are sent in the clear, where whoever listens on the way can read them; set audit.tls_certificate and audit.tls_key"}).Error())
	}
	return warnings, nil
}

// IsLoopback tells whether only programs of this machine reach an address and port.
func IsLoopback(address string) bool {
	host, _, ok := cutPort(address)
	if !ok {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// Package syslog is the sink that sends alerts to a syslog daemon.
package syslog

import "github.com/saker-security/saker/pkg/deliver/transport"

// Settings say where the daemon is and what the messages look like.
type Settings struct {
	// Network is local (the socket of this machine), udp, tcp or tls.
	Network string
	// Address is the socket's path for local, where empty means the usual ones, and else host:port.
	Address string
	// Facility is a name such as daemon or local0.
	Facility string
	// AppName is the name of the program in the messages.
	AppName string
	TLS     transport.TLS
}

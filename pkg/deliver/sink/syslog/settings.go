// Package syslog is the sink that sends alerts to a syslog daemon: to the one of this machine in the form of the C
// library's syslog(3), or over the network as RFC 5424 messages by UDP (RFC 5426), TCP (RFC 6587, octet counting) or
// TLS (RFC 5425).
//
// What "delivered" means is up to the way: syslog has no answers. The local socket has taken the message. UDP may lose
// it without anybody knowing. With TCP and TLS the system of the other machine has acknowledged every byte of the
// batch and the connection was still open then; a daemon that stops before it reads what its system has taken loses
// it. When a connection breaks, the whole batch is sent again.
package syslog

import "github.com/saker-security/saker/pkg/deliver/transport"

// Settings say where the daemon is and what the messages look like.
type Settings struct {
	// Network is local (the socket of this machine), udp, tcp or tls.
	Network string
	// Address is the socket's path for local, where empty means the usual ones, and else host:port.
	Address string
	// Facility is a name such as daemon or local0; empty is daemon.
	Facility string
	// AppName is the name of the program in the messages; empty is saker.
	AppName string
	TLS     transport.TLS
}

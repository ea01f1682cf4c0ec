package syslog

import (
	"errors"

	"golang.org/x/sys/unix"
)

// unacknowledged gives the number of bytes written to a TCP socket that the other machine does not have yet, and then
// the state of the connection.
func unacknowledged(socket int) (bytes int, state uint8, err error) {
	bytes, noCount := unix.IoctlGetInt(socket, unix.SIOCOUTQ)
	info, noState := unix.GetsockoptTCPInfo(socket, unix.IPPROTO_TCP, unix.TCP_INFO)
	if noState == nil {
		state = info.State
	}
	return bytes, state, errors.Join(noCount, noState)
}

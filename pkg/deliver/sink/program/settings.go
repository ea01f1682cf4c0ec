// Package program is the sink that writes alerts to the standard input of a program.
package program

import "time"

// Settings say which program.
type Settings struct {
	// Shell is a command line for /bin/sh -c; Argv is a program and its arguments, started without a shell. One of them
	// is set.
	Shell string
	Argv  []string
	// KeepOpen keeps one process running; otherwise each batch has a process of its own.
	KeepOpen bool
	// Environment names the variables that the program inherits beside PATH, HOME, LANG and TZ.
	Environment []string
	// Timeout is how long a process may take for a batch before it is killed with its group.
	Timeout time.Duration
}

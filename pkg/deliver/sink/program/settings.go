// Package program is the sink that writes alerts to the standard input of a program, one line each.
//
// The text of an alert is only ever on standard input: never in the command, an argument or the environment. The
// program gets PATH, HOME, LANG, TZ and the variables that are named, and no open file but the three standard ones. It
// leads a process group of its own, and the group is killed when it takes too long or the sink is closed. What it
// writes to its standard output and standard error goes to the output given to New, because standard output is for
// alerts alone.
//
// Without KeepOpen each batch has a process of its own, and is delivered when it ends with exit code 0. With KeepOpen
// one process gets all batches; a batch is delivered when the process has read all of it and is alive. It is started
// again when it has ended. A process that leaves others behind when it ends in time is not cleaned up after.
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
	// Timeout is how long a process may take for a batch before it is killed with its group, 0 for as long as Send may.
	Timeout time.Duration
}

// Package stdout is the sink that writes alerts to standard output, one line each.
package stdout

// Settings say how the lines are written.
type Settings struct {
	// Buffered writes all lines of a batch with one call. Otherwise each line has a call of its own, as Falco's has, so
	// that lines of several programs do not mix in a pipe. Either way they are written when Send returns: nothing
	// waits in the program's memory.
	Buffered bool
}

// Package stdout is the sink that writes alerts to standard output, one line each.
package stdout

// Settings say how the lines are written.
type Settings struct {
	// Buffered collects the lines of several batches before they are written.
	Buffered bool
}

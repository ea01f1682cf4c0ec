package program

import (
	"math"

	"golang.org/x/sys/unix"
)

// unreadBytes tells how much of what was written to a pipe nobody has read yet.
func unreadBytes(pipe int) (int, error) { return unix.IoctlGetInt(pipe, unix.TIOCINQ) }

// keepInherited keeps the files that we inherited from the program; our own are closed in a new process anyway.
// Kernels before 5.11 cannot do that at once, and there the program inherits what whoever started us left open.
func keepInherited() { _ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) }

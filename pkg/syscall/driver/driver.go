// Package driver is what every source of raw system call events looks like: the CO-RE driver, the BCC driver and the
// reader of recordings. A driver opens, delivers frames (package wire) into a reused buffer, counts what was lost and
// closes; everything above it is shared.
package driver

import "errors"

// Driver delivers frames. Next is called from one goroutine; Stats and Close may be called from another.
type Driver interface {
	// Name is co-re, bcc or file.
	Name() string
	// Next waits for the next frame and returns it. The bytes are valid until the next call. It returns io.EOF when
	// a recording ends and os.ErrClosed after Close.
	Next() ([]byte, error)
	// Stats reads the counters.
	Stats() (Stats, error)
	// Close detaches everything and wakes Next.
	Close() error
}

// Wanter is a Driver whose wanted event types can be changed while it runs. Want may be called from any goroutine. When
// it fails, the driver is of no more use and is to be closed.
type Wanter interface{ Want(types []uint16) error }

// Stats counts since the driver was opened.
type Stats struct {
	// Delivered frames, as seen by the kernel side where there is one.
	Delivered uint64
	// Lost events by reason.
	Lost map[Loss]uint64
	// Truncated counts delivered events with a value that was cut or left out because of a limit.
	Truncated uint64
	// Unread counts delivered events with a value that could not be read from the program's memory.
	Unread uint64
}

// Loss is the reason why an event was lost.
type Loss string

// The reasons.
const (
	// LossBufferFull: the reader was too slow and the buffer had no room.
	LossBufferFull Loss = "buffer_full"
	// LossScratch: the kernel side had no scratch memory for the event.
	LossScratch Loss = "scratch"
	// LossTooLong: the event did not fit into the largest frame.
	LossTooLong Loss = "too_long"
)

// Options are common to the live drivers.
type Options struct {
	// Types are the event types wanted, ids of the event table. Those that the process table needs are always on.
	Types []uint16
	// BufferBytes is the size of the buffer between kernel and reader, all CPUs together; 0 for the default.
	BufferBytes int
}

// ErrUnavailable is wrapped by the errors of an Open that fails because of the machine (rights, kernel) and not
// because of a defect; its text is one line that says what is missing.
var ErrUnavailable = errors.New("system call sensor is not available")

// Package file is the sink that appends alerts to a file, one line each.
//
// A batch is delivered when it is on disk: each ends with an fsync, and a new or renamed file with one of its
// directory, because the queue forgets what was delivered. (NoSync leaves that to the system; an alert delivered in
// the last seconds is then lost with the power.)
//
// The file is opened without following a symbolic link, so that nobody who may write to its directory can point the
// sink at another file. A FIFO and a character device such as /dev/null or a terminal are written to as they are; so
// are /dev/stdout, /dev/stderr, /dev/fd/N and /proc/PID/fd/N, which are links by nature. They are kept open whatever
// KeepOpen says, and are neither rotated nor synced. Directories, block devices and sockets are refused.
//
// Anything may be done to the file from outside: when it is renamed or removed, a new one is begun at the path with
// the next batch or, where it is kept open, a second later; when it is cut to nothing (logrotate's copytruncate), the
// next line is its first. A write to a file cannot be called back, so Send may outlast its context when the disk
// hangs; a FIFO that is not read ends it in time.
//
// A line that was cut off when the program or the machine stopped is completed when its alert comes again in the next
// batch, as it mostly does after kill -9, so that every line of the file is whole. Where it does not, as when other alerts
// come before it, another program wrote it, or alerts are rendered in another way now, it is ended as it is, which is
// warned of. Nothing is ever cut off then: programs that follow a file read one that got shorter again from its start.
package file

import "time"

// Settings say which file and how it is rotated.
type Settings struct {
	// Path is the file. A symbolic link as its last part is refused; its directory must exist.
	Path string
	// KeepOpen keeps the file open between two batches.
	KeepOpen bool
	// NoSync returns from Send before the lines are on stable storage.
	NoSync bool
	// MaxBytes and MaxAge say when the file is moved away and begun anew, 0 for never. It is moved to
	// NAME-20060102T150405Z-N beside it. MaxBackups is how many moved files are kept, 0 for all; Compress packs them
	// with gzip.
	MaxBytes   int64
	MaxAge     time.Duration
	MaxBackups int
	Compress   bool
}

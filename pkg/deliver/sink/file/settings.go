// Package file is the sink that appends alerts to a file, one line each.
package file

import "time"

// Settings say which file and how it is rotated.
type Settings struct {
	Path string
	// KeepOpen keeps the file open between two batches.
	KeepOpen bool
	// MaxBytes and MaxAge say when the file is moved away and begun anew, 0 for never. MaxBackups is how many moved
	// files are kept, 0 for all; Compress packs them with gzip.
	MaxBytes   int64
	MaxAge     time.Duration
	MaxBackups int
	Compress   bool
}

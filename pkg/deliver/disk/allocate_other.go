//go:build !linux

package disk

// Allocate makes the file longer; room is reserved on Linux only.
func (f file) Allocate(size int64) error { return f.Truncate(size) }

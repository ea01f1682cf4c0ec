// Package disk is the little that queues ask of a file system, as an interface, so that tests can make every call fail,
// stop half-way or take long; and the frame in which records lie in files.
package disk

import (
	"io"
	"io/fs"
	"os"
)

// FS is a file system. Paths are those of the operating system. It is safe for concurrent use.
type FS interface {
	// OpenFile is os.OpenFile for regular files. Anything else, as a named pipe, a device, a directory or a symbolic
	// link, is refused with an error that is ErrNotRegular, and never waited for.
	OpenFile(path string, flag int, mode fs.FileMode) (File, error)
	// MkdirAll makes a directory and those above it, and has the new entries on disk when it returns.
	MkdirAll(path string, mode fs.FileMode) error
	Rename(from, to string) error
	Remove(path string) error
	// ReadDir lists a directory by name.
	ReadDir(path string) ([]fs.DirEntry, error)
	// SyncDir has the entries of a directory on disk when it returns.
	SyncDir(path string) error
	// Leads says whether the path leads to the open file. It does not when somebody removed the file or put another one
	// in its place: what is written to it then is gone once it is closed, although every write and sync succeeds.
	Leads(path string, f File) (bool, error)
	// Capacity is how many bytes the file system has that the path is in, 0 if that is unknown.
	Capacity(path string) int64
}

// File is an open file. ReadAt and WriteAt may be called by several goroutines at once.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync has everything written on disk when it returns.
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
	// Allocate reserves room on disk for the first size bytes of the file and makes it at least that long; a file
	// system that cannot is no error.
	Allocate(size int64) error
}

// OS is the file system of the machine.
var OS FS = system{}

type system struct{}

func (system) OpenFile(path string, flag int, mode fs.FileMode) (File, error) {
	f, err := OpenRegular(path, flag, mode)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

func (system) Rename(from, to string) error               { return os.Rename(from, to) }
func (system) Remove(path string) error                   { return os.Remove(path) }
func (system) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }

type file struct{ *os.File }

func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Package regular opens regular files only. A pipe would wait for its writer, so that whoever can put one in the place of
// a file could hold up the program.
package regular

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Open opens a file for reading without waiting, and refuses what is neither a regular file nor os.DevNull. The error is
// an fs.PathError.
func Open(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() && name != os.DevNull {
		err = &fs.PathError{Op: "open", Path: name, Err: refusal(info.Mode())}
	}
	if err != nil {
		_ = f.Close() // nothing was done with it
		return nil, err
	}
	return f, nil
}

// refusal is the error of a file of another kind.
func refusal(mode fs.FileMode) error {
	switch {
	case mode.IsDir():
		return syscall.EISDIR
	case mode&fs.ModeNamedPipe != 0:
		return errors.New("it is a pipe; write what comes out of it into a file, and name that")
	case mode&fs.ModeDevice != 0:
		return errors.New("it is a device; name a regular file")
	}
	return errors.New("it is no regular file")
}

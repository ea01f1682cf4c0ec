package faultfs

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"syscall"
)

// file is an open file.
type file struct {
	fs     *FS
	node   *node
	path   string
	closed bool
}

// apply does the change to the bytes of a file.
func (c change) apply(data []byte) []byte {
	if c.data == nil {
		return resize(data, c.size)
	}
	data = resize(data, max(int64(len(data)), c.off+int64(len(c.data))))
	copy(data[c.off:], c.data)
	return data
}

func resize(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		return data[:size]
	}
	// Memory behind the end may hold what was there before the file was cut.
	old := len(data)
	data = slices.Grow(data, int(size)-old)[:size]
	clear(data[old:])
	return data
}

func (n *node) do(c change) {
	n.data = c.apply(n.data)
	n.changes = append(n.changes, c)
}

// enter is FS.enter for a file that is not closed.
func (f *file) enter(kind string, off int64, length int) error {
	if err := f.fs.enter(Op{Kind: kind, Path: f.path, Off: off, Len: length}); err != nil {
		return err
	}
	if f.closed {
		f.fs.mu.Unlock()
		return &fs.PathError{Op: kind, Path: f.path, Err: fs.ErrClosed}
	}
	return nil
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	if err := f.enter(Read, off, len(b)); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.node.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(b []byte, off int64) (int, error) {
	var short *Short
	err := f.enter(Write, off, len(b))
	if errors.As(err, &short) {
		b = b[:min(max(short.N, 0), len(b))]
		f.fs.mu.Lock()
	} else if err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	if room := f.room(); room >= 0 && off+int64(len(b)) > int64(len(f.node.data))+room {
		b = b[:max(min(int64(len(f.node.data))+room-off, int64(len(b))), 0)]
		err = &fs.PathError{Op: Write, Path: f.path, Err: syscall.ENOSPC}
	}
	if len(b) > 0 {
		f.node.do(change{off: off, data: slices.Clone(b)})
	}
	return len(b), err
}

// room is by how much the file may grow, negative for no bound.
func (f *file) room() int64 {
	if f.fs.space < 0 {
		return -1
	}
	return max(f.fs.space-f.fs.used(), 0)
}

func (f *file) Sync() error {
	if err := f.enter(Sync, 0, 0); err != nil {
		if !errors.Is(err, ErrCrashed) {
			f.fs.mu.Lock()
			f.node.changes = nil
			f.fs.mu.Unlock()
		}
		return err
	}
	defer f.fs.mu.Unlock()
	for _, c := range f.node.changes {
		f.node.safe = c.apply(f.node.safe)
	}
	f.node.changes = nil
	return nil
}

func (f *file) Truncate(size int64) error {
	if err := f.enter(Truncate, 0, 0); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	f.node.do(change{size: size})
	return nil
}

func (f *file) Allocate(size int64) error {
	if err := f.enter(Allocate, 0, 0); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	grow := size - int64(len(f.node.data))
	if grow <= 0 {
		return nil
	}
	if room := f.room(); room >= 0 && grow > room {
		return &fs.PathError{Op: Allocate, Path: f.path, Err: syscall.ENOSPC}
	}
	f.node.do(change{size: size})
	return nil
}

func (f *file) Size() (int64, error) {
	if err := f.enter(Size, 0, 0); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return fs.ErrClosed
	}
	f.closed = true
	return nil
}

package direct

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/saker-security/saker/pkg/alert"
)

// Render appends the line of an alert, newline included, to dst.
type Render func(dst []byte, a *alert.Alert) []byte

// Writer is a sink on an io.Writer, such as standard output: one line an alert.
type Writer struct {
	name   string
	out    io.Writer
	buffer *bufio.Writer
	render Render
	line   []byte
}

// NewWriter makes a sink. With buffered, lines are collected until Flush or until 64 KiB are full.
func NewWriter(name string, out io.Writer, buffered bool, render Render) *Writer {
	w := &Writer{name: name, out: out, render: render}
	if buffered {
		w.buffer = bufio.NewWriterSize(out, 64<<10)
		w.out = w.buffer
	}
	return w
}

// Name returns the name given to NewWriter.
func (w *Writer) Name() string { return w.name }

// Write writes one line.
func (w *Writer) Write(a *alert.Alert) error {
	w.line = w.render(w.line[:0], a)
	_, err := w.out.Write(w.line)
	return err
}

// Flush writes what is buffered.
func (w *Writer) Flush() error {
	if w.buffer == nil {
		return nil
	}
	return w.buffer.Flush()
}

// Close flushes; it does not close the io.Writer, which belongs to the caller.
func (w *Writer) Close() error { return w.Flush() }

// File is a sink that appends lines to a file.
type File struct {
	name   string
	path   string
	keep   bool
	sync   bool
	dirty  bool
	render Render
	line   []byte
	file   *os.File
}

// NewFile makes a sink that appends to the file at path, made with mode 0600 when it does not exist. Without keep the
// file is opened for each alert, so that it may be moved away at any time. The file is opened once here to find
// errors at the start.
func NewFile(path string, keep bool, render Render) (*File, error) {
	f := &File{name: "file", path: path, keep: keep, render: render}
	return f, f.reopen()
}

// NewJournal makes a sink that keeps every alert in the file alerts.jsonl in dir (made with mode 0700) and that has
// them on disk when Flush returns.
func NewJournal(dir string, render Render) (*File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	f := &File{name: "journal", path: filepath.Join(dir, "alerts.jsonl"), keep: true, sync: true, render: render}
	return f, f.reopen()
}

// Name is file or journal.
func (f *File) Name() string { return f.name }

// reopen opens the file for the first time, to find errors at the start.
func (f *File) reopen() error {
	file, err := f.open()
	if err != nil {
		return fmt.Errorf("open alert file: %w", err)
	}
	if f.keep {
		f.file = file
		return nil
	}
	return file.Close()
}

// open opens the file for appending. A line that was cut off when the program or the machine stopped is ended, so
// that it does not spoil the next one.
func (f *File) open() (*os.File, error) {
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return file, err
	}
	last := make([]byte, 1)
	if _, err = file.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
		_, err = file.Write([]byte{'\n'})
	}
	if err != nil {
		_ = file.Close() // the first error is the one to tell
		return nil, err
	}
	return file, nil
}

// Write appends one line with one write call, so that lines of several writers do not mix. Of a line that does not
// fit on the disk nothing is left behind.
func (f *File) Write(a *alert.Alert) error {
	f.line = f.render(f.line[:0], a)
	file := f.file
	if !f.keep {
		var err error
		if file, err = f.open(); err != nil {
			return err
		}
	}
	n, err := file.Write(f.line)
	if err != nil && n > 0 {
		err = errors.Join(err, undo(file, int64(n)))
	}
	if !f.keep {
		err = errors.Join(err, file.Close())
	}
	f.dirty = f.dirty || err == nil
	return err
}

// undo takes the last n bytes of a file away.
func undo(file *os.File, n int64) error {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	return file.Truncate(info.Size() - n)
}

// Flush has a journal's lines on disk; a plain file needs nothing.
func (f *File) Flush() error {
	if !f.sync || !f.dirty {
		return nil
	}
	if err := f.file.Sync(); err != nil {
		return err
	}
	f.dirty = false
	return nil
}

// Close flushes and closes.
func (f *File) Close() error {
	err := f.Flush()
	if f.file != nil {
		if e := f.file.Close(); err == nil {
			err = e
		}
	}
	return err
}

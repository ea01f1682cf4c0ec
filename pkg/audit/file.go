package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	"github.com/saker-security/saker/pkg/event"
)

// FileError is a defect of a file with audit events. Reading goes on after it.
type FileError struct {
	Path string
	// Line and Column count from 1, Column in bytes.
	Line, Column int
	Message      string
}

func (e *FileError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Column, e.Message)
}

// FileReader reads audit events from files. A file holds any number of Events, EventLists and arrays of them one after
// the other: one in each line, as the API server writes its log, or over many lines. It is not safe for concurrent use.
type FileReader struct {
	// Splitter numbers the events.
	Splitter *Splitter
	// Report is told of each defect, if it is not nil.
	Report func(*FileError)
	// Unwrap opens the records of log services, nil for none.
	Unwrap Unwrap

	// Events counts what was read, Trimmed those that were too long and lack their request and response object, Rejected
	// the items that are no events, Malformed the places that are no JSON, Foreign the entries of log services that are
	// about something else.
	Events, Trimmed, Rejected, Malformed, Foreign int

	path string
	stream
	events Batch
	again  int // how many bytes were read again
}

// Read reads a file, or the files in a directory in the order of their names, and calls do for each event. An event is
// valid until do returns. Read returns the first error of do, or of reading a file; defects of the content only go to
// Report, and lines that follow them are read.
func (f *FileReader) Read(path string, do func(*event.Event) error) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read audit events: %w", err)
	}
	if !info.IsDir() {
		return f.open(path, do)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("read audit events: %w", err)
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	for _, entry := range entries {
		inner := filepath.Join(path, entry.Name())
		info, err := os.Stat(inner) // follows links
		if err != nil {
			return fmt.Errorf("read audit events: %w", err)
		}
		if !info.Mode().IsRegular() {
			continue
		}
		if err := f.open(inner, do); err != nil {
			return err
		}
	}
	return nil
}

func (f *FileReader) open(path string, do func(*event.Event) error) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read audit events: %w", err)
	}
	defer file.Close()
	return f.ReadFrom(path, file, do)
}

// ReadFrom is Read for what r gives; path only names it in messages.
func (f *FileReader) ReadFrom(path string, r io.Reader, do func(*event.Event) error) error {
	f.path, f.again = path, 0
	f.splitter, f.batch, f.unwrap = f.Splitter, &f.events, f.Unwrap
	f.reset(r, f.buf[:0])
	defer f.events.release()
	f.to = func(b *Batch) error {
		f.Events += b.Len()
		f.Trimmed += b.Trimmed
		f.Rejected += b.rejected()
		f.Foreign += b.Foreign
		for _, reject := range b.Rejects {
			f.report(b.base.of(bodyError(b.text, reject.Offset-b.base.offset, reject.Reason.text())))
		}
		for e := range b.All() {
			if err := do(e); err != nil {
				return err
			}
		}
		return nil
	}
	var bad *BodyError
	if err := f.begin(); errors.As(err, &bad) {
		f.Malformed++
		f.report(bad)
		return nil
	} else if err != nil {
		return f.failed(err)
	}
	for {
		if _, err := f.peek(); err != nil {
			return f.failed(err)
		}
		if f.pos == len(f.buf) {
			return nil
		}
		if done, err := f.textLine(); err != nil {
			return err
		} else if done {
			continue
		}
		if err := f.take(); err != nil {
			return f.failed(err)
		}
	}
}

// take takes the value at the position. What is wrong with it is reported.
func (f *FileReader) take() error {
	line, err := f.line, f.value()
	var bad *BodyError
	if !errors.As(err, &bad) {
		return err
	}
	if bad.Reason != nil {
		f.Rejected++
		f.report(bad)
		return nil
	}
	return f.broken(bad, line)
}

// failed is the error of a file that cannot be read, or of do.
func (f *FileReader) failed(err error) error {
	var reading *readError
	if errors.As(err, &reading) {
		return fmt.Errorf("read audit events from %s: %w", f.path, reading.err)
	}
	return err
}

// report tells of a defect.
func (f *FileReader) report(e *BodyError) {
	if f.Report != nil {
		f.Report(&FileError{Path: f.path, Line: e.Line, Column: e.Column, Message: e.Message})
	}
}

// broken reports a defect of the value that began on a line, and finds where to go on.
func (f *FileReader) broken(e *BodyError, line int) error {
	f.Malformed++
	told := *e
	if line = max(line, f.line); e.Line > line {
		told.Message += fmt.Sprintf(", in the value that begins on line %d", line)
	}
	f.report(&told)
	return f.resume(e.Offset - f.offset)
}

// resume goes on after a defect, which stands at an offset of the broken value at the position, with the first line that
// looks like the start of another value. In a log that is the next line; the lines of a value that is spread over many
// lines are indented, except for the last one, and are passed over. Lines before the defect count only as long as no
// more is read again than was read, so that no file makes reading slow.
func (f *FileReader) resume(defect int) error {
	if f.again += defect + f.tried; f.again <= f.offset+firstWindow {
		f.advance(min(1, len(f.rest())))
	} else {
		passed := min(max(defect, f.tried), len(f.rest()))
		f.again -= passed
		f.advance(passed)
	}
	for {
		for f.pos < len(f.buf) {
			if f.column == 1 && isStart(f.buf[f.pos], f.Unwrap != nil) {
				return nil
			}
			next := bytes.IndexByte(f.rest(), '\n')
			if next < 0 {
				next = len(f.rest()) - 1
			}
			f.advance(next + 1)
		}
		if f.ended {
			return nil
		}
		if err := f.fill(); err != nil {
			return err
		}
	}
}

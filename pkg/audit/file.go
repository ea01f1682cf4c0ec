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

// window is how much of a file is read at first; it is doubled for a value that does not fit. An EventList or an array
// longer than pieceFrom is taken item by item, so that memory is bounded by the longest event.
const (
	window    = 1 << 20
	pieceFrom = 8 << 20
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

	path   string
	file   io.Reader
	buf    []byte
	pos    int
	line   int // of buf[pos], from 1
	column int // of buf[pos], from 1
	ended  bool
	credit int // how many bytes may be read again
	depth  int // of the lists that are taken in pieces
	batch  Batch
	to     func(*Batch) error
	// first, pieces and limit are window, pieceFrom and DefaultMaxBody, or less in tests.
	first, pieces, limit int
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
	f.path, f.file, f.ended = path, r, false
	f.buf, f.pos, f.line, f.column = f.buf[:0], 0, 1, 1
	f.credit, f.depth = window, 0
	if f.pieces == 0 {
		f.first, f.pieces, f.limit = window, pieceFrom, DefaultMaxBody
	}
	f.to = func(b *Batch) error {
		f.Events += b.Len()
		f.Trimmed += b.Trimmed
		f.Rejected += b.rejected()
		f.Foreign += b.Foreign
		for _, reject := range b.Rejects {
			f.report(bodyError(b.text, reject.Offset, reject.Reason.text()))
		}
		for e := range b.All() {
			if err := do(e); err != nil {
				return err
			}
		}
		return nil
	}
	for {
		more, err := f.skipSpace()
		if err != nil || !more {
			return err
		}
		if _, err := f.value(false); err != nil {
			return err
		}
	}
}

// report tells of a defect at a place in the window.
func (f *FileReader) report(e *BodyError) {
	if f.Report == nil {
		return
	}
	column := e.Column
	if e.Line == 1 {
		column += f.column - 1
	}
	f.Report(&FileError{Path: f.path, Line: f.line + e.Line - 1, Column: column, Message: e.Message})
}

// value takes the value that starts at the position, an item of an EventList or what may stand alone. It returns false
// when the value is broken; then the position is where reading goes on.
func (f *FileReader) value(inList bool) (ok bool, err error) {
	if done, err := f.textLine(); done || err != nil {
		return true, err
	}
	for {
		end, err := f.cut(f.buf[f.pos:], inList)
		var bad *BodyError
		switch {
		case err == nil:
			f.advance(end)
			return true, nil
		case !errors.As(err, &bad):
			return false, err
		case bad.Reason != nil:
			f.Rejected++
			f.report(bad)
			f.advance(end)
			return true, nil
		case !bad.Short || f.ended:
			return false, f.broken(bad)
		case len(f.buf)-f.pos >= f.limit:
			return false, f.broken(&BodyError{Offset: len(f.buf) - f.pos, Line: 1, Column: 1, Message: fmt.Sprintf("the value is longer than %d bytes", f.limit)})
		}
		if len(f.buf)-f.pos >= f.pieces && !inList {
			if done, ok, err := f.inPieces(); done {
				return ok, err
			}
		}
		if err := f.fill(); err != nil {
			return false, err
		}
	}
}

// cut hands over the events of the first value of text and returns where it ends. Nothing is handed over when the text
// ends too soon.
func (f *FileReader) cut(text []byte, inList bool) (int, error) {
	c := cutter{splitter: f.Splitter, b: &f.batch, to: f.to, whole: true, unwrap: f.Unwrap, alone: true}
	each := c.item
	if inList {
		each = c.listItem
	}
	end, err := c.document(text, each)
	if err == nil {
		err = c.flush()
	}
	return end, err
}

// broken reports a defect and finds where to go on.
func (f *FileReader) broken(e *BodyError) error {
	f.Malformed++
	told := *e
	if e.Line > 1 {
		told.Message += fmt.Sprintf(", in the value that begins on line %d", f.line)
	}
	f.report(&told)
	return f.resume(e.Offset)
}

// resume goes on after a defect, which stands at an offset of the broken value at the position, with the first line that
// looks like the start of another value. In a log that is the next line; the lines of a value that is spread over many
// lines are indented, except for the last one, and are passed over. Lines before the defect count only as long as no
// more is read again than was read, so that no file makes reading slow.
func (f *FileReader) resume(defect int) error {
	if defect <= f.credit {
		f.credit -= defect
		f.advance(min(1, len(f.buf)-f.pos))
	} else {
		f.advance(defect)
	}
	for {
		for f.pos < len(f.buf) {
			if f.column == 1 && isStart(f.buf[f.pos], f.Unwrap != nil) {
				return nil
			}
			next := bytes.IndexByte(f.buf[f.pos:], '\n')
			if next < 0 {
				next = len(f.buf) - f.pos - 1
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

// skipSpace passes white space and returns whether there is something after it.
func (f *FileReader) skipSpace() (bool, error) {
	for {
		rest := f.buf[f.pos:]
		f.advance(len(rest) - len(bytes.TrimLeft(rest, " \t\r\n")))
		if f.pos < len(f.buf) {
			return true, nil
		}
		if f.ended {
			return false, nil
		}
		if err := f.fill(); err != nil {
			return false, err
		}
	}
}

// advance passes n bytes of the window.
func (f *FileReader) advance(n int) {
	passed := f.buf[f.pos : f.pos+n]
	if lines := bytes.Count(passed, []byte{'\n'}); lines > 0 {
		f.line += lines
		f.column = len(passed) - bytes.LastIndexByte(passed, '\n')
	} else {
		f.column += n
	}
	f.pos += n
	f.credit += n
}

// fill reads more of the file behind what is left of the window.
func (f *FileReader) fill() error {
	rest := copy(f.buf, f.buf[f.pos:])
	f.buf, f.pos = f.buf[:rest], 0
	if rest > cap(f.buf)/2 || cap(f.buf) == 0 {
		grown := make([]byte, rest, max(f.first, 2*cap(f.buf)))
		copy(grown, f.buf)
		f.buf = grown
	}
	n, err := io.ReadFull(f.file, f.buf[rest:cap(f.buf)])
	f.buf = f.buf[:rest+n]
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		f.ended = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("read audit events from %s: %w", f.path, err)
	}
	return nil
}

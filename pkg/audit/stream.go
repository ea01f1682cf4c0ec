package audit

import (
	"bytes"
	"errors"
	"io"

	"github.com/saker-security/saker/pkg/audit/scan"
)

const (
	// firstWindow is how much of a text is read at first; it is doubled for an event that does not fit.
	firstWindow = 1 << 20
	// wholeText is the length from which on an EventList or an array is taken item by item while it is read, so that
	// memory is bounded by the longest event, and not by the list.
	wholeText = 4 << 20
)

// place is where something stands in a text: Offset counts bytes from 0, Line and Column from 1, Column in bytes.
type place struct{ offset, line, column int }

// start is the place of the first byte of a text.
var start = place{line: 1, column: 1}

// of gives the place of a defect that counts from p on.
func (p place) of(e *BodyError) *BodyError {
	moved := *e
	moved.Offset += p.offset
	if moved.Line == 1 {
		moved.Column += p.column - 1
	}
	moved.Line += p.line - 1
	return &moved
}

// stream cuts the events out of a text that a reader gives, and holds no more of it than one event, or one short list.
// It keeps to the grammar: what it does after a defect is up to its user. It is not safe for concurrent use.
type stream struct {
	splitter *Splitter
	batch    *Batch
	unwrap   Unwrap
	to       func(*Batch) error
	in       io.Reader
	// book, when it is set, is told how much longer the window gets, and may refuse it.
	book func(bytes int) error
	// first and whole are firstWindow and wholeText, or less in tests. limit is the length of a value that can only be
	// taken whole.
	first, whole, limit int

	// buf is the window, place the one of buf[pos]; ended tells that nothing comes behind the window.
	buf []byte
	pos int
	place
	ended bool
	// tried is how much of a value was looked at in vain before it was taken in pieces.
	tried int
	// kept is what an event that is too long keeps.
	kept   []byte
	passer scan.Passer
}

// reset begins a text, whose first part, in first, was read already.
func (s *stream) reset(in io.Reader, first []byte) {
	s.in, s.buf, s.pos, s.place, s.ended = in, first, 0, start, false
	if s.first == 0 {
		s.first, s.whole, s.limit = firstWindow, wholeText, DefaultMaxText
	}
}

// rest is what is left of the window.
func (s *stream) rest() []byte { return s.buf[s.pos:] }

// most is the length from which on a value is not taken whole.
func (s *stream) most() int { return max(s.whole, s.splitter.limit()) }

// fill reads more of the text behind what is left of the window. An error of the reader is a readError.
func (s *stream) fill() error {
	rest := len(s.rest())
	if rest > cap(s.buf)/2 || cap(s.buf) == 0 {
		size := max(s.first, 2*cap(s.buf))
		if s.book != nil {
			if err := s.book(size - cap(s.buf)); err != nil {
				return err
			}
		}
		grown := make([]byte, rest, size)
		copy(grown, s.rest())
		s.buf = grown
	} else {
		copy(s.buf, s.rest())
		s.buf = s.buf[:rest]
	}
	s.pos = 0
	for idle := 0; len(s.buf) < cap(s.buf); idle++ {
		n, err := s.in.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			s.ended = true
			return nil
		case err != nil:
			return &readError{err}
		case n > 0:
			idle = 0
		case idle > maxIdle:
			return &readError{io.ErrNoProgress}
		}
	}
	return nil
}

// maxIdle is how often in a row a reader may give nothing.
const maxIdle = 100

// readError is an error of the reader that a text comes from.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }

// Unwrap gives the error of the reader.
func (e *readError) Unwrap() error { return e.err }

// advance passes n bytes of the window.
func (s *stream) advance(n int) {
	passed := s.buf[s.pos : s.pos+n]
	if lines := bytes.Count(passed, []byte{'\n'}); lines > 0 {
		s.line += lines
		s.column = len(passed) - bytes.LastIndexByte(passed, '\n')
	} else {
		s.column += n
	}
	s.pos += n
	s.offset += n
}

// peek passes white space and returns the byte after it, 0 at the end of the text.
func (s *stream) peek() (byte, error) {
	for {
		rest := s.rest()
		s.advance(len(rest) - len(bytes.TrimLeft(rest, " \t\r\n")))
		if s.pos < len(s.buf) {
			return s.buf[s.pos], nil
		}
		if s.ended {
			return 0, nil
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// unexpected is the defect that something else stands at the position than is expected.
func (s *stream) unexpected(expected string) error {
	var at scan.Scanner
	at.Reset(s.rest())
	at.Fail(0, expected)
	return s.defect(at.Err)
}

// defect is a defect of the JSON text at the position.
func (s *stream) defect(e *scan.Error) *BodyError {
	return &BodyError{
		Offset: s.offset, Line: s.line, Column: s.column, Message: "malformed JSON: " + e.Message, Short: e.Short,
	}
}

// cutter makes a cutter for a text that begins at a place.
func (s *stream) cutter(text []byte, at place) cutter {
	c := cutter{splitter: s.splitter, b: s.batch, to: s.to, whole: true, unwrap: s.unwrap, at: at}
	c.begin(text)
	return c
}

// begin looks at how the text begins, and passes its byte order mark.
func (s *stream) begin() error {
	for len(s.buf) < 3 && !s.ended {
		if err := s.fill(); err != nil {
			return err
		}
	}
	mark, err := encoding(s.rest())
	s.advance(mark)
	return err
}

// document cuts a text that is one value and nothing else, as Split does, but hands over the events while it reads. The
// first defect ends it with a *BodyError; what came before it was handed over.
func (s *stream) document() error {
	err := s.begin()
	if err == nil {
		_, err = s.peek()
	}
	if err != nil {
		return err
	}
	if s.pos == len(s.buf) {
		return s.place.of(&BodyError{Line: 1, Column: 1, Message: emptyText})
	}
	if err = s.value(); err == nil {
		_, err = s.peek()
	}
	if err != nil {
		return err
	}
	if s.pos < len(s.buf) {
		return s.unexpected("the end of the text")
	}
	return nil
}

// value cuts the value at the position. A *BodyError with a Reason tells that the value was no event and that it was
// passed; any other defect leaves the position where the innermost value of an array that was not read to its end begins.
func (s *stream) value() error {
	s.tried = 0
	for {
		c := s.cutter(s.rest(), s.place)
		c.alone = true
		end, err := c.document(s.rest(), c.item)
		if err == nil {
			err = c.flush()
		}
		var bad *BodyError
		switch {
		case s.goesOn(s.rest(), 0, end):
			// The rest of the number decides what is wrong with it.
		case err == nil:
			s.advance(end)
			return nil
		case !errors.As(err, &bad):
			return err
		case bad.Reason != nil:
			bad = s.place.of(bad)
			s.advance(end)
			return bad
		case !bad.Short || s.ended:
			return s.place.of(bad)
		}
		if most := s.most(); len(s.rest()) >= most && (len(s.rest()) >= s.limit || !s.wrapped()) {
			s.tried = len(s.rest())
			return s.long(false, 0)
		}
		if err := s.fill(); err != nil {
			return err
		}
	}
}

// goesOn tells whether what stands at i in the window's text and ends at end may be the beginning of a longer number.
func (s *stream) goesOn(text []byte, i, end int) bool {
	return end == len(text) && !s.ended && (text[i] == '-' || isDigit(text[i]))
}

// wrapped tells whether the value at the position may be the record of a log service, which has to be seen whole: it is
// an object, and nothing says within the window that it is an event or a list.
func (s *stream) wrapped() bool {
	if s.unwrap == nil || s.buf[s.pos] != '{' {
		return false
	}
	s.cutter(s.rest(), s.place)
	head := Record{b: s.batch}
	list := false
	head.index(0, 0, eventGroup, func(int, int) int {
		list = true
		return -1 // far enough
	})
	return !list && head.at[kind].IsZero()
}

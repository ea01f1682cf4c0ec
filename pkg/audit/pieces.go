package audit

import (
	"errors"

	"github.com/saker-security/saker/pkg/audit/scan"
)

// maxPieces is how deep arrays may stand in each other that are taken item by item.
const maxPieces = 100

// inPieces takes an EventList or an array at the position item by item. done is false when it is neither, or when that
// does not show within the window.
func (f *FileReader) inPieces() (done, ok bool, err error) {
	if f.depth >= maxPieces {
		return false, false, nil
	}
	f.depth++
	defer func() { f.depth-- }()
	if f.buf[f.pos] == '[' {
		f.advance(1)
		ok, err = f.elements(false)
		return true, ok, err
	}
	start, known := f.findItems()
	if start == 0 {
		return false, false, nil
	}
	f.advance(start + 1)
	if ok, err = f.elements(true); !ok || err != nil {
		return true, ok, err
	}
	ok, err = f.listEnd(known)
	return true, ok, err
}

// findItems looks into the object at the position for the array items of an EventList, and returns where it starts and
// whether the kind stands before it. It returns 0 when there is no such thing in the window.
func (f *FileReader) findItems() (start int, known bool) {
	text := f.buf[f.pos:]
	b := &f.batch
	b.s.Reset(text)
	b.text, b.doc = text, view(text)
	defer b.release()
	head := Record{b: b}
	end := head.index(0, 0, eventGroup, func(i, depth int) int {
		known = head.is(head.at[kind], "EventList")
		if b.s.At(i) == '[' && (known || head.at[kind].IsZero()) {
			start = i
			return -1 // far enough
		}
		return b.s.Value(i, depth)
	})
	if end >= 0 {
		return 0, false
	}
	return start, known
}

// elements takes the elements of an array, behind its opening bracket, and its closing bracket.
func (f *FileReader) elements(inList bool) (ok bool, err error) {
	if c, err := f.peek(); err != nil || c == ']' {
		f.advance(min(1, len(f.buf)-f.pos))
		return err == nil, err
	}
	for {
		if ok, err = f.value(inList); !ok || err != nil {
			return ok, err
		}
		c, err := f.peek()
		if err != nil {
			return false, err
		}
		if c != ',' && c != ']' {
			return false, f.unexpected("',' or ']'")
		}
		f.advance(1)
		if c == ']' {
			return true, nil
		}
		if c, err = f.peek(); err != nil {
			return false, err
		} else if c == 0 {
			return false, f.unexpected("a value")
		}
	}
}

// peek passes white space and returns the byte after it, 0 at the end.
func (f *FileReader) peek() (byte, error) {
	more, err := f.skipSpace()
	if !more || err != nil {
		return 0, err
	}
	return f.buf[f.pos], nil
}

// unexpected reports that something else stands at the position than is expected.
func (f *FileReader) unexpected(expected string) error {
	var s scan.Scanner
	s.Reset(f.buf[f.pos:])
	s.Fail(0, expected)
	return f.broken(&BodyError{Line: 1, Column: 1, Message: "malformed JSON: " + s.Err.Message})
}

// listEnd passes what follows the items of an EventList up to the end of the object. known tells that the kind stood
// before the items.
func (f *FileReader) listEnd(known bool) (ok bool, err error) {
	for {
		end, isList, err := f.tail(known)
		var bad *BodyError
		switch {
		case err == nil && isList:
			f.advance(end)
			return true, nil
		case err == nil:
			return false, f.broken(&BodyError{Line: 1, Column: 1, Message: "the items were read, but the kind is not EventList"})
		case errors.As(err, &bad) && (!bad.Short || f.ended || len(f.buf)-f.pos >= f.limit):
			return false, f.broken(bad)
		}
		if err := f.fill(); err != nil {
			return false, err
		}
	}
}

// tail looks at the members behind the items and returns where the object ends and whether it is an EventList.
func (f *FileReader) tail(known bool) (end int, isList bool, err error) {
	text := f.buf[f.pos:]
	b := &f.batch
	c := cutter{b: b}
	b.s.Reset(text)
	b.text, b.doc = text, view(text)
	defer b.release()
	end, more := b.s.Next(0, '}')
	head := Record{b: b}
	if more {
		end = head.indexMembers(end, 1, eventGroup, nil)
	}
	if end < 0 {
		return 0, false, c.failure()
	}
	if at := head.at[kind]; !at.IsZero() {
		return end, head.is(at, "EventList"), nil
	}
	return end, known, nil
}

package audit

import (
	"errors"

	"github.com/saker-security/saker/pkg/audit/scan"
)

// long takes the value at the position, which depth arrays and objects enclose, in pieces.
func (s *stream) long(inList bool, depth int) error {
	switch c := s.buf[s.pos]; {
	case c == '{':
		return s.object(inList, depth)
	case c == '[' && !inList:
		s.advance(1)
		return s.elements(false, depth+1)
	}
	at := s.place
	if _, err := s.pass(depth, 0); err != nil {
		return err
	}
	return s.reject(NotAnObject, at, depth)
}

// reject counts an item that is no event, or returns it as the defect of a text that holds nothing else.
func (s *stream) reject(reason Reason, at place, depth int) error {
	if depth == 0 {
		bad := at.of(bodyError(nil, 0, reason.text()))
		bad.Reason = &reason
		return bad
	}
	c := s.cutter(nil, at)
	s.batch.reject(reason, 0)
	return c.flush()
}

// array is how far an array was read. Arrays in an array are the same as their elements in its place.
type array struct {
	inList bool // its elements are the items of an EventList
	depth  int  // of what encloses its elements, the arrays that are open included
	open   int  // how many arrays are open
	next   next
}

// next is what comes next in an array.
type next uint8

const (
	firstOne  next = iota // an element, or the end of the array
	another               // an element
	behindOne             // a comma, or the end of the array
)

// elements takes the elements of an array, behind its opening bracket, and its closing bracket.
func (s *stream) elements(inList bool, depth int) error {
	a := array{inList: inList, depth: depth, open: 1}
	for a.open > 0 {
		short, err := s.run(&a)
		switch {
		case err != nil:
			return err
		case !short:
		case a.next != behindOne && len(s.rest()) >= s.splitter.limit():
			if err := s.long(inList, a.depth); err != nil {
				return err
			}
			a.next = behindOne
		default:
			if err := s.fill(); err != nil {
				return err
			}
		}
	}
	return nil
}

// separator passes what follows an element or a member, and returns whether there is another one.
func (s *stream) separator(expected string, closing byte) (more bool, err error) {
	c, err := s.peek()
	if err != nil {
		return false, err
	}
	if c != ',' && c != closing {
		return false, s.unexpected(expected)
	}
	s.advance(1)
	return c == ',', nil
}

// run hands over the elements from the position on that are whole within the window, together. It returns whether an
// element, or what follows it, is cut short by the end of the window; that is where the position is then.
func (s *stream) run(a *array) (short bool, err error) {
	b, text := s.batch, s.rest()
	c := s.cutter(text, s.place)
	i := 0
	for a.open > 0 && len(b.events) < batchEvents {
		before := b.mark()
		i = b.s.Space(i)
		end := s.step(a, &c, i)
		if s.goesOn(text, i, end) {
			end = b.s.Fail(end, "the end of a number")
			a.next = another
		}
		if end < 0 {
			err = c.failure()
			b.back(before)
			break
		}
		i = end
	}
	if flushed := c.flush(); flushed != nil {
		return false, flushed
	}
	s.advance(i)
	var bad *BodyError
	switch {
	case err == nil:
		return false, nil
	case !errors.As(err, &bad):
		return false, err
	case bad.Short && !s.ended:
		return true, nil
	}
	return false, s.place.of(bodyError(text[i:], bad.Offset-i, bad.Message))
}

// step takes what stands at i in an array: an element, or a bracket or comma around one. It returns the position behind
// it, or -1.
func (s *stream) step(a *array, c *cutter, i int) int {
	char := s.batch.s.At(i)
	switch {
	case char == ']' && a.next != another:
		a.open--
		a.depth--
		a.next = behindOne
		return i + 1
	case a.next == behindOne:
		if char != ',' {
			return s.batch.s.Fail(i, "',' or ']'")
		}
		a.next = another
		return i + 1
	case char == '[' && !a.inList && a.depth < scan.MaxDepth:
		a.open++
		a.depth++
		a.next = firstOne
		return i + 1
	}
	each := c.item
	if a.inList {
		each = c.listItem
	}
	end := each(i, a.depth)
	if end >= 0 {
		a.next = behindOne
	}
	return end
}

// pass passes the value at the position, which depth arrays and objects enclose, and returns its length in bytes. What
// fits is put behind what is kept, which gets at most so many bytes long.
func (s *stream) pass(depth, most int) (n int, err error) {
	s.passer.Reset(depth)
	for {
		rest := s.rest()
		k, ended := s.passer.Pass(rest)
		s.kept = append(s.kept, rest[:min(k, max(0, most-len(s.kept)))]...)
		n += k
		s.advance(k)
		switch {
		case s.passer.Err != nil:
			return n, s.defect(s.passer.Err)
		case ended:
			return n, nil
		case s.ended && s.passer.End():
			return n, nil
		case s.ended:
			return n, s.defect(s.passer.Err)
		}
		if err := s.fill(); err != nil {
			return n, err
		}
	}
}

// Package scan walks over JSON text without building anything from it.
//
// It checks the grammar of RFC 8259 exactly as encoding/json does, tells where values end, and leaves the bytes where
// they are. Strings may hold invalid UTF-8. All positions are offsets in bytes.
package scan

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// MaxDepth is how deep arrays and objects may be nested. The API server reads objects of 10,000 levels, and an audit
// event in a list puts three more around them.
const MaxDepth = 10_016

// Span is a half-open range of bytes. The zero Span stands for nothing: no value starts at 0 and ends there.
type Span struct{ Start, End uint32 }

// IsZero tells whether the span stands for nothing.
func (s Span) IsZero() bool { return s.End == 0 }

// Error is a defect of a JSON text.
type Error struct {
	// Offset is where the defect is, in bytes from the start of the text.
	Offset int
	// Message says what is wrong.
	Message string
	// Short is set when the text is right as far as it goes, but ends too soon.
	Short bool
}

func (e *Error) Error() string { return fmt.Sprintf("%s at byte %d", e.Message, e.Offset) }

// Scanner walks over one JSON text. Methods that return a position return -1 when they met a defect, which Err holds
// from then on. A Scanner is not safe for concurrent use.
type Scanner struct {
	b []byte
	// Err is the first defect met.
	Err *Error
	// Escaped is set when a string with an escape was passed; the caller clears it.
	Escaped bool
	// Spaced is set when white space was passed; the caller clears it.
	Spaced bool
}

// Reset puts the scanner on a new text, which it only reads.
func (s *Scanner) Reset(b []byte) { *s = Scanner{b: b} }

// At is the byte at i, or 0 (which is no token) beyond the end.
func (s *Scanner) At(i int) byte { return at(s.b, i) }

func at(b []byte, i int) byte {
	if uint(i) < uint(len(b)) {
		return b[i]
	}
	return 0
}

// Fail records a defect at i and returns -1. At the end of the text the message says so instead.
func (s *Scanner) Fail(i int, expected string) int {
	switch {
	case i >= len(s.b):
		s.Err = &Error{Offset: len(s.b), Message: "the text ends where " + expected + " is expected", Short: true}
	default:
		s.Err = unexpected(s.b[i], i, expected)
	}
	return -1
}

func unexpected(c byte, i int, expected string) *Error {
	if c < ' ' || c > '~' {
		return &Error{Offset: i, Message: fmt.Sprintf("byte 0x%02x where %s is expected", c, expected)}
	}
	return &Error{Offset: i, Message: fmt.Sprintf("%q where %s is expected", c, expected)}
}

func tooDeep(i int) *Error {
	return &Error{Offset: i, Message: fmt.Sprintf("nested deeper than %d levels", MaxDepth)}
}

// Space returns the position of the first byte from i on that is no white space.
func (s *Scanner) Space(i int) int {
	if at(s.b, i) > ' ' {
		return i
	}
	return s.space(i)
}

func (s *Scanner) space(i int) int {
	for ; i < len(s.b); i++ {
		switch s.b[i] {
		case ' ', '\t', '\n', '\r':
			s.Spaced = true
		default:
			return i
		}
	}
	return i
}

// Key passes the key that starts at i, the colon after it and white space, and returns where the key ends and where
// its value starts.
func (s *Scanner) Key(i int) (end, value int) {
	if at(s.b, i) != '"' {
		return -1, s.Fail(i, "a member name in quotation marks")
	}
	end = s.str(i)
	if end < 0 {
		return -1, -1
	}
	i = end
	if at(s.b, i) != ':' {
		if i = s.space(i); at(s.b, i) != ':' {
			return -1, s.Fail(i, "':'")
		}
	}
	return end, s.Space(i + 1)
}

// Next passes white space and what follows a member or element: a comma, then it returns where the next one starts and
// true, or the closing bracket, then it returns the position after it and false.
func (s *Scanner) Next(i int, closing byte) (int, bool) {
	c := at(s.b, i)
	if c <= ' ' {
		i = s.space(i)
		c = at(s.b, i)
	}
	if c == ',' {
		return s.Space(i + 1), true
	}
	if c == closing {
		return i + 1, false
	}
	if closing == '}' {
		return s.Fail(i, "',' or '}'"), false
	}
	return s.Fail(i, "',' or ']'"), false
}

// Value passes the value that starts at i, which depth arrays and objects enclose, and returns the position after it.
func (s *Scanner) Value(i, depth int) int {
	switch c := at(s.b, i); c {
	case '"':
		return s.str(i)
	case '{', '[':
		if depth >= MaxDepth {
			s.Err = tooDeep(i)
			return -1
		}
		if c == '{' {
			return s.object(i, depth+1)
		}
		return s.array(i, depth+1)
	case 't':
		return s.literal(i, "true")
	case 'f':
		return s.literal(i, "false")
	case 'n':
		return s.literal(i, "null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return s.number(i)
	}
	return s.Fail(i, "a value")
}

func (s *Scanner) object(i, depth int) int {
	i = s.Space(i + 1)
	if at(s.b, i) == '}' {
		return i + 1
	}
	for more := true; more; {
		if _, i = s.Key(i); i < 0 {
			return -1
		}
		if at(s.b, i) == '"' {
			i = s.str(i)
		} else {
			i = s.Value(i, depth)
		}
		if i < 0 {
			return -1
		}
		i, more = s.Next(i, '}')
	}
	return i
}

func (s *Scanner) array(i, depth int) int {
	i = s.Space(i + 1)
	if at(s.b, i) == ']' {
		return i + 1
	}
	for more := true; more; {
		if i = s.Value(i, depth); i < 0 {
			return -1
		}
		i, more = s.Next(i, ']')
	}
	return i
}

func (s *Scanner) literal(i int, word string) int {
	for k := range len(word) {
		if at(s.b, i+k) != word[k] {
			return s.Fail(i+k, word)
		}
	}
	return i + len(word)
}

func (s *Scanner) number(i int) int {
	if at(s.b, i) == '-' {
		i++
	}
	if at(s.b, i) == '0' {
		i++
	} else if i = s.digits(i); i < 0 {
		return -1
	}
	if at(s.b, i) == '.' {
		if i = s.digits(i + 1); i < 0 {
			return -1
		}
	}
	if c := at(s.b, i); c == 'e' || c == 'E' {
		i++
		if c := at(s.b, i); c == '+' || c == '-' {
			i++
		}
		return s.digits(i)
	}
	return i
}

func (s *Scanner) digits(i int) int {
	if c := at(s.b, i); c < '0' || c > '9' {
		return s.Fail(i, "a digit")
	}
	for i++; ; i++ {
		if c := at(s.b, i); c < '0' || c > '9' {
			return i
		}
	}
}

// str passes the string whose opening quotation mark is at i. It looks at eight bytes at a time.
func (s *Scanner) str(i int) int {
	b := s.b
	for i++; i+8 <= len(b); {
		m := special(binary.LittleEndian.Uint64(b[i:]))
		if m == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(m) >> 3
		if b[i] == '"' {
			return i + 1
		}
		if i = s.unusual(i); i < 0 {
			return -1
		}
	}
	for {
		switch c := at(b, i); {
		case c == '"':
			return i + 1
		case c < ' ' || c == '\\':
			if i = s.unusual(i); i < 0 {
				return -1
			}
		default:
			i++
		}
	}
}

// unusual passes the escape at i; a control character, or the end of the text, is a defect.
func (s *Scanner) unusual(i int) int {
	switch c := at(s.b, i); {
	case c == '\\':
		return s.escape(i + 1)
	case i >= len(s.b):
		return s.Fail(i, "the end of a string")
	default:
		s.Err = &Error{Offset: i, Message: fmt.Sprintf("control character 0x%02x in a string", c)}
		return -1
	}
}

// special marks, by the high bit of its byte, the lowest byte of w that is a quotation mark, a backslash or a control
// character. Marks above the lowest one may be wrong, since the subtractions borrow.
func special(w uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	return ((w-ones*' ')&^w | (quote-ones)&^quote | (slash-ones)&^slash) & highs
}

// escape passes what follows a backslash.
func (s *Scanner) escape(i int) int {
	s.Escaped = true
	switch at(s.b, i) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for k := 1; k <= 4; k++ {
			if _, ok := hex(at(s.b, i+k)); !ok {
				return s.Fail(i+k, "a hexadecimal digit of an escape")
			}
		}
		return i + 5
	}
	return s.Fail(i, `one of "\/bfnrtu after a backslash`)
}

func hex(c byte) (rune, bool) {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0'), true
	case 'a' <= c && c <= 'f':
		return rune(c-'a') + 10, true
	case 'A' <= c && c <= 'F':
		return rune(c-'A') + 10, true
	}
	return 0, false
}

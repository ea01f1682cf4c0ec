package scan

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Passer passes one value that comes in parts, by the same grammar as Scanner, and holds nothing of it but one byte for
// each array or object that is open. It is not safe for concurrent use.
type Passer struct {
	// Err is the first defect met; its Offset counts from the start of the value.
	Err *Error

	at     state
	open   []byte // the brackets that are open
	depth  int    // of what encloses the value
	passed int    // bytes of the value that were passed
	key    bool   // of a string: it is the name of a member
	word   string // of a literal: what is left of it
	whole  string // of a literal: all of it
	digits int    // of an escape: hexadecimal digits that are to come
}

// state is what may come next.
type state uint8

const (
	wantValue   state = iota
	wantElement       // the first one of an array, or its end
	wantName          // of a member
	wantMember        // the first one of an object, or its end
	wantColon         // after a name
	wantMore          // a comma or the closing bracket
	inString          // behind its quotation mark
	inEscape          // behind a backslash
	inHex             // behind \u
	inLiteral         // behind its first letter
	afterMinus        // a digit
	afterZero         // a point, an exponent, or the end of the number
	inInteger         // as before, or a digit
	afterPoint        // a digit
	inFraction        // a digit, an exponent, or the end of the number
	afterE            // a sign or a digit
	afterSign         // a digit
	inExponent        // a digit, or the end of the number
	valueEnded        // nothing
)

// Reset makes the Passer ready for a value that depth arrays and objects enclose.
func (p *Passer) Reset(depth int) { *p = Passer{open: p.open[:0], depth: depth} }

// Pass passes what part holds of the value, and returns how many bytes that are and whether the value has ended. A
// number ends only before the byte that follows it. After a defect, which Err holds, ended is true.
func (p *Passer) Pass(part []byte) (n int, ended bool) {
	for n < len(part) && p.at != valueEnded && p.Err == nil {
		if p.at == inString {
			n = p.text(part, n)
			continue
		}
		n = p.step(part, n)
	}
	p.passed += n
	return n, p.at == valueEnded || p.Err != nil
}

// End says that nothing comes after what was passed. It returns false, with Err, when the value has not ended.
func (p *Passer) End() bool {
	if p.Err != nil {
		return false
	}
	if p.number() && len(p.open) == 0 {
		p.at = valueEnded
	}
	if p.at == valueEnded {
		return true
	}
	if p.number() {
		p.at = wantMore
	}
	p.Err = &Error{Offset: p.passed, Message: "the text ends where " + p.expected() + " is expected", Short: true}
	return false
}

// number tells whether a number may end here.
func (p *Passer) number() bool {
	return p.at == afterZero || p.at == inInteger || p.at == inFraction || p.at == inExponent
}

// text passes bytes of a string from i on.
func (p *Passer) text(part []byte, i int) int {
	for i+8 <= len(part) {
		m := special(binary.LittleEndian.Uint64(part[i:]))
		if m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			break
		}
		i += 8
	}
	for ; i < len(part); i++ {
		switch c := part[i]; {
		case c == '"' && p.key:
			p.key, p.at = false, wantColon
			return i + 1
		case c == '"':
			p.close()
			return i + 1
		case c == '\\':
			p.at = inEscape
			return i + 1
		case c < ' ':
			p.Err = &Error{Offset: p.passed + i, Message: fmt.Sprintf("control character 0x%02x in a string", c)}
			return i
		}
	}
	return i
}

// step passes the byte at i, which is not within the plain part of a string.
func (p *Passer) step(part []byte, i int) int {
	c := part[i]
	if p.at <= wantMore && (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
		return i + 1
	}
	ok := true
	switch p.at {
	case wantValue:
		ok = p.begin(c, i)
	case wantElement:
		if c == ']' {
			p.pop()
		} else {
			ok = p.begin(c, i)
		}
	case wantName, wantMember:
		if ok = c == '"'; ok {
			p.key, p.at = true, inString
		} else if ok = c == '}' && p.at == wantMember; ok {
			p.pop()
		}
	case wantColon:
		ok, p.at = c == ':', moved(c == ':', wantValue, p.at)
	case wantMore:
		ok = p.more(c)
	case inEscape, inHex:
		ok = p.escape(c)
	case inLiteral:
		if ok = c == p.word[0]; ok {
			if p.word = p.word[1:]; p.word == "" {
				p.close()
			}
		}
	default:
		var in bool
		if in, ok = p.digit(c); ok && !in {
			p.close() // the number ended before this byte
			return i
		}
	}
	if !ok {
		if p.Err == nil {
			p.Err = unexpected(c, p.passed+i, p.expected())
		}
		return i
	}
	return i + 1
}

func moved(ok bool, to, from state) state {
	if ok {
		return to
	}
	return from
}

// begin takes the first byte of a value.
func (p *Passer) begin(c byte, i int) bool {
	switch {
	case c == '"':
		p.at = inString
	case c == '{' || c == '[':
		if p.depth+len(p.open) >= MaxDepth {
			p.Err = tooDeep(p.passed + i)
			return false
		}
		p.open = append(p.open, c)
		p.at = moved(c == '{', wantMember, wantElement)
	case c == '-':
		p.at = afterMinus
	case c == '0':
		p.at = afterZero
	case '1' <= c && c <= '9':
		p.at = inInteger
	default:
		p.whole = map[byte]string{'t': "true", 'f': "false", 'n': "null"}[c]
		if p.whole == "" {
			return false
		}
		p.word, p.at = p.whole[1:], inLiteral
	}
	return true
}

// more takes what follows a member or an element.
func (p *Passer) more(c byte) bool {
	object := p.open[len(p.open)-1] == '{'
	switch {
	case c == ',':
		p.at = moved(object, wantName, wantValue)
	case object && c == '}' || !object && c == ']':
		p.pop()
	default:
		return false
	}
	return true
}

// pop ends the innermost array or object, close any value.
func (p *Passer) pop() {
	p.open = p.open[:len(p.open)-1]
	p.close()
}

func (p *Passer) close() { p.at = moved(len(p.open) == 0, valueEnded, wantMore) }

// escape takes a byte behind a backslash.
func (p *Passer) escape(c byte) bool {
	if p.at == inHex {
		_, ok := hex(c)
		if p.digits--; ok && p.digits == 0 {
			p.at = inString
		}
		return ok
	}
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		p.at = inString
	case 'u':
		p.at, p.digits = inHex, 4
	default:
		return false
	}
	return true
}

// digit takes a byte within or behind a number; in tells that it belongs to it.
func (p *Passer) digit(c byte) (in, ok bool) {
	isDigit := '0' <= c && c <= '9'
	exponent := c == 'e' || c == 'E'
	switch p.at {
	case afterMinus:
		p.at = moved(c == '0', afterZero, inInteger)
		return isDigit, isDigit
	case afterZero, inInteger:
		switch {
		case c == '.':
			p.at = afterPoint
		case exponent:
			p.at = afterE
		case p.at == afterZero || !isDigit:
			return false, true
		}
	case afterPoint:
		p.at = inFraction
		return isDigit, isDigit
	case inFraction:
		if exponent {
			p.at = afterE
		} else if !isDigit {
			return false, true
		}
	case afterE:
		if c == '+' || c == '-' {
			p.at = afterSign
			return true, true
		}
		p.at = inExponent
		return isDigit, isDigit
	case afterSign:
		p.at = inExponent
		return isDigit, isDigit
	default: // inExponent
		return isDigit, true
	}
	return true, true
}

// expected names what may come, in the words of Scanner.
func (p *Passer) expected() string {
	switch p.at {
	case wantName, wantMember:
		return "a member name in quotation marks"
	case wantColon:
		return "':'"
	case wantMore:
		if p.open[len(p.open)-1] == '{' {
			return "',' or '}'"
		}
		return "',' or ']'"
	case inString:
		return "the end of a string"
	case inEscape:
		return `one of "\/bfnrtu after a backslash`
	case inHex:
		return "a hexadecimal digit of an escape"
	case inLiteral:
		return p.whole
	case wantValue, wantElement:
		return "a value"
	}
	return "a digit"
}

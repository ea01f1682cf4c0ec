package scan

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Unquote appends the text of a JSON string to dst. raw is what stands between the quotation marks and must have been
// passed by a Scanner. Halves of surrogate pairs become U+FFFD, as in encoding/json; other bytes stay as they are.
func Unquote(dst []byte, raw string) []byte {
	for {
		i := strings.IndexByte(raw, '\\')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:i]...)
		r, n := escaped(raw[i:])
		dst = utf8.AppendRune(dst, r)
		raw = raw[i+n:]
	}
}

// escaped gives the character of the escape, or of the two escapes, at the start of raw, and their length.
func escaped(raw string) (r rune, n int) {
	if raw[1] != 'u' {
		return plain(raw[1]), 2
	}
	r = unit(raw[2:])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(raw) >= 12 && raw[6] == '\\' && raw[7] == 'u' {
		if pair := utf16.DecodeRune(r, unit(raw[8:])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// Respell appends a JSON text to dst with each character of its strings, names of members included, in one spelling: a
// quotation mark and a backslash behind a backslash, control characters as \b, \f, \n, \r, \t or \u001f, and any other
// one as itself. What is no escape stays as it is. The text must have been passed by a Scanner; it does not get longer.
func Respell(dst []byte, text string) []byte {
	for {
		i := strings.IndexByte(text, '\\') // there are none outside of strings
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:i]...)
		r, n := escaped(text[i:])
		dst = appendSpelled(dst, r)
		text = text[i+n:]
	}
}

// WellSpelled tells whether Respell changes nothing of a text.
func WellSpelled(text string) bool {
	for {
		i := strings.IndexByte(text, '\\')
		switch {
		case i < 0:
			return true
		case text[i+1] == '/':
			return false
		case text[i+1] == 'u':
			var spelled [6]byte
			r, n := escaped(text[i:])
			if string(appendSpelled(spelled[:0], r)) != text[i:i+n] {
				return false
			}
			text = text[i+n:]
		default:
			text = text[i+2:]
		}
	}
}

// appendSpelled appends a character as Respell writes it.
func appendSpelled(dst []byte, r rune) []byte {
	if r >= ' ' && r != '"' && r != '\\' {
		return utf8.AppendRune(dst, r)
	}
	switch r {
	case '\b':
		r = 'b'
	case '\f':
		r = 'f'
	case '\n':
		r = 'n'
	case '\r':
		r = 'r'
	case '\t':
		r = 't'
	case '"', '\\':
	default:
		const digits = "0123456789abcdef"
		return append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
	}
	return append(dst, '\\', byte(r))
}

func plain(c byte) rune {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return rune(c)
}

func unit(digits string) (r rune) {
	for k := range 4 {
		d, _ := hex(digits[k])
		r = r<<4 | d
	}
	return r
}

// Compact appends a JSON text without the white space between its tokens to dst. text must have been passed by a
// Scanner.
func Compact(dst []byte, text string) []byte {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\':
			dst = append(dst, c)
			i++
		case !quoted && c <= ' ':
			continue
		}
		dst = append(dst, text[i])
	}
	return dst
}

package format

import (
	"fmt"
	"unicode/utf8"
)

// AppendString appends s as a JSON string. Text that is not ASCII stays as it is; each stretch of bytes that is not
// UTF-8 becomes U+FFFD.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	dst = AppendEscaped(dst, s)
	return append(dst, '"')
}

// AppendEscaped appends s as it stands inside a JSON string, without the quotation marks around it. What it appends
// is always valid UTF-8 without control characters, those beyond ASCII and those that turn the direction of text
// included, so a text can neither forge a line of output nor steer a terminal.
func AppendEscaped[T string | []byte](dst []byte, s T) []byte {
	done := 0 // s[:done] is in dst
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < 0x7F {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			n, ok := sequence(s, i)
			unseen := ok && n <= 3 && steers(s[i:i+n])
			if ok && !unseen {
				i += n
				continue
			}
			dst = append(dst, s[done:i]...)
			if unseen {
				r, _ := utf8.DecodeRuneInString(string(s[i : i+n]))
				dst = fmt.Appendf(dst, `\u%04x`, r)
			} else {
				dst = append(dst, "\uFFFD"...)
			}
			i += n
			done = i
			continue
		}
		dst = append(dst, s[done:i]...)
		dst = appendEscape(dst, c)
		i++
		done = i
	}
	return append(dst, s[done:]...)
}

// steers tells whether the one character in s acts on a terminal instead of being shown: U+0080 to U+009F are control
// characters, U+061C, U+200E, U+200F, U+2028 to U+202E and U+2066 to U+2069 end lines or change their direction.
func steers[T string | []byte](s T) bool {
	if len(s) == 2 {
		return s[0] == 0xC2 && s[1] < 0xA0 || s[0] == 0xD8 && s[1] == 0x9C
	}
	if len(s) != 3 || s[0] != 0xE2 {
		return false
	}
	return s[1] == 0x80 && (s[2] == 0x8E || s[2] == 0x8F || s[2] >= 0xA8 && s[2] <= 0xAE) || s[1] == 0x81 && s[2] >= 0xA6 && s[2] <= 0xA9
}

func appendEscape(dst []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}

// sequence tells how long the UTF-8 sequence at s[i:] is and whether it is complete. Of a broken one it gives the
// length of the beginning that could have become a character, at least one byte, so that a cut character is one
// U+FFFD and not several.
func sequence[T string | []byte](s T, i int) (int, bool) {
	c := s[i]
	low, high := byte(0x80), byte(0xBF)
	var size int
	switch {
	case c >= 0xC2 && c <= 0xDF:
		size = 2
	case c == 0xE0:
		low, size = 0xA0, 3
	case c == 0xED:
		high, size = 0x9F, 3
	case c >= 0xE1 && c <= 0xEF:
		size = 3
	case c == 0xF0:
		low, size = 0x90, 4
	case c >= 0xF1 && c <= 0xF3:
		size = 4
	case c == 0xF4:
		high, size = 0x8F, 4
	default:
		return 1, false
	}
	for n := 1; n < size; n++ {
		if i+n >= len(s) || s[i+n] < low || s[i+n] > high {
			return n, false
		}
		low, high = 0x80, 0xBF
	}
	return size, true
}

package format

import "unicode/utf8"

// AppendString appends s as a JSON string. Text that is not ASCII stays as it is; each stretch of bytes that is not
// UTF-8 becomes U+FFFD.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	dst = AppendEscaped(dst, s)
	return append(dst, '"')
}

// AppendEscaped appends s as it stands inside a JSON string, without the quotation marks around it. What it appends
// is always valid UTF-8 without control characters, so a text cannot forge a line of output.
func AppendEscaped[T string | []byte](dst []byte, s T) []byte {
	done := 0 // s[:done] is in dst
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			n, ok := sequence(s, i)
			if ok {
				i += n
				continue
			}
			dst = append(dst, s[done:i]...)
			dst = append(dst, "\uFFFD"...)
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

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
		if raw[i+1] != 'u' {
			dst = append(dst, plain(raw[i+1]))
			raw = raw[i+2:]
			continue
		}
		r := unit(raw[i+2:])
		raw = raw[i+6:]
		if utf16.IsSurrogate(r) {
			pair := rune(utf8.RuneError)
			if len(raw) >= 6 && raw[0] == '\\' && raw[1] == 'u' {
				pair = utf16.DecodeRune(r, unit(raw[2:]))
			}
			if pair != utf8.RuneError {
				raw = raw[6:]
			}
			r = pair
		}
		dst = utf8.AppendRune(dst, r)
	}
}

func plain(c byte) byte {
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
	return c
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

package condition

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unescape resolves the escapes of a quoted string, given without its quotation marks. The diagnostic has no range.
func unescape(s string, quote byte) (string, *Diagnostic) {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, nil
	}
	var out strings.Builder
	out.Grow(len(s))
	for ; i >= 0; i = strings.IndexByte(s, '\\') {
		out.WriteString(s[:i])
		value, length, diagnostic := escape(s[i:], quote)
		if diagnostic != nil {
			return "", diagnostic
		}
		out.WriteByte(value)
		s = s[i+length:]
	}
	out.WriteString(s)
	return out.String(), nil
}

// controls are the letters that stand for a control character after a backslash.
var controls = map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape resolves the escape at the beginning of s: the byte it stands for and how many bytes it takes.
func escape(s string, quote byte) (value byte, length int, diagnostic *Diagnostic) {
	if len(s) < 2 {
		return 0, 0, badEscape("a backslash ends the string", `write \x5c for a backslash at the end`)
	}
	c := s[1]
	switch c {
	case '\\', '/', quote:
		return c, 2, nil
	case ' ':
		// A blank after a backslash is dropped, the backslash stays.
		return '\\', 2, nil
	case 'x':
		return hexEscape(s)
	case '"', '\'':
		return 0, 0, badEscape(fmt.Sprintf(`the escape \%c does not exist in a %c-quoted string`, c, quote),
			fmt.Sprintf("write %c without the backslash", c))
	}
	if control, ok := controls[c]; ok {
		return control, 2, nil
	}
	return 0, 0, badEscape(fmt.Sprintf("the escape %s does not exist", visible(s[:2])),
		`known are \b \f \n \r \t \\ \/ \" \' and \xHH; write \\ for a backslash`)
}

// hexEscape resolves \xHH.
func hexEscape(s string) (value byte, length int, diagnostic *Diagnostic) {
	if len(s) < 4 {
		return 0, 0, badEscape(fmt.Sprintf(`the escape %s is cut short`, visible(s)), `\x takes two hexadecimal digits`)
	}
	for _, c := range []byte(s[2:4]) {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 || c < '0' {
			return 0, 0, badEscape(fmt.Sprintf("the escape %s is not hexadecimal", visible(s[:4])),
				`\x takes two hexadecimal digits`)
		}
		value = value<<4 | byte(digit)
	}
	return value, 4, nil
}

func badEscape(message, hint string) *Diagnostic {
	return &Diagnostic{Code: CodeEscape, Message: message, Hint: hint}
}

// quoted writes a string so that unescape gives it back: with the given quotation mark, or the double one for 0.
func quoted(s string, quote byte) string {
	if quote == 0 {
		quote = '"'
	}
	var out strings.Builder
	out.WriteByte(quote)
	for i := 0; i < len(s); i++ {
		writeEscaped(&out, s[i], quote, i == len(s)-1)
	}
	out.WriteByte(quote)
	return out.String()
}

// escapes are the control characters that have a letter.
var escapes = map[byte]string{'\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}

func writeEscaped(out *strings.Builder, c, quote byte, last bool) {
	letter, control := escapes[c]
	switch {
	case c == '\\' && last:
		// A backslash before the final mark would keep the string open.
		out.WriteString(`\x5c`)
	case c == '\\' || c == quote:
		out.WriteByte('\\')
		out.WriteByte(c)
	case control:
		out.WriteString(letter)
	case c < 0x20 || c == 0x7F:
		fmt.Fprintf(out, `\x%02x`, c)
	default:
		out.WriteByte(c)
	}
}

// visible writes text for a message: control characters, what is not UTF-8 and what is not drawn are escaped.
func visible(s string) string {
	var out strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&out, `\x%02x`, s[i])
		case r == '\t':
			out.WriteString(`\t`)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case unicode.IsPrint(r) || unicode.Is(unicode.M, r):
			out.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&out, `\x%02x`, r)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}

// align moves an offset back to the beginning of a character.
func align(line string, offset int) int {
	for back := 0; offset > 0 && offset < len(line) && back < utf8.UTFMax && !utf8.RuneStart(line[offset]); back++ {
		offset--
	}
	return offset
}

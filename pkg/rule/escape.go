package rule

import (
	"strconv"
	"unicode/utf8"
)

// escape adds what the escape sequence at data[at:] of a double-quoted scalar stands for and returns where it ends.
func (t *trace) escape(data string, at int) int {
	next := at + 1
	if n := breakLen(data, next); n > 0 {
		return t.continued(data, next+n)
	}
	if digits := escapeDigits(data[next]); digits > 0 {
		end := min(next+1+digits, len(data))
		code, err := strconv.ParseUint(data[next+1:end], 16, 32)
		if err != nil {
			return end
		}
		t.put(string(utf8.AppendRune(nil, rune(code))), at, end)
		return end
	}
	t.put(escapeText(data[next]), at, next+1)
	return next + 1
}

// continued skips what follows an escaped line break: the blanks that open the next line. Lines that are empty there
// give a newline each.
func (t *trace) continued(data string, at int) int {
	for at < len(data) {
		n := breakLen(data, at)
		if n == 0 && data[at] != ' ' && data[at] != '\t' {
			break
		}
		if n > 0 {
			t.put(newline(data, span{at, at + n}), at, at+n)
		}
		at += max(n, 1)
	}
	return at
}

func escapeDigits(c byte) int {
	switch c {
	case 'x':
		return 2
	case 'u':
		return 4
	case 'U':
		return 8
	}
	return 0
}

// escapeText gives the text of a YAML 1.2 escape of one letter.
func escapeText(c byte) string {
	switch c {
	case '0':
		return "\x00"
	case 'a':
		return "\a"
	case 'b':
		return "\b"
	case 't', '\t':
		return "\t"
	case 'n':
		return "\n"
	case 'v':
		return "\v"
	case 'f':
		return "\f"
	case 'r':
		return "\r"
	case 'e':
		return "\x1b"
	case 'N':
		return "\u0085"
	case '_':
		return "\u00a0"
	case 'L':
		return "\u2028"
	case 'P':
		return "\u2029"
	}
	return string(c)
}

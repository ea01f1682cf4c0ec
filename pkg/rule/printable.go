package rule

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable escapes in a text from a file or the command line what a terminal would act on: control characters, bytes
// that are no text, and characters that are not drawn.
func Printable(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if unicode.IsPrint(r) && r != utf8.RuneError {
			b.WriteString(s[:size])
		} else {
			q := strconv.Quote(s[:size])
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[size:]
	}
	return b.String()
}

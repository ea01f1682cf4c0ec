package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/saker-security/saker/pkg/rule"
)

// escaping writes a document that programs read and people may look at: characters that a terminal would act on are
// written as character says. Those of ASCII but DEL are left to the encoders. The texts in the document stay the same.
type escaping struct {
	w         io.Writer
	character func(r rune) string
}

// escapedJSON is for JSON, where such characters can only stand in texts.
func escapedJSON(w io.Writer) io.Writer {
	return escaping{w, func(r rune) string {
		if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
			return fmt.Sprintf(`\u%04x\u%04x`, high, low)
		}
		return fmt.Sprintf(`\u%04x`, r)
	}}
}

// escapedXML is for XML.
func escapedXML(w io.Writer) io.Writer {
	return escaping{w, func(r rune) string { return fmt.Sprintf("&#x%x;", r) }}
}

// Write takes whole characters, as the encoders write them.
func (e escaping) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p))
	for i := 0; i < len(p); {
		r, size := utf8.DecodeRune(p[i:])
		if r < 0x7f || r >= utf8.RuneSelf && (size == 1 || unicode.IsPrint(r)) {
			out = append(out, p[i:i+size]...)
		} else {
			out = append(out, e.character(r)...)
		}
		i += size
	}
	if _, err := e.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// escapedText escapes in a text of an alert what a terminal would act on, in the form that lines of alerts have.
func escapedText(s string) string {
	return rule.Printable(withoutLetter.ReplaceAllStringFunc(s, func(c string) string { return fmt.Sprintf(`\u%04x`, c[0]) }))
}

// withoutLetter are the control characters of ASCII for which JSON has no letter.
var withoutLetter = regexp.MustCompile(`[\x00-\x07\x0b\x0e-\x1f\x7f]`)

// errorText is an error as a terminal may show it: its line breaks stay, for they stand between messages, but not those
// in the name of a file that could not be used.
func errorText(err error) string {
	text := err.Error()
	for _, part := range fileErrors(err) {
		text = strings.ReplaceAll(text, part, rule.Printable(part))
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = rule.Printable(line)
	}
	return strings.Join(lines, "\n")
}

// fileErrors are the texts of the errors of the file system in err.
func fileErrors(err error) []string {
	var path *fs.PathError
	var link *os.LinkError
	var many interface{ Unwrap() []error }
	switch {
	case errors.As(err, &many):
		var out []string
		for _, one := range many.Unwrap() {
			out = append(out, fileErrors(one)...)
		}
		return out
	case errors.As(err, &path):
		return []string{path.Error()}
	case errors.As(err, &link):
		return []string{link.Error()}
	}
	return nil
}

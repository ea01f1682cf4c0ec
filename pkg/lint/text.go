package lint

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/saker-security/saker/pkg/rule"
)

// WriteText writes each finding as
//
//	rules.yaml:4:14: error: source syscall has no field proc.nam [unknown-field]
//	    condition: proc.nam = cat
//	               ^^^^^^^^
//	  hint: did you mean proc.name?
//
// with control characters of the file escaped.
func (r Result) WriteText(w io.Writer) error { return r.writeText(w, plain) }

// WriteColour writes the same as WriteText, in colours, for a terminal.
func (r Result) WriteColour(w io.Writer) error { return r.writeText(w, coloured) }

func (r Result) writeText(w io.Writer, c colours) error {
	var b strings.Builder
	for i := range r.Findings {
		writeFinding(&b, &r.Findings[i], c)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// colours are the sequences that switch the look of a terminal on and off; all empty for plain text.
type colours struct {
	severity             [3]string
	bold, mark, dim, off string
}

var (
	plain    colours
	coloured = colours{severity: [3]string{"\x1b[1;31m", "\x1b[1;33m", "\x1b[1;36m"}, bold: "\x1b[1m", mark: "\x1b[1;32m", dim: "\x1b[2m", off: "\x1b[0m"}
)

func writeFinding(b *strings.Builder, d *rule.Diagnostic, c colours) {
	fmt.Fprintf(b, "%s%s:%d:%d:%s %s%s:%s %s %s[%s]%s\n", c.bold, printable(d.Start.File), d.Start.Line, d.Start.Column, c.off,
		c.severity[d.Severity], d.Severity, c.off, printable(d.Message), c.dim, d.Code, c.off)
	if d.Line != "" {
		line, mark := excerpt(d)
		fmt.Fprintf(b, "    %s\n    %s%s%s\n", line, c.mark, mark, c.off)
	}
	if d.Hint != "" {
		fmt.Fprintf(b, "  %shint:%s %s\n", c.bold, c.off, printable(d.Hint))
	}
	for _, fix := range d.Fixes {
		fmt.Fprintf(b, "  %sfix:%s %s", c.bold, c.off, printable(fix.Title))
		if isSafe(d, fix) {
			b.WriteString(" (saker lint --fix does it)")
		}
		b.WriteByte('\n')
	}
}

// widest is how many characters of a source line are shown around a place.
const widest = 100

// excerpt gives the source line of a finding and a line with carets under its place, both cut to what fits a screen.
func excerpt(d *rule.Diagnostic) (line, mark string) {
	start := min(d.Start.Column-1, len(d.Line))
	end := len(d.Line)
	if d.End.Line == d.Start.Line {
		end = max(start, min(d.End.Column-1, len(d.Line)))
	}
	from, to := window(d.Line, start, end)
	before, at, after := shown(d.Line[from:start]), shown(d.Line[start:min(end, to)]), shown(d.Line[min(end, to):to])
	if from == 0 {
		before = strings.TrimLeft(before, " ") // the indentation tells nothing
	} else {
		before = "…" + before
	}
	if to < len(d.Line) {
		after += "…"
	}
	carets := strings.Repeat("^", max(1, width(at)))
	return strings.TrimRight(before+at+after, " "), strings.Repeat(" ", width(before)) + carets
}

// window chooses the part of a long line that is shown: the place and what is around it, whole characters.
func window(line string, start, end int) (from, to int) {
	from, to = 0, len(line)
	if start > widest/2 && len(line) > widest {
		from = start - widest/2
	}
	if to > from+widest {
		to = max(start, from+widest)
	}
	for from > 0 && !utf8.RuneStart(line[from]) {
		from--
	}
	for to < len(line) && !utf8.RuneStart(line[to]) {
		to++
	}
	return from, to
}

// shown is a part of a line as it is printed: tabs as one blank so that the carets stand under their place.
func shown(s string) string { return printable(strings.ReplaceAll(s, "\t", " ")) }

// width counts the columns of a screen that a text takes, where characters of East Asian scripts and emoji take two.
func width(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r):
		case wide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

func wide(r rune) bool {
	return r >= 0x1100 && r <= 0x115F || r >= 0x2E80 && r <= 0xA4CF || r >= 0xAC00 && r <= 0xD7A3 || r >= 0xF900 && r <= 0xFAFF ||
		r >= 0xFE30 && r <= 0xFE6F || r >= 0xFF00 && r <= 0xFF60 || r >= 0xFFE0 && r <= 0xFFE6 || r >= 0x1F300 && r <= 0x1FAFF || r >= 0x20000 && r <= 0x3FFFD
}

// printable escapes what a terminal would act on: control characters, bytes that are no text, and the characters that
// change the direction of text.
func printable(s string) string {
	clean := true
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			clean = false
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// Printable escapes what a terminal would act on in a text that comes from a file or the command line.
func Printable(s string) string { return printable(s) }

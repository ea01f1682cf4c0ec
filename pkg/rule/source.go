package rule

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// source is a rules file with an index of its lines.
type source struct {
	name string
	data string
	// lines are the offsets at which lines start as editors count them, marks as the YAML scanner does: it takes three
	// more characters for line breaks. before is how many characters stand before each of the marks.
	lines, marks, before []int
	// stops are the offsets of the characters 0, stride, 2*stride and so on, so that a column of a long line is found
	// without reading the line.
	stops []int
	// feeds are the offsets behind the newlines, which alone end a line for Falco.
	feeds []int
}

const stride = 128

func newSource(f File) *source {
	s := &source{name: f.Name, data: string(f.Data)}
	at := len(s.data) - len(strings.TrimPrefix(s.data, "\ufeff"))
	s.lines, s.marks, s.before = []int{at}, []int{at}, []int{0}
	for chars := 0; at < len(s.data); {
		if chars%stride == 0 {
			s.stops = append(s.stops, at)
		}
		c, size := utf8.DecodeRuneInString(s.data[at:])
		ends := breakLen(s.data, at) == size // not at a carriage return before a newline, which ends the line
		at += size
		chars++
		if ends {
			s.marks, s.before = append(s.marks, at), append(s.before, chars)
		}
		if ends && (c == '\n' || c == '\r') {
			s.lines = append(s.lines, at)
		}
		if c == '\n' {
			s.feeds = append(s.feeds, at)
		}
	}
	return s
}

// breakLen gives the length of the YAML line break at s[i:], 0 when there is none. A carriage return with a newline
// is one break; so are the characters U+0085, U+2028 and U+2029.
func breakLen(s string, i int) int {
	switch c := s[i]; {
	case c == '\n':
		return 1
	case c == '\r':
		if i+1 < len(s) && s[i+1] == '\n' {
			return 2
		}
		return 1
	case c == 0xC2 && i+1 < len(s) && s[i+1] == 0x85:
		return 2
	case c == 0xE2 && i+2 < len(s) && s[i+1] == 0x80 && (s[i+2] == 0xA8 || s[i+2] == 0xA9):
		return 3
	}
	return 0
}

// offset turns a mark of the YAML library, line and column from 1, columns in characters, into an offset.
func (s *source) offset(line, column int) int {
	if line < 1 {
		return s.lines[0]
	}
	if line > len(s.marks) {
		return len(s.data)
	}
	chars := s.before[line-1] + max(column, 1) - 1
	if chars/stride >= len(s.stops) {
		return len(s.data)
	}
	at := s.stops[chars/stride]
	for rest := chars % stride; rest > 0 && at < len(s.data); rest-- {
		_, size := utf8.DecodeRuneInString(s.data[at:])
		at += size
	}
	return at
}

// position gives the line and column of an offset.
func (s *source) position(offset int) Position {
	line := sort.SearchInts(s.lines, offset+1)
	if line == 0 {
		return Position{s.name, 1, 1}
	}
	return Position{s.name, line, offset - s.lines[line-1] + 1}
}

// newlines tells how many newlines stand before an offset, and how many bytes after the last of them.
func (s *source) newlines(offset int) (line, column int) {
	offset = min(offset, len(s.data))
	line = sort.SearchInts(s.feeds, offset+1)
	if line == 0 {
		return 0, offset
	}
	return line, offset - s.feeds[line-1]
}

// line gives the text of a line, counted from 1, without its break.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	end := len(s.data)
	if n < len(s.lines) {
		end = s.lines[n]
	}
	return strings.TrimRight(s.data[s.lines[n-1]:end], "\r\n")
}

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
	// more characters for line breaks.
	lines, marks []int
}

func newSource(f File) *source {
	s := &source{name: f.Name, data: string(f.Data)}
	start := 0
	if strings.HasPrefix(s.data, "\ufeff") {
		start = len("\ufeff")
	}
	s.lines = []int{start}
	s.marks = []int{start}
	for i := start; i < len(s.data); {
		n := breakLen(s.data, i)
		if n == 0 {
			i++
			continue
		}
		if s.data[i] == '\n' || s.data[i] == '\r' {
			s.lines = append(s.lines, i+n)
		}
		s.marks = append(s.marks, i+n)
		i += n
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
	at := s.marks[line-1]
	for ; column > 1 && at < len(s.data); column-- {
		_, n := utf8.DecodeRuneInString(s.data[at:])
		at += n
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

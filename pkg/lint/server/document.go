package server

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// document is a version of an open file. It is not changed: an edit makes a new one, which shares the items whose
// text stayed the same.
type document struct {
	uri     string
	version int
	text    string
	// lines are the offsets at which lines start.
	lines []int
	items []*item
	// utf8 is set when the client counts characters in bytes.
	utf8 bool
}

func newDocument(uri string, version int, text string, bytes bool, old *document) *document {
	d := &document{uri: uri, version: version, text: text, lines: lineStarts(text), utf8: bytes}
	d.items = split(d, old)
	return d
}

func lineStarts(text string) []int {
	lines := []int{0}
	for i := 0; ; {
		n := strings.IndexByte(text[i:], '\n')
		if n < 0 {
			return lines
		}
		i += n + 1
		lines = append(lines, i)
	}
}

// line gives the text of a line, counted from 0, without its break.
func (d *document) line(n int) string {
	if n < 0 || n >= len(d.lines) {
		return ""
	}
	end := len(d.text)
	if n+1 < len(d.lines) {
		end = d.lines[n+1]
	}
	return strings.TrimRight(d.text[d.lines[n]:end], "\r\n")
}

// offset gives the byte offset of a position. One beyond the end of its line is the end of the line, as the protocol
// asks for; one beyond the text is the end of the text.
func (d *document) offset(p position) int {
	if p.Line < 0 {
		return 0
	}
	if p.Line >= len(d.lines) {
		return len(d.text)
	}
	line := d.line(p.Line)
	if d.utf8 {
		return d.lines[p.Line] + max(0, min(p.Character, len(line)))
	}
	units := 0
	for i, r := range line {
		if units >= p.Character {
			return d.lines[p.Line] + i
		}
		units += units16(r)
	}
	return d.lines[p.Line] + len(line)
}

func units16(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}

// position is the reverse of offset.
func (d *document) position(offset int) position {
	offset = max(0, min(offset, len(d.text)))
	n := sort.SearchInts(d.lines, offset+1) - 1
	return position{n, d.character(n, offset-d.lines[n])}
}

// character gives the count of characters before byte column of a line.
func (d *document) character(line, column int) int {
	if d.utf8 {
		return column
	}
	text := d.line(line)
	text = text[:min(column, len(text))]
	units := 0
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		units += units16(r)
		i += n
	}
	return units
}

func (d *document) span(start, end int) textRange {
	return textRange{d.position(start), d.position(end)}
}

// edited gives the text with a range replaced.
func (d *document) edited(r textRange, text string) string {
	start, end := d.offset(r.Start), d.offset(r.End)
	if end < start {
		start, end = end, start
	}
	return d.text[:start] + text + d.text[end:]
}

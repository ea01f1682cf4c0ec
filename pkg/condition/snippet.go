package condition

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Snippet shows the line of text on which r begins and, on a second line, r underlined: ^~~~. A line that is too long
// is cut on both sides around the caret. Tabs become blanks, and control characters (with them terminal escapes) and
// bytes that are not UTF-8 are shown escaped, so that the two lines fit each other on any terminal. The result ends
// without a newline.
func Snippet(text string, r Range) string {
	start := min(max(r.Start, 0), len(text))
	// A place between CR and LF, or on the LF itself, belongs to the line that they end.
	lineStart := strings.LastIndexAny(text[:start], "\r\n") + 1
	if start > 0 && start < len(text) && text[start] == '\n' && text[start-1] == '\r' {
		lineStart = strings.LastIndexAny(text[:start-1], "\r\n") + 1
	}
	line := text[lineStart:]
	if i := strings.IndexAny(line, "\r\n"); i >= 0 {
		line = line[:i]
	}
	from := min(start-lineStart, len(line))
	to := min(max(r.End-lineStart, from), len(line))
	shown := window(line, from)
	return shown.text + "\n" + shown.underline(from, to)
}

// cell is one character of a line as it is shown: where it begins in the line, and its columns.
type cell struct {
	offset int
	shown  string
	width  int
}

// cells splits a line into what is shown for each character.
func cells(line string) []cell {
	result := make([]cell, 0, len(line))
	for i := 0; i < len(line); {
		c, size := decode(line, i)
		c.offset = i
		result = append(result, c)
		i += size
	}
	return result
}

// decode gives the cell of the character at i and its length in bytes.
func decode(line string, i int) (cell, int) {
	r, size := utf8.DecodeRuneInString(line[i:])
	switch {
	case r == '\t':
		return cell{shown: "    ", width: 4}, 1
	case r == utf8.RuneError && size <= 1:
		return escapedCell(fmt.Sprintf(`\x%02x`, line[i])), 1
	case r == '\n':
		return escapedCell(`\n`), 1
	case r == '\r':
		return escapedCell(`\r`), 1
	case r < 0x80 && !unicode.IsPrint(r):
		return escapedCell(fmt.Sprintf(`\x%02x`, r)), size
	case unicode.Is(unicode.M, r):
		// A combining mark is drawn onto the character before it.
		return cell{shown: line[i : i+size]}, size
	case !unicode.IsPrint(r) && r != ' ':
		return escapedCell(fmt.Sprintf(`\u%04x`, r)), size
	}
	return cell{shown: line[i : i+size], width: columns(r)}, size
}

func escapedCell(s string) cell { return cell{shown: s, width: len(s)} }

// columns is how wide a terminal draws a character: East Asian wide letters and pictures take two columns.
func columns(r rune) int {
	switch {
	case r >= 0x1100 && r <= 0x115F, r >= 0x2E80 && r <= 0xA4CF, r >= 0xAC00 && r <= 0xD7A3, r >= 0xF900 && r <= 0xFAFF,
		r >= 0xFE30 && r <= 0xFE6F, r >= 0xFF00 && r <= 0xFF60, r >= 0xFFE0 && r <= 0xFFE6, r >= 0x1F300 && r <= 0x1FAFF,
		r >= 0x20000 && r <= 0x3FFFD:
		return 2
	}
	return 1
}

// view is the part of a line that is shown.
type view struct {
	text  string
	cells []cell
	// lead is how many columns stand before the first cell.
	lead int
}

// Around the caret this many columns are shown.
const (
	columnsBefore = 40
	columnsAfter  = 40
)

const cut = "..."

// window chooses the part of a line around the byte at caret. It looks only at the neighbourhood, however long the line
// is.
func window(line string, caret int) view {
	// A character takes at most four bytes and at least no column, so this is enough text and bounded.
	const reach = 4 * (columnsBefore + columnsAfter)
	low := align(line, max(0, caret-reach))
	high := align(line, min(len(line), caret+reach))
	all := cells(line[low:high])
	for i := range all {
		all[i].offset += low
	}
	middle := 0
	for middle < len(all) && all[middle].offset < caret {
		middle++
	}
	first, before := middle, 0
	for first > 0 && before+all[first-1].width <= columnsBefore {
		first--
		before += all[first].width
	}
	last, after := middle, 0
	for last < len(all) && after+all[last].width <= columnsAfter {
		after += all[last].width
		last++
	}
	v := view{cells: all[first:last]}
	var out strings.Builder
	if first > 0 || low > 0 {
		out.WriteString(cut)
		v.lead = len(cut)
	}
	for _, c := range v.cells {
		out.WriteString(c.shown)
	}
	if last < len(all) || high < len(line) {
		out.WriteString(cut)
	}
	v.text = out.String()
	return v
}

// align moves an offset back to the beginning of a character.
func align(line string, offset int) int {
	for back := 0; offset > 0 && offset < len(line) && back < utf8.UTFMax && !utf8.RuneStart(line[offset]); back++ {
		offset--
	}
	return offset
}

// underline draws the second line: a caret below the byte at from, waves below the rest up to to.
func (v view) underline(from, to int) string {
	before, below := v.lead, 0
	for _, c := range v.cells {
		switch {
		case c.offset < from:
			before += c.width
		case c.offset < to:
			below += c.width
		}
	}
	return strings.Repeat(" ", before) + "^" + strings.Repeat("~", max(below-1, 0))
}

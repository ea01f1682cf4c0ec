// Package lines renders the alerts of a batch as lines of text, for the sinks that write lines.
package lines

import (
	"sort"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/format"
)

// kept is the greatest memory in bytes that is held from one batch to the next.
const kept = 1 << 20

// Lines are the lines of a batch. The zero value is empty. Not safe for concurrent use.
type Lines struct {
	// Text holds the lines one behind the other, each with its line break.
	Text []byte
	ends []int
	raw  []byte
}

// Reset takes all lines away.
func (l *Lines) Reset() {
	if cap(l.Text)+cap(l.raw) > kept {
		l.Text, l.raw = nil, nil
	}
	l.Text, l.ends = l.Text[:0], l.ends[:0]
}

// Add appends the line of an alert. Whatever render gives, it becomes one line: what would break it or act on a
// terminal is escaped, and bytes that are not UTF-8 become U+FFFD.
func (l *Lines) Add(a *alert.Alert, render deliver.Render) {
	l.raw = render(l.raw[:0], a)
	l.Text = append(AppendClean(l.Text, l.raw), '\n')
	l.ends = append(l.ends, len(l.Text))
}

// AddBytes appends text as it is for a line: the rest of one that is out in part.
func (l *Lines) AddBytes(text []byte) {
	l.Text = append(l.Text, text...)
	l.ends = append(l.ends, len(l.Text))
}

// Len tells how many lines there are.
func (l *Lines) Len() int { return len(l.ends) }

// End gives the length of the first n lines in bytes.
func (l *Lines) End(n int) int {
	if n == 0 {
		return 0
	}
	return l.ends[n-1]
}

// Line gives a line, with its line break.
func (l *Lines) Line(i int) []byte { return l.Text[l.End(i):l.End(i+1)] }

// Longest gives the length of the longest line in bytes.
func (l *Lines) Longest() (most int) {
	for i := range l.ends {
		most = max(most, len(l.Line(i)))
	}
	return most
}

// Whole tells how many lines are whole in the first size bytes of Text.
func (l *Lines) Whole(size int) int { return sort.SearchInts(l.ends, size+1) }

// AppendClean appends text with everything escaped that is no character to be seen: control characters as in a JSON
// string, bytes that are not UTF-8 as U+FFFD. JSON on one line stays JSON of the same meaning.
func AppendClean(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && text[end] >= ' ' && text[end] < 0x7F {
			end++
		}
		dst = append(dst, text[i:end]...)
		for i = end; end < len(text) && (text[end] < ' ' || text[end] >= 0x7F); {
			end++
		}
		if i < end {
			dst = format.AppendEscaped(dst, text[i:end])
		}
		i = end
	}
	return dst
}

package condition

import (
	"strings"
	"testing"
)

func TestSnippet(t *testing.T) {
	long := strings.Repeat("abcdefghi ", 20)
	tests := []struct {
		name, text string
		r          Range
		want       string
	}{
		{"word", "a.b = c d", Range{6, 7}, "a.b = c d\n      ^"},
		{"waves", "foo && bar", Range{4, 6}, "foo && bar\n    ^~"},
		{"end of text", "a.b =", Range{5, 5}, "a.b =\n     ^"},
		{"empty", "", Range{0, 0}, "\n^"},
		{"tab", "a.b =\t\tx y", Range{9, 10}, "a.b =        x y\n               ^"},
		{"second line", "foo\nbar baz\nqux", Range{8, 11}, "bar baz\n    ^~~"},
		{"over lines", "foo bar\nbaz", Range{4, 11}, "foo bar\n    ^~~"},
		{"carriage return", "foo\r\nbar baz\r\nqux", Range{9, 12}, "bar baz\n    ^~~"},
		{"on the line feed after a carriage return", "foo\r\nbar", Range{4, 5}, "foo\n   ^"},
		{"at the line feed", "foo\nbar", Range{3, 4}, "foo\n   ^"},
		{"terminal escape", "a \x1b[31m b", Range{8, 9}, "a \\x1b[31m b\n           ^"},
		{"C1 control", "a \u009b31m b", Range{8, 9}, "a \\u009b31m b\n            ^"},
		{"direction override", "a \u202e b", Range{6, 7}, "a \\u202e b\n         ^"},
		{"two-byte letters", "é ü", Range{3, 5}, "é ü\n  ^"},
		{"wide letters", "名前 x", Range{7, 8}, "名前 x\n     ^"},
		{"combining mark", "e\u0301 x", Range{4, 5}, "e\u0301 x\n  ^"},
		{"not UTF-8", "\xff\xfe x", Range{3, 4}, "\\xff\\xfe x\n         ^"},
		{"cut on both sides", long, Range{100, 109},
			"..." + long[60:140] + "...\n" + strings.Repeat(" ", 43) + "^~~~~~~~~"},
		{"cut on the right", long, Range{0, 200}, long[:40] + "...\n^" + strings.Repeat("~", 39)},
		{"cut on the left", long, Range{200, 200}, "..." + long[160:] + "\n" + strings.Repeat(" ", 43) + "^"},
		{"range outside", "foo", Range{10, 20}, "foo\n   ^"},
		{"range before", "foo", Range{-5, 2}, "foo\n^~"},
		{"range backwards", "foo", Range{2, 1}, "foo\n  ^"},
	}
	for _, test := range tests {
		got := Snippet(test.text, test.r)
		if got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
		}
		checkSnippet(t, got)
	}
}

// checkSnippet checks what holds for every snippet: two short lines without anything that could drive a terminal.
func checkSnippet(t *testing.T, snippet string) {
	t.Helper()
	line, under, two := strings.Cut(snippet, "\n")
	if !two || strings.Contains(under, "\n") {
		t.Fatalf("%q has not two lines", snippet)
	}
	if rest := strings.TrimLeft(under, " "); strings.Trim(rest[1:], "~") != "" || rest[0] != '^' {
		t.Errorf("%q does not underline", under)
	}
	width := 0
	for _, c := range cells(line) {
		width += c.width
		if c.width > 4 {
			t.Errorf("%q holds a character that needs an escape", line)
		}
	}
	if most := columnsBefore + columnsAfter + 2*len(cut); width > most {
		t.Errorf("%q is %d columns wide, more than %d", line, width, most)
	}
}

// TestSnippetOfHugeLine: the neighbourhood alone is looked at.
func TestSnippetOfHugeLine(t *testing.T) {
	text := strings.Repeat("x", 1<<20)
	few := testing.AllocsPerRun(10, func() { Snippet(text, Range{1 << 19, 1<<19 + 100}) })
	if few > 400 {
		t.Errorf("%.0f allocations", few)
	}
}

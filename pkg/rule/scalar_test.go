package rule

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

// scalarsOf gives the scalars of a YAML text that are values in mappings or items of lists.
func scalarsOf(t testing.TB, file *source) []*scalar {
	t.Helper()
	docs, p := parse(file)
	if p != nil {
		t.Fatalf("parse %q: %s", file.data, p.message)
	}
	var out []*scalar
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			out = append(out, newScalar(file, n))
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	for _, d := range docs {
		walk(d)
	}
	return out
}

// TestScalarStyles looks for the word MARK in the value of a scalar of each style and checks that its place in the file
// is where it was written.
func TestScalarStyles(t *testing.T) {
	tests := []struct{ name, yaml string }{
		{"plain", "- k: a MARK b\n"},
		{"plain at the end", "- k: a MARK"},
		{"plain in a list", "- k: [a, 'b', x MARK y , c]\n"},
		{"plain over lines", "- k: a b\n    c MARK\n    d\n"},
		{"plain over lines with empty ones", "- k: a b\n\n\n      c\n    d  MARK e\n"},
		{"plain with characters of several bytes", "- k: é€😀 MARK b\n"},
		{"plain key of several bytes", "- \"é€\": b MARK\n"},
		{"plain with a comment", "- k: a MARK # MARK\n"},
		{"plain with an anchor", "- k: &x MARK\n"},
		{"plain with an anchor and a tag", "- k: &x !!str b MARK\n"},
		{"plain with a tag on a line of its own", "- k: !!str\n    # comment\n    b MARK\n"},
		{"single quoted", "- k: 'a MARK b'\n"},
		{"single quoted quotes", "- k: 'it''s '' MARK '' b'\n"},
		{"single quoted over lines", "- k: 'a  \n     b\n\n     it''s MARK'\n"},
		{"double quoted", "- k: \"a MARK b\"\n"},
		{"double quoted escapes", "- k: \"\\ta \\\"b\\\" \\x41\\u00e9\\U0001F600\\n\\_\\N\\L\\P\\e\\0\\/\\\\ MARK\"\n"},
		{"double quoted over lines", "- k: \"a\n   b \\\n   c  \n\n   d MARK\"\n"},
		{"double quoted escaped break with blanks", "- k: \"a \\  \n   \\ b MARK\"\n"},
		{"double quoted tab", "- k: \"a\tb\\\tc MARK\"\n"},
		{"literal", "- k: |\n    a\n    b MARK\n    c\n"},
		{"literal deep", "- k: |\n         a\n           b MARK\n"},
		{"literal strip", "- k: |-\n    a\n\n\n    b MARK\n\n\n"},
		{"literal keep", "- k: |+\n    a\n    b MARK\n\n\n- k: c\n"},
		{"literal with indentation indicator", "- k: |2\n      a\n    b MARK\n"},
		{"literal with both indicators", "- k: |-2 # comment\n     a\n    b MARK\n"},
		{"literal with both indicators, other order", "- k: |1-\n    a\n   b MARK\n"},
		{"literal starting with empty lines", "- k: |\n\n  \n    a MARK\n"},
		{"literal without last break", "- k: |\n    a MARK"},
		{"literal with tag", "- k: !!str |\n    a MARK\n"},
		{"folded", "- k: >\n    a\n    b MARK\n    c\n"},
		{"folded strip", "- k: >-\n    a\n    b\n\n    c MARK\n"},
		{"folded keep", "- k: >+\n    a\n\n\n    b MARK\n\n"},
		{"folded with more indented lines", "- k: >\n    a\n      b\n      c\n    d\n\n      e\n\n    f MARK\n"},
		{"folded with indentation indicator", "- k: >2\n      a\n    b MARK\n"},
		{"folded starting with empty lines", "- k: >\n\n\n    a\n    b MARK\n"},
		{"folded with tabs", "- k: >\n    a\n    \tb\n    c MARK\n"},
		{"after a byte order mark", "\ufeff- k: a MARK\n"},
		{"carriage returns", "- j: 1\r\n  k: a\r\n    b MARK\r\n"},
		{"carriage returns, folded", "- k: >\r\n    a\r\n    b\r\n\r\n    c MARK\r\n"},
		{"carriage returns, literal", "- k: |+\r\n    a\r\n    b MARK\r\n\r\n"},
		{"carriage returns alone", "- j: |\r    a\r    b\r\r  k: MARK\r"},
		{"carriage returns, quoted", "- k: \"a\r\n  b\r\n\r\n  c\\\r\n  d MARK\"\r\n"},
		{"second document", "- k: 1\n---\n- k: >\n   a\n   b MARK\n"},
		{"flow mapping", "- {k: a MARK, j: b}\n"},
		{"unicode line separators", "- k: \"a\u2028 b\u0085 c MARK\"\n"},
		{"unicode line separators, literal", "- k: |\n    a\u2028    b\u0085    c MARK\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := newSource(File{"f", []byte(test.yaml)})
			want := strings.Index(test.yaml, "MARK")
			found := false
			for _, s := range scalarsOf(t, file) {
				at := strings.Index(s.value(), "MARK")
				if at < 0 {
					continue
				}
				found = true
				if got := s.span(at, at+4); got != (span{want, want + 4}) {
					t.Errorf("MARK is at %d, found at %d to %d (value %q)", want, got.start, got.end, s.value())
				}
			}
			if !found {
				t.Fatal("the YAML library gave no value with MARK")
			}
		})
	}
}

// TestEscapesAreUnderlinedWhole: a byte that comes from an escape has the place of all of it.
func TestEscapesAreUnderlinedWhole(t *testing.T) {
	tests := []struct{ yaml, value, want string }{
		{`- "a\u00e9b"`, "é", `\u00e9`},
		{`- "a\x41b"`, "A", `\x41`},
		{`- "a\"b"`, `"`, `\"`},
		{`- 'a''b'`, "'", `''`},
		{"- a\n  \n  b", "\n", "\n"},
		{"- a\n   b", "a b", "a\n   b"},
	}
	for _, test := range tests {
		file := newSource(File{"f", []byte(test.yaml)})
		s := scalarsOf(t, file)[0]
		at := strings.Index(s.value(), test.value)
		if at < 0 {
			t.Fatalf("%s: value %q", test.yaml, s.value())
		}
		got := s.span(at, at+len(test.value))
		if text := file.data[got.start:got.end]; text != test.want {
			t.Errorf("%s: %q comes from %q, want %q", test.yaml, test.value, text, test.want)
		}
	}
}

// TestPoints checks where a point between two characters is shown.
func TestPoints(t *testing.T) {
	tests := []struct {
		yaml  string
		value int // offset in the value, from the end when negative
		want  string
	}{
		{"- a and\n", -1, "- a and"},
		{"- 'a and  '\n", -1, "- 'a and"},
		{"- >\n  a\n  and  \n\n# c", -1, "- >\n  a\n  and"},
		{"- |\n  a and\n\n\n", -1, "- |\n  a and"},
		{"- ab\n", 1, "- a"},
		{"- ''\n", 0, "- "},
		{"- '   '\n", 1, "- '"},
	}
	for _, test := range tests {
		file := newSource(File{"f", []byte(test.yaml)})
		s := scalarsOf(t, file)[0]
		at := test.value
		if at < 0 {
			at = len(s.value())
		}
		got := s.span(at, at)
		if got.start != got.end || file.data[:got.start] != test.want {
			t.Errorf("%q: the point is %+v, behind %q; want behind %q", test.yaml, got, file.data[:got.start], test.want)
		}
	}
}

// TestScalarsAreReadAgain writes random texts in every style and checks that each byte of the value is found: reading
// again must give what the YAML library gave.
func TestScalarsAreReadAgain(t *testing.T) {
	words := []string{"a", "b c", " ", "  ", "\n", "\n\n", "é", "😀", "'", "\"", "\\", "x.y = 1", "(", ")", "%f.g", "\t", "- ", "#", " #", ": ", ":"}
	rapid.Check(t, func(t *rapid.T) {
		value := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 12).Draw(t, "words"), "")
		style := rapid.SampledFrom([]yaml.Style{0, yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle, yaml.LiteralStyle, yaml.FoldedStyle}).Draw(t, "style")
		node := &yaml.Node{Kind: yaml.ScalarNode, Value: value, Style: style, Tag: "!!str"}
		seq := &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{{Kind: yaml.MappingNode, Content: []*yaml.Node{
			{Kind: yaml.ScalarNode, Value: "k"}, node}}}}
		width := rapid.SampledFrom([]int{-1, 5, 20}).Draw(t, "width")
		data, err := yaml.Dump(seq, yaml.WithLineWidth(width))
		if err != nil {
			t.Skip("the YAML library does not write it")
		}
		checkReadAgain(t, string(data))
	})
}

// checkReadAgain checks that every scalar of a YAML text is found byte by byte, in ascending order.
func checkReadAgain(t interface {
	Fatalf(string, ...any)
	Helper()
}, data string) {
	t.Helper()
	file := newSource(File{"f", []byte(data)})
	docs, p := parse(file)
	if p != nil {
		return
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for _, c := range n.Content {
			walk(c)
		}
		if n.Kind != yaml.ScalarNode || n.Value == "" {
			return
		}
		s := newScalar(file, n)
		s.locate()
		text := len(strings.TrimRight(n.Value, " \t\n"))
		if s.base < 0 && len(s.spans) != len(n.Value) && text > 0 {
			t.Fatalf("%q: the value %q (style %d) is not found", data, n.Value, n.Style)
		}
		last := 0
		for i := range text {
			at := s.at(i)
			if s.base >= 0 && data[at.start] != n.Value[i] {
				t.Fatalf("%q: byte %d of %q is not at %+v", data, i, n.Value, at)
			}
			if at.start < last || at.end <= at.start || at.end > len(data) {
				t.Fatalf("%q: byte %d of %q is at %+v", data, i, n.Value, at)
			}
			last = at.start
		}
	}
	for _, d := range docs {
		if len(d.Content) > 0 && d.Content[0].Kind != yaml.ScalarNode { // a bare scalar is no rules file
			walk(d)
		}
	}
}

// anchorWithColon is what the YAML library splits in a way of its own.
var anchorWithColon = regexp.MustCompile(`&\S*:`)

// FuzzScalar gives any YAML to the reader of scalars.
func FuzzScalar(f *testing.F) {
	for _, style := range []string{"|", ">", "|-", ">+", "|2", ">1-"} {
		f.Add(fmt.Sprintf("- k: %s\n    a\n\n      b\n    c\n\n\n- d\n", style))
	}
	f.Add("- \"a\\\n  b \\u00e9\n\n  c\"\n- 'it''s\n  x'\n- &a !!str x\n  y\n")
	f.Fuzz(func(t *testing.T, data string) {
		if len(data) < 10_000 && !anchorWithColon.MatchString(data) {
			checkReadAgain(t, data)
		}
	})
}

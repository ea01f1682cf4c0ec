package document_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/lint/document"
)

func TestComments(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"plain":     {"# a\n- rule: x # b\n  desc: a#b c\n  # c\n", []string{"1 # a alone", "2 # b", "4 # c alone"}},
		"quoted":    {"- a: \"x # no\"  # yes\n- b: 'it''s # no\n    # no'\n", []string{"1 # yes"}},
		"escape":    {`- "a \" # no" # yes`, []string{"1 # yes"}},
		"block":     {"- a: >  # head\n    # no\n    text\n\n    # no\n  # yes\n  b: |-\n\n    # no\n# end", []string{"1 # head", "6 # yes alone", "10 # end alone"}},
		"indicator": {"- a: |2\n    # no\n    # no\n  # yes\n", []string{"4 # yes alone"}},
		"sequence":  {"a:\n- >\n # no\n# yes\n- x", []string{"4 # yes alone"}},
		"nested":    {"- - >\n    # no\n  # yes\n", []string{"3 # yes alone"}},
		"empty":     {"- a: >\n  # yes\n  b: c\n", []string{"2 # yes alone"}},
		"flow":      {"- [a, # one\n  \"b # no\", # two\n  # three\n  c]\n", []string{"1 # one", "2 # two", "3 # three alone"}},
		"several":   {"--- # one\na: b\n--- # two\nc: >\n  # no\n", []string{"1 # one", "3 # two"}},
		"marks":     {"- é: \"日 # no\" # yes\r\n- x # too\r\n", []string{"1 # yes", "2 # too"}},
		"anchor":    {"- a: &x >\n    # no\n- !!str \"# no\" # yes\n", []string{"3 # yes"}},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := document.Parse(test.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range d.Comments {
				text := string(rune('0'+c.Line%10)) + " " + d.Text[c.Start:c.End]
				if c.Line >= 10 {
					text = "1" + text
				}
				if c.Alone {
					text += " alone"
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestOffsets: places are right behind many characters of several bytes, after every kind of line break.
func TestOffsets(t *testing.T) {
	for _, n := range []int{0, 126, 127, 128, 129, 300} {
		for _, line := range []string{"\n", "\r\n", "\r", "\u2028"} {
			d, err := document.Parse("\ufeff# " + strings.Repeat("é", n) + line + "- [" + strings.Repeat("日, ", n) + "here]" + line)
			if err != nil {
				t.Fatal(err)
			}
			list := d.Roots[0].Content[0].Content[0]
			if at := d.Offset(list.Content[n]); !strings.HasPrefix(d.Text[at:], "here") {
				t.Errorf("%d, %q: %d", n, line, at)
			}
		}
	}
}

// TestTooMany: a text of too many values is refused, one of very many on a line is read in time.
func TestTooMany(t *testing.T) {
	text := "[" + strings.Repeat("x,", document.MaxNodes+1) + "]"
	if _, err := document.Parse(text); err == nil {
		t.Error("no error")
	}
	if _, err := document.Parse(text[:len("[")+2*200_000] + "]"); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"# a\n- rule: x # b\n", "- a: >\n    # no\n  # yes\n", "- |2\n\n   # x\n", "'# # ''", "\ufeff- \"#", "--- >\n# a\n", "&a !b |+\n \t#"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 10_000 {
			return
		}
		d, err := document.Parse(text)
		if err != nil {
			return
		}
		end := 0
		for _, c := range d.Comments {
			if c.Start < end || c.End <= c.Start || d.Text[c.Start] != '#' || strings.Contains(d.Text[c.Start:c.End], "\n") {
				t.Fatalf("comment %+v of %q", c, text)
			}
			end = c.End
		}
	})
}

package condition

import (
	"os"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// addCases seeds a fuzz target with the texts of the language cases.
func addCases(f *testing.F) {
	content, err := os.ReadFile("testdata/language-cases.yaml")
	if err != nil {
		f.Fatal(err)
	}
	var file struct {
		Parse []languageCase `yaml:"parse"`
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		f.Fatal(err)
	}
	for _, c := range file.Parse {
		f.Add(c.In)
	}
	f.Add(typical)
	f.Add("a.b = \"\\x00\xff\\x5c\" and not(not \v(x)) or(tolower(a.b[\"]\"])[1] in val( c.d )[2])")
}

// FuzzParse: no panic, an error lies inside the text, what is printed parses to the same tree, and time is bounded.
func FuzzParse(f *testing.F) {
	addCases(f)
	f.Fuzz(func(t *testing.T, text string) {
		began := time.Now()
		node, diagnostic := Parse(text)
		if spent := time.Since(began); spent > 10*time.Second {
			t.Errorf("%d bytes took %v", len(text), spent)
		}
		if diagnostic != nil {
			checkDiagnostic(t, text, diagnostic)
			return
		}
		checkRanges(t, text, node)
		want, printed := SExpr(node), Print(node)
		again, diagnostic := Parse(printed)
		if diagnostic != nil {
			if diagnostic.Code == CodeTooLong || diagnostic.Code == CodeTooDeep {
				return // escapes and parentheses can make the printed text longer and deeper
			}
			t.Fatalf("%q was printed as %q, which is wrong at %d: %v", text, printed, diagnostic.Range.Start, diagnostic)
		}
		if got := SExpr(again); got != want {
			t.Errorf("%q is %s, but printed as %q it is %s", text, want, printed, got)
		}
		if got := Print(again); got != printed {
			t.Errorf("%q is not canonical, it is printed as %q", printed, got)
		}
	})
}

func FuzzParseOperand(f *testing.F) {
	addCases(f)
	f.Add("proc.aname[2] %toupper(proc.name)[")
	f.Fuzz(func(t *testing.T, text string) {
		operand, n, diagnostic := ParseOperand(text)
		if diagnostic != nil {
			checkDiagnostic(t, text, diagnostic)
			return
		}
		if n <= 0 || n > len(text) || operand.Span().End != n {
			t.Fatalf("%q: took %d bytes with the range %v", text, n, operand.Span())
		}
		printed := PrintOperand(operand)
		again, length, diagnostic := ParseOperand(printed)
		if diagnostic != nil || length != len(printed) || PrintOperand(again) != printed {
			t.Errorf("%q was printed as %q, which does not parse to the same", text, printed)
		}
	})
}

func checkDiagnostic(t *testing.T, text string, d *Diagnostic) {
	t.Helper()
	if d.Range.Start < 0 || d.Range.Start > d.Range.End || d.Range.End > len(text) {
		t.Errorf("%q: the range %v of %q is not inside the text", text, d.Range, d)
	}
	if d.Code == "" || d.Message == "" || d.Hint == "" {
		t.Errorf("%q: incomplete diagnostic %+v", text, d)
	}
}

// checkRanges checks that every part lies inside the part that holds it.
func checkRanges(t *testing.T, text string, n Node) {
	t.Helper()
	whole := n.Span()
	inside := func(r Range) {
		if r.Start < whole.Start || r.Start >= r.End || r.End > whole.End || whole.End > len(text) {
			t.Errorf("%q: the range %v is not inside %v", text, r, whole)
		}
	}
	Walk(n, func(n Node) bool {
		inside(n.Span())
		return true
	})
	WalkOperands(n, func(o Operand) bool {
		inside(o.Span())
		return true
	})
}

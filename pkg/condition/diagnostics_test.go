package condition

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the golden files")

// mistakes are texts that people write and that the language cases do not hold.
var mistakes = []string{
	"a.b = x || c.d = y",
	"a.b <> x",
	"a.b is x",
	"filename contains shadow",
	"a.b =~ x",
	"a.b like x",
	"a.b not in (x)",
	"a.b EXISTS",
	"a.b starts_with x",
	"a.b startsWith x",
	"a.b ends_with x",
	"a.b Ends-With x",
	"a.b has x",
	"a.b matches x",
	"a.b equals x",
	"a.b contans x",
	"a.b IN (x, y)",
	"a.b NOT IN (x, y)",
	"a.b not_in (x, y)",
	"a.b CONTAINS x",
	"a.b && c.d = y",
	"a.b = x && c.d = y",
	"a.b = x&&c.d = y",
	"a.b = x AND c.d = y",
	"a.b = x OR c.d = y",
	"NOT a.b = x",
	"a.b = x and NOT c.d = y",
	"NOT (a.b = x)",
	"a.b = x and !c.d = y",
	"!(a.b = x)",
	"! a.b = x",
	"a.b is not null",
	"a.b includes x",
	"a.b in intersect (x)",
	"a.b z x",
	"a.b = 'x",
	`a.b = "c:\"`,
	`a.b in ("x\", 'y)`,
	`a.b["x] = 1`,
	"tolower('x) = x",
	"join(',', ('x)) = y",
	"a.b in (x, y",
	"a.b in (x,)",
	"a.b in (x y)",
	"a.b in (x, (y))",
	"a.b in [x]",
	"a.b intersect (x)",
	"a.b = x)",
	"(a.b = x",
	"(a or b",
	"not (a and (b or c)",
	"not(a",
	"a or(b",
	"a and(b",
	"a and (b) c",
	"a AND b",
	"a andb",
	"a or\"b\"",
	"a // b",
	"a; b",
	"a.b = tolower (x)",
	"a.b = ToLower(x)",
	"lower(a.b) = x",
	"a.b = sha256(c.d)",
	"tolower(a.b",
	"tolower(a.b c.d) = x",
	"tolower(a.b,) = x",
	"tolower(foo) = x",
	"join(',', (a.b, foo)) = x",
	"join(',', (a.b c.d)) = x",
	"join(',', (a.b)[1]) = x",
	"a.b = val(c.d",
	"a.b = val(c.d, e.f)",
	"a.b[1",
	"a.b[",
	"a.b [1] = x",
	"a.b >= .5",
	"a.b > = 5",
	"a.b > 5s",
	"a.b > 1e3",
	"a.b >",
	"a.b = )",
	"a.b = ,",
	"a.b == = x",
	"a.b in",
	"a.b = (x)",
	"%proc.name = x",
	"'a.b' = x",
	"9lives",
	"\x1b[31mred",
	"a.b = x \x00",
	"a.b = \"\\x4z\"",
	"a.b = \"tab\\\t\"",
	"ünicode = x",
	"a.b = x\n\tand c.d ~ y\nand e",
	"x and " + strings.Repeat("a.b = some_value or ", 12) + "and && " + strings.Repeat("c.d = y or ", 12) + "z",
	strings.Repeat("(", 300) + "x",
	"a.b averyveryveryveryverylongwordthatisnooperator",
}

// TestDiagnostics keeps what people read when a condition is wrong. Run with -update to write the file anew.
func TestDiagnostics(t *testing.T) {
	content, err := os.ReadFile("testdata/language-cases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Parse []languageCase `yaml:"parse"`
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	texts := mistakes
	for _, c := range file.Parse {
		if c.Error != "" {
			texts = append(texts, c.In)
		}
	}
	var out strings.Builder
	for _, text := range texts {
		node, diagnostic := Parse(text)
		if diagnostic == nil {
			t.Errorf("%q is no mistake but %s", text, SExpr(node))
			continue
		}
		checkDiagnostic(t, text, diagnostic)
		line, column := Position(text, diagnostic.Range.Start)
		fmt.Fprintf(&out, "%d:%d: %s: %s\n%q at %q\nhint: %s\n\n", line, column, diagnostic.Code, diagnostic.Message,
			text, text[diagnostic.Range.Start:diagnostic.Range.End], diagnostic.Hint)
	}
	const golden = "testdata/diagnostics.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

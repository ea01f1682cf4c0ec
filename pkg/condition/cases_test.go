package condition

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// languageCase is a row of the parse section of language-cases.yaml: a text and its tree or its error.
type languageCase struct {
	ID    string `yaml:"id"`
	In    string `yaml:"in"`
	AST   string `yaml:"ast"`
	Error string `yaml:"error"`
	// Pos is the place of the error: byte offset from 0, line and column from 1.
	Pos []int `yaml:"pos"`
	// Described stands for an input that is too large to be written down.
	Described string `yaml:"described"`
	Result    string `yaml:"result"`
}

// stricter holds the cases in which an error here is a tree there; docs/differences.md gives the reasons.
var stricter = map[string]bool{}

// described builds the inputs that are only described.
var described = map[string]struct {
	text  string
	depth int
}{
	"18 nested parentheses around a check, depth limit 100": {nested(18), 100},
	"198 nested parentheses, depth limit 1000 (Falco)":      {nested(198), 1000},
	"199 nested parentheses, depth limit 1000 (Falco)":      {nested(199), 1000},
	`500 x "not " before a check`:                           {strings.Repeat("not ", 500) + "a.b = 1", 100},
}

func nested(n int) string {
	return strings.Repeat("(", n) + "a.b = 1" + strings.Repeat(")", n)
}

// TestLanguageCases compares with what Falco's parser makes of the same texts. LANGUAGE_CASES names another file of the
// same form.
func TestLanguageCases(t *testing.T) {
	path := os.Getenv("LANGUAGE_CASES")
	if path == "" {
		path = "testdata/language-cases.yaml"
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Parse []languageCase `yaml:"parse"`
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Parse) == 0 {
		t.Fatalf("%s holds no parse cases", path)
	}
	passed := 0
	for _, c := range file.Parse {
		if complaint := c.check(); complaint != "" {
			t.Errorf("%s: %q: %s", c.ID, c.In+c.Described, complaint)
			continue
		}
		passed++
	}
	t.Logf("%d of %d parse cases passed", passed, len(file.Parse))
}

// check tells what is wrong, or nothing.
func (c languageCase) check() string {
	text, limits := c.In, Limits{Depth: 100}
	if c.Described != "" {
		input, known := described[c.Described]
		if !known {
			return "nobody knows how to build this input"
		}
		text, limits.Depth = input.text, input.depth
		if !strings.HasPrefix(c.Result, "ok") {
			c.Error = c.Result
		}
	}
	node, diagnostic := limits.Parse(text)
	switch {
	case c.Error == "" && diagnostic != nil:
		if stricter[c.ID] {
			return ""
		}
		return fmt.Sprintf("got the error %q at %d, want %s", diagnostic.Error(), diagnostic.Range.Start, c.AST)
	case c.Error == "":
		if got := SExpr(node); c.Described == "" && got != c.AST {
			return fmt.Sprintf("got %s, want %s", got, c.AST)
		}
	case diagnostic == nil:
		return fmt.Sprintf("got %s, want the error %q at %v", SExpr(node), c.Error, c.Pos)
	case c.Pos != nil:
		line, column := Position(text, diagnostic.Range.Start)
		if got := []int{diagnostic.Range.Start, line, column}; fmt.Sprint(got) != fmt.Sprint(c.Pos) {
			return fmt.Sprintf("got the error %q at %v, want it at %v", diagnostic.Error(), got, c.Pos)
		}
	}
	return ""
}

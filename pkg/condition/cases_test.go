package condition

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
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

// describedGroups and describedRuns are the ways in which inputs are described.
var (
	describedGroups = regexp.MustCompile(`^(\d+) nested parentheses\b.*depth limit (\d+)`)
	describedRuns   = regexp.MustCompile(`^(\d+) x "(.+)" before a check`)
)

// described builds an input that is only described, and the limit of depth for it.
func described(text string) (input string, depth int, ok bool) {
	if m := describedGroups.FindStringSubmatch(text); m != nil {
		count, _ := strconv.Atoi(m[1])
		depth, _ = strconv.Atoi(m[2])
		return nested(count), depth, true
	}
	if m := describedRuns.FindStringSubmatch(text); m != nil {
		count, _ := strconv.Atoi(m[1])
		return strings.Repeat(m[2], count) + "a.b = 1", 100, true
	}
	return "", 0, false
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
	passed := 0
	for _, c := range file.Parse {
		if complaint := c.check(); complaint != "" {
			t.Errorf("case %s: %q: %s", c.ID, c.In+c.Described, complaint)
			continue
		}
		passed++
	}
	if len(file.Parse) == 0 && os.Getenv("LANGUAGE_CASES") == "" {
		t.Error("there are no parse cases")
	}
	fmt.Printf("%d of %d parse cases passed\n", passed, len(file.Parse))
}

// check tells what is wrong, or nothing.
func (c languageCase) check() string {
	text, limits := c.In, Limits{Depth: 100}
	if c.Described != "" {
		var known bool
		if text, limits.Depth, known = described(c.Described); !known {
			return "nobody knows how to build this input"
		}
		if !strings.HasPrefix(c.Result, "ok") {
			c.Error = c.Result
		}
	}
	node, diagnostic := limits.Parse(text)
	switch {
	case c.Error == "" && diagnostic != nil:
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

package lint_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/daemon"
	"github.com/saker-security/saker/pkg/lint"
	"github.com/saker-security/saker/pkg/lint/analysis"
	"github.com/saker-security/saker/pkg/rule"
)

// withoutExamples are the codes for which no small file is an example, or no file alone.
var withoutExamples = []string{"file-too-large", "not-text", "yaml-depth", "too-many-findings", "more-findings", "empty-condition", "condition-too-long",
	"condition-too-deep", "too-large", "format-too-long", "event-not-delivered", "pending-field", "missing-matters", "whole-match",
	"rare-tag", "analysis-incomplete"}

// TestExamples lints the examples of each explanation: the bad one gives the code, the good one does not.
func TestExamples(t *testing.T) {
	options := lint.Options{Catalogues: daemon.Catalogues(""), Least: condition.SeverityInfo}
	codes := func(e lint.Example) []string {
		r := lint.Lint([]rule.File{{Name: "example.yaml", Data: []byte(e.File())}}, options)
		return r.FoundCodes()
	}
	for _, e := range lint.Explanations() {
		if e.Title == "" || !strings.HasSuffix(e.Title, ".") || e.Falco == "" || e.Group == "" {
			t.Errorf("%s: the explanation lacks a title, a group or what Falco does: %+v", e.Code, e)
		}
		if slices.Contains(withoutExamples, e.Code) {
			if e.Bad.Text != "" {
				t.Errorf("%s has examples after all", e.Code)
			}
			continue
		}
		if got := codes(e.Bad); !slices.Contains(got, e.Code) {
			t.Errorf("%s: the bad example gives %v", e.Code, got)
		}
		got := codes(e.Good)
		if slices.Contains(got, e.Code) {
			t.Errorf("%s: the good example gives it too", e.Code)
		}
		if errors := lint.Check([]rule.File{{Name: "example.yaml", Data: []byte(e.Good.File())}}, options.Catalogues); !errors.OK() {
			t.Errorf("%s: the good example has errors: %v", e.Code, got)
		}
	}
}

// TestEveryCode: each code that the program can report is explained, and each that is explained can be reported. The
// codes are read from the sources of the packages that report them, and from all files in which findings are recorded.
func TestEveryCode(t *testing.T) {
	can := map[string]string{}
	for _, dir := range []string{"../rule", "../condition", "../condition/program", "../format"} {
		sourceCodes(t, dir, can)
	}
	for code := range analysis.Codes {
		can[code] = "analysis"
	}
	for _, code := range lint.Codes() {
		can[code] = "lint"
	}
	if len(can) < 70 {
		t.Errorf("only %d codes were found in the sources: %v", len(can), slices.Sorted(maps.Keys(can)))
	}
	seen := maps.Clone(can)
	recordedCodes(t, seen)
	explained := map[string]bool{}
	for _, e := range lint.Explanations() {
		if explained[e.Code] {
			t.Errorf("%s is explained twice", e.Code)
		}
		explained[e.Code] = true
		if can[e.Code] == "" {
			t.Errorf("%s is explained, but nothing reports it", e.Code)
		}
	}
	for code, where := range seen {
		if !explained[code] {
			t.Errorf("%s (%s) is not explained", code, where)
		}
	}
}

// sourceCodes finds the codes in the sources of a package: constants named Code…, the first element of kind{…}, and
// the field Code of literals.
func sourceCodes(t *testing.T, dir string, codes map[string]string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %d files, error %v", dir, len(names), err)
	}
	add := func(x ast.Expr) {
		if lit, ok := x.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if code, err := strconv.Unquote(lit.Value); err == nil && code != "" {
				codes[code] = dir
			}
		}
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				if strings.HasPrefix(n.Names[0].Name, "Code") && len(n.Values) == 1 {
					add(n.Values[0])
				}
			case *ast.CompositeLit:
				if id, ok := n.Type.(*ast.Ident); ok && id.Name == "kind" && len(n.Elts) > 0 {
					add(n.Elts[0])
				}
			case *ast.KeyValueExpr:
				if id, ok := n.Key.(*ast.Ident); ok && (id.Name == "Code" || id.Name == "code") {
					add(n.Value)
				}
			}
			return true
		})
	}
}

var recorded = regexp.MustCompile(`(?m)^\S+:\d+:\d+: (?:error|warning|info): .* \[([a-z0-9-]+)\]$`)

// recordedCodes finds the codes in the files that record findings.
func recordedCodes(t *testing.T, codes map[string]string) {
	t.Helper()
	found := 0
	for _, pattern := range []string{"testdata/broken/*.txt", "../../cmd/saker/testdata/script/*.txtar", "../../docs/tools/*.md",
		"analysis/testdata/*", "analysis/testdata/*/*", "../rule/testdata/*", "../rule/testdata/*/*"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				continue // a directory
			}
			for _, m := range recorded.FindAllStringSubmatch(string(data), -1) {
				found++
				if codes[m[1]] == "" {
					codes[m[1]] = name
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d findings are recorded", found)
	}
}

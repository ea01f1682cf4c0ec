package program

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/condition"
)

var update = flag.Bool("update", false, "write the golden files")

// TestDiagnostics compares the findings about the conditions in testdata/diagnostics.golden, where each condition is
// a line of its own and is followed by its findings, indented.
func TestDiagnostics(t *testing.T) {
	path := filepath.Join("testdata", "diagnostics.golden")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, line := range strings.Split(strings.TrimRight(string(raw), "\n"), "\n") {
		if strings.HasPrefix(line, "  ") {
			continue
		}
		got.WriteString(line + "\n")
		findings := diagnose(t, line)
		if findings == "" {
			findings = "no findings\n"
		}
		for finding := range strings.Lines(findings) {
			got.WriteString("  " + finding)
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(raw), got.String()); diff != "" && !*update {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestOperandDiagnostics: what may be printed is not what may be compared.
func TestOperandDiagnostics(t *testing.T) {
	tests := []struct{ text, code string }{
		{"t.printed", ""}, {"t.ends", CodeFilterOnly}, {"t.nope", CodeUnknownField}, {"t.key", CodeBadArgument},
		{"tolower(t.u64)", CodeBadTransformer}, {"len(t.ends)", CodeFilterOnly},
	}
	for _, tt := range tests {
		op, _, d := condition.ParseOperand(tt.text)
		if d != nil {
			t.Fatalf("parse %s: %v", tt.text, d)
		}
		x, found := CompileOperand(op, testCatalogue)
		if (x == nil) != (tt.code != "") {
			t.Errorf("%s: compiled is %v", tt.text, x != nil)
		}
		if tt.code != "" && (len(found) == 0 || found[0].Code != tt.code) {
			t.Errorf("%s: got %v, want %s", tt.text, found, tt.code)
		}
	}
}

// TestMalformedTrees: trees that the parser never makes are refused, not evaluated.
func TestMalformedTrees(t *testing.T) {
	str, u64 := fieldNode("t.str"), fieldNode("t.u64")
	value := &condition.Text{Value: "a"}
	for name, n := range map[string]condition.Node{
		"no condition":          nil,
		"no left side":          &condition.Check{Op: condition.OpEq, Right: value},
		"no right side":         &condition.Check{Left: str, Op: condition.OpEq},
		"exists with a value":   &condition.Check{Left: str, Op: condition.OpExists, Right: value},
		"list for =":            &condition.Check{Left: str, Op: condition.OpEq, Right: &condition.List{}},
		"group on the right":    &condition.Check{Left: str, Op: condition.OpEq, Right: &condition.Group{}},
		"modifier for <":        &condition.Check{Left: u64, Op: condition.OpLt, Modifier: condition.ModifierAnyOf, Right: &condition.List{}},
		"modifier with a field": &condition.Check{Left: str, Op: condition.OpEq, Modifier: condition.ModifierAnyOf, Right: fieldNode("t.str2")},
		"unknown operator":      &condition.Check{Left: str, Op: "like", Right: value},
		"unknown transformer":   &condition.Check{Left: &condition.Transform{Name: "trim", Args: []condition.Operand{str}}, Op: condition.OpExists},
		"val of a constant":     &condition.Check{Left: str, Op: condition.OpEq, Right: &condition.Transform{Name: "val", Args: []condition.Operand{value}}},
		"val of nothing":        &condition.Check{Left: str, Op: condition.OpEq, Right: &condition.Transform{Name: "val"}},
		"group on the left":     &condition.Check{Left: &condition.Group{}, Op: condition.OpExists},
		"empty argument": &condition.Check{Left: &condition.Field{Name: "t.key", Arg: &condition.Arg{}},
			Op: condition.OpExists},
	} {
		if id, found := NewBuilder(testCatalogue).Add(n); id != None || len(found) == 0 {
			t.Errorf("%s: accepted", name)
		}
	}
}

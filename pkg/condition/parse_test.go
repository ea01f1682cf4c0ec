package condition

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRanges compares the text under every node and operand with what it was made of.
func TestRanges(t *testing.T) {
	tests := []struct {
		text string
		want []string
	}{
		{"  foo ", []string{"foo"}},
		{"( foo )", []string{"foo"}},
		{"a.b = 1 and (c.d exists or not foo)", []string{
			"a.b = 1 and (c.d exists or not foo)", "a.b = 1", "a.b", "1",
			"c.d exists or not foo", "c.d exists", "c.d", "not foo", "foo",
		}},
		{"not not not( x or(y) )", []string{"not not not( x or(y) )", "x or(y)", "x", "y"}},
		{"not  not(not (x))", []string{"not (x)", "x"}},
		{"tolower(a.b[\"k]\"],(c.d , 'x', 5))[k] in ( one,\t'two' )", []string{
			"tolower(a.b[\"k]\"],(c.d , 'x', 5))[k] in ( one,\t'two' )",
			"tolower(a.b[\"k]\"],(c.d , 'x', 5))[k]", "a.b[\"k]\"]", "(c.d , 'x', 5)", "c.d", "'x'", "5",
			"( one,\t'two' )", "one", "'two'",
		}},
		{"a.b > val( c.d[1] )[2]", []string{"a.b > val( c.d[1] )[2]", "a.b", "val( c.d[1] )[2]", "c.d[1]"}},
		{"a.b = anyof  and x", []string{"a.b = anyof  and x", "a.b = anyof", "a.b", "anyof", "x"}},
		{"a.b =anyof\n", []string{"a.b =anyof", "a.b", "anyof"}},
		{"a.b contains  anyof  names or x", []string{
			"a.b contains  anyof  names or x", "a.b contains  anyof  names", "a.b", "names", "x"}},
		{"a.b = é and x", []string{"a.b = é and x", "a.b = é", "a.b", "é", "x"}},
	}
	for _, test := range tests {
		node, diagnostic := Parse(test.text)
		if diagnostic != nil {
			t.Errorf("%q: %v", test.text, diagnostic)
			continue
		}
		var got []string
		note := func(r Range) { got = append(got, test.text[r.Start:r.End]) }
		Walk(node, func(n Node) bool {
			note(n.Span())
			if check, ok := n.(*Check); ok {
				for _, side := range []Operand{check.Left, check.Right} {
					WalkOperand(side, func(o Operand) bool {
						note(o.Span())
						return true
					})
				}
			}
			return true
		})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", test.text, diff)
		}
	}
}

// TestRangesOfParts checks the ranges that are no node: the operator without its modifier, the argument without its
// brackets.
func TestRangesOfParts(t *testing.T) {
	const text = `proc.aname["2"]  startswith   anyof (a)`
	node, diagnostic := Parse(text)
	if diagnostic != nil {
		t.Fatal(diagnostic)
	}
	check := node.(*Check)
	if got := text[check.OpRange.Start:check.OpRange.End]; got != "startswith" || check.Op != OpStartsWith {
		t.Errorf("operator %q at %q", check.Op, got)
	}
	arg := check.Left.(*Field).Arg
	if got := text[arg.Start:arg.End]; got != `"2"` || arg.Text != "2" || arg.Quote != '"' {
		t.Errorf("argument %+v at %q", arg, got)
	}
	if check.Modifier != ModifierAnyOf {
		t.Errorf("modifier %q", check.Modifier)
	}
}

func TestParseOperand(t *testing.T) {
	tests := []struct {
		text, want, print string
	}{
		{"proc.name", "proc.name", "proc.name"},
		{"proc.name and more", "proc.name", "proc.name"},
		{"proc.name.", "proc.name", "proc.name"},
		{"proc.name=%x", "proc.name", "proc.name"},
		{"proc.aname[2])", "proc.aname[2]", "proc.aname[2]"},
		{"proc.aname [2]", "proc.aname", "proc.aname"},
		{"proc.aname[", "proc.aname", "proc.aname"},
		{"proc.aname[]", "proc.aname", "proc.aname"},
		{"proc.aname[a b]", "proc.aname", "proc.aname"},
		{`ka.key["a b"]"`, `ka.key["a b"]`, `ka.key["a b"]`},
		{`ka.key["a\q"]`, `ka.key`, `ka.key`},
		{"toupper(proc.name)%", "toupper(proc.name)", "toupper(proc.name)"},
		{"toupper( proc.aname[1] )[x y]", "toupper( proc.aname[1] )", "toupper(proc.aname[1])"},
		{"getopt(proc.args,'a:')[a]b", "getopt(proc.args,'a:')[a]", "getopt(proc.args, 'a:')[a]"},
		{`join(",",(a.b,tolower(c.d)))!`, `join(",",(a.b,tolower(c.d)))`, `join(",", (a.b, tolower(c.d)))`},
	}
	for _, test := range tests {
		operand, n, diagnostic := ParseOperand(test.text)
		if diagnostic != nil {
			t.Errorf("%q: %v", test.text, diagnostic)
			continue
		}
		if got := test.text[:n]; got != test.want {
			t.Errorf("%q: took %q, want %q", test.text, got, test.want)
		}
		if got := PrintOperand(operand); got != test.print {
			t.Errorf("%q: printed %q, want %q", test.text, got, test.print)
		}
		if got := operand.Span(); got != (Range{End: n}) {
			t.Errorf("%q: range %v of %d bytes", test.text, got, n)
		}
	}
}

func TestParseOperandErrors(t *testing.T) {
	tests := []struct {
		text  string
		start int
	}{
		{"", 0},
		{"%", 0},
		{" 5", 1},
		{"proc", 0},
		{"toupper (a.b)", 0},
		{"toupper(", 8},
		{"toupper(a.b", 11},
		{"toupper(a.b[", 12},
		{"val(a.b)", 0},
		{"(a.b)", 0},
		{"not a.b", 0},
	}
	for _, test := range tests {
		operand, n, diagnostic := ParseOperand(test.text)
		if diagnostic == nil {
			t.Errorf("%q: got %q of %d bytes, want an error", test.text, PrintOperand(operand), n)
			continue
		}
		if diagnostic.Range.Start != test.start {
			t.Errorf("%q: error %q at %d, want it at %d", test.text, diagnostic, diagnostic.Range.Start, test.start)
		}
	}
}

func TestLimits(t *testing.T) {
	tests := []struct {
		limits Limits
		text   string
		code   string
		start  int
	}{
		{Limits{}, strings.Repeat(" ", MaxBytes-3) + "foo", "", 0},
		{Limits{}, strings.Repeat(" ", MaxBytes-2) + "foo", CodeTooLong, MaxBytes},
		{Limits{Bytes: 3}, "foo", "", 0},
		{Limits{Bytes: 2}, "foo", CodeTooLong, 2},
		{Limits{Depth: 22}, "((a.b exists)) and ((foo))", "", 0},
		{Limits{Depth: 12}, "(a.b = 1)", CodeTooDeep, 5},
		{Limits{Depth: 13}, "(a.b = 1)", "", 0},
		{Limits{Depth: 9}, "(foo)", CodeTooDeep, 1},
		{Limits{Depth: 10}, "(foo)", "", 0},
		{Limits{}, strings.Repeat("(", MaxBytes), CodeTooDeep, 199},
		{Limits{}, strings.Repeat("not(", MaxBytes/4), CodeTooDeep, 4 * 249},
		{Limits{}, strings.Repeat("tolower(", MaxBytes/8), CodeTooDeep, 8 * 497},
		{Limits{}, "join(" + strings.Repeat("(join(", MaxBytes/8), CodeTooDeep, 5 + 6*496 + 1},
	}
	for _, test := range tests {
		_, diagnostic := test.limits.Parse(test.text)
		name := fmt.Sprintf("%.20q with %+v", test.text, test.limits)
		switch {
		case diagnostic == nil && test.code != "":
			t.Errorf("%s: no error, want %s", name, test.code)
		case diagnostic != nil && (diagnostic.Code != test.code || diagnostic.Range.Start != test.start):
			t.Errorf("%s: got %s at %d, want %s at %d", name, diagnostic.Code, diagnostic.Range.Start, test.code, test.start)
		}
	}
}

// shapes are texts that make a careless parser slow, each for a length in bytes.
var shapes = map[string]func(n int) string{
	"open parentheses":       func(n int) string { return strings.Repeat("(", n) },
	"groups in a row":        func(n int) string { return "x" + strings.Repeat(" or (x)", n/7) },
	"glued groups":           func(n int) string { return "x" + strings.Repeat(" or(x)", n/6) },
	"nested to the limit":    func(n int) string { return "x" + strings.Repeat(" and "+nested(190), n/400) },
	"not chain":              func(n int) string { return strings.Repeat("not ", n/4) + "x" },
	"or chain":               func(n int) string { return "x" + strings.Repeat(" or x", n/5) },
	"and chain of checks":    func(n int) string { return "x" + strings.Repeat(" and a.b = c", n/12) },
	"list":                   func(n int) string { return "a.b in (x" + strings.Repeat(",x", n/2) + ")" },
	"list, not closed":       func(n int) string { return "a.b in (x" + strings.Repeat(", 'x'", n/5) },
	"arguments":              func(n int) string { return "concat(1" + strings.Repeat(",a.b[1]", n/7) + ") = x" },
	"group":                  func(n int) string { return "join(',',(1" + strings.Repeat(",tolower(a.b)", n/13) + ")) = x" },
	"open quote":             func(n int) string { return "a.b = '" + strings.Repeat("x", n) },
	"open quotes in a list":  func(n int) string { return "a.b in (" + strings.Repeat(`"\",`, n/4) },
	"escapes":                func(n int) string { return `a.b = "` + strings.Repeat(`\x41`, n/4) + `"` },
	"backslashes":            func(n int) string { return `a.b = "` + strings.Repeat(`\`, n) + `"` },
	"long bare string":       func(n int) string { return "a.b = " + strings.Repeat("x", n) },
	"long word":              func(n int) string { return strings.Repeat("x", n) },
	"long field":             func(n int) string { return "a" + strings.Repeat(".x", n/2) + " exists" },
	"long field, spoilt":     func(n int) string { return "a" + strings.Repeat(".x", n/2) + ". exists" },
	"blanks":                 func(n int) string { return "x" + strings.Repeat(" ", n) + "or y" },
	"blanks after not":       func(n int) string { return "not" + strings.Repeat(" ", n) },
	"digits":                 func(n int) string { return "a.b > " + strings.Repeat("1", n) + "e" },
	"modifiers":              func(n int) string { return "x" + strings.Repeat(" or a.b = anyof ", n/16) },
	"non-ASCII":              func(n int) string { return "a.b = " + strings.Repeat("é", n/2) },
	"bytes that are no text": func(n int) string { return "a.b in ('" + strings.Repeat("\xff\x00", n/2) + "')" },
	"wrong at the end":       func(n int) string { return "x" + strings.Repeat(" or x", n/5) + " &&" },
}

// TestLinear parses each shape at half and at full length. Allocations, which can be counted, must not more than
// double; the deadline is far above what a slow machine needs and far below what a quadratic parser would.
func TestLinear(t *testing.T) {
	full := MaxBytes - 64
	if underRace {
		full /= 16
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			half, whole := shape(full/2), shape(full)
			began := time.Now()
			first, second := allocations(t, half), allocations(t, whole)
			if second > first*22/10+1000 {
				t.Errorf("%d allocations for %d bytes, %d for %d", first, len(half), second, len(whole))
			}
			if spent := time.Since(began); spent > time.Minute {
				t.Errorf("took %v", spent)
			}
		})
	}
}

// allocations parses a text and counts what that allocated.
func allocations(t *testing.T, text string) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, diagnostic := Parse(text)
	runtime.ReadMemStats(&after)
	if diagnostic != nil && diagnostic.Code == CodeTooLong {
		t.Fatalf("%d bytes are too many to test anything", len(text))
	}
	return after.Mallocs - before.Mallocs
}

// TestConcurrent is for the race detector: the generated lexer shares tables that grow while it works.
func TestConcurrent(t *testing.T) {
	texts := []string{typical, "a.b > 5 or foo", "tolower(a.b) in (x, 'y')", "a.b ==", "not(not(x))"}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for j := range 50 {
				Parse(texts[(i+j)%len(texts)])
			}
		})
	}
	wait.Wait()
}

const typical = `spawned_process and container and proc.tty != 0 and proc.name in (bash, sh, zsh, "a b") and ` +
	`not proc.pname in (shell_parents) and (fd.name startswith /etc or fd.name glob "/root/*") and ` +
	`not (user.name = "root" and proc.cmdline contains "--safe") and container.image.repository != allof (a/b, c/d)`

func BenchmarkParse(b *testing.B) {
	texts := map[string]string{
		"check":   "proc.name = bash",
		"typical": typical,
		"list":    "fd.name in (" + strings.Repeat("/usr/bin/some-program, ", 200) + "x)",
	}
	for name, text := range texts {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, diagnostic := Parse(text); diagnostic != nil {
					b.Fatal(diagnostic)
				}
			}
		})
	}
}

func BenchmarkParseOperand(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, diagnostic := ParseOperand("proc.aname[2] and more"); diagnostic != nil {
			b.Fatal(diagnostic)
		}
	}
}

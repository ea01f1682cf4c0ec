package program

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field/fieldtest"
)

// evalCase is a condition with what Falco made of it: a truth value, or the text of an error.
type evalCase struct {
	ID     string `yaml:"id"`
	Cond   string `yaml:"cond"`
	Result *bool  `yaml:"result"`
	Error  string `yaml:"error"`
}

// differences are the kinds of conditions for which this package does on purpose not do what Falco does. Each has its
// line in docs/differences.md.
var differences = []struct {
	what string
	of   func(c evalCase, checks []*condition.Check) bool
}{
	{"a constant may be longer than 255 bytes", func(c evalCase, _ []*condition.Check) bool {
		return strings.HasPrefix(c.Error, "filter parameter too long")
	}},
	{"a transformer on a list field works in in and intersects, where Falco's never matches", func(c evalCase, checks []*condition.Check) bool {
		return c.Result != nil && anyCheck(checks, func(n *condition.Check) bool {
			return (n.Op == condition.OpIn || n.Op == condition.OpIntersects) && (changesList(n.Left) || changesList(n.Right))
		})
	}},
	{"len of all that getopt finds, which ends Falco", func(c evalCase, checks []*condition.Check) bool {
		return c.Result == nil && anyTransform(checks, func(t *condition.Transform) bool {
			inner, ok := t.Args[0].(*condition.Transform)
			return t.Name == "len" && ok && inner.Name == "getopt" && inner.Arg == nil
		})
	}},
	{"join with a transformer's text between, which keeps a NUL in Falco", func(c evalCase, checks []*condition.Check) bool {
		return c.Result != nil && anyTransform(checks, func(t *condition.Transform) bool {
			_, made := t.Args[0].(*condition.Transform)
			return t.Name == "join" && made
		})
	}},
	{"pmatch with several globs follows all of them", func(c evalCase, checks []*condition.Check) bool {
		return c.Result != nil && anyCheck(checks, func(n *condition.Check) bool {
			list, ok := n.Right.(*condition.List)
			globs := 0
			for i := 0; ok && i < len(list.Items); i++ {
				if strings.ContainsAny(list.Items[i].Value, "*?[") {
					globs++
				}
			}
			return n.Op == condition.OpPMatch && globs > 1
		})
	}},
	{"a quoted argument is taken whole", func(c evalCase, checks []*condition.Check) bool {
		return c.Result == nil && anyOperand(checks, func(o condition.Operand) bool {
			f, ok := o.(*condition.Field)
			return ok && f.Arg != nil && f.Arg.Quote != 0 && strings.ContainsAny(f.Arg.Text, " []")
		})
	}},
}

func anyCheck(checks []*condition.Check, is func(*condition.Check) bool) bool {
	for _, n := range checks {
		if is(n) {
			return true
		}
	}
	return false
}

func anyOperand(checks []*condition.Check, is func(condition.Operand) bool) bool {
	found := false
	visit := func(o condition.Operand) bool {
		found = found || is(o)
		return true
	}
	for _, n := range checks {
		condition.WalkOperand(n.Left, visit)
		condition.WalkOperand(n.Right, visit)
	}
	return found
}

func anyTransform(checks []*condition.Check, is func(*condition.Transform) bool) bool {
	return anyOperand(checks, func(o condition.Operand) bool {
		t, ok := o.(*condition.Transform)
		return ok && is(t)
	})
}

// changesList tells whether an operand is a transformer that changes each element of a list field.
func changesList(o condition.Operand) bool {
	t, ok := o.(*condition.Transform)
	if !ok || t.Name != "tolower" && t.Name != "toupper" {
		return false
	}
	f, ok := t.Args[0].(*condition.Field)
	if !ok {
		return changesList(t.Args[0])
	}
	found, _, ok := fieldtest.Language().Lookup(f.Name)
	return ok && found.List
}

// difference says why the case is answered otherwise than in Falco on purpose; nothing when it should not be.
func (c evalCase) difference() string {
	tree, d := condition.Parse(c.Cond)
	if d != nil {
		return ""
	}
	var checks []*condition.Check
	condition.Walk(tree, func(n condition.Node) bool {
		if check, ok := n.(*condition.Check); ok {
			checks = append(checks, check)
		}
		return true
	})
	for _, d := range differences {
		if d.of(c, checks) {
			return d.what
		}
	}
	return ""
}

// TestLanguageCases runs the cases that were observed on Falco. Where Falco reports an error we must too, in our own
// words. LANGUAGE_CASES names another file with the cases.
func TestLanguageCases(t *testing.T) {
	path := os.Getenv("LANGUAGE_CASES")
	if path == "" {
		path = "../testdata/language-cases.yaml"
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read cases: %v", err)
	}
	var file struct {
		Eval []struct {
			Event map[string]any `yaml:"event"`
			Cases []evalCase     `yaml:"cases"`
		} `yaml:"eval"`
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatalf("decode cases: %v", err)
	}
	passed, different, total := 0, 0, 0
	for i, group := range file.Eval {
		e, err := fieldtest.Given(group.Event)
		if err != nil {
			t.Errorf("event %d: %v", i+1, err)
		}
		for _, c := range group.Cases {
			total++
			if err != nil {
				continue
			}
			var want any = errors.New(c.Error)
			if c.Result != nil {
				want = *c.Result
			}
			got := outcome(c.Cond, e)
			_, wantErr := want.(error)
			_, gotErr := got.(error)
			if wantErr != gotErr || !wantErr && want != got {
				why := c.difference()
				if why == "" || gotErr {
					t.Errorf("case %s: %s: got %v, want %v", c.ID, c.Cond, got, want)
					continue
				}
				t.Logf("case %s differs: %s", c.ID, why)
				different++
			}
			passed++
		}
	}
	fmt.Printf("%d of %d evaluation cases passed, %d of them with a listed difference\n", passed, total, different)
}

// outcome is the truth of the condition or the error.
func outcome(cond string, e *event.Event) any {
	n, d := condition.Parse(cond)
	if d != nil {
		return error(d)
	}
	b := NewBuilder(fieldtest.Language())
	id, found := b.Add(n)
	for _, d := range found {
		if d.Severity == condition.SeverityError {
			return error(d)
		}
	}
	s := b.Build().NewState()
	s.Begin(e)
	return s.True(id)
}

// TestDifferences: each kind of difference is told from what must agree.
func TestDifferences(t *testing.T) {
	held := new(bool)
	for _, test := range []struct {
		cond   string
		result *bool
		err    string
		want   bool
	}{
		{"t.str in (a)", held, "", false},
		{"t.strs in (a)", held, "", false},
		{"tolower(t.str) in (a)", held, "", false},
		{"toupper(t.strs) in (A)", held, "", true},
		{"not t.strs intersects tolower(t.strs)", held, "", true},
		{"tolower(t.strs) = a", nil, "not supported", false},
		{"t.str glob x", nil, "filter parameter too long (used=257, available=256):x", true},
		{"t.str pmatch (/a*, /b)", held, "", false},
		{"t.str pmatch (/a*, /b*)", held, "", true},
		{"len(getopt(t.strs, 'a')) > 1", nil, "found", true},
		{"len(getopt(t.strs, 'a')[a]) > 1", nil, "found", false},
		{"t.key['a b'] exists", nil, "unbalanced", true},
		{"t.key['a'] exists", nil, "unbalanced", false},
	} {
		if got := (evalCase{Cond: test.cond, Result: test.result, Error: test.err}).difference(); (got != "") != test.want {
			t.Errorf("%s: %q", test.cond, got)
		}
	}
}

package program

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
)

// TestGroupsAnswerLikeTests compares the answers of groups, which look at a value once for all checks, with the test
// that each check has for itself.
func TestGroupsAnswerLikeTests(t *testing.T) {
	letters := rapid.StringOfN(rapid.SampledFrom([]rune("ab/")), 0, 6, -1)
	ops := rapid.SampledFrom([]string{"in (%s)", "= %s", "!= %s", "!= allof (%s)", "startswith %s", "startswith anyof (%s)", "endswith %s",
		"endswith anyof (%s)", "pmatch (%s)", "contains %s", "contains anyof (%s)"})
	rapid.Check(t, func(t *rapid.T) {
		b := NewBuilder(testCatalogue)
		for range rapid.IntRange(1, 70).Draw(t, "checks") {
			op := ops.Draw(t, "op")
			constants := fmt.Sprintf("%q", letters.Draw(t, "constant"))
			for strings.Contains(op, "(") && rapid.Bool().Draw(t, "another") {
				constants += fmt.Sprintf(",%q", letters.Draw(t, "constant"))
			}
			cond := "t.str " + fmt.Sprintf(op, constants)
			n, d := condition.Parse(cond)
			if d != nil {
				t.Fatalf("parse %s: %v", cond, d)
			}
			if id, found := b.Add(n); id == None {
				t.Fatalf("compile %s: %v", cond, found[0])
			}
		}
		p := b.Build()
		s := p.NewState()
		for range 5 {
			v := text(letters.Draw(t, "value"))
			s.Begin(newEvent(nil))
			for _, c := range p.checks {
				if c.group < 0 {
					t.Fatalf("%s is in no group", c.key)
				}
				if got, want := s.lookup(c, &v), c.holds(&v); got != want {
					t.Fatalf("%s on %q: %v, want %v", c.key, v.Text, got, want)
				}
			}
		}
	})
}

// TestRowsAreShared: values that no check tells apart have the same row.
func TestRowsAreShared(t *testing.T) {
	p, _ := compile(t, "t.str in (a, b, c)", "t.str in (c, d, e)", "t.str startswith /etc/a", "t.str startswith anyof (/etc/, /etc/b/)")
	var sizes []int
	for i := range p.groups {
		sizes = append(sizes, p.groups[i].size())
	}
	if fmt.Sprint(sizes) != "[4 3]" {
		t.Errorf("rows of the groups: %v", sizes)
	}
	if a, b := p.groups[0].index.row(&event.Value{Text: "a"}), p.groups[0].index.row(&event.Value{Text: "b"}); a != b || a == 0 {
		t.Errorf("rows of a and b are %d and %d", a, b)
	}
}

package condition

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustParse(t *testing.T, text string) Node {
	t.Helper()
	node, diagnostic := Parse(text)
	if diagnostic != nil {
		t.Fatalf("%q: %v", text, diagnostic)
	}
	return node
}

func TestWalk(t *testing.T) {
	node := mustParse(t, "a and (b or not c) and not (d and e)")
	var names []string
	Walk(node, func(n Node) bool {
		if m, ok := n.(*Macro); ok {
			names = append(names, m.Name)
		}
		not, ok := n.(*Not)
		_, compound := any(not).(*Not)
		if ok && compound {
			_, single := not.Term.(*Macro)
			return single
		}
		return true
	})
	if diff := cmp.Diff([]string{"a", "b", "c"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestWalkOperands(t *testing.T) {
	node := mustParse(t, `x and join("-", (a.b, tolower(c.d))) in (p, q) or e.f exists`)
	var got []string
	WalkOperands(node, func(o Operand) bool {
		got = append(got, PrintOperand(o))
		return true
	})
	want := []string{
		`join("-", (a.b, tolower(c.d)))`, `"-"`, "(a.b, tolower(c.d))", "a.b", "tolower(c.d)", "c.d",
		"(p, q)", "p", "q", "e.f",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	count := 0
	WalkOperands(node, func(Operand) bool {
		count++
		return false
	})
	if count != 3 {
		t.Errorf("%d operands of checks, want 3", count)
	}
}

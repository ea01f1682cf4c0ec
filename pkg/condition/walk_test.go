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

func TestRewrite(t *testing.T) {
	const text = "a and (b or not c) and a.b in (list, x) and a.b in list and a.b = list and a.b startswith anyof list"
	node := mustParse(t, text)
	before := SExpr(node)
	macros := map[string]Node{"b": mustParse(t, "p and q"), "c": mustParse(t, "r or s")}
	lists := map[string][]*Text{"list": {{Value: "one"}, {Value: "t w o"}}}
	got := Rewrite(node, func(n Node) Node {
		switch n := n.(type) {
		case *Macro:
			if tree, ok := macros[n.Name]; ok {
				return tree
			}
		case *Check:
			return ExpandItems(n, func(item *Text) []*Text { return lists[item.Value] })
		}
		return n
	})
	want := `a and (p and q or not (r or s)) and a.b in (one, "t w o", x) and a.b in (one, "t w o") and a.b = list ` +
		`and a.b startswith anyof (one, "t w o")`
	if Print(got) != want {
		t.Errorf("got  %s\nwant %s", Print(got), want)
	}
	if SExpr(node) != before {
		t.Error("the original was modified")
	}
	if same := Rewrite(node, func(n Node) Node { return n }); same != node {
		t.Error("a tree in which nothing changes was copied")
	}
}

func TestExpandItemsToNothing(t *testing.T) {
	check := mustParse(t, "a.b in (x, gone, 'gone')").(*Check)
	got := ExpandItems(check, func(item *Text) []*Text {
		if item.Value == "gone" && item.Quote == 0 {
			return []*Text{}
		}
		return nil
	})
	if want := "a.b in (x, 'gone')"; Print(got) != want {
		t.Errorf("got %s, want %s", Print(got), want)
	}
}

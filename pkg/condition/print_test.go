package condition

import (
	"testing"
)

func TestPrint(t *testing.T) {
	tests := []struct{ text, want string }{
		{"  a.b=1 ", "a.b = 1"},
		{"a.b==1", "a.b == 1"},
		{"a.b  exists", "a.b exists"},
		{"a.b contains\n'x'", "a.b contains 'x'"},
		{`a.b = "x"`, `a.b = "x"`},
		{`a.b = "\x41\n\x01\\z\\y"`, `a.b = "A\n\x01\\z\\y"`},
		{`a.b = "\x5c"`, `a.b = "\x5c"`},
		{`a.b = '"\''`, `a.b = '"\''`},
		{`a.b = x\y`, `a.b = x\y`},
		{"a.b in(a,'b')", "a.b in (a, 'b')"},
		{"a.b in ( )", "a.b in ()"},
		{"a.b inmylist", "a.b in mylist"},
		{"a.b in and", "a.b in and"},
		{"a.b glob  oneof(a)", ""},
		{"a.b glob  oneof (a)", "a.b glob oneof (a)"},
		{"a.b = anyof", "a.b = anyof"},
		{"(a.b = anyof) or x", "a.b = anyof or x"},
		{"a.b=anyof and x", "a.b = anyof and x"},
		{"a.b <= val( c.d[1] )", "a.b <= val(c.d[1])"},
		{"join(',',(a.b,5))['x y'] = z", "join(',', (a.b, 5))['x y'] = z"},
		{"a.b[x]=y", "a.b[x] = y"},
		{`a.b["x"]=y`, `a.b["x"] = y`},
		{"((a or b)and(c and d))and e", "((a or b) and (c and d)) and e"},
		{"a or(b or c)or(d and e)", "a or (b or c) or d and e"},
		{"not(a or b)", "not (a or b)"},
		{"not(not(a))", "not (not a)"},
		{"not not(a)", "a"},
		{"not", "(not)"},
		{"not not", "not (not)"},
		{"and and or or not", "and and or or (not)"},
	}
	for _, test := range tests {
		node, diagnostic := Parse(test.text)
		if diagnostic != nil {
			if test.want != "" {
				t.Errorf("%q: %v", test.text, diagnostic)
			}
			continue
		}
		got := Print(node)
		if got != test.want {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
		again, diagnostic := Parse(got)
		if diagnostic != nil || SExpr(again) != SExpr(node) {
			t.Errorf("%q: printed as %q, which is not the same", test.text, got)
		}
	}
}

// TestPrintMade prints trees that no text parses to; what comes out must parse and mean the same.
func TestPrintMade(t *testing.T) {
	field := &Field{Name: "a.b"}
	tests := []struct {
		node Node
		want string
	}{
		{&Check{Left: field, Op: OpEq, Right: &Text{Value: "x y"}}, `a.b = "x y"`},
		{&Check{Left: field, Op: OpEq, Right: &Text{Value: ""}}, `a.b = ""`},
		{&Check{Left: field, Op: OpEq, Right: &Text{Value: "\xff"}}, "a.b = \xff"},
		{&Check{Left: field, Op: OpEq, Right: &Text{Value: `a "b\`}}, `a.b = "a \"b\x5c"`},
		{&Check{Left: field, Op: OpEq, Right: &Text{Value: "\b"}}, `a.b = "\b"`},
		{&Check{Left: field, Op: OpIn, Right: &Text{Value: "5"}}, `a.b in (5)`},
		{&Check{Left: field, Op: OpIn, Right: &Text{Value: "x", Quote: '\''}}, `a.b in ('x')`},
		{&Check{Left: field, Op: OpEq, Modifier: ModifierAnyOf, Right: &Text{Value: "and"}}, `a.b = anyof (and)`},
		{&Check{Left: &Field{Name: "a.b", Arg: &Arg{Text: "]"}}, Op: OpExists}, `a.b["]"] exists`},
		{&Check{Left: &Transform{Name: "concat", Args: []Operand{&Text{Value: "x"}}}, Op: OpExists}, `concat("x") exists`},
		{&And{Terms: []Node{&And{Terms: []Node{&Macro{Name: "a"}, &Macro{Name: "b"}}}, &Macro{Name: "not"}}},
			"(a and b) and (not)"},
		{&Not{Term: &Not{Term: &Or{Terms: []Node{&Macro{Name: "a"}, &Macro{Name: "b"}}}}}, "not (not (a or b))"},
	}
	for _, test := range tests {
		got := Print(test.node)
		if got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
		if _, diagnostic := Parse(got); diagnostic != nil {
			t.Errorf("%q: %v", got, diagnostic)
		}
	}
}

package program

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
)

// TestSameAsNaive compares a program of several random conditions with the naive evaluation of each, on several
// random events, so that what is shared between conditions and kept between events is exercised too.
func TestSameAsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBuilder(testCatalogue)
		var nodes []condition.Node
		var ids []ID
		shapes := drawNodes(t, 1)
		for range rapid.IntRange(1, 12).Draw(t, "conditions") {
			n := drawNode(t, 3)
			if rapid.Bool().Draw(t, "narrowed") { // conditions that need the same, as rules do
				n = &condition.And{Terms: []condition.Node{rapid.SampledFrom(shapes).Draw(t, "shape"), drawCheck(t), n}}
			}
			id, found := b.Add(n)
			for _, d := range found {
				if d.Severity == condition.SeverityError {
					t.Fatalf("%s does not compile: %v", condition.Print(n), d)
				}
			}
			nodes, ids = append(nodes, n), append(ids, id)
		}
		p := b.Build()
		s, sieve := p.NewState(), p.NewSet(ids).NewSieve()
		for range rapid.IntRange(1, 4).Draw(t, "events") {
			e := drawEvent(t)
			s.Begin(e)
			sieve.Begin(e, []uint64{1<<len(nodes) - 1})
			next := sieve.Next()
			for i, n := range nodes {
				want := naive(n, e)
				if (next == i) != want {
					t.Fatalf("%s: the sieve's next is %d, want %v for %d on %v", condition.Print(n), next, want, i, e.Data.(*sample).values)
				}
				if want {
					next = sieve.Next()
				}
				if got := s.True(ids[i]); got != want {
					t.Fatalf("%s: got %v, want %v on %v", condition.Print(n), got, want, e.Data.(*sample).values)
				}
				if want && !p.Types(ids[i]).Has(e.Type) {
					t.Fatalf("%s is true for event type %d, which is not in its set", condition.Print(n), e.Type)
				}
			}
			for name, n := range e.Data.(*sample).reads {
				if n > 2+len(nodes)*countField(nodes, "t."+name) { // the naive evaluation reads for each mention
					t.Fatalf("%s was extracted %d times", name, n)
				}
			}
		}
	})
}

// countField counts the mentions of a field in the conditions.
func countField(nodes []condition.Node, name string) int {
	n := 0
	for _, node := range nodes {
		n += strings.Count(condition.Print(node), name)
	}
	return n
}

// Words are few, so that values and constants meet.
var (
	drawText    = rapid.SampledFrom([]string{"", "a", "A", "ab", "Abc", "abcabc", "/", "/a/b", "a/b", "/a/bc", "-a", "YWI=", "b*", "a\nb", "x y", "[a"})
	drawPattern = rapid.SampledFrom([]string{"", "*", "a*", "*b", "a*c", "?", "??*", "[aA]*", "[!a]*", "*b*", "/a/*", `\*`, "a**b", "[", "*[", "[a", "/*/b", "a?c*"})
	drawRegex   = rapid.SampledFrom([]string{"", ".*", "a.*", ".*b", "a|ab", "^a", "b$", "(a|b)+c", "[^x]*", "a\nb", ".*b.*c", "^a$\n^b$", "(ab)c", "a{1,2}b", "/a/b"})
	drawNumber  = rapid.SampledFrom([]string{"0", "1", "2", "5", "-1", "65535", "65536", "300", "4294967295", "18446744073709551615"})
	drawAddr    = rapid.SampledFrom([]string{"10.0.0.1", "10.0.0.2", "192.168.0.1", "::1", "fe80::1"})
	drawNet     = rapid.SampledFrom([]string{"10.0.0.0/8", "10.0.0.1/32", "0.0.0.0/0", "::/0", "fe80::/10", "192.168.0.0/16"})
	drawBool    = rapid.SampledFrom([]string{"true", "false"})
	drawHex     = rapid.SampledFrom([]string{"", "61", "6162", "41", "2f61"})
)

func drawNode(t *rapid.T, depth int) condition.Node {
	kinds := 4
	if depth == 0 {
		kinds = 1
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 1:
		return &condition.Not{Term: drawNode(t, depth-1)}
	case 2:
		return &condition.And{Terms: drawNodes(t, depth-1)}
	case 3:
		return &condition.Or{Terms: drawNodes(t, depth-1)}
	}
	return drawCheck(t)
}

func drawNodes(t *rapid.T, depth int) []condition.Node {
	var nodes []condition.Node
	for range rapid.IntRange(2, 3).Draw(t, "terms") {
		nodes = append(nodes, drawNode(t, depth))
	}
	return nodes
}

// drawCheck makes a valid comparison of a field or transformer with constants or with an expression of its type.
func drawCheck(t *rapid.T) *condition.Check {
	if rapid.IntRange(0, 5).Draw(t, "about the type") == 0 {
		return drawTypeCheck(t)
	}
	left, typ, isList := drawOperand(t)
	ops := operatorsOf(typ, isList)
	n := &condition.Check{Left: left, Op: ops[rapid.IntRange(0, len(ops)-1).Draw(t, "op")]}
	if n.Op == condition.OpExists {
		return n
	}
	f, single := left.(*condition.Field)
	comparable := !single || !strings.HasPrefix(f.Name, "t.anc") && !strings.HasPrefix(f.Name, "t.end")
	if comparable && n.Op != condition.OpRegex && n.Op != condition.OpPMatch && typ.Class() != event.ClassNet &&
		rapid.IntRange(0, 4).Draw(t, "right side") == 0 {
		n.Right = drawRight(t, typ, isList)
		if n.Right != nil {
			return n
		}
	}
	n.Right = drawConstants(t, n, typ)
	return n
}

// drawTypeCheck makes a comparison that the index by event type knows about.
func drawTypeCheck(t *rapid.T) *condition.Check {
	name := rapid.SampledFrom([]string{"evt.type", "syscall.type", "evt.num"}).Draw(t, "type field")
	n := &condition.Check{Left: fieldNode(name)}
	if name == "evt.num" {
		n.Op = rapid.SampledFrom(operatorsOf(event.TypeUint64, false)[1:]).Draw(t, "op")
		n.Right = drawConstants(t, n, event.TypeUint64)
		return n
	}
	ops := []condition.Op{condition.OpEq, condition.OpNe, condition.OpIn, condition.OpStartsWith, condition.OpContains}
	n.Op = rapid.SampledFrom(ops).Draw(t, "op")
	names := rapid.SampledFrom([]string{"open", "openat", "execve", "container", "exit_group"})
	if takesModifier(n.Op) {
		n.Modifier = rapid.SampledFrom([]condition.Modifier{"", "", "anyof", "allof", "oneof"}).Draw(t, "modifier")
		if n.Modifier == "" {
			n.Right = &condition.Text{Value: names.Draw(t, "name")}
			return n
		}
	}
	l := &condition.List{}
	for range rapid.IntRange(0, 3).Draw(t, "names") {
		l.Items = append(l.Items, &condition.Text{Value: names.Draw(t, "name")})
	}
	n.Right = l
	return n
}

func drawConstants(t *rapid.T, n *condition.Check, typ event.Type) condition.Operand {
	if takesModifier(n.Op) {
		n.Modifier = rapid.SampledFrom([]condition.Modifier{"", "", "", "anyof", "allof", "oneof"}).Draw(t, "modifier")
	}
	constant := func() *condition.Text { return &condition.Text{Value: drawConstant(t, n.Op, typ), Quote: '"'} }
	if takesModifier(n.Op) && n.Modifier == "" {
		return constant()
	}
	switch n.Op {
	case condition.OpLt, condition.OpLe, condition.OpGt, condition.OpGe:
		return &condition.Number{Text: drawConstant(t, condition.OpIn, typ)}
	}
	l := &condition.List{}
	for range rapid.IntRange(0, 4).Draw(t, "constants") {
		l.Items = append(l.Items, constant())
	}
	return l
}

func drawConstant(t *rapid.T, op condition.Op, typ event.Type) string {
	switch op {
	case condition.OpGlob, condition.OpIGlob, condition.OpPMatch:
		return drawPattern.Draw(t, "pattern")
	case condition.OpRegex:
		return drawRegex.Draw(t, "regex")
	case condition.OpBContains, condition.OpBStartsWith:
		return drawHex.Draw(t, "hex")
	}
	switch typ.Class() {
	case event.ClassNumber:
		if typ == event.TypePort {
			return rapid.SampledFrom([]string{"0", "80", "http", "443", "65535"}).Draw(t, "port")
		}
		return drawNumber.Draw(t, "number")
	case event.ClassBool:
		return drawBool.Draw(t, "bool")
	case event.ClassIP:
		return drawAddr.Draw(t, "address")
	case event.ClassNet:
		return drawNet.Draw(t, "network")
	}
	return drawText.Draw(t, "text")
}

// plainFields are the test fields without argument that random conditions use.
var plainFields = []string{"str", "str2", "strs", "u64", "u64s", "bool", "bools", "rel", "rels", "ip", "ips", "net",
	"nets", "missing", "missings", "i32", "u16", "i64", "port", "dbl", "path", "bytes", "anc", "ends", "endnet"}

func fieldNode(name string) *condition.Field { return &condition.Field{Name: name} }

func drawOperand(t *rapid.T) (op condition.Operand, typ event.Type, isList bool) {
	str := fieldNode(rapid.SampledFrom([]string{"t.str", "t.str2", "t.missing"}).Draw(t, "text field"))
	apply := func(name string, args ...condition.Operand) *condition.Transform {
		return &condition.Transform{Name: name, Args: args}
	}
	switch rapid.IntRange(0, 14).Draw(t, "operand") {
	case 0:
		return apply("tolower", str), event.TypeString, false
	case 1:
		return apply("toupper", apply("basename", str)), event.TypeString, false
	case 2:
		return apply("b64", str), event.TypeString, false
	case 3:
		return apply("len", str), event.TypeUint64, false
	case 4:
		return apply("len", fieldNode("t.strs")), event.TypeUint64, false
	case 5:
		return apply("tolower", fieldNode("t.strs")), event.TypeString, true
	case 6:
		return apply("concat", str, &condition.Text{Value: "a", Quote: '"'}, fieldNode("t.str")), event.TypeString, false
	case 7:
		return apply("join", &condition.Text{Value: "/", Quote: '"'}, fieldNode("t.strs")), event.TypeString, false
	case 8:
		items := &condition.Group{Items: []condition.Operand{str, apply("toupper", fieldNode("t.str2"))}}
		return apply("join", &condition.Text{Value: "/", Quote: '"'}, items), event.TypeString, false
	case 9:
		g := apply("getopt", fieldNode("t.strs"), &condition.Text{Value: "ab:c", Quote: '"'})
		if rapid.Bool().Draw(t, "selected") {
			g.Arg = &condition.Arg{Text: rapid.SampledFrom([]string{"a", "b", "x"}).Draw(t, "option")}
			return g, event.TypeString, false
		}
		return g, event.TypeString, true
	case 10:
		f := fieldNode("t.anc")
		f.Arg = &condition.Arg{Text: "1"}
		return f, event.TypeString, false
	}
	name := "t." + rapid.SampledFrom(plainFields).Draw(t, "field")
	f, _, _ := testCatalogue.Lookup(name)
	return fieldNode(name), f.Type, f.List
}

// drawRight finds an operand of the given type, nil when it met none.
func drawRight(t *rapid.T, typ event.Type, isList bool) condition.Operand {
	for range 8 {
		op, rightType, rightList := drawOperand(t)
		if rightType != typ || rightList != isList {
			continue
		}
		if f, ok := op.(*condition.Field); ok {
			if strings.HasPrefix(f.Name, "t.anc") || strings.HasPrefix(f.Name, "t.end") {
				continue
			}
			return &condition.Transform{Name: "val", Args: []condition.Operand{f}}
		}
		return op
	}
	return nil
}

func drawEvent(t *rapid.T) *event.Event {
	values := map[string]event.Value{}
	for _, name := range plainFields {
		if strings.HasPrefix(name, "missing") || rapid.IntRange(0, 4).Draw(t, "missing "+name) == 0 {
			continue
		}
		f, _, _ := testCatalogue.Lookup("t." + name)
		if !f.List && f.Quantifier == 0 {
			values[name] = drawValue(t, f.Type)
			continue
		}
		var v event.Value
		for range rapid.IntRange(0, 3).Draw(t, "elements of "+name) {
			v.List = append(v.List, drawValue(t, f.Type))
		}
		values[name] = v
	}
	e := newEvent(values)
	e.Type = rapid.SampledFrom([]uint16{1, 3, 5, 9, 10}).Draw(t, "type")
	switch e.Type { // the names of these events are their own
	case 1:
		values["type"] = text(rapid.SampledFrom([]string{"exit_group", "getpid"}).Draw(t, "system call"))
	case 10:
		values["type"] = text(rapid.SampledFrom([]string{"container", "other"}).Draw(t, "asynchronous event"))
	}
	return e
}

func drawValue(t *rapid.T, typ event.Type) event.Value {
	switch typ.Class() {
	case event.ClassIP, event.ClassNet:
		return addr(drawAddr.Draw(t, "address"))
	case event.ClassBool:
		return num(uint64(rapid.IntRange(0, 1).Draw(t, "bool")))
	case event.ClassNumber:
		v, _, _ := convert(typ, drawConstant(t, condition.OpEq, typ))
		return v
	}
	return text(drawText.Draw(t, "value"))
}

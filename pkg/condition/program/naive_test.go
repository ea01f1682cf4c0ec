package program

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// naive evaluates a condition that compiles by walking its tree, with nothing shared, remembered or prepared. It is
// what the program is compared with.
func naive(n condition.Node, e *event.Event) bool {
	switch n := n.(type) {
	case *condition.And:
		for _, t := range n.Terms {
			if !naive(t, e) {
				return false
			}
		}
		return true
	case *condition.Or:
		for _, t := range n.Terms {
			if naive(t, e) {
				return true
			}
		}
		return false
	case *condition.Not:
		return !naive(n.Term, e)
	}
	return naiveCheck(n.(*condition.Check), e)
}

// operandValue is the value of an operand with its type.
type operandValue struct {
	typ   event.Type
	list  bool
	quant field.Quantifier
	v     event.Value
	ok    bool
}

func (o *operandValue) texts() []string {
	var ss []string
	for _, v := range o.v.List {
		ss = append(ss, v.Text)
	}
	return ss
}

func naiveOperand(op condition.Operand, e *event.Event) operandValue {
	switch op := op.(type) {
	case *condition.Text:
		return operandValue{typ: event.TypeString, v: text(op.Value), ok: true}
	case *condition.Number:
		return operandValue{typ: event.TypeString, v: text(op.Text), ok: true}
	case *condition.Group:
		o := operandValue{typ: event.TypeString, list: true, ok: true}
		for _, item := range op.Items {
			el := naiveOperand(item, e)
			o.ok = o.ok && el.ok
			o.v.List = append(o.v.List, el.v)
		}
		return o
	case *condition.Field:
		f, dot, _ := testCatalogue.Lookup(op.Name)
		a := &field.Arg{Present: op.Arg != nil || dot != "", Text: dot}
		if op.Arg != nil {
			a.Text = op.Arg.Text
		}
		if n, err := parseIndex(a.Text); err == nil && a.Text != "" && f.Form != field.FormKey {
			a.Index, a.IsIndex = n, true
		}
		o := operandValue{typ: f.Type, list: f.List, quant: f.Quantifier}
		if a.Present {
			o.quant = field.One
		}
		o.ok = f.Extract(e, a, &o.v)
		if (o.list || o.quant != field.One) && len(o.v.List) == 0 {
			o.ok = false
		}
		return o
	}
	return naiveTransform(op.(*condition.Transform), e)
}

func naiveTransform(op *condition.Transform, e *event.Event) operandValue {
	var args []operandValue
	for _, a := range op.Args {
		args = append(args, naiveOperand(a, e))
	}
	o := args[0]
	missing := false
	for _, a := range args {
		missing = missing || !a.ok
	}
	each := func(change func(string) string) {
		for i := range o.v.List {
			o.v.List[i].Text = change(o.v.List[i].Text)
		}
		o.v.Text = change(o.v.Text)
	}
	ascii := func(from, to rune, delta rune) func(string) string {
		return func(s string) string {
			b := []byte(s)
			for i, c := range b {
				if rune(c) >= from && rune(c) <= to {
					b[i] = byte(rune(c) + delta)
				}
			}
			return string(b)
		}
	}
	switch op.Name {
	case "tolower":
		each(ascii('A', 'Z', 32))
	case "toupper":
		each(ascii('a', 'z', -32))
	case "b64":
		out, err := base64.StdEncoding.DecodeString(o.v.Text)
		if err != nil {
			out, err = base64.RawStdEncoding.DecodeString(o.v.Text)
		}
		o.v.Text, missing = string(out), missing || err != nil
	case "basename":
		parts := strings.Split(o.v.Text, "/")
		o.v.Text = parts[len(parts)-1]
	case "len":
		n := len(o.v.Text)
		if o.list {
			n = len(o.v.List)
		}
		o = operandValue{typ: event.TypeUint64, v: num(uint64(n))}
	case "concat":
		all := ""
		for _, a := range args {
			all += a.v.Text
		}
		o = operandValue{typ: event.TypeString, v: text(all)}
	case "join":
		o = operandValue{typ: event.TypeString, v: text(strings.Join(args[1].texts(), args[0].v.Text))}
	case "getopt":
		return naiveGetopt(op, args, missing)
	}
	o.ok = !missing
	return o
}

func naiveGetopt(op *condition.Transform, args []operandValue, missing bool) operandValue {
	argv, spec := args[0].texts(), strings.TrimPrefix(args[1].v.Text, ":")
	var all []string
	last := map[string]string{}
words:
	for len(argv) > 0 && strings.HasPrefix(argv[0], "-") && argv[0] != "-" && argv[0] != "--" {
		word := argv[0]
		argv = argv[1:]
		if strings.HasPrefix(word, "--") {
			continue
		}
		for i := 1; i < len(word); i++ {
			o := word[i : i+1]
			switch {
			case o == ":" || !strings.Contains(spec, o):
				all = append(all, "?")
			case !strings.HasPrefix(spec[strings.Index(spec, o)+1:], ":"):
				all = append(all, o)
				last[o] = o
			case i+1 < len(word):
				all = append(all, o, word[i+1:])
				last[o] = word[i+1:]
				continue words
			case len(argv) > 0:
				all = append(all, o, argv[0])
				last[o] = argv[0]
				argv = argv[1:]
			default:
				all = append(all, "")
				last[o] = ""
			}
		}
	}
	if op.Arg != nil {
		v, ok := last[op.Arg.Text]
		return operandValue{typ: event.TypeString, v: text(v), ok: ok && !missing}
	}
	return operandValue{typ: event.TypeString, list: true, v: texts(all...), ok: !missing}
}

func naiveCheck(n *condition.Check, e *event.Event) bool {
	left := naiveOperand(n.Left, e)
	if !left.ok {
		return false
	}
	if n.Op == condition.OpExists {
		return true
	}
	var constants []string
	switch right := n.Right.(type) {
	case *condition.Text:
		constants = []string{right.Value}
	case *condition.Number:
		constants = []string{right.Text}
	case *condition.List:
		for _, item := range right.Items {
			constants = append(constants, item.Value)
		}
	default:
		return naiveFields(n, left, naiveOperand(right, e))
	}
	one := func(v event.Value) bool { return naiveConstants(n, left.typ, v, constants) }
	switch {
	case left.list && n.Op == condition.OpIn, left.quant == field.Ends && n.Op == condition.OpNe:
		for _, v := range left.v.List {
			if !one(v) {
				return false
			}
		}
		return true
	case left.list, left.quant != field.One:
		for _, v := range left.v.List {
			if one(v) {
				return true
			}
		}
		return false
	}
	return one(left.v)
}

// naiveConstants compares one value with the constants.
func naiveConstants(n *condition.Check, t event.Type, v event.Value, constants []string) bool {
	hits := 0
	for _, c := range constants {
		if naiveConstant(n.Op, t, v, c) {
			hits++
		}
	}
	switch n.Modifier {
	case condition.ModifierAllOf:
		return hits == len(constants) && hits > 0
	case condition.ModifierOneOf:
		return hits == 1
	}
	return hits > 0
}

func naiveConstant(op condition.Op, t event.Type, v event.Value, constant string) bool {
	switch op {
	case condition.OpRegex:
		tree, _ := syntax.Parse(constant, syntax.ClassNL)
		return regexp.MustCompile(`^(?:` + tree.String() + `)\z`).MatchString(v.Text)
	case condition.OpPMatch:
		return naivePath(constant, v.Text)
	case condition.OpBContains, condition.OpBStartsWith:
		b, _ := hex.DecodeString(constant)
		constant = string(b)
	}
	if t.Class() == event.ClassNet {
		p, _ := parsePrefix(constant)
		return p.Contains(v.Addr) == (op != condition.OpNe)
	}
	c, _, _ := convert(t, constant)
	if op == condition.OpBContains || op == condition.OpBStartsWith {
		c = text(constant)
	}
	return naiveOp(op, t, v, c)
}

// naiveOp compares two values.
func naiveOp(op condition.Op, t event.Type, a, b event.Value) bool {
	fold := func(s string) string { return strings.ToLower(s) } // the tests use ASCII letters only
	switch op {
	case condition.OpContains, condition.OpBContains:
		return strings.Contains(a.Text, b.Text)
	case condition.OpIContains:
		return strings.Contains(fold(a.Text), fold(b.Text))
	case condition.OpStartsWith, condition.OpBStartsWith:
		return strings.HasPrefix(a.Text, b.Text)
	case condition.OpEndsWith:
		return strings.HasSuffix(a.Text, b.Text)
	case condition.OpGlob:
		return naiveGlob(b.Text, a.Text)
	case condition.OpIGlob:
		return naiveGlob(fold(b.Text), fold(a.Text))
	}
	var order int
	switch {
	case isText(t):
		order = strings.Compare(a.Text, b.Text)
	case t.Class() == event.ClassIP:
		order = a.Addr.Compare(b.Addr)
	case t == event.TypeDouble:
		order = compareNaive(math.Float64frombits(a.Num), math.Float64frombits(b.Num))
	case t.Signed():
		order = compareNaive(int64(a.Num), int64(b.Num))
	default:
		order = compareNaive(a.Num, b.Num)
	}
	switch op {
	case condition.OpNe:
		return order != 0
	case condition.OpLt:
		return order < 0
	case condition.OpLe:
		return order <= 0
	case condition.OpGt:
		return order > 0
	case condition.OpGe:
		return order >= 0
	}
	return order == 0
}

func compareNaive[T int64 | uint64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// naiveFields compares two operands.
func naiveFields(n *condition.Check, left, right operandValue) bool {
	if !right.ok {
		return false
	}
	if !left.list {
		return naiveOp(n.Op, left.typ, left.v, right.v)
	}
	hits := 0
	for _, a := range left.v.List {
		for _, b := range right.v.List {
			if naiveOp(condition.OpEq, left.typ, a, b) {
				hits++
				break
			}
		}
	}
	if n.Op == condition.OpIn {
		return hits == len(left.v.List)
	}
	return hits > 0
}

// naiveGlob understands what the tests use: literals, ?, *, backslash and sets without names.
func naiveGlob(pattern, s string) bool {
	if pattern == "" {
		return s == ""
	}
	switch pattern[0] {
	case '*':
		for i := 0; i <= len(s); i++ {
			if naiveGlob(pattern[1:], s[i:]) {
				return true
			}
		}
		return false
	case '?':
		return s != "" && naiveGlob(pattern[1:], s[1:])
	case '\\':
		return len(pattern) > 1 && s != "" && s[0] == pattern[1] && naiveGlob(pattern[2:], s[1:])
	case '[':
		body, rest, closed := strings.Cut(pattern[1:], "]")
		if !closed || body == "" || body == "!" {
			break
		}
		set, negated := strings.TrimPrefix(body, "!"), body[0] == '!'
		return s != "" && strings.IndexByte(set, s[0]) >= 0 != negated && naiveGlob(rest, s[1:])
	}
	return s != "" && s[0] == pattern[0] && naiveGlob(pattern[1:], s[1:])
}

func naivePath(search, value string) bool {
	split := func(p string) []string {
		return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
	}
	want, have := split(search), split(value)
	if len(want) > len(have) {
		return false
	}
	for i, w := range want {
		if strings.ContainsAny(w, "*?[") {
			if !naiveGlob(w, have[i]) {
				return false
			}
		} else if w != have[i] {
			return false
		}
	}
	return true
}

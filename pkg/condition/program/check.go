package program

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// scope tells which values a test is put to when the left side has several.
type scope uint8

const (
	scopeOne scope = iota
	scopeSome
	scopeEvery
)

// check is one compiled comparison. Equal comparisons have equal keys and are one check in a program. For a scalar,
// =, ==, in, intersects and = anyof are all OpIn.
type check struct {
	key      string
	left     *Expr
	op       condition.Op
	modifier condition.Modifier
	scope    scope

	// The right side is constants, given as written and converted, with a test made of them, or an expression.
	texts     []string
	constants []event.Value
	test      test
	right     *Expr
	pair      pair

	leftSlot, rightSlot int32
	// group and column are where a shared lookup finds the answer; group is -1 for none. With negate the answer is
	// turned round.
	group, column int32
	negate        bool
}

// holds tells whether the check with constants holds for the present value v of its left side.
func (c *check) holds(v *event.Value) bool {
	switch c.scope {
	case scopeSome:
		for i := range v.List {
			if c.test.match(&v.List[i]) {
				return true
			}
		}
		return false
	case scopeEvery:
		for i := range v.List {
			if !c.test.match(&v.List[i]) {
				return false
			}
		}
		return true
	}
	return c.test.match(v)
}

// compare tells whether the check with an expression on the right holds for two present values.
func (c *check) compare(left, right *event.Value) bool {
	if c.left.list {
		return compareLists(c.pair, c.scope, left, right)
	}
	switch c.scope {
	case scopeSome:
		for i := range left.List {
			if c.pair(&left.List[i], right) {
				return true
			}
		}
		return false
	case scopeEvery:
		for i := range left.List {
			if !c.pair(&left.List[i], right) {
				return false
			}
		}
		return true
	}
	return c.pair(left, right)
}

// check compiles one comparison. Its result is not usable after an error.
func (c *compiler) check(n *condition.Check) *check {
	left := c.operand(n.Left)
	known := left != nil && c.operator(n, left)
	k := &check{left: left, op: n.Op, modifier: n.Modifier}
	if known && left.atMost() && n.Op != condition.OpExists {
		k.op = condition.OpLe
	}
	if n.Op == condition.OpExists {
		if n.Right != nil {
			c.fail(CodeOperatorType, n.Right.Span(), "", "exists takes no right-hand side")
		}
		if known {
			k.test, k.key = always{}, left.key+" exists"
		}
		return k
	}
	switch right := n.Right.(type) {
	case *condition.Field, *condition.Transform:
		if r := c.operand(right); r != nil && known {
			c.expression(k, n, r)
		}
	default:
		if texts, ok := c.texts(n); ok && known {
			c.constants(k, n, texts)
		}
	}
	return k
}

// operator reports an operator that does not fit the left side.
func (c *compiler) operator(n *condition.Check, left *Expr) bool {
	ok := true
	if !hasOperator(n.Op, left.typ, left.list) {
		ok = false
		c.fail(CodeOperatorType, n.OpRange, "it can be compared with "+operatorNames(left.typ, left.list),
			"operator %s does not work on %s, which is of type %s", n.Op, left.describe(), left.typeName())
	}
	if left.atMost() && (n.Op != condition.OpExists && n.Op != condition.OpEq && n.Op != condition.OpEqEq || n.Modifier != condition.ModifierNone) {
		ok = false
		c.fail(CodeOperatorType, n.OpRange, "it can be compared with =", "operator %s does not work on %s", n.Op, left.describe())
	}
	if n.Modifier != condition.ModifierNone && !takesModifier(n.Op) {
		ok = false
		c.fail(CodeOperatorType, n.OpRange, "", "operator %s takes no %s", n.Op, n.Modifier)
	}
	return ok
}

func operatorNames(t event.Type, list bool) string {
	var names []string
	for _, op := range operatorsOf(t, list) {
		if op != condition.OpEqEq {
			names = append(names, string(op))
		}
	}
	return strings.Join(names, ", ")
}

func takesModifier(op condition.Op) bool {
	switch op {
	case condition.OpLt, condition.OpLe, condition.OpGt, condition.OpGe, condition.OpIn, condition.OpIntersects,
		condition.OpPMatch, condition.OpExists:
		return false
	}
	return true
}

// texts gives the constants on the right side of n. An identifier where a list could stand is a list of one.
func (c *compiler) texts(n *condition.Check) ([]*condition.Text, bool) {
	wantsList := n.Modifier != condition.ModifierNone || n.Op == condition.OpIn || n.Op == condition.OpIntersects ||
		n.Op == condition.OpPMatch
	switch right := n.Right.(type) {
	case *condition.Text:
		return []*condition.Text{right}, true
	case *condition.Number:
		return []*condition.Text{{Range: right.Range, Value: right.Text}}, true
	case *condition.List:
		if wantsList {
			return right.Items, true
		}
		c.fail(CodeOperatorType, right.Span(), "use in, or a modifier such as anyof",
			"operator %s takes one value, not a list", n.Op)
	case nil:
		c.fail(CodeOperatorType, n.OpRange, "", "operator %s needs a value to compare with", n.Op)
	default:
		c.fail(CodeOperatorType, right.Span(), "", "this cannot be compared with")
	}
	return nil, false
}

// constants compiles the comparison with constants.
func (c *compiler) constants(k *check, n *condition.Check, texts []*condition.Text) {
	k.constants, k.texts = make([]event.Value, 0, len(texts)), make([]string, 0, len(texts))
	for _, t := range texts {
		v, ok := c.constant(k.left, n.Op, t)
		if ok {
			k.constants = append(k.constants, v)
			k.texts = append(k.texts, t.Value)
		}
	}
	c.warnConstants(n, texts)
	if len(k.constants) < len(texts) {
		return
	}
	k.canonical()
	k.key = k.constantKey()
	if _, known := c.known[k.key]; known {
		return // the builder has this check with its test, from another rule
	}
	k.scope = k.scopeFor()
	k.test, _ = c.test(k, texts)
}

// canonical makes spellings of the same comparison the same.
func (c *check) canonical() {
	if c.left.list {
		return
	}
	switch c.op {
	case condition.OpEq, condition.OpEqEq, condition.OpIntersects:
		c.op = condition.OpEq
		if c.modifier == condition.ModifierNone || c.modifier == condition.ModifierAnyOf {
			c.op, c.modifier = condition.OpIn, condition.ModifierNone
		}
	case condition.OpNe:
		// "differs from each of them" is one lookup.
		if c.modifier == condition.ModifierAllOf && len(c.constants) > 0 {
			c.modifier = condition.ModifierNone
		}
	}
}

// scopeFor tells which values of the left side the test is put to.
func (c *check) scopeFor() scope {
	if c.left.list {
		if c.op == condition.OpIn {
			return scopeEvery
		}
		return scopeSome
	}
	switch c.left.Quantifier() {
	case field.Some:
		return scopeSome
	case field.Ends:
		if c.op == condition.OpNe {
			return scopeEvery
		}
		return scopeSome
	}
	return scopeOne
}

// constantKey is the canonical form of the check. Numbers are keyed by value, so that 5 and 05 are the same.
func (c *check) constantKey() string {
	texts := c.texts
	switch c.left.typ.Class() {
	case event.ClassNumber, event.ClassBool:
		texts = make([]string, len(c.texts))
		for i := range texts {
			texts[i] = strconv.FormatUint(c.constants[i].Num, 16)
		}
	}
	if c.modifier != condition.ModifierOneOf {
		texts = sortedKeys(texts)
	}
	key := fmt.Appendf(nil, "%s %s %s", c.left.key, c.op, c.modifier)
	for _, text := range texts {
		key = append(strconv.AppendInt(append(key, ' '), int64(len(text)), 10), ' ')
		key = append(key, text...)
	}
	return string(key)
}

// expression compiles the comparison with an expression on the right.
func (c *compiler) expression(k *check, n *condition.Check, right *Expr) {
	left := k.left
	ok := true
	fail := func(code string, at condition.Range, format string, args ...any) {
		ok = false
		c.fail(code, at, "", format, args...)
	}
	switch {
	case n.Op == condition.OpRegex || n.Op == condition.OpPMatch:
		fail(CodeOperatorType, n.OpRange, "operator %s compares with constants only, not with a field", n.Op)
	case n.Modifier != condition.ModifierNone:
		fail(CodeOperatorType, n.Right.Span(), "%s takes a list of constants, not a field", n.Modifier)
	case left.typ.Class() == event.ClassNet:
		fail(CodeOperatorType, n.Right.Span(), "%s is of type %s and compares with constants only", left.describe(),
			left.typeName())
	}
	for _, side := range []struct {
		x  *Expr
		at condition.Range
	}{{left, n.Left.Span()}, {right, n.Right.Span()}} {
		if side.x.field != nil && side.x.field.NoCompare {
			fail(CodeOperatorType, side.at, "field %s cannot be compared with a field", side.x.field.Name)
		}
	}
	if right.Quantifier() != field.One && !right.field.NoCompare {
		fail(CodeOperatorType, n.Right.Span(), "field %s offers several values and cannot stand on the right",
			right.field.Name)
	}
	if left.typ != right.typ || left.list != right.list {
		fail(CodeIncompatibleTypes, n.Right.Span(), "%s is of type %s and cannot be compared with %s, which is of type %s",
			left.describe(), left.typeName(), right.describe(), right.typeName())
	}
	if !ok {
		return
	}
	k.right = right
	k.scope = k.scopeFor()
	k.pair = pairOf(n.Op, left.typ)
	k.key = fmt.Sprintf("%s %s val %s", left.key, n.Op, right.key)
}

package program

import (
	"math"
	"net/netip"
	"strings"

	"github.com/gaissmai/bart"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
)

// test is the right side of a comparison with constants: it is put to one present value of the left side. Tests are
// immutable and safe for concurrent use.
type test interface {
	match(v *event.Value) bool
}

// test makes the test of all constants of k. Its operator is canonical.
func (c *compiler) test(k *check, texts []*condition.Text) (test, bool) {
	if k.op == condition.OpPMatch {
		return newPathTrie(k.texts), true
	}
	if s := k.set(); s != nil {
		if k.op == condition.OpNe {
			return not{s}, true
		}
		return s, true
	}
	if k.op == condition.OpRegex && !c.regexBudget(texts) {
		return nil, false
	}
	tests := make([]test, 0, len(k.constants))
	for i := range k.constants {
		t, err := newTest(k.op, k.left.typ, k.texts[i], k.constants[i])
		if err != nil {
			c.failRegex(texts[i], err)
			continue
		}
		tests = append(tests, t)
	}
	return k.combine(tests), len(tests) == len(k.constants)
}

// newTest makes the test of one constant. Only a regular expression can be wrong at this point.
func newTest(op condition.Op, t event.Type, text string, v event.Value) (test, error) {
	switch op {
	case condition.OpContains, condition.OpBContains:
		return contains(v.Text), nil
	case condition.OpIContains:
		return containsFold(lower(v.Text)), nil
	case condition.OpStartsWith, condition.OpBStartsWith:
		return startsWith(v.Text), nil
	case condition.OpEndsWith:
		return endsWith(v.Text), nil
	case condition.OpGlob:
		return newGlob(v.Text, false), nil
	case condition.OpIGlob:
		return newGlob(v.Text, true), nil
	case condition.OpRegex:
		return newRegex(v.Text)
	case condition.OpNe:
		return not{newEqual(t, text, v)}, nil
	case condition.OpLt, condition.OpLe, condition.OpGt, condition.OpGe:
		return &ordered{pairOf(op, t), v}, nil
	}
	return newEqual(t, text, v), nil
}

func newEqual(t event.Type, text string, v event.Value) test {
	switch t.Class() {
	case event.ClassString, event.ClassBytes:
		return equalText(v.Text)
	case event.ClassIP:
		return equalAddr(v.Addr)
	case event.ClassNet:
		p, _ := parsePrefix(text)
		return network(p)
	}
	if t == event.TypeDouble {
		return &ordered{pairOf(condition.OpEq, t), v}
	}
	return equalNum(v.Num)
}

// combine makes one test of the tests of the constants.
func (c *check) combine(tests []test) test {
	switch {
	case len(tests) == 0:
		return never{}
	case len(tests) == 1:
		return tests[0]
	case c.modifier == condition.ModifierAllOf || c.op == condition.OpNe && c.modifier == condition.ModifierNone:
		return allOf(tests) // to differ is to differ from each
	case c.modifier == condition.ModifierOneOf:
		return oneOf(tests)
	}
	return anyOf(tests)
}

// set makes the test of being equal to one of several constants, nil when k asks something else or there is nothing
// faster than to compare with each.
func (c *check) set() test {
	in := c.op == condition.OpIn || c.op == condition.OpIntersects
	if !in && (c.op != condition.OpNe || c.modifier != condition.ModifierNone) || len(c.constants) < 2 {
		return nil
	}
	switch c.left.typ.Class() {
	case event.ClassString, event.ClassBytes:
		s := make(textSet, len(c.constants))
		for i := range c.constants {
			s[c.constants[i].Text] = struct{}{}
		}
		return s
	case event.ClassIP:
		s := make(addrSet, len(c.constants))
		for i := range c.constants {
			s[c.constants[i].Addr] = struct{}{}
		}
		return s
	case event.ClassNet:
		s := new(bart.Lite)
		for _, text := range c.texts {
			p, _ := parsePrefix(text)
			s.Insert(p)
		}
		return (*networks)(s)
	}
	if c.left.typ == event.TypeDouble {
		return nil
	}
	s := make(numSet, len(c.constants))
	for i := range c.constants {
		s[c.constants[i].Num] = struct{}{}
	}
	return s
}

type (
	always       struct{}
	never        struct{}
	not          struct{ test }
	anyOf        []test
	allOf        []test
	oneOf        []test
	equalText    string
	textSet      map[string]struct{}
	equalNum     uint64
	numSet       map[uint64]struct{}
	equalAddr    netip.Addr
	addrSet      map[netip.Addr]struct{}
	network      netip.Prefix
	networks     bart.Lite
	contains     string
	containsFold string // in lower case
	startsWith   string
	endsWith     string
)

// ordered compares with one constant by an operator that needs no preparation.
type ordered struct {
	pair     pair
	constant event.Value
}

func (always) match(*event.Value) bool           { return true }
func (never) match(*event.Value) bool            { return false }
func (t not) match(v *event.Value) bool          { return !t.test.match(v) }
func (t equalText) match(v *event.Value) bool    { return v.Text == string(t) }
func (t textSet) match(v *event.Value) bool      { _, ok := t[v.Text]; return ok }
func (t equalNum) match(v *event.Value) bool     { return v.Num == uint64(t) }
func (t numSet) match(v *event.Value) bool       { _, ok := t[v.Num]; return ok }
func (t equalAddr) match(v *event.Value) bool    { return v.Addr == netip.Addr(t) }
func (t addrSet) match(v *event.Value) bool      { _, ok := t[v.Addr]; return ok }
func (t network) match(v *event.Value) bool      { return netip.Prefix(t).Contains(v.Addr) }
func (t *networks) match(v *event.Value) bool    { return (*bart.Lite)(t).Contains(v.Addr) }
func (t contains) match(v *event.Value) bool     { return strings.Contains(v.Text, string(t)) }
func (t startsWith) match(v *event.Value) bool   { return strings.HasPrefix(v.Text, string(t)) }
func (t endsWith) match(v *event.Value) bool     { return strings.HasSuffix(v.Text, string(t)) }
func (t *ordered) match(v *event.Value) bool     { return t.pair(v, &t.constant) }
func (t containsFold) match(v *event.Value) bool { return indexFold(v.Text, string(t)) }

func (t anyOf) match(v *event.Value) bool {
	for _, one := range t {
		if one.match(v) {
			return true
		}
	}
	return false
}

func (t allOf) match(v *event.Value) bool {
	for _, one := range t {
		if !one.match(v) {
			return false
		}
	}
	return true
}

func (t oneOf) match(v *event.Value) bool {
	n := 0
	for _, one := range t {
		if one.match(v) {
			n++
		}
	}
	return n == 1
}

// lower turns ASCII letters to lower case and leaves other bytes alone, as the C locale does.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = lowerByte(c)
	}
	return string(b)
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upperByte(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}

// indexFold tells whether s contains part when ASCII letters are compared without case. part is in lower case.
func indexFold(s, part string) bool {
	if part == "" {
		return true
	}
	for i := 0; i+len(part) <= len(s); i++ {
		if lowerByte(s[i]) == part[0] && equalFoldAt(s[i:], part) {
			return true
		}
	}
	return false
}

func equalFoldAt(s, part string) bool {
	for j := 1; j < len(part); j++ {
		if lowerByte(s[j]) != part[j] {
			return false
		}
	}
	return true
}

// pair compares two present values of the same type, the left and the right side of an operator.
type pair func(a, b *event.Value) bool

// pairOf makes the comparison of two values of type t, which is of no list, by op.
func pairOf(op condition.Op, t event.Type) pair {
	switch op {
	case condition.OpContains, condition.OpBContains:
		return func(a, b *event.Value) bool { return strings.Contains(a.Text, b.Text) }
	case condition.OpIContains:
		return func(a, b *event.Value) bool { return containsFoldBoth(a.Text, b.Text) }
	case condition.OpStartsWith, condition.OpBStartsWith:
		return func(a, b *event.Value) bool { return strings.HasPrefix(a.Text, b.Text) }
	case condition.OpEndsWith:
		return func(a, b *event.Value) bool { return strings.HasSuffix(a.Text, b.Text) }
	case condition.OpGlob:
		return func(a, b *event.Value) bool { return globMatch(b.Text, a.Text, false) }
	case condition.OpIGlob:
		return func(a, b *event.Value) bool { return globMatch(b.Text, a.Text, true) }
	}
	equal, less := orderOf(t)
	switch op {
	case condition.OpNe:
		return func(a, b *event.Value) bool { return !equal(a, b) }
	case condition.OpLt:
		return less
	case condition.OpLe:
		return func(a, b *event.Value) bool { return less(a, b) || equal(a, b) }
	case condition.OpGt:
		return func(a, b *event.Value) bool { return less(b, a) }
	case condition.OpGe:
		return func(a, b *event.Value) bool { return less(b, a) || equal(a, b) }
	}
	return equal
}

// orderOf gives equality and order of values of type t.
func orderOf(t event.Type) (equal, less pair) {
	switch {
	case isText(t):
		return func(a, b *event.Value) bool { return a.Text == b.Text },
			func(a, b *event.Value) bool { return a.Text < b.Text }
	case t.Class() == event.ClassIP || t.Class() == event.ClassNet:
		return func(a, b *event.Value) bool { return a.Addr == b.Addr },
			func(a, b *event.Value) bool { return a.Addr.Less(b.Addr) }
	case t == event.TypeDouble:
		return func(a, b *event.Value) bool { return math.Float64frombits(a.Num) == math.Float64frombits(b.Num) },
			func(a, b *event.Value) bool { return math.Float64frombits(a.Num) < math.Float64frombits(b.Num) }
	case t.Signed():
		return func(a, b *event.Value) bool { return a.Num == b.Num },
			func(a, b *event.Value) bool { return a.Int() < b.Int() }
	}
	return func(a, b *event.Value) bool { return a.Num == b.Num },
		func(a, b *event.Value) bool { return a.Num < b.Num }
}

// compareLists compares a list with a list: in when each element of a is in b, intersects when one is.
func compareLists(equal pair, s scope, a, b *event.Value) bool {
	for i := range a.List {
		if found := inList(equal, &a.List[i], b.List); found != (s == scopeEvery) {
			return found
		}
	}
	return s == scopeEvery
}

func inList(equal pair, v *event.Value, list []event.Value) bool {
	for i := range list {
		if equal(v, &list[i]) {
			return true
		}
	}
	return false
}

// containsFoldBoth is icontains for a right side that is not known before the event.
func containsFoldBoth(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		j := 0
		for j < len(part) && lowerByte(s[i+j]) == lowerByte(part[j]) {
			j++
		}
		if j == len(part) {
			return true
		}
	}
	return false
}

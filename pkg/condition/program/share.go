package program

import (
	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
)

// group answers all comparisons of one scalar expression with sets of constants by one lookup of its value: which of
// the sets hold it. Several rules that test the same field against lists cost one hash together.
type group struct {
	texts map[string]int32
	nums  map[uint64]int32
	// rows holds, one after another, the bits of each constant: bit c is set when the set of column c holds it. Row 0
	// is of all other values.
	rows  []uint64
	words int32
}

// row is the row that was found for the value of the event with number epoch.
type row struct {
	epoch uint64
	index int32
}

// shareLookups makes a group of each expression that at least two checks compare with sets.
func (p *Program) shareLookups() {
	bySlot := map[int32][]*check{}
	var order []int32
	for _, c := range p.checks {
		if !c.sharable() {
			continue
		}
		if bySlot[c.leftSlot] == nil {
			order = append(order, c.leftSlot)
		}
		bySlot[c.leftSlot] = append(bySlot[c.leftSlot], c)
	}
	for _, slot := range order {
		if checks := bySlot[slot]; len(checks) > 1 {
			p.groups = append(p.groups, newGroup(checks, int32(len(p.groups))))
		}
	}
}

// sharable tells whether c asks if one value is in a set of constants, or not.
func (c *check) sharable() bool {
	if c.right != nil || c.scope != scopeOne || c.modifier != condition.ModifierNone {
		return false
	}
	if c.op != condition.OpIn && c.op != condition.OpNe {
		return false
	}
	switch c.left.typ.Class() {
	case event.ClassString, event.ClassBytes, event.ClassBool:
		return true
	case event.ClassNumber:
		return c.left.typ != event.TypeDouble // 0 and -0 are equal but not the same bits
	}
	return false
}

func newGroup(checks []*check, id int32) group {
	g := group{words: int32(len(checks)+63) / 64}
	g.rows = make([]uint64, g.words)
	text := isText(checks[0].left.typ)
	if text {
		g.texts = map[string]int32{}
	} else {
		g.nums = map[uint64]int32{}
	}
	for column, c := range checks {
		c.group, c.column, c.negate = id, int32(column), c.op == condition.OpNe
		for i := range c.constants {
			r := g.rowOf(&c.constants[i], text)
			g.rows[r*g.words+int32(column/64)] |= 1 << (column % 64)
		}
	}
	return g
}

// rowOf gives the row of a constant, added when there is none yet.
func (g *group) rowOf(v *event.Value, text bool) int32 {
	next := int32(len(g.rows)) / g.words
	if text {
		if r, ok := g.texts[v.Text]; ok {
			return r
		}
		g.texts[v.Text] = next
	} else {
		if r, ok := g.nums[v.Num]; ok {
			return r
		}
		g.nums[v.Num] = next
	}
	g.rows = append(g.rows, make([]uint64, g.words)...)
	return next
}

// lookup answers check c, which is in a group, for the value v of its left side.
func (s *State) lookup(c *check, v *event.Value) bool {
	g := &s.program.groups[c.group]
	r := &s.rows[c.group]
	if r.epoch != s.epoch {
		r.epoch = s.epoch
		if g.texts != nil {
			r.index = g.texts[v.Text]
		} else {
			r.index = g.nums[v.Num]
		}
	}
	bit := g.rows[r.index*g.words+c.column/64]>>(c.column%64)&1 != 0
	return bit != c.negate
}

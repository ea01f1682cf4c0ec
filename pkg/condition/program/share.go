package program

import (
	"encoding/binary"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
)

// group answers all checks of one kind that are put to the same scalar expression by one look at its value: which of
// the sets of constants hold it, which of the prefixes it has. Several rules that test the same field against lists
// cost one hash together, those that test the beginning of a path one walk along it.
type group struct {
	slot    int32
	columns []*check
	index   index
	// rows holds, one after another, the answers for each kind of value that the index tells apart: bit c is the answer
	// to column c. Row 0 is of the values that no column holds for.
	rows  []uint64
	words int32
	// vague groups tell only whether any column holds: then, at row 1, each check must be asked itself.
	vague bool
}

// index finds the row of a value.
type index interface {
	row(v *event.Value) int32
}

// row is the row that was found for the value of the event with number epoch.
type row struct {
	epoch uint64
	index int32
}

// kind tells which checks of an expression can be answered together.
type kind uint8

const (
	alone kind = iota
	bySet
	byPrefix
	bySuffix
	byPath
	byPart
)

// groupKey is what the checks of a group have in common. There are several groups of a kind for an expression, numbered
// by part, when there are very many checks: the rows of one take memory by the square of its columns.
type groupKey struct {
	slot int32
	kind kind
	part int
}

// mostColumns is how many checks a group may have.
const mostColumns = 1024

// shareLookups puts each check that can be answered together with others into its group.
func (p *Program) shareLookups() {
	members := map[groupKey][]*check{}
	parts := map[groupKey]int{}
	bytes := map[int32]int{}
	var order []groupKey
	for _, c := range p.checks {
		key := groupKey{slot: c.leftSlot, kind: c.kind()}
		if key.kind == byPart {
			if bytes[key.slot] += c.size(); bytes[key.slot] > mostPartBytes {
				continue
			}
		}
		if key.kind == alone {
			continue
		}
		first := key
		if key.part = parts[first]; len(members[key]) == mostColumns {
			key.part++
			parts[first] = key.part
		}
		if members[key] == nil {
			order = append(order, key)
		}
		members[key] = append(members[key], c)
	}
	for i, key := range order {
		p.groups = append(p.groups, newGroup(key, members[key], int32(i)))
	}
}

// kind tells how c can be answered together with other checks.
func (c *check) kind() kind {
	if c.right != nil || c.scope != scopeOne || c.left.constant != nil {
		return alone
	}
	any := c.modifier == condition.ModifierNone || c.modifier == condition.ModifierAnyOf
	switch {
	case c.op == condition.OpIn || c.op == condition.OpNe && c.modifier == condition.ModifierNone:
		switch c.left.typ.Class() {
		case event.ClassString, event.ClassBytes, event.ClassBool:
			return bySet
		case event.ClassNumber:
			if c.left.typ != event.TypeDouble { // 0 and -0 are equal but not the same bits
				return bySet
			}
		}
	case any && (c.op == condition.OpStartsWith || c.op == condition.OpBStartsWith):
		return byPrefix
	case any && c.op == condition.OpEndsWith:
		return bySuffix
	case any && (c.op == condition.OpContains || c.op == condition.OpBContains):
		return byPart
	case c.op == condition.OpPMatch && c.test.(*pathTrie).plain(deepestPath):
		return byPath
	}
	return alone
}

// size is the length of all constants together.
func (c *check) size() (n int) {
	for i := range c.constants {
		n += len(c.constants[i].Text)
	}
	return n
}

func newGroup(key groupKey, checks []*check, id int32) group {
	g := group{slot: key.slot, columns: checks, words: int32(len(checks)+63) / 64}
	for column, c := range checks {
		c.group, c.column, c.negate = id, int32(column), c.op == condition.OpNe
	}
	numbers := rowNumbers{group: &g, seen: map[string]int32{}}
	numbers.of(make([]uint64, g.words))
	switch {
	case key.kind == byPrefix || key.kind == bySuffix:
		g.index = newAffixIndex(checks, key.kind == bySuffix, &numbers)
	case key.kind == byPath:
		g.index = newPathIndex(checks, &numbers)
	case key.kind == byPart:
		g.index, g.vague = newPartIndex(checks), true
	case isText(checks[0].left.typ):
		g.index = newSetIndex(checks, &numbers, func(v *event.Value) string { return v.Text })
	default:
		g.index = newSetIndex(checks, &numbers, func(v *event.Value) uint64 { return v.Num })
	}
	return g
}

// rowNumbers gives equal rows the same number.
type rowNumbers struct {
	group *group
	seen  map[string]int32
}

func (n *rowNumbers) of(bits []uint64) int32 {
	key := make([]byte, 0, 8*len(bits))
	for _, w := range bits {
		key = binary.LittleEndian.AppendUint64(key, w)
	}
	r, ok := n.seen[string(key)]
	if !ok {
		r = int32(len(n.seen))
		n.seen[string(key)] = r
		n.group.rows = append(n.group.rows, bits...)
	}
	return r
}

// size is the number of rows.
func (g *group) size() int {
	if g.vague {
		return 2
	}
	return len(g.rows) / int(g.words)
}

// holds tells the answer to check c, which is of the group, for values of row r.
func (g *group) holds(c *check, r int32) bool {
	return bit(g.rows[r*g.words:], c.column) != c.negate
}

func bit(bits []uint64, i int32) bool { return bits[i>>6]>>(i&63)&1 != 0 }
func setBit(bits []uint64, i int32)   { bits[i>>6] |= 1 << (i & 63) }
func clearBit(bits []uint64, i int32) { bits[i>>6] &^= 1 << (i & 63) }

// The indices of sets find a value among the constants of all of them. A single text needs no table.
type (
	textIndex map[string]int32
	numIndex  map[uint64]int32
	oneText   string
)

func (x textIndex) row(v *event.Value) int32 { return x[v.Text] }
func (x numIndex) row(v *event.Value) int32  { return x[v.Num] }

func (x oneText) row(v *event.Value) int32 {
	if v.Text == string(x) {
		return 1
	}
	return 0
}

// newSetIndex makes the index of checks that ask whether a value is in a set of constants, or not.
func newSetIndex[K string | uint64](checks []*check, numbers *rowNumbers, member func(*event.Value) K) index {
	columns := map[K][]uint64{}
	var order []K
	for column, c := range checks {
		for i := range c.constants {
			k := member(&c.constants[i])
			if columns[k] == nil {
				columns[k] = make([]uint64, numbers.group.words)
				order = append(order, k)
			}
			setBit(columns[k], int32(column))
		}
	}
	rows := make(map[K]int32, len(order))
	for _, k := range order {
		rows[k] = numbers.of(columns[k])
	}
	if texts, ok := any(rows).(map[string]int32); ok {
		if len(order) == 1 {
			return oneText(any(order[0]).(string))
		}
		return textIndex(texts)
	}
	return numIndex(any(rows).(map[uint64]int32))
}

// lookup answers check c, which is in a group, for the value v of its left side.
func (s *State) lookup(c *check, v *event.Value) bool {
	g, r := &s.program.groups[c.group], s.row(c.group, v)
	if g.vague && r != 0 {
		return c.holds(v)
	}
	return g.holds(c, r)
}

// row finds the row of v, which is the value of the group's expression.
func (s *State) row(id int32, v *event.Value) int32 {
	r := &s.rows[id]
	if r.epoch != s.epoch {
		r.epoch, r.index = s.epoch, s.program.groups[id].index.row(v)
	}
	return r.index
}

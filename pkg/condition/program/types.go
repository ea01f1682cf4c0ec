package program

import (
	"math/bits"
	"slices"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// TypeSet is a set of event types. It is immutable and safe for concurrent use.
type TypeSet struct {
	all  bool
	bits []uint64
	// used is the number of types that the source has.
	used int
}

// Has tells whether the set holds event type t. The full set also holds types that the source's table lacks.
func (s *TypeSet) Has(t uint16) bool {
	if s.all {
		return true
	}
	w := int(t >> 6)
	return w < len(s.bits) && s.bits[w]>>(t&63)&1 != 0
}

// All tells whether the set is not restricted.
func (s *TypeSet) All() bool { return s.all }

// Empty tells whether no event type can make the condition true.
func (s *TypeSet) Empty() bool { return !s.all && s.Len() == 0 }

// Len counts the types in the set; for the full set it is the number of types that the source has.
func (s *TypeSet) Len() int {
	if s.all {
		return s.used
	}
	n := 0
	for _, w := range s.bits {
		n += bits.OnesCount64(w)
	}
	return n
}

// IDs lists the types of the set in ascending order, nil for the full set.
func (s *TypeSet) IDs() []uint16 {
	if s.all {
		return nil
	}
	var ids []uint16
	for i, w := range s.bits {
		for ; w != 0; w &= w - 1 {
			ids = append(ids, uint16(i*64+bits.TrailingZeros64(w)))
		}
	}
	return ids
}

func (s *TypeSet) add(t uint16) { s.bits[t>>6] |= 1 << (t & 63) }

// Union gives the types that are in s or in o, two sets of one program.
func (s *TypeSet) Union(o *TypeSet) *TypeSet { return union(s, o) }

func union(a, b *TypeSet) *TypeSet {
	if a.all {
		return a
	}
	if b.all {
		return b
	}
	r := &TypeSet{bits: slices.Clone(a.bits), used: a.used}
	for i, w := range b.bits {
		r.bits[i] |= w
	}
	return r
}

func intersection(a, b *TypeSet) *TypeSet {
	if a.all {
		return b
	}
	if b.all {
		return a
	}
	r := &TypeSet{bits: slices.Clone(a.bits), used: a.used}
	for i, w := range b.bits {
		r.bits[i] &= w
	}
	return r
}

// outcomes are the event types for which a condition can be true and for which it can be false. Both are upper
// bounds: with them a negation needs no complement, which would be wrong where a check says nothing about types.
type outcomes struct{ yes, no *TypeSet }

// computeTypes fills in the type sets of all nodes, from the leaves up.
func (p *Program) computeTypes() {
	t := newTypeTable(p.catalogue)
	known := make([]outcomes, len(p.nodes))
	p.types = make([]*TypeSet, len(p.nodes))
	for i, n := range p.nodes {
		switch n.kind {
		case nodeCheck:
			known[i] = t.check(p.checks[n.check])
		case nodeNot:
			kid := known[n.kids[0]]
			known[i] = outcomes{kid.no, kid.yes}
		case nodeAnd:
			known[i] = known[n.kids[0]]
			for _, kid := range n.kids[1:] {
				known[i] = outcomes{intersection(known[i].yes, known[kid].yes), union(known[i].no, known[kid].no)}
			}
		case nodeOr:
			known[i] = known[n.kids[0]]
			for _, kid := range n.kids[1:] {
				known[i] = outcomes{union(known[i].yes, known[kid].yes), intersection(known[i].no, known[kid].no)}
			}
		}
		p.types[i] = known[i].yes
	}
}

// typeTable is what the index needs to know of a source's event types.
type typeTable struct {
	catalogue *field.Catalogue
	all, none *TypeSet
	// generic are the types whose events carry a name of their own: a system call without a type for itself, and an
	// asynchronous event. What the table calls them says nothing about evt.type.
	generic []uint16
	async   []uint16
}

func newTypeTable(cat *field.Catalogue) *typeTable {
	used := 0
	for _, name := range cat.Types() {
		if name != "" {
			used++
		}
	}
	return &typeTable{
		catalogue: cat,
		all:       &TypeSet{all: true, used: used},
		none:      &TypeSet{bits: make([]uint64, (len(cat.Types())+63)/64), used: used},
		generic:   cat.TypeIDs("syscall"),
		async:     cat.TypeIDs("asyncevent"),
	}
}

func (t *typeTable) empty() *TypeSet {
	return &TypeSet{bits: slices.Clone(t.none.bits), used: t.none.used}
}

// check tells what a single comparison says about event types.
func (t *typeTable) check(c *check) outcomes {
	unknown := outcomes{t.all, t.all}
	f := c.left.field
	if f == nil || c.right != nil {
		return unknown
	}
	switch f.Name {
	case "evt.num":
		if f.Type.Class() == event.ClassNumber && !f.List {
			return t.number(c)
		}
	case "evt.type", "syscall.type":
		if f.Type.Class() == event.ClassString && !f.List && len(t.catalogue.Types()) > 0 && c.op != condition.OpExists {
			return t.name(c, f.Name == "evt.type")
		}
	}
	return unknown
}

// name handles a comparison of the name of the event type with constants, by trying it on every name there is.
func (t *typeTable) name(c *check, always bool) outcomes {
	o := outcomes{t.empty(), t.empty()}
	for id, name := range t.catalogue.Types() {
		if name == "" {
			continue
		}
		if c.holds(&event.Value{Text: name}) {
			o.yes.add(uint16(id))
		} else {
			o.no.add(uint16(id))
		}
	}
	for _, id := range t.async {
		o.yes.add(id)
		o.no.add(id)
	}
	for _, id := range t.generic {
		o.no.add(id)
		if t.mayNameGeneric(c) {
			o.yes.add(id)
		}
	}
	if !always {
		// syscall.type is missing, which makes the check false, on events that are no system calls.
		o.no = t.all
	}
	return o
}

// mayNameGeneric tells whether the check can hold for the name of a system call that has no event type of its own.
func (t *typeTable) mayNameGeneric(c *check) bool {
	if c.op != condition.OpEq && c.op != condition.OpIn || c.modifier != condition.ModifierNone {
		return true
	}
	for _, text := range c.texts {
		if len(t.catalogue.TypeIDs(text)) == 0 {
			return true
		}
	}
	return false
}

// number recognises comparisons of evt.num, which counts from 1, that cannot hold or cannot fail: the idiom for
// conditions that are never or always true.
func (t *typeTable) number(c *check) outcomes {
	never, always := outcomes{t.none, t.all}, outcomes{t.all, t.none}
	if c.modifier != condition.ModifierNone {
		return outcomes{t.all, t.all}
	}
	zeros := true
	for _, v := range c.constants {
		zeros = zeros && v.Num == 0
	}
	one := len(c.constants) == 1 && c.constants[0].Num == 1
	switch c.op {
	case condition.OpEq, condition.OpIn, condition.OpLe:
		if zeros {
			return never
		}
	case condition.OpLt:
		if zeros || one {
			return never
		}
	case condition.OpNe, condition.OpGt:
		if zeros {
			return always
		}
	case condition.OpGe:
		if zeros || one {
			return always
		}
	}
	return outcomes{t.all, t.all}
}

package program

import (
	"cmp"
	"math/bits"
	"slices"
)

// Selector rules out, for an event, conditions of a list that cannot be true, without evaluating them: it looks up the
// values of a few expressions that many of the conditions depend on. It is immutable and safe for concurrent use.
//
// For each expression that a group of checks is about, the values fall into a few classes, those that the checks
// cannot tell apart; to have no value is one more class. Which conditions can be true when the value is of a certain
// class is computed beforehand. To select is to look up the class and to intersect.
type Selector struct {
	words  int
	facets []facet
}

// facet is one group as the selector uses it.
type facet struct {
	group int32
	// users are the conditions that some class rules out.
	users []uint64
	// possible holds for each class, one after another, the conditions that can be true; the last class is that of no
	// value.
	possible []uint64
}

// fewestUsers is how many conditions a look at a group must be able to decide: evaluating one is as fast.
const fewestUsers = 2

// NewSelector makes a Selector for the conditions ids.
func (p *Program) NewSelector(ids []ID) *Selector {
	sel := &Selector{words: (len(ids) + 63) / 64}
	fixed := make([]bool, len(ids)) // the conditions that must always be evaluated
	for i, id := range ids {
		fixed[i] = p.stateful(id)
	}
	var weights []int
	o := newOutlook(p)
	for g := range p.groups {
		if p.indexed(&p.groups[g]) {
			continue
		}
		o.compute(int32(g))
		f, weight := o.facet(ids, fixed, sel.words)
		if weight < fewestUsers {
			continue
		}
		at, _ := slices.BinarySearchFunc(weights, weight, func(a, b int) int { return cmp.Compare(b, a+1) })
		weights, sel.facets = slices.Insert(weights, at, weight), slices.Insert(sel.facets, at, f)
	}
	return sel
}

// Select removes from possible, a set of indices into the list that the selector was made for, those whose conditions
// are not true for the event that Begin was called with. Those that stay may be true or not.
func (s *State) Select(sel *Selector, possible []uint64) {
	for i := range sel.facets {
		f := &sel.facets[i]
		users := 0
		for w, word := range f.users {
			users += bits.OnesCount64(word & possible[w])
		}
		if users < fewestUsers {
			continue
		}
		g := &s.program.groups[f.group]
		class := int32(g.size())
		if v := s.value(g.slot); v != nil {
			class = s.row(f.group, v)
		}
		left := uint64(0)
		for w, word := range f.possible[int(class)*sel.words : (int(class)+1)*sel.words] {
			possible[w] &= word
			left |= possible[w]
		}
		if left == 0 {
			return
		}
	}
}

// indexed tells whether the group is about the event type, which Types decides without a look at the event.
func (p *Program) indexed(g *group) bool {
	f := p.slots[g.slot].field
	return f != nil && len(p.catalogue.Types()) > 0 && (f.Name == "evt.type" || f.Name == "syscall.type")
}

// stateful tells whether an evaluation of the condition has an effect on later ones, so that none may be left out.
func (p *Program) stateful(id ID) bool {
	n := &p.nodes[id]
	if n.kind == nodeCheck {
		c := p.checks[n.check]
		return c.left.stateful() || c.right != nil && c.right.stateful()
	}
	return slices.ContainsFunc(n.kids, p.stateful)
}

// stateful tells whether the expression reads a field that counts how often it was asked.
func (x *Expr) stateful() bool {
	return slices.ContainsFunc(x.Fields(), func(u Use) bool { return u.Field.Name == counterField })
}

const counterField = "util.cnt"

// outlook computes, for the classes of one group, for which of them each condition can be true and for which it can be
// false. Both are upper bounds, as in outcomes.
type outlook struct {
	program *Program
	group   int32
	words   int // of a set of classes
	yes, no []uint64
}

func newOutlook(p *Program) *outlook { return &outlook{program: p} }

// compute fills in the sets of all nodes, from the leaves up.
func (o *outlook) compute(group int32) {
	p := o.program
	o.group = group
	o.words = (p.groups[group].size() + 1 + 63) / 64
	o.yes = resized(o.yes, len(p.nodes)*o.words)
	o.no = resized(o.no, len(p.nodes)*o.words)
	for i := range p.nodes {
		n := &p.nodes[i]
		yes, no := o.of(ID(i))
		switch n.kind {
		case nodeCheck:
			o.check(p.checks[n.check], yes, no)
		case nodeNot:
			kidYes, kidNo := o.of(n.kids[0])
			copy(yes, kidNo)
			copy(no, kidYes)
		case nodeAnd, nodeOr:
			o.branch(n, yes, no)
		}
	}
}

// branch fills in the sets of an and or an or.
func (o *outlook) branch(n *node, yes, no []uint64) {
	kidYes, kidNo := o.of(n.kids[0])
	copy(yes, kidYes)
	copy(no, kidNo)
	for _, kid := range n.kids[1:] {
		kidYes, kidNo = o.of(kid)
		for w := range yes {
			if n.kind == nodeAnd {
				yes[w] &= kidYes[w]
				no[w] |= kidNo[w]
			} else {
				yes[w] |= kidYes[w]
				no[w] &= kidNo[w]
			}
		}
	}
}

// of gives the two sets of a node.
func (o *outlook) of(id ID) (yes, no []uint64) {
	from, to := int(id)*o.words, (int(id)+1)*o.words
	return o.yes[from:to], o.no[from:to]
}

// check fills in the sets of a single check.
func (o *outlook) check(c *check, yes, no []uint64) {
	for w := range yes {
		yes[w], no[w] = ^uint64(0), ^uint64(0)
	}
	g := &o.program.groups[o.group]
	missing := int32(g.size())
	if c.leftSlot == g.slot || c.rightSlot == g.slot {
		yes[missing>>6] &^= 1 << (missing & 63)
	}
	if c.group != o.group {
		return
	}
	for r := range missing {
		set := yes
		if g.holds(c, r) {
			set = no
		}
		set[r>>6] &^= 1 << (r & 63)
	}
}

// facet makes the facet of the group that was computed. Its weight is how many conditions the commonest class, of
// values that no check holds for, rules out.
func (o *outlook) facet(ids []ID, fixed []bool, words int) (f facet, weight int) {
	classes := o.program.groups[o.group].size() + 1
	f = facet{group: o.group, users: make([]uint64, words), possible: make([]uint64, classes*words)}
	for i, id := range ids {
		yes, _ := o.of(id)
		for class := range classes {
			switch {
			case fixed[i] || bit(yes, int32(class)):
				setBit(f.possible[class*words:], int32(i))
			default:
				setBit(f.users, int32(i))
				if class == 0 {
					weight++
				}
			}
		}
	}
	return f, weight
}

// resized gives a slice of length n, which is b when there is room. Its elements are not cleared.
func resized(b []uint64, n int) []uint64 {
	if cap(b) < n {
		return make([]uint64, n)
	}
	return b[:n]
}

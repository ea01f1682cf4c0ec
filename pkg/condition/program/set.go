package program

import (
	"slices"
)

// Set is a list of conditions that are evaluated together on each event, so that what is learned from one spares the
// evaluation of others. It is immutable and safe for concurrent use.
//
// A condition that is a conjunction needs each of its terms, so a term that turns out to be false decides all the
// conditions that need it. And when the value of an expression turns out to be of a certain class, all the conditions
// that cannot be true for that class are decided, whatever constants they have; see facet.
type Set struct {
	program *Program
	ids     []ID
	words   int // of a set of conditions
	// fixed are the conditions that must always be evaluated.
	fixed []bool
	// terms are what each condition needs, in the order of evaluation.
	terms [][]term
	// needs are, by node, the conditions that need it, nil when there are not several.
	needs  map[ID][]uint64
	facets []facet
}

// term is a part of a conjunction.
type term struct {
	id ID
	// needs are the conditions that need it, nil for this one alone.
	needs []uint64
	// facet is the number of the facet that may decide more when the term is false, -1 for none.
	facet int32
}

// facet tells for the values of one expression which conditions can be true. The groups of the expression divide the
// values into classes, each group in its own way.
type facet struct {
	slot   int32
	groups []int32
	// missing are the conditions that can be true when the expression has no value.
	missing []uint64
	// alone holds for each group and row the conditions that can be true when all other groups are at row 0, that is,
	// none of their checks holds: the usual case. open holds them for any rows of the others.
	alone, open [][][]uint64
}

// mostGroups is how many groups the expression of a facet may have. More than one of a kind are only there when there
// are thousands of checks.
const mostGroups = 12

// NewSet makes a Set of the conditions ids.
func (p *Program) NewSet(ids []ID) *Set {
	set := &Set{program: p, ids: ids, words: (len(ids) + 63) / 64, needs: map[ID][]uint64{}}
	users := map[ID]int{}
	for _, id := range ids {
		set.fixed = append(set.fixed, p.nodes[id].stateful)
		terms := p.terms(id, nil, map[ID]bool{})
		for _, t := range terms {
			users[t.id]++
		}
		set.terms = append(set.terms, terms)
	}
	for i, terms := range set.terms {
		for _, t := range terms {
			if users[t.id] < 2 {
				continue
			}
			if set.needs[t.id] == nil {
				set.needs[t.id] = make([]uint64, set.words)
			}
			if !set.fixed[i] {
				setBit(set.needs[t.id], int32(i))
			}
		}
	}
	set.makeFacets()
	return set
}

// terms lists what the condition needs, with nested conjunctions opened, each once: seen are those that are listed.
func (p *Program) terms(id ID, terms []term, seen map[ID]bool) []term {
	if n := &p.nodes[id]; n.kind == nodeAnd {
		for _, kid := range n.kids {
			terms = p.terms(kid, terms, seen)
		}
		return terms
	}
	if !seen[id] {
		seen[id] = true
		terms = append(terms, term{id: id, facet: -1})
	}
	return terms
}

// makeFacets makes the facets and completes the terms.
func (set *Set) makeFacets() {
	p := set.program
	bySlot := map[int32][]int32{}
	var order []int32
	for g := range p.groups {
		slot := p.groups[g].slot
		if bySlot[slot] == nil {
			order = append(order, slot)
		}
		bySlot[slot] = append(bySlot[slot], int32(g))
	}
	o := &outlook{program: p}
	numbers := map[int32]int32{}
	for _, slot := range order {
		if p.indexed(slot) || len(bySlot[slot]) > mostGroups || p.costly(bySlot[slot]) {
			continue
		}
		if f := set.newFacet(o, slot, bySlot[slot]); f.decides(len(set.ids)) {
			numbers[slot] = int32(len(set.facets))
			set.facets = append(set.facets, f)
		}
	}
	for _, terms := range set.terms {
		for i := range terms {
			t := &terms[i]
			t.needs = set.needs[t.id]
			if slot, ok := p.onlySlot(t.id); ok {
				if n, ok := numbers[slot]; ok {
					t.facet = n
				}
			}
		}
	}
}

func (set *Set) newFacet(o *outlook, slot int32, groups []int32) facet {
	f := facet{slot: slot, groups: groups}
	classes := func(g int32, zero bool) (sets [][]uint64) {
		o.compute(g, zero)
		for class := range o.program.groups[g].size() {
			sets = append(sets, o.possible(set, int32(class)))
		}
		return sets
	}
	for _, g := range groups {
		f.open = append(f.open, classes(g, false))
		if f.missing == nil {
			f.missing = o.possible(set, int32(o.program.groups[g].size()))
		}
		if len(groups) > 1 {
			f.alone = append(f.alone, classes(g, true))
		} else {
			f.alone = f.open
		}
	}
	return f
}

// decides tells whether the facet can decide more than one condition at once.
func (f *facet) decides(conditions int) bool {
	possible := func(set []uint64) bool { return conditions-count(set) > 1 }
	if possible(f.missing) {
		return true
	}
	return slices.ContainsFunc(f.alone, func(rows [][]uint64) bool { return slices.ContainsFunc(rows, possible) })
}

// mostWords is how many words of sets of classes may be computed to make a facet: a tenth of a second. Hundreds of rules
// need a hundredth of it, a condition with ten thousand comparisons of one field would need several times as much.
const mostWords = 1 << 22

// costly tells whether the facet of the groups would take too long to be made.
func (p *Program) costly(groups []int32) bool {
	words := 0
	for _, g := range groups {
		words += (p.groups[g].size()/64 + 1) * len(p.nodes)
	}
	return words > mostWords
}

// indexed tells whether the expression is the event type, which Types decides without a look at the event.
func (p *Program) indexed(slot int32) bool {
	f := p.slots[slot].field
	return f != nil && len(p.catalogue.Types()) > 0 && (f.Name == "evt.type" || f.Name == "syscall.type")
}

// onlySlot tells the expression that all checks of the condition are about, if there is only one.
func (p *Program) onlySlot(id ID) (slot int32, ok bool) {
	n := &p.nodes[id]
	if n.kind == nodeCheck {
		c := p.checks[n.check]
		return c.leftSlot, c.right == nil
	}
	slot, ok = p.onlySlot(n.kids[0])
	for _, kid := range n.kids[1:] {
		if !ok {
			break
		}
		other, same := p.onlySlot(kid)
		ok = same && other == slot
	}
	return slot, ok
}

// stateful tells whether the check reads the field that counts how often it was asked for.
func (c *check) stateful() bool { return c.left.stateful() || c.right != nil && c.right.stateful() }

func (x *Expr) stateful() bool {
	return slices.ContainsFunc(x.Fields(), func(u Use) bool { return u.Field.Name == "util.cnt" })
}

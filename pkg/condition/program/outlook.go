package program

// outlook computes, for the classes of values of one group, for which of them each condition can be true and for which
// it can be false. Both are upper bounds, as in outcomes. The classes are the rows of the group, and one more for no
// value.
type outlook struct {
	program *Program
	group   int32
	// zero tells that the other groups of the same expression are known to be at row 0; otherwise nothing is known of
	// them.
	zero    bool
	words   int // of a set of classes
	yes, no []uint64
}

// compute fills in the sets of all nodes, from the leaves up.
func (o *outlook) compute(group int32, zero bool) {
	p := o.program
	o.group, o.zero = group, zero
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
		clearBit(yes, missing)
	}
	switch {
	case c.group == o.group:
		for class := range missing {
			switch {
			case g.vague && class != 0:
			case g.holds(c, class):
				clearBit(no, class)
			default:
				clearBit(yes, class)
			}
		}
	case c.leftSlot == g.slot && c.group >= 0 && o.zero:
		none := no // the classes for which the answer at row 0 is not given
		if !c.negate {
			none = yes
		}
		last := none[missing>>6] & (1 << (missing & 63))
		clear(none)
		none[missing>>6] |= last
	}
}

// possible adds to set the numbers of the conditions that can be true for a class.
func (o *outlook) possible(set *Set, class int32) []uint64 {
	possible := make([]uint64, set.words)
	for i, id := range set.ids {
		if yes, _ := o.of(id); set.fixed[i] || bit(yes, class) {
			setBit(possible, int32(i))
		}
	}
	return possible
}

// resized gives a slice of length n, which is b when there is room. Its elements are not cleared.
func resized(b []uint64, n int) []uint64 {
	if cap(b) < n {
		return make([]uint64, n)
	}
	return b[:n]
}

package program

import (
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/event"
)

// affixIndex finds, among the prefixes of many checks, the longest one that a value has; the shorter ones that it has
// too are prefixes of that one. Of suffixes the same is true when everything is read from the end.
type affixIndex struct {
	root     affix
	backward bool
}

// affix is a node of a trie. Label is what stands between the node above and it, in the order of the text.
type affix struct {
	place
	label string
	// firsts are the bytes with which the labels of the kids begin.
	firsts []byte
	kids   []*affix
}

// place is what a node of a trie knows of the checks: those whose constants end there, until finish adds the ones of
// the nodes above and turns them into a row.
type place struct {
	columns []uint64
	number  int32
}

func (p *place) add(column int, words int32) {
	if p.columns == nil {
		p.columns = make([]uint64, words)
	}
	setBit(p.columns, int32(column))
}

// finish gives the place its row and returns the columns of it. above are those of the node above.
func (p *place) finish(above []uint64, numbers *rowNumbers) []uint64 {
	columns := slices.Clone(above)
	for i, w := range p.columns {
		columns[i] |= w
	}
	p.columns, p.number = nil, numbers.of(columns)
	return columns
}

func newAffixIndex(checks []*check, backward bool, numbers *rowNumbers) *affixIndex {
	x := &affixIndex{backward: backward}
	for column, c := range checks {
		for i := range c.constants {
			x.insert(c.constants[i].Text).add(column, numbers.group.words)
		}
	}
	x.root.finishAll(make([]uint64, numbers.group.words), numbers)
	return x
}

func (n *affix) finishAll(above []uint64, numbers *rowNumbers) {
	columns := n.finish(above, numbers)
	for _, kid := range n.kids {
		kid.finishAll(columns, numbers)
	}
}

// insert gives the node at which text ends, made when there is none.
func (x *affixIndex) insert(text string) *affix {
	n := &x.root
	for text != "" {
		i := indexByte(n.firsts, x.first(text))
		if i < 0 {
			leaf := &affix{label: text}
			n.firsts, n.kids = append(n.firsts, x.first(text)), append(n.kids, leaf)
			return leaf
		}
		kid := n.kids[i]
		common := x.common(text, kid.label)
		if common < len(kid.label) {
			head, tail := x.split(kid.label, common)
			kid.label = tail
			kid = &affix{label: head, firsts: []byte{x.first(tail)}, kids: []*affix{kid}}
			n.kids[i] = kid
		}
		_, text = x.split(text, common)
		n = kid
	}
	return n
}

func (x *affixIndex) row(v *event.Value) int32 {
	text, n := v.Text, &x.root
	for text != "" {
		i := indexByte(n.firsts, x.first(text))
		if i < 0 {
			break
		}
		kid := n.kids[i]
		if x.backward {
			if !strings.HasSuffix(text, kid.label) {
				break
			}
			text = text[:len(text)-len(kid.label)]
		} else {
			if !strings.HasPrefix(text, kid.label) {
				break
			}
			text = text[len(kid.label):]
		}
		n = kid
	}
	return n.number
}

// indexByte finds c in a few bytes.
func indexByte(bytes []byte, c byte) int {
	for i, b := range bytes {
		if b == c {
			return i
		}
	}
	return -1
}

// first is the byte at which reading begins.
func (x *affixIndex) first(text string) byte {
	if x.backward {
		return text[len(text)-1]
	}
	return text[0]
}

// split takes the first n bytes in the order of reading off text.
func (x *affixIndex) split(text string, n int) (head, tail string) {
	if x.backward {
		return text[len(text)-n:], text[:len(text)-n]
	}
	return text[:n], text[n:]
}

// common counts the bytes that a and b share from where reading begins.
func (x *affixIndex) common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) {
		i, j := n, n
		if x.backward {
			i, j = len(a)-1-n, len(b)-1-n
		}
		if a[i] != b[j] {
			break
		}
		n++
	}
	return n
}

// pathIndex does for the search paths of pmatch what affixIndex does for prefixes, component by component (see
// pathTrie, which also knows globs).
type pathIndex struct {
	place
	names map[string]*pathIndex
	order []string
}

func newPathIndex(checks []*check, numbers *rowNumbers) *pathIndex {
	root := &pathIndex{}
	for column, c := range checks {
		for i := range c.constants {
			root.insert(c.constants[i].Text).add(column, numbers.group.words)
		}
	}
	root.finishAll(make([]uint64, numbers.group.words), numbers)
	return root
}

func (n *pathIndex) insert(path string) *pathIndex {
	for name, rest, ok := component(path); ok; name, rest, ok = component(rest) {
		next := n.names[name]
		if next == nil {
			if n.names == nil {
				n.names = map[string]*pathIndex{}
			}
			next = &pathIndex{}
			n.names[name], n.order = next, append(n.order, name)
		}
		n = next
	}
	return n
}

func (n *pathIndex) finishAll(above []uint64, numbers *rowNumbers) {
	columns := n.finish(above, numbers)
	for _, name := range n.order {
		n.names[name].finishAll(columns, numbers)
	}
}

func (n *pathIndex) row(v *event.Value) int32 {
	for name, rest, ok := component(v.Text); ok; name, rest, ok = component(rest) {
		next := n.names[name]
		if next == nil {
			break
		}
		n = next
	}
	return n.number
}

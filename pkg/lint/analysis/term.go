package analysis

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
)

// kind of a term.
type kind uint8

const (
	leaf kind = iota
	all
	one
	yes
	no
)

// term is a condition in which negations stand at the checks only. Equal conditions, up to the order of their terms,
// have equal ids.
type term struct {
	kind kind
	lit  literal
	kids []*term
	id   int32
	// exprs are the ids of all exprs in it, in rising order, each once.
	exprs []int32
}

// termKey is a condition of the set, or its negation. Macros are one tree in all rules that use them.
type termKey struct {
	node condition.Node
	not  bool
}

// term gives the term of a condition, negated when not is set.
func (w *world) term(n condition.Node, not bool) *term {
	key := termKey{n, not}
	if t := w.terms[key]; t != nil {
		return t
	}
	w.spend(termSteps)
	t := w.makeTerm(n, not)
	w.terms[key] = t
	return t
}

func (w *world) makeTerm(n condition.Node, not bool) *term {
	switch n := n.(type) {
	case *condition.Not:
		return w.term(n.Term, !not)
	case *condition.And:
		return w.join(n.Terms, not, all)
	case *condition.Or:
		return w.join(n.Terms, not, one)
	case *condition.Check:
		return w.leaf(n, not)
	}
	return w.constant(yes) // cannot be: a macro that is not resolved; yes restricts nothing
}

// leaf makes the term of a check. Checks that say on purpose that they are always or never true are recognised by
// what they ask for: the number of the event, whether there is something that is always there, one of no values.
func (w *world) leaf(n *condition.Check, not bool) *term {
	a := w.atomOf(n)
	switch {
	case a == never:
		return w.constant(truth(not))
	case a.exists && a.x.always:
		return w.constant(truth(!not))
	case a.x.field != nil && a.x.field.Name == "evt.num":
		if answer, ok := numbered(n); ok {
			return w.constant(truth(answer != not))
		}
	}
	sign := int32(0)
	if not {
		sign = 1
	}
	return &term{kind: leaf, lit: literal{a, not, n}, id: w.intern("l" + strconv.Itoa(int(a.id*2+sign))), exprs: []int32{a.x.id}}
}

func truth(b bool) kind {
	if b {
		return yes
	}
	return no
}

func (w *world) constant(k kind) *term {
	return &term{kind: k, id: w.intern("constant" + strconv.Itoa(int(k)))}
}

// numbered answers a comparison of evt.num, which counts from 1, that is the same for every event.
func numbered(n *condition.Check) (answer, ok bool) {
	op, texts, plain := canonical(n)
	if !plain || n.Modifier != condition.ModifierNone {
		return false, false
	}
	numbers := []uint64{1, math.MaxUint64}
	var constants []uint64
	for _, text := range texts {
		c, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return false, false
		}
		constants = append(constants, c)
		numbers = append(numbers, max(c, 2)-1, max(c, 1), min(c, math.MaxUint64-1)+1)
	}
	held, failed := false, false
	for _, v := range numbers {
		if compare(op, v, constants) {
			held = true
		} else {
			failed = true
		}
	}
	return held, held != failed
}

func compare(op condition.Op, v uint64, constants []uint64) bool {
	switch op {
	case condition.OpNe:
		return !slices.Contains(constants, v)
	case condition.OpLt:
		return v < constants[0]
	case condition.OpLe:
		return v <= constants[0]
	case condition.OpGt:
		return v > constants[0]
	case condition.OpGe:
		return v >= constants[0]
	}
	return slices.Contains(constants, v)
}

// join makes the term of several terms, of which all or, when negated, one must hold.
func (w *world) join(nodes []condition.Node, not bool, k kind) *term {
	if not {
		k = all + one - k
	}
	kids := make([]*term, 0, len(nodes))
	for _, n := range nodes {
		kids = append(kids, w.term(n, not))
	}
	return w.joined(k, kids)
}

func (w *world) joined(k kind, terms []*term) *term {
	neutral, decisive := yes, no
	if k == one {
		neutral, decisive = no, yes
	}
	var kids []*term
	for _, t := range terms {
		switch t.kind {
		case decisive:
			return t
		case neutral:
		case k:
			kids = append(kids, t.kids...)
		default:
			kids = append(kids, t)
		}
	}
	switch len(kids) {
	case 0:
		return w.constant(neutral)
	case 1:
		return kids[0]
	}
	t := &term{kind: k, kids: kids}
	ids := make([]int32, len(kids))
	for i, kid := range kids {
		ids[i] = kid.id
		t.exprs = append(t.exprs, kid.exprs...)
	}
	slices.Sort(t.exprs)
	t.exprs = slices.Compact(t.exprs)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) == 1 {
		return kids[0]
	}
	var key strings.Builder
	key.WriteByte("l&|"[k])
	for _, id := range ids {
		key.WriteString(strconv.Itoa(int(id)))
		key.WriteByte(',')
	}
	t.id = w.intern(key.String())
	return t
}

func (w *world) intern(key string) int32 {
	if id, ok := w.termIDs[key]; ok {
		return id
	}
	id := int32(len(w.termIDs))
	w.termIDs[key] = id
	return id
}

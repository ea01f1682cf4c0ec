// Package program compiles the conditions of all rules of one source into one shared program and evaluates it.
//
// A Builder checks each condition against a field catalogue and reports everything that is wrong with it. The Program
// that it builds is immutable: a graph in which equal expressions, equal checks and equal sub-conditions exist once,
// whatever rule they come from. A State, one per goroutine, evaluates it on an event: each field is extracted at most
// once per event and each check is evaluated at most once per event, and only when some rule asks.
//
// The package reads nothing from disk or network and keeps no global state.
package program

import (
	"slices"
	"strconv"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// ID is a condition inside a Program. It means nothing in another Program.
type ID int32

// None is the ID that Add returns for a condition with errors.
const None ID = -1

// Program is the conditions of one source, compiled. It is immutable and safe for concurrent use.
type Program struct {
	catalogue *field.Catalogue
	slots     []slot
	checks    []*check
	nodes     []node
	groups    []group
	types     []*TypeSet
}

// Stats counts what a program consists of, after sharing.
type Stats struct {
	// Fields is the number of distinct fields, a field with another argument being another field.
	Fields int
	// Predicates is the number of distinct checks.
	Predicates int
	// Nodes is the number of distinct sub-conditions: checks, and, or, not.
	Nodes int
}

type nodeKind uint8

const (
	nodeCheck nodeKind = iota
	nodeNot
	nodeAnd
	nodeOr
)

// node is one sub-condition. Its children have smaller numbers than itself.
type node struct {
	kind  nodeKind
	check int32
	kids  []ID
	// stateful nodes read a field that counts how often it is asked for, so that no evaluation may be left out.
	stateful bool
}

// Stats counts the parts of the program.
func (p *Program) Stats() Stats {
	s := Stats{Predicates: len(p.checks), Nodes: len(p.nodes)}
	for i := range p.slots {
		if p.slots[i].field != nil {
			s.Fields++
		}
	}
	return s
}

// Fields lists the fields that the program can read, each field with its argument once, in the order of first use.
// Sources use it to do only the work that some rule asks for.
func (p *Program) Fields() []Use {
	var uses []Use
	for i := range p.slots {
		if x := p.slots[i].Expr; x.field != nil {
			uses = append(uses, Use{Field: x.field, Name: x.name, Arg: x.arg})
		}
	}
	return uses
}

// Types tells for which event types the condition can be true. The set must not be changed.
func (p *Program) Types(id ID) *TypeSet { return p.types[id] }

// Builder collects the conditions of one source. It is not safe for concurrent use.
type Builder struct {
	catalogue *field.Catalogue
	program   *Program
	slotIDs   map[string]int32
	checkIDs  map[string]int32
	nodeIDs   map[string]ID
}

// NewBuilder makes an empty Builder for the source of the catalogue.
func NewBuilder(cat *field.Catalogue) *Builder {
	return &Builder{
		catalogue: cat,
		program:   &Program{catalogue: cat},
		slotIDs:   map[string]int32{},
		checkIDs:  map[string]int32{},
		nodeIDs:   map[string]ID{},
	}
}

// Add checks n, whose macros must be resolved, and adds it to the program. It returns every finding, errors and
// warnings, with ranges of the text that n was parsed from. When there is an error the ID is None and the builder is
// as it was before.
func (b *Builder) Add(n condition.Node) (ID, []*condition.Diagnostic) {
	c := &compiler{catalogue: b.catalogue, known: b.checkIDs}
	t := c.tree(n)
	if c.failed() {
		return None, c.findings()
	}
	return b.intern(t), c.findings()
}

// Build makes the Program of all conditions that were added. The Builder must not be used after it.
func (b *Builder) Build() *Program {
	p := b.program
	b.program = nil
	p.shareLookups()
	p.computeTypes()
	return p
}

// intern gives the ID of the condition t, making the parts of it that the program does not have yet. Conjunctions of the
// same terms are one node in whatever order they are written, and so are disjunctions: the order can only be observed
// through a field that counts how often it is asked for.
func (b *Builder) intern(t *tree) ID {
	n := node{kind: t.kind}
	key := []byte{"c!&|"[t.kind]}
	if t.kind == nodeCheck {
		n.check = b.internCheck(t.check)
		n.stateful = b.program.checks[n.check].stateful()
		key = strconv.AppendInt(key, int64(n.check), 10)
	}
	for _, kid := range t.kids {
		id := b.intern(kid)
		n.kids = append(n.kids, id)
		n.stateful = n.stateful || b.program.nodes[id].stateful
	}
	sorted := n.kids
	if !n.stateful {
		sorted = slices.Clone(n.kids)
		slices.Sort(sorted)
	}
	for _, id := range sorted {
		key = append(strconv.AppendInt(key, int64(id), 10), ',')
	}
	if id, ok := b.nodeIDs[string(key)]; ok {
		return id
	}
	id := ID(len(b.program.nodes))
	b.program.nodes = append(b.program.nodes, n)
	b.nodeIDs[string(key)] = id
	return id
}

func (b *Builder) internCheck(c *check) int32 {
	if id, ok := b.checkIDs[c.key]; ok {
		return id
	}
	c.leftSlot = internSlot(&b.program.slots, b.slotIDs, c.left)
	c.rightSlot = -1
	if c.right != nil {
		c.rightSlot = internSlot(&b.program.slots, b.slotIDs, c.right)
	}
	c.group = -1
	id := int32(len(b.program.checks))
	b.program.checks = append(b.program.checks, c)
	b.checkIDs[c.key] = id
	return id
}

// Fields lists the fields that the condition n reads, in order, each field with its argument once. Fields inside
// transformers and on the right-hand side are included. It needs no catalogue.
func Fields(n condition.Node) []*condition.Field {
	var out []*condition.Field
	seen := map[string]bool{}
	condition.WalkOperands(n, func(op condition.Operand) bool {
		f, ok := op.(*condition.Field)
		if !ok {
			return true
		}
		key := f.Name
		if f.Arg != nil {
			key += "[" + f.Arg.Text
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, f)
		}
		return true
	})
	return out
}

// sortedKeys gives texts in order and once each, which makes a key of a set of constants canonical.
func sortedKeys(texts []string) []string {
	texts = slices.Clone(texts)
	slices.Sort(texts)
	return slices.Compact(texts)
}

// isText tells whether values of type t are kept in Value.Text.
func isText(t event.Type) bool {
	return t.Class() == event.ClassString || t.Class() == event.ClassBytes
}

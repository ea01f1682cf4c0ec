package ruletest

import (
	"sync"
	"sync/atomic"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// probe looks into the conditions of the rules of one source: it knows the value of each part of them.
type probe struct {
	program *program.Program
	states  sync.Pool
	// trees are the conditions by the name of the rule.
	trees map[string]*branch
	rules []*rule.CompiledRule
}

// branch is a part of a condition.
type branch struct {
	node condition.Node
	pos  rule.Position
	// macros are the names of macros that stand for the part.
	macros []string
	// exception is the name of the exception that the part puts in, which is the negation of its condition.
	exception string
	kids      []*branch
	// check is set for a comparison, which has no kids.
	check *comparison
	// seen tells whether an evaluation ever came here with the result false and true.
	seen [2]atomic.Bool
}

// comparison is a check made ready, shared by all rules that a macro brings it to.
type comparison struct {
	id          program.ID
	left, right *operand
}

// operand is a side of a check whose value comes from the event.
type operand struct {
	text string
	expr *program.Expr
	// use is the field itself, where it cannot be printed.
	use program.Use
}

func newProbe(r *Rules, source *rule.Source) *probe {
	p := &probe{trees: map[string]*branch{}, rules: source.Rules}
	b := &probing{rules: r, catalogue: source.Catalogue, builder: program.NewBuilder(source.Catalogue), checks: map[*condition.Check]*comparison{}}
	for _, one := range source.Rules {
		p.trees[one.Name] = b.branch(one.Node)
		p.trees[one.Name].nameExceptions(one.Exceptions)
	}
	p.program = b.builder.Build()
	p.states.New = func() any { return p.program.NewState() }
	return p
}

// probing builds the trees of a probe.
type probing struct {
	rules     *Rules
	catalogue *field.Catalogue
	builder   *program.Builder
	checks    map[*condition.Check]*comparison
}

func (b *probing) branch(n condition.Node) *branch {
	x := &branch{node: n, macros: b.rules.macros[n]}
	x.pos, _, _ = b.rules.Set.Place(n.Span())
	switch n := n.(type) {
	case *condition.And:
		x.kids = b.branches(n.Terms)
	case *condition.Or:
		x.kids = b.branches(n.Terms)
	case *condition.Not:
		x.kids = b.branches([]condition.Node{n.Term})
	case *condition.Check:
		x.check = b.comparison(n)
	}
	return x
}

// nameExceptions finds the parts that the exceptions of a rule put in: those with values stand after its condition.
func (b *branch) nameExceptions(exceptions []rule.Exception) {
	var names []string
	for _, e := range exceptions {
		if len(e.Values) > 0 {
			names = append(names, e.Name)
		}
	}
	if _, and := b.node.(*condition.And); !and || len(names) == 0 || len(b.kids) != len(names)+1 {
		return
	}
	for i, name := range names {
		b.kids[i+1].exception = name
	}
}

func (b *probing) branches(terms []condition.Node) []*branch {
	out := make([]*branch, len(terms))
	for i, t := range terms {
		out[i] = b.branch(t)
	}
	return out
}

func (b *probing) comparison(n *condition.Check) *comparison {
	if c := b.checks[n]; c != nil {
		return c
	}
	// The same check was compiled with its rule, so there are no findings.
	id, _ := b.builder.Add(n)
	c := &comparison{id: id, left: b.operand(n.Left), right: b.operand(n.Right)}
	b.checks[n] = c
	return c
}

// operand makes a side ready; nil when its value is no news.
func (b *probing) operand(o condition.Operand) *operand {
	switch o := o.(type) {
	case *condition.Field:
		x := &operand{text: condition.PrintOperand(o)}
		if x.expr, _ = program.CompileOperand(o, b.catalogue); x.expr == nil {
			x.use, _ = useOf(o, b.catalogue)
		}
		return x
	case *condition.Transform:
		if o.Name == "val" && len(o.Args) == 1 {
			return b.operand(o.Args[0])
		}
		x := &operand{text: condition.PrintOperand(o)}
		if x.expr, _ = program.CompileOperand(o, b.catalogue); x.expr == nil {
			return nil
		}
		return x
	}
	return nil
}

// value writes the value of an operand for people; false when it is missing.
func (o *operand) value(e *event.Event) (string, bool) {
	var v event.Value
	if o.expr != nil {
		if !o.expr.Extract(e, &v) {
			return "", false
		}
		return show(&v, o.expr.Type(), o.expr.List()), true
	}
	if !o.use.Field.Extract(e, o.use.Arg, &v) {
		return "", false
	}
	return show(&v, o.use.Field.Type, o.use.Field.List), true
}

// pending says why the operand never has a value in this version, empty when it can have one.
func (o *operand) pending() string {
	uses := []program.Use{o.use}
	if o.expr != nil {
		uses = o.expr.Fields()
	}
	for _, u := range uses {
		if u.Field.Pending != "" {
			return u.Field.Pending
		}
	}
	return ""
}

// begin gives a state that evaluates parts on e, and must be given to end.
func (p *probe) begin(e *event.Event) *program.State {
	s := p.states.Get().(*program.State)
	s.Begin(e)
	return s
}

func (p *probe) end(s *program.State) {
	s.Begin(nil) // do not keep the event alive
	p.states.Put(s)
}

// holds evaluates the part.
func (b *branch) holds(s *program.State) bool {
	switch b.node.(type) {
	case *condition.Not:
		return !b.kids[0].holds(s)
	case *condition.And:
		for _, k := range b.kids {
			if !k.holds(s) {
				return false
			}
		}
		return true
	case *condition.Or:
		for _, k := range b.kids {
			if k.holds(s) {
				return true
			}
		}
		return false
	}
	return s.True(b.check.id)
}

// visit is holds that notes what it came by. Like an engine it leaves a condition as soon as the result is certain.
func (b *branch) visit(s *program.State) (result bool) {
	switch b.node.(type) {
	case *condition.Not:
		result = !b.kids[0].visit(s)
	case *condition.And:
		result = true
		for _, k := range b.kids {
			if !k.visit(s) {
				result = false
				break
			}
		}
	case *condition.Or:
		for _, k := range b.kids {
			if k.visit(s) {
				result = true
				break
			}
		}
	default:
		result = s.True(b.check.id)
	}
	side := &b.seen[0]
	if result {
		side = &b.seen[1]
	}
	if !side.Load() {
		side.Store(true)
	}
	return result
}

// cover notes which parts of all rules e reaches.
func (p *probe) cover(e *event.Event) {
	s := p.begin(e)
	defer p.end(s)
	for _, r := range p.rules {
		p.trees[r.Name].visit(s)
	}
}

package policy

import (
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// truth is what is known of a condition on a sample: that it is false, that it is true, or that it can be both.
type truth uint8

const (
	no truth = iota
	open
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// atom is a check of a rule's condition; equal checks are one atom.
type atom struct {
	check *condition.Check
	text  string
	reads reads
	// positive and negative tell whether it stands below an even and below an odd number of negations.
	positive, negative bool
	// simple tells that the constants of the check are all that it can tell apart.
	simple bool
	id     program.ID
	// uris are the texts that it compares the URI with; none when it is not known what it tells.
	uris []string
	// fields are those of the check that need a body.
	fields []string
}

// known are the aspects that a sample decides.
const known = ofStage | ofVerb | ofTarget | ofNamespace | ofName | ofUser | ofGroups

// never tells that the check compares with nothing, as of a list without items.
func (a *atom) never() bool {
	list, ok := a.check.Right.(*condition.List)
	return ok && len(list.Items) == 0
}

// isKnown tells whether a sample decides the check.
func (a *atom) isKnown() bool { return a.reads.aspects&^known == 0 && a.reads.body <= levelMetadata }

// formula is a condition with its checks as numbers of atoms.
type formula struct {
	kind byte // one of & | ! a
	atom int
	kids []*formula
}

// eval evaluates the formula; value gives what is known of each atom.
func (f *formula) eval(value []truth) truth {
	switch f.kind {
	case 'a':
		return value[f.atom]
	case '!':
		return yes - f.kids[0].eval(value)
	case '&':
		out := yes
		for _, kid := range f.kids {
			if out = min(out, kid.eval(value)); out == no {
				break
			}
		}
		return out
	}
	out := no
	for _, kid := range f.kids {
		if out = max(out, kid.eval(value)); out == yes {
			break
		}
	}
	return out
}

// subject is a rule as the search sees it.
type subject struct {
	rule    *rule.CompiledRule
	formula *formula
	atoms   []*atom
	judge   *judge
	// constants are the texts that the checks of an aspect compare with; those about the target are below, by what of it.
	constants                       map[aspect][]string
	resources, subresources, groups []string
	// shows are the fields of the output that need a body.
	shows []shown
	// whole tells that the condition looks at the whole event as one text.
	whole bool
}

// idle tells that the condition is false whatever the event is, since what it compares with is empty.
func (s *subject) idle() bool {
	value := make([]truth, len(s.atoms))
	for i, a := range s.atoms {
		if value[i] = open; a.never() {
			value[i] = no
		}
	}
	return s.formula.eval(value) == no
}

// shown is a field of an output that needs a body.
type shown struct {
	name string
	body level
}

// has tells whether a request may have what the field shows: what is deleted comes without its object.
func (s shown) has(x *cell, stage string) bool {
	return there(x, stage, levelResponse, s.body) && (!deletes(x.request.verb) || s.body == levelResponse)
}

func deletes(verb string) bool { return verb == "delete" || verb == "deletecollection" }

// readsBodies tells whether the condition or the output reads a body, so that it matters which verbs have one.
func (s *subject) readsBodies() bool {
	return len(s.shows) > 0 || slices.ContainsFunc(s.atoms, func(a *atom) bool { return a.reads.body > levelMetadata })
}

// maxAtoms is how many different checks a rule may have to be looked at.
const maxAtoms = 2000

// newSubject takes the condition of a rule apart. It is nil when the rule is too large to be looked at.
func newSubject(r *rule.CompiledRule, catalogue *field.Catalogue) *subject {
	s := &subject{rule: r, constants: map[aspect][]string{}}
	byText := map[string]int{}
	s.formula = s.build(r.Node, false, byText)
	if len(s.atoms) > maxAtoms {
		return nil
	}
	b := program.NewBuilder(catalogue)
	for _, a := range s.atoms {
		a.id, _ = b.Add(a.check)
		s.collect(a)
	}
	s.judge = newJudge(b.Build())
	s.outputs(catalogue)
	return s
}

func (s *subject) build(n condition.Node, not bool, byText map[string]int) *formula {
	f := &formula{}
	var terms []condition.Node
	switch n := n.(type) {
	case *condition.And:
		f.kind, terms = '&', n.Terms
	case *condition.Or:
		f.kind, terms = '|', n.Terms
	case *condition.Not:
		f.kind, terms, not = '!', []condition.Node{n.Term}, !not
	case *condition.Check:
		f.kind, f.atom = 'a', s.add(n, byText)
		a := s.atoms[f.atom]
		a.positive, a.negative = a.positive || !not, a.negative || not
	}
	for _, t := range terms {
		f.kids = append(f.kids, s.build(t, not, byText))
	}
	return f
}

func (s *subject) add(n *condition.Check, byText map[string]int) int {
	text := condition.Print(n)
	if i, ok := byText[text]; ok {
		return i
	}
	a := &atom{check: n, text: text, reads: readsOfOperand(n.Left).with(readsOfOperand(n.Right)), simple: isSimple(n), uris: uriTexts(n)}
	for _, side := range []condition.Operand{n.Left, n.Right} {
		condition.WalkOperand(side, func(o condition.Operand) bool {
			if f, ok := o.(*condition.Field); ok && readsOfOperand(f).body > levelMetadata {
				a.fields = append(a.fields, condition.PrintOperand(f))
			}
			return true
		})
	}
	s.whole = s.whole || a.reads.aspects&ofWhole != 0
	byText[text] = len(s.atoms)
	s.atoms = append(s.atoms, a)
	return len(s.atoms) - 1
}

// isSimple tells whether a check compares a plain field with constants that are all it can tell apart.
func isSimple(n *condition.Check) bool {
	if _, ok := n.Left.(*condition.Field); !ok {
		return false
	}
	switch n.Op {
	case condition.OpExists, condition.OpEq, condition.OpEqEq, condition.OpNe, condition.OpIn, condition.OpIntersects,
		condition.OpStartsWith, condition.OpEndsWith, condition.OpContains, condition.OpPMatch:
	default:
		return false
	}
	switch n.Right.(type) {
	case nil, *condition.Text, *condition.List:
		return true
	}
	return false
}

// collect takes the constants of a check that a sample decides.
func (s *subject) collect(a *atom) {
	name := ""
	if f, ok := a.check.Left.(*condition.Field); ok {
		name = f.Name
		if f.Arg != nil {
			name = f.Arg.Text
		}
	}
	condition.WalkOperand(a.check.Right, func(o condition.Operand) bool {
		t, ok := o.(*condition.Text)
		if !ok {
			return true
		}
		for _, bit := range []aspect{ofVerb, ofNamespace, ofName, ofUser, ofGroups, ofURI} {
			if a.reads.aspects&bit != 0 {
				s.constants[bit] = append(s.constants[bit], variants(a.check.Op, t.Value)...)
			}
		}
		if a.reads.aspects&ofTarget == 0 {
			return true
		}
		texts := variants(a.check.Op, t.Value)
		switch {
		case strings.HasSuffix(name, "subresource"):
			s.subresources = append(s.subresources, texts...)
		case strings.HasSuffix(name, "resource"):
			s.resources = append(s.resources, texts...)
		default:
			s.groups = append(s.groups, texts...)
			s.resources = append(s.resources, texts...)
			s.subresources = append(s.subresources, texts...)
		}
		return true
	})
}

// variants are texts that tell whether an operator with the constant text is true.
func variants(op condition.Op, text string) []string {
	switch op {
	case condition.OpStartsWith, condition.OpBStartsWith, condition.OpPMatch:
		return []string{text, text + other}
	case condition.OpEndsWith:
		return []string{text, other + text}
	case condition.OpContains, condition.OpIContains, condition.OpBContains:
		return []string{text, other + text + other}
	case condition.OpGlob, condition.OpIGlob:
		return []string{strings.NewReplacer("*", other, "?", "x").Replace(text), strings.NewReplacer("*", "", "?", "x").Replace(text)}
	case condition.OpRegex:
		return nil
	}
	return []string{text}
}

// outputs finds the fields of the output that need a body.
func (s *subject) outputs(catalogue *field.Catalogue) {
	for _, use := range s.rule.Output.Fields() {
		op, _, bad := condition.ParseOperand(use.Name)
		if bad != nil {
			continue
		}
		if need := readsOfOperand(op).body; need > levelMetadata && !slices.Contains(s.shows, shown{use.Name, need}) {
			s.shows = append(s.shows, shown{use.Name, need})
		}
	}
}

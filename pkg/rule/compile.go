package rule

import (
	"fmt"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/format"
)

// Compile compiles conditions and outputs against the catalogues, which must be those the set was loaded with. It is a
// pure function: the set does not change. All findings are returned, in the order of the files; a rule with an error
// is left out, so with an error among them the result must not be run.
func (s *Set) Compile(catalogues map[string]*field.Catalogue) (*Compiled, []Diagnostic) {
	c := &compiler{set: s, found: newFindings(s.order), builders: map[string]*program.Builder{}}
	out := &Compiled{Sources: map[string]*Source{}}
	for _, r := range s.Rules {
		cat := catalogues[r.Source]
		if cat == nil {
			continue // Load warned of it
		}
		src := out.Sources[r.Source]
		if src == nil {
			src = &Source{Catalogue: cat}
			out.Sources[r.Source] = src
			c.builders[r.Source] = program.NewBuilder(cat)
		}
		if compiled := c.rule(r, cat); compiled != nil {
			src.Rules = append(src.Rules, compiled)
		}
	}
	for name, src := range out.Sources {
		src.Program = c.builders[name].Build()
		c.broad(src)
	}
	return out, c.found.sorted()
}

type compiler struct {
	set      *Set
	found    *findings
	builders map[string]*program.Builder
}

// rule compiles one rule; nil when it has an error.
func (c *compiler) rule(r *Rule, cat *field.Catalogue) *CompiledRule {
	template, diagnostics := format.Compile(r.Output, cat)
	for _, d := range diagnostics {
		c.output(r, d)
	}
	if r.Node == nil {
		return nil // Load reported it
	}
	id, diagnostics := c.builders[r.Source].Add(r.Node)
	for _, d := range diagnostics {
		c.found.reportRange(c.set.texts, d.Range, conditionKind(d), d.Hint, "%s", d.Message)
	}
	c.unsafeNA(r.Node)
	if id == program.None || template == nil {
		return nil
	}
	return &CompiledRule{Rule: r, Condition: id, Output: template}
}

// output reports a finding about the output of a rule.
func (c *compiler) output(r *Rule, d *condition.Diagnostic) {
	k := kind{code: d.Code, falco: falcoOutput, severity: d.Severity}
	switch {
	case d.Code == program.CodeDeprecatedField:
		k.falco = falcoDeprecated
	case d.Severity == condition.SeverityWarning:
		k.falco = ""
	}
	file, at := r.output.place(d.Range)
	c.found.report(file, r.output.owner, problem{kind: k, at: at, message: d.Message, hint: d.Hint})
}

// manyTypes is how many event types a rule may ask for before Falco warns.
const manyTypes = 100

// broad warns of rules that are evaluated for nearly every event of a source with many event types.
func (c *compiler) broad(src *Source) {
	for _, r := range src.Rules {
		if n := src.Program.Types(r.Condition).Len(); n > manyTypes {
			c.found.report(r.name.file, owner{"rule", r.Name}, problem{kind: kindBroad, at: r.name.span(0, len(r.Name)),
				message: fmt.Sprintf("the rule is evaluated for %d types of events", n),
				hint:    "restrict it with a condition such as evt.type in (open, openat)"})
		}
	}
}

// unsafeNA warns of comparisons with the text <NA>: a field of an audit event that is missing has no value at all.
func (c *compiler) unsafeNA(n condition.Node) {
	switch n := n.(type) {
	case *condition.And:
		for _, t := range n.Terms {
			c.unsafeNA(t)
		}
	case *condition.Or:
		for _, t := range n.Terms {
			c.unsafeNA(t)
		}
	case *condition.Not:
		c.unsafeNA(n.Term)
	case *condition.Check:
		for _, t := range unsafeTexts(n) {
			c.found.reportRange(c.set.texts, t.Range, kindUnsafeNA, "to ask whether the field has a value write: exists",
				"a missing value is not the text <NA>, which only outputs show")
		}
	}
}

// unsafeTexts lists the constants <NA> that a field of an audit event is compared with.
func unsafeTexts(n *condition.Check) []*condition.Text {
	f, ok := n.Left.(*condition.Field)
	if !ok || !isAuditField(f.Name) {
		return nil
	}
	switch n.Op {
	case condition.OpEq, condition.OpEqEq, condition.OpNe, condition.OpIn, condition.OpIntersects, condition.OpPMatch:
	default:
		return nil
	}
	var texts []*condition.Text
	switch right := n.Right.(type) {
	case *condition.Text:
		texts = append(texts, right)
	case *condition.List:
		texts = right.Items
	}
	var out []*condition.Text
	for _, t := range texts {
		if t.Value == "<NA>" {
			out = append(out, t)
		}
	}
	return out
}

func isAuditField(name string) bool {
	return strings.HasPrefix(name, "ka.") || strings.HasPrefix(name, "jevt.")
}

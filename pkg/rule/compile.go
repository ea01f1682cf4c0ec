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
	found := newFindings(s.order)
	compiled := s.compile(catalogues, found)
	return compiled, found.sorted()
}

// compile does so, and leaves its findings in found.
func (s *Set) compile(catalogues map[string]*field.Catalogue, found *findings) *Compiled {
	c := &compiler{set: s, found: found, builders: map[string]*program.Builder{}}
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
	return out
}

type compiler struct {
	set      *Set
	found    *findings
	builders map[string]*program.Builder
}

// rule compiles one rule; nil when it has an error, or is left out because of something unknown.
func (c *compiler) rule(r *Rule, cat *field.Catalogue) *CompiledRule {
	c.found.now = rank{stageRule, r.index, stepOutput}
	template, diagnostics := format.Compile(r.Output, cat)
	skip := r.skips(diagnostics)
	for _, d := range diagnostics {
		c.output(r, d, skip)
	}
	if r.Node == nil {
		c.partial(r, cat)
		return nil // Load reported it
	}
	id, diagnostics := c.builders[r.Source].Add(r.Node)
	skip = r.skips(diagnostics)
	for _, d := range diagnostics {
		c.condition(r, d, skip)
	}
	c.found.now = rank{stageRule, r.index, stepWarnings}
	c.unsafeNA(r, r.Node)
	if id == program.None || template == nil {
		return nil
	}
	return &CompiledRule{Rule: r, Condition: id, Output: template}
}

// partial looks at the checks of a condition in which a macro is missing, so that one run shows what else is wrong.
func (c *compiler) partial(r *Rule, cat *field.Catalogue) {
	if r.partial == nil || r.SkipUnknown {
		return
	}
	condition.Walk(r.partial, func(n condition.Node) bool {
		if check, ok := n.(*condition.Check); ok {
			_, diagnostics := program.NewBuilder(cat).Add(check)
			for _, d := range diagnostics {
				if d.Severity == condition.SeverityError {
					c.condition(r, d, false)
				}
			}
		}
		return true
	})
}

// skips tells whether the rule is to be left out instead of an error: it wants so, and the first error, which is all
// that Falco looks at, is something unknown.
func (r *Rule) skips(diagnostics []*condition.Diagnostic) bool {
	if !r.SkipUnknown {
		return false
	}
	for _, d := range diagnostics {
		if d.Severity == condition.SeverityError {
			return d.Code == program.CodeUnknownField || d.Code == program.CodeUnknownEventType
		}
	}
	return false
}

// skipped makes a warning of an error of a rule that is left out.
func (k kind) skipped(skip bool) kind {
	if skip && k.severity == condition.SeverityError {
		k.severity, k.falco = condition.SeverityWarning, falcoUnknownFilter
	}
	return k
}

// condition reports a finding about the condition of a rule. For Falco its place is the check that it is about.
func (c *compiler) condition(r *Rule, d *condition.Diagnostic, skip bool) {
	p := problem{kind: conditionKind(d).skipped(skip), message: d.Message, hint: d.Hint}
	c.found.now = rank{stageRule, r.index, stepCompile}
	if p.kind.falco == falcoWarnCompiled {
		c.found.now.step = stepCompiled // only of a condition without errors
	}
	if p.kind.falco == falcoDeprecated {
		c.found.now.step = stepWarnings
		p.path = r.condition.inner.wholePath(r.condition.value)
	} else {
		p.path = c.set.loader.expressionPath(r.condition.inner, r.condition, c.set.loader.rules[r.Name], checkAround(r.Node, d.Range).Start)
	}
	c.found.reportRange(c.set.texts, d.Range, p)
}

// checkAround gives the range of the check in n that r is part of.
func checkAround(n condition.Node, r condition.Range) condition.Range {
	out, found := r, false
	condition.Walk(n, func(n condition.Node) bool {
		if check, ok := n.(*condition.Check); ok && !found {
			// The value of an exception stands elsewhere than its field.
			if within(r, check.Range) || check.Right != nil && within(r, check.Right.Span()) {
				out, found = check.Range, true
			}
		}
		return !found
	})
	return out
}

// within tells whether inner is part of outer.
func within(inner, outer condition.Range) bool {
	return outer.Start <= inner.Start && inner.End <= outer.End
}

// output reports a finding about the output of a rule.
func (c *compiler) output(r *Rule, d *condition.Diagnostic, skip bool) {
	k := kind{code: d.Code, falco: falcoOutput, severity: d.Severity}
	switch {
	case d.Code == program.CodeDeprecatedField:
		k.falco = falcoDeprecated
	case d.Severity != condition.SeverityError:
		k.falco = ""
	}
	p := problem{kind: k.skipped(skip), message: d.Message, hint: d.Hint}
	if d.Code == program.CodeDeprecatedField && p.hint == "" {
		p.hint = fmt.Sprintf("take %%%s out of the output", r.Output[d.Range.Start:d.Range.End])
	}
	file, at := r.output.place(d.Range)
	p.at = at
	if !strings.HasPrefix(r.Output[d.Range.Start:], "%container.info") { // of which Falco says only which rule has it
		p.path = r.output.inner.path()
	}
	c.found.report(file, r.output.context, p)
}

// manyTypes is how many event types a rule may ask for before Falco warns.
const manyTypes = 100

// broad warns of rules that are evaluated for nearly every event of a source with many event types.
func (c *compiler) broad(src *Source) {
	for _, r := range src.Rules {
		if n := src.Program.Types(r.Condition).Len(); n > manyTypes && r.WarnEventTypes {
			c.found.now = rank{stageRule, r.index, stepTypes}
			c.found.report(r.name.file, r.context, problem{kind: kindBroad, at: r.name.span(0, len(r.Name)),
				message: fmt.Sprintf("the rule is evaluated for %d types of events", n),
				hint:    "restrict it with a condition such as evt.type in (open, openat)"})
		}
	}
}

// unsafeNA warns of comparisons with the text <NA>: a field of an audit event that is missing has no value at all.
func (c *compiler) unsafeNA(r *Rule, n condition.Node) {
	switch n := n.(type) {
	case *condition.And:
		for _, t := range n.Terms {
			c.unsafeNA(r, t)
		}
	case *condition.Or:
		for _, t := range n.Terms {
			c.unsafeNA(r, t)
		}
	case *condition.Not:
		c.unsafeNA(r, n.Term)
	case *condition.Check:
		for _, t := range unsafeTexts(n) {
			c.found.reportRange(c.set.texts, t.Range, problem{kind: kindUnsafeNA, hint: "to ask whether the field has a value write: exists",
				message: "a missing value is not the text <NA>, which only outputs show",
				path:    r.condition.inner.wholePath(r.condition.value)})
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

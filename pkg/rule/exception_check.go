package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
)

// comparison is a field of an exception with its operator.
type comparison struct {
	// field is the text, whose tree is left.
	field    *text
	left     condition.Operand
	op       condition.Op
	modifier condition.Modifier
	opText   *text
}

// checkException finds out what the fields and comps of an exception of a rule of a source mean, and reports what
// keeps them from meaning something.
func (l *loader) checkException(m *mapping, e *exception, source string) {
	e.checked = nil
	if !e.fields.given() {
		m.exceptionError(e, e.fields, kindException, "write fields: proc.name, or fields: [proc.name, fd.name]", "exception "+quote(e.name)+" has no fields")
		return
	}
	var fields, comps []*entry
	if e.fields.list {
		fields, comps = e.fields.items, l.listComps(m, e)
	} else {
		fields, comps = []*entry{e.fields}, l.scalarComps(m, e)
	}
	if comps == nil {
		return
	}
	checked := make([]comparison, 0, len(fields))
	for i, f := range fields {
		c := comparison{op: condition.OpEq}
		if !e.fields.list {
			c.op = condition.OpIn
		}
		if comps[i] != nil {
			c.op, c.modifier = operator(comps[i].text())
			c.opText = newText(comps[i].scalar, e.context, nil)
		}
		if !l.exceptionField(m, e, f, source, &c) {
			return
		}
		checked = append(checked, c)
	}
	e.checked = checked
}

// listComps gives the operators of an exception with a list of fields, nil for an operator that is not given. It is
// nil when there is an error.
func (l *loader) listComps(m *mapping, e *exception) []*entry {
	comps := make([]*entry, len(e.fields.items))
	if !e.comps.given() {
		return comps
	}
	if len(e.comps.items) != len(comps) {
		m.exceptionError(e, e.comps, kindException, "give one operator for each field",
			fmt.Sprintf("exception %s has %s but %s", quote(e.name), counted(len(comps), "field"), counted(max(len(e.comps.items), 1), "operator")))
		return nil
	}
	for i, c := range e.comps.items {
		if !l.knownOperator(m, e, c) {
			return nil
		}
		comps[i] = c
	}
	return comps
}

// scalarComps gives the operator of an exception with a single field, as listComps does.
func (l *loader) scalarComps(m *mapping, e *exception) []*entry {
	switch {
	case !e.comps.given():
		return []*entry{nil}
	case e.comps.list:
		m.exceptionError(e, e.comps, kindException, "write both as a text or both as a list", "fields is a text, but comps is a list")
		return nil
	case !l.knownOperator(m, e, e.comps):
		return nil
	case !takesList(operator(e.comps.text())):
		m.exceptionError(e, e.comps, kindException, fmt.Sprintf("use in, pmatch, intersects or a modifier such as startswith anyof, or write fields: [%s], comps: [%s]",
			e.fields.text(), e.comps.text()), fmt.Sprintf("operator %s compares with one value, but the values of a single field are a list", quote(e.comps.text())))
		return nil
	}
	return []*entry{e.comps}
}

func (l *loader) knownOperator(m *mapping, e *exception, c *entry) bool {
	text := strings.Trim(c.text(), whiteSpace)
	if operators[text] {
		return true
	}
	hint := ""
	if near := nearest(text, slices.Sorted(mapKeys(operators))); near != "" {
		hint = "did you mean " + near + "?"
	}
	m.exceptionError(e, c, kindException, hint, quote(text)+" is not an operator")
	return false
}

func mapKeys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// exceptionField reads a field of an exception, with or without transformers around it, and asks the catalogue for it.
func (l *loader) exceptionField(m *mapping, e *exception, f *entry, source string, c *comparison) bool {
	name := f.text()
	operand := l.operand(name)
	if operand == nil {
		m.exceptionError(e, f, kindException, "write a field such as proc.name, or one with a transformer around it", quote(name)+" is not a field")
		return false
	}
	c.field = newText(f.scalar, e.context, nil)
	l.texts.add(c.field)
	shiftOperand(operand, c.field.base)
	c.left = operand
	if l.catalogues[source] == nil {
		return true // the rule is skipped
	}
	if d := l.unanswered(operand, source, name); d != nil {
		k := kindException
		k.code = d.Code
		m.exceptionError(e, f, k, d.Hint, d.Message)
		return false
	}
	return true
}

// operand reads a field with or without transformers around it; nil for any other text. A plain field, which is what
// nearly all are, is remembered by its name.
func (l *loader) operand(name string) condition.Operand {
	if known, ok := l.fields[name]; ok {
		plain := *known
		return &plain
	}
	operand, n, d := condition.ParseOperand(name)
	if d != nil || n != len(name) || isValue(operand) {
		return nil
	}
	if f, ok := operand.(*condition.Field); ok && f.Arg == nil {
		plain := *f
		l.fields[name] = &plain
	}
	return operand
}

// unanswered is what keeps events of a source from having the field that is written as name; nil for nothing.
func (l *loader) unanswered(operand condition.Operand, source, name string) *condition.Diagnostic {
	key := source + " " + name
	if d, ok := l.asked[key]; ok {
		return d
	}
	_, found := program.NewBuilder(l.catalogues[source]).Add(&condition.Check{Range: operand.Span(), Left: operand, Op: condition.OpExists})
	l.asked[key] = nil
	for _, d := range found {
		if d.Severity == condition.SeverityError {
			l.asked[key] = d
			return d
		}
	}
	return nil
}

func isValue(o condition.Operand) bool {
	t, ok := o.(*condition.Transform)
	return ok && t.Name == "val"
}

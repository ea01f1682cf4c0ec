package rule

import (
	"fmt"

	"github.com/saker-security/saker/pkg/condition"
)

// withExceptions gives the condition of a rule with its exceptions, before macros and lists are put in: the tree
// itself, and not each of them. They are made as trees and never as text, so that no value can change what the
// condition means.
func (l *loader) withExceptions(def *ruleDef, tree condition.Node) condition.Node {
	terms := []condition.Node{tree}
	for _, e := range def.exceptions {
		if n := l.exceptionNode(def, e); n != nil {
			terms = append(terms, &condition.Not{Range: n.Span(), Term: n})
		}
	}
	if len(terms) == 1 {
		return tree
	}
	return &condition.And{Range: tree.Span(), Terms: terms}
}

// exceptionNode is the condition of one exception: nil when it has no values, or an error.
func (l *loader) exceptionNode(def *ruleDef, e *exception) condition.Node {
	if len(e.checked) == 0 || len(e.values) == 0 {
		return nil
	}
	if !e.fields.list {
		return l.scalarException(def, e)
	}
	var rows []condition.Node
	for _, v := range e.values {
		if row := l.exceptionRow(def, e, v); row != nil {
			rows = append(rows, row)
		}
	}
	return either(rows)
}

func either(rows []condition.Node) condition.Node {
	switch len(rows) {
	case 0:
		return nil
	case 1:
		return rows[0]
	}
	return &condition.Or{Range: rows[0].Span(), Terms: rows}
}

// scalarException compares the one field with the list of all values.
func (l *loader) scalarException(def *ruleDef, e *exception) condition.Node {
	items := make([]*condition.Text, 0, len(e.values))
	for _, v := range e.values {
		if v.list || v.scalar == nil {
			l.valueError(def, e, v, kindException, "write values: [a, b], or make fields a list", fmt.Sprintf("a value of exception %s is not a text, but its fields are not a list", quote(e.name)))
			return nil
		}
		items = append(items, l.constant(e, v, falcoQuoted(v.text())))
	}
	return e.checked[0].with(&condition.List{Range: items[0].Range, Items: items})
}

// exceptionRow compares each field with its value in v.
func (l *loader) exceptionRow(def *ruleDef, e *exception, v *entry) condition.Node {
	if len(v.items) != len(e.checked) {
		l.valueError(def, e, v, kindException, "give one value for each field, in brackets: [a, b]",
			fmt.Sprintf("exception %s has %s, but this entry has %s", quote(e.name), counted(len(e.checked), "field"), counted(max(len(v.items), 1), "value")))
		return nil
	}
	terms := make([]condition.Node, 0, len(v.items))
	for i := range e.checked {
		c := &e.checked[i]
		if c.op == condition.OpExists {
			l.valueError(def, e, e.comps.items[i], kindExceptionCondition, "use another operator", "operator exists compares with nothing, it cannot be used in an exception")
			return nil
		}
		right := l.exceptionOperand(def, e, c, v.items[i])
		if right == nil {
			return nil
		}
		terms = append(terms, c.with(right))
	}
	if len(terms) == 1 {
		return terms[0]
	}
	return &condition.And{Range: terms[0].Span(), Terms: terms}
}

// with is the check of the field with an operand.
func (c *comparison) with(right condition.Operand) condition.Node {
	return &condition.Check{Range: c.left.Span(), Left: c.left, Op: c.op, OpRange: c.left.Span(), Modifier: c.modifier, Right: right}
}

// exceptionOperand is what a field is compared with: a list, a number or a text as the operator wants it.
func (l *loader) exceptionOperand(def *ruleDef, e *exception, c *comparison, v *entry) condition.Operand {
	many := takesList(c.op, c.modifier)
	switch {
	case v.list && !many:
		l.valueError(def, e, v, kindExceptionCondition, "use in, or give each value an entry of its own", fmt.Sprintf("%s compares with one value, but the value is a list", c.op))
		return nil
	case v.list:
		list := &condition.List{}
		for _, item := range v.items {
			if item.scalar == nil {
				l.valueError(def, e, item, kindExceptionCondition, "", "an item of a value must be a text")
				return nil
			}
			list.Items = append(list.Items, l.constant(e, item, falcoQuoted(item.text())))
		}
		if len(list.Items) > 0 {
			list.Range = list.Items[0].Range
		}
		return list
	case v.scalar == nil:
		l.valueError(def, e, v, kindExceptionCondition, "", "a value must be a text or a list of texts")
		return nil
	case many:
		if list := l.writtenList(e, v); list != nil {
			return list
		}
		t := l.constant(e, v, v.text())
		return &condition.List{Range: t.Range, Items: []*condition.Text{t}}
	case c.op == condition.OpLt || c.op == condition.OpLe || c.op == condition.OpGt || c.op == condition.OpGe:
		return l.exceptionNumber(def, e, c, v)
	}
	return l.constant(e, v, falcoQuoted(v.text()))
}

// exceptionNumber is the value of a comparison by size.
func (l *loader) exceptionNumber(def *ruleDef, e *exception, c *comparison, v *entry) condition.Operand {
	t := l.constant(e, v, v.text())
	n, d := condition.Parse("a.b < " + v.text())
	check, ok := n.(*condition.Check)
	if d == nil && ok {
		if number, ok := check.Right.(*condition.Number); ok {
			return &condition.Number{Range: t.Range, Text: number.Text}
		}
	}
	l.valueError(def, e, v, kindExceptionCondition, "write a number", fmt.Sprintf("%s compares with a number, %s is none", c.op, quote(v.text())))
	return nil
}

// constant is a value as a constant of a condition: what is written is the text, and the name of a list stands for
// the list as it does in conditions. Written is what Falco makes of it in the text of the condition.
func (l *loader) constant(e *exception, v *entry, written string) *condition.Text {
	l.valueText(e, v)
	if v.item.parsed == nil {
		l.oddValue(l.itemText(v.item), written)
	}
	return v.item.parsed
}

// valueText is the text of a value.
func (l *loader) valueText(e *exception, v *entry) *text {
	if v.item == nil {
		v.item = &listItem{text: newText(v.scalar, e.context, nil)}
		l.texts.add(v.item.text)
	}
	return v.item.text
}

// writtenList reads a value that is a list in the form that conditions have: (a, b). It is nil for any other text.
func (l *loader) writtenList(e *exception, v *entry) condition.Operand {
	text := v.text()
	if text[0] != '(' {
		return nil
	}
	n, d := condition.Parse("a.b in " + text)
	check, ok := n.(*condition.Check)
	if d != nil || !ok {
		return nil
	}
	list, ok := check.Right.(*condition.List)
	if !ok {
		return nil
	}
	shiftOperand(list, l.valueText(e, v).base-len("a.b in "))
	return list
}

// valueError reports that a value does not fit the fields of its exception. As in Falco that is found when the rule is
// compiled.
func (l *loader) valueError(def *ruleDef, e *exception, v *entry, k kind, hint, message string) {
	l.badException = true
	if v.bad {
		return
	}
	p := problem{kind: k, at: v.span(), hint: hint, message: message}
	if k.falco == falcoCondition {
		p.path = l.syntaxPath(def.text, def, 0) // an error once the exceptions stand in the text
	}
	l.found.report(e.file, e.context, p)
}

package rule

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/condition"
)

// exception is an exception of a rule as it is written. Fields and comps are nil when they are not given.
type exception struct {
	name    string
	context *context
	file    *source
	// at is where the name stands.
	at            span
	fields, comps *entry
	values        []*entry
	// hasValues tells that the key values is there, even without entries.
	hasValues bool
	// checked is what the fields and comparisons mean; nil when they have an error.
	checked []comparison
}

// entry is a text, or a list of entries.
type entry struct {
	file   *source
	node   *yaml.Node
	scalar *scalar
	items  []*entry
	list   bool
	// bad tells that an error of the entry is reported.
	bad bool
	// item is the text as a constant of a condition, made when it is first needed.
	item *listItem
}

// text is the text of an entry, empty for a list.
func (e *entry) text() string {
	if e == nil || e.scalar == nil {
		return ""
	}
	return e.scalar.value()
}

// span is where an entry stands.
func (e *entry) span() span { return wholeSpan(e.file, e.node) }

// given tells whether an entry says anything.
func (e *entry) given() bool { return e != nil && (e.scalar != nil || len(e.items) > 0) }

// exceptions reads the exceptions of an item. With appends they may be without fields, which an exception of the same
// name has already.
func (m *mapping) exceptions(appends bool) ([]*exception, bool) {
	n := m.value("exceptions")
	if isNull(n) {
		return nil, true
	}
	all := m.context.inside(inExceptions, "", n)
	if n.Kind != yaml.SequenceNode {
		m.errorIn(all, n, kindShape, "write - name: … with fields, comps and values", "exceptions must be a list, not %s", kindName(n))
		return nil, false
	}
	var out []*exception
	names := map[string]bool{}
	for _, n := range n.Content {
		n = follow(n)
		inside := all.inside(inException, "", n)
		if n.Kind != yaml.MappingNode {
			m.errorIn(inside, n, kindShape, "write - name: … with fields, comps and values", "an exception must be a mapping, not %s", kindName(n))
			continue
		}
		x := m.load.newMapping(inside, n)
		if e := x.exception(m.context, appends); e != nil {
			if names[e.name] {
				x.report(e.context, problem{kind: kindExceptionName, at: e.at, hint: "give each exception its own name; both apply",
					message: "the rule has another exception " + quote(e.name)})
			}
			names[e.name] = true
			out = append(out, e)
		}
		m.failed = m.failed || x.failed
	}
	return out, true
}

// exception reads one exception of the item of context rule; nil when it has no name.
func (m *mapping) exception(rule *context, appends bool) *exception {
	s, ok := m.scalar("name")
	if !ok {
		return nil
	}
	e := &exception{name: s.value(), file: m.file, at: s.span(0, len(s.value())), context: rule.inside(inException, s.value(), m.node)}
	m.context = e.context
	m.unknownKeys(kindExceptionKey, "name", "fields", "comps", "values")
	if m.has("fields") || !appends {
		e.fields = m.entryOf("fields")
	}
	if m.has("comps") {
		e.comps = m.entryOf("comps")
	}
	e.hasValues = m.has("values")
	switch {
	case e.hasValues:
		e.values = m.exceptionValues()
	case appends:
		m.report(e.context, problem{kind: kindNoValues, at: e.at, message: "exception " + quote(e.name) + " adds no values", hint: "add values: […]"})
	}
	return e
}

// entryOf reads the value of a key of an exception.
func (m *mapping) entryOf(key string) *entry {
	if !m.has(key) {
		m.missing(key, "add fields: with a field, or a list of fields")
		return nil
	}
	return m.entry(func() *context { return m.context }, key, m.value(key))
}

// exceptionValues reads the values of an exception.
func (m *mapping) exceptionValues() []*entry {
	n := m.value("values")
	all := m.context.inside(inValues, "", n)
	if n.Kind != yaml.SequenceNode {
		m.errorIn(all, n, kindShape, "write values: [a, b] or, with several fields, values: [[a, b]]", "the values of an exception must be a list, not %s", kindName(n))
		return nil
	}
	values := make([]*entry, 0, len(n.Content))
	for _, n := range n.Content {
		n = follow(n)
		values = append(values, m.entry(func() *context { return all.inside(inOneValue, "", n) }, "", n))
	}
	return values
}

// entry reads a text or a list, which is the value of key in the context outer.
func (m *mapping) entry(outer func() *context, key string, n *yaml.Node) *entry {
	e := &entry{file: m.file, node: n}
	inside := func() *context { return outer().inside(inValue, key, n) }
	switch {
	case n.Kind == yaml.SequenceNode:
		e.list = true
		e.items = make([]*entry, 0, len(n.Content))
		for _, item := range n.Content {
			item = follow(item)
			e.items = append(e.items, m.entry(func() *context { return inside().inside(inException, "", item) }, "", item))
		}
	case n.Kind == yaml.ScalarNode && n.Value == "" && !isNull(n):
		m.errorIn(inside(), n, kindEmpty, "", "a value is empty")
		e.bad = true
	case n.Kind == yaml.ScalarNode && !isNull(n):
		e.scalar = newScalar(m.file, n)
	}
	return e
}

// operators are what comps may name.
var operators = func() map[string]bool {
	all := map[string]bool{}
	text := []condition.Op{condition.OpEqEq, condition.OpEq, condition.OpNe, condition.OpGlob, condition.OpIGlob, condition.OpContains,
		condition.OpIContains, condition.OpBContains, condition.OpStartsWith, condition.OpBStartsWith, condition.OpEndsWith, condition.OpRegex}
	for _, op := range text {
		all[string(op)] = true
		for _, modifier := range modifiers {
			all[string(op)+" "+string(modifier)] = true
		}
	}
	for _, op := range []condition.Op{condition.OpExists, condition.OpLt, condition.OpLe, condition.OpGt, condition.OpGe,
		condition.OpIn, condition.OpIntersects, condition.OpPMatch} {
		all[string(op)] = true
	}
	return all
}()

var modifiers = []condition.Modifier{condition.ModifierOneOf, condition.ModifierAnyOf, condition.ModifierAllOf}

// operator splits an operator from its modifier.
func operator(text string) (condition.Op, condition.Modifier) {
	op, modifier, _ := strings.Cut(strings.Trim(text, whiteSpace), " ")
	return condition.Op(op), condition.Modifier(modifier)
}

// takesList tells whether an operator compares with a list.
func takesList(op condition.Op, modifier condition.Modifier) bool {
	return modifier != condition.ModifierNone || slices.Contains([]condition.Op{condition.OpIn, condition.OpIntersects, condition.OpPMatch}, op)
}

// appendExceptions adds exceptions to those of a rule: values to one of the same name, or a new one.
func (l *loader) appendExceptions(def *ruleDef, m *mapping, added []*exception) {
	for _, e := range added {
		if len(def.exceptions) > maxChanges {
			m.exceptionError(e, nil, kindExpansion, "put values into the same exception", fmt.Sprintf("the rule has more than %d exceptions", maxChanges))
			return
		}
		i := slices.IndexFunc(def.exceptions, func(old *exception) bool { return old.name == e.name })
		switch {
		case i >= 0 && e.fields.given():
			m.exceptionError(e, e.fields, kindException, "remove fields, or give the exception another name",
				"exception "+quote(e.name)+" has its fields already, only values can be appended")
		case i >= 0 && e.comps.given():
			m.exceptionError(e, e.comps, kindException, "remove comps, or give the exception another name",
				"exception "+quote(e.name)+" has its comparisons already, only values can be appended")
		case i >= 0:
			def.exceptions[i].values = append(def.exceptions[i].values, e.values...)
		case !e.fields.given():
			m.exceptionError(e, nil, kindException, l.exceptionHint(def, e.name), "exception "+quote(e.name)+" is new to the rule and has no fields")
		case len(e.values) == 0:
			m.exceptionError(e, nil, kindException, "add values: […]", "exception "+quote(e.name)+" is new to the rule and has no values")
		default:
			l.checkException(m, e, def.rule.Source)
			def.exceptions = append(def.exceptions, e)
		}
	}
}

// exceptionHint says which exception of the rule may be meant.
func (l *loader) exceptionHint(def *ruleDef, name string) string {
	var names []string
	for _, e := range def.exceptions {
		names = append(names, e.name)
	}
	if near := nearest(name, names); near != "" {
		return "did you mean " + quote(near) + "?"
	}
	return "add fields: with a field, or a list of fields"
}

// exceptionError reports an error of an exception, at one of its entries or at its name.
func (m *mapping) exceptionError(e *exception, at *entry, k kind, hint, message string) {
	p := problem{kind: k, at: e.at, hint: hint, message: message}
	if at != nil {
		p.at = at.span()
	}
	m.report(e.context, p)
}

// plain is the exception as the set tells it.
func (e *exception) plain() Exception {
	x := Exception{Name: e.name, Scalar: e.fields != nil && !e.fields.list, Pos: e.file.position(e.at.start)}
	for _, c := range e.checked {
		x.Fields = append(x.Fields, c.field.value)
		op := string(c.op)
		if c.modifier != condition.ModifierNone {
			op += " " + string(c.modifier)
		}
		x.Comparisons = append(x.Comparisons, op)
	}
	for _, v := range e.values {
		x.Values = append(x.Values, v.texts())
	}
	return x
}

// texts is a value of an exception: one element for each field, with the texts of a list in one.
func (e *entry) texts() [][]string {
	if !e.list {
		return [][]string{{e.text()}}
	}
	row := make([][]string, 0, len(e.items))
	for _, item := range e.items {
		texts := []string{item.text()}
		if item.list {
			texts = nil
			for _, t := range item.items {
				texts = append(texts, t.text())
			}
		}
		row = append(row, texts)
	}
	return row
}

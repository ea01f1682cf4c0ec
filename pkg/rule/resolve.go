package rule

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/field"
)

const (
	// maxNodes is how many nodes a condition may have once its macros are put in; a few macros that use each other
	// twice make billions.
	maxNodes = 100_000
	// maxItems is how many items a list may have once the lists in it are put in.
	maxItems = 100_000
	// maxTotal is how many nodes all conditions together may have: compiling one takes a microsecond.
	maxTotal = 500_000
	// maxNesting is how deep macros may use macros, and lists lists.
	maxNesting = 500
)

// state says how far the resolution of a macro or a list has come.
type state uint8

const (
	unresolved state = iota
	resolving
	resolved
)

// resolve puts macros and lists in their places in all conditions that were changed since the clock stood at since,
// and leaves the trees in the definitions.
func (l *loader) resolve(since int) {
	l.total = 0
	for _, d := range l.listOrder {
		d.state, d.flat = unresolved, nil
	}
	for _, d := range l.macroOrder {
		d.state, d.node, d.size = unresolved, nil, 0
	}
	for _, d := range l.listOrder {
		if d.visible >= since {
			l.flatten(d, 0)
			l.nested(d)
		}
	}
	for _, d := range l.macroOrder {
		if d.visible >= since {
			l.resolveMacro(d, 0)
		}
	}
	for _, d := range l.ruleOrder {
		if d.visible >= since && !d.unknown {
			r := resolver{loader: l, rule: d}
			d.rule.Node = r.expression(&d.expression)
			d.rule.partial = r.partial
		}
	}
}

// parse gives the tree of an expression with its ranges moved into the space of all texts; nil when it has an error.
func (l *loader) parse(x *expression, def *ruleDef) condition.Node {
	if x.parsed {
		return x.tree
	}
	x.parsed = true
	l.texts.add(x.text)
	tree, d := condition.Parse(x.text.value)
	if d != nil {
		l.syntax(x.text, def, d)
		return nil
	}
	shift(tree, x.text.base)
	x.tree = tree
	return tree
}

// syntax reports what the parser found in a text.
func (l *loader) syntax(x *text, def *ruleDef, d *condition.Diagnostic) {
	r := d.Range
	move(&r, x.base)
	l.found.reportRange(l.texts, r, problem{kind: conditionKind(d), hint: x.relocate(d.Hint), message: x.relocate(d.Message),
		path: l.syntaxPath(x, def, d.Range.Start)})
}

var placeInText = regexp.MustCompile(`line (\d+), column (\d+)`)

// relocate replaces places that a message of the parser names, which count in the condition, by those in the file.
func (x *text) relocate(message string) string {
	return placeInText.ReplaceAllStringFunc(message, func(place string) string {
		m := placeInText.FindStringSubmatch(place)
		line, _ := strconv.Atoi(m[1])
		column, _ := strconv.Atoi(m[2])
		offset := offsetOf(x.value, line, column)
		if offset < 0 {
			return place
		}
		file, at := x.place(condition.Range{Start: offset, End: offset + 1})
		pos := file.position(at.start)
		return fmt.Sprintf("line %d, column %d", pos.Line, pos.Column)
	})
}

// offsetOf is the reverse of condition.Position; -1 when there is no such place.
func offsetOf(text string, line, column int) int {
	l, c := 1, 1
	for i := 0; i < len(text); i++ {
		if l == line && c == column {
			return i
		}
		if c++; text[i] == '\n' || text[i] == '\r' {
			l, c = l+1, 1
		}
	}
	return -1
}

func conditionKind(d *condition.Diagnostic) kind {
	k := kind{code: d.Code, falco: falcoCondition, severity: d.Severity}
	switch {
	case d.Code == program.CodeDeprecatedField:
		k.falco = falcoDeprecated
	case d.Code == program.CodeSimplerOperator, d.Code == program.CodeFieldAsText, d.Code == program.CodeTransformerAsText:
		k.falco = falcoWarnCompiled
	case d.Severity != condition.SeverityError:
		k.falco = "" // Falco does not look for it
	}
	return k
}

// resolver resolves one condition. It never changes a tree: what changes is made anew, the rest is shared.
type resolver struct {
	loader *loader
	// macro is the macro whose condition it is, rule the rule; one of the two is nil.
	macro *macroDef
	rule  *ruleDef
	depth int
	size  int
	// failed is set when something was reported, full when it was that the condition is too large.
	failed, full bool
	// partial is the tree of an expression with an error, as far as it could be resolved.
	partial condition.Node
}

// expression gives the resolved tree of x, nil when there is an error.
func (r *resolver) expression(x *expression) condition.Node {
	l := r.loader
	r.stage(stageParseMacro, stepParse)
	tree := l.parse(x, r.rule)
	if r.rule != nil {
		r.stage(stageRule, stepExceptions)
		l.badException = false
		if tree != nil {
			tree = l.withExceptions(r.rule, tree)
		}
		r.failed = l.badException
	}
	if tree == nil {
		return nil
	}
	r.stage(stageMacro, stepMacros)
	n := r.node(tree)
	if r.failed {
		if !r.full {
			r.partial = n
		}
		return nil
	}
	return n
}

// stage tells the findings how far Falco would be: at the given stage for a macro, at a step of the rule otherwise.
func (r *resolver) stage(macro, step int) {
	if r.rule != nil {
		r.loader.found.now = rank{stageRule, r.rule.index, step}
	} else {
		r.loader.found.now = rank{macro, r.macro.index, 0}
	}
}

func (r *resolver) node(n condition.Node) condition.Node {
	r.grow(1, n.Span())
	switch n := n.(type) {
	case *condition.And:
		return &condition.And{Range: n.Range, Terms: r.nodes(n.Terms)}
	case *condition.Or:
		return &condition.Or{Range: n.Range, Terms: r.nodes(n.Terms)}
	case *condition.Not:
		return &condition.Not{Range: n.Range, Term: r.node(n.Term)}
	case *condition.Check:
		return r.check(n)
	case *condition.Macro:
		return r.reference(n)
	}
	return n
}

func (r *resolver) nodes(terms []condition.Node) []condition.Node {
	out := make([]condition.Node, len(terms))
	for i, t := range terms {
		out[i] = r.node(t)
	}
	return out
}

// grow counts nodes and reports once when there are too many.
func (r *resolver) grow(n int, at condition.Range) {
	r.size += n
	if r.rule != nil {
		r.grown(n, at)
	}
	if r.size > maxNodes && !r.full {
		r.full, r.failed = true, true
		r.report(at, problem{kind: kindExpansion, hint: "split the rule",
			message: fmt.Sprintf("the condition has more than %d parts once its macros and lists are put in", maxNodes)})
	}
}

// grown counts nodes for all rules and reports once when there are too many.
func (r *resolver) grown(n int, at condition.Range) {
	l := r.loader
	before := l.total
	l.total += n
	if l.total <= maxTotal {
		return
	}
	r.full, r.failed = true, true
	if before <= maxTotal {
		r.report(at, problem{kind: kindExpansion, hint: "use shorter lists, or fewer rules that use them",
			message: fmt.Sprintf("all conditions together have more than %d parts once their macros and lists are put in", maxTotal)})
	}
}

// report adds a finding at a range.
func (r *resolver) report(at condition.Range, p problem) {
	r.failed = true
	l := r.loader
	p.path = l.expressionPath(r.item(), r.text(), r.rule, at.Start)
	if p.kind.falco == falcoCondition {
		p.path = l.syntaxPath(r.text(), r.rule, 0) // an error once the items of lists stand in the text
	}
	l.found.reportRange(l.texts, at, p)
}

// item is the macro or rule that is resolved, text its condition.
func (r *resolver) item() *context {
	if r.rule != nil {
		return r.rule.context
	}
	return r.macro.context
}

func (r *resolver) text() *text {
	if r.rule != nil {
		return r.rule.text
	}
	return r.macro.text
}

// reference puts in the macro that n names.
func (r *resolver) reference(n *condition.Macro) condition.Node {
	l := r.loader
	def := l.macros[n.Name]
	switch {
	case def == nil:
		r.failed = true
		if !l.broken[n.Name] && !l.incomplete {
			r.report(n.Range, l.undefinedMacro(n.Name))
		}
		return n
	case def == r.macro || def.state == resolving:
		r.report(n.Range, problem{kind: kindLoop, message: "reference loop in macro " + quote(def.name),
			hint: "a macro cannot use itself, directly or through others"})
		return n
	case r.macro != nil && def.index >= r.macro.visible:
		r.report(n.Range, problem{kind: kindMacro, hint: "a macro can use only macros defined before it: move the definition up",
			message: fmt.Sprintf("macro %s is not defined yet, it is defined later at %s", quote(n.Name), def.pos())})
		return n
	}
	def.used = true
	r.macroAndList(n)
	tree := l.resolveMacro(def, r.depth+1)
	if tree == nil {
		r.failed = true // reported where the macro is
		return n
	}
	r.grow(def.size, n.Range)
	return tree
}

// undefinedMacro says that a macro is not defined, and what may be meant.
func (l *loader) undefinedMacro(name string) problem {
	p := problem{kind: kindMacro, message: fmt.Sprintf("macro %s is not defined", quote(name)),
		hint: "define it in this file or in one that is read before it"}
	if l.lists[name] != nil {
		p.hint = fmt.Sprintf("%s is a list: compare a field with it, as in proc.name in (%s)", name, name)
	} else if other, ok := field.Renamed(name); ok {
		p.hint = fmt.Sprintf("did you mean the field %s?", other)
	} else if near := l.nearName(inMacro, name); near != "" {
		p.hint = "did you mean " + near + "?"
		p.suggestion = near
	}
	return p
}

// resolveMacro resolves a macro once; nil when it has an error.
func (l *loader) resolveMacro(d *macroDef, depth int) condition.Node {
	if d.state == resolved {
		return d.node
	}
	r := resolver{loader: l, macro: d, depth: depth}
	if depth > maxNesting {
		l.found.report(d.file, d.context, problem{kind: kindExpansion, at: d.at,
			message: fmt.Sprintf("macros use each other more than %d levels deep", maxNesting)})
		return nil
	}
	now := l.found.now
	d.state = resolving
	d.node = r.expression(&d.expression)
	d.size = r.size
	d.state = resolved
	l.found.now = now
	return d.node
}

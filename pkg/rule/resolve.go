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
	for _, d := range l.listOrder {
		d.state, d.flat = unresolved, nil
	}
	for _, d := range l.macroOrder {
		d.state, d.node, d.size = unresolved, nil, 0
	}
	for _, d := range l.listOrder {
		if d.visible >= since {
			l.flatten(d, 0)
		}
	}
	for _, d := range l.macroOrder {
		if d.visible >= since {
			l.resolveMacro(d, 0)
		}
	}
	for _, d := range l.ruleOrder {
		if d.visible >= since {
			r := resolver{loader: l}
			d.rule.Node = r.expression(&d.expression)
		}
	}
}

// parse gives the tree of an expression with its ranges moved into the space of all texts; nil when it has an error.
func (l *loader) parse(x *expression) condition.Node {
	if x.parsed {
		return x.tree
	}
	x.parsed = true
	l.texts.add(x.text)
	tree, d := condition.Parse(x.text.value)
	if d != nil {
		l.found.syntax(l.texts, x.text, d)
		return nil
	}
	shift(tree, x.text.base)
	x.tree = tree
	return tree
}

// syntax adds the finding of the parser about a text.
func (f *findings) syntax(t *texts, x *text, d *condition.Diagnostic) {
	r := d.Range
	move(&r, x.base)
	f.reportRange(t, r, conditionKind(d), x.relocate(d.Hint), "%s", x.relocate(d.Message))
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
	case d.Severity == condition.SeverityWarning:
		k.falco = falcoWarnCompiled
	}
	return k
}

// resolver resolves one condition. It never changes a tree: what changes is made anew, the rest is shared.
type resolver struct {
	loader *loader
	// macro is the macro whose condition it is, nil for a rule.
	macro *macroDef
	depth int
	size  int
	// failed is set when something was reported, full when it was that the condition is too large.
	failed, full bool
}

// expression gives the resolved tree of x, nil when there is an error.
func (r *resolver) expression(x *expression) condition.Node {
	tree := r.loader.parse(x)
	if tree == nil {
		return nil
	}
	n := r.node(tree)
	if r.failed {
		return nil
	}
	return n
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
	if r.size > maxNodes && !r.full {
		r.full, r.failed = true, true
		r.report(at, kindExpansion, "split the rule", "the condition has more than %d parts once its macros and lists are put in", maxNodes)
	}
}

func (r *resolver) report(at condition.Range, k kind, hint, message string, args ...any) {
	r.failed = true
	r.loader.found.reportRange(r.loader.texts, at, k, hint, message, args...)
}

// reference puts in the macro that n names.
func (r *resolver) reference(n *condition.Macro) condition.Node {
	l := r.loader
	def := l.macros[n.Name]
	switch {
	case def == nil:
		r.failed = true
		if !l.broken[n.Name] && !l.incomplete {
			r.report(n.Range, kindMacro, l.macroHint(n.Name), "macro %s is not defined", quote(n.Name))
		}
		return n
	case def == r.macro || def.state == resolving:
		r.report(n.Range, kindLoop, "a macro cannot use itself, directly or through others", "reference loop in macro %s", quote(n.Name))
		return n
	case r.macro != nil && def.index >= r.macro.visible:
		r.report(n.Range, kindMacro, "a macro can use only macros defined before it: move the definition up",
			"macro %s is not defined yet, it is defined later at %s", quote(n.Name), def.pos())
		return n
	}
	def.used = true
	tree := l.resolveMacro(def, r.depth+1)
	if tree == nil {
		r.failed = true // reported where the macro is
		return n
	}
	r.grow(def.size, n.Range)
	return tree
}

// macroHint says what may be meant by the name of a macro that is not defined.
func (l *loader) macroHint(name string) string {
	if l.lists[name] != nil {
		return fmt.Sprintf("%s is a list: compare a field with it, as in proc.name in (%s)", name, name)
	}
	if other, ok := field.Renamed(name); ok {
		return fmt.Sprintf("did you mean the field %s?", other)
	}
	names := make([]string, 0, len(l.macroOrder))
	for _, d := range l.macroOrder {
		names = append(names, d.name)
	}
	if near := field.Nearest(name, names, 1); len(near) > 0 {
		return "did you mean " + near[0] + "?"
	}
	return "define it in this file or in one that is read before it"
}

// resolveMacro resolves a macro once; nil when it has an error.
func (l *loader) resolveMacro(d *macroDef, depth int) condition.Node {
	if d.state == resolved {
		return d.node
	}
	r := resolver{loader: l, macro: d, depth: depth}
	if depth > maxNesting {
		l.report(d.file, owner{"macro", d.name}, problem{kind: kindExpansion, at: d.at,
			message: fmt.Sprintf("macros use each other more than %d levels deep", maxNesting)})
		return nil
	}
	d.state = resolving
	d.node = r.expression(&d.expression)
	d.size = r.size
	d.state = resolved
	return d.node
}

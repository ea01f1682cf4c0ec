// Package analysis looks for what is wrong with rules that load without an error: parts that can never be true,
// rules that never fire because another one stands before them, fields that the events of a rule do not have.
//
// Each check of a condition becomes an atom: a predicate on the values of one expression. What is assumed of one
// expression (values that are possible, beginnings and ends of texts, intervals, whether there is a value at all) is
// compared by the code that evaluates rules, on the values at which something can change. Alternatives are followed as
// far as a bounded search goes. The reasoning is sound and incomplete: what is reported as impossible is impossible,
// and what is too hard is not reported.
//
// The package is pure: it reads no files and keeps no state between calls.
package analysis

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// Options says how the rules will be used.
type Options struct {
	// MatchAll is true when the engine reports every rule that matches an event, not only the first.
	MatchAll bool
	// Delivers tells whether the sensors of this version can see events of the named type of a source; nil when they
	// can see all.
	Delivers func(source, eventType string) bool
	// Strict adds findings that are matters of style or right in most rules: negative checks on fields that are
	// often missing, regular expressions that must match a whole value.
	Strict bool
}

const (
	// maxSteps bounds the cost of one call of Check: well below a second.
	maxSteps = 10_000_000
	// termSteps is what looking at one part of a condition costs, in time and, which bounds it, in memory.
	termSteps = 60
	// maxParts is how many parts a condition may have to be looked at. Nobody writes larger ones by hand.
	maxParts = 10_000
)

// Check gives all findings about a set and what was compiled of it, in the order of the files, each place and code
// once. It changes neither. Rules that did not compile are not looked at.
func Check(set *rule.Set, compiled *rule.Compiled, options Options) []rule.Diagnostic {
	return check(set, compiled, options, &budget{left: maxSteps})
}

func check(set *rule.Set, compiled *rule.Compiled, options Options, budget *budget) []rule.Diagnostic {
	found := &findings{set: set, seen: map[findingKey]bool{}}
	for _, name := range sortedNames(compiled.Sources) {
		src := compiled.Sources[name]
		w := newWorld(set, src.Catalogue, found, options, budget)
		for _, r := range src.Rules {
			if isLarge(r.Node) {
				found.add(set.AtName(r.Rule, Incomplete.finding(
					fmt.Sprintf("the condition has more than %d parts, so it was not looked at", maxParts), "split the rule")))
				continue
			}
			w.items = append(w.items, &item{kind: "rule", name: r.Name, tree: r.Tree, node: r.Node, rule: r})
		}
		w.addMacros()
		w.addTerms()
		for _, it := range w.items {
			w.logic(it)
			w.constants(it)
			w.patterns(it)
			w.style(it)
			w.fields(it)
			if it.rule != nil {
				types := src.Program.Types(it.rule.Condition)
				w.events(it, types)
				w.unset(it, types)
			}
		}
		w.shadows()
	}
	bindings(set, found)
	exceptions(set, found)
	redefinitions(set, found)
	tags(set, found)
	if budget.spent && len(set.Rules) > 0 {
		found.add(set.AtName(set.Rules[0], Incomplete.finding("the rules are so many that not all contradictions were looked for", "")))
	}
	return found.sorted()
}

// world is what is known of the conditions of one source.
type world struct {
	set       *rule.Set
	catalogue *field.Catalogue
	found     *findings
	options   Options
	budget    *budget
	items     []*item

	exprs    map[string]*expr
	atoms    []*atom
	atomKeys map[string]*atom
	terms    map[termKey]*term
	termIDs  map[string]int32
	pairs    map[pair]bool
	verdicts map[int32]kind
	prober   *prober
}

// item is a rule or macro whose condition is looked at.
type item struct {
	kind, name string
	// tree is the condition as written, node is it with macros, lists and exceptions resolved.
	tree, node condition.Node
	// rule is nil for a macro.
	rule *rule.CompiledRule
}

func newWorld(set *rule.Set, catalogue *field.Catalogue, found *findings, options Options, b *budget) *world {
	return &world{
		set: set, catalogue: catalogue, found: found, options: options, budget: b,
		exprs: map[string]*expr{}, atomKeys: map[string]*atom{}, terms: map[termKey]*term{}, termIDs: map[string]int32{},
		pairs: map[pair]bool{}, verdicts: map[int32]kind{}, prober: newProber(),
	}
}

// addMacros adds the macros that the rules of the source use: their fields are known to be fields of the source.
func (w *world) addMacros() {
	used := map[string]bool{}
	seen := map[condition.Node]bool{}
	for _, it := range w.items {
		condition.Walk(it.node, func(n condition.Node) bool {
			if seen[n] {
				return false
			}
			seen[n] = true
			if kind, name := w.set.Owner(n.Span()); kind == "macro" {
				used[name] = true
			}
			return true
		})
	}
	for _, m := range w.set.Macros {
		if used[m.Name] && m.Node != nil {
			w.items = append(w.items, &item{kind: "macro", name: m.Name, tree: m.Tree, node: m.Node})
		}
	}
}

// addTerms makes the terms of all items, and leaves out the items that cost too much.
func (w *world) addTerms() {
	for i, it := range w.items {
		if w.budget.spent {
			w.items = w.items[:i]
			return
		}
		w.term(it.node, false)
		w.term(it.node, true)
	}
}

// isLarge tells whether a condition has more than maxParts parts.
func isLarge(n condition.Node) bool {
	parts := 0
	condition.Walk(n, func(condition.Node) bool {
		parts++
		return parts <= maxParts
	})
	return parts > maxParts
}

// owns tells whether a condition is written in the item itself, not in a macro that it uses.
func (w *world) owns(it *item, n condition.Node) bool {
	kind, name := w.set.Owner(n.Span())
	return kind == it.kind && name == it.name
}

// ownsAll tells whether no macro is in a condition of the item.
func (w *world) ownsAll(it *item, n condition.Node) bool {
	all := true
	condition.Walk(n, func(n condition.Node) bool {
		all = all && w.owns(it, n)
		return all
	})
	return all
}

// findings collects diagnostics.
type findings struct {
	set  *rule.Set
	all  []rule.Diagnostic
	seen map[findingKey]bool
}

type findingKey struct {
	code       string
	start, end rule.Position
}

func (f *findings) add(d rule.Diagnostic) {
	key := findingKey{d.Code, d.Start, d.End}
	if f.seen[key] || d.Start.Line == 0 {
		return
	}
	f.seen[key] = true
	f.all = append(f.all, d)
}

// sorted gives the findings in the order of the files as the set's items name them, and of the places in them.
func (f *findings) sorted() []rule.Diagnostic {
	slices.SortStableFunc(f.all, func(a, b rule.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Start.File, b.Start.File), cmp.Compare(a.Start.Line, b.Start.Line),
			cmp.Compare(a.Start.Column, b.Start.Column), cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Code, b.Code))
	})
	return f.all
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

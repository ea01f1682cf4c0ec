package description

import (
	"slices"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/rule"
)

// reader describes the items of a set.
type reader struct {
	macros map[string]*rule.Macro
	lists  map[string]*rule.List
	// described are the macros and lists that were described already.
	described struct {
		macros map[string]Macro
		lists  map[string]List
	}
}

func newReader(set *rule.Set) *reader {
	r := &reader{macros: map[string]*rule.Macro{}, lists: map[string]*rule.List{}}
	r.described.macros, r.described.lists = map[string]Macro{}, map[string]List{}
	for _, m := range set.Macros {
		r.macros[m.Name] = m
	}
	for _, l := range set.Lists {
		r.lists[l.Name] = l
	}
	return r
}

// names are macros and lists that a condition names itself, each sorted.
type names struct{ macros, lists []string }

// named finds the macros and lists in a condition as it was written.
func (r *reader) named(tree condition.Node) names {
	var n names
	if tree == nil {
		return n
	}
	condition.Walk(tree, func(x condition.Node) bool {
		if m, ok := x.(*condition.Macro); ok && r.macros[m.Name] != nil {
			n.macros = append(n.macros, m.Name)
		}
		return true
	})
	condition.WalkOperands(tree, func(o condition.Operand) bool {
		if t, ok := o.(*condition.Text); ok && t.Quote == 0 && r.lists[t.Value] != nil {
			n.lists = append(n.lists, t.Value)
		}
		return true
	})
	return names{unique(n.macros), unique(n.lists)}
}

// reached adds the macros and lists that others use in turn.
func (r *reader) reached(direct names) names {
	macros, lists := map[string]bool{}, map[string]bool{}
	var list func(name string)
	list = func(name string) {
		if lists[name] {
			return
		}
		lists[name] = true
		for _, item := range r.lists[name].Items {
			if r.lists[item] != nil {
				list(item)
			}
		}
	}
	var macro func(name string)
	macro = func(name string) {
		if macros[name] {
			return
		}
		macros[name] = true
		inner := r.macro(r.macros[name]).direct
		for _, m := range inner.macros {
			macro(m)
		}
		for _, l := range inner.lists {
			list(l)
		}
	}
	for _, m := range direct.macros {
		macro(m)
	}
	for _, l := range direct.lists {
		list(l)
	}
	return names{keys(macros), keys(lists)}
}

func (r *reader) list(l *rule.List) List {
	if known, ok := r.described.lists[l.Name]; ok {
		return known
	}
	out := List{Name: l.Name, Items: append([]string{}, l.Items...), Resolved: r.flat(l, map[string]bool{}), Used: l.Used, At: place(l.Pos),
		Parts: parts(l.Parts), direct: []string{}}
	for _, item := range l.Items {
		if r.lists[item] != nil {
			out.direct = append(out.direct, item)
		}
	}
	out.direct = unique(out.direct)
	r.described.lists[l.Name] = out
	return out
}

// flat gives the items of a list with the lists among them in their places. A list inside itself is its name.
func (r *reader) flat(l *rule.List, inside map[string]bool) []string {
	inside[l.Name] = true
	defer delete(inside, l.Name)
	out := []string{}
	for _, item := range l.Items {
		if inner := r.lists[item]; inner != nil && !inside[item] {
			out = append(out, r.flat(inner, inside)...)
		} else {
			out = append(out, item)
		}
	}
	return out
}

func (r *reader) macro(m *rule.Macro) Macro {
	if known, ok := r.described.macros[m.Name]; ok {
		return known
	}
	out := Macro{Name: m.Name, Condition: m.Condition, Resolved: resolved(m.Node), Used: m.Used, At: place(m.Pos), Parts: parts(m.Parts),
		tree: m.Node, direct: r.named(m.Tree)}
	r.described.macros[m.Name] = out
	return out
}

// resolved prints a tree, which an item that is not used may lack.
func resolved(n condition.Node) string {
	if n == nil {
		return ""
	}
	return condition.Print(n)
}

func (r *reader) rule(c *rule.CompiledRule, source *rule.Source) Rule {
	x := c.Rule
	out := Rule{
		Name: x.Name, Source: x.Source, Priority: x.Priority.String(), Enabled: x.Enabled, Tags: append([]string{}, x.Tags...),
		Description: x.Description, Condition: x.Condition, Resolved: resolved(x.Node), Output: x.Output,
		Macros: []Macro{}, Lists: []List{}, Exceptions: exceptions(x), Fields: fieldNames(x.Node), OutputFields: []string{},
		Capture: x.Capture, CaptureDuration: x.CaptureDuration, At: place(x.Pos), Parts: parts(x.Parts), tree: x.Node,
		direct: r.named(x.Tree),
	}
	all := r.reached(names{out.direct.macros, append(r.listsOf(x.Exceptions), out.direct.lists...)})
	for _, name := range all.macros {
		out.Macros = append(out.Macros, r.macro(r.macros[name]))
	}
	for _, name := range all.lists {
		out.Lists = append(out.Lists, r.list(r.lists[name]))
	}
	for _, f := range c.Output.Fields() {
		out.OutputFields = append(out.OutputFields, f.Name)
	}
	types := source.Program.Types(c.Condition)
	out.AllEvents = types.All()
	out.Events = typeNames(source.Catalogue.Types(), types)
	return out
}

// exceptions describes the exceptions of a rule. Of each that has values the condition is one of the terms that are
// added to that of the rule, in their order.
func exceptions(x *rule.Rule) []Exception {
	out := []Exception{}
	terms := []condition.Node(nil)
	if and, ok := x.Node.(*condition.And); ok {
		terms = and.Terms[1:]
	}
	for _, e := range x.Exceptions {
		one := Exception{Name: e.Name, Fields: e.Fields, Comparisons: e.Comparisons, Values: append([][][]string{}, e.Values...), At: place(e.Pos)}
		if len(e.Values) > 0 && len(terms) > 0 {
			if not, ok := terms[0].(*condition.Not); ok {
				one.Resolved = condition.Print(not.Term)
			}
			terms = terms[1:]
		}
		out = append(out, one)
	}
	return out
}

// listsOf finds the lists among the values of exceptions.
func (r *reader) listsOf(exceptions []rule.Exception) []string {
	var out []string
	for _, e := range exceptions {
		for _, texts := range slices.Concat(e.Values...) {
			for _, t := range texts {
				if r.lists[t] != nil {
					out = append(out, t)
				}
			}
		}
	}
	return out
}

// typeNames gives the names of event types, sorted; nil for all.
func typeNames(known []string, types *program.TypeSet) []string {
	var out []string
	for _, id := range types.IDs() {
		if known[id] != "" {
			out = append(out, known[id])
		}
	}
	return unique(out)
}

// unique sorts texts and drops repeated ones.
func unique(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

func keys(set map[string]bool) []string {
	var out []string
	for k := range set {
		out = append(out, k)
	}
	return unique(out)
}

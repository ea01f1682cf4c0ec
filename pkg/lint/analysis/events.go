package analysis

import (
	"fmt"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/rule"
)

// events reports what is wrong with the event types of a rule.
func (w *world) events(it *item, types *program.TypeSet) {
	if len(w.catalogue.Types()) == 0 {
		return // all events of the source have one type
	}
	if types.All() && it.rule.WarnEventTypes && w.verdict(it.node) == leaf {
		w.unrestricted(it, it.node)
	}
	w.undelivered(it.rule.Rule, types)
}

// unrestricted reports the alternatives that make a rule look at all types of events while others name theirs. That
// a rule names none at all is a finding of the compiler.
func (w *world) unrestricted(it *item, n condition.Node) {
	switch n := n.(type) {
	case *condition.And:
		for _, t := range n.Terms {
			if !w.restricts(w.term(t, false)) {
				w.unrestricted(it, t)
			}
		}
	case *condition.Or:
		var open []condition.Node
		for _, t := range n.Terms {
			if !w.restricts(w.term(t, false)) {
				open = append(open, t)
			}
		}
		if len(open) == 0 || len(open) == len(n.Terms) {
			return
		}
		for _, t := range open {
			if mentionsType(t) {
				w.unrestricted(it, t)
				continue
			}
			w.report(it, t, UnrestrictedBranch, fmt.Sprintf("the rule is evaluated for every type of event, because the alternative %s names none",
				w.name(it, t)), "restrict it as the other alternatives are, with evt.type in (…)")
		}
	}
}

func mentionsType(n condition.Node) bool {
	found := false
	condition.Walk(n, func(n condition.Node) bool {
		if check, ok := n.(*condition.Check); ok {
			f, ok := check.Left.(*condition.Field)
			found = found || ok && (f.Name == "evt.type" || f.Name == "syscall.type")
		}
		return !found
	})
	return found
}

// restricts tells whether a term can hold for some event types only.
func (w *world) restricts(t *term) bool {
	switch t.kind {
	case no:
		return true
	case leaf:
		f := t.lit.x.field
		return f != nil && (f.Name == "evt.type" || f.Name == "syscall.type") && !t.lit.exists && !t.lit.opaque &&
			(t.lit.wants() || !t.lit.not && t.lit.patterns != nil)
	case all:
		for _, kid := range t.kids {
			if w.restricts(kid) {
				return true
			}
		}
	case one:
		for _, kid := range t.kids {
			if !w.restricts(kid) {
				return false
			}
		}
		return true
	}
	return false
}

// undelivered reports a rule all of whose event types are such that the sensors never report.
func (w *world) undelivered(r *rule.Rule, types *program.TypeSet) {
	if w.options.Delivers == nil || types.All() || types.Empty() || w.term(r.Node, false).kind == no {
		return
	}
	names := w.typeNames(types)
	if len(names) == 0 {
		return
	}
	for _, name := range names {
		if w.options.Delivers(w.catalogue.Source(), name) {
			return
		}
	}
	w.found.add(w.set.AtName(r, EventNotDelivered.finding(
		fmt.Sprintf("the sensors of this version never report %s, so the rule fires for captures only", listed(names)), "")))
}

// asynchronous is the type that belongs to every rule, since its events carry names of their own.
const asynchronous = "asyncevent"

// typeNames lists the names of event types, each once, but the one that belongs to every rule.
func (w *world) typeNames(types *program.TypeSet) []string {
	var names []string
	seen := map[string]bool{}
	all := w.catalogue.Types()
	for _, id := range types.IDs() {
		if name := all[id]; name != "" && name != asynchronous && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// listed joins names for a message, the first few of them.
func listed(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

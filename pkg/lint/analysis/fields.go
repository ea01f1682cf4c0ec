package analysis

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// placeholder is what outputs show for a missing value.
const placeholder = "<NA>"

// fields looks at the fields that are written in an item itself.
func (w *world) fields(it *item) {
	condition.Walk(it.node, func(n condition.Node) bool {
		if !w.owns(it, n) {
			return false
		}
		check, ok := n.(*condition.Check)
		if !ok {
			return true
		}
		w.placeholders(check)
		for _, side := range []condition.Operand{check.Left, check.Right} {
			condition.WalkOperand(side, func(op condition.Operand) bool {
				if f, ok := op.(*condition.Field); ok {
					w.pending(f)
				}
				return true
			})
		}
		return true
	})
	if w.options.Strict {
		w.negative(it, it.node, false)
	}
}

// pending reports a field that has no value in this version.
func (w *world) pending(f *condition.Field) {
	if known, _, ok := w.catalogue.Lookup(f.Name); ok && known.Pending != "" {
		w.found.add(w.set.At(f.Span(), PendingField.finding(pendingMessage(known), "")))
	}
}

func pendingMessage(f *field.Field) string {
	return fmt.Sprintf("field %s has no value in this version: %s", f.Name, f.Pending)
}

// placeholders reports comparisons with <NA> that ask for a missing value. Those of audit fields are reported by the
// compiler; fields that do hold the text, or held it in Falco, are left alone.
func (w *world) placeholders(n *condition.Check) {
	f, ok := n.Left.(*condition.Field)
	if !ok || holdsPlaceholder(f.Name) || strings.HasPrefix(f.Name, "ka.") || strings.HasPrefix(f.Name, "jevt.") {
		return
	}
	if known, _, ok := w.catalogue.Lookup(f.Name); !ok || known.Type.Class() != event.ClassString {
		return
	}
	switch n.Op {
	case condition.OpEq, condition.OpEqEq, condition.OpIn, condition.OpIntersects:
	default:
		return // != is false for a missing value, which is what is meant
	}
	condition.WalkOperand(n.Right, func(op condition.Operand) bool {
		if t, ok := op.(*condition.Text); ok && t.Value == placeholder {
			name := shorten(condition.PrintOperand(f))
			w.found.add(w.set.At(t.Span(), PlaceholderText.finding(
				fmt.Sprintf("a missing value of %s is not the text %s, which only outputs show", name, placeholder),
				fmt.Sprintf("to ask whether it is missing write: not %s exists", name))))
		}
		return true
	})
}

// holdsPlaceholder tells whether a field may have the text <NA> as its value.
func holdsPlaceholder(name string) bool {
	for _, prefix := range []string{"proc.", "thread.", "user.", "group.", "fd.", "evt.arg", "evt.res", "fs."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// negative reports negations of checks on fields that events often lack: what is missing passes.
func (w *world) negative(it *item, n condition.Node, not bool) {
	if !w.owns(it, n) {
		return
	}
	switch n := n.(type) {
	case *condition.And:
		for _, t := range n.Terms {
			w.negative(it, t, not)
		}
	case *condition.Or:
		for _, t := range n.Terms {
			w.negative(it, t, not)
		}
	case *condition.Not:
		w.negative(it, n.Term, !not)
	case *condition.Check:
		w.negativeCheck(it, n, not)
	}
}

func (w *world) negativeCheck(it *item, n *condition.Check, not bool) {
	f, ok := n.Left.(*condition.Field)
	if !ok || n.Op == condition.OpExists || !oftenMissing(f.Name) {
		return
	}
	name := shorten(condition.PrintOperand(f))
	switch {
	case n.Op == condition.OpNe && !not:
		w.report(it, n, MissingMatters, fmt.Sprintf("events without %s do not match: a check on a missing value is false, != too", name),
			fmt.Sprintf("if they should match write: not %s = …", name))
	case n.Op != condition.OpNe && not:
		w.report(it, n, MissingMatters, fmt.Sprintf("events without %s match: a check on a missing value is false, and its negation true", name),
			fmt.Sprintf("if they should not match add: %s exists", name))
	}
}

func oftenMissing(name string) bool {
	for _, prefix := range []string{"container.", "k8s.", "k8smeta.", "ka.req.", "ka.resp", "ka.impuser", "ka.target.", "jevt.value", "json.value"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// unset reports fields in the condition and the output of a rule that no event of its types has.
func (w *world) unset(it *item, types *program.TypeSet) {
	r := it.rule
	for _, f := range r.Output.Fields() {
		name, at := f.Name, outputPlace(r.Rule.Output, f.Name)
		known, arg, ok := w.lookup(name)
		switch {
		case !ok:
		case known.Pending != "":
			w.found.add(w.set.AtOutput(r.Rule, at, PendingField.finding(pendingMessage(known), "")))
		case w.neverSet(known, arg, types):
			d := FieldNeverSet.finding(fmt.Sprintf("%s is always <NA>: events of type %s do not have it", shorten(name), listed(w.typeNames(types))), "")
			w.found.add(w.set.AtOutput(r.Rule, at, d))
		}
	}
	if w.term(r.Node, false).kind != no {
		w.unsetChecks(it, it.node, types)
	}
}

// unsetChecks reports positive checks, written in the rule itself, on fields that no event of the rule has.
func (w *world) unsetChecks(it *item, n condition.Node, types *program.TypeSet) {
	if !w.owns(it, n) {
		return
	}
	switch n := n.(type) {
	case *condition.And:
		for _, t := range n.Terms {
			w.unsetChecks(it, t, types)
		}
	case *condition.Or:
		for _, t := range n.Terms {
			w.unsetChecks(it, t, types)
		}
	case *condition.Check:
		f, ok := n.Left.(*condition.Field)
		if !ok {
			return
		}
		name := condition.PrintOperand(f)
		if known, arg, ok := w.lookup(name); ok && known.Pending == "" && w.neverSet(known, arg, types) {
			d := FieldNeverSet.finding(fmt.Sprintf("events of type %s do not have %s", listed(w.typeNames(types)), shorten(name)),
				"add the event type that has it, or remove the check")
			w.found.add(w.set.At(f.Span(), d))
		}
	}
}

// neverSet tells whether none of the types has the field.
func (w *world) neverSet(f *field.Field, a *field.Arg, types *program.TypeSet) bool {
	if f.Applies == nil || types.All() || types.Empty() {
		return false
	}
	named := false
	for _, id := range types.IDs() {
		if w.catalogue.Types()[id] == asynchronous {
			continue
		}
		if f.Applies(id, a) {
			return false
		}
		named = true
	}
	return named // without one the rule never matches, which is another finding
}

// lookup finds the field of a name with its argument, as outputs write it.
func (w *world) lookup(name string) (*field.Field, *field.Arg, bool) {
	base, rest, bracket := strings.Cut(name, "[")
	f, dotArg, ok := w.catalogue.Lookup(base)
	if !ok {
		return nil, nil, false
	}
	a := &field.Arg{}
	switch {
	case bracket:
		a.Present, a.Text = true, strings.Trim(strings.TrimSuffix(rest, "]"), `"'`)
	case dotArg != "":
		a.Present, a.Text = true, dotArg
	}
	if n, err := strconv.Atoi(a.Text); err == nil && f.Form != field.FormKey {
		a.Index, a.IsIndex = n, true
	}
	if f.Prepare != nil && f.Prepare(a) != nil {
		return nil, nil, false
	}
	return f, a, true
}

// outputPlace finds the token of a field in an output.
func outputPlace(output, name string) condition.Range {
	for from := 0; ; {
		i := strings.Index(output[from:], name)
		if i < 0 {
			return condition.Range{}
		}
		i += from
		end := i + len(name)
		if end == len(output) || !isNameByte(output[end]) {
			if i > 0 && output[i-1] == '%' {
				i--
			}
			return condition.Range{Start: i, End: end}
		}
		from = end
	}
}

func isNameByte(c byte) bool {
	return c == '_' || c == '[' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

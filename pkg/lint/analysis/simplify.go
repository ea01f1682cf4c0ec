package analysis

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/rule"
)

// patterns looks for globs and regular expressions that a simpler operator says as well, in the item itself. Regular
// expressions with nothing special but their ends are a finding of the compiler.
func (w *world) patterns(it *item) {
	condition.Walk(it.node, func(n condition.Node) bool {
		if !w.owns(it, n) {
			return false
		}
		check, ok := n.(*condition.Check)
		if !ok || check.Modifier != condition.ModifierNone || fromException(check) {
			return true
		}
		text, ok := check.Right.(*condition.Text)
		if !ok {
			return true
		}
		switch check.Op {
		case condition.OpGlob, condition.OpIGlob:
			w.simpleGlob(it, check, text)
		case condition.OpRegex:
			w.simpleRegex(it, check, text)
		}
		return true
	})
}

func (w *world) simpleGlob(it *item, n *condition.Check, t *condition.Text) {
	inner := strings.Trim(t.Value, "*")
	if strings.ContainsAny(inner, `*?[]\`) || inner == "" {
		return
	}
	left, right := strings.HasPrefix(t.Value, "*"), strings.HasSuffix(t.Value, "*")
	simple := *n
	switch fold := n.Op == condition.OpIGlob; {
	case left && right && fold:
		simple.Op = condition.OpIContains
	case fold:
		return // the other operators do not ignore case
	case left && right:
		simple.Op = condition.OpContains
	case left:
		simple.Op = condition.OpEndsWith
	case right:
		simple.Op = condition.OpStartsWith
	default:
		simple.Op = condition.OpEq
	}
	simple.Right = &condition.Text{Value: inner, Quote: t.Quote}
	w.simpler(it, n, &simple)
}

// alternatives is a regular expression that is a choice of plain texts.
var alternatives = regexp.MustCompile(`^\^?(\.\*)?\(([^][^$.*+?(){}\\]+)\)(\.\*)?\$?$`)

func (w *world) simpleRegex(it *item, n *condition.Check, t *condition.Text) {
	m := alternatives.FindStringSubmatch(t.Value)
	if m == nil || strings.HasPrefix(m[2], "|") || strings.HasSuffix(m[2], "|") || strings.Contains(m[2], "||") {
		if w.options.Strict && m == nil && looksPartial(t.Value) {
			w.report(it, n, WholeMatch, fmt.Sprintf("the pattern %s must match the whole value of %s", quote(t.Value), shorten(condition.PrintOperand(n.Left))),
				"to search for it write .* at both ends; if it is meant so write ^ and $ around it")
		}
		return
	}
	list := &condition.List{}
	for _, text := range strings.Split(m[2], "|") {
		list.Items = append(list.Items, &condition.Text{Value: text})
	}
	simple := *n
	simple.Right, simple.Modifier = list, condition.ModifierAnyOf
	switch {
	case m[1] != "" && m[3] != "":
		simple.Op = condition.OpContains
	case m[1] != "":
		simple.Op = condition.OpEndsWith
	case m[3] != "":
		simple.Op = condition.OpStartsWith
	default:
		simple.Op, simple.Modifier = condition.OpIn, condition.ModifierNone
	}
	w.simpler(it, n, &simple)
}

// looksPartial tells whether nothing in a regular expression shows that its author knows that it must match all.
func looksPartial(regex string) bool {
	return !strings.ContainsAny(regex, "^$") && !strings.HasPrefix(regex, ".*") && !strings.HasSuffix(regex, ".*") && !strings.HasPrefix(regex, "/")
}

func (w *world) simpler(it *item, n, simple *condition.Check) {
	text := condition.Print(simple)
	var fixes []rule.Fix
	if file, start, end, ok := w.set.Offsets(n.Span()); ok && !strings.ContainsAny(text, "\"'\\#\n\r:%") {
		fixes = append(fixes, rule.Fix{Title: "write " + shorten(text), Edits: []rule.Edit{{File: file, Start: start, End: end, Text: text}}})
	}
	w.report(it, n, ExpensivePattern, fmt.Sprintf("the pattern needs no %s", n.Op), "faster and easier to read: "+shorten(text), fixes...)
}

package analysis

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/rule"
)

// style looks at how the condition of an item is written and put together.
func (w *world) style(it *item) {
	if it.tree != nil {
		w.mixed(it, it.tree)
	}
	if it.rule != nil && it.rule.Capture {
		w.found.add(w.set.AtName(it.rule.Rule, CaptureNotWritten.finding("the rule asks for a capture file, which this version does not write", "")))
	}
}

// mixed reports the first place of an item where and stands beside or without parentheses.
func (w *world) mixed(it *item, n condition.Node) bool {
	if !w.owns(it, n) {
		return false
	}
	switch n := n.(type) {
	case *condition.Not:
		return w.mixed(it, n.Term)
	case *condition.And:
		return w.mixedAmong(it, n.Terms)
	case *condition.Or:
		for _, t := range n.Terms {
			if and, ok := t.(*condition.And); ok && w.owns(it, and) && !w.inParentheses(and) {
				w.report(it, and, MixedAndOr, "and binds more tightly than or: this is one alternative", "write parentheses around it")
				return true
			}
		}
		return w.mixedAmong(it, n.Terms)
	}
	return false
}

func (w *world) mixedAmong(it *item, terms []condition.Node) bool {
	for _, t := range terms {
		if w.mixed(it, t) {
			return true
		}
	}
	return false
}

// inParentheses tells whether a condition is written in parentheses of its own.
func (w *world) inParentheses(n condition.Node) bool {
	text, at := w.set.Text(n.Span())
	if at.Start < 0 || at.End > len(text) || at.Start > at.End {
		return true
	}
	return strings.HasSuffix(strings.TrimRight(text[:at.Start], blanks), "(") && strings.HasPrefix(strings.TrimLeft(text[at.End:], blanks), ")")
}

const blanks = " \t\b\r\n\v\f"

var startsWithAnd = regexp.MustCompile(`^[ \t\r\n]*and[ \t\r\n(]`)

// bindings reports an and that is appended to a condition with alternatives.
func bindings(set *rule.Set, found *findings) {
	for _, r := range set.Rules {
		binding(set, found, "rule", r.Name, r.Parts)
	}
	for _, m := range set.Macros {
		binding(set, found, "macro", m.Name, m.Parts)
	}
}

func isOr(text string) bool {
	tree, _ := condition.Parse(text)
	_, ok := tree.(*condition.Or)
	return ok
}

func binding(set *rule.Set, found *findings, kind, name string, parts []rule.Part) {
	base := ""
	for _, p := range parts {
		if p.Key != "condition" {
			continue
		}
		if p.Change != "append" {
			base = p.Text
			continue
		}
		if startsWithAnd.MatchString(p.Text) {
			// With parentheses around it the base is one term of what comes out.
			if tree, d := condition.Parse(base); d == nil && isOr(base+" "+p.Text) {
				if or, ok := tree.(*condition.Or); ok {
					last := or.Terms[len(or.Terms)-1]
					found.add(set.AtPosition(kind, name, p.Start, p.End, AppendBinding.finding(
						fmt.Sprintf("the appended and binds to the last alternative only, %s", shorten(condition.Print(last))),
						"write parentheses around the condition that is appended to, or replace it")))
				}
			}
		}
		base += " " + p.Text
	}
}

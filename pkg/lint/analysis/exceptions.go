package analysis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/rule"
)

// exceptions reports exceptions that except nothing.
func exceptions(set *rule.Set, found *findings) {
	for _, r := range set.Rules {
		for _, e := range r.Exceptions {
			if len(e.Values) == 0 {
				found.add(set.AtPosition("rule", r.Name, e.Pos, e.Pos, EmptyException.finding(
					fmt.Sprintf("exception %s of rule %s has no values and changes nothing", quote(e.Name), quote(r.Name)),
					"append values to it where you use the rule")))
			}
		}
	}
}

// redefinitions reports rules that are defined anew: in the same file, where that is hardly meant, and with tags or
// exceptions that are gone with the first definition.
func redefinitions(set *rule.Set, found *findings) {
	for _, r := range set.Rules {
		before := r.Replaces
		if before == nil {
			continue
		}
		first, now := set.AtName(before, rule.Diagnostic{}).Start, set.AtName(r, rule.Diagnostic{}).Start
		var lost []string
		if missing := without(before.Tags, r.Tags); len(missing) > 0 {
			lost = append(lost, "tags "+listed(missing))
		}
		if missing := without(exceptionNames(before), exceptionNames(r)); len(missing) > 0 {
			lost = append(lost, "exceptions "+listed(missing))
		}
		code, message, hint := RedefinedRule, fmt.Sprintf("the rule replaces the one at %s", first), "change only what differs, by override"
		switch {
		case first.File == now.File:
			code.Severity, hint = warning, "give it another name, or remove one of them"
		case len(lost) == 0:
			continue
		}
		if len(lost) > 0 {
			message += " and drops its " + strings.Join(lost, " and ")
		}
		found.add(set.AtName(r, code.finding(message, hint)))
	}
}

func exceptionNames(r *rule.Rule) []string {
	var names []string
	for _, e := range r.Exceptions {
		names = append(names, e.Name)
	}
	return names
}

// without gives the texts that are not among others.
func without(texts, others []string) []string {
	var out []string
	for _, t := range texts {
		if !slices.Contains(others, t) {
			out = append(out, shorten(t))
		}
	}
	return out
}

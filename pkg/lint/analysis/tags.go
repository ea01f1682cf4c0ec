package analysis

import (
	"fmt"
	"strings"

	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// often is how many rules must have a tag before a tag that is spelt alike is taken for a slip.
const often = 3

// tags reports tags that one rule has and that differ in one letter from one that many have.
func tags(set *rule.Set, found *findings) {
	counts := map[string]int{}
	for _, r := range set.Rules {
		for _, t := range r.Tags {
			counts[t]++
		}
	}
	var common []string
	for _, name := range sortedNames(counts) {
		if counts[name] >= often && isWord(name) {
			common = append(common, name)
		}
	}
	for _, r := range set.Rules {
		for _, t := range r.Tags {
			if counts[t] > 1 || !isWord(t) {
				continue
			}
			if near := field.Nearest(t, common, 1); len(near) > 0 && !plural(near[0], t) && !plural(t, near[0]) {
				d := RareTag.finding(fmt.Sprintf("only this rule has the tag %s", quote(t)), "did you mean "+near[0]+"?")
				found.add(tagPlace(set, r, d))
			}
		}
	}
}

func plural(one, many string) bool { return many == one+"s" || many == one+"es" }

// isWord tells whether a tag is long enough for a slip to be told, and no number in disguise: T1098 and T1078 are alike
// but no slips.
func isWord(tag string) bool { return len(tag) >= 5 && !strings.ContainsAny(tag, "0123456789") }

func tagPlace(set *rule.Set, r *rule.Rule, d rule.Diagnostic) rule.Diagnostic {
	for _, p := range r.Parts {
		if p.Key == "tags" {
			return set.AtPosition("rule", r.Name, p.Start, p.End, d)
		}
	}
	return set.AtName(r, d)
}

package analysis

import (
	"fmt"

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

package lint

import (
	"fmt"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/rule"
)

// oldNames finds the fields that rules of old tutorials use although there is a better one: syscall.type says the same
// as evt.type about system calls, but a name that is no system call is not noticed in it.
func oldNames(set *rule.Set) []rule.Diagnostic {
	var found []rule.Diagnostic
	visit := func(n condition.Node) bool {
		check, ok := n.(*condition.Check)
		if !ok {
			return true
		}
		f, ok := check.Left.(*condition.Field)
		if !ok || f.Name != "syscall.type" {
			return true
		}
		d := rule.Diagnostic{Severity: condition.SeverityWarning, Code: CodeOldName,
			Message: "syscall.type takes any text, so that a misspelled system call is not noticed", Hint: "write evt.type"}
		if file, start, end, ok := set.Offsets(f.Span()); ok {
			d.Fixes = []rule.Fix{{Title: fmt.Sprintf("replace %s by evt.type", f.Name), Edits: []rule.Edit{{File: file, Start: start, End: end, Text: "evt.type"}}}}
		}
		found = append(found, set.At(f.Span(), d))
		return true
	}
	for _, r := range set.Rules {
		if r.Node != nil {
			condition.Walk(r.Node, visit)
		}
	}
	return found
}

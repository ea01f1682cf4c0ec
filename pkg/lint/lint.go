// Package lint shows the findings about rules files to people and to programs: as text with the source line and a
// caret under the place, and as JSON.
package lint

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// Result is what was found in rules files that were read together.
type Result struct {
	// Findings are in the order of the files and of the places in them.
	Findings []rule.Diagnostic
	// Rules, Macros and Lists count what was read.
	Rules, Macros, Lists int
	// Files counts the files.
	Files int
	// Compiled is ready to run when OK.
	Compiled *rule.Compiled
}

// Check loads and compiles rules files and gives all findings.
func Check(files []rule.File, catalogues map[string]*field.Catalogue) Result {
	set, found := rule.Load(files, catalogues)
	compiled, more := set.Compile(catalogues)
	r := Result{Findings: append(found, more...), Compiled: compiled, Files: len(files),
		Rules: len(set.Rules), Macros: len(set.Macros), Lists: len(set.Lists)}
	order := map[string]int{}
	for i, f := range files {
		if _, ok := order[f.Name]; !ok {
			order[f.Name] = i
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b rule.Diagnostic) int {
		return cmp.Or(cmp.Compare(order[a.Start.File], order[b.Start.File]), cmp.Compare(a.Start.Line, b.Start.Line),
			cmp.Compare(a.Start.Column, b.Start.Column), cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Code, b.Code))
	})
	return r
}

// OK tells whether the rules can be used: there is no error. Warnings do not count.
func (r Result) OK() bool { return !rule.HasErrors(r.Findings) }

func (r Result) count(s condition.Severity) int {
	n := 0
	for _, d := range r.Findings {
		if d.Severity == s {
			n++
		}
	}
	return n
}

// Summary says in one line what was read and found.
func (r Result) Summary() string {
	return fmt.Sprintf("%s in %s: %s, %s", plural(r.Rules, "rule"), plural(r.Files, "file"),
		plural(r.count(condition.SeverityError), "error"), plural(r.count(condition.SeverityWarning), "warning"))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Package lint shows the findings about rules files to people and to programs: as text with the source line and a
// caret under the place, as JSON, SARIF, JUnit and annotations of GitHub. It knows an explanation of each kind of
// finding, leaves out what comments and a configuration file suppress, and makes the corrections that are safe.
package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// Result is what was found in rules files that were read together.
type Result struct {
	// Findings are what is reported, in the order of the files and of the places in them.
	Findings []rule.Diagnostic
	// Hidden counts, by severity, the findings that are less severe than what was asked for; Suppressed those that a
	// comment or the configuration suppresses.
	Hidden     map[condition.Severity]int
	Suppressed int
	// Rules, Macros and Lists count what was read.
	Rules, Macros, Lists int
	// Files counts the files.
	Files int
	// Compiled is ready to run when OK.
	Compiled *rule.Compiled

	set   *rule.Set
	files []rule.File
}

// Check loads and compiles rules files and gives all findings about whether and how they run.
func Check(files []rule.File, catalogues map[string]*field.Catalogue) Result {
	set, found := rule.Load(files, catalogues)
	compiled, more := set.Compile(catalogues)
	r := Result{Findings: append(found, more...), Compiled: compiled, Files: len(files), Hidden: map[condition.Severity]int{},
		Rules: len(set.Rules), Macros: len(set.Macros), Lists: len(set.Lists), set: set, files: files}
	r.sort()
	return r
}

// sort puts the findings in the order of the files and of the places in them, each once.
func (r *Result) sort() {
	order := map[string]int{}
	for i, f := range r.files {
		if _, ok := order[f.Name]; !ok {
			order[f.Name] = i
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b rule.Diagnostic) int {
		return cmp.Or(cmp.Compare(order[a.Start.File], order[b.Start.File]), cmp.Compare(a.Start.Line, b.Start.Line),
			cmp.Compare(a.Start.Column, b.Start.Column), cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Code, b.Code))
	})
	r.Findings = slices.CompactFunc(r.Findings, func(a, b rule.Diagnostic) bool {
		return a.Start == b.Start && a.End == b.End && a.Code == b.Code && a.Message == b.Message
	})
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

// FoundCodes lists the codes of the findings, each once, in the order of the alphabet.
func (r Result) FoundCodes() []string {
	var codes []string
	for _, d := range r.Findings {
		codes = append(codes, d.Code)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// Summary says in one line what was read and found, and how much of it is not shown.
func (r Result) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s: %s", plural(r.Rules, "rule"), plural(r.Files, "file"), plural(r.count(condition.SeverityError), "error"))
	if hidden := r.Hidden[condition.SeverityWarning]; hidden > 0 {
		fmt.Fprintf(&b, ", %s not shown", plural(hidden, "warning"))
	} else {
		fmt.Fprintf(&b, ", %s", plural(r.count(condition.SeverityWarning), "warning"))
	}
	if n := r.count(condition.SeverityInfo); n > 0 {
		fmt.Fprintf(&b, ", %s", plural(n, "info"))
	}
	if hidden := r.Hidden[condition.SeverityInfo]; hidden > 0 {
		fmt.Fprintf(&b, ", %s not shown", plural(hidden, "info"))
	}
	if r.Suppressed > 0 {
		fmt.Fprintf(&b, ", %d suppressed", r.Suppressed)
	}
	return b.String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

package analysis

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// Enrich adds to findings of the loader and the compiler what only one who knows all sources and the whole set can
// say: that an unknown field belongs to another source, and how a deprecated check can be removed.
func Enrich(set *rule.Set, found []rule.Diagnostic, catalogues map[string]*field.Catalogue) {
	fixes := directionFixes(set)
	for i := range found {
		d := &found[i]
		switch d.Code {
		case program.CodeUnknownField:
			foreign(d, catalogues)
		case program.CodeDeprecatedField:
			if fix, ok := fixes[d.Start]; ok && len(d.Fixes) == 0 {
				d.Fixes = append(d.Fixes, fix)
			}
		}
	}
}

// foreign tells in the hint of an unknown field to which source it belongs.
func foreign(d *rule.Diagnostic, catalogues map[string]*field.Catalogue) {
	if d.Start.Line != d.End.Line || d.End.Column-1 > len(d.Line) || d.Start.Column > d.End.Column {
		return
	}
	name := strings.TrimPrefix(d.Line[d.Start.Column-1:d.End.Column-1], "%")
	name, _, _ = strings.Cut(name, "[")
	var sources []string
	for _, source := range sortedNames(catalogues) {
		if _, _, ok := catalogues[source].Lookup(name); ok {
			sources = append(sources, source)
		}
	}
	if len(sources) > 0 {
		d.Hint = fmt.Sprintf("field %s belongs to source %s: give the rule the key source, or move the check to a rule of that source",
			name, strings.Join(sources, " and "))
	}
}

// directionFixes gives, by the place of the field, the edits that remove evt.dir = < where it stands beside other
// conditions that must hold: it is true for every event that system call rules see.
func directionFixes(set *rule.Set) map[rule.Position]rule.Fix {
	fixes := map[rule.Position]rule.Fix{}
	seen := map[condition.Node]bool{}
	visit := func(n condition.Node) bool {
		if seen[n] {
			return false
		}
		seen[n] = true
		if and, ok := n.(*condition.And); ok {
			for i := range and.Terms {
				if fix, at, ok := removal(set, and.Terms, i); ok {
					fixes[at] = fix
				}
			}
		}
		return true
	}
	for _, r := range set.Rules {
		if r.Node != nil {
			condition.Walk(r.Node, visit)
		}
	}
	for _, m := range set.Macros {
		if m.Node != nil {
			condition.Walk(m.Node, visit)
		}
	}
	return fixes
}

var (
	andBehind = regexp.MustCompile(`^\s+and\s+`)
	andBefore = regexp.MustCompile(`\s+and\s+$`)
)

// removal gives the edit that takes out the term at i with the and beside it, and where its field stands. A neighbour
// that stands in other text, or in parentheses that the and belongs to, leaves no safe edit.
func removal(set *rule.Set, terms []condition.Node, i int) (fix rule.Fix, at rule.Position, ok bool) {
	check, is := terms[i].(*condition.Check)
	if !is || !isReturn(check) {
		return fix, at, false
	}
	text, own := set.Text(check.Span())
	cut := own
	if m := andBehind.FindString(text[own.End:]); m != "" && i+1 < len(terms) {
		cut.End += len(m)
	} else if m := andBefore.FindString(text[:own.Start]); m != "" && i > 0 {
		cut.Start -= len(m)
	} else {
		return fix, at, false
	}
	shift := check.Span().Start - own.Start
	_, first, last, _ := set.Offsets(check.Span())
	file, start, end, ok := set.Offsets(condition.Range{Start: cut.Start + shift, End: cut.End + shift})
	ok = ok && start <= first && end >= last // or the cut lies in two texts that were joined
	fix = rule.Fix{Title: "remove evt.dir", Edits: []rule.Edit{{File: file, Start: start, End: end}}}
	return fix, set.At(check.Left.Span(), rule.Diagnostic{}).Start, ok
}

func isReturn(n *condition.Check) bool {
	f, ok := n.Left.(*condition.Field)
	t, text := n.Right.(*condition.Text)
	return ok && text && f.Name == "evt.dir" && (n.Op == condition.OpEq || n.Op == condition.OpEqEq) && t.Value == "<" && n.Modifier == condition.ModifierNone
}

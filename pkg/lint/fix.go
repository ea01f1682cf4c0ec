package lint

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/rule"
)

// isSafe tells whether --fix makes a correction of a finding: the rules match the same events afterwards.
func isSafe(d *rule.Diagnostic, f rule.Fix) bool {
	return len(f.Edits) > 0 && (f.Safe || d.Code == program.CodeDeprecatedField)
}

// Correction is a correction that was made.
type Correction struct {
	// Finding is what was corrected, at its place in the file as it was when the correction was made.
	Finding rule.Diagnostic
	Title   string
}

// maxRounds is how often Fix looks again at what it corrected. A correction can make place for another one.
const maxRounds = 10

// Fix makes the safe corrections of the findings in files and returns the files with them, in the order given. What
// is suppressed is left alone. After each round the files are checked again: corrections after which the rules would
// not load, or would not match the same events, are taken back.
func Fix(files []rule.File, o Options) ([]rule.File, []Correction) {
	var done []Correction
	refused := map[string]bool{}
	for range maxRounds {
		before := lintAll(files, o)
		all := safeCorrections(before.Findings, refused)
		if len(all) == 0 {
			break
		}
		made, ok := apply(files, all), true
		if !sameRules(before, lintAll(made, o)) {
			made, all = oneByOne(files, before, all, refused, o)
			ok = len(all) > 0
		}
		if !ok {
			break
		}
		files = made
		for _, c := range all {
			done = append(done, c.Correction)
		}
	}
	return files, done
}

// correction is one that can be made, with its edits.
type correction struct {
	Correction
	edits []rule.Edit
}

func (c correction) key() string {
	return fmt.Sprintf("%s %s %s", c.Finding.Start, c.Finding.Code, c.Title)
}

// safeCorrections chooses one correction for each finding, none of which touches what another one does.
func safeCorrections(findings []rule.Diagnostic, refused map[string]bool) []correction {
	var all []correction
	taken := map[string][]rule.Edit{}
	for i := range findings {
		d := &findings[i]
		for _, f := range d.Fixes {
			c := correction{Correction{*d, f.Title}, f.Edits}
			if !isSafe(d, f) || refused[c.key()] || slices.ContainsFunc(f.Edits, func(e rule.Edit) bool { return touches(taken[e.File], e) }) {
				continue
			}
			for _, e := range f.Edits {
				taken[e.File] = append(taken[e.File], e)
			}
			all = append(all, c)
			break
		}
	}
	return all
}

// touches tells whether an edit overlaps or adjoins one of others, or is out of order in itself.
func touches(others []rule.Edit, e rule.Edit) bool {
	return e.Start < 0 || e.End < e.Start || slices.ContainsFunc(others, func(o rule.Edit) bool { return e.Start <= o.End && o.Start <= e.End })
}

// apply makes corrections; the files themselves do not change.
func apply(files []rule.File, all []correction) []rule.File {
	edits := map[string][]rule.Edit{}
	for _, c := range all {
		for _, e := range c.edits {
			edits[e.File] = append(edits[e.File], e)
		}
	}
	out := slices.Clone(files)
	for i, f := range out {
		if len(edits[f.Name]) > 0 {
			out[i].Data = edited(f.Data, edits[f.Name])
		}
	}
	return out
}

func edited(data []byte, edits []rule.Edit) []byte {
	slices.SortFunc(edits, func(a, b rule.Edit) int { return cmp.Compare(a.Start, b.Start) })
	var out []byte
	at := 0
	for _, e := range edits {
		if e.Start < at || e.End > len(data) {
			continue
		}
		out = append(append(out, data[at:e.Start]...), e.Text...)
		at = e.End
	}
	return append(out, data[at:]...)
}

// oneByOne makes those of the corrections that alone keep what the rules mean, and remembers the others.
func oneByOne(files []rule.File, before Result, all []correction, refused map[string]bool, o Options) ([]rule.File, []correction) {
	var good []correction
	for _, c := range all {
		if sameRules(before, lintAll(apply(files, append(slices.Clone(good), c)), o)) {
			good = append(good, c)
		} else {
			refused[c.key()] = true
		}
	}
	return apply(files, good), good
}

// sameRules tells whether two sets load equally well and match the same events.
func sameRules(a, b Result) bool {
	return a.count(condition.SeverityError) == b.count(condition.SeverityError) && maps.Equal(meanings(a.set), meanings(b.set))
}

// meanings gives for each rule what it does, in a form that can be compared.
func meanings(s *rule.Set) map[string]string {
	all := map[string]string{}
	for _, r := range s.Rules {
		text := "does not load: " + r.Condition
		if r.Node != nil {
			text = condition.SExpr(withoutDirection(r.Node))
		}
		all[r.Name] = strings.Join([]string{text, r.Output, r.Priority.String(), r.Source, fmt.Sprint(r.Tags, r.Enabled, r.WarnEventTypes,
			r.SkipUnknown, r.Capture, r.CaptureDuration), r.Description}, "\x00")
	}
	return all
}

// withoutDirection gives a condition without the checks evt.dir = <, which hold for every event, where they stand
// beside others that must hold.
func withoutDirection(n condition.Node) condition.Node {
	switch n := n.(type) {
	case *condition.And:
		var terms []condition.Node
		for _, t := range n.Terms {
			if !isReturn(t) {
				terms = append(terms, withoutDirection(t))
			}
		}
		switch len(terms) {
		case 0:
			return n
		case 1:
			return terms[0]
		}
		return &condition.And{Terms: flat(terms)}
	case *condition.Or:
		terms := make([]condition.Node, len(n.Terms))
		for i, t := range n.Terms {
			terms[i] = withoutDirection(t)
		}
		return &condition.Or{Terms: terms}
	case *condition.Not:
		return &condition.Not{Term: withoutDirection(n.Term)}
	}
	return n
}

// flat puts the terms of an And that is a term itself in its place, as the parser does when its parentheses go.
func flat(terms []condition.Node) []condition.Node {
	var out []condition.Node
	for _, t := range terms {
		if and, ok := t.(*condition.And); ok {
			out = append(out, and.Terms...)
			continue
		}
		out = append(out, t)
	}
	return out
}

func isReturn(n condition.Node) bool {
	c, ok := n.(*condition.Check)
	if !ok || c.Modifier != condition.ModifierNone {
		return false
	}
	f, isField := c.Left.(*condition.Field)
	t, isText := c.Right.(*condition.Text)
	return isField && isText && f.Name == "evt.dir" && (c.Op == condition.OpEq || c.Op == condition.OpEqEq) && t.Value == "<"
}

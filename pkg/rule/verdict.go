package rule

import (
	"cmp"
	"slices"

	"github.com/saker-security/saker/pkg/field"
)

// Verdict is what Falco says of one rules file, read after those before it.
type Verdict struct {
	File string
	// Errors has at most one entry: Falco stops at the first. Warnings are in the order in which Falco comes upon them,
	// and only those before the error.
	Errors, Warnings []Diagnostic
	// Unmet are the plugins that the file requires and that are not built in. Falco ends with that message alone.
	Unmet []Diagnostic
}

// Verdicts tells what Falco says of rules files that are loaded in order: the same codes, items, places and success,
// with our messages. Load is for people and finds more: Falco stops reading a file at its first error, does not
// compile then, stops compiling at the first error, and compiles all that was read so far after each file, so that an
// error of an earlier file comes again unless a later file corrects it. Findings that Falco does not have are left out.
func (o Options) Verdicts(files []File, catalogues map[string]*field.Catalogue) []Verdict {
	verdicts := make([]Verdict, len(files))
	for i := range files {
		verdicts[i] = o.verdict(files[:i+1], catalogues)
	}
	return verdicts
}

// verdict is that of the last file.
func (o Options) verdict(files []File, catalogues map[string]*field.Catalogue) Verdict {
	l := o.newLoader(catalogues)
	l.strict = true
	for i, f := range files {
		l.found = newFindings(map[string]int{})
		l.found.repeated = true
		l.found.order[f.Name] = i
		l.read(newSource(f))
	}
	v := Verdict{File: files[len(files)-1].Name}
	if !v.take(l.found.all) {
		l.found.all = nil
		l.resolve(0)
		l.set().compile(catalogues, l.found)
		if !v.take(l.found.all) {
			l.found.all = nil
			l.unused()
			v.take(l.found.all)
		}
	}
	return v
}

// take adds what Falco finds too up to its first error, and tells whether there is one.
func (v *Verdict) take(found []ranked) bool {
	slices.SortStableFunc(found, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.rank.stage, b.rank.stage), cmp.Compare(a.rank.item, b.rank.item), cmp.Compare(a.rank.step, b.rank.step))
	})
	for _, d := range found {
		switch {
		case d.Code == kindPlugin.code && d.Falco == "":
			v.Unmet = append(v.Unmet, d.Diagnostic)
		case d.Falco == "":
		case d.IsError():
			v.Errors = append(v.Errors, d.Diagnostic)
			return true
		default:
			v.Warnings = append(v.Warnings, d.Diagnostic)
		}
	}
	return false
}

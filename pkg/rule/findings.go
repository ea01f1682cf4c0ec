package rule

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/saker-security/saker/pkg/condition"
)

// problem is a finding at a stretch of a file.
type problem struct {
	kind          kind
	at            span
	message, hint string
	fixes         []Fix
	// suggestion is what to write in the place of what stands there.
	suggestion string
	// unclosed is the quotation mark of a text that has no end, for an error of YAML.
	unclosed string
	// cause is where the part of the file starts that an error of YAML is about, which may be noticed much later.
	cause int
	// path is the way to the place as Falco tells it; nil when it is that of the context.
	path []Location
}

// findings collects diagnostics, each place and code once.
type findings struct {
	all  []ranked
	seen map[findingKey]bool
	// order is the number of each file in the order of loading.
	order map[string]int
	// now is when Falco would come upon what is reported next.
	now rank
	// repeated keeps what is found in a macro for each rule that uses it.
	repeated bool
}

// ranked is a diagnostic with its place in the order in which Falco works.
type ranked struct {
	Diagnostic
	rank rank
}

// rank orders findings as Falco comes upon them. In the stage of reading their order is that in which they are found.
type rank struct{ stage, item, step int }

// The stages of loading and the steps of a rule.
const (
	stageRead = iota
	stageParseMacro
	stageMacro
	stageRule
	stageUnused
)

const (
	stepExceptions = iota
	stepOutput
	stepParse
	stepMacros
	stepWarnings
	stepCompile
	stepCompiled
	stepTypes
)

type findingKey struct {
	code, name string
	start, end Position
}

func newFindings(order map[string]int) *findings {
	return &findings{seen: map[findingKey]bool{}, order: order}
}

// maxFindings is how many findings are kept; a file that is no rules file at all can have millions.
const maxFindings = 1000

// add keeps d unless the same was found before: a macro is compiled for each rule that uses it. The last one that is
// kept stands for all that follow it.
func (f *findings) add(d Diagnostic) {
	key := findingKey{code: d.Code, start: d.Start, end: d.End}
	if f.repeated && f.now.stage == stageRule {
		key.name = fmt.Sprint(f.now.item)
	}
	if f.seen[key] {
		return
	}
	f.seen[key] = true
	if len(f.all) == maxFindings && !f.mustKeep(d.Severity) {
		d = Diagnostic{Severity: d.Severity, Code: "too-many-findings", Start: d.Start, End: d.Start,
			Message: fmt.Sprintf("there are more than %d findings, the others are not shown", maxFindings), Hint: "correct these first"}
	}
	f.all = append(f.all, ranked{d, f.now})
}

// full tells whether no more findings are kept: the last one that is stands for all that follow it.
func (f *findings) full(s condition.Severity) bool {
	if f.mustKeep(s) {
		return false
	}
	if len(f.all) > maxFindings {
		last := &f.all[maxFindings]
		last.Severity = min(last.Severity, s)
		return true
	}
	return s == condition.SeverityInfo && len(f.all) > maxFindings/2 // errors are more important
}

// mustKeep tells whether a finding is kept however many there are: in a verdict the success depends on the errors.
func (f *findings) mustKeep(s condition.Severity) bool {
	return f.repeated && s == condition.SeverityError && len(f.all) < 2*maxFindings
}

// report adds a finding at a stretch of a file, in the context c.
func (f *findings) report(file *source, c *context, p problem) {
	if f.full(p.kind.severity) {
		return
	}
	start := file.position(p.at.start)
	d := Diagnostic{
		Severity: p.kind.severity, Code: p.kind.code, Falco: p.kind.falco, Message: p.message, Hint: p.hint, Fixes: p.fixes,
		Start: start, End: file.position(max(p.at.start, p.at.end)), Line: file.line(start.Line),
	}
	if p.suggestion != "" {
		d.Fixes = file.replace(p.at, p.suggestion)
	}
	d.Item, d.Name = c.item()
	if d.Falco != "" {
		if d.Path = p.path; d.Path == nil {
			d.Path = c.path()
		}
	}
	f.add(d)
}

// reportRange adds a finding at a range of the texts.
func (f *findings) reportRange(t *texts, r condition.Range, p problem) {
	x, local, ok := t.locate(r)
	if !ok {
		return
	}
	file, at := x.place(local)
	p.at = at
	f.report(file, x.context, p)
}

// hasErrors tells whether one of the findings is an error.
func (f *findings) hasErrors() bool {
	return slices.ContainsFunc(f.all, func(r ranked) bool { return r.IsError() })
}

// sorted gives the diagnostics in the order of the files and of their places in them.
func (f *findings) sorted() []Diagnostic {
	slices.SortStableFunc(f.all, func(a, b ranked) int {
		return cmp.Or(
			cmp.Compare(f.order[a.Start.File], f.order[b.Start.File]),
			cmp.Compare(a.Start.Line, b.Start.Line),
			cmp.Compare(a.Start.Column, b.Start.Column),
			cmp.Compare(a.Severity, b.Severity),
			cmp.Compare(a.Code, b.Code),
		)
	})
	var out []Diagnostic
	for _, r := range f.all {
		out = append(out, r.Diagnostic)
	}
	return out
}

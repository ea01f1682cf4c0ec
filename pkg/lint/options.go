package lint

import (
	"slices"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/lint/analysis"
	"github.com/saker-security/saker/pkg/rule"
)

// Options say what Lint looks for and what it reports.
type Options struct {
	Catalogues map[string]*field.Catalogue
	Analysis   analysis.Options
	// Least is the least severity that is reported.
	Least condition.Severity
	// Config holds the severities and suppressions of a configuration file; nil for none.
	Config *Config
}

// Lint checks rules files as Check does, looks deeper for what can never be right or is hardly meant, and leaves out
// what comments in the files and the configuration suppress, and what is less severe than asked for.
func Lint(files []rule.File, o Options) Result {
	r := lintAll(files, o)
	reported := r.Findings[:0:0]
	for _, d := range r.Findings {
		if d.Severity > o.Least {
			r.Hidden[d.Severity]++
			continue
		}
		reported = append(reported, d)
	}
	r.Findings = reported
	return r
}

// lintAll is Lint with findings of all severities.
func lintAll(files []rule.File, o Options) Result {
	r := Check(files, o.Catalogues)
	analysis.Enrich(r.set, r.Findings, o.Catalogues)
	r.Findings = append(r.Findings, analysis.Check(r.set, r.Compiled, o.Analysis)...)
	r.Findings = append(r.Findings, oldNames(r.set)...)
	r.sort()
	complete := r.OK()
	s := newSuppressions(files, o.Config)
	kept := r.Findings[:0:0]
	for _, d := range r.Findings {
		o.Config.rate(&d)
		if s.covers(&d) {
			r.Suppressed++
			continue
		}
		kept = append(kept, d)
	}
	own := s.findings(complete)
	for i := range own {
		o.Config.rate(&own[i])
	}
	r.Findings = slices.DeleteFunc(append(kept, own...), func(d rule.Diagnostic) bool { return d.Severity == severityOff })
	r.sort()
	return r
}

package ruletest

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/engine"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// Rules are rules made ready to be tested. They are safe for concurrent use.
type Rules struct {
	// Set is what was read, Compiled what was made of it for events of both kinds, real and written ones.
	Set      *rule.Set
	Compiled *rule.Compiled

	// files are the names of the files.
	files   []string
	mu      sync.Mutex
	engines map[Settings]*engine.Engine
	// probes look into the conditions of a source. They are made when they are first needed.
	probes map[string]*probe
	// macros are the names of the macros whose condition a part of a rule is.
	macros map[condition.Node][]string
}

// Load reads rules files and makes them ready, switched on and off by the selections. catalogues are what the function
// Catalogues gives. The findings are those of the loader and the compiler in the order of the files; with an error among them the
// rules are nil. Selections without effect are left to the caller.
func Load(files []rule.File, selections []rule.Selection, catalogues map[string]*field.Catalogue) (*Rules, []rule.Unmatched, []rule.Diagnostic) {
	set, found := rule.Load(files, catalogues)
	unmatched := set.Select(selections)
	compiled, more := set.Compile(catalogues)
	found = append(found, more...)
	if rule.HasErrors(found) {
		return nil, nil, found
	}
	r := &Rules{Set: set, Compiled: compiled, engines: map[Settings]*engine.Engine{}, probes: map[string]*probe{},
		macros: map[condition.Node][]string{}}
	for _, f := range files {
		r.files = append(r.files, f.Name)
	}
	for _, m := range set.Macros {
		if m.Node != nil {
			r.macros[m.Node] = append(r.macros[m.Node], m.Name)
		}
	}
	return r, unmatched, found
}

// Engine gives the engine that evaluates the rules under the settings.
func (r *Rules) Engine(s Settings) *engine.Engine {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.engines[s]
	if g == nil {
		g = engine.New(r.Compiled, engine.Options{MatchAll: !s.FirstOnly, MinPriority: s.MinPriority})
		r.engines[s] = g
	}
	return g
}

// Rule finds a rule by its name; nil when there is none.
func (r *Rules) Rule(name string) *rule.CompiledRule {
	for _, source := range r.Compiled.Sources {
		for _, one := range source.Rules {
			if one.Name == name {
				return one
			}
		}
	}
	return nil
}

// Suggest names the rules whose names are most like name, as a hint; empty when there is none.
func (r *Rules) Suggest(name string) string {
	var names []string
	for _, one := range r.Set.Rules {
		names = append(names, one.Name)
	}
	if near := field.Nearest(name, names, 2); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	var part []string
	for _, n := range names {
		if strings.Contains(strings.ToLower(n), strings.ToLower(name)) {
			part = append(part, n)
		}
	}
	if len(part) > 0 && len(part) <= 5 {
		return "did you mean " + strings.Join(part, " or ") + "?"
	}
	return ""
}

// RulesError is the error of a test file whose rules cannot be used.
type RulesError struct {
	// File is the name of the test file.
	File string
	// Findings say why.
	Findings []rule.Diagnostic
}

// Error counts the findings and names the first.
func (e *RulesError) Error() string {
	bad := slices.DeleteFunc(slices.Clone(e.Findings), func(d rule.Diagnostic) bool { return !d.IsError() })
	slices.SortStableFunc(bad, func(a, b rule.Diagnostic) int { return cmp.Compare(a.Severity, b.Severity) })
	if len(bad) == 0 {
		return "the rules cannot be used"
	}
	return rule.Printable("the rules have " + plural(len(bad), "error") + ", the first is " + bad[0].Start.String() + ": " + bad[0].Message)
}

// probe gives the probe of a source.
func (r *Rules) probe(source string) *probe {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.probes[source]
	if p == nil {
		p = newProbe(r, r.Compiled.Sources[source])
		r.probes[source] = p
	}
	return p
}

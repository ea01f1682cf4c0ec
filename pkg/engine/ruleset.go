package engine

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/rule"
)

// ruleset is a compiled set made ready to run. It is immutable but for the pools and counters that it points to.
type ruleset struct {
	compiled *rule.Compiled
	// sources holds the sources that have at least one active rule.
	sources map[string]*source
}

// source is the active rules of one event source: those that are enabled and severe enough.
type source struct {
	program *program.Program
	counts  *sourceCounters
	// types is the union of what the rules can match.
	types *program.TypeSet
	// byType lists the rules for each event type of the source's table; unrestricted are those for any other type,
	// and for all types of a source without a table.
	byType       [][]*active
	unrestricted []*active
	runs         sync.Pool
}

// active is a rule that is looked at.
type active struct {
	rule    *rule.CompiledRule
	matches *atomic.Uint64
}

// newRuleset makes c ready to run. Counters of rules are taken over by name.
func newRuleset(c *rule.Compiled, o Options, counts *counters) *ruleset {
	set := &ruleset{compiled: c, sources: map[string]*source{}}
	for name, compiled := range c.Sources {
		var rules []*active
		for _, r := range compiled.Rules {
			n := counts.rule(r.Rule)
			if r.Enabled && r.Priority <= o.MinPriority {
				rules = append(rules, &active{r, n})
			}
		}
		if len(rules) > 0 {
			set.sources[name] = newSource(compiled, rules, counts.source(name))
		}
	}
	return set
}

func newSource(c *rule.Source, rules []*active, counts *sourceCounters) *source {
	s := &source{program: c.Program, counts: counts, runs: runsOf(c.Program)}
	for _, r := range rules {
		types := c.Program.Types(r.rule.Condition)
		if s.types == nil {
			s.types = types
		} else {
			s.types = s.types.Union(types)
		}
		if types.All() {
			s.unrestricted = append(s.unrestricted, r)
		}
	}
	s.byType = make([][]*active, len(c.Catalogue.Types()))
	for t := range s.byType {
		s.byType[t] = s.unrestricted
		list := rulesOfType(c.Program, rules, uint16(t))
		if len(list) > len(s.unrestricted) {
			s.byType[t] = slices.Clip(list)
		}
	}
	return s
}

// rulesOfType selects the rules that can match event type t, in order. Unrestricted rules are always among them.
func rulesOfType(p *program.Program, rules []*active, t uint16) []*active {
	var list []*active
	for _, r := range rules {
		if p.Types(r.rule.Condition).Has(t) {
			list = append(list, r)
		}
	}
	return list
}

// rulesFor lists the rules to look at for an event of type t.
func (s *source) rulesFor(t uint16) []*active {
	if int(t) < len(s.byType) {
		return s.byType[t]
	}
	return s.unrestricted
}

package engine

import (
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
	// matchAll is Options.MatchAll.
	matchAll bool
}

// source is the active rules of one event source: those that are enabled and severe enough.
type source struct {
	program *program.Program
	counts  *sourceCounters
	// types is the union of what the rules can match.
	types *program.TypeSet
	rules []*active // in the order of definition
	// byType has for each event type of the source's table the set of the numbers of the rules that can match it;
	// unrestricted is the set for any other type, and for all types of a source without a table.
	byType       [][]uint64
	unrestricted []uint64
	runs         sync.Pool
}

// active is a rule that is looked at.
type active struct {
	rule    *rule.CompiledRule
	matches *atomic.Uint64
}

// newRuleset makes c ready to run. Counters of rules are taken over by name.
func newRuleset(c *rule.Compiled, o Options, counts *counters) *ruleset {
	set := &ruleset{compiled: c, sources: map[string]*source{}, matchAll: o.MatchAll}
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
	s := &source{program: c.Program, counts: counts, rules: rules}
	ids := make([]program.ID, len(rules))
	for i, r := range rules {
		ids[i] = r.rule.Condition
		types := c.Program.Types(ids[i])
		if s.types == nil {
			s.types = types
		} else {
			s.types = s.types.Union(types)
		}
	}
	set := c.Program.NewSet(ids)
	s.runs.New = func() any { return &run{sieve: set.NewSieve()} }
	s.unrestricted = rulesWith(c.Program, ids, (*program.TypeSet).All)
	s.byType = make([][]uint64, len(c.Catalogue.Types()))
	for t := range s.byType {
		s.byType[t] = rulesWith(c.Program, ids, func(set *program.TypeSet) bool { return set.Has(uint16(t)) })
	}
	return s
}

// rulesWith gives the set of the numbers of the rules whose event types are as wanted.
func rulesWith(p *program.Program, ids []program.ID, wanted func(*program.TypeSet) bool) []uint64 {
	set := make([]uint64, (len(ids)+63)/64)
	for i, id := range ids {
		if wanted(p.Types(id)) {
			set[i>>6] |= 1 << (i & 63)
		}
	}
	return set
}

// rulesFor gives the set of the rules to look at for an event of type t. It must not be changed.
func (s *source) rulesFor(t uint16) []uint64 {
	if int(t) < len(s.byType) {
		return s.byType[t]
	}
	return s.unrestricted
}

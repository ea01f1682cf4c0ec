package engine

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// Reason says why an event was not evaluated.
type Reason string

// The reasons.
const (
	// ReasonUnknownSource: the event names a source that does not exist.
	ReasonUnknownSource Reason = "unknown_source"
	// ReasonNoRules: no rule of the event's source is enabled.
	ReasonNoRules Reason = "no_rules"
	// ReasonPanic: a rule panicked; the others were evaluated.
	ReasonPanic Reason = "panic"
)

// The reasons as indices of counters.
const (
	reasonUnknownSource = iota
	reasonNoRules
	reasonPanic
	reasonCount
)

var reasons = [reasonCount]Reason{ReasonUnknownSource, ReasonNoRules, ReasonPanic}

// Counts are the counters of an Engine since it was made. All only grow.
type Counts struct {
	// Sources are in the order of their names.
	Sources []SourceCounts
	// Rules are the rules of the present set, by the name of the source and in the order of definition, rules that are
	// not looked at included.
	Rules []RuleCounts
}

// SourceCounts counts the events of one source.
type SourceCounts struct {
	Source    string
	Evaluated uint64
	// NotEvaluated counts by reason; reasons that never occurred are left out.
	NotEvaluated map[Reason]uint64
}

// RuleCounts counts the matches of one rule.
type RuleCounts struct {
	Rule    *rule.Rule
	Matches uint64
}

// Counts reads the counters. They are read one after another while events may be evaluated, so their sums can be off
// by the events of that moment.
func (g *Engine) Counts() Counts {
	var c Counts
	g.sourcesByName.Range(func(_, v any) bool {
		c.Sources = append(c.Sources, v.(*sourceCounters).read())
		return true
	})
	slices.SortFunc(c.Sources, func(a, b SourceCounts) int { return strings.Compare(a.Source, b.Source) })
	compiled := g.current.Load().compiled
	names := make([]string, 0, len(compiled.Sources))
	for name := range compiled.Sources {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, r := range compiled.Sources[name].Rules {
			c.Rules = append(c.Rules, RuleCounts{r.Rule, g.rule(r.Rule).Load()})
		}
	}
	return c
}

// counters outlive the sets of rules.
type counters struct {
	swapping      sync.Mutex
	sourcesByName sync.Map // string → *sourceCounters
	rulesByName   sync.Map // ruleKey → *atomic.Uint64
}

type ruleKey struct{ source, name string }

type sourceCounters struct {
	name         string
	evaluated    atomic.Uint64
	notEvaluated [reasonCount]atomic.Uint64
}

func (s *sourceCounters) read() SourceCounts {
	c := SourceCounts{Source: s.name, Evaluated: s.evaluated.Load()}
	for i := range s.notEvaluated {
		if n := s.notEvaluated[i].Load(); n > 0 {
			if c.NotEvaluated == nil {
				c.NotEvaluated = map[Reason]uint64{}
			}
			c.NotEvaluated[reasons[i]] = n
		}
	}
	return c
}

// source gives the counters of a source, made when there are none.
func (c *counters) source(name string) *sourceCounters {
	if s, ok := c.sourcesByName.Load(name); ok {
		return s.(*sourceCounters)
	}
	name = strings.Clone(name)
	s, _ := c.sourcesByName.LoadOrStore(name, &sourceCounters{name: name})
	return s.(*sourceCounters)
}

// rule gives the counter of a rule, made when there is none.
func (c *counters) rule(r *rule.Rule) *atomic.Uint64 {
	key := ruleKey{r.Source, r.Name}
	if n, ok := c.rulesByName.Load(key); ok {
		return n.(*atomic.Uint64)
	}
	n, _ := c.rulesByName.LoadOrStore(key, new(atomic.Uint64))
	return n.(*atomic.Uint64)
}

// reasonFor tells why an event of a source without active rules is not evaluated.
func (g *Engine) reasonFor(set *ruleset, source string) int {
	if set.compiled.Sources[source] != nil {
		return reasonNoRules
	}
	switch source {
	case event.SourceSyscall, event.SourceK8sAudit, event.SourceInternal:
		return reasonNoRules
	}
	return reasonUnknownSource
}

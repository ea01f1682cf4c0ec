// Package engine runs compiled rules: it is given one event after another and tells which rules match.
//
// Only the rules that can match an event of its type and with its values of the fields that many rules ask for (the
// verb and the resource of an audit event, say) are looked at, and what they have in common is evaluated once (see
// package condition/program). Every event is counted, as evaluated or as not evaluated with the reason.
package engine

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// Options say which rules are looked at, and for how long.
type Options struct {
	// MatchAll reports every rule that matches an event; without it only the first one, in the order of definition.
	MatchAll bool
	// MinPriority leaves out the rules that are less severe. Mind its zero value, which leaves only emergencies:
	// rule.PriorityDebug leaves out none.
	MinPriority rule.Priority
}

// Engine evaluates events against the rules that it was last given. It is safe for concurrent use.
type Engine struct {
	current atomic.Pointer[ruleset]
	counters
}

// New makes an Engine that runs c.
func New(c *rule.Compiled, options Options) *Engine {
	g := &Engine{}
	g.Swap(c, options)
	return g
}

// Swap replaces all rules and the options at once. Events that are being evaluated finish with those that they began
// with. The counters go on; a rule is the same when its name and source are.
func (g *Engine) Swap(c *rule.Compiled, options Options) {
	g.swapping.Lock()
	defer g.swapping.Unlock()
	g.current.Store(newRuleset(c, options, &g.counters))
}

// Types tells which event types some enabled rule of the source can match, nil when no rule of it is enabled. Sensors
// use it to capture only what is asked for.
func (g *Engine) Types(source string) *program.TypeSet {
	s := g.current.Load().sources[source]
	if s == nil {
		return nil
	}
	return s.types
}

// Fields lists the fields that conditions of the source can read, those of disabled rules included.
func (g *Engine) Fields(source string) []program.Use {
	s := g.current.Load().sources[source]
	if s == nil {
		return nil
	}
	return s.program.Fields()
}

// Evaluate calls emit for each rule that matches e, in the order of definition. The event must stay valid until it
// returns; emit must not keep it.
//
// A panic while a rule is evaluated is a defect of an extractor that e brought to light. It does not stop the other
// rules from being looked at, so that nobody can hide behind it; the event is counted as not evaluated and the first
// panic is returned as a *PanicError. There are no other errors. A panic of emit is passed on. A rule that cannot match
// for another reason is not evaluated and does not panic.
func (g *Engine) Evaluate(e *event.Event, emit func(*rule.CompiledRule)) error {
	set := g.current.Load()
	source := set.sources[e.Source]
	if source == nil {
		g.source(e.Source).notEvaluated[g.reasonFor(set, e.Source)].Add(1)
		return nil
	}
	r := source.runs.Get().(*run)
	err := r.evaluate(e, source, set.matchAll)
	if err != nil {
		source.counts.notEvaluated[reasonPanic].Add(1)
	} else {
		source.counts.evaluated.Add(1)
	}
	for _, a := range r.matched {
		a.matches.Add(1)
		emit(a.rule)
	}
	source.runs.Put(r)
	return err
}

// run is what the evaluation of one event needs.
type run struct {
	sieve   *program.Sieve
	matched []*active
	err     error
}

// evaluate leaves the rules that match in r.matched and returns the first panic.
func (r *run) evaluate(e *event.Event, s *source, all bool) error {
	r.sieve.Begin(e, s.rulesFor(e.Type))
	r.matched, r.err = r.matched[:0], nil
	for more := true; more && (all || len(r.matched) == 0); {
		more = r.next(s.rules)
	}
	r.sieve.End() // do not keep the event alive
	return r.err
}

// next goes on to the next rule that matches or panics. It returns false when there is none.
func (r *run) next(rules []*active) (more bool) {
	defer func() {
		if p := recover(); p != nil {
			if r.err == nil {
				r.err = &PanicError{Rule: rules[r.sieve.Current()].rule.Name, Value: p, Stack: debug.Stack()}
			}
			more = true
		}
	}()
	i := r.sieve.Next()
	if i < 0 {
		return false
	}
	r.matched = append(r.matched, rules[i])
	return true
}

// PanicError is a panic that was caught while a rule was evaluated.
type PanicError struct {
	// Rule is the name of the rule.
	Rule string
	// Value is what panic was called with.
	Value any
	// Stack is where, as debug.Stack writes it.
	Stack []byte
}

// Error names the rule and the cause.
func (e *PanicError) Error() string {
	return fmt.Sprintf("evaluate rule %q: panic: %v", e.Rule, e.Value)
}

package alert

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/saker-security/saker/pkg/format"
	"github.com/saker-security/saker/pkg/rule"
)

// Statistics counts alerts by priority and by rule. It is safe for concurrent use.
type Statistics struct {
	mu         sync.Mutex
	total      uint64
	priorities [rule.PriorityDebug + 1]uint64
	rules      map[string]uint64
	order      []string
}

// NewStatistics makes statistics that list the rules in the order of names; rules that are not among them follow in
// the order of their first alert.
func NewStatistics(names ...string) *Statistics {
	s := &Statistics{rules: map[string]uint64{}}
	for _, n := range names {
		s.name(n)
	}
	return s
}

func (s *Statistics) name(n string) {
	if _, ok := s.rules[n]; !ok {
		s.rules[n] = 0
		s.order = append(s.order, n)
	}
}

// Add counts an alert.
func (s *Statistics) Add(a *Alert) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total++
	s.priorities[min(a.Priority, rule.PriorityDebug)]++
	s.name(a.Rule)
	s.rules[a.Rule]++
}

// Total gives the number of alerts.
func (s *Statistics) Total() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// Rule gives the number of alerts of a rule.
func (s *Statistics) Rule(name string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rules[name]
}

// Counts gives the number of alerts by the name of their priority and by rule; those without any are left out.
func (s *Statistics) Counts() (priorities, rules map[string]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	priorities, rules = map[string]uint64{}, map[string]uint64{}
	for p, n := range s.priorities {
		if n > 0 {
			priorities[rule.Priority(p).String()] = n
		}
	}
	for name, n := range s.rules {
		if n > 0 {
			rules[name] = n
		}
	}
	return priorities, rules
}

// WriteTo writes the block that Falco prints when it ends. Priorities and rules without alerts are left out.
func (s *Statistics) WriteTo(w io.Writer) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "Events detected: %d\nRule counts by severity:\n", s.total)
	for p, n := range s.priorities {
		if n > 0 {
			fmt.Fprintf(&b, "   %s: %d\n", rule.Priority(p).Short(), n)
		}
	}
	b.WriteString("Triggered rules by rule name:\n")
	for _, name := range s.order {
		if n := s.rules[name]; n > 0 {
			fmt.Fprintf(&b, "   %s: %d\n", format.AppendEscaped(nil, name), n)
		}
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

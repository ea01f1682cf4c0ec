package ruletest

import (
	"fmt"
	"io"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/rule"
)

// Coverage tells which rules the tests made fire, and which parts of the conditions they saw come out both ways. Its
// JSON is what saker test --coverage-file writes.
type Coverage struct {
	// Files are the rules files that were loaded together.
	Files []string       `json:"files"`
	Rules []RuleCoverage `json:"rules"`
	// RulesFired counts the rules that fired; BranchesSeen counts the outcomes that were seen of the Branches that there
	// are, two for each part of a condition.
	RulesFired   int `json:"rulesFired"`
	BranchesSeen int `json:"branchesSeen"`
	Branches     int `json:"branches"`
}

// RuleCoverage is the coverage of one rule.
type RuleCoverage struct {
	Rule string `json:"rule"`
	File string `json:"file"`
	Line int    `json:"line"`
	// Fired counts the tests in which the rule fired.
	Fired        int `json:"fired"`
	BranchesSeen int `json:"branchesSeen"`
	Branches     int `json:"branches"`
	// Missed are the outcomes that no event brought about.
	Missed []Missed `json:"missed,omitempty"`
}

// Missed is a part of a condition that never came out one way.
type Missed struct {
	Text   string `json:"text"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	// NeverTrue and NeverFalse say which; with both the part was never reached at all.
	NeverTrue  bool `json:"neverTrue"`
	NeverFalse bool `json:"neverFalse"`
}

// coverage reads what the probes noted.
func (r *Rules) coverage(results []*Result) *Coverage {
	c := &Coverage{Files: r.files}
	fired := map[string]int{}
	for _, result := range results {
		if result.rules == r {
			for name := range result.fired {
				fired[name]++
			}
		}
	}
	for _, one := range r.Set.Rules {
		compiled := r.Rule(one.Name)
		if compiled == nil {
			continue // of a source that there is not
		}
		rc := RuleCoverage{Rule: one.Name, File: one.Pos.File, Line: one.Pos.Line, Fired: fired[one.Name]}
		r.probe(one.Source).trees[one.Name].count(&rc, "the condition")
		if rc.Fired > 0 {
			c.RulesFired++
		}
		c.BranchesSeen += rc.BranchesSeen
		c.Branches += rc.Branches
		c.Rules = append(c.Rules, rc)
	}
	return c
}

// count adds the outcomes of a part, which is called name if that is not empty, and of what is below it. A negation has
// none of its own.
func (b *branch) count(rc *RuleCoverage, name string) {
	if _, not := b.node.(*condition.Not); !not {
		no, yes := b.seen[0].Load(), b.seen[1].Load()
		rc.Branches += 2
		for _, seen := range []bool{no, yes} {
			if seen {
				rc.BranchesSeen++
			}
		}
		if !no || !yes {
			if name == "" {
				name = b.label()
			}
			rc.Missed = append(rc.Missed, Missed{Text: name, File: b.pos.File, Line: b.pos.Line, Column: b.pos.Column, NeverTrue: !yes, NeverFalse: !no})
			if !no && !yes {
				b.skip(rc)
				return
			}
		}
	}
	for _, k := range b.kids {
		k.count(rc, "")
	}
}

// skip counts the outcomes below a part that was never reached, without naming them.
func (b *branch) skip(rc *RuleCoverage) {
	for _, k := range b.kids {
		if _, not := k.node.(*condition.Not); !not {
			rc.Branches += 2
		}
		k.skip(rc)
	}
}

// label names a part: by its macro, or as it is written.
func (b *branch) label() string {
	const longest = 100
	if len(b.macros) > 0 {
		return b.macros[0]
	}
	text := condition.Print(b.node)
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}

// WriteText writes a line for each rule, the missed outcomes below it, and the sums.
func (c *Coverage) WriteText(w io.Writer) error {
	var b strings.Builder
	width := 0
	for _, r := range c.Rules {
		width = max(width, min(len(rule.Printable(r.Rule)), 60))
	}
	names := strings.Join(c.Files, ", ")
	fmt.Fprintf(&b, "coverage of %s\n%-*s  %5s  %9s\n", rule.Printable(names), width, "RULE", "FIRED", "BRANCHES")
	for _, r := range c.Rules {
		fmt.Fprintf(&b, "%-*s  %5d  %9s\n", width, rule.Printable(r.Rule), r.Fired, fmt.Sprintf("%d/%d", r.BranchesSeen, r.Branches))
		for _, m := range r.Missed {
			what := "never true"
			switch {
			case m.NeverTrue && m.NeverFalse:
				what = "never reached"
			case m.NeverFalse:
				what = "never false"
			}
			pos := rule.Position{File: m.File, Line: m.Line, Column: m.Column}
			fmt.Fprintf(&b, "    %s: %s: %s\n", rule.Printable(pos.String()), what, rule.Printable(m.Text))
		}
	}
	fmt.Fprintf(&b, "%d of %s fired (%s), %d of %s seen (%s)\n", c.RulesFired, plural(len(c.Rules), "rule"), percent(c.RulesFired, len(c.Rules)),
		c.BranchesSeen, branches(c.Branches), percent(c.BranchesSeen, c.Branches))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the coverage: %w", err)
	}
	return nil
}

func branches(n int) string {
	if n == 1 {
		return "1 branch"
	}
	return fmt.Sprintf("%d branches", n)
}

func percent(n, of int) string {
	if of == 0 {
		return "100.0 %"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(of))
}

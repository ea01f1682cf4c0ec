package policy

import (
	"fmt"
	"slices"
	"strings"

	internal "k8s.io/apiserver/pkg/apis/audit"
)

// finding tells of a group.
func (c *checker) finding(g *group) Finding {
	f := Finding{Kind: g.kind, PolicyRule: g.rule + 1, Line: c.policy.lineOf(g.rule)}
	if g.fields != "" {
		f.Fields = strings.Split(g.fields, ", ")
	}
	who := g.spread.String()
	ruleText := c.policy.nameOf(g.rule)
	switch g.kind {
	case NotRecorded:
		if g.rule < 0 {
			f.Message = fmt.Sprintf("not recorded, since no rule of the policy takes them: %s", who)
		} else {
			f.Message = fmt.Sprintf("not recorded by %s (level None): %s", ruleText, who)
		}
		c.advise(&f, g)
	case StageOmitted:
		f.Message = fmt.Sprintf("the rule waits for the stage %s, which %s omits: %s", g.stage, c.policy.omitter(g.rule, g.stage, &f), who)
		f.Advice = fmt.Sprintf("take %s out of the omitStages at line %d", g.stage, f.Line)
	case LevelTooLow:
		f.Message = fmt.Sprintf("%s records at level %s, without the %s that %s: %s", ruleText, g.level, c.missing(g), readBy(f.Fields), who)
		c.advise(&f, g)
	case PartMissing:
		f.Message = fmt.Sprintf("one of the alternatives of the condition is never true, since %s records at level %s, without the %s that %s: %s", ruleText, g.level, c.missing(g), readBy(f.Fields), who)
		c.advise(&f, g)
	case BlindCheck:
		f.Message = fmt.Sprintf("the rule fires also where its condition excludes it, since %s records at level %s, without the %s that %s: %s", ruleText, g.level, c.missing(g), readBy(f.Fields), who)
		if g.stage == received {
			f.Message = fmt.Sprintf("the rule fires in the stage %s, in which there is no body yet, also where its condition excludes it by %s: %s", received, strings.Join(f.Fields, ", "), who)
			f.Advice = "add RequestReceived to the omitStages of the policy, or ask for ka.stage = ResponseComplete in the rule"
		} else {
			c.advise(&f, g)
		}
	case OutputEmpty:
		f.Message = fmt.Sprintf("alerts show <NA> for %s, since %s records at level %s: %s", strings.Join(f.Fields, ", "), ruleText, g.level, who)
		c.advise(&f, g)
	}
	return f
}

func readBy(fields []string) string {
	if len(fields) == 1 {
		return fields[0] + " reads"
	}
	return strings.Join(fields, ", ") + " read"
}

// missing names the bodies that a group lacks.
func (c *checker) missing(g *group) string {
	most := levelMetadata
	for _, a := range c.subject.atoms {
		for _, f := range a.fields {
			if slices.Contains(strings.Split(g.fields, ", "), f) && a.reads.body > g.level {
				most = max(most, a.reads.body)
			}
		}
	}
	if most == levelResponse && g.level < levelRequest {
		return "request and response object"
	}
	if most == levelResponse {
		return "response object"
	}
	return "request object"
}

// advise says which rules to add to the policy, and before which one.
func (c *checker) advise(f *Finding, g *group) {
	boxes := boxesOf(c.subject, g.demands)
	sortBoxes(boxes)
	var w strings.Builder
	d := draft{}
	for _, s := range c.policy.spec.OmitStages {
		d.omit = append(d.omit, string(s))
	}
	for i, b := range boxes {
		e := &entry{box: *b}
		d.omitStages(e, b.stages, boxes[i+1:])
		e.omit = slices.DeleteFunc(e.omit, func(s string) bool { return s == panicked })
		e.yaml(&w)
	}
	f.Add, f.Before, f.BeforeLine = w.String(), g.rule+1, c.policy.lineOf(g.rule)
	f.Advice = "add behind the last rule of the policy"
	if g.rule >= 0 {
		f.Advice = fmt.Sprintf("add before rule %d of the policy (line %d)", f.Before, f.BeforeLine)
	}
}

// lineOf is the line of a rule of the policy, 0 for none.
func (p *Policy) lineOf(number int) int {
	if number < 0 || number >= len(p.places.rules) {
		return 0
	}
	return p.places.rules[number].line
}

func (p *Policy) nameOf(number int) string {
	if number < 0 {
		return "the policy"
	}
	return fmt.Sprintf("rule %d of the policy (line %d)", number+1, p.lineOf(number))
}

// omitter says who omits a stage, and puts the line of it into the finding.
func (p *Policy) omitter(number int, stage string, f *Finding) string {
	if slices.Contains(p.spec.OmitStages, internal.Stage(stage)) {
		f.PolicyRule, f.Line = 0, p.places.omitStages
		return "the policy"
	}
	if number >= 0 && p.places.rules[number].omitStages > 0 {
		f.Line = p.places.rules[number].omitStages
	}
	return fmt.Sprintf("rule %d of the policy", number+1)
}

// shadows are notes about rules of the policy that never take a request, because those before take all of theirs.
func (p *Policy) shadows(signs *parts) (out []Note) {
	x := newSearch(&subject{formula: &formula{kind: '&'}, constants: map[aspect][]string{}, judge: &judge{}}, p.spec, signs)
	taken := map[int]bool{}
	all := x.each(func(c *cell) bool {
		if n := p.decide(c.asked).rule; n >= 0 {
			taken[n] = true
		}
		return len(taken) < len(p.spec.Rules)
	})
	if !all && len(taken) < len(p.spec.Rules) {
		return []Note{{p.places.top, "the policy tells apart too many kinds of requests to look for rules that never take one"}}
	}
	for i := range p.spec.Rules {
		if !taken[i] {
			out = append(out, Note{p.lineOf(i), fmt.Sprintf("rule %d never takes a request: the rules before it take all of them", i+1)})
		}
	}
	return out
}

// volume are notes about rules of the policy that record more than any rule reads.
func (p *Policy) volume(used []usage) (out []Note) {
	for i, r := range p.spec.Rules {
		l := parseLevel(string(r.Level))
		switch need := used[i].level; {
		case l > levelMetadata && need < l && need > levelNone:
			out = append(out, Note{p.lineOf(i), fmt.Sprintf("rule %d records at level %s, and no rule needs more than %s of it", i+1, l, need)})
		case l > levelMetadata && need == levelNone:
			out = append(out, Note{p.lineOf(i), fmt.Sprintf("rule %d records bodies at level %s, and no rule looks at its requests", i+1, l)})
		case l == levelMetadata && need == levelNone:
			out = append(out, Note{p.lineOf(i), fmt.Sprintf("rule %d records requests that no rule looks at", i+1)})
		}
	}
	return out
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	internal "k8s.io/apiserver/pkg/apis/audit"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// Verdict is what a policy does to a rule.
type Verdict string

// The verdicts, from the best to the worst.
const (
	// CanFire: everything that the rule is about is recorded.
	CanFire Verdict = "can fire"
	// Blind: the rule fires, also where it should not, since a body that it excludes by is not recorded.
	Blind Verdict = "blind"
	// InPart: some of what the rule is about is recorded.
	InPart Verdict = "in part"
	// Idle: the condition is false for every event, as when a list that it asks for is empty.
	Idle Verdict = "idle"
	// CannotTell: the rule was not looked at wholly, and nothing was found that it misses.
	CannotTell Verdict = "cannot tell"
	// Never: nothing that the policy records makes the rule fire, save for what no client commonly does.
	Never Verdict = "never"
)

// The kinds of findings.
const (
	NotRecorded  = "not-recorded" // the policy does not record the requests
	StageOmitted = "stage-omitted"
	LevelTooLow  = "level-too-low"  // the bodies without which the rule never fires are not recorded
	PartMissing  = "part-missing"   // bodies of one of the rule's alternatives are not recorded
	BlindCheck   = "blind-check"    // bodies by which the rule excludes are not recorded
	OutputEmpty  = "output-missing" // the output shows <NA>
	Impossible   = "impossible"     // no event is as the condition asks, whatever is recorded
	Unclear      = "unclear"
)

// Finding is something that a policy takes from a rule.
type Finding struct {
	Kind string `json:"kind"`
	// PolicyRule is the number of the rule of the policy, from 1, and 0 for none; Line is the line of it, or of its
	// omitStages.
	PolicyRule int    `json:"policyRule"`
	Line       int    `json:"line"`
	Message    string `json:"message"`
	// Fields are those of the rule that read what is missing.
	Fields []string `json:"fields,omitempty"`
	// Advice is what to change, Add the rules to add to the policy, as YAML, before the rule with number Before: behind
	// all for 0.
	Advice     string `json:"advice,omitempty"`
	Add        string `json:"add,omitempty"`
	Before     int    `json:"before,omitempty"`
	BeforeLine int    `json:"beforeLine,omitempty"`
}

// RuleReport is what a policy does to one rule.
type RuleReport struct {
	Rule    string  `json:"rule"`
	File    string  `json:"file"`
	Line    int     `json:"line"`
	Verdict Verdict `json:"verdict"`
	// Remains says for which requests the rule can fire where others, which the findings name, are not recorded.
	Remains  string    `json:"remains,omitempty"`
	Findings []Finding `json:"findings"`
}

// Report is what a policy does to all rules.
type Report struct {
	Policy string       `json:"policy"`
	Rules  []RuleReport `json:"rules"`
	Notes  []Note       `json:"notes"`
}

// Count counts the rules with a verdict.
func (r *Report) Count(v Verdict) (n int) {
	for i := range r.Rules {
		if r.Rules[i].Verdict == v {
			n++
		}
	}
	return n
}

// enabled gives the rules of source k8s_audit that are switched on.
func enabled(c *rule.Compiled) (*rule.Source, []*rule.CompiledRule, error) {
	src := c.Sources[event.SourceK8sAudit]
	if src == nil {
		return nil, nil, errNoRules
	}
	var out []*rule.CompiledRule
	for _, r := range src.Rules {
		if r.Enabled {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return nil, nil, errNoRules
	}
	return src, out, nil
}

// Check tells for each enabled rule of source k8s_audit whether it can fire under the policy. "never" is never
// wrong for users that have the groups that the API server gives them, which Remains names; "can fire" means that nothing
// was found.
func Check(p *Policy, c *rule.Compiled) (*Report, error) {
	src, rules, err := enabled(c)
	if err != nil {
		return nil, err
	}
	out := &Report{Policy: p.Name, Rules: []RuleReport{}, Notes: append([]Note{}, p.Notes...)}
	signs := partsOf(p.spec)
	used := make([]usage, len(p.spec.Rules))
	for _, r := range rules {
		ch := &checker{policy: p, signs: &signs, used: used, subject: newSubject(r, src.Catalogue)}
		out.Rules = append(out.Rules, ch.check(r))
	}
	shadowed := p.shadows(&signs)
	out.Notes = append(out.Notes, shadowed...)
	for _, n := range p.volume(used) {
		if !slices.ContainsFunc(shadowed, func(s Note) bool { return s.Line == n.Line }) {
			out.Notes = append(out.Notes, n)
		}
	}
	slices.SortStableFunc(out.Notes, func(a, b Note) int { return cmp.Compare(a.Line, b.Line) })
	return out, nil
}

// usage is what the rules need of what a rule of the policy takes.
type usage struct{ level level }

// checker looks at one rule.
type checker struct {
	policy  *Policy
	signs   *parts
	used    []usage
	subject *subject
	search  *search

	groups map[groupKey]*group
	order  []*group
	// ever tells that the rule can fire, never mind how; hardly that it can by requests that no client makes; meant that it
	// could with everything recorded.
	ever, hardly, meant bool
	lost                bool
	// fed are the requests for which it can fire, odd those of them that are not as clients commonly make them.
	fed, odd remains
	// bare are requests that fulfil the condition but for bodies that they never have.
	bare bare
}

// groupKey is what findings have in common that are told as one.
type groupKey struct {
	kind, stage, fields string
	rule                int
	level               level
}

// group is a finding with the requests that it is about.
type group struct {
	groupKey
	spread  spread
	demands []demand
}

func (c *checker) check(r *rule.CompiledRule) RuleReport {
	out := RuleReport{Rule: r.Name, File: r.Pos.File, Line: r.Pos.Line, Verdict: CannotTell, Findings: []Finding{}}
	if c.subject == nil {
		out.Findings = append(out.Findings, Finding{Kind: Unclear, Message: fmt.Sprintf("the condition has more than %d different checks, so it was not looked at", maxAtoms)})
		return out
	}
	if c.subject.idle() {
		out.Verdict = Idle
		return out
	}
	c.search = newSearch(c.subject, c.policy.spec, c.signs)
	c.groups = map[groupKey]*group{}
	all := c.search.each(c.cell)
	for _, g := range c.order {
		out.Findings = append(out.Findings, c.finding(g))
	}
	slices.SortStableFunc(out.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(kindOrder, a.Kind), slices.Index(kindOrder, b.Kind)), cmp.Compare(a.PolicyRule, b.PolicyRule))
	})
	impossible := c.impossible(all)
	out.Findings = append(out.Findings, impossible...)
	out.Verdict = c.verdict(all)
	switch {
	case out.Verdict == CannotTell && all && !c.meant && len(impossible) > 0:
		out.Verdict = Never
	case out.Verdict == CannotTell:
		out.Findings = append(out.Findings, c.unclear(all))
	}
	if c.lost {
		out.Remains = c.remains()
	}
	return out
}

var kindOrder = []string{NotRecorded, StageOmitted, LevelTooLow, PartMissing, BlindCheck, OutputEmpty}

func (c *checker) verdict(all bool) Verdict {
	blind, part := false, c.lost
	for _, g := range c.order {
		blind = blind || g.kind == BlindCheck
		part = part || g.kind == PartMissing
	}
	switch {
	case c.ever && part:
		return InPart
	case c.ever && blind:
		return Blind
	case !all || !c.meant || c.subject.whole:
		return CannotTell
	case c.ever, c.hardly && !c.lost:
		return CanFire
	}
	return Never
}

func (c *checker) unclear(all bool) Finding {
	f := Finding{Kind: Unclear}
	switch {
	case !all:
		f.Message = fmt.Sprintf("rule and policy tell apart more than %d kinds of requests, so not all were looked at", maxCells)
	case c.subject.whole:
		f.Message = "the condition searches the whole event as one text, so what it needs of the bodies is not known"
	default:
		f.Message = "no request is known that fulfils the condition, whatever the policy records; see saker lint"
	}
	return f
}

// cell looks at one sample request.
func (c *checker) cell(x *cell) bool {
	d := c.policy.decide(x.asked)
	l := parseLevel(string(d.config.Level))
	wanted, fed, fires := false, false, false
	for _, stage := range stages {
		if !c.search.fires(x, stage, levelResponse) {
			continue
		}
		c.meant, fires = true, true
		real := x.isReal(stage) && !x.exotic
		wanted = wanted || real
		if l == levelNone || slices.Contains(d.config.OmitStages, internal.Stage(stage)) || !c.search.fires(x, stage, l) {
			continue
		}
		c.ever, c.hardly = c.ever || !x.hardly, c.hardly || x.hardly
		if real {
			fed = true
			c.inspect(x, d, stage, l)
			c.fed.add(x)
		} else {
			c.odd.add(x)
		}
	}
	if !fires {
		c.bare.add(x)
	}
	if wanted && !fed && !c.withheld(x, l) {
		c.lost = true
		c.tell(x, d, l)
	}
	// What a rule of the policy records and is needed already cannot be told as too much.
	if d.rule >= 0 && wanted && c.used[d.rule].level < l {
		c.used[d.rule].level = max(c.used[d.rule].level, needOf(c.search, x, preferred(c.search, x), true))
	}
	return true
}

// withheld tells whether a rule that does not name the resource is without bodies in which credentials travel: that is
// as it should be.
func (c *checker) withheld(x *cell, l level) bool {
	most := x.picks[aTarget].target.withheld()
	return l >= most && most < levelResponse && !c.search.names(x)
}

// inspect looks at what is missing where the rule fires.
func (c *checker) inspect(x *cell, d decision, stage string, l level) {
	if c.withheld(x, l) {
		return
	}
	found := c.search.defects(x, stage, l)
	if len(found.lost) > 0 {
		c.add(x, PartMissing, d.rule, l, stage, found.lost)
	}
	if len(found.blind) > 0 {
		c.add(x, BlindCheck, d.rule, l, stage, found.blind)
	}
	if len(c.subject.shows) == 0 || !c.search.names(x) || stage != preferred(c.search, x) {
		return
	}
	var missing []string
	for _, s := range c.subject.shows {
		if s.has(x, stage) && !there(x, stage, l, s.body) && s.body <= x.picks[aTarget].target.withheld() {
			missing = append(missing, s.name)
		}
	}
	if len(missing) > 0 {
		c.group(x, groupKey{OutputEmpty, stage, strings.Join(missing, ", "), d.rule, l})
	}
}

// tell says why the rule cannot fire for a request.
func (c *checker) tell(x *cell, d decision, l level) {
	omitted := func(stage string) bool { return slices.Contains(c.policy.spec.OmitStages, internal.Stage(stage)) }
	if l == levelNone {
		c.group(x, groupKey{kind: NotRecorded, rule: d.rule})
		if stage := preferred(c.search, x); omitted(stage) {
			c.group(x, groupKey{kind: StageOmitted, stage: stage, rule: -1})
		}
		return
	}
	for _, stage := range stages {
		if !x.isReal(stage) || !c.search.fires(x, stage, levelResponse) {
			continue
		}
		switch {
		case omitted(stage):
			c.group(x, groupKey{kind: StageOmitted, stage: stage, rule: -1})
			return
		case slices.Contains(d.config.OmitStages, internal.Stage(stage)):
			c.group(x, groupKey{kind: StageOmitted, stage: stage, rule: d.rule, level: l})
			return
		}
		c.add(x, LevelTooLow, d.rule, l, stage, c.bodies(x, stage, l))
		return
	}
}

// bodies gives the atoms that a level leaves without their body.
func (c *checker) bodies(x *cell, stage string, l level) (out []int) {
	for i, a := range c.subject.atoms {
		if a.positive && a.reads.body > levelMetadata && !there(x, stage, l, a.reads.body) && there(x, stage, levelResponse, a.reads.body) {
			out = append(out, i)
		}
	}
	return out
}

// add adds a request to the finding about these atoms.
func (c *checker) add(x *cell, kind string, policyRule int, l level, stage string, atoms []int) {
	var fields []string
	for _, i := range atoms {
		for _, f := range c.subject.atoms[i].fields {
			if !slices.Contains(fields, f) {
				fields = append(fields, f)
			}
		}
	}
	c.group(x, groupKey{kind, stage, strings.Join(fields, ", "), policyRule, l})
}

// group adds a request to a finding.
func (c *checker) group(x *cell, key groupKey) {
	g := c.groups[key]
	if g == nil {
		g = &group{groupKey: key}
		c.groups[key] = g
		c.order = append(c.order, g)
	}
	g.spread.add(x)
	stage := preferred(c.search, x)
	g.demands = append(g.demands, demand{x.picks, needOf(c.search, x, stage, true), stage})
}

// names tells whether the rule is about the cell's target in particular: bodies are not recorded for every resource only
// because an output shows them.
func (x *search) names(c *cell) bool {
	t := c.picks[aTarget].target
	return !x.general() || slices.Contains(x.subject.resources, t.resource) || slices.Contains(x.subject.subresources, t.subresource)
}

// general tells whether the rule may fire for a resource that it does not name.
func (x *search) general() bool {
	if x.isGeneral == 0 {
		x.isGeneral = no + 1
		value := slices.Repeat([]truth{open}, len(x.subject.atoms))
		for _, t := range x.things[aTarget] {
			for _, like := range alike(t) {
				if like.target.resource == other && like.target.subresource == "" && like.target.group == otherGroup {
					for _, i := range x.single[aTarget] {
						value[i] = t.value[i]
					}
					x.isGeneral = x.subject.formula.eval(value) + 1
				}
			}
		}
	}
	return x.isGeneral > no+1
}

// preferred is the stage in which the rule is fed best: at the end, or for sessions when they open.
func preferred(s *search, x *cell) string {
	if x.isReal(started) && x.request.verb != "watch" && s.names(x) && s.fires(x, started, levelResponse) && len(s.defects(x, started, levelResponse).lost) == 0 {
		return started
	}
	for _, stage := range stages {
		if s.fires(x, stage, levelResponse) {
			return stage
		}
	}
	return complete
}

// needOf is the lowest level that takes nothing from the rule in a stage. With shown it counts what the output shows.
func needOf(s *search, x *cell, stage string, shown bool) level {
	need := levelResponse
	for l := levelMetadata; l < levelResponse; l++ {
		if !s.fires(x, stage, l) {
			continue
		}
		if d := s.defects(x, stage, l); !d.better(s.defects(x, stage, levelResponse)) {
			need = l
			break
		}
	}
	if shown && s.names(x) {
		for _, f := range s.subject.shows {
			if f.has(x, stage) {
				need = max(need, min(f.body, x.picks[aTarget].target.withheld()))
			}
		}
	}
	return need
}

// better tells whether fewer defects are possible: most is what is left with everything recorded.
func (d defect) better(most defect) bool {
	return len(d.lost) > len(most.lost) || len(d.blind) > len(most.blind)
}

package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/rule"
)

// Options says what a generated policy records beyond what the conditions of the rules need.
type Options struct {
	// ConditionsOnly leaves out bodies that only outputs show: the events are shorter, and alerts show <NA> instead.
	ConditionsOnly bool
	// MetadataForRest records at level Metadata what no rule looks at, save for the noise of the cluster itself, for
	// looking back after an incident.
	MetadataForRest bool
	// SecretBodies records the bodies of requests in which credentials travel when a rule asks for them.
	SecretBodies bool
}

// Generate writes an audit policy that records what the enabled rules of source k8s_audit need, and little else, as
// YAML whose comments say which rules need what. The same rules give the same bytes. It is a pure function.
func Generate(rules *rule.Compiled, o Options) ([]byte, error) {
	src, all, err := enabled(rules)
	if err != nil {
		return nil, err
	}
	g := &generator{options: o}
	subjects := make([]*subject, len(all))
	for i, r := range all {
		subjects[i] = newSubject(r, src.Catalogue)
	}
	g.senders = newSenders(subjects)
	for i, r := range all {
		g.rule(r, subjects[i])
	}
	if len(g.boxes) == 0 {
		return nil, errors.New("none of the rules looks at any request: no event is as they ask for, such as one of an empty list; see saker audit policy check")
	}
	g.boxes = tidy(g.boxes)
	return g.draft().yaml(), nil
}

// generator collects what the rules need.
type generator struct {
	options Options
	boxes   []*box
	senders *senders
	// withheld are rules with resources whose bodies they ask for and do not get; unclear are rules of which it is not
	// known what they need.
	withheld []string
	unclear  []string
}

// rule adds the boxes of one rule.
func (g *generator) rule(r *rule.CompiledRule, s *subject) {
	if s == nil {
		g.everything(r.Name, levelResponse)
		return
	}
	if s.idle() {
		return
	}
	x := newSearch(s, nil, nil, g.senders.users...)
	var real, exotic []demand
	all := x.each(func(c *cell) bool {
		stage := preferred(x, c)
		if !x.fires(c, stage, levelResponse) {
			return true
		}
		need := needOf(x, c, stage, !g.options.ConditionsOnly)
		if most := c.picks[aTarget].target.withheld(); need > most && !g.options.SecretBodies {
			add(&g.withheld, fmt.Sprintf("%s (%s)", r.Name, c.picks[aTarget].target))
			need = most
		}
		d := demand{c.picks, need, stage}
		if !c.hardly {
			g.senders.ask(d)
		}
		if c.exotic || !c.isReal(stage) {
			exotic = append(exotic, d)
		} else {
			real = append(real, d)
		}
		return true
	})
	if len(real) == 0 {
		real = exotic
	}
	if !all || s.whole {
		most := levelMetadata
		for _, a := range s.atoms {
			most = max(most, a.reads.body)
		}
		if s.whole {
			most = levelResponse
		}
		g.everything(r.Name, most)
		return
	}
	g.boxes = append(g.boxes, unitsOf(s, real)...)
}

// everything records all requests for a rule of which it is not known what it needs.
func (g *generator) everything(name string, l level) {
	g.unclear = append(g.unclear, name)
	g.senders.askAll()
	b := box{level: l, everyResource: true, stages: slices.Clone(stages), rules: []string{name}}
	p := b
	p.everyResource, p.everyPath, p.level = false, true, levelMetadata
	g.boxes = append(g.boxes, &b, &p)
}

// draft is a policy in the making.
type draft struct {
	// omit are the stages that no rule needs.
	omit     []string
	rules    []*entry
	withheld []string
	unclear  []string
}

// entry is a rule of a draft.
type entry struct {
	box
	// omit are the stages that it leaves out besides those of the draft.
	omit []string
	// why is the comment of a rule that no rule of Saker needs.
	why string
}

// draft makes the rules of the policy.
func (g *generator) draft() *draft {
	d := &draft{withheld: g.withheld, unclear: g.unclear}
	var needed []string
	for _, b := range g.boxes {
		for _, s := range b.stages {
			add(&needed, s)
		}
	}
	if g.options.MetadataForRest {
		add(&needed, complete)
		add(&needed, panicked)
	}
	for _, s := range []string{received, started, complete, panicked} {
		if !slices.Contains(needed, s) {
			d.omit = append(d.omit, s)
		}
	}
	if slices.ContainsFunc(g.boxes, func(b *box) bool { return b.everyResource }) {
		d.rules = g.senders.entries()
	}
	for i, b := range g.boxes {
		if !g.options.SecretBodies && b.everyResource {
			d.guard(b)
		}
		e := &entry{box: *b}
		d.omitStages(e, b.stages, g.boxes[i+1:])
		if !g.options.MetadataForRest {
			d.rules = append(d.rules, exceptions(b, g.boxes[i+1:])...)
		}
		d.rules = append(d.rules, e)
	}
	if last := g.boxes[len(g.boxes)-1]; g.options.MetadataForRest {
		d.rules = append(d.rules, noise(g.boxes)...)
		d.rules = append(d.rules, &entry{box: box{level: levelMetadata, everyResource: true, everyPath: true}, omit: nil,
			why: "All the rest, for looking back: no rule needs it."})
	} else if !(last.everyResource && last.everyPath) {
		d.rules = append(d.rules, &entry{box: box{level: levelNone, everyResource: true, everyPath: true}, why: "No rule looks at anything else."})
	}
	return d
}

// guard keeps credentials out of a box for all resources that records bodies.
func (d *draft) guard(b *box) {
	for _, l := range []level{levelMetadata, levelRequest} {
		e := &entry{box: box{level: l, verbs: b.verbs, users: b.users, members: b.members, namespaces: b.namespaces}, why: "In these bodies credentials travel."}
		for _, resource := range []string{"secrets", "serviceaccounts/token", "tokenreviews"} {
			name, sub, _ := strings.Cut(resource, "/")
			if t := (target{resource: name, subresource: sub}); t.withheld() == l && l < b.level {
				e.resources = append(e.resources, kinds[name].groups[0]+" "+resource)
			}
		}
		if len(e.resources) > 0 {
			d.omitStages(e, b.stages, nil)
			d.rules = append(d.rules, e)
		}
	}
}

// omitStages leaves out what neither the box nor those behind it with the same requests need.
func (d *draft) omitStages(e *entry, own []string, behind []*box) {
	need := slices.Clone(own)
	for _, o := range behind {
		if e.meets(o) {
			for _, s := range o.stages {
				add(&need, s)
			}
		}
	}
	for _, s := range []string{received, started, complete, panicked} {
		if !slices.Contains(need, s) && !slices.Contains(d.omit, s) {
			e.omit = append(e.omit, s)
		}
	}
}

// exceptions are rules that record nothing of what a box for everything holds and no rule needs.
func exceptions(b *box, behind []*box) (out []*entry) {
	try := func(e box, why string) {
		e.level, e.rules = levelNone, nil
		for _, o := range behind {
			// What a box behind leaves out itself is no loss there.
			if e.meets(o) && !(len(e.users) > 0 && hasAll(o.noUsers, e.users)) && !(len(e.resources) > 0 && hasAll(o.noResources, e.resources)) && !(len(e.paths) > 0 && hasAll(o.noPaths, e.paths)) {
				return
			}
		}
		out = append(out, &entry{box: e, why: why})
	}
	if len(b.noUsers) > 0 {
		try(box{users: b.noUsers, verbs: b.verbs, everyResource: b.everyResource, everyPath: b.everyPath}, "What these users do besides is in no rule.")
	}
	if len(b.noResources) > 0 {
		try(box{resources: b.noResources, verbs: b.verbs, users: b.users, members: b.members}, "These resources are in none of the rules below.")
	}
	if len(b.noPaths) > 0 {
		try(box{paths: b.noPaths, verbs: b.verbs, users: b.users, members: b.members}, "These paths are in none of the rules below.")
	}
	return out
}

// noise is what a cluster does all day by itself, as far as no box needs it.
func noise(boxes []*box) (out []*entry) {
	for _, e := range []*entry{
		{box: box{resources: []string{"coordination.k8s.io leases"}}, why: "The heartbeats of the cluster."},
		{box: box{resources: []string{" events", "events.k8s.io events"}}, why: "Events, of which there are many."},
		{box: box{users: []string{"system:apiserver", "system:kube-controller-manager", "system:kube-proxy", "system:kube-scheduler"}, verbs: readVerbs, everyResource: true}, why: "Reads of the control plane."},
		{box: box{members: []string{nodesGroup}, verbs: readVerbs, everyResource: true}, why: "Reads of the kubelets."},
		{box: box{paths: []string{"/healthz*", "/livez*", "/openapi/*", "/readyz*", "/version"}}, why: "Health, version and the description of the API."},
	} {
		// A box before takes its requests first; one for everything has taken all.
		if !slices.ContainsFunc(boxes, func(b *box) bool {
			return b.everyResource && b.verbs == nil && b.users == nil && b.members == nil && e.isResources()
		}) {
			out = append(out, e)
		}
	}
	return out
}

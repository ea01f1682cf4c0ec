package policy

import "slices"

// at gives what is known of the atoms when the cell's event is recorded in a stage at a level. Atoms that need a body that
// is there are open.
func (x *search) at(c *cell, stage string, l level) []truth {
	v := x.scratch
	copy(v, c.value)
	for _, i := range x.bodies {
		if !there(c, stage, l, x.subject.atoms[i].reads.body) {
			v[i] = no
		}
	}
	if stage == received {
		for _, i := range x.answers {
			v[i] = no
		}
	}
	for n, i := range x.timed {
		v[i] = x.inStage[stage][n]
	}
	for _, i := range x.late {
		v[i] = x.subject.judge.askOnce(x.subject.atoms, i, c.request, stage)
	}
	return v
}

// there tells whether a body is in the event of a stage at a level. A path has no bodies, and what only
// reads sends none.
func there(c *cell, stage string, l, body level) bool {
	if !c.request.isResource || l < body || stage == received {
		return false
	}
	if body == levelRequest && slices.Contains(readVerbs, c.request.verb) {
		return false
	}
	return body <= levelRequest || stage == complete || stage == panicked
}

// isReal tells whether a stage is one that a request like the cell goes through when nothing breaks.
func (c *cell) isReal(stage string) bool {
	return stage == complete || stage == received || stage == started && c.picks[aTarget].target.isLong(c.request.verb)
}

// fires tells whether the rule may fire for the cell in a stage at a level.
func (x *search) fires(c *cell, stage string, l level) bool {
	return x.subject.formula.eval(x.at(c, stage, l)) != no
}

// defect is what a level takes from a rule that fires all the same.
type defect struct {
	// lost are atoms that would make the rule fire, blind those that would keep it from it.
	lost, blind []int
}

// maxBodies is how many checks of bodies are looked at one by one.
const maxBodies = 48

// defects finds what the rule misses of the bodies in a stage at a level.
func (x *search) defects(c *cell, stage string, l level) (d defect) {
	bodies := x.bodies[:min(len(x.bodies), maxBodies)]
	var missing []int
	for _, i := range bodies {
		if !there(c, stage, l, x.subject.atoms[i].reads.body) {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return d
	}
	v := x.at(c, stage, l)
	if x.subject.formula.eval(v) == no {
		return d
	}
	x.blind(c, v, missing, &d)
	for _, i := range bodies {
		v[i] = no
	}
	for _, i := range missing {
		a := x.subject.atoms[i]
		if a.positive && there(c, stage, levelResponse, a.reads.body) && x.decides(v, i, bodies, missing) {
			d.lost = append(d.lost, i)
		}
	}
	return d
}

// decides tells whether atom i can make the condition true where it is false without it: alone, or with one of those
// that are there.
func (x *search) decides(v []truth, i int, bodies, missing []int) bool {
	turns := func() bool {
		before := x.subject.formula.eval(v)
		v[i] = yes
		now := x.subject.formula.eval(v)
		v[i] = no
		return before == no && now != no
	}
	if turns() {
		return true
	}
	for _, k := range bodies {
		if slices.Contains(missing, k) {
			continue
		}
		v[k] = yes
		found := turns()
		v[k] = no
		if found {
			return true
		}
	}
	return false
}

// blind finds the missing atoms that would have kept the rule from firing. v is not changed.
func (x *search) blind(c *cell, v []truth, missing []int, d *defect) {
	var negative []int
	for _, i := range missing {
		// What no event of the request has is no loss.
		if a := x.subject.atoms[i]; !a.negative || !there(c, complete, levelResponse, a.reads.body) {
			continue
		}
		negative = append(negative, i)
		v[i] = yes
		if x.subject.formula.eval(v) == no {
			d.blind = append(d.blind, i)
		}
		v[i] = no
	}
	if len(d.blind) > 0 {
		return
	}
	for _, i := range negative {
		v[i] = yes
	}
	if x.subject.formula.eval(v) == no {
		d.blind = negative
	}
	for _, i := range negative {
		v[i] = no
	}
}

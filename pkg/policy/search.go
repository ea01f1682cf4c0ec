package policy

import (
	"slices"
	"strings"

	internal "k8s.io/apiserver/pkg/apis/audit"
)

// maxCells is how many sample requests are looked at for one rule.
const maxCells = 400_000

// The stages of requests, those first that carry most.
const (
	complete = string(internal.StageResponseComplete)
	started  = string(internal.StageResponseStarted)
	received = string(internal.StageRequestReceived)
	panicked = string(internal.StagePanic)
)

var stages = []string{complete, started, received, panicked}

// cell is a sample request that a rule may be about.
type cell struct {
	request request
	// asked is the request as the policy sees it: a policy does not know the name of what is being created.
	asked  request
	picks  [numThings]*choice
	exotic bool
	// hardly tells that no client makes such a request of an API server; respelled that its path is written in another way.
	hardly, respelled bool
	value             []truth
}

// search goes through the sample requests that make a difference to a rule under a policy.
type search struct {
	subject *subject
	things  [numThings][]*choice
	// single are the atoms of one thing, several those that need the whole request, late those that need the stage, too,
	// and timed those that need nothing else; inStage is what these say of each stage.
	single                             [numThings][]int
	several, late, timed, uris, always []int
	inStage                            map[string][]truth
	// bodies are the atoms that need a body, answers those that the stage RequestReceived knows nothing of.
	bodies, answers []int
	cells           int
	// spaces are the namespaces that make a difference.
	spaces []string
	// isGeneral is what general found plus one, 0 before.
	isGeneral truth
	scratch   []truth
}

// newSearch prepares the search for a rule; p and its parts may be nil for no policy. The users are told apart besides
// those that rule and policy name.
func newSearch(s *subject, p *internal.Policy, signs *parts, users ...string) *search {
	x := &search{subject: s, scratch: make([]truth, len(s.atoms))}
	x.sort()
	var n names
	n.addSubject(s)
	n.users = append(n.users, users...)
	if p != nil {
		n.addPolicy(p)
	}
	// A namespace is named as one and as an object.
	n.namespaces, n.objects = append(n.namespaces, n.objects...), append(n.objects, n.namespaces...)
	for _, c := range withOther(n.namespaces) {
		x.spaces = append(x.spaces, c.text)
	}
	x.things[aTarget] = x.classes(aTarget, n.targets(), signs)
	x.things[aVerb] = x.classes(aVerb, n.verbChoices(), signs)
	x.things[aNamespace] = x.classes(aNamespace, withOther(n.namespaces), signs)
	x.things[aName] = x.classes(aName, withOther(n.objects), signs)
	// Users and groups are told apart on their own first: there are too many pairs.
	named := x.classes(aCaller, texts(n.userNames()), signs)
	groups := x.classes(aCaller, groupChoices(n.members), signs)
	x.things[aCaller] = x.classes(aCaller, callers(everyLike(named), memberships(groups)), signs)
	return x
}

// everyLike splits classes of users by the groups that their names imply.
func everyLike(classes []*choice) (out []*choice) {
	for _, c := range classes {
		byGroups := map[string]*choice{}
		for _, like := range append([]*choice{c}, c.likes...) {
			key := strings.Join(implied(like.text), "\n")
			if first := byGroups[key]; first != nil {
				first.likes = append(first.likes, like)
				continue
			}
			first := &choice{text: like.text}
			byGroups[key] = first
			out = append(out, first)
		}
	}
	return out
}

func groupChoices(groups []string) (out []*choice) {
	for _, g := range unique(groups, true) {
		out = append(out, &choice{text: other, groups: []string{g}})
	}
	return out
}

// sort puts each atom where it can be decided.
func (x *search) sort() {
	for i, a := range x.subject.atoms {
		aspects := a.reads.aspects
		if a.reads.body > levelMetadata {
			x.bodies = append(x.bodies, i)
		}
		if aspects&ofAnswer != 0 {
			x.answers = append(x.answers, i)
		}
		switch {
		case a.never():
			x.always = append(x.always, i)
		case aspects == ofURI && a.reads.body == 0:
			x.uris = append(x.uris, i)
		case !a.isKnown():
		case aspects == ofStage:
			x.timed = append(x.timed, i)
		case aspects&ofStage != 0:
			x.late = append(x.late, i)
		default:
			x.sortKnown(i, aspects)
		}
	}
	x.inStage = map[string][]truth{}
	for _, stage := range stages {
		value := make([]truth, len(x.subject.atoms))
		x.subject.judge.ask(x.subject.atoms, x.timed, request{}, stage, value)
		for _, i := range x.timed {
			x.inStage[stage] = append(x.inStage[stage], value[i])
		}
	}
}

func (x *search) sortKnown(i int, aspects aspect) {
	for thing, of := range thingAspects {
		if aspects&^of == 0 && aspects != 0 {
			x.single[thing] = append(x.single[thing], i)
			return
		}
	}
	if aspects == 0 {
		x.always = append(x.always, i) // compares constants: nothing can be known to be wrong with it
		return
	}
	x.several = append(x.several, i)
}

// classes joins choices between which neither the rule nor the policy sees a difference.
func (x *search) classes(thing int, all []*choice, signs *parts) []*choice {
	byKey := map[string]*choice{}
	var out []*choice
	for _, c := range all {
		c.value = make([]truth, len(x.subject.atoms))
		r := request{isResource: true} // a path has no namespace to ask for
		c.put(thing, &r)
		x.subject.judge.ask(x.subject.atoms, x.single[thing], r, complete, c.value)
	}
	x.doubt(thing, all)
	var key []byte
	for _, c := range all {
		key = key[:0]
		for _, i := range x.single[thing] {
			key = append(key, byte('0'+c.value[i]))
		}
		if signs != nil {
			key = signs.sign(thing, c, key)
		}
		key = append(mark(key, c.exotic, c.lacking), byte('0'+c.target.withheld()))
		switch thing {
		case aTarget:
			key = mark(key, c.target.isResource, c.target.isLong(""), c.target.takes("create"), c.target.takes("get"), c.target.takes("watch"),
				c.target.group == core && c.target.resource == "namespaces")
		case aVerb:
			key = mark(key, slices.Contains(resourceVerbs, c.text), slices.Contains(pathVerbs, c.text), c.text == "watch", nameless(c.text),
				c.text == "create", c.text == "get")
			if x.subject.readsBodies() {
				key = mark(key, slices.Contains(readVerbs, c.text), deletes(c.text))
			}
		case aNamespace, aName:
			key = mark(key, c.text == "")
		}
		key = x.signURI(thing, c, key)
		if first := byKey[string(key)]; first != nil {
			first.likes = append(append(first.likes, c), c.likes...)
			continue
		}
		byKey[string(key)] = c
		out = append(out, c)
	}
	return out
}

// mark appends what is true of a choice.
func mark(key []byte, facts ...bool) []byte {
	for _, fact := range facts {
		if fact {
			key = append(key, '1')
		} else {
			key = append(key, '0')
		}
	}
	return key
}

// signURI tells what the checks of the URI say of a choice, whatever else is chosen.
func (x *search) signURI(thing int, c *choice, key []byte) []byte {
	if len(x.uris) == 0 || thing != aTarget && thing != aNamespace {
		return key
	}
	if thing == aNamespace {
		for _, uri := range x.subject.constants[ofURI] {
			if strings.Contains(uri, "/namespaces/"+c.text) {
				return append(key, c.text...)
			}
		}
		return key
	}
	for _, space := range x.spaces {
		for _, verb := range []string{"get", "watch"} {
			r := request{verb: verb, namespace: space}
			c.put(thing, &r)
			forms, loose := formsOf(r, false), formsOf(r, true)
			for _, i := range x.uris {
				for _, f := range forms {
					key = append(key, byte('0'+x.subject.atoms[i].uri(r, f)))
				}
				key = append(key, byte('0'+x.subject.atoms[i].spelled(r, loose)))
			}
		}
	}
	return key
}

// doubt opens the checks of which it is not known which texts fit, such as regular expressions, for what nobody names.
func (x *search) doubt(thing int, all []*choice) {
	for _, i := range x.single[thing] {
		if x.subject.atoms[i].simple {
			continue
		}
		for _, c := range all {
			if c.isUnnamed() {
				c.value[i] = open
			}
		}
	}
}

// each calls visit for the cells that the rule may be about, until it returns false. It tells whether all were looked
// at: not when they are too many.
func (x *search) each(visit func(c *cell) bool) (all bool) {
	c := &cell{value: make([]truth, len(x.subject.atoms))}
	for i := range c.value {
		c.value[i] = open
	}
	for _, i := range x.always {
		if x.subject.atoms[i].never() {
			c.value[i] = no
		}
	}
	return x.choose(c, 0, visit)
}

func (x *search) choose(c *cell, thing int, visit func(c *cell) bool) bool {
	if thing == numThings {
		return x.finish(c, visit)
	}
	before := c.request
	exotic, hardly := c.exotic, c.hardly
	for _, pick := range x.things[thing] {
		c.request, c.picks[thing] = before, pick
		c.exotic, c.hardly = exotic || pick.exotic, hardly || pick.lacking
		pick.put(thing, &c.request)
		for _, i := range x.single[thing] {
			c.value[i] = pick.value[i]
		}
		if !c.fits(thing) || x.subject.formula.eval(c.value) == no {
			continue
		}
		if !x.choose(c, thing+1, visit) {
			return false
		}
	}
	for _, i := range x.single[thing] {
		c.value[i] = open
	}
	c.request, c.exotic, c.hardly = before, exotic, hardly
	return true
}

// fits drops what cannot be and marks what hardly is.
func (c *cell) fits(thing int) bool {
	r := &c.request
	switch thing {
	case aVerb:
		if r.isResource && !slices.Contains(resourceVerbs, r.verb) || !r.isResource && !slices.Contains(pathVerbs, r.verb) ||
			!c.picks[aTarget].target.takes(r.verb) {
			c.exotic = true
		}
	case aNamespace:
		return r.isResource || r.namespace == ""
	case aName:
		if nameless(r.verb) && r.name != "" && r.verb != "create" {
			c.exotic = true
		}
		if r.group == core && r.resource == "namespaces" && !c.isNamespace() {
			c.exotic, c.hardly = true, true
		}
		return r.isResource || r.name == ""
	}
	return true
}

// isNamespace tells whether a request about namespaces is as API servers have it: the name of a namespace in a path is its
// namespace too; a new one and a list of them have none.
func (c *cell) isNamespace() bool {
	r := &c.request
	if nameless(r.verb) && r.subresource == "" && (r.namespace == "" || r.verb != "watch") {
		return r.namespace == ""
	}
	name := c.picks[aName]
	same := func(text string) bool {
		return text == name.text || slices.ContainsFunc(name.likes, func(like *choice) bool { return like.text == text })
	}
	for _, space := range append([]*choice{c.picks[aNamespace]}, c.picks[aNamespace].likes...) {
		if space.text != "" && same(space.text) {
			r.namespace, r.name = space.text, space.text
			return true
		}
	}
	return false
}

// nameless tells whether a request of this verb has no name in its path.
func nameless(verb string) bool {
	return verb == "create" || verb == "list" || verb == "watch" || verb == "deletecollection"
}

func (x *search) finish(c *cell, visit func(c *cell) bool) bool {
	if x.cells++; x.cells > maxCells {
		return false
	}
	exotic := c.exotic
	c.asked = c.request
	if c.request.verb == "create" && c.request.subresource == "" {
		c.asked.name = ""
	}
	for _, i := range x.several {
		c.value[i] = x.subject.judge.askOnce(x.subject.atoms, i, c.request, complete)
		if !x.subject.atoms[i].simple && c.value[i] == no {
			c.value[i] = open
		}
	}
	going := x.paths(c, visit)
	for _, i := range append(x.uris, x.several...) {
		c.value[i] = open
	}
	c.exotic, c.respelled = exotic, false
	return going
}

// paths calls visit for a cell with its path as it is commonly written, and as it can be written besides.
func (x *search) paths(c *cell, visit func(c *cell) bool) (going bool) {
	if len(x.uris) == 0 {
		return x.subject.formula.eval(c.value) == no || visit(c)
	}
	for _, f := range formsOf(c.request, false) {
		for _, i := range x.uris {
			c.value[i] = x.subject.atoms[i].uri(c.request, f)
		}
		if x.subject.formula.eval(c.value) != no && !visit(c) {
			return false
		}
	}
	loose := formsOf(c.request, true)
	for _, i := range x.uris {
		c.value[i] = x.subject.atoms[i].spelled(c.request, loose)
	}
	c.exotic, c.respelled = true, true
	return x.subject.formula.eval(c.value) == no || visit(c)
}

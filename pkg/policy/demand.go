package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// demand is what a rule needs of the requests that a cell stands for.
type demand struct {
	picks [numThings]*choice
	level level
	stage string
}

// box is a rule of a policy in the making: all requests with one of verbs by one of users about one of targets.
type box struct {
	level level
	// verbs, namespaces and users are nil for all. Of users and members at most one is set.
	verbs, namespaces, users, members []string
	// every tells that all resources (or with paths all paths) are meant; both that all requests are.
	everyResource, everyPath bool
	// resources are "GROUP RESOURCE"; paths are as policies write them.
	resources, paths []string
	stages           []string
	// rules are the names of the rules that need it.
	rules []string
	// noUsers, noResources and noPaths are what no rule needs of a box for everything.
	noUsers, noResources, noPaths []string
}

// hull collects the demands on one target at one level.
type hull struct {
	level                      level
	verbs, namespaces, callers []*choice
	stages                     []string
}

// boxesOf turns the demands of a rule into boxes that hold them all, one for each target and level, and joins them.
func boxesOf(s *subject, demands []demand) []*box { return tidy(unitsOf(s, demands)) }

// unitsOf gives the boxes before they are joined.
func unitsOf(s *subject, demands []demand) (out []*box) {
	hulls := map[*choice]*[levelResponse + 1]*hull{}
	var order []*choice
	for _, d := range demands {
		t := d.picks[aTarget]
		if hulls[t] == nil {
			hulls[t] = &[levelResponse + 1]*hull{}
			order = append(order, t)
		}
		h := hulls[t][d.level]
		if h == nil {
			h = &hull{level: d.level}
			hulls[t][d.level] = h
		}
		add(&h.verbs, d.picks[aVerb])
		add(&h.namespaces, d.picks[aNamespace])
		add(&h.callers, d.picks[aCaller])
		add(&h.stages, d.stage)
	}
	byKey := map[string]*box{}
	targets := map[*box][]target{}
	var boxes []*box
	for _, c := range order {
		for _, h := range hulls[c] {
			if h == nil {
				continue
			}
			b := h.box(s, c.target.isResource)
			key := fmt.Sprintf("%v %q %q %q %q %q %v", h.level, b.verbs, b.namespaces, b.users, b.members, b.stages, c.target.isResource)
			if byKey[key] == nil {
				byKey[key] = b
				b.rules = []string{s.rule.Name}
				boxes = append(boxes, b)
			}
			b = byKey[key]
			for _, like := range alike(c) {
				targets[b] = append(targets[b], like.target)
			}
		}
	}
	for _, b := range boxes {
		b.about(targets[b])
		b.except(s, demands)
		out = append(out, b.units()...)
	}
	return out
}

// units splits a box into boxes of one target each. A box for everything stays one.
func (b *box) units() (out []*box) {
	if b.everyResource || b.everyPath {
		return []*box{b}
	}
	for _, r := range b.resources {
		if base, sub, _ := strings.Cut(r, "/"); sub != "" && sub != "*" && slices.Contains(b.resources, base+"/*") {
			continue
		}
		u := b.clone()
		u.resources = []string{r}
		out = append(out, u)
	}
	for _, p := range b.paths {
		u := b.clone()
		u.paths = []string{p}
		out = append(out, u)
	}
	return out
}

// clone copies what join changes.
func (b *box) clone() *box {
	c := *b
	c.verbs, c.users, c.stages, c.rules = slices.Clone(b.verbs), slices.Clone(b.users), slices.Clone(b.stages), slices.Clone(b.rules)
	c.resources, c.paths = nil, nil
	return &c
}

// tidy joins boxes of one target each, so that no request is in more than it needs to be.
func tidy(units []*box) []*box {
	units = mergeBy(units, "", "verbs")
	sortBoxes(units)
	units = dropHeld(units)
	for i, b := range units {
		units[i] = b.without(units[:i])
	}
	units = slices.DeleteFunc(units, func(b *box) bool { return b == nil })
	units = mergeBy(units, "", "targets")
	sortBoxes(units)
	return whole(units)
}

// without takes from a box the verbs for which boxes before it hold all of it. It is nil when nothing is left.
func (b *box) without(before []*box) *box {
	verbs := b.verbs
	if verbs == nil {
		verbs = pathVerbs
		if b.isResources() {
			verbs = resourceVerbs
		}
	}
	var left []string
	for _, v := range verbs {
		one := *b
		one.verbs = []string{v}
		holder := slices.IndexFunc(before, func(o *box) bool { return o != nil && o.covers(&one) })
		if holder < 0 {
			left = append(left, v)
			continue
		}
		before[holder].needed(b)
	}
	if len(left) == len(verbs) {
		return b
	}
	if len(left) == 0 {
		return nil
	}
	b.verbs = left
	return b
}

// needed notes that o is in b.
func (b *box) needed(o *box) {
	for _, r := range o.rules {
		add(&b.rules, r)
	}
	for _, s := range o.stages {
		add(&b.stages, s)
	}
}

// dropHeld drops the boxes that others hold.
func dropHeld(boxes []*box) (out []*box) {
	dropped := map[*box]bool{}
	for _, b := range boxes {
		for _, o := range boxes {
			// A box for everything does not take over a stage of a few: all of its requests would have it.
			if o != b && !dropped[o] && o.covers(b) && (hasAll(o.stages, b.stages) || !o.everyResource && !o.everyPath) {
				o.needed(b)
				dropped[b] = true
				break
			}
		}
		if !dropped[b] {
			out = append(out, b)
		}
	}
	return slices.DeleteFunc(out, func(b *box) bool { return dropped[b] })
}

// whole joins a box for all resources and one for all paths, where they are otherwise the same.
func whole(boxes []*box) (out []*box) {
	for _, b := range boxes {
		i := slices.IndexFunc(out, func(o *box) bool {
			return o.level == b.level && o.everyResource != b.everyResource && o.everyPath != b.everyPath && o.everyResource != o.everyPath && b.everyResource != b.everyPath &&
				o.verbs == nil && b.verbs == nil && slices.Equal(o.users, b.users) && slices.Equal(o.members, b.members) &&
				o.namespaces == nil && b.namespaces == nil && slices.Equal(o.noUsers, b.noUsers)
		})
		if i < 0 {
			out = append(out, b)
			continue
		}
		o := out[i]
		o.needed(b)
		o.everyResource, o.everyPath = true, true
		o.noResources, o.noPaths = append(o.noResources, b.noResources...), append(o.noPaths, b.noPaths...)
	}
	return out
}

func add[T comparable](list *[]T, item T) {
	if !slices.Contains(*list, item) {
		*list = append(*list, item)
	}
}

// box makes the box of a hull, without its targets.
func (h *hull) box(s *subject, isResource bool) *box {
	b := &box{level: h.level, stages: slices.Sorted(slices.Values(h.stages))}
	universe := pathVerbs
	if isResource {
		universe = resourceVerbs
	}
	verbs := likeTexts(h.verbs)
	for _, v := range universe {
		if slices.Contains(verbs, v) {
			b.verbs = append(b.verbs, v)
		}
	}
	if len(b.verbs) == len(universe) || len(b.verbs) == 0 {
		b.verbs = nil
	}
	if isResource {
		if namespaces := likeTexts(h.namespaces); !slices.ContainsFunc(namespaces, isOpen) {
			b.namespaces = unique(namespaces, false)
		}
	}
	b.callers(s, h.callers)
	return b
}

func isOpen(text string) bool { return strings.Contains(text, other) }

func likeTexts(choices []*choice) (out []string) {
	for _, c := range choices {
		for _, like := range alike(c) {
			add(&out, like.text)
		}
	}
	return out
}

// callers says by whom the requests of a box are, as far as a policy can say it.
func (b *box) callers(s *subject, callers []*choice) {
	names := likeTexts(callers)
	if !slices.ContainsFunc(names, isOpen) {
		b.users = unique(names, true)
		return
	}
	members := map[string]bool{}
	for _, c := range callers {
		for _, like := range alike(c) {
			switch {
			case strings.HasPrefix(like.text, accountPrefix):
				members[accountsGroup] = true
			case strings.HasPrefix(like.text, nodePrefix):
				members[nodesGroup] = true
			default:
				i := slices.IndexFunc(like.groups, func(g string) bool { return !isImplied(g) && slices.Contains(s.constants[ofGroups], g) })
				if i < 0 {
					return // anybody
				}
				members[like.groups[i]] = true
			}
		}
	}
	for g := range members {
		b.members = append(b.members, g)
	}
	slices.Sort(b.members)
}

// about says what the requests of a box are about.
func (b *box) about(targets []target) {
	subs := map[[2]string][]string{}
	for _, t := range targets {
		switch {
		case !t.isResource && t.path == "/"+other:
			b.everyPath = true
		case !t.isResource:
			path := strings.ReplaceAll(t.path, other, "*")
			if i := strings.IndexByte(path, '*'); i >= 0 {
				path = path[:i+1]
			}
			add(&b.paths, path)
		case t.resource == other && t.subresource == "" && t.group == otherGroup:
			b.everyResource = true
		case t.resource == other && t.group == otherGroup && !slices.Contains(scale, t.subresource) && !isOpen(t.subresource):
			add(&b.resources, "* */"+t.subresource)
		case !isOpen(t.resource) && !isOpen(t.subresource):
			group := t.group
			if _, ok := kinds[t.resource]; !ok {
				group = "*"
			}
			add2(subs, [2]string{group, t.resource}, t.subresource)
		}
	}
	if b.everyResource {
		b.resources = nil
	} else {
		b.resourcesOf(subs)
	}
	if b.everyPath {
		b.paths = nil
	}
	slices.Sort(b.paths)
	b.paths = slices.DeleteFunc(b.paths, func(p string) bool {
		return slices.ContainsFunc(b.paths, func(q string) bool {
			return q != p && strings.HasSuffix(q, "*") && strings.HasPrefix(p, strings.TrimSuffix(q, "*"))
		})
	})
}

func add2(m map[[2]string][]string, key [2]string, sub string) {
	if !slices.Contains(m[key], sub) {
		m[key] = append(m[key], sub)
	}
}

func (b *box) resourcesOf(subs map[[2]string][]string) {
	for key, have := range subs {
		all := scale
		if k, ok := kinds[key[1]]; ok {
			all = k.subresources
		}
		if len(all) > 0 && hasAll(have, all) && slices.Contains(have, "") {
			b.resources = append(b.resources, key[0]+" "+key[1], key[0]+" "+key[1]+"/*")
			continue
		}
		for _, sub := range have {
			name := key[0] + " " + key[1]
			if sub != "" {
				name += "/" + sub
			}
			if !slices.Contains(b.resources, "* */"+sub) {
				b.resources = append(b.resources, name)
			}
		}
	}
	slices.Sort(b.resources)
}

// except finds what the rule names and does not need, for a box that would hold it.
func (b *box) except(s *subject, demands []demand) {
	if !b.everyResource && !b.everyPath {
		return
	}
	var users, resources, paths []string
	for _, d := range demands {
		if d.picks[aTarget].target.isResource != b.everyResource {
			continue
		}
		users = append(users, likeTexts([]*choice{d.picks[aCaller]})...)
		for _, like := range alike(d.picks[aTarget]) {
			resources, paths = append(resources, like.target.resource), append(paths, like.target.path)
		}
	}
	if b.users == nil && b.members == nil {
		for _, name := range unique(slices.Clone(s.constants[ofUser]), true) {
			if !slices.Contains(users, name) && !isOpen(name) && !strings.HasSuffix(name, ":") {
				b.noUsers = append(b.noUsers, name)
			}
		}
	}
	for _, name := range unique(slices.Clone(s.resources), true) {
		if b.everyResource && !slices.Contains(resources, name) && !isOpen(name) && name != "" {
			for _, group := range groupsOf(name) {
				b.noResources = append(b.noResources, group+" "+name, group+" "+name+"/*")
			}
		}
	}
	for _, uri := range s.constants[ofURI] {
		path, _, _ := strings.Cut(uri, "?")
		if b.everyPath && strings.HasPrefix(path, "/") && !isOpen(path) && !isResourcePath(path) && !slices.Contains(paths, path) && !slices.Contains(paths, path+other) {
			add(&b.noPaths, path+"*")
		}
	}
	slices.Sort(b.noPaths)
}

// isResourcePath tells whether resources are below a path.
func isResourcePath(path string) bool {
	return strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/apis/") || len(path) < 3
}

func groupsOf(resource string) []string {
	if k, ok := kinds[resource]; ok {
		return k.groups
	}
	return []string{"*"}
}

// key tells boxes apart, without what is named.
func (b *box) key(without string) string {
	parts := map[string]any{
		"level": b.level, "verbs": b.verbs, "namespaces": b.namespaces, "users": b.users, "members": b.members,
		"targets": []any{b.everyResource, b.everyPath, b.resources, b.paths}, "kind": b.isResources(),
		"every": b.everyResource || b.everyPath,
	}
	delete(parts, without)
	return fmt.Sprintf("%q", parts) // maps are printed in the order of their keys
}

// isResources tells whether the box is about resources, not paths.
func (b *box) isResources() bool { return b.everyResource || len(b.resources) > 0 }

// join takes over what o needs more in one respect.
func (b *box) join(o *box, respect string) {
	for _, r := range o.rules {
		add(&b.rules, r)
	}
	for _, s := range o.stages {
		add(&b.stages, s)
	}
	slices.Sort(b.stages)
	keep := func(mine *[]string, theirs []string) {
		*mine = slices.DeleteFunc(*mine, func(t string) bool { return !slices.Contains(theirs, t) })
	}
	keep(&b.noUsers, o.noUsers)
	keep(&b.noResources, o.noResources)
	keep(&b.noPaths, o.noPaths)
	switch respect {
	case "verbs":
		universe := resourceVerbs
		if !b.isResources() {
			universe = pathVerbs
		}
		if b.verbs == nil || o.verbs == nil {
			b.verbs = nil
			return
		}
		all := append(slices.Clone(b.verbs), o.verbs...)
		b.verbs = nil
		for _, v := range universe {
			if slices.Contains(all, v) {
				b.verbs = append(b.verbs, v)
			}
		}
		if len(b.verbs) == len(universe) {
			b.verbs = nil
		}
	case "targets":
		b.everyResource, b.everyPath = b.everyResource || o.everyResource, b.everyPath || o.everyPath
		b.resources = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(b.resources), o.resources...))))
		b.paths = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(b.paths), o.paths...))))
		if b.everyResource {
			b.resources = nil
		}
		if b.everyPath {
			b.paths = nil
		}
	}
}

// mergeBy joins boxes that differ in one of the respects only.
func mergeBy(boxes []*box, respects ...string) []*box {
	for {
		before := len(boxes)
		for _, respect := range respects {
			byKey := map[string]*box{}
			var out []*box
			for _, b := range boxes {
				key := b.key(respect)
				if first := byKey[key]; first != nil {
					first.join(b, respect)
					continue
				}
				byKey[key] = b
				out = append(out, b)
			}
			boxes = out
		}
		if len(boxes) == before {
			return boxes
		}
	}
}

// covers tells whether all requests of o are in b.
func (b *box) covers(o *box) bool {
	within := func(mine, theirs []string) bool { return mine == nil || theirs != nil && hasAll(mine, theirs) }
	if o.level > b.level || !within(b.verbs, o.verbs) || !within(b.namespaces, o.namespaces) || !within(b.users, o.users) ||
		!within(b.members, o.members) {
		return false
	}
	if o.isResources() && b.namespaces != nil && o.namespaces == nil {
		return false
	}
	if len(b.noUsers) > 0 && !(o.users != nil && !slices.ContainsFunc(o.users, func(u string) bool { return slices.Contains(b.noUsers, u) })) && !hasAll(o.noUsers, b.noUsers) {
		return false
	}
	if len(b.noResources) > 0 && !hasAll(o.noResources, b.noResources) && o.everyResource || slices.ContainsFunc(o.resources, func(r string) bool { return slices.Contains(b.noResources, r) }) {
		return false
	}
	if len(b.noPaths) > 0 && o.everyPath && !hasAll(o.noPaths, b.noPaths) {
		return false
	}
	if o.everyResource && !b.everyResource || o.everyPath && !b.everyPath {
		return false
	}
	return (b.everyResource || b.coversResources(o)) && (b.everyPath || hasAll(b.paths, o.paths))
}

func (b *box) coversResources(o *box) bool {
	for _, r := range o.resources {
		group, name, _ := strings.Cut(r, " ")
		resource, _, _ := strings.Cut(name, "/")
		if !slices.Contains(b.resources, r) && !slices.Contains(b.resources, group+" "+resource+"/*") && !slices.Contains(b.resources, "* "+name) {
			return false
		}
	}
	return true
}

// meets tells whether a request may be in both boxes. It may say so of boxes that have none in common.
func (b *box) meets(o *box) bool {
	apart := func(mine, theirs []string) bool {
		return mine != nil && theirs != nil && !slices.ContainsFunc(mine, func(t string) bool { return slices.Contains(theirs, t) })
	}
	if apart(b.verbs, o.verbs) || apart(b.namespaces, o.namespaces) || apart(b.users, o.users) {
		return false
	}
	if b.everyResource && o.isResources() || o.everyResource && b.isResources() || b.everyPath && (o.everyPath || o.paths != nil) || o.everyPath && b.paths != nil {
		return true
	}
	for _, r := range b.resources {
		for _, q := range o.resources {
			if sameResource(r, q) {
				return true
			}
		}
	}
	return slices.ContainsFunc(b.paths, func(p string) bool {
		return slices.ContainsFunc(o.paths, func(q string) bool {
			return strings.HasPrefix(p, strings.TrimSuffix(q, "*")) || strings.HasPrefix(q, strings.TrimSuffix(p, "*"))
		})
	})
}

// sameResource tells whether two patterns of resources may fit the same.
func sameResource(r, q string) bool {
	rg, rn, _ := strings.Cut(r, " ")
	qg, qn, _ := strings.Cut(q, " ")
	if rg != qg && rg != "*" && qg != "*" {
		return false
	}
	rr, rs, _ := strings.Cut(rn, "/")
	qr, qs, _ := strings.Cut(qn, "/")
	return (rr == qr || rr == "*" || qr == "*") && (rs == qs || rs == "*" || qs == "*")
}

// sortBoxes puts boxes in the order of the policy: what records most comes first, so that a request that fits several
// gets the highest level that one of them asks for; within a level by what they are about.
func sortBoxes(boxes []*box) {
	slices.SortStableFunc(boxes, func(a, b *box) int {
		wide := func(x *box) int {
			if x.everyPath || x.everyResource {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(b.level, a.level), cmp.Compare(wide(a), wide(b)), -cmp.Compare(len(a.users), len(b.users)),
			cmp.Compare(a.key("level"), b.key("level")))
	})
}

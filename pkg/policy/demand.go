package policy

import (
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

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

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
		holders := slices.Clone(units[:i])
		for _, o := range units[i+1:] {
			if o.level == b.level && o.isWide() && !b.isWide() && hasAll(o.stages, b.stages) {
				holders = append(holders, o)
			}
		}
		units[i] = b.without(holders)
	}
	units = slices.DeleteFunc(units, func(b *box) bool { return b == nil })
	units = mergeBy(units, "", "targets")
	sortBoxes(units)
	return whole(units)
}

// isWide tells whether the box is for all resources or all paths.
func (b *box) isWide() bool { return b.everyResource || b.everyPath }

// without takes from a box the verbs for which other boxes hold all of it. It is nil when nothing is left.
func (b *box) without(holders []*box) *box {
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
		holder := slices.IndexFunc(holders, func(o *box) bool { return o != nil && o.covers(&one) })
		if holder < 0 {
			left = append(left, v)
			continue
		}
		holders[holder].needed(b)
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
			if o != b && !dropped[o] && o.covers(b) && (hasAll(o.stages, b.stages) || !o.isWide()) {
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

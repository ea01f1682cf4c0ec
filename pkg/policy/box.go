package policy

import (
	"slices"
	"strings"
)

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

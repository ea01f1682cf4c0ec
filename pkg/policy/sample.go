package policy

import (
	"cmp"
	"slices"
	"strings"

	internal "k8s.io/apiserver/pkg/apis/audit"
	auditapi "k8s.io/apiserver/pkg/audit"
	apipolicy "k8s.io/apiserver/pkg/audit/policy"
)

// other is what neither a rule nor a policy names.
const other = "saker-other"

// otherGroup is an API group that neither names.
const otherGroup = "other.example.com"

// target is what a request is about: a resource, or a path.
type target struct {
	isResource                         bool
	group, resource, subresource, path string
}

// choice is a value of a thing that requests differ in. Choices that neither the rule nor the policy tells apart are one:
// the others are its likes.
type choice struct {
	target target
	// text is a verb, a namespace, a name or a user; groups belong to a user.
	text   string
	groups []string
	// exotic is what an API server hardly sees: it counts for "never", and is not missed when it is not recorded.
	exotic bool
	// lacking is a user without the groups that the API server gives him.
	lacking bool
	value   []truth
	likes   []*choice
}

// isUnnamed tells whether the choice stands for what neither the rule nor the policy names.
func (c *choice) isUnnamed() bool {
	return isOpen(c.text) || isOpen(c.target.resource) || isOpen(c.target.subresource) || isOpen(c.target.path) || c.target.group == otherGroup
}

// The things that requests differ in, in the order in which they are chosen.
const (
	aTarget = iota
	aVerb
	aCaller
	aNamespace
	aName
	numThings
)

var thingAspects = [numThings]aspect{ofTarget, ofVerb, ofUser | ofGroups, ofNamespace, ofName}

// put sets what a choice decides in a request.
func (c *choice) put(thing int, r *request) {
	switch thing {
	case aTarget:
		r.isResource, r.group, r.resource = c.target.isResource, c.target.group, c.target.resource
		r.subresource, r.path = c.target.subresource, c.target.path
	case aVerb:
		r.verb = c.text
	case aCaller:
		r.user, r.groups = c.text, strings.Join(c.groups, "\n")
	case aNamespace:
		r.namespace = c.text
	case aName:
		r.name = c.text
	}
}

// names are the texts that a policy or a rule names.
type names struct {
	resources, subresources, groups, paths     []string
	verbs, namespaces, objects, users, members []string
}

func (n *names) addSubject(s *subject) {
	n.resources = append(n.resources, s.resources...)
	n.subresources = append(n.subresources, s.subresources...)
	n.groups = append(n.groups, s.groups...)
	n.verbs = append(n.verbs, s.constants[ofVerb]...)
	n.namespaces = append(n.namespaces, s.constants[ofNamespace]...)
	n.objects = append(n.objects, s.constants[ofName]...)
	n.users = append(n.users, s.constants[ofUser]...)
	n.members = append(n.members, s.constants[ofGroups]...)
	for _, uri := range s.constants[ofURI] {
		n.addURI(uri)
	}
}

// addURI takes apart a URI that a rule compares with.
func (n *names) addURI(uri string) {
	path, _, _ := strings.Cut(uri, "?")
	if !strings.HasPrefix(path, "/") {
		return
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case parts[0] == "api" && len(parts) > 2:
		parts = parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		n.groups = append(n.groups, parts[1])
		parts = parts[3:]
	default:
		n.paths = append(n.paths, path)
		if parts[0] == "apis" && len(parts) > 1 {
			n.groups = append(n.groups, parts[1])
		}
		return
	}
	if parts[0] == "watch" && len(parts) > 1 {
		parts = parts[1:]
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		n.namespaces = append(n.namespaces, parts[1])
		parts = parts[2:]
	}
	n.resources = append(n.resources, parts[0])
	if len(parts) > 1 {
		n.objects = append(n.objects, parts[1])
	}
	if len(parts) > 2 {
		n.subresources = append(n.subresources, parts[2])
	}
}

func (n *names) addPolicy(p *internal.Policy) {
	for _, r := range p.Rules {
		n.verbs = append(n.verbs, r.Verbs...)
		n.namespaces = append(n.namespaces, r.Namespaces...)
		n.users = append(n.users, r.Users...)
		n.members = append(n.members, r.UserGroups...)
		for _, url := range r.NonResourceURLs {
			url = strings.TrimRight(url, "*")
			n.paths = append(n.paths, url, url+other)
		}
		for _, g := range r.Resources {
			n.groups = append(n.groups, g.Group)
			n.objects = append(n.objects, g.ResourceNames...)
			for _, name := range g.Resources {
				resource, sub, _ := strings.Cut(name, "/")
				n.resources = append(n.resources, resource)
				n.subresources = append(n.subresources, sub)
			}
		}
	}
}

// unique sorts texts, each once, without "*" and, with noEmpty, without the empty text.
func unique(texts []string, noEmpty bool) []string {
	slices.Sort(texts)
	return slices.DeleteFunc(slices.Compact(texts), func(t string) bool { return t == "*" || noEmpty && t == "" })
}

// groupLetters are those of API groups: a policy that names others is refused.
const groupLetters = "abcdefghijklmnopqrstuvwxyz0123456789-."

// targets lists what requests may be about.
func (n *names) targets() []*choice {
	subs := unique(n.subresources, true)
	var out []*choice
	add := func(exotic bool, group, resource, sub string) {
		out = append(out, &choice{exotic: exotic, target: target{true, group, resource, sub, ""}})
	}
	everySub := func(k kind, group, resource string, exotic bool) {
		add(exotic, group, resource, "")
		for _, sub := range k.subresources {
			add(exotic, group, resource, sub)
		}
		for _, sub := range append(subs, other) {
			// No other subresources of what API servers bring along are known but those that somebody names.
			if _, builtin := kinds[resource]; !slices.Contains(k.subresources, sub) && !(builtin && sub == other) {
				add(exotic || sub == other || isSubresource(sub), group, resource, sub)
			}
		}
	}
	custom := kind{subresources: scale}
	groups := slices.DeleteFunc(unique(n.groups, true), func(g string) bool { return strings.Trim(g, groupLetters) != "" || strings.Trim(g, "-.") != g })
	for _, resource := range sortedKinds {
		for _, group := range kinds[resource].groups {
			everySub(kinds[resource], group, resource, false)
		}
	}
	for _, group := range append(groups, otherGroup) {
		everySub(custom, group, other, false)
		for _, resource := range unique(n.resources, true) {
			if strings.Contains(resource, "/") {
				continue // no resource is called so
			}
			known, builtin := kinds[resource]
			if !builtin || group != otherGroup && !slices.Contains(known.groups, group) {
				everySub(custom, group, resource, builtin)
			}
		}
	}
	for _, path := range unique(append(slices.Clone(n.paths), commonPaths...), true) {
		out = append(out, &choice{target: target{path: path}})
	}
	return append(out, &choice{target: target{path: "/" + other}})
}

// commonPaths are paths that every API server answers.
var commonPaths = []string{"/", "/api", "/apis", "/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"}

var sortedKinds = func() (all []string) {
	for name := range kinds {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}()

// isSubresource tells whether some resource of API servers has the subresource.
func isSubresource(sub string) bool {
	for _, k := range kinds {
		if slices.Contains(k.subresources, sub) {
			return true
		}
	}
	return false
}

func texts(all []string) (out []*choice) {
	for _, t := range all {
		out = append(out, &choice{text: t})
	}
	return out
}

func (n *names) verbChoices() []*choice {
	all := slices.Clone(resourceVerbs)
	for _, v := range append(slices.Clone(pathVerbs), unique(n.verbs, true)...) {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	out := append(texts(all), &choice{text: other, exotic: true})
	return out
}

// withOther adds what is not named and what is not there at all; what is not named comes first.
func withOther(all []string) []*choice {
	return texts(append([]string{other, ""}, unique(all, true)...))
}

// maxPairs is how many groups are tried two at a time, and maxCrossed how many users with how many sets of groups.
const maxPairs = 24

// memberships lists sets of groups: none, each one, and each two of the groups that can be told apart.
func memberships(groups []*choice) [][]string {
	out := [][]string{nil}
	var all []string
	for i, g := range groups {
		out = append(out, g.groups)
		all = append(all, g.groups...)
		for _, h := range groups[:i] {
			if len(groups) <= maxPairs {
				out = append(out, []string{g.groups[0], h.groups[0]})
			}
		}
	}
	if len(all) > 2 {
		out = append(out, all)
	}
	return out
}

const (
	accountPrefix  = "system:serviceaccount:"
	accountsGroup  = "system:serviceaccounts"
	nodePrefix     = "system:node:"
	nodesGroup     = "system:nodes"
	anonymous      = "system:anonymous"
	authenticated  = "system:authenticated"
	unauthenticted = "system:unauthenticated"
)

// implied are the groups that the API server gives a user of this name.
func implied(name string) []string {
	switch {
	case name == anonymous:
		return []string{unauthenticted}
	case strings.HasPrefix(name, nodePrefix):
		return []string{authenticated, nodesGroup}
	case strings.HasPrefix(name, accountPrefix):
		namespace, _, _ := strings.Cut(name[len(accountPrefix):], ":")
		return []string{authenticated, accountsGroup, accountsGroup + ":" + namespace}
	}
	return []string{authenticated}
}

// isImplied tells whether a group goes with certain names only.
func isImplied(group string) bool {
	return group == authenticated || group == unauthenticted || group == nodesGroup || group == accountsGroup ||
		strings.HasPrefix(group, accountsGroup+":")
}

func (n *names) userNames() []string {
	all := append([]string{}, n.users...)
	for _, g := range n.members {
		if namespace, ok := strings.CutPrefix(g, accountsGroup+":"); ok {
			all = append(all, accountPrefix+namespace+":"+other)
		}
	}
	all = append(all, anonymous, nodePrefix+other, accountPrefix+other+":"+other)
	return append([]string{other}, unique(all, true)...)
}

// callers lists users with their groups, once as the API server makes them and once without the groups that it adds.
func callers(users []*choice, sets [][]string) (out []*choice) {
	for _, u := range users {
		always := implied(u.text)
		add := func(exotic bool, groups []string) {
			lacking := !hasAll(groups, always)
			c := &choice{text: u.text, groups: groups, exotic: exotic, lacking: lacking}
			for _, like := range u.likes {
				c.likes = append(c.likes, &choice{text: like.text, groups: groups, exotic: exotic, lacking: lacking})
			}
			out = append(out, c)
		}
		for _, set := range sets {
			exotic := slices.ContainsFunc(set, func(g string) bool { return isImplied(g) && !slices.Contains(always, g) })
			whole := slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(always), set...))))
			add(exotic || len(set) > 0 && u.text == anonymous, whole)
			if len(whole) != len(set) {
				add(true, set)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *choice) int { return cmp.Compare(fewGroups(a), fewGroups(b)) })
	return out
}

// fewGroups sorts what is common before what is not.
func fewGroups(c *choice) int {
	if c.exotic {
		return 1000 + len(c.groups)
	}
	return len(c.groups)
}

// parts are the conditions of a policy's rules one by one, as policies of their own: two values about which all of them
// say the same are the same for the policy.
type parts struct {
	of    [numThings][]auditapi.PolicyRuleEvaluator
	known map[signed]string
}

// signed is a choice of which it is known what the parts say.
type signed struct {
	thing        int
	target       target
	text, groups string
}

func partsOf(p *internal.Policy) parts {
	out := parts{known: map[signed]string{}}
	seen := [numThings]map[string]bool{}
	add := func(thing int, key string, r internal.PolicyRule) {
		if seen[thing] == nil {
			seen[thing] = map[string]bool{}
		}
		if seen[thing][key] {
			return
		}
		seen[thing][key] = true
		r.Level = internal.LevelMetadata
		out.of[thing] = append(out.of[thing], apipolicy.NewPolicyRuleEvaluator(&internal.Policy{Rules: []internal.PolicyRule{r}}))
	}
	joined := func(s []string) string { return strings.Join(s, "\x00") }
	for _, r := range p.Rules {
		if len(r.Verbs) > 0 {
			add(aVerb, joined(r.Verbs), internal.PolicyRule{Verbs: r.Verbs})
		}
		if len(r.Users) > 0 {
			add(aCaller, "u"+joined(r.Users), internal.PolicyRule{Users: r.Users})
		}
		if len(r.UserGroups) > 0 {
			add(aCaller, "g"+joined(r.UserGroups), internal.PolicyRule{UserGroups: r.UserGroups})
		}
		if len(r.Namespaces) > 0 {
			add(aNamespace, joined(r.Namespaces), internal.PolicyRule{Namespaces: r.Namespaces})
		}
		if len(r.NonResourceURLs) > 0 {
			add(aTarget, "p"+joined(r.NonResourceURLs), internal.PolicyRule{NonResourceURLs: r.NonResourceURLs})
		}
		for _, g := range r.Resources {
			key := g.Group + "\x01" + joined(g.Resources)
			add(aTarget, key, internal.PolicyRule{Resources: []internal.GroupResources{{Group: g.Group, Resources: g.Resources}}})
			if len(g.ResourceNames) > 0 {
				every := internal.GroupResources{Group: "*", Resources: []string{"*"}, ResourceNames: g.ResourceNames}
				add(aName, joined(g.ResourceNames), internal.PolicyRule{Resources: []internal.GroupResources{every}})
			}
		}
	}
	return out
}

// sign appends what the parts say of a choice.
func (p *parts) sign(thing int, c *choice, key []byte) []byte {
	of := signed{thing, c.target, c.text, strings.Join(c.groups, "\n")}
	if known, ok := p.known[of]; ok {
		return append(key, known...)
	}
	r := request{isResource: true}
	c.put(thing, &r)
	a, start := r.attributes(), len(key)
	for _, e := range p.of[thing] {
		key = mark(key, e.EvaluatePolicyRule(a).Level == internal.LevelMetadata)
	}
	p.known[of] = string(key[start:])
	return key
}

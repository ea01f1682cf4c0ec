package policy

import (
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/rule"
)

// spread is a number of requests as people speak of them.
type spread struct {
	verbs, targets, namespaces, callers []string
	// anyNamespace and anyCaller tell that ordinary ones are among them.
	anyNamespace, anyCaller bool
	// seen are the choices that were added, with whether they were about a resource.
	seen map[seen]bool
}

type seen struct {
	choice     *choice
	isResource bool
}

// isNew tells whether a choice was not added yet, and notes that it is.
func (s *spread) isNew(c *choice, isResource bool) bool {
	key := seen{c, isResource}
	if s.seen[key] {
		return false
	}
	if s.seen == nil {
		s.seen = map[seen]bool{}
	}
	s.seen[key] = true
	return true
}

// add adds a sample request, and what is like it.
func (s *spread) add(x *cell) {
	for thing := range x.picks {
		if pick := x.picks[thing]; s.isNew(pick, x.request.isResource) {
			for _, c := range alike(pick) {
				s.put(thing, c, x.request.isResource)
			}
		}
	}
}

func (s *spread) put(thing int, c *choice, isResource bool) {
	switch thing {
	case aVerb:
		if c.text != other && (!isResource || slices.Contains(resourceVerbs, c.text)) {
			add(&s.verbs, c.text)
		}
	case aTarget:
		add(&s.targets, c.target.String())
	case aNamespace:
		s.anyNamespace = s.anyNamespace || c.text == other
		add(&s.namespaces, c.text)
	case aCaller:
		s.anyCaller = s.anyCaller || c.text == other && len(c.groups) <= 1
		name := c.text
		if name == other {
			name = "members of " + strings.Join(slices.DeleteFunc(slices.Clone(c.groups), isImplied), " and ")
		}
		add(&s.callers, name)
	}
}

// alike is a choice with its likes, exotic ones only when there are no others.
func alike(c *choice) []*choice {
	out := []*choice{c}
	for _, like := range c.likes {
		if !like.exotic || c.exotic {
			out = append(out, like)
		}
	}
	return out
}

func (t target) String() string {
	switch {
	case t.path == "/"+other:
		return "other paths"
	case !t.isResource:
		return strings.ReplaceAll(t.path, other, "*")
	case t.resource == other && t.subresource == "":
		return "other resources"
	}
	name := strings.ReplaceAll(t.resource, other, "*")
	if t.subresource != "" {
		name += "/" + strings.ReplaceAll(t.subresource, other, "*")
	}
	return name
}

// String says what the requests are: create, update of pods in kube-system by system:admin.
func (s *spread) String() string {
	text := "requests"
	if !hasAll(s.verbs, resourceVerbs) {
		text = enumerate(s.verbs, 8)
	}
	rank := func(t string) int { return slices.Index([]string{"other paths", "other resources"}, t) }
	targets := slices.Clone(s.targets)
	slices.SortStableFunc(targets, func(a, b string) int { return rank(b) - rank(a) })
	text += " of " + enumerate(targets, 5)
	if !s.anyNamespace && !slices.Equal(s.namespaces, []string{""}) {
		text += " in " + enumerate(s.namespaces, 4)
	} else if !s.anyNamespace && !strings.HasPrefix(targets[0], "/") {
		text += " without a namespace"
	}
	if !s.anyCaller {
		text += " by " + enumerate(s.callers, 4)
	}
	return text
}

func hasAll(have, want []string) bool {
	for _, w := range want {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}

// enumerate lists some texts and counts the others.
func enumerate(all []string, limit int) string {
	var shown []string
	for _, t := range all {
		if t == "" {
			t = "no namespace"
		}
		shown = append(shown, rule.Printable(strings.ReplaceAll(t, other, "*")))
	}
	if len(shown) > limit {
		rest := len(shown) - limit
		shown = append(shown[:limit], plural(rest, "other", "others"))
	}
	return strings.Join(shown, ", ")
}

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// The controlPlane are the users of the programs that make most of the requests of a cluster.
var controlPlane = []string{"system:apiserver", "system:cloud-controller-manager", "system:kube-controller-manager", "system:kube-scheduler"}

// accountsOfSystem begin the names of the service accounts of the controllers.
const accountsOfSystem = accountPrefix + "kube-system:"

// senders are the machines of a cluster, and what rules ask for of their requests. What no rule asks for need not be
// recorded, though a rule about any request would have it recorded of everybody else.
type senders struct {
	// users are told apart by name; last, behind them, come the nodes, by their group.
	users []string
	asked [][numNoises]bool
	known map[*choice][]int
}

// The noises of a sender: what it writes and reads of leases, of events, and of all the rest.
const (
	leaseNoise = iota * 2
	eventNoise
	restNoise
	numNoises
)

func newSenders(subjects []*subject) *senders {
	s := &senders{users: slices.Clone(controlPlane), known: map[*choice][]int{}}
	for _, of := range subjects {
		if of == nil {
			continue
		}
		for _, name := range of.constants[ofUser] {
			if strings.HasPrefix(name, accountsOfSystem) && name != accountsOfSystem && !isOpen(name) {
				add(&s.users, name)
			}
		}
	}
	slices.Sort(s.users)
	s.asked = make([][numNoises]bool, len(s.users)+1)
	return s
}

// ask notes that a rule asks for a request.
func (s *senders) ask(d demand) {
	for _, who := range s.who(d.picks[aCaller]) {
		for _, what := range s.what(d.picks[aTarget]) {
			for _, read := range s.reads(d.picks[aVerb]) {
				s.asked[who][what+read] = true
			}
		}
	}
}

// askAll notes that a rule may ask for anything.
func (s *senders) askAll() {
	for i := range s.asked {
		for k := range s.asked[i] {
			s.asked[i][k] = true
		}
	}
}

// each calls find for a choice and its likes, once, and keeps the numbers that it finds.
func (s *senders) each(c *choice, find func(c *choice) int) []int {
	if found, ok := s.known[c]; ok {
		return found
	}
	found := []int{}
	for _, like := range append([]*choice{c}, c.likes...) {
		if n := find(like); n >= 0 {
			add(&found, n)
		}
	}
	s.known[c] = found
	return found
}

func (s *senders) who(c *choice) []int {
	return s.each(c, func(c *choice) int {
		if strings.HasPrefix(c.text, nodePrefix) || slices.Contains(c.groups, nodesGroup) {
			return len(s.users)
		}
		return slices.Index(s.users, c.text)
	})
}

func (s *senders) what(c *choice) []int {
	return s.each(c, func(c *choice) int {
		t := c.target
		switch {
		case !t.isResource:
			return -1
		case t.resource == "leases" && t.group == "coordination.k8s.io":
			return leaseNoise
		case t.resource == "events" && slices.Contains(kinds["events"].groups, t.group):
			return eventNoise
		}
		return restNoise
	})
}

func (s *senders) reads(c *choice) []int {
	return s.each(c, func(c *choice) int {
		switch {
		case slices.Contains(readVerbs, c.text):
			return 1
		case slices.Contains(resourceVerbs, c.text):
			return 0
		}
		return -1
	})
}

var (
	readVerbs  = []string{"get", "list", "watch"}
	writeVerbs = []string{"create", "update", "patch", "delete", "deletecollection"}
)

// whyFree is the comment of these rules.
const whyFree = "Nothing that these do here is in any rule."

// entries are the rules of a policy that leave out what no rule asks for. Of nodes only leases and events: whoever has a
// certificate of their group is taken for one.
func (s *senders) entries() (out []*entry) {
	byFree := map[string]*entry{}
	for i, asked := range s.asked {
		for _, e := range free(asked, i == len(s.users)) {
			key := fmt.Sprintf("%q %q %v", e.verbs, e.resources, i == len(s.users))
			first := byFree[key]
			if first == nil {
				first = e
				byFree[key] = e
				out = append(out, e)
			}
			if i == len(s.users) {
				first.members = []string{nodesGroup}
			} else {
				first.users = append(first.users, s.users[i])
			}
		}
	}
	return out
}

// free are boxes of what is not asked for, without users.
func free(asked [numNoises]bool, isNode bool) (out []*entry) {
	try := func(verbs []string, read int) {
		e := &entry{box: box{verbs: verbs}, why: whyFree}
		switch {
		case !isNode && !asked[leaseNoise+read] && !asked[eventNoise+read] && !asked[restNoise+read]:
			e.everyResource = true
		default:
			if !asked[leaseNoise+read] {
				e.resources = append(e.resources, "coordination.k8s.io leases")
			}
			if !asked[eventNoise+read] {
				e.resources = append(e.resources, " events", "events.k8s.io events")
			}
		}
		if e.isResources() {
			out = append(out, e)
		}
	}
	try(readVerbs, 1)
	try(writeVerbs, 0)
	if len(out) == 2 && out[0].everyResource == out[1].everyResource && slices.Equal(out[0].resources, out[1].resources) {
		out[0].verbs = nil
		out = out[:1]
	}
	return out
}

package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
)

// remains are requests for which a rule can fire though others of it are not recorded.
type remains struct {
	spread spread
	// respelled, lacking, misplaced and strange tell what is odd about them.
	respelled, lacking, misplaced, strange bool
	groups                                 []string
	some                                   bool
}

func (r *remains) add(x *cell) {
	r.some = true
	if x.exotic {
		caller := x.picks[aCaller]
		switch {
		case caller.lacking:
			r.lacking = true
			if len(r.groups) == 0 {
				r.groups = lacked(caller)
			}
		case x.hardly:
			r.misplaced = true
			return
		case x.respelled:
			r.respelled = true
		default:
			r.strange = true
		}
	}
	r.spread.add(x)
}

// lacked are the groups that the API server gives a user and that he is without.
func lacked(caller *choice) []string {
	return slices.DeleteFunc(implied(caller.text), func(g string) bool { return slices.Contains(caller.groups, g) })
}

// remains says for which requests the rule can fire still, as text; it is empty for none.
func (c *checker) remains() string {
	if c.fed.some {
		return c.fed.spread.String()
	}
	o := &c.odd
	if !o.some {
		return ""
	}
	var odd []string
	if o.strange {
		odd = append(odd, "requests that are rare or not possible, such as of a resource with the same name in another API group or with a verb that the resource does not know: "+o.spread.String())
	}
	if o.respelled {
		odd = append(odd, "requests whose path is written in another way than clients do, such as with %73 for s")
	}
	if c.ever {
		return strings.Join(odd, "; ")
	}
	if o.lacking {
		odd = append(odd, fmt.Sprintf("a user who is not in the groups that the API server gives everybody of that name (%s)", enumerate(o.groups, 4)))
	}
	if o.misplaced {
		odd = append(odd, "a request about a Namespace that gives another namespace than its own")
	}
	return "practically nothing, only " + strings.Join(odd, "; ")
}

// bare are requests that would fulfil a condition if they had the bodies that it reads.
type bare struct{ path, resource bool }

func (b *bare) add(x *cell) {
	if x.hardly {
		return
	}
	b.path = b.path || !x.request.isResource
	b.resource = b.resource || x.request.isResource
}

// impossible tells of checks that no event fulfils, and of conditions.
func (c *checker) impossible(all bool) (out []Finding) {
	for _, a := range c.subject.atoms {
		if !a.positive {
			continue
		}
		for _, name := range a.slashed() {
			resource, sub, _ := strings.Cut(name, "/")
			out = append(out, Finding{Kind: Impossible, Fields: []string{condition.PrintOperand(a.check.Left)}, Message: fmt.Sprintf(
				"a resource never has a slash in its name, so %s is never %s", condition.PrintOperand(a.check.Left), name),
				Advice: fmt.Sprintf("ask for ka.target.resource = %s and ka.target.subresource = %s in the rule", resource, sub)})
		}
	}
	if !all || c.meant || !c.bare.path && !c.bare.resource {
		return out
	}
	f := Finding{Kind: Impossible, Message: "the rule reads a body where there is none: a request that reads (get, list, watch) sends no object, none is there in the stage RequestReceived, and no answer before ResponseComplete"}
	if !c.bare.resource {
		f.Message = "the rule is about paths that are no resources, and requests to these have no request and no response object"
	}
	for _, a := range c.subject.atoms {
		for _, name := range a.fields {
			add(&f.Fields, name)
		}
	}
	if len(f.Fields) == 0 {
		return out
	}
	return append(out, f)
}

// slashed are the names with a slash that a check takes for a resource.
func (a *atom) slashed() (out []string) {
	f, ok := a.check.Left.(*condition.Field)
	if !ok || f.Name != "ka.target.resource" && (f.Arg == nil || strings.TrimPrefix(f.Arg.Text, "/") != "objectRef/resource") {
		return nil
	}
	switch a.check.Op {
	case condition.OpEq, condition.OpEqEq, condition.OpIn, condition.OpIntersects:
	default:
		return nil
	}
	condition.WalkOperand(a.check.Right, func(o condition.Operand) bool {
		if t, ok := o.(*condition.Text); ok && strings.Contains(t.Value, "/") {
			out = append(out, t.Value)
		}
		return true
	})
	return out
}

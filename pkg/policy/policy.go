// Package policy compares rules with the audit policy of an API server: which rules can ever fire under a policy and
// why not, the smallest policy that feeds the rules, and how much a policy sends.
//
// What a policy does with a request is asked of the API server's own loader and evaluator (k8s.io/apiserver), and what
// a check of a rule says of a value is asked of the engine's own code. In between stands a search over sample requests:
// for each thing that a policy or a rule can tell apart (user, groups, verb, resource, path, namespace, name, stage) the
// values that make a difference, and one that none of them names. What is not known of a request (its bodies, its
// client, the answer) is left open, so a rule that is said never to fire never does.
//
// The package is pure: it reads no files and keeps no state between calls.
package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	internal "k8s.io/apiserver/pkg/apis/audit"
	auditapi "k8s.io/apiserver/pkg/audit"
	apipolicy "k8s.io/apiserver/pkg/audit/policy"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/klog/v2"
)

// Policy is an audit policy as the API server reads it, with the places in its file. It is not safe for concurrent use.
type Policy struct {
	// Name is that of the file, for messages.
	Name string
	// Notes are what is odd about the file though the API server takes it: unknown keys, further documents.
	Notes []Note

	spec      *internal.Policy
	places    places
	evaluator auditapi.PolicyRuleEvaluator
	// number tells as its level which rule takes a request.
	number auditapi.PolicyRuleEvaluator
	// decided are the decisions by request and, since most that follow each other differ in no more, by namespace and name;
	// latest are those of the request before.
	decided map[request]map[[2]string]decision
	before  request
	latest  map[[2]string]decision
}

// Note is a remark about a policy file.
type Note struct {
	Line    int    `json:"line"`
	Message string `json:"message"`
}

// Error is why the API server would not take a policy.
type Error struct {
	File string
	// Line and Column count from 1; 0 when the place is not known.
	Line, Column int
	Message      string
}

func (e *Error) Error() string {
	at := e.File
	if e.Line > 0 {
		at += ":" + strconv.Itoa(e.Line)
		if e.Column > 0 {
			at += ":" + strconv.Itoa(e.Column)
		}
	}
	return at + ": " + e.Message
}

// silence keeps the loader of the API server from printing what Load tells as notes.
var silence = sync.OnceFunc(func() { klog.SetLogger(logr.Discard()) })

// Load reads an audit policy, of at most MaxBytes, with the loader of the API server. name is for messages. The error is
// an *Error.
func Load(name string, data []byte) (*Policy, error) {
	at, notes, err := locate(name, data)
	if err != nil {
		return nil, err
	}
	silence()
	spec, err := apipolicy.LoadPolicyFromBytes(data)
	if err != nil {
		return nil, at.explain(name, err)
	}
	if len(at.rules) != len(spec.Rules) {
		return nil, &Error{File: name, Message: "the rules of the policy cannot be told apart; write them as a plain list"}
	}
	return newPolicy(name, spec, at, notes), nil
}

func newPolicy(name string, spec *internal.Policy, at places, notes []Note) *Policy {
	numbered := spec.DeepCopy()
	for i := range numbered.Rules {
		numbered.Rules[i].Level = internal.Level(strconv.Itoa(i))
	}
	return &Policy{
		Name: name, Notes: notes, spec: spec, places: at, decided: map[request]map[[2]string]decision{},
		evaluator: apipolicy.NewPolicyRuleEvaluator(spec.DeepCopy()), number: apipolicy.NewPolicyRuleEvaluator(numbered),
	}
}

// explain puts an error of the API server's loader at its place.
func (p places) explain(name string, err error) *Error {
	e := &Error{File: name, Line: p.top, Message: strings.TrimPrefix(err.Error(), "failed decoding: ")}
	var n int
	if _, scan := fmt.Sscanf(after(e.Message, "rules["), "%d", &n); scan == nil && n >= 0 && n < len(p.rules) {
		e.Line = p.rules[n].line
	} else if strings.Contains(e.Message, "omitStages") {
		e.Line = p.omitStages
	}
	switch {
	case strings.Contains(e.Message, "no kind \"Policy\" is registered"), strings.Contains(e.Message, "unknown group version"),
		strings.Contains(e.Message, "no kind "), strings.Contains(e.Message, "'apiVersion' is not set"), strings.Contains(e.Message, "'Kind' is missing"):
		e.Line = max(p.apiVersion, p.top)
		e.Message += "; a policy begins with apiVersion: audit.k8s.io/v1 and kind: Policy"
	case strings.Contains(e.Message, "0 rules"):
		e.Message += "; a policy needs at least one rule"
	}
	return e
}

func after(text, mark string) string {
	_, rest, _ := strings.Cut(text, mark)
	return rest
}

// request is what a policy sees of a request. Groups are joined by line breaks, since a request is a key of maps.
type request struct {
	verb, group, resource, subresource, namespace, name, path string
	user, groups                                              string
	// isResource is false for a request to a path that is no resource.
	isResource bool
}

// decision is what a policy does with a request.
type decision struct {
	// rule is the number of the rule that takes the request, -1 for none.
	rule   int
	config auditapi.RequestAuditConfig
}

// decide asks the evaluator of the API server, with a memory.
func (p *Policy) decide(r request) decision {
	all, one := r, [2]string{r.namespace, r.name}
	all.namespace, all.name = "", ""
	if p.latest == nil || p.before != all {
		if p.decided[all] == nil {
			p.decided[all] = map[[2]string]decision{}
		}
		p.before, p.latest = all, p.decided[all]
	}
	if d, ok := p.latest[one]; ok {
		return d
	}
	d := p.evaluate(r)
	p.latest[one] = d
	return d
}

// evaluate asks the evaluator of the API server.
func (p *Policy) evaluate(r request) decision {
	a := r.attributes()
	d := decision{rule: -1, config: p.evaluator.EvaluatePolicyRule(a)}
	if n, err := strconv.Atoi(string(p.number.EvaluatePolicyRule(a).Level)); err == nil {
		d.rule = n
	}
	return d
}

func (r request) attributes() authorizer.Attributes {
	var groups []string
	if r.groups != "" {
		groups = strings.Split(r.groups, "\n")
	}
	return authorizer.AttributesRecord{
		User: &user.DefaultInfo{Name: r.user, Groups: groups},
		Verb: r.verb, APIGroup: r.group, Resource: r.resource, Subresource: r.subresource, Namespace: r.namespace, Name: r.name,
		Path: r.path, ResourceRequest: r.isResource,
	}
}

// errNoRules is for sets in which no rule is about audit events.
var errNoRules = errors.New("there are no enabled rules of source k8s_audit")

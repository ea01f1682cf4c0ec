package policy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	internal "k8s.io/apiserver/pkg/apis/audit"
	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// TestSenders: what rules about any request leave to machines is not recorded, and nothing else is left out.
func TestSenders(t *testing.T) {
	const anything = "ka.stage = ResponseComplete and ka.auth.decision = forbid"
	const heartbeat = ` and not (ka.user.name startswith "system:node:" and ka.target.resource in (leases, events))`
	scheduler := request{user: "system:kube-scheduler", groups: authenticated, isResource: true, group: "coordination.k8s.io", resource: "leases", verb: "update", namespace: "kube-system", name: "kube-scheduler"}
	node := scheduler
	node.user, node.groups, node.namespace, node.name = "system:node:n1", authenticated+"\n"+nodesGroup, "kube-node-lease", "n1"
	reads := scheduler
	reads.group, reads.resource, reads.verb = core, "pods", "list"
	with := func(r request, user string) request { r.user = user; return r }
	tests := []struct {
		name, condition string
		request         request
		recorded        bool
	}{
		{"asked for", anything, scheduler, true},
		{"not asked for", anything + ` and not ka.user.name = "system:kube-scheduler"`, scheduler, false},
		{"not asked for at all", anything + ` and not ka.user.name = "system:kube-scheduler"`, reads, false},
		{"of another", anything + ` and not ka.user.name = "system:kube-scheduler"`, with(scheduler, "system:apiserver"), true},
		{"reads are asked for", anything + ` and not (ka.user.name = "system:kube-scheduler" and ka.verb = update)`, reads, true},
		{"writes are not", anything + ` and not (ka.user.name = "system:kube-scheduler" and not ka.verb in (get, list, watch))`, scheduler, false},
		{"of a controller", anything + ` and not ka.user.name in ("system:serviceaccount:kube-system:endpoint-controller")`, with(reads, accountsOfSystem+"endpoint-controller"), false},
		{"of another account", anything + ` and not ka.user.name in ("system:serviceaccount:kube-system:endpoint-controller")`, with(reads, accountsOfSystem+"addon"), true},
		{"of a node", anything + heartbeat, node, false},
		{"of a node, asked for", anything, node, true},
		{"of a node, another resource", anything + heartbeat, request{user: "system:node:n1", groups: node.groups, isResource: true, resource: "secrets", verb: "get", namespace: "a", name: "b"}, true},
		{"of a person", anything + heartbeat, with(scheduler, "ann"), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := one(t, test.condition, "")
			data := generate(t, c, Options{})
			p := load(t, data)
			if recorded := p.decide(test.request).config.Level != internal.LevelNone; recorded != test.recorded {
				t.Errorf("recorded %v, want %v\n%s", recorded, test.recorded, data)
			}
			if found := findingsOf(check(t, p, c)); found != "" {
				t.Errorf("%s\n%s", found, data)
			}
		})
	}
}

// sentBy makes a request of a machine, or of somebody else.
func sentBy(t *rapid.T) []byte {
	pick := func(label string, all ...string) string { return rapid.SampledFrom(all).Draw(t, label) }
	user := pick("user", "system:apiserver", "system:kube-scheduler", "system:node:n1", accountsOfSystem+"a", "alice")
	ref := map[string]any{"resource": pick("resource", "leases", "events", "pods"), "namespace": pick("namespace", "default", "kube-system"), "name": "thing"}
	root := "/api/v1"
	if ref["resource"] == "leases" {
		ref["apiGroup"], root = "coordination.k8s.io", "/apis/coordination.k8s.io/v1"
	}
	e := map[string]any{"kind": "Event", "level": "RequestResponse", "auditID": "x", "stage": complete, "verb": pick("verb", "get", "delete", "patch", "create"),
		"stageTimestamp": "2025-01-01T00:00:00Z", "user": map[string]any{"username": user, "groups": implied(user)}, "objectRef": ref,
		"requestURI": root + "/namespaces/" + ref["namespace"].(string) + "/" + ref["resource"].(string) + "/thing", "responseStatus": map[string]any{"code": 200}}
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestSendersLoseNothing: a rule that fires for an event that would be recorded but for the rules about machines fires.
func TestSendersLoseNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		who := rapid.SampledFrom([]string{`ka.user.name in ("system:apiserver", "system:kube-scheduler")`, `ka.user.name startswith "system:node:"`, `ka.user.name = "` + accountsOfSystem + `a"`}).Draw(r, "who")
		what := rapid.SampledFrom([]string{"ka.verb exists", "ka.target.resource in (leases, events)", "ka.target.resource = pods", "ka.verb in (get, patch)"}).Draw(r, "what")
		condition := "not (" + who + " and " + what + ") and " + randomCondition(r, 2)
		text := "- rule: R\n  desc: d\n  condition: " + quoted([]string{condition})[1:len(quoted([]string{condition}))-1] + "\n  output: x\n  priority: INFO\n  source: k8s_audit\n"
		c := compile(t, rule.File{Name: "r.yaml", Data: []byte(text)})
		data, err := Generate(c, Options{})
		if err != nil {
			return // no request can be meant
		}
		p := load(t, data)
		bare := p
		for i := len(p.spec.Rules) - 1; i >= 0; i-- {
			if strings.HasPrefix(commentOf(data, p.lineOf(i)), whyFree) {
				bare = drop(bare, i)
			}
		}
		source := c.Sources[event.SourceK8sAudit]
		m := &matcher{source, source.Program.NewState()}
		for range 20 {
			event := sentBy(r)
			fires := func(p *Policy) bool {
				e, err := read(event)
				if err != nil {
					r.Fatal(err)
				}
				return e.strip(p.decide(e.request)) && m.match(t, encode(t, e))["R"]
			}
			if fires(bare) && !fires(p) {
				r.Fatalf("it fires without the rules about machines only\ncondition: %s\nevent: %s\n%s", condition, event, data)
			}
		}
	})
}

// TestSendersOfBuiltin: the rules that ask for heartbeats are few; each of them makes every cluster send them.
func TestSendersOfBuiltin(t *testing.T) {
	t.Parallel()
	c := builtin(t)
	src, all, err := enabled(c)
	if err != nil {
		t.Fatal(err)
	}
	var asking []string
	for _, r := range all {
		s := newSubject(r, src.Catalogue)
		g := &generator{senders: newSenders([]*subject{s})}
		g.rule(r, s)
		if g.senders.asked[slices.Index(g.senders.users, "system:kube-scheduler")][leaseNoise] {
			asking = append(asking, r.Name)
		}
	}
	if len(asking) > 4 {
		t.Errorf("%d rules ask for the leases of the scheduler: %s", len(asking), strings.Join(asking, "; "))
	}
}

package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// world is from what random policies, rules and events are made, so that they meet.
var (
	someVerbs      = []string{"create", "get", "list", "watch", "delete", "patch"}
	someResources  = []string{"pods", "secrets", "configmaps", "deployments", "widgets", "namespaces"}
	someSubs       = map[string][]string{"pods": {"", "exec", "status"}, "deployments": {"", "scale"}, "widgets": {"", "status"}}
	someNamespaces = []string{"", "default", "kube-system"}
	someUsers      = []string{"alice", "bob", "system:node:n1", "system:serviceaccount:kube-system:a", "system:anonymous"}
	someURIs       = []string{"/api/v1/namespaces/kube-system/secrets", "/api/v1/namespaces/default/po", "/api/v1/namespaces/default", "/api/v1/pods", "/apis/apps/", "/apis/apps/v1/namespaces/default/deployments", "/apis/ex", "/api/v1/watch/", "/api/v1/namespaces/default/pods/thing/exec", "/healthz"}
	someGroups     = []string{"dev", "ops", "system:nodes", "system:serviceaccounts", "system:authenticated"}
)

func some(t *rapid.T, label string, all []string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 3, rapid.ID).Draw(t, label)
}

func quoted(list []string) string {
	data, _ := json.Marshal(list)
	return string(data)
}

func randomPolicy(t *rapid.T) string {
	var b strings.Builder
	b.WriteString(head)
	if rapid.Bool().Draw(t, "omit") {
		fmt.Fprintf(&b, "omitStages: %s\n", quoted(some(t, "stages", stages)))
	}
	b.WriteString("rules:\n")
	for range rapid.IntRange(1, 5).Draw(t, "rules") {
		fmt.Fprintf(&b, "- level: %s\n", rapid.SampledFrom(levelNames[:]).Draw(t, "level"))
		if rapid.IntRange(0, 3).Draw(t, "has users") == 0 {
			fmt.Fprintf(&b, "  users: %s\n", quoted(some(t, "users", someUsers)))
		}
		if rapid.IntRange(0, 3).Draw(t, "has groups") == 0 {
			fmt.Fprintf(&b, "  userGroups: %s\n", quoted(some(t, "groups", someGroups)))
		}
		if rapid.IntRange(0, 2).Draw(t, "has verbs") == 0 {
			fmt.Fprintf(&b, "  verbs: %s\n", quoted(some(t, "verbs", someVerbs)))
		}
		if rapid.IntRange(0, 3).Draw(t, "has stages") == 0 {
			fmt.Fprintf(&b, "  omitStages: %s\n", quoted(some(t, "stages", stages)))
		}
		switch rapid.IntRange(0, 4).Draw(t, "about") {
		case 0:
			b.WriteString("  nonResourceURLs: ['/healthz*', /version]\n")
		case 1:
			fmt.Fprintf(&b, "  namespaces: %s\n", quoted(some(t, "namespaces", someNamespaces)))
		case 2, 3:
			names := some(t, "resources", []string{"pods", "secrets", "configmaps", "pods/exec", "pods/*", "*/status", "*", "widgets"})
			group := rapid.SampledFrom([]string{"", "*", "apps", "example.com"}).Draw(t, "group")
			fmt.Fprintf(&b, "  resources:\n  - group: %q\n    resources: %s\n", group, quoted(names))
			if rapid.IntRange(0, 3).Draw(t, "named") == 0 {
				fmt.Fprintf(&b, "    resourceNames: [thing]\n")
			}
		}
	}
	return b.String()
}

func randomCondition(t *rapid.T, depth int) string {
	if depth > 0 && rapid.IntRange(0, 2).Draw(t, "inner") > 0 {
		a, b := randomCondition(t, depth-1), randomCondition(t, depth-1)
		switch rapid.IntRange(0, 3).Draw(t, "op") {
		case 0:
			return "(" + a + " or " + b + ")"
		case 1:
			return "not (" + a + ")"
		default:
			return "(" + a + " and " + b + ")"
		}
	}
	list := func(all []string) string {
		var out []string
		for _, s := range some(t, "items", all) {
			out = append(out, fmt.Sprintf("%q", s))
		}
		return "(" + strings.Join(out, ", ") + ")"
	}
	return rapid.SampledFrom([]func() string{
		func() string { return "ka.verb in " + list(someVerbs) },
		func() string { return "ka.target.resource in " + list(someResources) },
		func() string { return "ka.target.subresource = exec" },
		func() string { return "ka.target.subresource exists" },
		func() string { return "ka.target.namespace in " + list(someNamespaces) },
		func() string { return "ka.target.namespace exists" },
		func() string { return "ka.target.name = thing" },
		func() string { return "ka.user.name in " + list(someUsers) },
		func() string { return `ka.user.name startswith "system:"` },
		func() string { return `ka.user.name endswith "e"` },
		func() string { return `ka.user.name regex "a.*e"` },
		func() string { return "ka.user.groups intersects " + list(someGroups) },
		func() string { return "ka.stage in " + list(stages) },
		func() string { return `ka.response.code = "200"` },
		func() string { return "ka.req.pod.host_pid = true" },
		func() string { return "ka.resp.name = n" },
		func() string { return "jevt.value[/requestObject/spec/x] exists" },
		func() string { return `ka.uri startswith "/api/v1/namespaces/default"` },
		func() string { return `ka.uri contains "health"` },
		func() string {
			return "ka.uri " + rapid.SampledFrom([]string{"startswith", "="}).Draw(t, "how") + " \"" + rapid.SampledFrom(someURIs).Draw(t, "uri") + "\""
		},
		func() string { return "ka.target.name in " + list([]string{"thing", "kube-system", "default"}) },
		func() string { return "ka.target.resource = namespaces" },
		func() string { return `concat(ka.verb, "/", ka.target.resource) = "get/pods"` },
	}).Draw(t, "check")()
}

// randomEvent makes an event as an API server does. The stage Panic is left out: Check misses nothing there.
func randomEvent(t *rapid.T) []byte {
	pick := func(label string, all []string) string { return rapid.SampledFrom(all).Draw(t, label) }
	e := map[string]any{"kind": "Event", "level": "RequestResponse", "auditID": "x", "stage": pick("stage", []string{received, started, complete}), "verb": pick("verb", someVerbs),
		"stageTimestamp": "2025-01-01T00:00:00Z"}
	user := pick("user", someUsers)
	groups := append([]string{}, implied(user)...)
	for _, g := range []string{"dev", "ops"} {
		if rapid.Bool().Draw(t, g) {
			groups = append(groups, g)
		}
	}
	e["user"] = map[string]any{"username": user, "groups": groups}
	isResource := rapid.IntRange(0, 4).Draw(t, "is resource") > 0
	if isResource {
		resource, sub, namespace := pick("resource", someResources), "", pick("namespace", someNamespaces)
		if subs := someSubs[resource]; subs != nil {
			sub = pick("sub", subs)
		}
		if !(target{isResource: true, resource: resource, subresource: sub}).takes(e["verb"].(string)) {
			sub = ""
		}
		if e["stage"] == started && !(target{isResource: true, resource: resource, subresource: sub}).isLong(e["verb"].(string)) {
			e["stage"] = complete
		}
		group, root := "", "/api/v1"
		switch resource {
		case "deployments":
			group, root = "apps", "/apis/apps/v1"
		case "widgets":
			group, root = "example.com", "/apis/example.com/v1"
		}
		ref := map[string]any{"resource": resource, "apiGroup": group, "subresource": sub}
		uri := root
		verb := e["verb"].(string)
		if verb == "watch" && rapid.Bool().Draw(t, "watch in the path") {
			uri += "/watch"
		}
		named := sub != "" || !nameless(verb)
		switch {
		case resource == "namespaces" && named:
			name := pick("name", []string{"thing", "kube-system", "default"})
			ref["namespace"], ref["name"], uri = name, name, uri+"/namespaces/"+name
		case resource == "namespaces":
			uri += "/namespaces"
		case namespace != "":
			ref["namespace"], uri = namespace, uri+"/namespaces/"+namespace+"/"+resource
		default:
			uri += "/" + resource
		}
		if named && resource != "namespaces" {
			ref["name"], uri = "thing", uri+"/thing"
		}
		if sub != "" {
			uri += "/" + sub
		}
		if rapid.IntRange(0, 3).Draw(t, "parameters") == 0 {
			uri += "?timeout=5s"
		}
		if rapid.IntRange(0, 5).Draw(t, "in other letters") == 0 {
			uri = strings.Replace(uri, "o", "%6f", 1)
		}
		for _, key := range []string{"apiGroup", "subresource"} {
			if ref[key] == "" {
				delete(ref, key)
			}
		}
		e["objectRef"], e["requestURI"] = ref, uri
	} else {
		e["requestURI"] = pick("path", []string{"/healthz", "/healthz/etcd", "/version", "/x"})
	}
	if e["stage"] != received {
		e["responseStatus"] = map[string]any{"code": 200}
		if isResource {
			if verb := e["verb"]; verb != "get" && verb != "list" && verb != "watch" { // they carry no object
				e["requestObject"] = map[string]any{"spec": map[string]any{"hostPID": rapid.Bool().Draw(t, "pid"), "x": 1}}
			}
			if e["stage"] != started {
				e["responseObject"] = map[string]any{"metadata": map[string]any{"name": "n"}}
			}
		}
	}
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestNeverIsNever: a rule that fires for an event that a policy sends is never said never to fire; and a rule of which
// nothing is missing fires for what is sent of an event for which it fires when it is recorded whole.
func TestNeverIsNever(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		policyText, condition := randomPolicy(r), randomCondition(r, 3)
		p, err := Load("p.yaml", []byte(policyText))
		if err != nil {
			r.Fatalf("%v\n%s", err, policyText)
		}
		text := "- rule: R\n  desc: d\n  condition: " + quoted([]string{condition})[1:len(quoted([]string{condition}))-1] + "\n  output: x\n  priority: INFO\n  source: k8s_audit\n"
		c := compile(t, rule.File{Name: "r.yaml", Data: []byte(text)})
		source := c.Sources[event.SourceK8sAudit]
		m := &matcher{source, source.Program.NewState()}
		report, err := Check(p, c)
		if err != nil {
			r.Fatal(err)
		}
		verdict := report.Rules[0].Verdict
		for range 20 {
			data := randomEvent(r)
			e, err := read(data)
			if err != nil {
				r.Fatal(err)
			}
			whole := m.match(t, data)["R"]
			kept := e.strip(p.decide(e.request))
			sent := encode(t, e)
			fires := kept && m.match(t, sent)["R"]
			if fires && verdict == Never {
				r.Fatalf("never, but it fires\npolicy:\n%s\ncondition: %s\nevent: %s", policyText, condition, sent)
			}
			if kept && whole != fires && verdict == CanFire {
				r.Fatalf("can fire: with all recorded %v, with what is sent %v\npolicy:\n%s\ncondition: %s\nevent: %s", whole, fires, policyText, condition, sent)
			}
		}
	})
}

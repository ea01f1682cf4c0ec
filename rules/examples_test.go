package rules_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/audit/policy"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/rules"
)

func TestExampleRulesCompile(t *testing.T) {
	first, err := rule.ReadFiles([]string{"../examples/rules/first-rules.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	compile(t, first)
}

// The key append is deprecated in Falco, which is the only finding that the example may have.
func TestExampleTuningCompiles(t *testing.T) {
	tuning, err := rule.ReadFiles([]string{"../examples/rules/tuning.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	set, found := rule.Load(append(rules.Files(), tuning...), catalogues())
	for _, d := range found {
		if d.IsError() || d.Falco != "LOAD_DEPRECATED_ITEM" {
			t.Errorf("%s:%d: %s: %s", d.Start.File, d.Start.Line, d.Severity, d.Message)
		}
	}
	for _, r := range set.Rules {
		if r.Name == "Service opened on the nodes' ports" && r.Enabled {
			t.Errorf("rule %q is still enabled", r.Name)
		}
	}
}

// Under the example policy the API server must record every event on which a rule is to fire, with what the rule
// reads: without the objects that the policy leaves out, the rule must still fire.
func TestExampleAuditPolicyRecordsWhatRulesNeed(t *testing.T) {
	p, err := policy.LoadPolicyFromFile("../examples/kube-apiserver/audit-policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	evaluator := policy.NewPolicyRuleEvaluator(p)
	j := newWatchfulJudge(t)
	for _, file := range auditCases(t, "hit*.json") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var e auditv1.Event
		if err := json.Unmarshal(data, &e); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		got := evaluator.EvaluatePolicyRule(attributesOf(t, &e))
		for _, omitted := range got.OmitStages {
			if string(omitted) == string(e.Stage) {
				t.Errorf("%s: stage %s is not recorded", file, e.Stage)
			}
		}
		if got.Level == auditinternal.LevelNone {
			t.Errorf("%s: not recorded", file)
		}
		want := filepath.Base(filepath.Dir(file))
		split(t, atLevel(t, data, got.Level), func(e *event.Event) {
			if !slices.ContainsFunc(j.fired(t, e), func(name string) bool { return slug(name) == want }) {
				t.Errorf("%s: recorded at level %s, which is not enough for the rule to fire", file, got.Level)
			}
		})
	}
}

// atLevel leaves out of an event what is not recorded at a level.
func atLevel(t *testing.T, data []byte, level auditinternal.Level) []byte {
	t.Helper()
	var e map[string]json.RawMessage
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	if level.Less(auditinternal.LevelRequest) {
		delete(e, "requestObject")
	}
	if level.Less(auditinternal.LevelRequestResponse) {
		delete(e, "responseObject")
	}
	e["level"] = json.RawMessage(strconv.Quote(string(level)))
	left, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func attributesOf(t *testing.T, e *auditv1.Event) authorizer.Attributes {
	t.Helper()
	uri, err := url.Parse(e.RequestURI)
	if err != nil {
		t.Fatal(err)
	}
	a := authorizer.AttributesRecord{
		User: &user.DefaultInfo{Name: e.User.Username, Groups: e.User.Groups},
		Verb: e.Verb, Path: uri.Path,
	}
	if o := e.ObjectRef; o != nil {
		a.ResourceRequest, a.Namespace, a.Name = true, o.Namespace, o.Name
		a.APIGroup, a.APIVersion, a.Resource, a.Subresource = o.APIGroup, o.APIVersion, o.Resource, o.Subresource
	}
	return a
}

// No secret, and no token, may come into the audit log by the example policy.
func TestExampleAuditPolicyKeepsSecretsOut(t *testing.T) {
	p, err := policy.LoadPolicyFromFile("../examples/kube-apiserver/audit-policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	evaluator := policy.NewPolicyRuleEvaluator(p)
	for _, c := range []struct {
		group, resource, subresource string
		most                         auditinternal.Level
	}{
		{"", "secrets", "", auditinternal.LevelMetadata},
		{"authentication.k8s.io", "tokenreviews", "", auditinternal.LevelMetadata},
		{"", "serviceaccounts", "token", auditinternal.LevelRequest},
	} {
		for _, verb := range []string{"create", "update", "patch", "delete", "deletecollection", "get", "list", "watch"} {
			a := authorizer.AttributesRecord{
				User: &user.DefaultInfo{Name: "alice"}, Verb: verb, Path: "/", ResourceRequest: true,
				APIGroup: c.group, Resource: c.resource, Subresource: c.subresource,
			}
			if got := evaluator.EvaluatePolicyRule(&a).Level; c.most.Less(got) {
				t.Errorf("%s %s/%s is recorded at level %s", verb, c.resource, c.subresource, got)
			}
		}
	}
}

func TestExampleWebhookConfiguration(t *testing.T) {
	c, err := clientcmd.LoadFromFile("../examples/kube-apiserver/audit-webhook.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := clientcmd.Validate(*c); err != nil {
		t.Error(err)
	}
	cluster := c.Clusters[c.Contexts[c.CurrentContext].Cluster]
	if want := "http://127.0.0.1:9765/k8s-audit"; cluster.Server != want {
		t.Errorf("server is %s, the receiver listens at %s", cluster.Server, want)
	}
}

package rules_test

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/engine"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/policy"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/rules"
)

// activity is the file of the rules that record everyday work.
const activity = "rules/k8s_audit_trail.yaml"

// selected compiles the rules about audit events with some of them switched on or off.
func selected(t *testing.T, files []rule.File, selections ...rule.Selection) *rule.Compiled {
	t.Helper()
	cats := catalogues()
	set, found := rule.Load(files, cats)
	report(t, found)
	for _, u := range set.Select(selections) {
		t.Errorf("selection %d: %s", u.Index, u.Message)
	}
	compiled, found := set.Compile(cats)
	report(t, found)
	if t.Failed() {
		t.FailNow()
	}
	return compiled
}

func withTag(tag string) rule.Selection { return rule.Selection{Enable: true, Tag: tag} }

// Who does not ask for a record of everyday work does not get it, and who does misses no finding for it: those rules
// are off, weigh least and stand behind all others of their source.
func TestActivityRulesAreOffAndLast(t *testing.T) {
	behind := 0
	for _, r := range compile(t, rules.Files()).Sources[event.SourceK8sAudit].Rules {
		if r.Pos.File != activity {
			if behind > 0 {
				t.Errorf("rule %q stands behind rules of %s", r.Name, activity)
			}
			continue
		}
		behind++
		if r.Enabled || r.Priority < rule.PriorityInformational {
			t.Errorf("rule %q: enabled %v, priority %s; want one that is off and weighs little", r.Name, r.Enabled, r.Priority)
		}
	}
	if behind == 0 {
		t.Errorf("%s has no rules", activity)
	}
}

// The tag switches on all but the rules that tell of each request of many, which must be named.
func TestActivityRulesAreSwitchedOnByTag(t *testing.T) {
	var off []string
	for _, r := range selected(t, filesOf(event.SourceK8sAudit), withTag("activity")).Sources[event.SourceK8sAudit].Rules {
		if r.Pos.File == activity && !r.Enabled {
			off = append(off, r.Name)
		}
	}
	if diff := cmp.Diff([]string{"Request with full rights", "Audit event"}, off); diff != "" {
		t.Errorf("rules that are still off (-want +got):\n%s", diff)
	}
}

// How much is told of what people and programs really did, by which rule. The rules that tell of each request are left
// out.
func TestActivityOnRecordedEvents(t *testing.T) {
	compiled := selected(t, filesOf(event.SourceK8sAudit), rule.Selection{Rule: "*"}, withTag("activity"))
	source := compiled.Sources[event.SourceK8sAudit]
	source.Rules = slices.DeleteFunc(source.Rules, func(r *rule.CompiledRule) bool { return !r.Enabled })
	g := engine.New(compiled, engine.Options{MatchAll: true, MinPriority: rule.PriorityDebug})
	l := newLedger(&judge{source, g},
		"ka.user.name", "ka.verb", "ka.target.resource", "ka.target.subresource", "ka.response.code")
	for _, file := range corpusFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		split(t, text, func(e *event.Event) { l.enter(t, e) })
	}
	golden(t, "testdata/k8s_audit_trail_recorded.golden", l.text())
}

// Rules that are off ask nothing of the audit policy. Under a policy that was made without them most of them stay
// silent, under one that was made with them all of them can fire.
func TestAuditPolicyFollowsActivityRules(t *testing.T) {
	files := filesOf(event.SourceK8sAudit)
	without := slices.DeleteFunc(slices.Clone(files), func(f rule.File) bool { return f.Name == activity })
	few := []rule.Selection{{Rule: "*"}, {Enable: true, Rule: "Cluster-admin rights granted"}}
	narrow := generatePolicy(t, selected(t, files, few...))
	if diff := cmp.Diff(generatePolicy(t, selected(t, without, few...)), narrow); diff != "" {
		t.Errorf("rules that are off change the policy (-without +with):\n%s", diff)
	}

	recorded := selected(t, files, append(few, withTag("activity"))...)
	before, after := verdicts(t, narrow, recorded), verdicts(t, generatePolicy(t, recorded), recorded)
	for name := range after {
		if after[name] != policy.CanFire {
			t.Errorf("rule %q under the policy that was made for it: %s", name, after[name])
		}
	}
	for _, name := range []string{"Workload created", "Namespace deleted", "Secret read", "Node joined"} {
		if before[name] != policy.Never {
			t.Errorf("rule %q under a policy that was made without it: %s, want %s", name, before[name], policy.Never)
		}
	}
	if len(before) != len(after) || len(after) < 20 {
		t.Errorf("%d and %d rules were looked at", len(before), len(after))
	}
}

func generatePolicy(t *testing.T, c *rule.Compiled) string {
	t.Helper()
	data, err := policy.Generate(c, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(data))
}

func verdicts(t *testing.T, text string, c *rule.Compiled) map[string]policy.Verdict {
	t.Helper()
	p, err := policy.Load("policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := policy.Check(p, c)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]policy.Verdict{}
	for _, r := range got.Rules {
		out[r.Rule] = r.Verdict
	}
	return out
}

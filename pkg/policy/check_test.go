package policy

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/rule"
)

// one compiles a rule with a condition and an output.
func one(t testing.TB, condition, output string) *rule.Compiled {
	t.Helper()
	if output == "" {
		output = "x"
	}
	text := "- rule: R\n  desc: d\n  condition: >\n    " + condition + "\n  output: '" + output + "'\n  priority: INFO\n  source: k8s_audit\n"
	return compile(t, rule.File{Name: "r.yaml", Data: []byte(text)})
}

const head = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"

func TestCheck(t *testing.T) {
	const pods = "ka.stage = ResponseComplete and ka.verb = create and ka.target.resource = pods and not ka.target.subresource exists"
	tests := []struct {
		name, policy, condition, output string
		verdict                         Verdict
		kinds                           string
	}{
		{"all", "rules:\n- level: RequestResponse\n", pods + " and ka.req.pod.host_pid = true", "%ka.resp.name", CanFire, ""},
		{"level too low", "rules:\n- level: Metadata\n", pods + " and ka.req.pod.host_pid = true", "", Never, "level-too-low"},
		{"metadata is enough", "rules:\n- level: Metadata\n", pods, "", CanFire, ""},
		{"output", "rules:\n- level: Request\n", pods, "%ka.resp.name", CanFire, "output-missing"},
		{"pointer", "rules:\n- level: Request\n", pods + " and jevt.value[/responseObject/spec/nodeName] exists", "", Never, "level-too-low"},
		{"status is metadata", "rules:\n- level: Metadata\n", pods + ` and jevt.value[/responseStatus/code] = "201"`, "", CanFire, ""},
		{"blind", "rules:\n- level: Metadata\n", pods + " and not ka.req.pod.containers.image in (a, b)", "", Blind, "blind-check"},
		{"not blind", "rules:\n- level: Request\n", pods + " and not ka.req.pod.containers.image in (a, b)", "", CanFire, ""},
		{"blind before the body", "rules:\n- level: Request\n", "ka.verb = create and ka.target.resource = pods and not ka.req.pod.containers.image in (a)", "", Blind, "blind-check"},
		{"alternative", "rules:\n- level: Request\n", pods + " and (ka.req.pod.host_pid = true or ka.resp.name = x)", "", InPart, "part-missing"},
		{"stage", "omitStages: [ResponseStarted]\nrules:\n- level: Metadata\n", "ka.stage = ResponseStarted and ka.target.resource = pods and ka.target.subresource = exec", "", Never, "stage-omitted"},
		{"stage of a rule", "rules:\n- level: Metadata\n  omitStages: [ResponseComplete]\n", pods, "", Never, "stage-omitted"},
		{"resource not recorded", "rules:\n- level: Metadata\n  resources: [{group: '', resources: [secrets]}]\n", pods, "", Never, "not-recorded"},
		{"subresource is no resource", "rules:\n- level: Metadata\n  resources: [{group: '', resources: [pods]}]\n", "ka.target.resource = pods and ka.target.subresource = exec", "", Never, "not-recorded"},
		{"other group", "rules:\n- level: Metadata\n  resources: [{group: apps, resources: [deployments]}]\n", "ka.target.resource = deployments and ka.verb = delete", "", InPart, "not-recorded"},
		{"verb not recorded", "rules:\n- level: Metadata\n  verbs: [get, list]\n", pods, "", Never, "not-recorded"},
		{"user excluded", "rules:\n- level: None\n  users: [bob]\n- level: Metadata\n", pods, "", InPart, "not-recorded"},
		{"user excluded by both", "rules:\n- level: None\n  users: [bob]\n- level: Metadata\n", pods + " and not ka.user.name = bob", "", CanFire, ""},
		{"only the excluded user", "rules:\n- level: None\n  users: [bob]\n- level: Metadata\n", pods + " and ka.user.name = bob", "", Never, "not-recorded"},
		{"group excluded", "rules:\n- level: None\n  userGroups: [dev]\n- level: Metadata\n", pods + " and ka.user.groups intersects (dev)", "", Never, "not-recorded"},
		{"nodes excluded by their group", "rules:\n- level: None\n  userGroups: ['system:nodes']\n- level: Metadata\n", pods + ` and ka.user.name startswith "system:node:"`, "", Never, "not-recorded"},
		{"accounts of a namespace", "rules:\n- level: None\n  userGroups: ['system:serviceaccounts:kube-system']\n- level: Metadata\n", pods + ` and not ka.user.name startswith "system:serviceaccount:"`, "", CanFire, ""},
		{"namespace", "rules:\n- level: Metadata\n  namespaces: [kube-system]\n", pods + " and ka.target.namespace = default", "", Never, "not-recorded"},
		{"no namespace", "rules:\n- level: Metadata\n  namespaces: ['']\n", "ka.target.resource = secrets and ka.verb = list and not ka.target.namespace exists", "", CanFire, ""},
		{"name", "rules:\n- level: None\n  resources: [{group: '', resources: [configmaps], resourceNames: [lock]}]\n- level: Metadata\n", "ka.target.resource = configmaps and ka.verb = update and ka.target.name = lock", "", Never, "not-recorded"},
		{"a policy does not know the name of a new object", "rules:\n- level: None\n  resources: [{group: '', resources: [configmaps], resourceNames: [lock]}]\n- level: Metadata\n", "ka.target.resource = configmaps and ka.verb = create and ka.target.name = lock", "", CanFire, ""},
		{"path", "rules:\n- level: None\n  nonResourceURLs: ['/healthz*']\n- level: Metadata\n", `ka.uri startswith "/healthz"`, "", Never, "not-recorded"},
		{"path of another", "rules:\n- level: None\n  nonResourceURLs: ['/healthz*']\n- level: Metadata\n", `ka.uri startswith "/metrics" and not ka.target.resource exists`, "", CanFire, ""},
		{"URI of a resource", "rules:\n- level: None\n  resources: [{group: '', resources: [configmaps]}]\n- level: Metadata\n", `ka.uri startswith "/api/v1/namespaces/kube-public/configmaps/cluster-info" and ka.target.resource exists`, "", Never, "not-recorded"},
		{"a path has no bodies", "rules:\n- level: RequestResponse\n  nonResourceURLs: ['*']\n", pods + " and ka.req.pod.host_pid = true", "", Never, "not-recorded"},
		{"regular expression", "rules:\n- level: None\n  users: [bob]\n- level: Metadata\n", pods + " and ka.user.name regex 'b.*b'", "", InPart, "not-recorded"},
		{"upper case", "rules:\n- level: Metadata\n  verbs: [create]\n", "toupper(ka.verb) = CREATE and ka.target.resource = pods", "", CanFire, ""},
		{"empty list", "rules:\n- level: None\n", pods + " and ka.user.name in ()", "", Idle, ""},
		{"whole event", "rules:\n- level: Metadata\n", `jevt.obj contains hostPID`, "", CannotTell, "unclear"},
		{"custom resource", "rules:\n- level: Metadata\n  resources: [{group: example.com, resources: [widgets]}]\n", "ka.target.resource = widgets and ka.verb = delete", "", InPart, "not-recorded"},
		{"whole rest", "rules:\n- level: Metadata\n", "ka.auth.decision = allow and ka.impuser.name exists", "", CanFire, ""},
		{"everybody excluded", "rules:\n- level: None\n  userGroups: ['system:authenticated']\n- level: Metadata\n", pods + " and ka.user.name = alice", "", Never, "not-recorded"},
		{"nobody is there without his groups", "rules:\n- level: Metadata\n", `ka.user.name startswith "system:node:" and not ka.user.groups intersects ("system:nodes")`, "", CanFire, ""},
		{"accounts excluded by their group", "rules:\n- level: None\n  userGroups: ['system:serviceaccounts']\n- level: Metadata\n", pods + ` and ka.user.name = "system:serviceaccount:shop:till"`, "", Never, "not-recorded"},
		{"accounts excluded by their namespace", "rules:\n- level: None\n  userGroups: ['system:serviceaccounts:shop']\n- level: Metadata\n", pods + ` and ka.user.name = "system:serviceaccount:shop:till"`, "", Never, "not-recorded"},
		{"accounts of another namespace", "rules:\n- level: None\n  userGroups: ['system:serviceaccounts:shop']\n- level: Metadata\n", pods + ` and ka.user.name = "system:serviceaccount:bank:till"`, "", CanFire, ""},
		{"a namespace is in itself", "rules:\n- level: Metadata\n  namespaces: [kube-system]\n", "ka.verb in (get, update, patch, delete) and ka.target.resource = namespaces and ka.target.name = kube-system", "", CanFire, ""},
		{"a namespace is out with itself", "rules:\n- level: None\n  namespaces: [kube-system]\n- level: Metadata\n", "ka.verb in (get, update, patch, delete) and ka.target.resource = namespaces and ka.target.name = kube-system", "", Never, "not-recorded"},
		{"namespaces out in other ones", "rules:\n- level: None\n  namespaces: [shop, kube-system]\n- level: Metadata\n", "ka.verb = delete and ka.target.resource = namespaces and ka.target.name in (shop, bank)", "", InPart, "not-recorded"},
		{"a new namespace is in none", "rules:\n- level: None\n  namespaces: [kube-system]\n- level: Metadata\n", "ka.verb = create and ka.target.resource = namespaces and ka.target.name = kube-system", "", CanFire, ""},
		{"a list of namespaces is in none", "rules:\n- level: Metadata\n  namespaces: ['']\n", "ka.verb = list and ka.target.resource = namespaces", "", CanFire, ""},
		{"URI of secrets", "rules:\n- level: Metadata\n  resources: [{group: '', resources: [secrets]}]\n", `ka.uri startswith "/api/v1/namespaces/kube-system/secrets"`, "", CanFire, ""},
		{"URI of secrets in another namespace", "rules:\n- level: Metadata\n  namespaces: [default]\n", `ka.uri startswith "/api/v1/namespaces/kube-system/secrets"`, "", Never, "not-recorded"},
		{"URI of a watch in its path", "rules:\n- level: None\n  resources: [{group: '', resources: [secrets]}]\n- level: Metadata\n", `ka.uri startswith "/api/v1/watch/namespaces/kube-system/secrets"`, "", Never, "not-recorded"},
		{"URI of a group", "rules:\n- level: Metadata\n  resources: [{group: apps}]\n", `ka.uri startswith "/apis/apps/v1/namespaces/shop/deployments"`, "", CanFire, ""},
		{"URI of another group", "rules:\n- level: None\n  resources: [{group: apps}]\n- level: Metadata\n", `ka.uri startswith "/apis/apps/"`, "", InPart, "not-recorded"},
		{"a slash in a resource", "rules:\n- level: Metadata\n", "ka.target.resource = deployments/scale", "", Never, "impossible"},
		{"a slash in one of the resources", "rules:\n- level: Metadata\n", "ka.target.resource in (pods, deployments/scale)", "", CanFire, "impossible"},
		{"a path has no object", "rules:\n- level: RequestResponse\n", `ka.uri = "/healthz" and jevt.value[/requestObject] exists`, "", Never, "impossible"},
		{"a read has no object", "rules:\n- level: RequestResponse\n", "ka.verb = get and ka.target.resource = pods and jevt.value[/requestObject] exists", "", Never, "impossible"},
		{"no answer yet", "omitStages: [ResponseStarted, ResponseComplete, Panic]\nrules:\n- level: Metadata\n", "ka.response.code = 200", "", Never, "stage-omitted"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := load(t, []byte(head+test.policy))
			r := check(t, p, one(t, test.condition, test.output)).Rules[0]
			var kinds []string
			for _, f := range r.Findings {
				if len(kinds) == 0 || kinds[len(kinds)-1] != f.Kind {
					kinds = append(kinds, f.Kind)
				}
			}
			if r.Verdict != test.verdict || strings.Join(kinds, " ") != test.kinds {
				t.Errorf("%s %v, want %s %s\n%+v", r.Verdict, kinds, test.verdict, test.kinds, r.Findings)
			}
		})
	}
}

// TestOmittedOnce: a stage that the whole policy omits is told once, whichever of its rules takes the requests.
func TestOmittedOnce(t *testing.T) {
	const policy = "omitStages: [RequestReceived]\nrules:\n- level: None\n  users: [bob]\n- level: Metadata\n  users: [ann]\n- level: Request\n"
	r := check(t, load(t, []byte(head+policy)), one(t, "ka.stage = RequestReceived and ka.verb = create and ka.target.resource = pods", "")).Rules[0]
	count := 0
	for _, f := range r.Findings {
		if f.Kind == StageOmitted {
			count++
		}
	}
	if count != 1 || r.Verdict != Never {
		t.Errorf("%s, told %d times: %+v", r.Verdict, count, r.Findings)
	}
}

// TestAdvice takes the advice of findings and looks again.
func TestAdvice(t *testing.T) {
	const policy = head + `rules:
  - level: None
    users: [bob]
  - level: Metadata
    resources:
      - group: ""
        resources: [pods]
  - level: Metadata
`
	for _, condition := range []string{
		"ka.stage = ResponseComplete and ka.verb = create and ka.target.resource = pods and not ka.target.subresource exists and ka.req.pod.host_pid = true",
		"ka.stage = ResponseComplete and ka.verb = delete and ka.target.resource = secrets",
		"ka.stage = ResponseComplete and ka.target.resource = roles and ka.verb in (create, patch) and not ka.req.role.rules.verbs intersects (get)",
		"ka.stage = ResponseComplete and ka.target.resource = pods and (ka.req.pod.host_ipc = true or ka.resp.name = x)",
	} {
		c := one(t, condition, "")
		text := policy
		for round := 0; ; round++ {
			report := check(t, load(t, []byte(text)), c)
			if report.Rules[0].Verdict == CanFire {
				break
			}
			if round == 5 {
				t.Fatalf("%s: still %s\n%s", condition, findingsOf(report), text)
			}
			f := report.Rules[0].Findings[0]
			lines := strings.SplitAfter(text, "\n")
			if f.Before == 0 {
				text += f.Add
				continue
			}
			text = strings.Join(lines[:f.BeforeLine-1], "") + f.Add + strings.Join(lines[f.BeforeLine-1:], "")
		}
	}
}

// TestReport compares the reports about a policy with many defects with the golden files.
func TestReport(t *testing.T) {
	data, err := os.ReadFile("testdata/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("testdata/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	report := check(t, load(t, data), compile(t, rule.File{Name: "rules.yaml", Data: rules}))
	var text, encoded bytes.Buffer
	if err := report.WriteText(&text, true); err != nil {
		t.Fatal(err)
	}
	if err := report.WriteJSON(&encoded); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.txt", text.Bytes())
	golden(t, "report.json", encoded.Bytes())
	golden(t, "generated.yaml", generate(t, compile(t, rule.File{Name: "rules.yaml", Data: rules}), Options{MetadataForRest: true}))
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s:\n%s", name, diff)
	}
}

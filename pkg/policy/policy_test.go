package policy

import (
	"errors"
	"strings"
	"testing"
)

func TestLoadErrors(t *testing.T) {
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for _, c := range "bcdefg" {
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 10), ",") + "]\n"
	}
	tests := []struct{ name, text, want string }{
		{"empty", " \n", "p.yaml: the file is empty"},
		{"comment", "# nothing\n", "p.yaml: the file holds no policy"},
		{"list", "- a\n", "p.yaml:1: a policy is a mapping"},
		{"syntax", head + "rules:\n  - level: [None\n", "p.yaml:5:1: not valid YAML"},
		{"version", "apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules:\n- level: None\n", "p.yaml:1: "},
		{"no version", "kind: Policy\nrules:\n- level: None\n", "a policy begins with apiVersion: audit.k8s.io/v1 and kind: Policy"},
		{"other kind", "apiVersion: audit.k8s.io/v1\nkind: Event\nrules:\n- level: None\n", "p.yaml:1: "},
		{"no rules", head, "a policy needs at least one rule"},
		{"level", head + "rules:\n- level: None\n- level: Everything\n", `p.yaml:5: rules[1].level: Unsupported value: "Everything"`},
		{"stage", head + "omitStages: [Later]\nrules:\n- level: None\n", "p.yaml:3: omitStages[0]"},
		{"no list", head + "rules:\n- level: None\n  users: ann\n", `p.yaml:5:3: the key "users" of a rule takes a list`},
		{"no list of resources", head + "rules:\n- level: None\n  resources:\n  - group: ''\n    resources: pods\n", `p.yaml:7:5: the key "resources" of a resource takes a list`},
		{"both", head + "rules:\n- level: None\n  nonResourceURLs: [/x]\n  namespaces: [a]\n", "p.yaml:4: rules[0].nonResourceURLs"},
		{"url", head + "rules:\n- level: None\n  nonResourceURLs: ['/a*b']\n", "p.yaml:4: rules[0].nonResourceURLs[0]"},
		{"deep", head + "rules: " + deep + "\n", "exceeded max depth"},
		{"bomb", bomb, "excessive aliasing"},
		{"endless", "rules: &a [*a]\n", "p.yaml: "},
		{"large", head + strings.Repeat("#", MaxBytes), "larger than"},
		{"lines", head + strings.Repeat("\n", maxMarks+1), "more than 100000 values or lines"},
		{"many", head + "rules:\n" + strings.Repeat("- level: None\n", MaxRules+1), "more than 2000 rules"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Load("p.yaml", []byte(test.text))
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// TestLoadNothing loads a list that is there without a value, as the API server does.
func TestLoadNothing(t *testing.T) {
	load(t, []byte(head+"omitStages:\nrules:\n- level: None\n  users: ~\n  verbs:\n"))
}

func TestLoadNotes(t *testing.T) {
	p := load(t, []byte(head+"rules:\n- level: None\n  levels: x\n  resources: [{group: '', resource: [a]}]\n---\nmore: 1\n"))
	var got []string
	for _, n := range p.Notes {
		got = append(got, n.Message)
	}
	text := strings.Join(got, "\n")
	for _, want := range []string{`key "levels" of a rule`, `key "resource" of a resource`, "first document"} {
		if !strings.Contains(text, want) {
			t.Errorf("no note %q among:\n%s", want, text)
		}
	}
}

// FuzzLoad loads policies, and checks and measures with those that load.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(head + "rules:\n- level: Metadata\n  users: [a]\n  resources: [{group: '', resources: ['pods/*'], resourceNames: [b]}]\n"))
	f.Add([]byte(head + "rules:\n- level: None\n  nonResourceURLs: ['/x*']\n- level: Request\n  namespaces: ['']\n  omitStages: [Panic]\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte(`{"apiVersion":"audit.k8s.io/v1","kind":"Policy","rules":[{"level":"RequestResponse","userGroups":["g"],"verbs":["get"]}]}`))
	c := one(f, "ka.verb = create and ka.target.resource = pods and ka.req.pod.host_pid = true", "")
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Load("p.yaml", data)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if len(p.spec.Rules) > 20 || len(data) > 2000 {
			return
		}
		if _, err := Check(p, c); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzRead takes events apart and strips them.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"kind":"Event","level":"RequestResponse","stage":"ResponseComplete","verb":"create","requestURI":"/api/v1/namespaces/a/pods?x","user":{"username":"u","groups":["g"]},"objectRef":{"resource":"pods","namespace":"a","name":"n"},"requestObject":{"metadata":{"managedFields":[1]},"items":[{"metadata":{"managedFields":[]}}]},"responseObject":null}`))
	p := load(f, []byte(head+"omitManagedFields: true\nrules:\n- level: RequestResponse\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := read(data)
		if err != nil {
			return
		}
		if r.strip(p.decide(r.request)) && r.size() > 2*len(data)+100 {
			t.Errorf("%d bytes become %d", len(data), r.size())
		}
	})
}

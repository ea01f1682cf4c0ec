package policy

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	internal "k8s.io/apiserver/pkg/apis/audit"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

var update = flag.Bool("update", false, "write the golden files and examples/kube-apiserver/audit-policy.yaml")

func generate(t testing.TB, c *rule.Compiled, o Options) []byte {
	t.Helper()
	data, err := Generate(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func load(t testing.TB, data []byte) *Policy {
	t.Helper()
	p, err := Load("policy.yaml", data)
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	return p
}

func check(t testing.TB, p *Policy, c *rule.Compiled) *Report {
	t.Helper()
	report, err := Check(p, c)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// findingsOf lists what Check finds, as one text.
func findingsOf(r *Report) string {
	var b strings.Builder
	for _, x := range r.Rules {
		if len(x.Findings) > 0 || x.Verdict != CanFire && x.Verdict != Idle {
			fmt.Fprintln(&b, x.Verdict, x.Rule)
		}
		for _, f := range x.Findings {
			fmt.Fprintln(&b, " ", f.Kind, f.Message)
		}
	}
	return b.String()
}

// TestExample keeps examples/kube-apiserver/audit-policy.yaml what Generate writes for the built-in rules.
func TestExample(t *testing.T) {
	const path = "../../examples/kube-apiserver/audit-policy.yaml"
	want := generate(t, builtin(t), Options{})
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), string(want)); diff != "" {
		t.Errorf("%s is not what the built-in rules need, run go test ./pkg/policy -run TestExample -update:\n%s", path, diff)
	}
}

// TestGeneratedFeedsBuiltin: nothing is missing under the generated policy, in all its forms.
func TestGeneratedFeedsBuiltin(t *testing.T) {
	c := builtin(t)
	for _, o := range []Options{{}, {MetadataForRest: true}, {SecretBodies: true}} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			t.Parallel()
			data := generate(t, c, o)
			if again := generate(t, c, o); !bytes.Equal(data, again) {
				t.Error("two runs differ")
			}
			if found := findingsOf(check(t, load(t, data), c)); found != "" {
				t.Error(found)
			}
		})
	}
}

// drop writes a policy without the rule of a number.
func drop(p *Policy, number int) *Policy {
	spec := p.spec.DeepCopy()
	spec.Rules = slices.Delete(spec.Rules, number, number+1)
	at := p.places
	at.rules = slices.Delete(slices.Clone(at.rules), number, number+1)
	return newPolicy(p.Name, spec, at, nil)
}

// TestGeneratedIsSmall: without any one of its rules or stages, or at a lower level, some rule misses something.
func TestGeneratedIsSmall(t *testing.T) {
	t.Parallel()
	c := builtin(t)
	data := generate(t, c, Options{})
	p := load(t, data)
	for i, r := range p.spec.Rules {
		if r.Level == internal.LevelNone {
			continue
		}
		needing := commentOf(data, p.lineOf(i))
		if !strings.HasPrefix(needing, "For: ") {
			continue // it keeps something out
		}
		if !misses(t, drop(p, i), c, needing) {
			t.Errorf("rule %d (line %d) is not needed", i+1, p.lineOf(i))
		}
		lower := p.spec.DeepCopy()
		lower.Rules[i].Level = internal.Level((parseLevel(string(r.Level)) - 1).String())
		if !misses(t, newPolicy(p.Name, lower, p.places, nil), c, needing) {
			t.Errorf("rule %d (line %d) needs no more than level %s", i+1, p.lineOf(i), lower.Rules[i].Level)
		}
	}
	for _, stage := range stages {
		more := p.spec.DeepCopy()
		if slices.Contains(more.OmitStages, internal.Stage(stage)) {
			continue
		}
		more.OmitStages = append(more.OmitStages, internal.Stage(stage))
		if !misses(t, newPolicy(p.Name, more, p.places, nil), c, "opened") {
			t.Errorf("stage %s is not needed", stage)
		}
	}
}

// TestGeneratedKeepsCredentials: no body of a Secret or a token is recorded, whatever the rules ask for.
func TestGeneratedKeepsCredentials(t *testing.T) {
	for _, c := range []*rule.Compiled{builtin(t), one(t, "jevt.value[/responseObject/x] exists", ""), one(t, "ka.target.resource = secrets and jevt.value[/responseObject/x] exists", "")} {
		p := load(t, generate(t, c, Options{}))
		for _, verb := range resourceVerbs {
			for _, target := range []target{{true, "", "secrets", "", ""}, {true, authn, "tokenreviews", "", ""}, {true, "", "serviceaccounts", "token", ""}} {
				r := request{verb: verb, user: "ann", isResource: true, group: target.group, resource: target.resource, subresource: target.subresource}
				if l := parseLevel(string(p.decide(r).config.Level)); l > target.withheld() {
					t.Errorf("%s %s is recorded at level %s", verb, target, l)
				}
			}
		}
	}
}

// TestGeneratedVerbs: what has no body is not recorded for it.
func TestGeneratedVerbs(t *testing.T) {
	for _, test := range []struct{ condition, output, want string }{
		{"ka.target.resource = configmaps and ka.req.configmap.obj contains x", "", "- level: Request\n    verbs: [create, update, patch, delete, deletecollection]\n"},
		{"ka.target.resource = configmaps and ka.verb in (deletecollection, list)", "%ka.resp.name", "- level: RequestResponse\n    verbs: [deletecollection, list]\n"},
		{"ka.target.resource = configmaps and ka.verb in (patch, delete)", "%ka.req.configmap.obj", "- level: Request\n    verbs: [patch]\n"},
		{"ka.target.resource = configmaps and ka.verb in (patch, delete)", "%ka.req.configmap.obj", "- level: Metadata\n    verbs: [delete]\n"},
	} {
		if data := generate(t, one(t, "ka.stage = ResponseComplete and "+test.condition, test.output), Options{}); !strings.Contains(string(data), test.want) {
			t.Errorf("%s %s: no\n%s in\n%s", test.condition, test.output, test.want, data)
		}
	}
}

// commentOf is the comment above a line of a policy, on one line.
func commentOf(data []byte, line int) string {
	lines := strings.Split(string(data), "\n")[:line-1]
	var out string
	for k := len(lines) - 1; k >= 0 && strings.HasPrefix(strings.TrimSpace(lines[k]), "#"); k-- {
		out = strings.TrimPrefix(strings.TrimSpace(lines[k]), "# ") + " " + out
	}
	return out
}

// misses tells whether some rule misses something; it looks first at the rules that likely do.
func misses(t *testing.T, p *Policy, c *rule.Compiled, likely string) bool {
	t.Helper()
	src, all, err := enabled(c)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(all, func(a, b *rule.CompiledRule) int {
		isLikely := func(r *rule.CompiledRule) int {
			if strings.Contains(likely, r.Name) || strings.Contains(r.Name, likely) {
				return 0
			}
			return 1
		}
		return isLikely(a) - isLikely(b)
	})
	signs := partsOf(p.spec)
	// A look at a part of the requests mostly finds one; only what finds none looks at all.
	for _, most := range []int{2000, maxCells} {
		for _, r := range all {
			x := &checker{policy: p, signs: &signs, used: make([]usage, len(p.spec.Rules)), subject: newSubject(r, src.Catalogue), groups: map[groupKey]*group{}}
			if x.subject.idle() {
				continue
			}
			x.search = newSearch(x.subject, p.spec, &signs)
			x.search.each(func(c *cell) bool { return x.cell(c) && len(x.order) == 0 && x.search.cells < most })
			if len(x.order) > 0 {
				return true
			}
		}
	}
	return false
}

// matcher tells which rules are true for an event.
type matcher struct {
	source *rule.Source
	state  *program.State
}

func (m *matcher) match(t testing.TB, text []byte) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	splitter, batch := &audit.Splitter{}, &audit.Batch{}
	err := splitter.Split(batch, listed(text), func(b *audit.Batch) error {
		for e := range b.All() {
			m.state.Begin(e)
			for _, r := range m.source.Rules {
				if r.Enabled && m.state.True(r.Condition) {
					out[r.Name] = true
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

var notLetter = regexp.MustCompile(`[^a-z0-9]+`)

// slug is the name of the folder with a rule's events.
func slug(name string) string {
	return strings.Trim(notLetter.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

// TestHitsStillFire passes all recorded events that make a rule fire through the generated policy.
func TestHitsStillFire(t *testing.T) {
	t.Parallel()
	c := builtin(t)
	source := c.Sources[event.SourceK8sAudit]
	m := &matcher{source, source.Program.NewState()}
	p := load(t, generate(t, c, Options{}))
	files, err := filepath.Glob("../../rules/tests/k8s_audit/*/hit-*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no events: %v", err)
	}
	fired := 0
	for _, file := range files {
		own := filepath.Base(filepath.Dir(file))
		reader := audit.FileReader{Splitter: &audit.Splitter{}}
		err := reader.Read(file, func(e *event.Event) error {
			text := []byte(e.Data.(*audit.Record).PluginInfo())
			before := m.match(t, text)
			r, err := read(text)
			if err != nil {
				t.Fatal(err)
			}
			d := p.decide(r.request)
			after := map[string]bool{}
			kept := r.strip(d)
			if kept {
				after = m.match(t, encode(t, r))
			}
			for name := range before {
				// A rule that is not about the stage may be fed by another event of the request.
				if !after[name] && (kept || slug(name) == own) {
					t.Errorf("%s: %q does not fire any more; rule %d (line %d) of the policy takes the event", file, name, d.rule+1, p.lineOf(d.rule))
				}
				if slug(name) == own {
					fired++
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if fired < len(files)/2 {
		t.Errorf("only %d of %d events make the rule fire whose folder they are in", fired, len(files))
	}
}

package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// ours are the fields that Falco does not have.
var ours = func() map[string]bool {
	names := map[string]bool{}
	for _, name := range strings.Fields(`ka.annotation ka.impuser.extra ka.impuser.groups ka.impuser.uid ka.latency ka.level ka.peerip
	ka.peernet ka.req.binding.role.kind ka.req.csr.groups ka.req.csr.user ka.req.pod.node ka.req.pod.serviceaccount ka.req.template.containers.add_capabilities
	ka.req.template.containers.image ka.req.template.containers.image.repository ka.req.template.containers.privileged
	ka.req.template.host_ipc ka.req.template.host_network ka.req.template.host_pid ka.req.template.serviceaccount
	ka.req.template.volumes.hostpath ka.response.binding.role ka.response.binding.subjects ka.response.csr.groups ka.response.csr.user ka.response.message
	ka.response.status ka.sourceip ka.sourcenet ka.target.apigroup ka.target.apiversion ka.target.uid ka.truncated
	ka.user.extra ka.user.uid`) {
		names[name] = true
	}
	return names
}()

// differences are the fields whose value differs from what Falco 0.44.1 with k8saudit 0.18 gives, on purpose. A value
// here that is not what we give is a failure.
var differences = map[string]struct {
	want   any
	reason string
}{
	"K01 ka.sourceips":                                    {[]string{"1.2.3.4", "::1"}, "Falco looks for it below requestObject.rules and never finds it"},
	"K09 ka.sourceips":                                    {[]string{"10.0.0.1"}, "Falco looks for it below requestObject.rules and never finds it"},
	"K01 ka.req.pod.containers.add_capabilities":          {[]string{"SYS_ADMIN", "NET_RAW"}, "Falco gives each list as JSON, so that intersects (SYS_ADMIN) never holds"},
	"K07 ka.req.pod.ephemeralContainers.add_capabilities": {[]string{"NET_ADMIN"}, "Falco gives each list as JSON, so that intersects (NET_ADMIN) never holds"},
	"K01 ka.req.container.image.repository":               {"reg.io:5000/a/b", "Falco cuts at the port of the registry"},
	"K01 ka.req.pod.containers.image.repository":          {[]string{"reg.io:5000/a/b", "nginx"}, "Falco cuts at the port of the registry"},
	"K01 ka.req.pod.containers.eff_run_as_user":           {[]string{"0", "1000"}, "Falco looks at the wrong place and always says 0"},
	"K01 ka.req.pod.containers.eff_run_as_user[0]":        {[]string{"0"}, "Falco has no value with an index"},
	"K01 ka.req.pod.initContainers.eff_run_as_user":       {[]string{"1000"}, "Falco looks at the wrong place and always says 0"},
	"K07 ka.req.pod.initContainers.eff_run_as_group":      {[]string{"3"}, "Falco looks at the wrong place and always says 0"},
}

// TestLanguageCases runs the k8s cases of the recorded behaviour of Falco.
func TestLanguageCases(t *testing.T) {
	path := os.Getenv("LANGUAGE_CASES")
	own := path == ""
	if own {
		path = "../condition/testdata/language-cases.yaml"
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases struct {
		K8s []struct {
			ID      string
			What    string
			Event   yaml.Node
			Fields  map[string]yaml.Node
			Missing []string `yaml:"missing_with_argument"`
		}
	}
	if err := yaml.Unmarshal(file, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases.K8s) == 0 && own {
		t.Fatalf("no k8s cases in %s", path)
	}
	catalogue := Catalogue("host")
	passed, used := 0, 0
	for _, c := range cases.K8s {
		text := toJSON(t, &c.Event)
		e := splitOne(t, text)
		want := map[string]any{}
		for name, node := range c.Fields {
			var value any = node.Value
			if node.Kind == yaml.SequenceNode {
				items := []string{}
				for _, item := range node.Content {
					items = append(items, item.Value)
				}
				value = items
			}
			want[name] = value
		}
		names := map[string]bool{}
		for name := range want {
			names[name] = true
		}
		for _, name := range c.Missing {
			names[name] = true
		}
		for _, f := range catalogue.Fields() {
			if strings.HasPrefix(f.Name, "ka.") && f.Need != field.ArgRequired && !ours[f.Name] {
				names[f.Name] = true
			}
		}
		failed := false
		for name := range names {
			expected := want[name]
			if d, ok := differences[c.ID+" "+name]; ok {
				expected = d.want
				used++
			}
			if d := cmp.Diff(expected, extractText(t, catalogue, e, name)); d != "" {
				failed = true
				t.Errorf("case %s (%s) %s differs (-want +got):\n%s", c.ID, c.What, name, d)
			}
		}
		if !failed {
			passed++
		}
	}
	if own && used != len(differences) {
		t.Errorf("%d of %d differences belong to a case", used, len(differences))
	}
	fmt.Printf("%d of %d k8s cases passed, %d values in them with a listed difference\n", passed, len(cases.K8s), used)
}

// splitOne makes the one event of a text, which the test may use to its end.
func splitOne(t testing.TB, text []byte) *event.Event {
	t.Helper()
	var s Splitter
	b := &Batch{}
	c := cutter{splitter: &s, b: b, to: func(*Batch) error { return nil }}
	if _, err := c.document(text, c.item); err != nil {
		t.Fatal(err)
	}
	if len(b.events) != 1 {
		t.Fatalf("%d events in %s", len(b.events), text)
	}
	b.events[0].Data = &b.records[0]
	return &b.events[0]
}

// extractText gives the value of a field as a string, as a []string for a list, or as nil.
func extractText(t testing.TB, c *field.Catalogue, e *event.Event, spec string) any {
	t.Helper()
	name, arg := spec, field.Arg{}
	if i := strings.IndexByte(spec, '['); i >= 0 {
		name = spec[:i]
		arg = field.Arg{Present: true, Text: strings.TrimSuffix(spec[i+1:], "]")}
		if n, err := strconv.Atoi(arg.Text); err == nil {
			arg.Index, arg.IsIndex = n, true
		}
	}
	f, _, ok := c.Lookup(name)
	if !ok {
		t.Fatalf("no field %s", name)
	}
	if f.Prepare != nil {
		if err := f.Prepare(&arg); err != nil {
			t.Fatalf("%s: %v", spec, err)
		}
	}
	var v event.Value
	if !f.Extract(e, &arg, &v) {
		return nil
	}
	switch {
	case f.List:
	case f.Type.Class() == event.ClassIP, f.Type.Class() == event.ClassNet:
		return v.Addr.String()
	case f.Type.Class() == event.ClassNumber:
		return fmt.Sprint(v.Num)
	default:
		return strings.Clone(v.Text)
	}
	texts := []string{}
	for _, item := range v.List {
		texts = append(texts, strings.Clone(item.Text))
	}
	return texts
}

// toJSON writes a YAML node as JSON and keeps the order of the members.
func toJSON(t *testing.T, n *yaml.Node) []byte {
	t.Helper()
	var out bytes.Buffer
	switch n.Kind {
	case yaml.MappingNode:
		out.WriteByte('{')
		for i := 0; i < len(n.Content); i += 2 {
			if i > 0 {
				out.WriteByte(',')
			}
			key, _ := json.Marshal(n.Content[i].Value)
			out.Write(key)
			out.WriteByte(':')
			out.Write(toJSON(t, n.Content[i+1]))
		}
		out.WriteByte('}')
	case yaml.SequenceNode:
		out.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			out.Write(toJSON(t, item))
		}
		out.WriteByte(']')
	default:
		if n.Tag == "!!str" || n.Tag == "!!timestamp" {
			text, _ := json.Marshal(n.Value)
			return text
		}
		return []byte(n.Value)
	}
	return out.Bytes()
}

package daemon

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

func TestStaticFields(t *testing.T) {
	for name, c := range Catalogues("h", config.StaticField{Name: "region", Value: "eu"}, config.StaticField{Name: "a.b", Value: ""}) {
		for field, want := range map[string]string{"static.region": "eu", "static.a.b": ""} {
			f, _, ok := c.Lookup(field)
			if !ok {
				t.Fatalf("%s: no field %s", name, field)
			}
			var v event.Value
			if !f.Extract(&event.Event{Source: name}, nil, &v) || v.Text != want {
				t.Errorf("%s: %s is %q, want %q", name, field, v.Text, want)
			}
		}
		plain := Catalogues("h")[name]
		if diff := cmp.Diff(plain.Types(), c.Types()); diff != "" || len(c.Fields()) != len(plain.Fields())+2 || c.Source() != plain.Source() {
			t.Errorf("%s: the catalogue has changed: %s", name, diff)
		}
	}
}

// TestReportCaptures: that no capture file is written is said once for all rules that ask for one.
func TestReportCaptures(t *testing.T) {
	for _, test := range []struct {
		rules []*rule.Rule
		want  string
	}{
		{[]*rule.Rule{{Name: "a", Enabled: true}, {Name: "b", Capture: true}}, ""},
		{[]*rule.Rule{{Name: "a", Enabled: true, Capture: true}, {Name: "b", Enabled: true, Capture: true}}, `"rules":["a","b"]`},
	} {
		var out output
		log, _, err := newLog(config.Log{Level: "info", Stderr: true}, &out)
		if err != nil {
			t.Fatal(err)
		}
		reportCaptures(&rule.Set{Rules: test.rules}, log)
		if got := out.String(); !strings.Contains(got, test.want) || (got == "") != (test.want == "") || strings.Count(got, "\n") > 1 {
			t.Errorf("log %q, want %q", got, test.want)
		}
	}
}

package policy

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// encode writes what is left of an event.
func encode(t testing.TB, r *recorded) []byte {
	t.Helper()
	out, err := json.Marshal(r.members)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// listed puts an event into a list: as an item of one it may lack its kind.
func listed(event []byte) []byte {
	return []byte(`{"kind":"EventList","items":[` + string(event) + `]}`)
}

// TestReadsOfCatalogue takes members out of recorded events: a field whose value changes by it must be known to read
// that member.
func TestReadsOfCatalogue(t *testing.T) {
	t.Parallel()
	catalogue := audit.Catalogue("host")
	members := map[string]func(reads) bool{
		"requestObject":  func(r reads) bool { return r.body >= levelRequest },
		"responseObject": func(r reads) bool { return r.body == levelResponse },
		"responseStatus": func(r reads) bool { return r.aspects&(ofAnswer|ofUnknown) != 0 },
		"stage":          func(r reads) bool { return r.aspects&(ofStage|ofUnknown) != 0 },
		"verb":           func(r reads) bool { return r.aspects&(ofVerb|ofUnknown) != 0 },
		"user":           func(r reads) bool { return r.aspects&(ofUser|ofGroups|ofUnknown) != 0 },
		"requestURI":     func(r reads) bool { return r.aspects&(ofURI|ofUnknown) != 0 },
		"level":          func(r reads) bool { return r.aspects&(ofUnknown) != 0 },
		"objectRef":      func(r reads) bool { return r.aspects&(ofTarget|ofNamespace|ofName|ofUnknown) != 0 },
		"annotations":    func(r reads) bool { return r.aspects&(ofAnswer|ofUnknown) != 0 },
	}
	fields := fieldExprs(t, catalogue)
	files, err := filepath.Glob("../../rules/tests/k8s_audit/*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no events: %v", err)
	}
	told := map[string]bool{}
	for _, file := range files {
		reader := audit.FileReader{Splitter: &audit.Splitter{}}
		if err := reader.Read(file, func(e *event.Event) error {
			text := []byte(e.Data.(*audit.Record).PluginInfo())
			whole := values(t, fields, text)
			for member, reads := range members {
				var all map[string]json.RawMessage
				if err := json.Unmarshal(text, &all); err != nil {
					t.Fatal(err)
				}
				if all[member] == nil {
					continue
				}
				delete(all, member)
				less, _ := json.Marshal(all)
				for name, value := range values(t, fields, less) {
					base, arg, _ := strings.Cut(strings.TrimSuffix(name, "]"), "[")
					if value != whole[name] && !reads(readsOf(base, arg)) && !told[name+member] {
						told[name+member] = true
						t.Errorf("%s: %s reads %s, which readsOf does not know", file, name, member)
					}
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// fieldExprs compiles the fields of the catalogue that need no argument.
func fieldExprs(t *testing.T, catalogue *field.Catalogue) map[string]*program.Expr {
	out := map[string]*program.Expr{}
	for _, f := range catalogue.Fields() {
		// What shows the whole event changes with everything.
		if f.Need == field.ArgRequired || f.Name == "jevt.obj" || f.Name == "json.obj" || strings.HasPrefix(f.Name, "evt.") {
			continue
		}
		op, _, bad := condition.ParseOperand(f.Name)
		if bad != nil {
			t.Fatal(bad)
		}
		if x, _ := program.CompileOperand(op, catalogue); x != nil {
			out[f.Name] = x
		}
	}
	for _, pointer := range []string{"/requestObject/kind", "/responseObject/kind", "/responseStatus/code", "/user/username", "/objectRef/resource", "/sourceIPs/0"} {
		op, _, bad := condition.ParseOperand("jevt.value[" + pointer + "]")
		if bad != nil {
			t.Fatal(bad)
		}
		x, found := program.CompileOperand(op, catalogue)
		if x == nil {
			t.Fatal(found)
		}
		out["jevt.value["+pointer+"]"] = x
	}
	return out
}

func values(t *testing.T, fields map[string]*program.Expr, text []byte) map[string]string {
	t.Helper()
	out := map[string]string{}
	splitter, batch := &audit.Splitter{}, &audit.Batch{}
	err := splitter.Split(batch, listed(text), func(b *audit.Batch) error {
		for e := range b.All() {
			for name, x := range fields {
				var v event.Value
				if x.Extract(e, &v) {
					text := strconv.Quote(v.Text)
					for _, item := range v.List {
						text += " " + strconv.Quote(item.Text)
					}
					out[name] = text
				} else {
					out[name] = "missing"
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

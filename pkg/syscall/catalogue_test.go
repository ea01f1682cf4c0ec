package syscall

import (
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/field/fieldtest"
)

// TestCatalogue holds what every field must satisfy.
func TestCatalogue(t *testing.T) {
	listed := 0
	for _, f := range catalogue.Fields() {
		if !f.Hidden {
			listed++
		}
		if f.Extract == nil || !strings.HasSuffix(f.Help, ".") || strings.Count(f.Name, ".") == 0 {
			t.Errorf("%s: extractor or help is missing: %q", f.Name, f.Help)
		}
		if (f.Need == field.ArgNone) != (f.Form == 0) {
			t.Errorf("%s: need %d with form %d", f.Name, f.Need, f.Form)
		}
		if f.Type.Class() == event.ClassNone || f.Type.Class() == event.ClassParam && f.Type != event.TypeDyn {
			t.Errorf("%s has type %s", f.Name, f.Type)
		}
		if f.Quantifier != field.One && !f.NoCompare {
			t.Errorf("%s has several values and can be compared with another field", f.Name)
		}
	}
	if listed < 290 {
		t.Errorf("only %d fields are listed", listed)
	}
	for _, f := range catalogue.Fields() {
		if strings.HasSuffix(f.Pending, ".") || f.Pending != "" && f.Extract(&event.Event{Data: &Record{}}, &field.Arg{}, &event.Value{}) {
			t.Errorf("%s has a value although it has none: %q", f.Name, f.Pending)
		}
	}
	for name, ids := range map[string]int{"openat": 1, "accept4": 1, "exit_group": 1, "k8s": 1, "no_such_call": 0} {
		if got := len(catalogue.TypeIDs(name)); got != ids {
			t.Errorf("%s has %d numbers, want %d", name, got, ids)
		}
	}
}

// TestFalcoFields: every field that rules for Falco use is there and has the same shape.
func TestFalcoFields(t *testing.T) {
	fieldtest.Falco(t, catalogue, "testdata/fields.tsv", map[string]string{
		"evt.abspath": "Falco asks for an argument in its list, and takes the field without one",
	})
}

// TestArguments: what a rule writes as an argument or constant is checked when it is compiled.
func TestArguments(t *testing.T) {
	tests := []struct{ name, bracket, want string }{
		{"evt.arg.flags", "", ""},
		{"evt.arg", "flags", ""},
		{"evt.arg", "0", ""},
		{"evt.arg.flagz", "", "unknown event argument flagz, did you mean flags?"},
		{"evt.arg.nothing_like_it", "", "unknown event argument nothing_like_it"},
		{"evt.rawarg.flags", "", ""},
		{"evt.rawarg.tuple", "", "event argument tuple cannot be compared as it is, use evt.arg.tuple for its text"},
		{"evt.rawarg", "flags", "write evt.rawarg.flags"},
		{"evt.rawarg.resx", "", "unknown event argument resx, did you mean res?"},
		{"evt.type.is.open", "", ""},
		{"evt.type.is", "3", ""},
		{"evt.type.is.opn", "", "unknown event type opn, did you mean open?"},
		{"evt.abspath", "", ""},
		{"evt.abspath.dst", "", ""},
		{"evt.abspath.middle", "", `evt.abspath knows src and dst, not "middle"`},
		{"thread.cgroup.cpu", "", ""},
	}
	for _, test := range tests {
		f, arg, ok := catalogue.Lookup(test.name)
		if !ok {
			t.Errorf("no field %s", test.name)
			continue
		}
		a := field.Arg{Present: arg != "" || test.bracket != "", Text: arg + test.bracket}
		if a.IsIndex = a.Present && strings.Trim(a.Text, "0123456789") == ""; a.IsIndex {
			a.Index = int(a.Text[0] - '0')
		}
		got := ""
		if f.Prepare != nil {
			if err := f.Prepare(&a); err != nil {
				got = err.Error()
			}
		}
		if got != test.want {
			t.Errorf("%s[%s]: %q, want %q", test.name, test.bracket, got, test.want)
		}
	}
	f, _, _ := catalogue.Lookup("evt.type")
	for constant, want := range map[string]string{"openat": "", "exit_group": "", "tracer": "", "opennat": "unknown event type opennat, did you mean openat?", "zzzzzzzzz": "unknown event type zzzzzzzzz"} {
		got := ""
		if err := f.Constant(constant); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("evt.type = %s: %q, want %q", constant, got, want)
		}
	}
}

// TestRawTypes: a raw parameter has a type by which rules can be checked, the widest where events disagree.
func TestRawTypes(t *testing.T) {
	for name, want := range map[string]event.Type{
		"flags": event.TypeUint64, "res": event.TypeInt64, "name": event.TypeString, "fd": event.TypeFD, "mode": event.TypeUint64,
		"data": event.TypeBytes, "uid": event.TypeUint64, "dirfd": event.TypeFD,
	} {
		f, arg, ok := catalogue.Lookup("evt.rawarg." + name)
		if !ok || arg != "" {
			t.Errorf("evt.rawarg.%s is not declared", name)
			continue
		}
		if f.Type != want && !(f.Type.Class() == event.ClassNumber && want.Class() == event.ClassNumber && f.Type.Bits() >= 32) {
			t.Errorf("evt.rawarg.%s is %s, want %s", name, f.Type, want)
		}
	}
}

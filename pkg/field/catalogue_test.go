package field

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/event"
)

func catalogue() *Catalogue {
	return New("test", []string{"", "open", "close", "open"}, []Field{
		{Name: "proc.name", Type: event.TypeString},
		{Name: "proc.pname", Type: event.TypeString},
		{Name: "evt.type", Type: event.TypeString},
		{Name: "evt.type.is", Type: event.TypeUint32, Need: ArgRequired, Form: FormAny, DotArg: true},
		{Name: "proc.nama", Type: event.TypeString, Hidden: true},
		{Name: "proc.num", Type: event.TypeUint64},
		{Name: "proc.aname", Type: event.TypeString, Need: ArgOptional, Form: FormIndex},
		{Name: "proc.env", Type: event.TypeString, Need: ArgOptional, Form: FormKey},
	})
}

func TestLookup(t *testing.T) {
	c := catalogue()
	for _, test := range []struct {
		name, field, arg string
		ok               bool
	}{
		{"proc.name", "proc.name", "", true},
		{"proc.nama", "proc.nama", "", true},
		{"evt.type.is.open", "evt.type.is", "open", true},
		{"evt.type.is", "evt.type.is", "", true},
		{"proc.name.x", "", "", false},
		{"nothing", "", "", false},
		{"", "", "", false},
	} {
		f, arg, ok := c.Lookup(test.name)
		if ok != test.ok || arg != test.arg || ok && f.Name != test.field {
			t.Errorf("%q: %v %q %v", test.name, f, arg, ok)
		}
	}
	if diff := cmp.Diff([]uint16{1, 3}, c.TypeIDs("open")); diff != "" {
		t.Error(diff)
	}
	if c.TypeIDs("opn") != nil {
		t.Error("an unknown type has ids")
	}
}

func TestSuggest(t *testing.T) {
	c := catalogue()
	for _, test := range []struct {
		name string
		want []string
	}{
		{"proc.nmae", []string{"proc.name", "proc.pname", "proc.aname"}},
		{"Proc.Name", []string{"proc.name", "proc.pname", "proc.aname"}},
		{"evt.tipe", []string{"evt.type"}},
		{"something.else", []string{}},
		{"proc.nam", []string{"proc.name", "proc.num", "proc.pname"}},
		{"proc.n", []string{"proc.name", "proc.num", "proc.env"}},
		{"proc.env.PATH", []string{"proc.env[PATH]"}},
		{"proc.env.", []string{"proc.env", "proc.num"}},
		{"process.pname", []string{"proc.pname"}},
		{"proc.comm", []string{"proc.name"}},
		{"proc.ppname", []string{"proc.aname[2]"}},
		{"user.username", []string{}},
		{"", []string{}},
	} {
		if diff := cmp.Diff(test.want, c.Suggest(test.name)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestRenamed(t *testing.T) {
	for name, want := range map[string]string{"filename": "fd.name", "proc.uid": "user.uid", "network.dst.ip": "fd.sip", "fd.name": "", "": ""} {
		if got, ok := Renamed(name); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
}

// TestSuggestLong: a name of any length is answered at once.
func TestSuggestLong(t *testing.T) {
	c := catalogue()
	for _, name := range []string{strings.Repeat("a.", 1<<20), strings.Repeat("proc.env.", 1<<17), strings.Repeat("x", 1<<20)} {
		if got := c.Suggest(name); len(got) > 0 {
			t.Errorf("%d names are like one of %d bytes", len(got), len(name))
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"kitten", "sitting", 3}, {"abc", "abc", 0}, {"abcd", "acbd", 1},
	} {
		if got := distance(test.a, test.b, 100); got != test.want {
			t.Errorf("%q %q: %d, want %d", test.a, test.b, got, test.want)
		}
		if got := distance(test.b, test.a, 100); got != test.want {
			t.Errorf("%q %q: %d, want %d", test.b, test.a, got, test.want)
		}
	}
}

func TestDuplicateFieldPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("two fields of one name are accepted")
		}
	}()
	New("test", nil, []Field{{Name: "a.b"}}, []Field{{Name: "a.b"}})
}

package fieldtest

import (
	"os"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/field"
)

// Falco compares a catalogue with the fields that Falco has, listed in a file: name, type, "single" or "list" and
// argument ("none", "optional" or "required", with the forms "index", "key" or "index|key" behind a blank where Falco
// tells them), divided by tabs. deviations are the fields that differ, each with its reason. It returns the names in
// the file.
func Falco(t testing.TB, c *field.Catalogue, path string, deviations map[string]string) map[string]bool {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		want := strings.TrimSuffix(line, "\n")
		name, _, _ := strings.Cut(want, "\t")
		names[name] = true
		f, arg, ok := c.Lookup(name)
		if !ok || arg != "" {
			t.Errorf("Falco has a field %s", name)
			continue
		}
		got := row(f, strings.Contains(want[strings.LastIndexByte(want, '\t'):], " "))
		switch why := deviations[name]; {
		case got != want && why == "":
			t.Errorf("field of Falco:\n%s\nfield of this program:\n%s", want, got)
		case got == want && why != "":
			t.Errorf("%s does not differ any more: %s", name, why)
		}
	}
	if len(names) < 20 {
		t.Errorf("only %d fields in %s", len(names), path)
	}
	for name := range deviations {
		if !names[name] {
			t.Errorf("%s is no field of Falco", name)
		}
	}
	return names
}

// row writes a field as a line of the file; form says whether the form of the argument is told.
func row(f *field.Field, form bool) string {
	shape := "single"
	if f.List {
		shape = "list"
	}
	need := [...]string{field.ArgNone: "none", field.ArgOptional: "optional", field.ArgRequired: "required"}[f.Need]
	if form {
		need += " " + [...]string{field.FormIndex: "index", field.FormKey: "key", field.FormAny: "index|key"}[f.Form]
	}
	return strings.Join([]string{f.Name, f.Type.String(), shape, need}, "\t")
}

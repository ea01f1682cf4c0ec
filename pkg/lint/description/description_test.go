package description_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/lint/description"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/syscall"
)

var update = flag.Bool("update", false, "write the golden files")

func describe(t *testing.T) *description.Description {
	t.Helper()
	catalogues := map[string]*field.Catalogue{event.SourceSyscall: syscall.Catalogue("host"), event.SourceK8sAudit: audit.Catalogue("host")}
	var files []rule.File
	for _, name := range []string{"base.yaml", "local.yaml"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, rule.File{Name: name, Data: data})
	}
	set, found := rule.Load(files, catalogues)
	compiled, more := set.Compile(catalogues)
	if found = append(found, more...); rule.HasErrors(found) {
		t.Fatal(found)
	}
	return description.Of(set, compiled, catalogues)
}

// TestGolden compares each form with the file in testdata. The names of all system calls are many and change: a list of
// more than a hundred is shown as one word.
func TestGolden(t *testing.T) {
	selected := describe(t)
	if err := selected.Select([]string{"Secret *", "Network tool started"}); err != nil {
		t.Fatal(err)
	}
	all := describe(t)
	for name, write := range map[string]func(io.Writer) error{
		"list.txt": all.WriteList, "text.txt": all.WriteText, "all.json": all.WriteJSON, "falco.json": all.WriteFalco,
		"selected.txt": selected.WriteText, "selected.json": selected.WriteJSON, "falco-selected.json": selected.WriteFalco,
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			got := b.String()
			if strings.HasPrefix(name, "falco") {
				got = indented(t, got)
			}
			if *update {
				if err := os.WriteFile("testdata/"+name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile("testdata/" + name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// indented is Falco's one line for people to read. It must be one, and its keys in the order of the alphabet.
func indented(t *testing.T, line string) string {
	t.Helper()
	if strings.Count(line, "\n") != 1 {
		t.Errorf("not one line: %s", line)
	}
	var tree any
	if err := json.Unmarshal([]byte(line), &tree); err != nil {
		t.Fatal(err)
	}
	var sorted strings.Builder
	e := json.NewEncoder(&sorted)
	e.SetEscapeHTML(false)
	if err := e.Encode(tree); err != nil {
		t.Fatal(err)
	}
	if sorted.String() != line {
		t.Errorf("keys are not sorted: %s", cmp.Diff(sorted.String(), line))
	}
	shorten(tree)
	var out strings.Builder
	e = json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(tree); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// shorten replaces the names of all event types by the word all.
func shorten(tree any) {
	switch v := tree.(type) {
	case []any:
		for _, x := range v {
			shorten(x)
		}
	case map[string]any:
		for key, x := range v {
			if list, ok := x.([]any); ok && key == "events" && len(list) > 100 {
				v[key] = []any{"all"}
			}
			shorten(x)
		}
	}
}

func TestSelect(t *testing.T) {
	for pattern, want := range map[string]string{
		"Secrets read": `Rule "Secrets read" is not loaded; did you mean "Secret read"?`,
		"network":      `Rule "network" is not loaded; did you mean "Network tool started"?`,
		"*tools*":      `Rule "*tools*" is not loaded; saker rules without a name lists those that are`,
		"Left out":     `Rule "Left out" is not loaded; saker rules without a name lists those that are`,
		"*":            "",
		"*tool*ed":     "",
	} {
		d := describe(t)
		err := d.Select([]string{pattern})
		switch {
		case err == nil && want != "", err != nil && err.Error() != want:
			t.Errorf("%s: %v, want %s", pattern, err, want)
		case err == nil && (len(d.Rules) == 0 || d.Macros != nil):
			t.Errorf("%s: %d rules, %d macros", pattern, len(d.Rules), len(d.Macros))
		}
	}
}

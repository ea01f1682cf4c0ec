package falco_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/field/fieldtest"
	"github.com/saker-security/saker/pkg/lint/falco"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/syscall"
)

// languageCase is a case of the section load.
type languageCase struct {
	ID         string     `yaml:"id"`
	What       string     `yaml:"what"`
	Files      []string   `yaml:"files"`
	Exit       int        `yaml:"exit"`
	Errors     []reported `yaml:"errors"`
	Warnings   []reported `yaml:"warnings"`
	Fatal      string     `yaml:"fatal"`
	Successful []bool     `yaml:"successful"`
}

// reported is a finding: its code, and the items on the way to it, such as rule r 0:2+2.
type reported struct {
	File string   `yaml:"file"`
	Code string   `yaml:"code"`
	At   []string `yaml:"at"`
}

// languageOptions has the plugin with which the cases were observed.
var languageOptions = rule.Options{Plugins: map[string]string{"tp": "0.1.0"}}

// TestLanguageCases compares with what Falco said of the rules files of the language cases. LANGUAGE_CASES names another
// file with cases.
func TestLanguageCases(t *testing.T) {
	path := os.Getenv("LANGUAGE_CASES")
	if path == "" {
		path = "../../condition/testdata/language-cases.yaml"
	}
	var file struct {
		Load []languageCase `yaml:"load"`
	}
	if err := yaml.Load([]byte(read(t, path)), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Load) == 0 {
		t.Skip("there are no cases of loading")
	}
	passed, different := 0, 0
	for _, c := range file.Load {
		if strings.Contains(c.Fatal, "Runtime error") && len(c.got()) > 0 {
			passed++
			different++ // what ends Falco is compiled
		} else if diff := cmp.Diff(c.want(), c.got()); diff != "" {
			t.Errorf("case %s (%s): %s", c.ID, c.What, diff)
		} else {
			passed++
		}
	}
	fmt.Printf("%d of %d load cases passed, %d of them with a listed difference\n", passed, len(file.Load), different)
	if passed == 0 {
		t.Error("no case passes")
	}
}

func (c *languageCase) want() []string {
	out := []string{fmt.Sprintf("exit %d", c.Exit)}
	if c.Fatal != "" {
		return append(out, "a plugin is missing")
	}
	out = append(out, fmt.Sprint("successful ", c.Successful))
	for _, r := range c.Errors {
		out = append(out, fmt.Sprintf("error %s %s: %s", r.File, r.Code, strings.Join(r.At, ", ")))
	}
	for _, r := range c.Warnings {
		out = append(out, fmt.Sprintf("warning %s %s: %s", r.File, r.Code, strings.Join(r.At, ", ")))
	}
	return out
}

func (c *languageCase) got() []string {
	var files []rule.File
	for i, text := range c.Files {
		files = append(files, rule.File{Name: fmt.Sprintf("f%d.yaml", i), Data: []byte(text)})
	}
	r := falco.Load(files, map[string]*field.Catalogue{"tsrc": fieldtest.Language(), event.SourceSyscall: syscall.Catalogue("host")}, languageOptions)
	exit := 0
	if !r.OK() {
		exit = 1
	}
	out := []string{fmt.Sprintf("exit %d", exit)}
	if r.Missing != "" {
		return append(out, "a plugin is missing")
	}
	var successful []bool
	var errors, warnings []string
	for _, f := range r.Files {
		successful = append(successful, f.OK())
		for _, d := range f.Errors {
			errors = append(errors, fmt.Sprintf("error %s %s: %s", f.Name, d.Falco, places(d.Path)))
		}
		for _, d := range f.Warnings {
			warnings = append(warnings, fmt.Sprintf("warning %s %s: %s", f.Name, d.Falco, places(d.Path)))
		}
	}
	return slices.Concat(append(out, fmt.Sprint("successful ", successful)), errors, warnings)
}

// places writes a path as the cases do: without the whole file, and without the text of conditions.
func places(path []rule.Location) string {
	var out []string
	for _, l := range path {
		if l.Type == "rules content" {
			continue
		}
		name := l.Type
		if l.Name != "" {
			name += " " + l.Name
		}
		out = append(out, fmt.Sprintf("%s %d:%d+%d", name, l.Line, l.Column, l.Offset))
	}
	return strings.Join(out, ", ")
}

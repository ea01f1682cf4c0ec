package format_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field/fieldtest"
	"github.com/saker-security/saker/pkg/format"
)

type outputCase struct {
	ID      string         `yaml:"id"`
	Format  string         `yaml:"format"`
	Message string         `yaml:"message"`
	Fields  map[string]any `yaml:"output_fields"`
	Error   string         `yaml:"error"`
}

// TestLanguageCases renders the formats of the language cases and compares with what Falco printed. LANGUAGE_CASES
// names another file with the cases.
func TestLanguageCases(t *testing.T) {
	path := os.Getenv("LANGUAGE_CASES")
	other := path != ""
	if !other {
		path = "../condition/testdata/language-cases.yaml"
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Output struct {
			Event map[string]any `yaml:"event"`
			Cases []outputCase   `yaml:"cases"`
		} `yaml:"output"`
	}
	if err := yaml.Load(data, &file); err != nil {
		t.Fatal(err)
	}
	e, err := fieldtest.Given(file.Output.Event)
	if err != nil {
		t.Fatal(err)
	}
	passed := 0
	for _, c := range file.Output.Cases {
		if problem := runCase(c, e); problem != "" {
			t.Errorf("case %s: %s: %s", c.ID, c.Format, problem)
			continue
		}
		passed++
	}
	fmt.Printf("%d of %d output cases passed\n", passed, len(file.Output.Cases))
	if len(file.Output.Cases) == 0 && !other {
		t.Error("the file holds no cases")
	}
}

// quotedArgument is an argument that Falco cuts.
var quotedArgument = regexp.MustCompile(`\["[^"]*[] []`)

// runCase says how the result differs from the case, nothing when it does not.
func runCase(c outputCase, e *event.Event) string {
	tmpl, diagnostics := format.Compile(c.Format, fieldtest.Language())
	if tmpl == nil {
		if c.Error == "" {
			return "unexpected error: " + diagnostics[0].Message
		}
		for _, d := range diagnostics {
			if d.Severity == condition.SeverityError && (d.Range.Start < 0 || d.Range.End > len(c.Format) || d.Message == "") {
				return "an error without place or message"
			}
		}
		return ""
	}
	if c.Error != "" {
		if quotedArgument.MatchString(c.Format) {
			return "" // a quoted argument is taken whole, see docs/differences.md
		}
		return "compiles, but should fail: " + c.Error
	}
	var v event.Value
	message := string(tmpl.Append(nil, e, &v))
	got := map[string]any{}
	for _, f := range tmpl.Fields() {
		got[f.Name] = decode(f.AppendJSON(nil, e, &v))
	}
	want, err := json.Marshal(c.Fields)
	if err != nil {
		return err.Error()
	}
	// The message was observed after Falco's repair of UTF-8, which a cut character needs.
	if message = strings.ToValidUTF8(message, "\uFFFD"); message != c.Message {
		return "message " + message
	}
	return cmp.Diff(decode(want), any(got))
}

func decode(b []byte) any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	return v
}

package program

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
)

// differs lists the cases in which this package does on purpose not do what Falco does, with the reason. A case is only
// meant when its condition is the very one.
var differs = map[string]struct {
	cond   string
	want   bool // the result here
	reason string
}{
	"E213": {"tolower(t.strs) intersects (cc)", true, "a transformer on a list field works in in and intersects; in Falco it never matches"},
	"E460": {"t.str = " + strings.Repeat("a", 256), false, "a constant may be longer than 255 bytes; this one is longer than the value"},
	"E461": {"t.str startswith " + strings.Repeat("a", 256), false, "a constant may be longer than 255 bytes; this one is longer than the value"},
}

const ownCases = "../testdata/language-cases.yaml"

type languageCases struct {
	Eval []struct {
		Event map[string]any `yaml:"event"`
		Cases []struct {
			ID     string `yaml:"id"`
			Cond   string `yaml:"cond"`
			Result *bool  `yaml:"result"`
			Error  string `yaml:"error"`
		} `yaml:"cases"`
	} `yaml:"eval"`
}

// TestLanguageCases runs the cases that were observed on Falco. Where Falco reports an error we must too, in our own
// words. LANGUAGE_CASES names another file with the cases.
func TestLanguageCases(t *testing.T) {
	path := os.Getenv("LANGUAGE_CASES")
	if path == "" {
		path = ownCases
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read cases: %v", err)
	}
	var cases languageCases
	if err := yaml.Unmarshal(raw, &cases); err != nil {
		t.Fatalf("decode cases: %v", err)
	}
	passed, different, total := 0, 0, 0
	for _, group := range cases.Eval {
		e := newEvent(sampleOf(t, group.Event))
		for _, c := range group.Cases {
			total++
			var want any = errors.New(c.Error)
			if c.Result != nil {
				want = *c.Result
			}
			if d, ok := differs[c.ID]; ok && d.cond == c.Cond {
				if d.want == want {
					t.Errorf("%s is listed as different but expects %v", c.ID, want)
				}
				want = d.want
				different++
			}
			got := outcome(c.Cond, e)
			_, wantErr := want.(error)
			_, gotErr := got.(error)
			if wantErr != gotErr || !wantErr && want != got {
				t.Errorf("case %s: %s: got %v, want %v", c.ID, c.Cond, got, want)
				continue
			}
			passed++
		}
	}
	if path == ownCases && different != len(differs) {
		t.Errorf("%d of %d listed differences are in the cases", different, len(differs))
	}
	fmt.Printf("%d of %d evaluation cases passed, %d of them with a listed difference\n", passed, total, different)
}

// outcome is the truth of the condition or the error.
func outcome(cond string, e *event.Event) any {
	n, d := condition.Parse(cond)
	if d != nil {
		return error(d)
	}
	b := NewBuilder(testCatalogue)
	id, found := b.Add(n)
	for _, d := range found {
		if d.Severity == condition.SeverityError {
			return error(d)
		}
	}
	s := b.Build().NewState()
	s.Begin(e)
	return s.True(id)
}

// sampleOf turns the event of a case into values.
func sampleOf(t *testing.T, fields map[string]any) map[string]event.Value {
	values := map[string]event.Value{}
	for name, v := range fields {
		values[name] = valueOf(t, name, v)
	}
	return values
}

func valueOf(t *testing.T, name string, v any) event.Value {
	switch v := v.(type) {
	case []any:
		var l event.Value
		for _, el := range v {
			l.List = append(l.List, valueOf(t, name, el))
		}
		return l
	case bool:
		var b event.Value
		b.SetBool(v)
		return b
	case int:
		return num(uint64(v))
	case int64:
		return num(uint64(v))
	case uint64:
		return num(v)
	case string:
		if a, err := netip.ParseAddr(v); err == nil && (name[0] == 'i' || name[0] == 'n') {
			return event.Value{Addr: a.Unmap()}
		}
		return text(v)
	}
	t.Fatalf("event value %s: unexpected %T", name, v)
	return event.Value{}
}

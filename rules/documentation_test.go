package rules_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/rules"
)

// docs/rules.md is made from the rules: one line each.
func TestDocumentation(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# The rules that come with Saker

They are embedded into the program and used when ` + "`saker run`" + ` is given none. This page is made from the rules files by
` + "`go generate ./rules`" + `. With ` + "`rule_matching: first`" + `, the default, an event raises the alert of the first rule that fits it, in
this order. [examples/rules/tuning.yaml](../examples/rules/tuning.yaml) shows how to adapt them.
`)
	set, found := rule.Load(rules.Files(), catalogues())
	report(t, found)
	for _, f := range rules.Files() {
		fmt.Fprintf(&b, "\n## %s\n\n| rule | source | priority | what it sees | ATT&CK |\n|---|---|---|---|---|\n", f.Name)
		for _, r := range set.Rules {
			if r.Pos.File == f.Name {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.Name, r.Source, r.Priority, cell(r.Description), techniques(r.Tags))
			}
		}
	}
	golden(t, "../docs/rules.md", b.Bytes())
}

func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

func techniques(tags []string) string {
	var ids []string
	for _, tag := range tags {
		if technique.MatchString(tag) {
			ids = append(ids, tag)
		}
	}
	return strings.Join(ids, " ")
}

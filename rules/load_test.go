package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/engine"
	"github.com/saker-security/saker/pkg/rule"
)

// BenchmarkLoadMany reads 100 rules with 350 macros and lists and makes them ready to run.
func BenchmarkLoadMany(b *testing.B) {
	text := manyDefinitions()
	files := []rule.File{{Name: "many.yaml", Data: []byte(text)}}
	cats := catalogues()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		set, found := rule.Load(files, cats)
		compiled, more := set.Compile(cats)
		if rule.HasErrors(found) || rule.HasErrors(more) || len(set.Rules) != 100 {
			b.Fatal(found, more)
		}
		engine.New(compiled, engine.Options{MinPriority: rule.PriorityDebug})
	}
}

// manyDefinitions writes a rules file of 100 rules, 200 macros and 150 lists of 3 to 60 items.
func manyDefinitions() string {
	var b strings.Builder
	for i := range 150 {
		fmt.Fprintf(&b, "- list: list_%d\n  items: [", i)
		for j := range 3 + i*7%58 {
			fmt.Fprintf(&b, "program-%d-%d, ", i, j)
		}
		fmt.Fprintf(&b, "program-%d]\n\n", i)
	}
	for i := range 200 {
		fmt.Fprintf(&b, "- macro: macro_%d\n  condition: >\n    (", i)
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "evt.type in (open, openat, openat2) and evt.is_open_write = true and fd.num >= 0 and fd.name startswith /srv/%d", i)
		case 1:
			fmt.Fprintf(&b, "proc.name in (list_%d) or proc.pname in (list_%d) or proc.aname in (list_%d)", i%150, (i+1)%150, (i+2)%150)
		case 2:
			fmt.Fprintf(&b, "proc.cmdline contains \"--flag-%d\" and (proc.exepath startswith /opt/%d/bin or proc.exepath endswith /run-%d)", i, i, i)
		case 3:
			fmt.Fprintf(&b, "container.id != host and container.image.repository in (registry.example/team-%d/a, registry.example/team-%d/b)", i, i)
		}
		b.WriteString(")\n\n")
	}
	for i := range 100 {
		fmt.Fprintf(&b, `- rule: Rule %d
  desc: A program of team %d touched what it should not.
  condition: >
    macro_%d and not macro_%d and not (macro_%d and macro_%d)
    and not proc.name in (list_%d, list_%d) and fd.name pmatch (/srv/%d, /srv/shared/%d)
  output: >
    A file was opened (file=%%fd.name program=%%proc.name command=%%proc.cmdline parent=%%proc.pname user=%%user.name
    container=%%container.id image=%%container.image.repository)
  priority: WARNING
  tags: [host, container, filesystem]

`, i, i, i/4*8%200, (i*4+1)%200, (i*4+2)%200, (i*4+3)%200, i%150, (i+50)%150, i, i)
	}
	return b.String()
}

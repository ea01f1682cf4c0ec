package analysis_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/saker-security/saker/pkg/lint/analysis"
	"github.com/saker-security/saker/pkg/rule"
)

// large writes a rules file of at least so many lines: macros and lists of which rules use several, rules that are
// like each other.
func large(lines int) []byte {
	var b bytes.Buffer
	b.WriteString("- macro: spawned\n  condition: (evt.type in (execve, execveat) and evt.failed = false)\n")
	b.WriteString("- macro: writing\n  condition: (evt.type in (open, openat, openat2) and evt.is_open_write = true and fd.typechar = f)\n")
	b.WriteString("- list: names_0\n  items: [tool]\n- macro: known_0\n  condition: (proc.name = tool)\n")
	for i := 1; bytes.Count(b.Bytes(), []byte("\n")) < lines; i++ {
		fmt.Fprintf(&b, "- list: names_%d\n  items: [tool%d, helper%d, agent%d, daemon%d]\n", i, i, i, i, i)
		fmt.Fprintf(&b, "- macro: known_%d\n  condition: >\n    ((proc.name in (names_%d) and proc.pname = parent%d) or\n     (proc.aname[2] = manager%d and fd.name startswith /var/lib/%d/) or\n     proc.cmdline contains \"--option%d\")\n",
			i, i, i, i, i, i)
		base := "spawned"
		if i%2 == 0 {
			base = "writing and fd.name startswith /etc"
		}
		fmt.Fprintf(&b, "- rule: rule %d\n  desc: what rule %d is for\n  condition: >\n    %s\n    and not proc.name in (names_%d)\n    and (proc.pname = parent%d or proc.exepath startswith /opt/%d/ or proc.name in (near%d, shell%d))\n",
			i, i, base, i/2, i, i, i+1, i%7)
		fmt.Fprintf(&b, "    and not known_%d\n    and not known_%d\n    and not (proc.name = x%d and fd.name = /etc/x%d)\n  output: >\n    Rule %d (name=%%proc.name parent=%%proc.pname user=%%user.name)\n  priority: NOTICE\n  tags: [host, process]\n",
			i, (i+1)/3, i, i, i)
	}
	return b.Bytes()
}

// BenchmarkCheck is what the analysis of a file of 10,000 lines costs, without loading and compiling it.
func BenchmarkCheck(b *testing.B) {
	data := large(10_000)
	set, found := rule.Load([]rule.File{{Name: "f.yaml", Data: data}}, catalogues)
	compiled, more := set.Compile(catalogues)
	if rule.HasErrors(append(found, more...)) {
		b.Fatal(append(found, more...))
	}
	b.Logf("%d rules, %d macros, %d lines", len(set.Rules), len(set.Macros), bytes.Count(data, []byte("\n")))
	var findings int
	for b.Loop() {
		findings = len(analysis.Check(set, compiled, live))
	}
	b.ReportMetric(float64(findings), "findings")
}

// TestLarge: rules that differ are not said to cover each other, however many there are.
func TestLarge(t *testing.T) {
	found := check(t, live, string(large(3000)))
	if got := codes(found); len(got) > 0 {
		t.Errorf("%d findings, such as %s", len(got), said(found[:min(len(found), 6)]))
	}
}

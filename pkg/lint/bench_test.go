package lint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/daemon"
	"github.com/saker-security/saker/pkg/lint"
	"github.com/saker-security/saker/pkg/lint/layout"
	"github.com/saker-security/saker/pkg/rule"
)

// largeFile is a rules file of about 10,000 lines: macros, lists, and rules that use them.
func largeFile() rule.File {
	var b strings.Builder
	for i := range 800 {
		fmt.Fprintf(&b, "- list: programs_%d\n  items: [cat, less, program_%d]\n\n", i, i)
		fmt.Fprintf(&b, "- macro: opened_%d # number %d\n  condition: evt.type in (open, openat) and proc.name in (programs_%d)\n\n", i, i, i)
		fmt.Fprintf(&b, "- rule: Rule %d\n  desc: A file was opened.\n  condition: >\n    opened_%d and\n    fd.name startswith /etc/%d/ and not user.name = root\n", i, i, i)
		b.WriteString("  output: a file was opened (user=%user.name file=%fd.name)\n  priority: NOTICE\n")
	}
	return rule.File{Name: "large.yaml", Data: []byte(b.String())}
}

func BenchmarkLint10000Lines(b *testing.B) {
	file := largeFile()
	o := lint.Options{Catalogues: daemon.Catalogues(""), Least: condition.SeverityInfo}
	for b.Loop() {
		if r := lint.Lint([]rule.File{file}, o); !r.OK() {
			b.Fatal(r.Findings[0])
		}
	}
	b.ReportMetric(float64(strings.Count(string(file.Data), "\n")), "lines")
}

func BenchmarkFormat10000Lines(b *testing.B) {
	file := largeFile()
	for b.Loop() {
		if _, err := layout.Format(file); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(strings.Count(string(file.Data), "\n")), "lines")
}

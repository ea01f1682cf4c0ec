package ruletest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/ruletest"
	"github.com/saker-security/saker/rules"
)

// BenchmarkThousandTests runs a folder of 50 files with 1,000 tests in all of the built-in rules, from reading the files
// on; half of them are written by field, half as processes.
func BenchmarkThousandTests(b *testing.B) {
	folder := b.TempDir()
	for i := range 50 {
		var text strings.Builder
		text.WriteString("tests:\n")
		for k := range 10 {
			fmt.Fprintf(&text, "- name: written %d\n  events:\n  - fields:\n      evt.type: openat\n      evt.failed: false\n      evt.is_open_read: true\n      proc.name: cat%d\n      fd.name: /etc/hosts\n      container.id: host\n  expect: none\n", k, i)
			fmt.Fprintf(&text, "- name: played %d\n  events:\n  - processes:\n    - {exe: /usr/bin/bash, tty: 1}\n    - {exe: /usr/bin/cat%d, args: [/etc/hosts]}\n    call: {type: openat, path: /etc/hosts, flags: [O_RDONLY]}\n  expect: none\n", k, i)
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d_test.yaml", i)), []byte(text.String()), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for _, coverage := range []bool{false, true} {
		b.Run(fmt.Sprintf("coverage=%v", coverage), func(b *testing.B) {
			for b.Loop() {
				r := ruletest.Runner{Catalogues: catalogues(), Builtin: rules.Files(), Coverage: coverage}
				files, err := ruletest.Find([]string{folder})
				if err != nil {
					b.Fatal(err)
				}
				report, err := r.Run(b.Context(), files)
				if err != nil || len(report.Results) != 1000 || report.Failed() > 0 || len(report.Broken) > 0 {
					b.Fatal(err, len(report.Results), report.Failed(), report.Broken)
				}
			}
		})
	}
}

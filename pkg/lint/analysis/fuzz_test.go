package analysis_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/lint/analysis"
	"github.com/saker-security/saker/pkg/rule"
)

// FuzzCheck: whatever a file holds, the analysis ends, says the same each time, and each finding has a place in the
// file and a known code.
func FuzzCheck(f *testing.F) {
	for _, cond := range []string{
		"evt.type = open and (proc.name != a or proc.name != b) and not fd.name glob /etc/*",
		"proc.aname in (a, b) and fd.net = 10.0.0.0/8 and not fd.ip != 10.0.0.1 and evt.num >= 0",
		"(user.uid < 0 or fd.name regex '(a|b)') and tolower(proc.name) = val(proc.pname) or evt.rawres > -1",
	} {
		f.Add([]byte(one("syscall", cond, "m: (evt.num = 0)")))
	}
	f.Add([]byte(rules("macro never: (evt.num = 0)", "A: evt.type = open and not never", "B: evt.type in (open, connect) and proc.name = a or fd.name = /etc/")))
	f.Add([]byte("- rule: r\n  desc: d\n  priority: INFO\n  condition: evt.type = execve or evt.dir = <\n  output: x %evt.arg.addr\n  exceptions:\n  - {name: e, fields: [proc.name], values: [[a]]}\n- rule: r\n  condition: and proc.name = a\n  append: true\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 20_000 {
			return
		}
		set, found := rule.Load([]rule.File{{Name: "f", Data: data}}, catalogues)
		compiled, more := set.Compile(catalogues)
		found = append(found, more...)
		analysis.Enrich(set, found, catalogues)
		options := live
		options.Strict = true
		said := analysis.Check(set, compiled, options)
		if diff := cmp.Diff(said, analysis.Check(set, compiled, options)); diff != "" {
			t.Fatalf("the second time: %s", diff)
		}
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 1
		for _, d := range said {
			if _, ok := analysis.Codes[d.Code]; !ok || d.Start.File != "f" || d.Start.Line < 1 || d.Start.Line > lines || d.Message == "" || strings.ContainsFunc(d.Message+d.Hint, unicode.IsControl) {
				t.Fatalf("%q gives %+v", data, d)
			}
		}
	})
}

// BenchmarkHard is what files cost that were made to be hard: the search has limits.
func BenchmarkHard(b *testing.B) {
	files := map[string]func() string{
		"negations": func() string {
			var c strings.Builder
			c.WriteString("evt.type = open")
			for i := range 3000 {
				fmt.Fprintf(&c, " and not fd.name startswith /a%d", i)
			}
			return one("syscall", c.String())
		},
		"alternatives": func() string {
			var c strings.Builder
			c.WriteString("evt.type = open")
			for i := range 300 {
				fmt.Fprintf(&c, " and (proc.name = a%d or proc.pname = b%d or not fd.name contains c%d)", i, i, i)
			}
			return one("syscall", c.String())
		},
		"macros": func() string {
			macros := []string{"m0: (proc.name = a or fd.name = /b)"}
			for i := 1; i < 12; i++ {
				macros = append(macros, fmt.Sprintf("m%d: ((m%d and not proc.pname = a%d) or (m%d and user.uid = %d))", i, i-1, i, i-1, i))
			}
			return one("syscall", "evt.type = open and m11 and not m10", macros...)
		},
		"alike": func() string {
			var conditions []string
			for i := range 2000 {
				conditions = append(conditions, fmt.Sprintf("r%d: evt.type = open and fd.name startswith /etc/%d and (proc.name = a or proc.name = b%d)", i, i, i))
			}
			return rules(conditions...)
		},
	}
	for name, file := range files {
		b.Run(name, func(b *testing.B) {
			set, found := rule.Load([]rule.File{{Name: "f", Data: []byte(file())}}, catalogues)
			compiled, more := set.Compile(catalogues)
			if rule.HasErrors(append(found, more...)) {
				b.Fatal(found, more)
			}
			n := 0
			for b.Loop() {
				n = len(analysis.Check(set, compiled, live))
			}
			b.ReportMetric(float64(n), "findings")
		})
	}
}

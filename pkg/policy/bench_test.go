package policy

import (
	"sync"
	"testing"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/rules"
)

// compile compiles rules of source k8s_audit; errors end the test.
func compile(t testing.TB, files ...rule.File) *rule.Compiled {
	t.Helper()
	catalogues := map[string]*field.Catalogue{event.SourceK8sAudit: audit.Catalogue("host")}
	set, found := rule.Load(files, catalogues)
	compiled, more := set.Compile(catalogues)
	for _, d := range append(found, more...) {
		if d.IsError() {
			t.Fatal(d)
		}
	}
	return compiled
}

// builtin are the rules that Saker brings along. They are compiled once.
func builtin(t testing.TB) *rule.Compiled {
	t.Helper()
	compiling.Do(func() {
		var files []rule.File
		for _, f := range rules.Files() {
			if f.Name != "rules/syscall.yaml" {
				files = append(files, f)
			}
		}
		compiled = compile(t, files...)
	})
	if compiled == nil {
		t.Fatal("the built-in rules cannot be compiled")
	}
	return compiled
}

var (
	compiling sync.Once
	compiled  *rule.Compiled
)

func BenchmarkGenerate(b *testing.B) {
	c := builtin(b)
	for b.Loop() {
		if _, err := Generate(c, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	c := builtin(b)
	data, err := Generate(c, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p, err := Load("policy.yaml", data)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Check(p, c); err != nil {
			b.Fatal(err)
		}
	}
}

package rules_test

import (
	"os"
	"testing"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/engine"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/ruletest"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/table"
	"github.com/saker-security/saker/rules"
)

func benchEngine(b *testing.B) *engine.Engine {
	b.Helper()
	cats := catalogues()
	set, _ := rule.Load(rules.Files(), cats)
	compiled, found := set.Compile(cats)
	if rule.HasErrors(found) {
		b.Fatal(found)
	}
	return engine.New(compiled, engine.Options{MinPriority: rule.PriorityDebug})
}

// What the rules cost on recorded audit events, from bytes to matches.
func BenchmarkAuditRules(b *testing.B) {
	g := benchEngine(b)
	var texts [][]byte
	size := 0
	for _, file := range corpusFiles(b) {
		text, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		texts, size = append(texts, text), size+len(text)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	var splitter audit.Splitter
	batch, events := &audit.Batch{}, 0
	for b.Loop() {
		for _, text := range texts {
			err := splitter.Split(batch, text, func(batch *audit.Batch) error {
				for e := range batch.All() {
					events++
					if err := g.Evaluate(e, func(*rule.CompiledRule) {}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

// What the rules cost on the commonest event of all, a file that is opened for reading and is of no interest.
func BenchmarkSyscallRulesHarmlessOpen(b *testing.B) {
	g := benchEngine(b)
	scene := ruletest.Scenario{
		Processes: []ruletest.Process{{Exe: "/usr/bin/bash"}, {Exe: "/usr/bin/cat", Args: []string{"x"}}},
		Call:      ruletest.Call{Type: "openat", Path: "/usr/lib/x86_64-linux-gnu/libc.so.6", Flags: table.OpenRead | table.OpenCloexec},
	}
	in := syscall.New(syscall.Options{})
	var e *event.Event
	for _, frame := range scene.Frames() {
		var err error
		if e, err = in.Event(frame); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := g.Evaluate(e, func(r *rule.CompiledRule) { b.Fatal(r.Name) }); err != nil {
			b.Fatal(err)
		}
	}
}

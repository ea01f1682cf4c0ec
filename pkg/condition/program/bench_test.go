package program

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
)

// benchEvent is an event as a node sees many: a shell reads a file.
func benchEvent() *event.Event {
	e := newEvent(map[string]event.Value{
		"str": text("/usr/lib/x86_64-linux-gnu/libc.so.6"), "str2": text("bash"), "path": text("/usr/lib/os-release"),
		"u64": num(1000), "bool": num(0), "net": addr("10.1.2.3"), "anc": texts("bash", "sshd", "systemd"),
	})
	e.Data.(*sample).reads = nil
	e.Type = 5
	return e
}

// hundredRules are made as rule files are: macros that many rules share, then a few checks of their own.
func hundredRules() []string {
	opened := "(evt.type in (open, openat) and t.bool = false)"
	shell := "t.str2 in (bash, sh, zsh, ksh, dash)"
	var conds []string
	for i := range 100 {
		conds = append(conds, fmt.Sprintf(
			"%s and (t.str startswith /etc/%d or t.path pmatch (/srv/%d, /opt/*/%d)) and not %s and not t.str2 in (a%d, b%d) and t.u64 > %d",
			opened, i%20, i, i, shell, i, i%7, i%3))
	}
	return conds
}

// BenchmarkHundredRules compares a set, in which one condition decides others, with the conditions of the shared program
// one by one and with walking the trees of the same rules.
func BenchmarkHundredRules(b *testing.B) {
	conds := hundredRules()
	e := benchEvent()
	b.Run("set", func(b *testing.B) {
		p, ids := compile(b, conds...)
		sieve := p.NewSet(ids).NewSieve()
		all := []uint64{^uint64(0), 1<<36 - 1}
		b.ReportAllocs()
		for b.Loop() {
			sieve.Begin(e, all)
			for sieve.Next() >= 0 {
			}
		}
	})
	b.Run("one by one", func(b *testing.B) {
		p, ids := compile(b, conds...)
		s := p.NewState()
		b.ReportAllocs()
		for b.Loop() {
			s.Begin(e)
			for _, id := range ids {
				s.True(id)
			}
		}
	})
	b.Run("tree walk", func(b *testing.B) {
		var nodes []condition.Node
		for _, cond := range conds {
			nodes = append(nodes, parse(b, cond))
		}
		b.ReportAllocs()
		for b.Loop() {
			for _, n := range nodes {
				naive(n, e)
			}
		}
	})
}

func BenchmarkBuildHundredRules(b *testing.B) {
	var nodes []condition.Node
	for _, cond := range hundredRules() {
		nodes = append(nodes, parse(b, cond))
	}
	for b.Loop() {
		builder := NewBuilder(testCatalogue)
		for _, n := range nodes {
			builder.Add(n)
		}
		builder.Build()
	}
}

// BenchmarkCheck evaluates single checks on values that do not match, which is the common case.
func BenchmarkCheck(b *testing.B) {
	names := make([]string, 200)
	nets := make([]string, 200)
	words := make([]string, 30)
	for i := range names {
		names[i] = fmt.Sprintf("program-%d", i)
		nets[i] = fmt.Sprintf("192.168.%d.0/24", i)
	}
	for i := range words {
		words[i] = fmt.Sprintf("/word%d", i)
	}
	for _, bench := range []struct{ name, cond string }{
		{"equal", "t.str = /usr/lib"},
		{"in 200 texts", "t.str2 in (" + strings.Join(names, ", ") + ")"},
		{"in 200 networks", "t.net in (" + strings.Join(nets, ", ") + ")"},
		{"startswith 30 texts", "t.str startswith anyof (" + strings.Join(words, ", ") + ")"},
		{"contains 30 texts", "t.str contains anyof (" + strings.Join(words, ", ") + ")"},
		{"icontains", "t.str icontains LIBC.SO.7"},
		{"glob suffix", "t.str glob *.conf"},
		{"glob", "t.str glob '*/x86*gnu/*.[ch]'"},
		{"regex with literal", "t.str regex '.*/(libm|libx)[.]so[.][0-9]+[.]7'"},
		{"regex without literal", "t.str regex '.*[0-9]+[.][a-z]+'"},
		{"pmatch 30 paths", "t.path pmatch (" + strings.Join(words, ", ") + ")"},
		{"pmatch globs", "t.path pmatch (/home/*/.ssh, /usr/l*/x, /usr/*/y, /usr/?ib/z)"},
		{"some ancestor", "t.anc in (java, node)"},
		{"tolower", "tolower(t.str) contains LIBC"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			p, ids := compile(b, bench.cond)
			s := p.NewState()
			e := benchEvent()
			b.ReportAllocs()
			for b.Loop() {
				s.Begin(e)
				if s.True(ids[0]) {
					b.Fatal("true")
				}
			}
		})
	}
}

// BenchmarkPlainRegexp is package regexp alone on the pattern of "regex with literal", to show what the literal saves.
func BenchmarkPlainRegexp(b *testing.B) {
	re := regexp.MustCompile(`\A(?:.*/(libm|libx)[.]so[.][0-9]+[.]7)\z`)
	s := benchEvent().Data.(*sample).values["str"].Text
	for b.Loop() {
		if re.MatchString(s) {
			b.Fatal("true")
		}
	}
}

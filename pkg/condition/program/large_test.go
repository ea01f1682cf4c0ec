//go:build !race

// The race detector multiplies time and memory, so this file is tested without it.

package program

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/saker-security/saker/pkg/condition"
)

// repeat writes parts numbered from 0 until the text is about a megabyte.
func repeat(begin, part, end string) string {
	var b strings.Builder
	b.WriteString(begin)
	for i := 0; b.Len() < condition.MaxBytes-200; i++ {
		if strings.Contains(part, "%d") {
			fmt.Fprintf(&b, part, i)
		} else {
			b.WriteString(part)
		}
	}
	b.WriteString(end)
	return b.String()
}

// large are conditions of a megabyte.
var large = map[string]string{
	"checks":          repeat("t.str = a", " or t.str = a%d", ""),
	"same check":      repeat("t.str = a", " and t.str = a", ""),
	"unknown fields":  repeat("t.str = a", " or t.sttr%d = a", ""),
	"unknown macros":  repeat("t.str = a", " or x", ""),
	"unknown type":    repeat("evt.type in (open", ", opn", ")"),
	"list":            repeat("t.str in (x", ",%d", ")"),
	"numbers":         repeat("t.u64 in (1", ",%d", ")"),
	"bad numbers":     repeat("t.u64 in (1", ",x", ")"),
	"networks":        repeat("t.net in (10.0.0.0/8", ",10.0.0.%d/32", ")"),
	"prefixes":        repeat("t.str startswith anyof (x", ",%d", ")"),
	"suffixes":        repeat("t.str endswith anyof (x", ",%d", ")"),
	"parts":           repeat("t.str contains anyof (x", ",%d", ")"),
	"globs":           repeat("t.str glob anyof (x", ",*%d", ")"),
	"regexes":         repeat("t.str regex anyof (x", ",a.*%d", ")"),
	"paths":           repeat("t.path pmatch (/x", ",/a/%d", ")"),
	"deep path":       repeat("t.path pmatch (/x", "/a", ")"),
	"nested prefixes": "t.str startswith anyof (" + prefixes(1400) + ")",
	"long prefix":     repeat("t.str startswith ", "a", ""),
	"long part":       repeat("t.str contains ", "ab", ""),
	"long regex":      repeat("t.str regex \"", "a", "\""),
	"wide regex":      repeat("t.str regex \"", "(a|b)*", "\""),
	"deep regex":      repeat("t.str regex \"", "(", "\""),
	"repeated regex":  "t.str regex \"((((a{10}){10}){10}){10}){10}\"",
	"long glob":       repeat("t.str glob ", "a*", ""),
	"long set":        repeat("t.str glob [", "a", "]"),
	"arguments":       repeat("concat(t.str", ", t.str2", ") = x"),
	"argument":        repeat("t.key[", "a", "] = x"),
	"not":             repeat("", "not ", "t.str = a"),
	"groups":          repeat("t.str = a", " and (t.str = b or t.u64 = %d)", ""),
	"invalid UTF-8":   repeat("t.str in ('a'", ",'\xff\xfe%d'", ")"),
	"NUL":             repeat("t.str in ('a'", ",'\x00%d'", ")"),
	"NUL escapes":     repeat("t.str in ('a'", `,'\x00'`, ")"),
	"wrapping":        repeat("t.u64 in (1", ",-1", ")"),
	"misused":         repeat("t.str in (x", ",t.str", ")"),
	"deep groups":     strings.Repeat("(", 10000) + "t.str = a" + strings.Repeat(")", 10000),
	"deep not":        strings.Repeat("not(", 10000) + "t.str = a" + strings.Repeat(")", 10000),
	"deep tolower":    strings.Repeat("tolower(", 10000) + "t.str" + strings.Repeat(")", 10000) + " = a",
	"deep as can be":  strings.Repeat("tolower(", 490) + "t.str" + strings.Repeat(")", 490) + " = a",
}

func prefixes(n int) string {
	var all []string
	for i := range n {
		all = append(all, strings.Repeat("a", i/2+1))
	}
	return strings.Join(all, ",")
}

// TestLarge compiles large conditions: there is a program or an error, few findings, and never much memory in use.
func TestLarge(t *testing.T) {
	for name, text := range large {
		t.Run(name, func(t *testing.T) {
			if used := peak(func() { compileLarge(t, text) }); used > 200<<20 {
				t.Errorf("%d MB of memory were in use", used>>20)
			}
		})
	}
}

func compileLarge(t *testing.T, text string) {
	n, d := condition.Parse(text)
	if d != nil {
		if d.Code != condition.CodeTooDeep {
			t.Errorf("does not parse: %v", d)
		}
		return
	}
	b := NewBuilder(testCatalogue)
	id, found := b.Add(n)
	if len(found) > 3*mostFindings+1 {
		t.Errorf("%d findings", len(found))
	}
	for _, d := range found {
		if d.Range.Start < 0 || d.Range.End < d.Range.Start || d.Range.End > len(text) || len(d.Message)+len(d.Hint) > 2000 {
			t.Fatalf("bad finding %s at %+v with %d bytes", d.Code, d.Range, len(d.Error()))
		}
	}
	if id != None {
		sieve := b.Build().NewSet([]ID{id}).NewSieve()
		sieve.Begin(benchEvent(), []uint64{1})
		sieve.Next()
	}
}

// peak tells how many bytes of the heap were in use at most, beyond those of before, while do ran.
func peak(do func()) (most uint64) {
	inUse := func() uint64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	runtime.GC()
	before := inUse()
	done, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			if now := inUse(); now > before {
				most = max(most, now-before)
			}
			select {
			case <-done:
				return
			case <-ticker.C:
			}
		}
	}()
	do()
	close(done)
	<-finished
	return most
}

package program

import (
	"testing"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
)

// FuzzCondition compiles any condition and evaluates it on an event with the given texts. Nothing may panic, and what
// compiles must be what the naive evaluation says. The naive glob knows no named sets and the naive case folding only
// ASCII, so conditions and texts that need more are not compared.
func FuzzCondition(f *testing.F) {
	for _, cond := range everyOperator {
		f.Add(cond, "/usr/bin/Bash", "YWJj", uint64(5))
	}
	f.Add(`t.str glob "[[:alpha:]-[.z.]]*[!" and t.str regex "[[:alpha:]]+(a|b){2,3}$"`, "az", "", uint64(0))
	f.Add(`not t.anc[3] in (a) or t.key["a b]"] != x and evt.type in (open, openat)`, "", "x", uint64(1)<<63)
	f.Add(`getopt(t.strs, ":ab:")[b] = "" or len(getopt(t.strs, t.str2)) > 1`, "-ab", "ab::", uint64(2))
	f.Fuzz(func(t *testing.T, cond, str, str2 string, n uint64) {
		node, d := condition.Parse(cond)
		if d != nil {
			return
		}
		b := NewBuilder(testCatalogue)
		id, found := b.Add(node)
		for _, d := range found {
			if d.Range.Start < 0 || d.Range.End < d.Range.Start || d.Range.End > len(cond) || d.Message == "" {
				t.Fatalf("%s: bad finding %+v", cond, d)
			}
		}
		if id == None {
			return
		}
		e := newEvent(map[string]event.Value{
			"str": text(str), "str2": text(str2), "strs": texts(str, str2, "-a"), "u64": num(n), "u64s": list(num(n), num(1)),
			"path": text(str), "bytes": text(str), "anc": texts(str2, str), "ends": list(num(n&0xffff), num(80)),
			"i32": num(uint64(int64(int32(n)))), "u16": num(n & 0xffff), "i64": num(n), "bool": num(n & 1), "dbl": num(n),
			"ip": addr("10.0.0.1"), "ips": list(addr("::1"), addr("10.0.0.1")), "net": addr("10.0.0.1"),
		})
		p := b.Build()
		s := p.NewState()
		s.Begin(e)
		got := s.True(id)
		s.Begin(e)
		if s.True(id) != got {
			t.Fatalf("%s: the second evaluation differs", cond)
		}
		sieve := p.NewSet([]ID{id, id}).NewSieve()
		sieve.Begin(e, []uint64{3})
		if first, second := sieve.Next(), sieve.Next(); got != (first == 0) || got != (second == 1) {
			t.Fatalf("%s: got %v, the set %d and %d", cond, got, first, second)
		}
		if got && !p.Types(id).Has(e.Type) {
			t.Fatalf("%s: true for an event type that is not in the set", cond)
		}
		if comparable(cond) && comparable(str) && comparable(str2) && naive(node, e) != got {
			t.Fatalf("%s: got %v on %q, %q, %d", cond, got, str, str2, n)
		}
	})
}

// comparable tells whether the naive evaluation understands a text: short, ASCII, and no brackets but of arguments.
func comparable(s string) bool {
	brackets := 0
	for i := range len(s) {
		if s[i] >= 0x80 || s[i] == 0 {
			return false
		}
		if s[i] == '[' {
			brackets++
		}
	}
	return brackets == 0 && len(s) < 200
}

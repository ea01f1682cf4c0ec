package program

import (
	"fmt"
	"slices"
	"testing"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// sift gives the numbers of the conditions that are true and how often each field was read.
func sift(t testing.TB, e *event.Event, conds ...string) (numbers []int, sieve *Sieve) {
	t.Helper()
	p, ids := compile(t, conds...)
	sieve = p.NewSet(ids).NewSieve()
	candidates := make([]uint64, (len(ids)+63)/64)
	for i := range ids {
		setBit(candidates, int32(i))
	}
	sieve.Begin(e, candidates)
	for i := sieve.Next(); i >= 0; i = sieve.Next() {
		numbers = append(numbers, i)
	}
	sieve.End()
	return numbers, sieve
}

// TestFacetOfSeveralGroups: a value may be held by checks of several groups of its expression.
func TestFacetOfSeveralGroups(t *testing.T) {
	conds := []string{
		"t.str = other", // applies the facet
		"t.str in (/etc/x, y) and t.str startswith /etc and t.u64 = 1",
		"t.str in (/etc/x, y) and t.str endswith z",
		"(t.str contains tc or t.str = q) and not t.str pmatch (/usr)",
		"t.str startswith /usr and t.u64 = 1",
		"not t.str exists",
		"t.missing = a and t.u64 = 1",
		"t.missing = b and t.u64 = 1",
		"not t.missing = b and t.u64 = 1",
	}
	got, _ := sift(t, newEvent(map[string]event.Value{"str": text("/etc/x"), "u64": num(1)}), conds...)
	if want := []int{1, 3, 8}; !slices.Equal(got, want) {
		t.Errorf("/etc/x: %v, want %v", got, want)
	}
	got, _ = sift(t, newEvent(map[string]event.Value{"u64": num(1)}), conds...)
	if want := []int{5, 8}; !slices.Equal(got, want) {
		t.Errorf("no value: %v, want %v", got, want)
	}
}

// TestSieveSparesEvaluations: of many conditions of one shape only the first is evaluated.
func TestSieveSparesEvaluations(t *testing.T) {
	var conds []string
	for i := range 200 {
		conds = append(conds, fmt.Sprintf("t.str = v%d and t.path startswith /p%d and t.str2 contains x%d", i, i, i))
	}
	e := newEvent(map[string]event.Value{"str": text("v77"), "path": text("/p78"), "str2": text("x77")})
	got, sieve := sift(t, e, conds...)
	if len(got) != 0 {
		t.Errorf("true: %v", got)
	}
	if sieve.Current() != 77 {
		t.Errorf("the last condition looked at is %d", sieve.Current())
	}
	if reads := e.Data.(*sample).reads; reads["str2"] != 0 || reads["path"] != 1 || reads["str"] != 1 {
		t.Errorf("reads: %v", reads)
	}
}

// TestStatefulIsAlwaysEvaluated: a field that counts how often it is asked for is asked for on each event.
func TestStatefulIsAlwaysEvaluated(t *testing.T) {
	asked := uint64(0)
	cat := field.New("test", nil, []field.Field{
		{Name: "t.str", Type: event.TypeString, Extract: fromSample("str")},
		{Name: "util.cnt", Type: event.TypeUint64, Extract: func(_ *event.Event, _ *field.Arg, v *event.Value) bool {
			asked++
			v.Num = asked
			return true
		}},
	})
	b := NewBuilder(cat)
	var ids []ID
	for _, cond := range []string{"t.str = a", "util.cnt > 2 and t.str = b", "t.str = c"} {
		id, _ := b.Add(parse(t, cond))
		ids = append(ids, id)
	}
	sieve := b.Build().NewSet(ids).NewSieve()
	var trues []int
	for range 4 {
		sieve.Begin(newEvent(map[string]event.Value{"str": text("b")}), []uint64{7})
		trues = append(trues, sieve.Next())
		sieve.Next()
	}
	if asked != 4 || !slices.Equal(trues, []int{-1, -1, 1, 1}) {
		t.Errorf("asked %d times, true: %v", asked, trues)
	}
}

// TestOrderIsNoDifference: the same terms in another order are the same node.
func TestOrderIsNoDifference(t *testing.T) {
	_, ids := compile(t, "t.str = a and (t.u64 = 1 or t.bool = true)", "(t.bool = true or t.u64 = 1) and t.str = a", "t.str = a and t.bool = true")
	if ids[0] != ids[1] || ids[0] == ids[2] {
		t.Errorf("nodes %v", ids)
	}
}

// TestPartIndex compares the automaton with a search for each part.
func TestPartIndex(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	parts := [][]string{
		{"he", "she", "his", "hers", "ushe"}, {"abcd", "bc", "xabc", "cx", "q"}, {"aaab", "aab", "bbb", "ba!", "!!"},
		{string(all[:100]), string(all[100:]), "a\xffb", "\x00\x00", "b"}, {"", "a", "b", "c", "d"},
	}
	values := []string{"", "ushers", "sh", "hi", "xabcc", "abc", "aaaab", "bab", "abab!", "!a!", "a\xfe\xff", string(all), "\x00\x01\x00\x00", "\xff\xff", "zzz"}
	for _, set := range parts {
		c := &check{}
		for _, part := range set {
			c.constants = append(c.constants, text(part))
		}
		x := newPartIndex([]*check{c})
		if x.next == nil {
			t.Fatalf("%q: no automaton", set)
		}
		for _, s := range values {
			want := slices.ContainsFunc(set, func(part string) bool { return contains(part).match(&event.Value{Text: s}) })
			if got := x.row(&event.Value{Text: s}) != 0; got != want {
				t.Errorf("%q in %q: %v", set, s, got)
			}
		}
	}
}

package analysis

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/field/fieldtest"
	"github.com/saker-security/saker/pkg/rule"
)

// What conditions and events are made of. The values meet often, or nothing would ever be contradictory or implied.
var (
	someTexts   = []string{"a", "b", "ab", "A", "/etc", "/etc/x", "/etc/xy", "/var/x", "etc/x"}
	somePieces  = []string{"a", "b", "/etc", "/etc/", "/etc/x", "/var", "x", "A", "''"}
	someGlobs   = []string{"*", "a*", "*b", "/etc/*", "*x*", "?", "[ab]", "/etc/?", "*/x"}
	someRegexes = []string{"'a|b'", "'/etc/.*'", "'.*x'", "'a+'", "'ab?'", "'/etc/(x|y)+'"}
	somePaths   = []string{"/etc", "/etc/x", "/var", "etc", "/*/x", "/"}
	someNumbers = []string{"0", "1", "4", "5", "6", "10"}
	someIPs     = []string{"10.0.0.1", "10.0.0.2", "192.168.0.1", "::1"}
	someNets    = []string{"10.0.0.0/8", "10.0.0.0/31", "192.168.0.0/16", "::/64", "10.0.0.2/32"}
)

type source struct {
	catalogue *field.Catalogue
	// texts and so on are fields by what they hold.
	texts, numbers, bools, ips, nets                     []string
	textLists, numberLists, ipLists, netLists, boolLists []string
}

var (
	language = source{catalogue: fieldtest.Language(), texts: []string{"t.str", "t.str2", "tolower(t.str)"}, numbers: []string{"t.u64", "len(t.str)", "len(t.strs)"},
		bools: []string{"t.bool"}, ips: []string{"t.ip"}, nets: []string{"t.net"}, textLists: []string{"t.strs"},
		numberLists: []string{"t.u64s"}, ipLists: []string{"t.ips"}, netLists: []string{"t.nets"}, boolLists: []string{"t.bools"}}
	host = source{catalogue: fieldtest.Syscall(), texts: []string{"proc.name", "proc.aname", "proc.aname[2]", "fd.name"},
		numbers: []string{"fd.num", "user.uid", "fd.sport"}, bools: []string{"proc.is_exe_writable"}, ips: []string{"fd.ip", "fd.sip"}}
)

// narrow is a source with one field of each kind, so that checks meet more often.
func narrow(s source) *source {
	for _, fields := range []*[]string{&s.texts, &s.numbers, &s.ips} {
		*fields = (*fields)[:1]
	}
	return &s
}

var (
	lineage = func() *source { s := *narrow(host); s.texts = []string{"proc.aname"}; return &s }()
	sources = []*source{&language, &host, narrow(language), narrow(host), lineage}
)

func pick(t *rapid.T, from []string) string { return rapid.SampledFrom(from).Draw(t, "pick") }

func list(t *rapid.T, from []string) string {
	return "(" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(from), 0, 4).Draw(t, "list"), ", ") + ")"
}

// anyCheck draws a check of one kind of field.
func anyCheck(t *rapid.T, s *source) string {
	kinds := []func() string{
		func() string { return textCheck(t, pick(t, s.texts)) },
		func() string { return textCheck(t, pick(t, s.texts)) },
		func() string { return textCheck(t, pick(t, s.texts)) },
		func() string { return scalarCheck(t, pick(t, s.numbers), someNumbers, "<", "<=", ">", ">=") },
		func() string { return scalarCheck(t, pick(t, s.numbers), someNumbers, "<", "<=", ">", ">=") },
		func() string { return scalarCheck(t, pick(t, s.bools), []string{"true", "false"}) },
		func() string { return scalarCheck(t, pick(t, s.ips), someIPs) },
	}
	add := func(fields, values []string) {
		if len(fields) > 0 {
			kinds = append(kinds, func() string {
				if rapid.IntRange(0, 5).Draw(t, "exists") == 0 {
					return pick(t, fields) + " exists"
				}
				return pick(t, fields) + " " + pick(t, []string{"in", "intersects"}) + " " + list(t, values)
			})
		}
	}
	if len(s.nets) > 0 {
		kinds = append(kinds, func() string { return scalarCheck(t, pick(t, s.nets), someNets) })
	}
	add(s.textLists, someTexts)
	add(s.numberLists, someNumbers)
	add(s.ipLists, someIPs)
	add(s.netLists, someNets)
	add(s.boolLists, []string{"true", "false"})
	return kinds[rapid.IntRange(0, len(kinds)-1).Draw(t, "kind")]()
}

func textCheck(t *rapid.T, f string) string {
	modifier := ""
	if rapid.IntRange(0, 5).Draw(t, "modified") == 0 {
		modifier = pick(t, []string{"anyof ", "allof ", "oneof "})
	}
	op := pick(t, []string{"startswith", "endswith", "contains", "icontains", "glob", "iglob", "regex", "pmatch", "", ""})
	from := somePieces
	switch op {
	case "":
		return scalarCheck(t, f, someTexts)
	case "glob", "iglob":
		from = someGlobs
	case "regex":
		from = someRegexes
	case "pmatch":
		return f + " pmatch " + list(t, somePaths)
	}
	if modifier != "" {
		return f + " " + op + " " + modifier + list(t, from)
	}
	return f + " " + op + " " + pick(t, from)
}

func scalarCheck(t *rapid.T, f string, values []string, more ...string) string {
	switch op := pick(t, append([]string{"=", "!=", "in", "exists", "= oneof", "= allof", "!= anyof", "!= allof", "!= oneof"}, append(more, more...)...)); op {
	case "exists":
		return f + " exists"
	case "in", "= oneof", "= allof", "!= anyof", "!= allof", "!= oneof":
		return f + " " + op + " " + list(t, values)
	default:
		return f + " " + op + " " + pick(t, values)
	}
}

func anyCondition(t *rapid.T, s *source, depth int) string {
	switch n := rapid.IntRange(0, 9).Draw(t, "form"); {
	case depth == 0 || n < 2:
		return anyCheck(t, s)
	case n < 4:
		return "not (" + anyCondition(t, s, depth-1) + ")"
	default:
		parts := make([]string, rapid.IntRange(2, 4).Draw(t, "terms"))
		for i := range parts {
			parts[i] = "(" + anyCondition(t, s, depth-1) + ")"
		}
		return strings.Join(parts, pick(t, []string{" and ", " or "}))
	}
}

// anyValues draws an event.
func anyValues(t *rapid.T, s *source) fieldtest.Values {
	values := fieldtest.Values{}
	maybe := func(f string, draw func() any) {
		if !strings.HasSuffix(f, ")") && rapid.IntRange(0, 4).Draw(t, "missing") > 0 {
			values[f] = draw()
		}
	}
	text := func() any {
		return rapid.SampledFrom(append([]string{"", "x", "/etc/x/ab", "B"}, someTexts...)).Draw(t, "text")
	}
	number := func() any { return uint64(rapid.SampledFrom([]int{0, 1, 3, 4, 5, 6, 7, 10, 11}).Draw(t, "number")) }
	truth := func() any { return rapid.Bool().Draw(t, "bool") }
	ip := func() any {
		return netip.MustParseAddr(rapid.SampledFrom(append([]string{"10.0.0.0", "10.9.9.9", "8.8.8.8", "::2", "192.168.9.9"}, someIPs...)).Draw(t, "ip"))
	}
	many := func(draw func() any) func() any {
		return func() any {
			var out []any
			for range rapid.IntRange(0, 3).Draw(t, "length") {
				out = append(out, draw())
			}
			return out
		}
	}
	for _, f := range s.texts {
		if f == "proc.aname" {
			maybe(f, many(text))
		} else {
			maybe(f, text)
		}
	}
	for _, f := range s.numbers {
		maybe(f, number)
	}
	for _, f := range s.bools {
		maybe(f, truth)
	}
	for _, f := range append(s.ips, s.nets...) {
		if f == "fd.ip" {
			maybe(f, many(ip))
		} else {
			maybe(f, ip)
		}
	}
	for _, f := range s.textLists {
		maybe(f, many(text))
	}
	for _, f := range s.numberLists {
		maybe(f, many(number))
	}
	for _, f := range append(s.ipLists, s.netLists...) {
		maybe(f, many(ip))
	}
	for _, f := range s.boolLists {
		maybe(f, many(truth))
	}
	return values
}

// judge evaluates conditions as the engine does.
type judge struct {
	catalogue *field.Catalogue
	builder   *program.Builder
	state     *program.State
	ids       map[condition.Node]program.ID
}

func (j *judge) add(n condition.Node) bool {
	if j.builder == nil {
		j.builder, j.ids = program.NewBuilder(j.catalogue), map[condition.Node]program.ID{}
	}
	ok := true
	condition.Walk(n, func(n condition.Node) bool {
		j.ids[n], _ = j.builder.Add(n)
		ok = ok && j.ids[n] != program.None
		return true
	})
	return ok
}

func (j *judge) begin(values fieldtest.Values) {
	if j.state == nil {
		j.state = j.builder.Build().NewState()
	}
	e := fieldtest.Event(j.catalogue.Source(), values)
	j.state.Begin(e)
}

func (j *judge) true(n condition.Node) bool { return j.state.True(j.ids[n]) }

func worldOf(catalogue *field.Catalogue, nodes ...condition.Node) *world {
	w := newWorld(&rule.Set{}, catalogue, &findings{}, Options{}, &budget{left: maxSteps})
	for _, n := range nodes {
		condition.Walk(n, func(n condition.Node) bool {
			w.term(n, false)
			w.term(n, true)
			return true
		})
	}
	return w
}

func parse(t *rapid.T, text string) condition.Node {
	n, d := condition.Parse(text)
	if d != nil {
		t.Fatalf("%s: %s", text, d.Message)
	}
	return n
}

// TestVerdictsHold: what is said to be never true is false for every event, what is said to be always true is true.
func TestVerdictsHold(t *testing.T) {
	said := map[kind]int{}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(sources).Draw(t, "source")
		n := parse(t, anyCondition(t, s, 3))
		j := &judge{catalogue: s.catalogue}
		if !j.add(n) {
			return // such as a constant that does not fit
		}
		w := worldOf(s.catalogue, n)
		verdicts := map[condition.Node]kind{}
		condition.Walk(n, func(n condition.Node) bool {
			verdicts[n] = w.verdict(n)
			said[verdicts[n]]++
			return true
		})
		for range 20 {
			values := anyValues(t, s)
			j.begin(values)
			for n, v := range verdicts {
				if got := j.true(n); v == yes && !got || v == no && got {
					t.Fatalf("%s is %v for %v", condition.Print(n), got, values)
				}
			}
		}
	})
	t.Logf("%d always, %d never, %d open", said[yes], said[no], said[leaf])
}

// TestCoveringHolds: when a condition is said to cover another, no event fulfils the other alone; what is said to
// clash is never true together.
func TestCoveringHolds(t *testing.T) {
	covered, clashes := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(sources).Draw(t, "source")
		a, b := parse(t, anyCondition(t, s, 1)), parse(t, anyCondition(t, s, 1))
		if rapid.Bool().Draw(t, "narrow") {
			b = parse(t, fmt.Sprintf("(%s) and (%s)", condition.Print(a), condition.Print(b)))
		}
		j := &judge{catalogue: s.catalogue}
		if !j.add(a) || !j.add(b) {
			return
		}
		w := worldOf(s.catalogue, a, b)
		covers := w.covers(&candidate{term: w.term(a, false), conjuncts: w.conjuncts(a)}, &candidate{term: w.term(b, false)})
		if covers {
			covered++
		}
		dead := w.impossible(w.assume(w.term(a, false), w.term(b, false))) != nil
		if dead {
			clashes++
		}
		for range 20 {
			values := anyValues(t, s)
			j.begin(values)
			if covers && j.true(b) && !j.true(a) {
				t.Fatalf("%s is said to cover %s, but not for %v", condition.Print(a), condition.Print(b), values)
			}
			if dead && j.true(a) && j.true(b) {
				t.Fatalf("%s is said to clash with %s, but not for %v", condition.Print(a), condition.Print(b), values)
			}
		}
	})
	t.Logf("%d covered, %d clashes", covered, clashes)
}

// TestLiteralsHold: what is said of two checks on one field, and of one that has a value.
func TestLiteralsHold(t *testing.T) {
	clashes := 0
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(sources).Draw(t, "source")
		a, b := parse(t, anyCheck(t, s)), parse(t, anyCheck(t, s))
		present := rapid.Bool().Draw(t, "present")
		exists := &condition.Check{Left: a.(*condition.Check).Left, Op: condition.OpExists}
		j := &judge{catalogue: s.catalogue}
		if !j.add(a) || !j.add(b) || !j.add(exists) {
			return
		}
		w := worldOf(s.catalogue, a, b)
		ta, tb := w.term(a, rapid.Bool().Draw(t, "not a")), w.term(b, rapid.Bool().Draw(t, "not b"))
		if ta.kind != leaf || tb.kind != leaf || ta.lit.x != tb.lit.x || !w.clash(ta.lit, tb.lit, present || !ta.lit.not || !tb.lit.not) {
			return
		}
		clashes++
		for range 20 {
			values := anyValues(t, s)
			j.begin(values)
			if (!present || j.true(exists)) && j.true(a) != ta.lit.not && j.true(b) != tb.lit.not {
				t.Fatalf("%s and %s are said to clash, but not for %v", ta.lit, tb.lit, values)
			}
		}
	})
	t.Logf("%d clashes", clashes)
}

// TestLanguageCases: what was observed of conditions on real events agrees with what is said of them, for each part of
// them.
func TestLanguageCases(t *testing.T) {
	raw, err := os.ReadFile("../../condition/testdata/language-cases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var cases struct {
		Eval []struct {
			Cases []struct {
				ID, Cond string
				Result   *bool
			}
		}
	}
	if err := yaml.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	total, decided := 0, 0
	for _, group := range cases.Eval {
		for _, c := range group.Cases {
			n, d := condition.Parse(c.Cond)
			if c.Result == nil || d != nil {
				continue
			}
			total++
			w := worldOf(language.catalogue, n)
			v := w.verdict(n)
			if v == yes && !*c.Result || v == no && *c.Result {
				t.Errorf("%s: %s is %v", c.ID, c.Cond, *c.Result)
			}
			if v != leaf {
				decided++
			}
		}
	}
	t.Logf("%d of %d conditions are always or never true", decided, total)
	if total < 100 {
		t.Errorf("%d conditions", total)
	}
}

// TestIncomplete: an analysis that ends before it is done says so, and nothing that is wrong.
func TestIncomplete(t *testing.T) {
	const text = "- rule: r\n  desc: d\n  source: tsrc\n  condition: t.str = a and t.str = b and (t.str2 = a or t.u64 = 5)\n  output: x\n  priority: INFO\n"
	catalogues := map[string]*field.Catalogue{"tsrc": language.catalogue}
	set, found := rule.Load([]rule.File{{Name: "f", Data: []byte(text)}}, catalogues)
	compiled, more := set.Compile(catalogues)
	if len(found)+len(more) > 0 {
		t.Fatal(found, more)
	}
	codes := func(steps int) (codes string) {
		for _, d := range check(set, compiled, Options{}, &budget{left: steps}) {
			codes += d.Code + " "
		}
		return codes
	}
	if got := codes(0); got != "analysis-incomplete " {
		t.Errorf("without steps: %s", got)
	}
	if got := codes(maxSteps); got != "always-false " {
		t.Errorf("with all steps: %s", got)
	}
}

// TestLargeCondition: a condition that is too large is named and left out, the other rules are looked at.
func TestLargeCondition(t *testing.T) {
	const head = "- {rule: %s, desc: d, source: tsrc, output: x, priority: INFO, condition: %s}\n"
	large := fmt.Sprintf(head, "large", "t.str = a"+strings.Repeat(" and not t.str = b", maxParts/2))
	small := fmt.Sprintf(head, "small", "t.str = a and t.str = b")
	catalogues := map[string]*field.Catalogue{"tsrc": language.catalogue}
	set, found := rule.Load([]rule.File{{Name: "f", Data: []byte(large + small)}}, catalogues)
	compiled, more := set.Compile(catalogues)
	if len(found)+len(more) > 0 {
		t.Fatal(found, more)
	}
	var got []string
	for _, d := range Check(set, compiled, Options{}) {
		got = append(got, fmt.Sprintf("%d %s", d.Start.Line, d.Code))
	}
	if want := []string{"1 analysis-incomplete", "2 always-false"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestIncompleteShadows: comparing many rules with each other ends when it has cost enough.
func TestIncompleteShadows(t *testing.T) {
	var text strings.Builder
	for i := range 200 {
		fmt.Fprintf(&text, "- {rule: r%d, desc: d, source: tsrc, output: x, priority: INFO, condition: t.str = a%d and t.u64 = %d}\n", i, i, i)
	}
	catalogues := map[string]*field.Catalogue{"tsrc": language.catalogue}
	set, found := rule.Load([]rule.File{{Name: "f", Data: []byte(text.String())}}, catalogues)
	compiled, more := set.Compile(catalogues)
	if len(found)+len(more) > 0 {
		t.Fatal(found, more)
	}
	for steps, want := range map[int]int{200 * 199 / 4 * compareSteps: 1, maxSteps: 0} {
		if got := check(set, compiled, Options{}, &budget{left: steps}); len(got) != want {
			t.Errorf("%d steps: %v", steps, got)
		}
	}
}

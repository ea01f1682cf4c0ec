package program

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// TestOnce shows that, over all conditions, each field is extracted at most once per event and each check exists once.
func TestOnce(t *testing.T) {
	p, ids := compile(t,
		"t.str = a and t.u64 = 1",
		"t.u64 = 01 and t.str = a",
		"not t.str = a or t.str in (a) or t.str == 'a'",
		"tolower(t.str) = a and len(t.str) = 1 and t.str = val(t.str2) and tolower(t.str) startswith x",
		"t.str in (b, a) or t.str in (a, b, b) or t.str intersects (a,b)",
		"t.key[x] = K:x and t.key['x'] exists and t.key[y] exists",
		"t.missing = a or t.missing exists",
	)
	want := Stats{Fields: 6, Predicates: 12, Nodes: p.Stats().Nodes}
	if got := p.Stats(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	var names []string
	for _, u := range p.Fields() {
		names = append(names, u.Name)
	}
	if want := []string{"t.str", "t.u64", "t.str2", "t.key[x]", "t.key[y]", "t.missing"}; !cmp.Equal(names, want) {
		t.Errorf("fields: got %v, want %v", names, want)
	}
	s := p.NewState()
	for range 3 {
		e := newEvent(map[string]event.Value{"str": text("a"), "str2": text("a"), "u64": num(1)})
		s.Begin(e)
		for _, id := range append(ids, ids...) {
			s.True(id)
		}
		for name, n := range e.Data.(*sample).reads {
			if n != 1 {
				t.Errorf("%s was extracted %d times", name, n)
			}
		}
		if got := len(e.Data.(*sample).reads); got != 4 {
			t.Errorf("%d fields were extracted, want 4", got)
		}
	}
}

// TestSharedTrees shows that equal sub-conditions are one.
func TestSharedTrees(t *testing.T) {
	p, ids := compile(t, "(t.str = a or t.str2 = b) and t.u64 = 1", "not (t.str = a or t.str2 = b)",
		"(t.str = a or t.str2 = b) and t.u64 = 1")
	if ids[0] != ids[2] {
		t.Error("equal conditions have two IDs")
	}
	if got := p.Stats(); got != (Stats{Fields: 3, Predicates: 3, Nodes: 6}) {
		t.Errorf("got %+v", got)
	}
}

// TestLazy shows that nothing is extracted that no answer needs.
func TestLazy(t *testing.T) {
	p, ids := compile(t, "t.str = a and t.str2 = b", "t.str = z or t.u64 = 1")
	s := p.NewState()
	e := newEvent(map[string]event.Value{"str": text("z"), "str2": text("b")})
	s.Begin(e)
	if s.True(ids[0]) || !s.True(ids[1]) {
		t.Error("wrong answers")
	}
	if got := e.Data.(*sample).reads; !cmp.Equal(got, map[string]int{"str": 1}) {
		t.Errorf("extracted %v", got)
	}
}

// TestErrorsDoNotSpoil shows that a condition with errors leaves no trace in the program.
func TestErrorsDoNotSpoil(t *testing.T) {
	b := NewBuilder(testCatalogue)
	if id, found := b.Add(parse(t, "t.str = a and t.nope = 1 and t.str2 = b")); id != None || len(found) != 1 {
		t.Fatalf("got %v, %v", id, found)
	}
	id, _ := b.Add(parse(t, "t.str = a"))
	p := b.Build()
	if got := p.Stats(); got != (Stats{1, 1, 1}) {
		t.Errorf("got %+v", got)
	}
	s := p.NewState()
	s.Begin(newEvent(map[string]event.Value{"str": text("a")}))
	if !s.True(id) {
		t.Error("not true")
	}
	if _, found := NewBuilder(testCatalogue).Add(nil); len(found) != 1 {
		t.Errorf("no condition: got %v", found)
	}
}

var busy = map[string]event.Value{
	"str": text("/usr/bin/Bash"), "str2": text("YWJj"), "strs": texts("-a", "x", "Y"), "u64": num(5),
	"u64s": list(num(1), num(2)), "ip": addr("10.0.0.1"), "net": addr("10.0.0.1"), "path": text("/etc/passwd"),
	"bytes": text("\x01\x02"), "anc": texts("sh", "init"), "ends": list(num(80), num(40000)), "dbl": num(0),
	"endnet": list(addr("10.0.0.1"), addr("8.8.8.8")), "i32": num(1),
}

// everyOperator holds conditions that together use every operator and transformer; all are true for busy.
var everyOperator = []string{
	"t.str = /usr/bin/Bash and t.str != x and t.str in (a, /usr/bin/Bash) and not t.str in (b, c, d)",
	"t.str contains bin and t.str icontains BASH and t.str startswith /usr and t.str endswith sh",
	"t.str startswith anyof (/bin, /usr/bin, /sbin) and t.str endswith oneof (sh, ksh)",
	"t.str glob /usr/* and t.str iglob *BASH and t.str glob '*[Bb]ash'",
	"t.str regex '/usr/(s)?bin/[A-Z].*' and t.str regex '.*(Ba|z)sh'",
	"t.path pmatch (/etc, /usr/*/x) and t.path pmatch (/e*/passwd)",
	"t.u64 >= 5 and t.u64 < 6 and t.u64 in (4, 5) and t.u64 != allof (1, 2)",
	"t.u64s in (1, 2, 3) and t.u64s intersects (2, 9) and t.strs in (-a, x, Y)",
	"t.ip = 10.0.0.1 and t.ip in (10.0.0.1, ::1) and t.net in (10.0.0.0/8, fe80::/10) and t.net = 10.0.0.0/8",
	"t.bytes bcontains 0102 and t.bytes bstartswith 01",
	"t.anc = init and t.anc != init and not t.anc in (bash, zsh) and t.anc[0] = sh and not t.anc[7] exists",
	"t.ends = 80 and not t.ends != http and t.ends != 22 and t.ends > 30000 and t.endnet = 8.0.0.0/8",
	"tolower(t.str) = /usr/bin/bash and toupper(basename(t.str)) = BASH and b64(t.str2) = abc",
	"len(t.str) = 13 and len(t.strs) = 3 and concat(t.str2, \"!\", t.str2) = YWJj!YWJj",
	"join(\",\", t.strs) = '-a,x,Y' and join(\"-\", (t.str2, \"x\")) = YWJj-x and tolower(t.strs) intersects (y)",
	"getopt(t.strs, \"a:\")[a] = x and getopt(t.strs, \"a:\") intersects (x) and len(getopt(t.strs, \"a:\")) = 2",
	"t.str = val(t.str) and t.str != val(t.str2) and t.strs in val(t.strs) and t.u64 >= val(t.u64)",
	"t.dbl = 0 and t.dbl < 1.5 and t.i32 > -1 and t.missing exists or t.str exists",
}

func TestEveryOperator(t *testing.T) {
	p, ids := compile(t, everyOperator...)
	s := p.NewState()
	s.Begin(newEvent(busy))
	for i, id := range ids {
		if !s.True(id) {
			t.Errorf("%s: false", everyOperator[i])
		}
		if !naive(parse(t, everyOperator[i]), newEvent(busy)) {
			t.Errorf("%s: false for the naive evaluation", everyOperator[i])
		}
	}
}

// TestPartsAlone: each sub-condition and each left side of a condition compiles by itself, which is how a condition is
// explained.
func TestPartsAlone(t *testing.T) {
	b := NewBuilder(testCatalogue)
	var nodes []condition.Node
	var ids []ID
	for _, cond := range everyOperator {
		condition.Walk(parse(t, cond), func(n condition.Node) bool {
			id, found := b.Add(n)
			if id == None {
				t.Fatalf("%s: %v", condition.Print(n), found[0])
			}
			nodes, ids = append(nodes, n), append(ids, id)
			if check, ok := n.(*condition.Check); ok {
				if _, found := CompileOperand(check.Left, testCatalogue); len(found) > 0 && found[0].Code != CodeFilterOnly {
					t.Errorf("%s: %v", condition.PrintOperand(check.Left), found[0])
				}
			}
			return true
		})
	}
	s := b.Build().NewState()
	s.Begin(newEvent(busy))
	for i, n := range nodes {
		if got, want := s.True(ids[i]), naive(n, newEvent(busy)); got != want {
			t.Errorf("%s: got %v", condition.Print(n), got)
		}
	}
}

// TestConcurrentStates evaluates one program in many goroutines, for the race detector.
func TestConcurrentStates(t *testing.T) {
	p, ids := compile(t, everyOperator...)
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			s := p.NewState()
			for range 50 {
				s.Begin(newEvent(busy))
				for i, id := range ids {
					if !s.True(id) {
						t.Errorf("%s: false", everyOperator[i])
					}
				}
			}
		}()
	}
	wg.Wait()
}

// TestStateAfterPanic shows that a state goes on after an extractor panicked.
func TestStateAfterPanic(t *testing.T) {
	cat := field.New("p", nil, []field.Field{{Name: "p.x", Type: event.TypeString,
		Extract: func(e *event.Event, _ *field.Arg, v *event.Value) bool {
			if v.Text = e.Source; e.Source == "" {
				panic("no source")
			}
			return true
		}}})
	b := NewBuilder(cat)
	id, _ := b.Add(parse(t, "p.x = a or p.x = b"))
	s := b.Build().NewState()
	for _, source := range []string{"a", "", "b", "", "c"} {
		func() {
			defer func() {
				if p := recover(); (p != nil) != (source == "") {
					t.Errorf("source %q: panic %v", source, p)
				}
			}()
			s.Begin(&event.Event{Source: source})
			if got := s.True(id); got != (source != "c") {
				t.Errorf("source %q: got %v", source, got)
			}
		}()
	}
}

func TestFields(t *testing.T) {
	var got []string
	for _, f := range Fields(parse(t, "tolower(t.str) = a and t.key[b] = val(t.str2) or not join(\",\", (t.key[c], t.str)) exists")) {
		name := f.Name
		if f.Arg != nil {
			name += "[" + f.Arg.Text + "]"
		}
		got = append(got, name)
	}
	if want := []string{"t.str", "t.key[b]", "t.str2", "t.key[c]"}; !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOperand(t *testing.T) {
	tests := []struct {
		text, typ string
		fields    string
		want      string
	}{
		{"t.str", "CHARBUF", "t.str", "/usr/bin/Bash"},
		{"t.anc[1]", "CHARBUF", "t.anc[1]", "init"},
		{"t.anc", "CHARBUF", "t.anc", "[sh init]"},
		{"t.arg.path", "CHARBUF", "t.arg.path", "path"},
		{"t.strs", "list of CHARBUF", "t.strs", "[-a x Y]"},
		{"toupper(t.strs)", "list of CHARBUF", "t.strs", "[-A X Y]"},
		{"len(t.strs)", "UINT64", "t.strs", "3"},
		{"join(\"+\", (t.str2, tolower(t.str), t.str2))", "CHARBUF", "t.str2 t.str t.str2", "YWJj+/usr/bin/bash+YWJj"},
		{"t.missing", "CHARBUF", "t.missing", "none"},
		{"tolower(t.missing)", "CHARBUF", "t.missing", "none"},
	}
	for _, tt := range tests {
		op, _, d := condition.ParseOperand(tt.text)
		if d != nil {
			t.Fatalf("parse %s: %v", tt.text, d)
		}
		x, found := CompileOperand(op, testCatalogue)
		if x == nil {
			t.Fatalf("compile %s: %v", tt.text, found)
		}
		if got := x.typeName(); got != tt.typ {
			t.Errorf("%s: type %s, want %s", tt.text, got, tt.typ)
		}
		var names []string
		for _, u := range x.Fields() {
			names = append(names, u.Name)
		}
		if got := strings.Join(names, " "); got != tt.fields {
			t.Errorf("%s: fields %s, want %s", tt.text, got, tt.fields)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				var v event.Value
				for range 20 {
					if got := show(x, &v); got != tt.want {
						t.Errorf("%s: got %s, want %s", tt.text, got, tt.want)
					}
				}
			}()
		}
		wg.Wait()
	}
}

// show extracts x and writes the value as text.
func show(x *Expr, v *event.Value) string {
	if !x.Extract(newEvent(busy), v) {
		return "none"
	}
	switch {
	case x.List() || x.Quantifier() != field.One:
		var ss []string
		for _, el := range v.List {
			ss = append(ss, el.Text)
		}
		return fmt.Sprint(ss)
	case x.Type() == event.TypeUint64:
		return fmt.Sprint(v.Num)
	}
	return v.Text
}

func TestTypes(t *testing.T) {
	const all = "all"
	// 0,1 syscall · 2,3 open · 4,5 openat · 6,7 execve · 8 unused · 9 container · 10 asyncevent
	tests := []struct{ cond, want string }{
		{"t.str = a", all}, {"not t.str = a", all},
		{"evt.type = open", "2 3 10"}, {"evt.type in (open, execve)", "2 3 6 7 10"}, {"evt.type = open and t.str = a", "2 3 10"},
		{"evt.type = open or t.str = a", all}, {"not evt.type = open", "0 1 4 5 6 7 9 10"},
		{"evt.type != open", "0 1 4 5 6 7 9 10"}, {"not evt.type in (open, openat)", "0 1 6 7 9 10"},
		{"not (evt.type = open and t.str = a)", all}, {"not (evt.type = open or t.str = a)", "0 1 4 5 6 7 9 10"},
		{"evt.type = open or evt.type = execve", "2 3 6 7 10"}, {"evt.type = open and evt.type = execve", "10"},
		// A system call without a type of its own may be any generic event; so its negation excludes none.
		{"evt.type = exit_group", "0 1 10"}, {"not evt.type = exit_group", "0 1 2 3 4 5 6 7 9 10"},
		{"evt.type in (open, exit_group)", "0 1 2 3 10"},
		{"evt.type startswith open", "0 1 2 3 4 5 10"}, {"evt.type exists", all}, {"evt.type = val(t.str)", all},
		{"tolower(evt.type) = open", all}, {"evt.type = anyof (open, execve)", "2 3 6 7 10"},
		{"evt.type != allof (open, execve)", "0 1 4 5 9 10"},
		{"syscall.type = open", "2 3 10"}, {"not syscall.type = open", all},
		{"evt.num = 0", ""}, {"evt.num in (0)", ""}, {"evt.num in ()", ""}, {"evt.num < 0", ""}, {"evt.num < 1", ""},
		{"evt.num <= 0", ""}, {"not evt.num = 0", all}, {"evt.num > 0", all}, {"not evt.num > 0", ""}, {"not evt.num >= 1", ""},
		{"not evt.num != 0", ""}, {"evt.num >= 0 and evt.type = open", "2 3 10"}, {"evt.num = 5", all}, {"evt.num != 5", all},
		{"evt.type = open and not evt.num = 0", "2 3 10"}, {"evt.type = open or evt.num = 0", "2 3 10"},
	}
	for _, tt := range tests {
		p, ids := compile(t, tt.cond)
		set := p.Types(ids[0])
		got := strings.Trim(fmt.Sprint(set.IDs()), "[]")
		if set.All() {
			got = all
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.cond, got, tt.want)
		}
		if set.Empty() != (tt.want == "") {
			t.Errorf("%s: empty is %v", tt.cond, set.Empty())
		}
		if want := len(strings.Fields(tt.want)); tt.want != all && set.Len() != want || tt.want == all && set.Len() != 10 {
			t.Errorf("%s: length %d", tt.cond, set.Len())
		}
	}
}

// TestTypesWithoutTable: in a source with a single type, only a condition that is never true excludes it.
func TestTypesWithoutTable(t *testing.T) {
	b := NewBuilder(field.New("k8s_audit", nil, testFields()))
	id, _ := b.Add(parse(t, "ka.verb = get"))
	neverID, _ := b.Add(parse(t, "ka.verb = get and evt.num = 0"))
	p := b.Build()
	if !p.Types(id).All() || !p.Types(id).Has(0) {
		t.Error("restricted")
	}
	if !p.Types(neverID).Empty() || p.Types(neverID).Has(0) {
		t.Error("not empty")
	}
	if u := p.Types(neverID).Union(p.Types(id)); !u.All() {
		t.Error("union is restricted")
	}
}

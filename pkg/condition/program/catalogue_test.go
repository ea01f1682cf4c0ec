package program

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// sample is the Data of test events: the value of each field by its name without the "t.", absent when missing.
type sample struct {
	values map[string]event.Value
	// reads counts the extractions by the name of the field and its argument.
	reads map[string]int
}

func text(s string) event.Value { return event.Value{Text: s} }
func num(n uint64) event.Value  { return event.Value{Num: n} }
func addr(s string) event.Value { return event.Value{Addr: netip.MustParseAddr(s).Unmap()} }

func list(values ...event.Value) event.Value { return event.Value{List: values} }

func texts(ss ...string) event.Value {
	var v event.Value
	for _, s := range ss {
		v.List = append(v.List, text(s))
	}
	return v
}

func newEvent(values map[string]event.Value) *event.Event {
	return &event.Event{Num: 1, Source: "test", Data: &sample{values: values, reads: map[string]int{}}}
}

// fromSample is the extractor of an ordinary test field.
func fromSample(name string) field.Extractor {
	return func(e *event.Event, a *field.Arg, v *event.Value) bool {
		s := e.Data.(*sample)
		if s.reads != nil {
			s.reads[name+a.Text]++
		}
		in, ok := s.values[name]
		if !ok {
			return false
		}
		v.Text, v.Num, v.Addr = in.Text, in.Num, in.Addr
		for i := range in.List {
			el := v.Grow()
			el.Text, el.Num, el.Addr = in.List[i].Text, in.List[i].Num, in.List[i].Addr
		}
		return true
	}
}

var testTypes = []string{"syscall", "syscall", "open", "open", "openat", "openat", "execve", "execve", "",
	"container", "asyncevent"}

// testCatalogue has the fields that language-cases.yaml describes and one or two of each other kind.
var testCatalogue = field.New("test", testTypes, testFields())

func testFields() []field.Field {
	plain := func(name string, t event.Type) field.Field {
		return field.Field{Name: "t." + name, Type: t, Extract: fromSample(name)}
	}
	lists := func(name string, t event.Type) field.Field {
		f := plain(name, t)
		f.List = true
		return f
	}
	with := func(f field.Field, change func(*field.Field)) field.Field {
		change(&f)
		return f
	}
	fields := []field.Field{
		plain("str", event.TypeString), plain("str2", event.TypeString), lists("strs", event.TypeString),
		plain("u64", event.TypeUint64), lists("u64s", event.TypeUint64),
		plain("bool", event.TypeBool), lists("bools", event.TypeBool),
		plain("rel", event.TypeRelTime), lists("rels", event.TypeRelTime),
		plain("abs", event.TypeAbsTime), lists("abss", event.TypeAbsTime),
		plain("ip", event.TypeIP), lists("ips", event.TypeIP),
		plain("net", event.TypeNet), lists("nets", event.TypeNet),
		plain("missing", event.TypeString), lists("missings", event.TypeString), plain("missingu", event.TypeUint64),
		plain("err", event.TypeString),
		plain("i32", event.TypeInt32), plain("u16", event.TypeUint16), plain("i64", event.TypeInt64),
		plain("port", event.TypePort), plain("dbl", event.TypeDouble), plain("path", event.TypePath),
		plain("bytes", event.TypeBytes),
		with(plain("anc", event.TypeString), func(f *field.Field) {
			f.Quantifier, f.Need, f.Form, f.NoCompare, f.NoTransform = field.Some, field.ArgOptional, field.FormIndex, true, true
			f.Extract = ancestor
		}),
		with(plain("ends", event.TypePort), func(f *field.Field) { f.Quantifier, f.FilterOnly = field.Ends, true }),
		with(plain("endnet", event.TypeNet), func(f *field.Field) { f.Quantifier = field.Ends }),
		with(plain("printed", event.TypeString), func(f *field.Field) { f.PrintOnly = true }),
		with(plain("old", event.TypeString), func(f *field.Field) { f.Deprecated = "use t.str" }),
		{Name: "t.key", Type: event.TypeString, Need: field.ArgRequired, Form: field.FormKey,
			Extract: func(_ *event.Event, a *field.Arg, v *event.Value) bool { v.Text = "K:" + a.Text; return true }},
		{Name: "t.idx", Type: event.TypeString, Need: field.ArgOptional, Form: field.FormIndex,
			Extract: func(_ *event.Event, a *field.Arg, v *event.Value) bool {
				v.Text = fmt.Sprintf("I:%v:%d", a.Present, a.Index)
				return true
			}},
		{Name: "t.both", Type: event.TypeString, Need: field.ArgOptional, Form: field.FormAny,
			Extract: func(_ *event.Event, a *field.Arg, v *event.Value) bool {
				v.Text = fmt.Sprintf("B:%s:%v:%d", a.Text, a.IsIndex, a.Index)
				return true
			}},
		{Name: "t.arg", Type: event.TypeString, Need: field.ArgRequired, Form: field.FormAny, DotArg: true,
			Prepare: func(a *field.Arg) error {
				if a.Text == "wrong" {
					return fmt.Errorf("no event has a parameter %s", a.Text)
				}
				return nil
			},
			Extract: func(_ *event.Event, a *field.Arg, v *event.Value) bool { v.Text = a.Text; return true }},
		{Name: "evt.num", Type: event.TypeUint64,
			Extract: func(e *event.Event, _ *field.Arg, v *event.Value) bool { v.Num = e.Num; return true }},
		{Name: "evt.type", Type: event.TypeString, Constant: knownType, Extract: typeName},
		{Name: "syscall.type", Type: event.TypeString, Extract: syscallName},
		{Name: "ka.verb", Type: event.TypeString, Extract: fromSample("verb")},
	}
	return fields
}

// ancestor offers all of anc, or with an argument the one with that number.
func ancestor(e *event.Event, a *field.Arg, v *event.Value) bool {
	in := e.Data.(*sample).values["anc"]
	if a.Present {
		if a.Index >= len(in.List) {
			return false
		}
		v.Text = in.List[a.Index].Text
		return true
	}
	for i := range in.List {
		v.Grow().Text = in.List[i].Text
	}
	return true
}

func typeName(e *event.Event, _ *field.Arg, v *event.Value) bool {
	v.Text = testTypes[e.Type]
	if own, ok := e.Data.(*sample).values["type"]; ok {
		v.Text = own.Text
	}
	return true
}

// syscallName is missing for events that are no system calls.
func syscallName(e *event.Event, a *field.Arg, v *event.Value) bool {
	return e.Type < 8 && typeName(e, a, v)
}

func knownType(name string) error {
	for _, t := range append([]string{"exit_group"}, testTypes...) {
		if t == name && t != "" {
			return nil
		}
	}
	return fmt.Errorf("there is no event type of that name")
}

// parse parses a condition that the test knows to be right.
func parse(t testing.TB, cond string) condition.Node {
	t.Helper()
	n, d := condition.Parse(cond)
	if d != nil {
		t.Fatalf("parse %s: %v", cond, d)
	}
	return n
}

// compile compiles conditions that the test knows to be right into one program.
func compile(t testing.TB, conds ...string) (*Program, []ID) {
	t.Helper()
	b := NewBuilder(testCatalogue)
	var ids []ID
	for _, cond := range conds {
		id, found := b.Add(parse(t, cond))
		for _, d := range found {
			if d.Severity == condition.SeverityError {
				t.Fatalf("compile %s: %v", cond, d)
			}
		}
		ids = append(ids, id)
	}
	return b.Build(), ids
}

// evaluate compiles one condition and evaluates it on e.
func evaluate(t testing.TB, cond string, e *event.Event) bool {
	t.Helper()
	p, ids := compile(t, cond)
	s := p.NewState()
	s.Begin(e)
	return s.True(ids[0])
}

// diagnose compiles a condition and gives the findings, one a line: severity code "text at the range" message; hint.
func diagnose(t testing.TB, cond string) string {
	t.Helper()
	_, found := NewBuilder(testCatalogue).Add(parse(t, cond))
	var b strings.Builder
	for _, d := range found {
		fmt.Fprintf(&b, "%s %s %q %s\n", d.Severity, d.Code, cond[d.Range.Start:d.Range.End], d.Error())
	}
	return b.String()
}

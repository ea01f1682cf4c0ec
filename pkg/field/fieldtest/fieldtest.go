// Package fieldtest has small field catalogues for tests of everything that compiles conditions and outputs: Language
// is the source with which the cases of language-cases.yaml were observed, Syscall a few fields and event types with
// the names of the system call source. The values of their events are given by name.
package fieldtest

import (
	"fmt"
	"math"
	"net/netip"
	"strings"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// Values are the values of an event by the name of the field: string, int, int64, uint64, float64, bool, netip.Addr,
// or a []any of them. A field that is not there is missing.
type Values map[string]any

// PluginName makes evt.pluginname the one that the cases were observed with.
func (Values) PluginName() string { return "tp" }

// PluginInfo makes evt.plugininfo a constant.
func (Values) PluginInfo() string { return "info" }

// Event makes the first event of a source.
func Event(source string, values Values) *event.Event {
	return &event.Event{Num: 1, Source: source, Data: values}
}

// Given makes an event of source tsrc that has the given fields, as language-cases.yaml writes them: without the "t.",
// addresses as texts. A null is a field without a value.
func Given(fields map[string]any) (*event.Event, error) {
	values := Values{}
	for name, v := range fields {
		v, err := given(v, strings.HasPrefix(name, "ip") || strings.HasPrefix(name, "net"))
		if err != nil {
			return nil, fmt.Errorf("value of field %s: %w", name, err)
		}
		if v != nil {
			values["t."+name] = v
		}
	}
	return Event("tsrc", values), nil
}

func given(v any, address bool) (any, error) {
	switch v := v.(type) {
	case nil, bool, int, int64, uint64, float64:
		return v, nil
	case string:
		if !address {
			return v, nil
		}
		a, err := netip.ParseAddr(v)
		return a.Unmap(), err
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = given(v[i], address); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return nil, fmt.Errorf("no field has a value of type %T", v)
}

// Language is the catalogue of source tsrc: t.str, t.strs, t.u64 and so on.
func Language() *field.Catalogue {
	fields := []field.Field{
		plain("t.str", event.TypeString), plain("t.str2", event.TypeString), list("t.strs", event.TypeString),
		plain("t.u64", event.TypeUint64), list("t.u64s", event.TypeUint64),
		plain("t.bool", event.TypeBool), list("t.bools", event.TypeBool),
		plain("t.rel", event.TypeRelTime), list("t.rels", event.TypeRelTime),
		plain("t.abs", event.TypeAbsTime), list("t.abss", event.TypeAbsTime),
		plain("t.ip", event.TypeIP), list("t.ips", event.TypeIP),
		plain("t.net", event.TypeNet), list("t.nets", event.TypeNet),
		plain("t.missing", event.TypeString), list("t.missings", event.TypeString), plain("t.missingu", event.TypeUint64),
		plain("t.err", event.TypeString),
		{Name: "t.key", Type: event.TypeString, Need: field.ArgRequired, Form: field.FormKey,
			Extract: func(_ *event.Event, a *field.Arg, v *event.Value) bool { v.Text = "K:" + a.Text; return true }},
		{Name: "t.idx", Type: event.TypeString, Need: field.ArgOptional, Form: field.FormIndex,
			Extract: func(_ *event.Event, a *field.Arg, v *event.Value) bool {
				v.Text = fmt.Sprintf("I:%v:%d", a.Present, index(a))
				return true
			}},
		{Name: "t.both", Type: event.TypeString, Need: field.ArgOptional, Form: field.FormAny,
			Extract: func(_ *event.Event, a *field.Arg, v *event.Value) bool {
				v.Text = fmt.Sprintf("B:%v:%d:%s", a.Present, index(a), a.Text)
				return true
			}},
	}
	return field.New("tsrc", nil, field.Generic("host"), fields)
}

func index(a *field.Arg) int {
	if a.IsIndex {
		return a.Index
	}
	return -1
}

// syscallTypes has some real names, and so many others that a rule for all of them is worth a warning.
var syscallTypes = append([]string{"", "open", "openat", "openat2", "execve", "connect", "read", "write"}, otherTypes(120)...)

func otherTypes(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("other%d", i)
	}
	return names
}

// Syscall is a catalogue with some of the names of source syscall, and one field of each way to print.
func Syscall() *field.Catalogue {
	change := func(f field.Field, set func(*field.Field)) field.Field { set(&f); return f }
	fields := []field.Field{
		{Name: "evt.type", Type: event.TypeString, Constant: knownType,
			Extract: func(e *event.Event, _ *field.Arg, v *event.Value) bool { v.Text = syscallTypes[e.Type]; return true }},
		{Name: "evt.arg", Type: event.TypeString, Need: field.ArgRequired, Form: field.FormAny, DotArg: true,
			Extract: func(e *event.Event, a *field.Arg, v *event.Value) bool { return extract(e, "evt.arg."+a.Text, v) }},
		change(plain("evt.dir", event.TypeString), func(f *field.Field) { f.Deprecated = "it is always <" }),
		plain("proc.name", event.TypeString), plain("proc.pname", event.TypeString), plain("proc.cmdline", event.TypeString),
		plain("proc.args", event.TypeString), list("fd.types", event.TypeString), plain("proc.pid", event.TypePID), plain("proc.exepath", event.TypePath),
		plain("proc.is_exe_writable", event.TypeBool), plain("proc.tty", event.TypeUint32),
		plain("user.name", event.TypeString), plain("user.uid", event.TypeUID), plain("user.loginuid", event.TypeInt64),
		plain("fd.name", event.TypePath), plain("fd.sip", event.TypeIP), plain("fd.num", event.TypeFD), plain("fd.sport", event.TypePort),
		plain("container.id", event.TypeString), plain("container.name", event.TypeString),
		plain("container.image.repository", event.TypeString), plain("container.image.tag", event.TypeString),
		plain("k8s.ns.name", event.TypeString), plain("k8s.pod.name", event.TypeString),
		{Name: "proc.aname", Type: event.TypeString, Need: field.ArgOptional, Form: field.FormIndex, Quantifier: field.Some,
			Extract: func(e *event.Event, a *field.Arg, v *event.Value) bool {
				if a.Present {
					return extract(e, fmt.Sprintf("proc.aname[%d]", a.Index), v)
				}
				return extract(e, "proc.aname", v)
			}},
		{Name: "proc.env", Type: event.TypeString, Need: field.ArgOptional, Form: field.FormAny,
			Extract: func(e *event.Event, a *field.Arg, v *event.Value) bool { return extract(e, "proc.env["+a.Text+"]", v) }},
		change(plain("fd.ip", event.TypeIP), func(f *field.Field) { f.FilterOnly, f.Quantifier = true, field.Ends }),
		plain("evt.buffer", event.TypeBytes),
		plain("thread.cpu", event.TypeDouble),
		change(plain("fd.mode", event.TypeMode), func(f *field.Field) { f.Print = field.Octal }),
		change(plain("fd.dev", event.TypeUint32), func(f *field.Field) { f.Print = field.Hex }),
	}
	return field.New(event.SourceSyscall, syscallTypes, field.Generic("host"), fields)
}

func knownType(name string) error {
	for _, t := range syscallTypes {
		if t == name && t != "" {
			return nil
		}
	}
	return fmt.Errorf("there is no event type %s", name)
}

func plain(name string, t event.Type) field.Field {
	return field.Field{Name: name, Type: t,
		Extract: func(e *event.Event, _ *field.Arg, v *event.Value) bool { return extract(e, name, v) }}
}

func list(name string, t event.Type) field.Field {
	f := plain(name, t)
	f.List = true
	return f
}

// extract puts the value that the event has under name into v.
func extract(e *event.Event, name string, v *event.Value) bool {
	values, _ := e.Data.(Values)
	in, ok := values[name]
	if ok {
		set(v, in)
	}
	return ok
}

func set(v *event.Value, in any) {
	switch in := in.(type) {
	case string:
		v.Text = in
	case bool:
		v.SetBool(in)
	case int:
		v.SetInt(int64(in))
	case int64:
		v.SetInt(in)
	case uint64:
		v.Num = in
	case float64:
		v.Num = math.Float64bits(in)
	case netip.Addr:
		v.Addr = in
	case []any:
		for _, i := range in {
			set(v.Grow(), i)
		}
	default:
		panic(fmt.Sprintf("fieldtest: no field has a value of type %T", in))
	}
}

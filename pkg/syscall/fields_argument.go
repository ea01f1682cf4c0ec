package syscall

import (
	"fmt"
	"sort"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/syscall/table"
)

func argumentFields() []field.Field {
	all := extract(func(r *Record, v *event.Value) bool {
		start := len(r.text)
		if r.Row.ID != table.Generic {
			r.text = r.appendArgs(r.text)
		}
		v.Text = r.built(start)
		return true
	})
	fields := []field.Field{
		{Name: "evt.args", Type: event.TypeString, Help: "All parameters as name=value, with blanks between them.", Extract: all},
		{Name: "evt.info", Type: event.TypeString, Help: "The same as evt.args.", Extract: all},
		{Name: "evt.arg", Type: event.TypeString, Need: field.ArgRequired, Form: field.FormAny, DotArg: true, Prepare: prepareParam, Applies: applies(withParam),
			Help: "One parameter as text, by name or place: evt.arg.flags, evt.arg[0].", Extract: withArg(argument)},
		{Name: "evt.rawarg", Type: event.TypeDyn, Need: field.ArgRequired, Form: field.FormKey, DotArg: true, Prepare: prepareRaw,
			NoCompare: true, NoTransform: true,
			Help:    "One parameter as it is, with the type that it has: evt.rawarg.flags.",
			Extract: extract(func(*Record, *event.Value) bool { return false })},
		{Name: "evt.abspath", Type: event.TypeString, Need: field.ArgOptional, Form: field.FormKey, DotArg: true, Prepare: prepareEnd, Applies: applies(withPath),
			Help:    "Absolute path of a call that takes a path and a directory descriptor; of two paths .src is the first and .dst the second.",
			Extract: withArg(absolutePath)},
	}
	return append(fields, rawFields()...)
}

// paramTypes are all parameter names, each with the types that it has in different events.
var paramTypes = func() map[string][]event.Type {
	types := map[string][]event.Type{}
	for _, name := range table.TypeNames() {
		for _, row := range table.ByName(name) {
			for _, p := range row.Params {
				types[p.Name] = append(types[p.Name], p.Type)
			}
		}
	}
	return types
}()

func prepareParam(a *field.Arg) error {
	if a.IsIndex {
		return nil
	}
	if _, ok := paramTypes[a.Text]; ok {
		return nil
	}
	return unknownParam(a.Text)
}

func unknownParam(name string) error {
	names := make([]string, 0, len(paramTypes))
	for known := range paramTypes {
		names = append(names, known)
	}
	sort.Strings(names)
	if near := field.Nearest(name, names, 1); len(near) > 0 {
		return fmt.Errorf("unknown event argument %s, did you mean %s?", name, near[0])
	}
	return fmt.Errorf("unknown event argument %s", name)
}

func argument(r *Record, a *field.Arg, v *event.Value) bool {
	i := a.Index
	if !a.IsIndex {
		i = r.Row.Index(a.Text)
	}
	if i < 0 || i >= len(r.Row.Params) {
		return false
	}
	start := len(r.text)
	r.text = r.appendArg(r.text, i)
	v.Text = r.built(start)
	return true
}

// rawFields declares evt.rawarg for each parameter name, so that a rule is checked against the type that it has. Where
// events disagree, numbers become the widest number.
func rawFields() []field.Field {
	names := make([]string, 0, len(paramTypes))
	for name := range paramTypes {
		names = append(names, name)
	}
	sort.Strings(names)
	var fields []field.Field
	for _, name := range names {
		kind := rawType(paramTypes[name])
		if kind == event.TypeNone {
			continue
		}
		fields = append(fields, field.Field{Name: "evt.rawarg." + name, Type: kind, Hidden: true, NoCompare: true, NoTransform: true,
			Help: "Parameter " + name + " as it is.", Extract: rawArgument(name, kind.Class()),
			Applies: applies(func(row *table.Event, _ *field.Arg) bool {
				i := row.Index(name)
				return i >= 0 && row.Params[i].Type.Class() == kind.Class()
			})})
	}
	return fields
}

// rawType gives the one type for a parameter that has several, TypeNone when it cannot be compared as it is.
func rawType(types []event.Type) event.Type {
	kind := types[0]
	for _, t := range types[1:] {
		switch {
		case t == kind:
		case t.Class() == event.ClassNumber && kind.Class() == event.ClassNumber:
			if t.Signed() || kind.Signed() {
				kind = event.TypeInt64
			} else {
				kind = event.TypeUint64
			}
		case t.Class() == event.ClassString && kind.Class() == event.ClassString:
			kind = event.TypeString
		case kind.Class() == event.ClassParam:
			kind = t
		}
	}
	switch kind.Class() {
	case event.ClassNumber, event.ClassString, event.ClassBytes:
		return kind
	}
	return event.TypeNone
}

func rawArgument(name string, class event.Class) field.Extractor {
	return extract(func(r *Record, v *event.Value) bool {
		i := r.Row.Index(name)
		if i < 0 || len(r.Wire.Param(i)) == 0 || r.Row.Params[i].Type.Class() != class {
			return false
		}
		switch class {
		case event.ClassNumber:
			var ok bool
			v.Num, ok = r.number(i)
			return ok
		case event.ClassString:
			v.Text = view(r.bytes(i))
		default:
			v.Text = view(r.Wire.Param(i))
		}
		return true
	})
}

func prepareRaw(a *field.Arg) error {
	types, ok := paramTypes[a.Text]
	if ok && rawType(types) != event.TypeNone {
		return fmt.Errorf("write evt.rawarg.%s", a.Text)
	}
	if ok {
		return fmt.Errorf("event argument %s cannot be compared as it is, use evt.arg.%s for its text", a.Text, a.Text)
	}
	return unknownParam(a.Text)
}

// Ends of a call with two paths.
const (
	sourceEnd = "src"
	targetEnd = "dst"
)

func prepareEnd(a *field.Arg) error {
	if a.Present && a.Text != sourceEnd && a.Text != targetEnd {
		return fmt.Errorf("evt.abspath knows %s and %s, not %q", sourceEnd, targetEnd, a.Text)
	}
	return nil
}

func absolutePath(r *Record, a *field.Arg, v *event.Value) bool {
	first, last := -1, -1
	for i, p := range r.Row.Params {
		if p.Type == event.TypeRelPath {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	i := first
	switch a.Text {
	case sourceEnd, targetEnd:
		if first == last {
			return false
		}
		if a.Text == targetEnd {
			i = last
		}
	}
	return i >= 0 && r.absolute(i, v)
}

// absolute stores the absolute path of parameter i.
func (r *Record) absolute(i int, v *event.Value) bool {
	if r.Thread == nil || len(r.bytes(i)) == 0 {
		return false
	}
	dir := -1
	if r.Row.Params[i].Type == event.TypeRelPath {
		dir = r.directoryParam(i)
	}
	start := len(r.text)
	r.text = r.in.appendAbsolute(r.text, r, dir, i)
	v.Text = r.built(start)
	return true
}

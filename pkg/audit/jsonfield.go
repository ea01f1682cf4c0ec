package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// jsonFields are those that read any member. jevt is the older name of json.
func jsonFields() []field.Field {
	var fields []field.Field
	for _, prefix := range []string{"json", "jevt"} {
		fields = append(fields,
			field.Field{Name: prefix + ".value", Type: event.TypeString, Need: field.ArgRequired, Form: field.FormKey,
				Help: "Value at a JSON pointer (RFC 6901), such as /requestObject/spec/replicas; the first slash may be left out. " +
					"Objects and arrays are compact JSON, in which every character is itself, however the client escaped it.",
				Prepare: preparePointer, Extract: atPointer},
			field.Field{Name: prefix + ".obj", Type: event.TypeString,
				Help: "The whole event as indented JSON.", Extract: indented},
			field.Field{Name: prefix + ".rawtime", Type: event.TypeString,
				Help: "Time of the event in nanoseconds since 1970, as text.", Extract: rawTime},
		)
	}
	return fields
}

// pointer is a compiled JSON pointer: it starts at the member m of the event, or at the event if that is noMember.
type pointer struct {
	m    member
	path []string
}

func preparePointer(a *field.Arg) error {
	if a.Text == "" {
		return errors.New("a JSON pointer is needed, such as /requestObject/spec")
	}
	p := pointer{m: noMember, path: strings.Split(strings.TrimPrefix(a.Text, "/"), "/")}
	for i, part := range p.path {
		p.path[i] = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
	}
	for g := eventGroup; len(p.path) > 0; p.path = p.path[1:] {
		m, below := g.find(p.path[0])
		if m == noMember {
			break
		}
		p.m, g = m, below
	}
	a.Data = p
	return nil
}

func atPointer(e *event.Event, a *field.Arg, v *event.Value) bool {
	r, p := e.Data.(*Record), a.Data.(pointer)
	at := r.span
	if p.m != noMember {
		at = r.at[p.m]
	}
	for _, part := range p.path {
		if r.isArray(at) {
			n, err := strconv.ParseUint(part, 10, 31)
			if err != nil {
				return false
			}
			at = r.element(at, int(n))
		} else {
			at = r.get(at, part)
		}
	}
	if at.IsZero() {
		return false
	}
	var ok bool
	if v.Text, ok = r.text(at); !ok {
		v.Text = "null"
	}
	return true
}

func indented(e *event.Event, _ *field.Arg, v *event.Value) bool {
	raw := e.Data.(*Record).PluginInfo()
	var out bytes.Buffer
	if json.Indent(&out, []byte(raw), "", "  ") != nil {
		v.Text = raw // nested deeper than that package goes
		return true
	}
	v.Text = out.String()
	return true
}

func rawTime(e *event.Event, _ *field.Arg, v *event.Value) bool {
	v.Text = strconv.FormatInt(e.Time, 10)
	return true
}

package format

import (
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// Join gives the template that prints t, a blank and u.
func (t *Template) Join(u *Template) *Template {
	all := &Template{text: t.text + " " + u.text, tokens: slices.Concat(t.tokens, []token{{literal: " "}}, u.tokens)}
	all.fields = merge(t.fields, u.fields)
	return all
}

// WithFields gives t with further fields, which its text does not show: they are among its Fields. One that is named
// like another takes its place.
func (t *Template) WithFields(fields ...*Field) *Template {
	u := *t
	for _, f := range fields {
		u.fields = merge(u.fields, []*Field{f})
	}
	return &u
}

// merge merges fields that are sorted by name; those of b win.
func merge(a, b []*Field) []*Field {
	out := make([]*Field, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := strings.Compare(a[0].Name, b[0].Name); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c == 0:
			a = a[1:]
		default:
			out, b = append(out, b[0]), b[1:]
		}
	}
	return slices.Concat(out, a, b)
}

// CompileField compiles text as an entry of a list of fields: a field, with its typed value, or a transformer, whose
// value is a text. It is nil when a finding is an error; all findings are returned.
func CompileField(text string, cat *field.Catalogue) (*Field, []*condition.Diagnostic) {
	c := &compiler{text: text, catalogue: cat}
	op, n, d := condition.ParseOperand(text)
	if d != nil || n < len(text) || len(text) > MaxBytes {
		hint := "name a field, as in proc.name; a text with fields is written {name: text}"
		if strings.HasPrefix(text, "%") {
			hint = "leave out the %"
		}
		c.fail(CodeEmpty, 0, min(len(text), MaxBytes), hint, "this is not the name of a field")
		return nil, c.found
	}
	x, found := program.CompileOperand(op, cat)
	if x == nil {
		return nil, found
	}
	if _, ok := op.(*condition.Field); !ok {
		return TextField(text, &Template{text: "%" + text, tokens: []token{{expr: x}}}), found
	}
	use := x.Fields()[0]
	return &Field{Name: text, use: use, print: use.Field.Print}, found
}

// TextField makes a field whose value is what t prints.
func TextField(name string, t *Template) *Field { return &Field{Name: name, template: t} }

// appendRendered appends what the template of the field prints as a JSON string.
func (f *Field) appendRendered(dst []byte, e *event.Event, v *event.Value) []byte {
	return AppendString(dst, f.template.Append(nil, e, v))
}

package rule

import (
	"bytes"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
)

// falcoText is the text of a condition as Falco parses it: with its exceptions and the items of its lists written into
// it. Falco counts in that text when it tells where something is. It is made for nothing else, only when there is
// something to tell.
type falcoText struct {
	text []byte
	// from tells for each byte the place in the space of all texts that it comes from, -1 for what Falco adds.
	from []int
}

func (t *falcoText) add(s string) {
	for i := range len(s) {
		t.text, t.from = append(t.text, s[i]), append(t.from, -1)
	}
}

func (t *falcoText) copy(x *text) {
	for i := range len(x.value) {
		t.text, t.from = append(t.text, x.value[i]), append(t.from, x.base+i)
	}
}

// maxFalcoText is how long a text may become; in a longer one places are told as they are in the condition alone.
const maxFalcoText = 1 << 20

// expanded is the text of the expression x with the exceptions of def, which is nil for a macro, as Falco names it and
// as Falco parses it.
func (l *loader) expanded(x *text, def *ruleDef) (named string, parsed *falcoText) {
	t := &falcoText{}
	if def == nil || len(def.exceptions) == 0 {
		t.copy(x)
	} else {
		t.add("(")
		t.copy(x)
		t.add(")")
		for _, e := range def.exceptions {
			t.exception(e)
		}
	}
	named = string(t.text)
	for _, d := range l.listOrder {
		if len(t.text) > maxFalcoText {
			break
		}
		t.substitute(d.name, l.falcoItems(d))
	}
	return named, t
}

// find gives the place in the text of what stands at g in the space of all texts, as part of x; the place behind x
// when g is its end.
func (t *falcoText) find(x *text, g int) int {
	at := 0
	for i, from := range t.from {
		if from >= g && from < x.base+len(x.value) {
			return i
		}
		if from >= x.base && from < g {
			at = i + 1
		}
	}
	return at
}

// syntaxPath is the path of the error that Falco's parser finds in the condition written in x, in which the items of
// lists and the exceptions stand already. Offset is the place where our parser found it.
func (l *loader) syntaxPath(x *text, def *ruleDef, offset int) []Location {
	text := x.value
	if l.strict {
		_, parsed := l.expanded(x, def)
		text = string(parsed.text)
		if _, d := condition.Parse(text); d != nil {
			offset = d.Range.Start
		}
	}
	return x.inner.expressionPath(text, text, min(offset, len(text)))
}

// expressionPath is the path, in the context c, of a place in the space of all texts that is found in the condition
// written in x, which is that of the rule def or, when that is nil, of a macro.
func (l *loader) expressionPath(c *context, x *text, def *ruleDef, g int) []Location {
	inner, local, ok := l.texts.locate(condition.Range{Start: g, End: g})
	if !ok {
		return c.path()
	}
	if !l.strict {
		return c.expressionPath(x.value, inner.value, local.Start)
	}
	named, parsed := l.expanded(x, def)
	if kind, _ := inner.context.item(); inner != x && kind == inMacro {
		_, parsed = l.expanded(inner, nil)
	}
	return c.expressionPath(named, string(parsed.text), parsed.find(inner, g))
}

// exception writes an exception behind the text.
func (t *falcoText) exception(e *exception) {
	if len(e.checked) == 0 || len(e.values) == 0 {
		return
	}
	t.add(" and not (")
	if !e.fields.list {
		c := &e.checked[0]
		t.comparison(c)
		t.values(e.values)
		t.add(")")
		return
	}
	for i, v := range e.values {
		if i > 0 {
			t.add(" or ")
		}
		t.add("(")
		for k := range min(len(e.checked), len(v.items)) {
			if k > 0 {
				t.add(" and ")
			}
			t.add(" ")
			t.comparison(&e.checked[k])
			t.value(&e.checked[k], v.items[k])
		}
		t.add(")")
	}
	t.add(")")
}

// comparison writes a field and its operator.
func (t *falcoText) comparison(c *comparison) {
	t.copy(c.field)
	t.add(" " + string(c.op) + " ")
	if c.modifier != condition.ModifierNone {
		t.add(string(c.modifier) + " ")
	}
}

// value writes what a field is compared with.
func (t *falcoText) value(c *comparison, v *entry) {
	switch {
	case v.list:
		t.values(v.items)
	case takesList(c.op, c.modifier) && !strings.HasPrefix(v.text(), "("):
		t.add("(" + v.text() + ")")
	case takesList(c.op, c.modifier):
		t.add(v.text())
	default:
		t.add(falcoQuoted(v.text()))
	}
}

func (t *falcoText) values(values []*entry) {
	t.add("(")
	for i, v := range values {
		if i > 0 {
			t.add(", ")
		}
		t.add(falcoQuoted(v.text()))
	}
	t.add(")")
}

// falcoQuoted puts a text with a blank in quotation marks, unless it begins with one.
func falcoQuoted(s string) string {
	if strings.Contains(s, " ") && s[0] != '"' && s[0] != '\'' {
		return `"` + s + `"`
	}
	return s
}

// falcoItems are the items that Falco writes for the name of a list: those of lists among them that were defined
// before, one level deep.
func (l *loader) falcoItems(d *listDef) string {
	var items []string
	for _, item := range d.items {
		if inner := l.lists[item.text.value]; inner != nil && inner.index < d.visible {
			for _, i := range inner.items {
				items = append(items, falcoQuoted(i.text.value))
			}
			continue
		}
		items = append(items, falcoQuoted(item.text.value))
	}
	return strings.Join(items, ", ")
}

const (
	falcoBlanks = " \t\n\r"
	falcoDelims = falcoBlanks + "(),="
)

// substitute writes items for each occurrence of the name of a list.
func (t *falcoText) substitute(name, items string) {
	for at := 0; ; {
		i := bytes.Index(t.text[at:], []byte(name))
		if i < 0 {
			return
		}
		start := at + i
		end := start + len(name)
		if start > 0 && strings.IndexByte(falcoDelims, t.text[start-1]) < 0 || end < len(t.text) && strings.IndexByte(falcoDelims, t.text[end]) < 0 {
			at = start + 1
			continue
		}
		at = t.put(start, end, items)
		if len(t.text) > maxFalcoText {
			return
		}
	}
}

// put writes items over the bytes start to end and the blanks around them, and gives the place behind.
func (t *falcoText) put(start, end int, items string) int {
	origin := t.from[start]
	for start > 0 && strings.IndexByte(falcoBlanks, t.text[start-1]) >= 0 {
		start--
	}
	for end < len(t.text) && strings.IndexByte(falcoBlanks, t.text[end]) >= 0 {
		end++
	}
	if items == "" && start > 0 && t.text[start-1] == ',' {
		start--
	} else if items == "" && end < len(t.text) && t.text[end] == ',' {
		end++
	}
	out := falcoText{text: append([]byte(nil), t.text[:start]...), from: append([]int(nil), t.from[:start]...)}
	if start > 0 {
		out.add(" ")
	}
	at := len(out.text)
	out.add(items + " ")
	out.from[at] = origin
	next := len(out.text)
	out.text, out.from = append(out.text, t.text[end:]...), append(out.from, t.from[end:]...)
	*t = out
	return next
}

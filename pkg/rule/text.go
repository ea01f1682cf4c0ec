package rule

import (
	"sort"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
)

// texts gives each text that is compiled (a condition, an output, an item of a list) its own stretch in one space of
// offsets. The ranges of its syntax tree are moved there, so that a range tells what file and column it stands for
// whatever tree it ends up in when macros and lists are put in their places.
type texts struct {
	all  []*text
	next int
}

// text is a text that is compiled, made from one scalar, or from several that were appended.
type text struct {
	base  int
	value string
	parts []part
	// context is the item that the text belongs to, inner the place of its key, which Falco names in paths.
	context, inner *context
}

// part says that the value of a text from start on is that of a scalar from skip on.
type part struct {
	start, skip int
	scalar      *scalar
}

// newText makes a text of one scalar.
func newText(s *scalar, item, inner *context) *text {
	return &text{value: s.value(), parts: []part{{scalar: s}}, context: item, inner: inner, base: -1}
}

// trimmed is the text without the white space around it.
func (x *text) trimmed() *text {
	left := len(x.value) - len(strings.TrimLeft(x.value, whiteSpace))
	y := *x
	y.value = strings.Trim(x.value, whiteSpace)
	y.parts = append([]part(nil), x.parts...)
	y.parts[0].skip += left
	return &y
}

// whiteSpace is what Falco trims from outputs.
const whiteSpace = " \t\n\r\v\f"

// appended is x, a blank and y: how Falco appends conditions. Neither changes.
func (x *text) appended(y *text) *text {
	z := &text{value: x.value + " " + y.value, context: x.context, inner: x.inner, base: -1}
	z.parts = append(append([]part(nil), x.parts...), y.parts...)
	for i := len(x.parts); i < len(z.parts); i++ {
		z.parts[i].start += len(x.value) + 1
	}
	return z
}

// add gives x its stretch; adding it again changes nothing.
func (t *texts) add(x *text) {
	if x.base >= 0 {
		return
	}
	x.base = t.next
	t.next += len(x.value) + 1
	t.all = append(t.all, x)
}

// locate finds the text to which a range belongs.
func (t *texts) locate(r condition.Range) (*text, condition.Range, bool) {
	i := sort.Search(len(t.all), func(i int) bool { return t.all[i].base > r.Start }) - 1
	if i < 0 || r.Start > t.all[i].base+len(t.all[i].value) {
		return nil, r, false
	}
	x := t.all[i]
	return x, condition.Range{Start: r.Start - x.base, End: r.End - x.base}, true
}

// place gives the file and the stretch of it that a range of the text was made from. A range over several parts ends
// with its first part.
func (x *text) place(r condition.Range) (*source, span) {
	i := sort.Search(len(x.parts), func(i int) bool { return x.parts[i].start > r.Start }) - 1
	p := x.parts[max(i, 0)]
	shift := p.skip - p.start
	end := r.End
	if i+1 < len(x.parts) {
		end = min(end, x.parts[i+1].start-1)
	}
	return p.scalar.file, p.scalar.span(r.Start+shift, max(r.Start, end)+shift)
}

// Package format compiles output templates, the texts of rules in which %proc.name stands for a field of the event,
// and renders them: as text for the alert line and as values for its JSON.
package format

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

const (
	// MaxBytes is how long a template may be.
	MaxBytes = 64 << 10
	// MaxWidth is the largest width of a token, in bytes.
	MaxWidth = 4096
	// maxFindings ends the compilation of a template of which nothing is right.
	maxFindings = 50
	// maxName is longer than the name of any field.
	maxName = 256
)

// Codes of the diagnostics of templates; those of the fields in them are the codes of package program.
const (
	CodeTooLong   = "format-too-long"
	CodeEmpty     = "format-token"
	CodeWidth     = "format-width"
	CodeShortened = "format-shortened"
)

// Template is a compiled output format. It is immutable and safe for concurrent use.
type Template struct {
	text   string
	tokens []token
	fields []*Field
}

// token is a literal text and the value that follows it; the last one may have no value.
type token struct {
	literal string
	expr    *program.Expr
	print   field.Print
	// width is the number of bytes that the value takes, 0 for as many as it has.
	width int
}

// Codes lists the codes of this package.
func Codes() []string {
	return []string{CodeTooLong, CodeEmpty, CodeWidth, CodeShortened}
}

// Field is a field that a template reads, those inside transformers included, or one that was added to it.
type Field struct {
	// Name is the field as it was written, with its argument: proc.aname[2].
	Name  string
	use   program.Use
	print field.Print
	// template, when not nil, makes the value instead of use.
	template *Template
}

// String gives the template as it was written.
func (t *Template) String() string { return t.text }

// Fields lists the fields of the template, each once, sorted by name. The slice must not be changed.
func (t *Template) Fields() []*Field { return t.fields }

// Compile makes a template of text, which is rendered with <NA> for values that are missing whether it starts with a
// * or not. A token is %FIELD, %FIELD[ARG] or %TRANSFORMER(…), with a width between the % and the name; it ends
// where nothing longer makes sense, so %proc.nameand is the field proc.name and the text "and". There is no way to
// write a %. The token %container.info prints nothing, with a warning. The template is nil when a finding is an error; all findings are returned.
func Compile(text string, cat *field.Catalogue) (*Template, []*condition.Diagnostic) {
	c := &compiler{text: text, catalogue: cat}
	if len(text) > MaxBytes {
		c.fail(CodeTooLong, MaxBytes, len(text), "shorten it", "the output has %d bytes, more than the limit of %d", len(text), MaxBytes)
		return nil, c.found
	}
	t := c.template()
	if c.failed {
		return nil, c.found
	}
	return t, c.found
}

type compiler struct {
	text      string
	catalogue *field.Catalogue
	found     []*condition.Diagnostic
	failed    bool
}

func (c *compiler) fail(code string, start, end int, hint, format string, args ...any) {
	c.failed = true
	c.found = append(c.found, &condition.Diagnostic{
		Code: code, Range: condition.Range{Start: start, End: end}, Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

func (c *compiler) template() *Template {
	t := &Template{text: c.text}
	names := map[string]bool{}
	at := 0
	if strings.HasPrefix(c.text, "*") {
		at = 1 // it asks for <NA>, which is what we always do
	}
	for at < len(c.text) && !(c.failed && len(c.found) >= maxFindings) {
		percent := strings.IndexByte(c.text[at:], '%')
		if percent < 0 {
			break
		}
		if strings.HasPrefix(c.text[at+percent:], containerInfo) {
			t.tokens = append(t.tokens, token{literal: c.text[at : at+percent]})
			at += percent + len(containerInfo)
			c.warnRemoved(at-len(containerInfo), at)
			continue
		}
		tok, end := c.token(at + percent)
		if tok.expr != nil {
			tok.literal = c.text[at : at+percent]
			t.tokens = append(t.tokens, tok)
			t.addFields(names, tok.expr)
		}
		at = end
	}
	if at < len(c.text) {
		t.tokens = append(t.tokens, token{literal: c.text[at:]})
	}
	slices.SortFunc(t.fields, func(a, b *Field) int { return strings.Compare(a.Name, b.Name) })
	return t
}

// containerInfo is what outputs were once told to print the container by; Falco takes it out of them.
const containerInfo = "%container.info"

func (c *compiler) warnRemoved(start, end int) {
	if len(c.found) < maxFindings {
		c.found = append(c.found, &condition.Diagnostic{
			Code: program.CodeDeprecatedField, Severity: condition.SeverityWarning, Range: condition.Range{Start: start, End: end},
			Message: containerInfo + " is deprecated and prints nothing",
			Hint:    "leave it out, and name the fields to print, such as %container.id and %container.name",
		})
	}
}

func (t *Template) addFields(names map[string]bool, x *program.Expr) {
	for _, use := range x.Fields() {
		if !names[use.Name] {
			names[use.Name] = true
			t.fields = append(t.fields, &Field{Name: use.Name, use: use, print: use.Field.Print})
		}
	}
}

// token compiles the token whose % is at start and returns it with its end. A token without expr has been reported.
func (c *compiler) token(start int) (token, int) {
	at := start + 1
	width := 0
	for at < len(c.text) && c.text[at] >= '0' && c.text[at] <= '9' {
		width = min(width*10+int(c.text[at]-'0'), MaxWidth+1)
		at++
	}
	switch {
	case at == len(c.text) && at == start+1:
		c.fail(CodeEmpty, start, at, "name a field, as in %evt.time", "the output ends with a %%")
		return token{}, at
	case at == len(c.text):
		c.fail(CodeEmpty, start, at, "name a field after the width, as in %10proc.name", "the output ends with a width without a field")
		return token{}, at
	case width > MaxWidth:
		c.fail(CodeWidth, start+1, at, "", "a width cannot be larger than %d", MaxWidth)
		return token{}, at
	}
	op, n, d := condition.ParseOperand(c.text[at:])
	if d != nil {
		c.noOperand(start, at, d)
		return token{}, at
	}
	x, op, n := c.operand(op, at, n)
	if x == nil {
		return token{}, at + n
	}
	tok := token{expr: x, width: width}
	if _, ok := op.(*condition.Field); ok {
		tok.print = x.Fields()[0].Field.Print
	}
	return tok, at + n
}

// noOperand reports that what follows a % is no field.
func (c *compiler) noOperand(start, at int, d *condition.Diagnostic) {
	if next := c.text[at]; next >= 'a' && next <= 'z' || next >= 'A' && next <= 'Z' {
		name := at
		for name < len(c.text) && (c.text[name] == '_' || isAlnum(c.text[name])) {
			name++
		}
		if name == len(c.text) || c.text[name] != '(' {
			hint := "a field has a dot in its name, as in %proc.name; the character % itself cannot be written"
			if other, ok := field.Renamed(c.text[at:name]); ok {
				hint = "did you mean %" + other + "?"
			}
			c.fail(CodeEmpty, start, name, hint, "%s is not a field", c.text[start:name])
			return
		}
		c.fail(d.Code, at+d.Range.Start, at+d.Range.End, d.Hint, "%s", d.Message)
		return
	}
	c.fail(CodeEmpty, start, start+1, "name a field, as in %evt.time; the character % itself cannot be written", "no field follows the %%")
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// operand compiles the n bytes of op at at, or the longest beginning of them that makes sense; it returns what it
// compiled and how long that is. When nothing makes sense the findings are those of the whole.
func (c *compiler) operand(op condition.Operand, at, n int) (*program.Expr, condition.Operand, int) {
	x, found := program.CompileOperand(op, c.catalogue)
	if x != nil {
		c.add(found, at)
		c.warnOpen(op, at, n)
		return x, op, n
	}
	if !isFilterOnly(found) {
		for _, short := range c.shorter(op) {
			x, warnings := program.CompileOperand(short.op, c.catalogue)
			if x == nil {
				continue
			}
			c.add(warnings, at)
			c.warnShort(at, n, short.n, found)
			return x, short.op, short.n
		}
	}
	c.failed = true
	c.add(found, at)
	return nil, op, n
}

func isFilterOnly(found []*condition.Diagnostic) bool {
	return slices.ContainsFunc(found, func(d *condition.Diagnostic) bool { return d.Code == program.CodeFilterOnly })
}

// candidate is an operand made of the first n bytes of another.
type candidate struct {
	op condition.Operand
	n  int
}

// shorter lists what op could have been without its last characters, the longest first.
func (c *compiler) shorter(op condition.Operand) []candidate {
	var out []candidate
	switch op := op.(type) {
	case *condition.Transform:
		if op.Arg != nil {
			bare := *op
			bare.Arg, bare.End = nil, op.Arg.Start-1
			out = append(out, candidate{&bare, bare.End})
		}
	case *condition.Field:
		n := len(op.Name)
		if op.Arg == nil {
			n--
		}
		for n = min(n, maxName); n >= len("a.b"); n-- {
			// Looking is much cheaper than being told what the name is near to.
			if _, _, ok := c.catalogue.Lookup(op.Name[:n]); ok {
				out = append(out, candidate{&condition.Field{Range: condition.Range{End: n}, Name: op.Name[:n]}, n})
			}
		}
	}
	return out
}

// warnOpen says that a bracket behind a field opens no argument because none closes it.
func (c *compiler) warnOpen(op condition.Operand, at, n int) {
	f, ok := op.(*condition.Field)
	if !ok || f.Arg != nil || !strings.HasPrefix(c.text[at+n:], "[") || len(c.found) >= maxFindings {
		return
	}
	c.found = append(c.found, &condition.Diagnostic{
		Code: CodeShortened, Severity: condition.SeverityWarning, Range: condition.Range{Start: at, End: at + n + 1},
		Message: fmt.Sprintf("%q is printed as the field %s and the text \"[\"", c.text[at:at+n+1], f.Name),
		Hint:    "an argument is [, a text without blanks, brackets and quotation marks or a text in quotation marks, and ]",
	})
}

// warnShort says that less than was written is taken for the field: usually a typing error.
func (c *compiler) warnShort(at, n, short int, found []*condition.Diagnostic) {
	if len(c.found) >= maxFindings {
		return
	}
	hint := ""
	if len(found) > 0 {
		hint = strings.TrimSuffix(found[0].Message+"; "+found[0].Hint, "; ")
	}
	c.found = append(c.found, &condition.Diagnostic{
		Code: CodeShortened, Severity: condition.SeverityWarning, Range: condition.Range{Start: at, End: at + n}, Hint: hint,
		Message: fmt.Sprintf("%q is printed as the field %s and the text %q", c.text[at:at+n], c.text[at:at+short], c.text[at+short:at+n]),
	})
}

// add keeps findings whose ranges count from at.
func (c *compiler) add(found []*condition.Diagnostic, at int) {
	for _, d := range found {
		e := *d
		e.Range.Start += at
		e.Range.End += at
		c.found = append(c.found, &e)
	}
}

// Append renders the template for e and appends the text to dst, as it is: control characters and bad UTF-8 are
// escaped by the writer of the alert line. The values go through v, whose memory is reused.
func (t *Template) Append(dst []byte, e *event.Event, v *event.Value) []byte {
	for i := range t.tokens {
		tok := &t.tokens[i]
		dst = append(dst, tok.literal...)
		if tok.expr == nil {
			continue
		}
		start := len(dst)
		v.Reset()
		if tok.expr.Extract(e, v) {
			dst = appendText(dst, v, tok.expr.Type(), tok.expr.List(), tok.print)
		} else {
			dst = append(dst, missing...)
		}
		dst = pad(dst, start, tok.width)
	}
	return dst
}

// pad cuts dst[start:] to width bytes or fills it with blanks; a width of 0 leaves it.
func pad(dst []byte, start, width int) []byte {
	if width == 0 {
		return dst
	}
	for len(dst) < start+width {
		dst = append(dst, ' ')
	}
	return dst[:start+width]
}

// AppendJSON appends the value of the field as JSON: integers as numbers, truth values, lists as arrays, a missing
// value as null, what is printed in hexadecimal or octal and buffers as strings, times of day as the integer of
// nanoseconds since the epoch.
func (f *Field) AppendJSON(dst []byte, e *event.Event, v *event.Value) []byte {
	if f.template != nil {
		return f.appendRendered(dst, e, v)
	}
	v.Reset()
	ok := f.use.Field.Extract(e, f.use.Arg, v)
	if !ok || f.use.Field.List && len(v.List) == 0 {
		return append(dst, "null"...)
	}
	if f.use.Field.Epoch {
		return appendInt(dst, e.Time)
	}
	return appendJSON(dst, v, f.use.Field.Type, f.use.Field.List, f.print)
}

package program

import (
	"encoding/base64"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// transform is a transformer that is applied in an expression.
type transform struct {
	name string
	// option is what getopt selects, 0 for none.
	option byte
	run    func(ev *evaluator, s *slot, buf []byte, out *event.Value) ([]byte, bool)
}

// apply computes slot i into out. Texts that it makes are in the buffer of the slot until the next event.
func (t *transform) apply(ev *evaluator, i int32, out *event.Value) bool {
	buf, ok := t.run(ev, &ev.slots[i], ev.bufs[i][:0], out)
	ev.bufs[i] = buf
	return ok
}

// transformer is a row of the table of transformers.
type transformer struct {
	// check reports arguments that do not fit and gives the result's type and shape.
	check func(c *compiler, op *condition.Transform, args []*Expr) (t event.Type, list, ok bool)
	run   func(ev *evaluator, s *slot, buf []byte, out *event.Value) ([]byte, bool)
}

// transformers is filled in by init, because checking arguments refers to it.
var transformers map[string]*transformer

func init() {
	transformers = map[string]*transformer{
		"tolower":  {checkCase, runCase(lowerByte)},
		"toupper":  {checkCase, runCase(upperByte)},
		"b64":      {checkB64, runB64},
		"basename": {checkBasename, runBasename},
		"len":      {checkLen, runLen},
		"join":     {checkJoin, runJoin},
		"concat":   {checkConcat, runJoin},
		"getopt":   {checkGetopt, runGetopt},
	}
}

// transform compiles the application of a transformer, nil after an error.
func (c *compiler) transform(op *condition.Transform) *Expr {
	t := transformers[op.Name]
	if t == nil {
		c.fail(CodeBadTransformer, op.Span(), "", "there is no transformer %s", op.Name)
		return nil
	}
	var args []*Expr
	ok := true
	for _, a := range op.Args {
		arg := c.transformArg(a)
		ok = ok && arg != nil
		args = append(args, arg)
	}
	if op.Arg != nil && op.Name != "getopt" {
		c.fail(CodeBadTransformer, op.Arg.Span(), "", "transformer %s takes no argument in brackets", op.Name)
		ok = false
	}
	if !ok {
		return nil
	}
	x := &Expr{fn: &transform{name: op.Name, run: t.run}, args: args}
	if x.typ, x.list, ok = t.check(c, op, args); !ok {
		return nil
	}
	if op.Arg != nil {
		x.list = false
		x.fn.option = op.Arg.Text[0]
	}
	x.args = flatArgs(op.Name, args)
	x.key = transformKey(x)
	return x
}

// transformArg compiles an argument of a transformer. A parenthesised list becomes an expression of its own.
func (c *compiler) transformArg(op condition.Operand) *Expr {
	g, isGroup := op.(*condition.Group)
	if !isGroup {
		x := c.operand(op)
		if x == nil {
			return nil
		}
		if x.field != nil && (x.field.NoTransform || x.Quantifier() != field.One) {
			c.fail(CodeBadTransformer, op.Span(), "", "field %s cannot be given to a transformer", x.field.Name)
			return nil
		}
		return x
	}
	list := &Expr{typ: event.TypeString, list: true, fn: &transform{name: "", run: runGroup}}
	ok := true
	for _, item := range g.Items {
		x := c.transformArg(item)
		if x == nil {
			ok = false
			continue
		}
		if x.list || x.typ.Class() != event.ClassString {
			c.fail(CodeBadTransformer, item.Span(), "", "a list holds texts, and %s is of type %s", x.describe(), x.typeName())
			ok = false
		}
		list.args = append(list.args, x)
	}
	if !ok {
		return nil
	}
	list.key = transformKey(list)
	return list
}

func transformKey(x *Expr) string {
	var b strings.Builder
	b.WriteString(x.fn.name)
	b.WriteByte('(')
	for _, a := range x.args {
		b.WriteString(a.key)
		b.WriteByte(',')
	}
	b.WriteByte(')')
	if x.fn.option != 0 {
		b.WriteByte('[')
		b.WriteByte(x.fn.option)
	}
	return b.String()
}

// arguments reports a wrong number of arguments.
func (c *compiler) arguments(op *condition.Transform, args []*Expr, want int, shape string) bool {
	if len(args) == want {
		return true
	}
	noun := "arguments"
	if want == 1 {
		noun = "argument"
	}
	c.fail(CodeBadTransformer, op.Span(), "write "+shape, "transformer %s takes %d %s, not %d", op.Name, want, noun,
		len(args))
	return false
}

// argumentType reports argument i when it is not ok.
func (c *compiler) argumentType(op *condition.Transform, args []*Expr, i int, ok bool, takes string) bool {
	if !ok {
		c.fail(CodeBadTransformer, op.Args[i].Span(), "", "transformer %s takes %s, and %s is of type %s", op.Name, takes,
			args[i].describe(), args[i].typeName())
	}
	return ok
}

func checkCase(c *compiler, op *condition.Transform, args []*Expr) (event.Type, bool, bool) {
	if !c.arguments(op, args, 1, op.Name+"(text)") {
		return 0, false, false
	}
	x := args[0]
	ok := c.argumentType(op, args, 0, x.typ.Class() == event.ClassString, "a text or a list of texts")
	return x.typ, x.list, ok
}

// runCase changes the case of ASCII letters, byte by byte.
func runCase(change func(byte) byte) func(*evaluator, *slot, []byte, *event.Value) ([]byte, bool) {
	text := func(s string, buf []byte) (string, []byte) {
		i := 0
		for i < len(s) && change(s[i]) == s[i] {
			i++
		}
		if i == len(s) {
			return s, buf
		}
		start := len(buf)
		buf = append(buf, s...)
		for ; i < len(s); i++ {
			buf[start+i] = change(s[i])
		}
		return view(buf[start:]), buf
	}
	return func(ev *evaluator, s *slot, buf []byte, out *event.Value) ([]byte, bool) {
		in := ev.value(s.args[0])
		if in == nil {
			return buf, false
		}
		if !s.list {
			out.Text, buf = text(in.Text, buf)
			return buf, true
		}
		for i := range in.List {
			// The buffer may move while it grows; texts made before stay where they were.
			out.Grow().Text, buf = text(in.List[i].Text, buf)
		}
		return buf, true
	}
}

func checkB64(c *compiler, op *condition.Transform, args []*Expr) (event.Type, bool, bool) {
	if !c.arguments(op, args, 1, "b64(text)") {
		return 0, false, false
	}
	x := args[0]
	ok := c.argumentType(op, args, 0, !x.list && (x.typ == event.TypeString || x.typ == event.TypeBytes),
		"a text or bytes")
	return x.typ, false, ok
}

// runB64 decodes base64; the padding may be left out.
func runB64(ev *evaluator, s *slot, buf []byte, out *event.Value) ([]byte, bool) {
	in := ev.value(s.args[0])
	if in == nil {
		return buf, false
	}
	text := strings.TrimRight(in.Text, "=")
	if pad := len(in.Text) - len(text); pad > 2 || pad > 0 && len(in.Text)%4 != 0 {
		return buf, false
	}
	n := base64.RawStdEncoding.DecodedLen(len(text))
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	n, err := base64.RawStdEncoding.Decode(buf[:n], bytesOf(text))
	out.Text = view(buf[:n])
	return buf, err == nil
}

func checkBasename(c *compiler, op *condition.Transform, args []*Expr) (event.Type, bool, bool) {
	if !c.arguments(op, args, 1, "basename(path)") {
		return 0, false, false
	}
	x := args[0]
	ok := c.argumentType(op, args, 0, !x.list && x.typ.Class() == event.ClassString, "a text")
	return x.typ, false, ok
}

func runBasename(ev *evaluator, s *slot, buf []byte, out *event.Value) ([]byte, bool) {
	in := ev.value(s.args[0])
	if in == nil {
		return buf, false
	}
	out.Text = in.Text[strings.LastIndexByte(in.Text, '/')+1:]
	return buf, true
}

func checkLen(c *compiler, op *condition.Transform, args []*Expr) (event.Type, bool, bool) {
	if !c.arguments(op, args, 1, "len(text)") {
		return 0, false, false
	}
	ok := c.argumentType(op, args, 0, args[0].list || isText(args[0].typ), "a text, bytes or a list")
	return event.TypeUint64, false, ok
}

func runLen(ev *evaluator, s *slot, buf []byte, out *event.Value) ([]byte, bool) {
	in := ev.value(s.args[0])
	if in == nil {
		return buf, false
	}
	out.Num = uint64(len(in.Text))
	if ev.slots[s.args[0]].list {
		out.Num = uint64(len(in.List))
	}
	return buf, true
}

func checkJoin(c *compiler, op *condition.Transform, args []*Expr) (event.Type, bool, bool) {
	if !c.arguments(op, args, 2, "join(separator, list)") {
		return 0, false, false
	}
	sep, list := args[0], args[1]
	ok := c.argumentType(op, args, 0, !sep.list && sep.typ.Class() == event.ClassString, "one text as separator")
	ok = c.argumentType(op, args, 1, list.list && list.typ.Class() == event.ClassString, "a list of texts") && ok
	return event.TypeString, false, ok
}

func checkConcat(c *compiler, op *condition.Transform, args []*Expr) (event.Type, bool, bool) {
	if len(args) < 2 {
		c.fail(CodeBadTransformer, op.Span(), "write concat(first, second, ...)",
			"transformer concat takes at least 2 arguments, not %d", len(args))
		return 0, false, false
	}
	ok := true
	for i, a := range args {
		ok = c.argumentType(op, args, i, !a.list && a.typ.Class() == event.ClassString, "texts") && ok
	}
	return event.TypeString, false, ok
}

// flatArgs brings concat(a, b) to the form of join("", (a, b)).
func flatArgs(name string, args []*Expr) []*Expr {
	if name != "concat" {
		return args
	}
	list := &Expr{typ: event.TypeString, list: true, fn: &transform{name: "", run: runGroup}, args: args}
	list.key = transformKey(list)
	return []*Expr{constantExpr(""), list}
}

// runGroup makes a list of texts out of its arguments; it is missing when one of them is.
func runGroup(ev *evaluator, s *slot, buf []byte, out *event.Value) ([]byte, bool) {
	for _, a := range s.args {
		v := ev.value(a)
		if v == nil {
			return buf, false
		}
		out.Grow().Text = v.Text
	}
	return buf, true
}

func runJoin(ev *evaluator, s *slot, buf []byte, out *event.Value) ([]byte, bool) {
	sep, list := ev.value(s.args[0]), ev.value(s.args[1])
	if sep == nil || list == nil {
		return buf, false
	}
	for i := range list.List {
		if i > 0 {
			buf = append(buf, sep.Text...)
		}
		buf = append(buf, list.List[i].Text...)
	}
	out.Text = view(buf)
	return buf, true
}

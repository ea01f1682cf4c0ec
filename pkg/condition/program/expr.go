package program

import (
	"strconv"
	"strings"
	"sync"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// Expr is a compiled operand: a field, a constant or a transformer of such. It is immutable and safe for concurrent
// use.
type Expr struct {
	typ  event.Type
	list bool
	// key is the canonical form: equal expressions have equal keys.
	key string

	// One of these three makes the expression.
	field    *field.Field
	constant *event.Value
	fn       *transform

	arg  *field.Arg // of the field
	name string     // of the field, as written
	args []*Expr    // of the transformer

	// For Extract only, set by CompileOperand.
	slots   []slot
	scratch sync.Pool
}

// Use is a field as an expression uses it.
type Use struct {
	Field *field.Field
	// Name is the field as it was written, with its argument: proc.aname[2], evt.arg.path.
	Name string
	// Arg is the compiled argument.
	Arg *field.Arg
}

// CompileOperand compiles a field or a transformer expression for use outside conditions, such as in an output
// format. It returns nil when a finding is an error.
func CompileOperand(op condition.Operand, cat *field.Catalogue) (*Expr, []*condition.Diagnostic) {
	c := &compiler{catalogue: cat, printing: true}
	x := c.operand(op)
	if c.failed() || x == nil {
		return nil, c.findings()
	}
	ids := map[string]int32{}
	internSlot(&x.slots, ids, x)
	x.scratch.New = func() any { return newEvaluator(x.slots) }
	return x, c.findings()
}

// Type is the type of the value, or of each element of a list.
func (x *Expr) Type() event.Type { return x.typ }

// List tells whether the value is a list.
func (x *Expr) List() bool { return x.list }

// Quantifier is other than field.One for a field without argument that offers several values at once; they are in
// the List of the value although List is false.
func (x *Expr) Quantifier() field.Quantifier {
	if x.field == nil || x.arg.Present {
		return field.One
	}
	return x.field.Quantifier
}

// atMost tells whether = asks for values up to the constant.
func (x *Expr) atMost() bool { return x.field != nil && x.field.AtMost }

// Fields lists the fields inside the expression in the order in which they are written.
func (x *Expr) Fields() []Use {
	if x.field != nil {
		return []Use{{Field: x.field, Name: x.name, Arg: x.arg}}
	}
	var uses []Use
	for _, a := range x.args {
		uses = append(uses, a.Fields()...)
	}
	return uses
}

// Extract takes the value of the expression from e into v and returns whether there is one. It is safe for concurrent
// use as long as each goroutine has its own event and its own v. The texts of a plain field may be views into memory
// of the source (see event.Event); those of a transformer are copies.
func (x *Expr) Extract(e *event.Event, v *event.Value) bool {
	v.Reset()
	if x.field != nil {
		return x.field.Extract(e, x.arg, v) && !(x.list && len(v.List) == 0)
	}
	ev := x.scratch.Get().(*evaluator)
	defer x.scratch.Put(ev)
	ev.Begin(e)
	r := ev.value(int32(len(x.slots) - 1))
	if r == nil {
		return false
	}
	copyValue(v, r)
	return true
}

func copyValue(dst, src *event.Value) {
	dst.Text, dst.Num, dst.Addr = strings.Clone(src.Text), src.Num, src.Addr
	for i := range src.List {
		copyValue(dst.Grow(), &src.List[i])
	}
}

// slot is the place of an expression in an evaluator. The arguments of a transformer have smaller numbers than itself.
type slot struct {
	*Expr
	args []int32
}

// internSlot gives the number of x in slots, adding it and its arguments when they are not there.
func internSlot(slots *[]slot, ids map[string]int32, x *Expr) int32 {
	if id, ok := ids[x.key]; ok {
		return id
	}
	s := slot{Expr: x}
	for _, a := range x.args {
		s.args = append(s.args, internSlot(slots, ids, a))
	}
	id := int32(len(*slots))
	*slots = append(*slots, s)
	ids[x.key] = id
	return id
}

// constantExpr is a text that does not come from the event.
func constantExpr(text string) *Expr {
	return &Expr{typ: event.TypeString, key: strconv.Quote(text), constant: &event.Value{Text: text}}
}

// describe names the expression in messages.
func (x *Expr) describe() string {
	switch {
	case x.field != nil:
		return x.name
	case x.fn != nil:
		return x.fn.name + "(...)"
	}
	return x.key
}

// typeName names type and shape in messages.
func (x *Expr) typeName() string {
	if x.list {
		return "list of " + x.typ.String()
	}
	return x.typ.String()
}

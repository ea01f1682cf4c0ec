package analysis

import (
	"strconv"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// expr is the left side of checks: a field with its argument, or a transformer expression. Equal ones are one expr.
type expr struct {
	id   int32
	name string
	typ  event.Type
	// field is nil for a transformer.
	field *field.Field
	list  bool
	quant field.Quantifier
	// always tells that every event has a value.
	always bool
	// opaque tells that nothing is known of the values, so checks on it are compared only for being the same.
	opaque bool
}

// many tells whether there can be several values at once.
func (x *expr) many() bool { return x.list || x.quant != field.One }

// alwaysPresent are fields that every event of every source has.
var alwaysPresent = map[string]bool{"evt.type": true, "evt.num": true, "evt.source": true, "evt.rawtime": true, "evt.time": true}

// exprOf gives the expr of an operand.
func (w *world) exprOf(op condition.Operand) *expr {
	x, key := w.describe(op)
	if known := w.exprs[key]; known != nil {
		return known
	}
	x.id = int32(len(w.exprs))
	w.exprs[key] = x
	return x
}

func (w *world) describe(op condition.Operand) (x *expr, key string) {
	switch op := op.(type) {
	case *condition.Field:
		f, dotArg, ok := w.catalogue.Lookup(op.Name)
		if !ok {
			return &expr{name: op.Name, opaque: true}, op.Name
		}
		x = &expr{name: shorten(condition.PrintOperand(op)), typ: f.Type, field: f, list: f.List, quant: f.Quantifier,
			always: alwaysPresent[f.Name], opaque: f.AtMost || f.Type.Class() == event.ClassParam}
		key = f.Name
		switch {
		case op.Arg != nil:
			key, x.quant = key+"["+strconv.Quote(op.Arg.Text)+"]", field.One
		case dotArg != "":
			key, x.quant = key+"["+strconv.Quote(dotArg)+"]", field.One
		}
		return x, key
	case *condition.Transform:
		compiled, _ := program.CompileOperand(op, w.catalogue)
		key = condition.PrintOperand(op)
		x = &expr{name: shorten(key), opaque: compiled == nil}
		if compiled == nil {
			return x, key
		}
		x.typ, x.list = compiled.Type(), compiled.List()
		for _, use := range compiled.Fields() {
			x.opaque = x.opaque || use.Field.Quantifier != field.One
		}
		return x, key
	}
	key = condition.PrintOperand(op)
	return &expr{name: shorten(key), opaque: true}, key
}

package program

import (
	"fmt"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// The codes of the diagnostics of this package.
const (
	CodeUnknownField      = "unknown-field"
	CodeUndefinedMacro    = "undefined-macro"
	CodeOperatorType      = "operator-type"
	CodeBadArgument       = "bad-argument"
	CodeBadConstant       = "bad-constant"
	CodeBadRegex          = "bad-regex"
	CodeBadTransformer    = "bad-transformer"
	CodeIncompatibleTypes = "incompatible-types"
	CodeUnknownEventType  = "unknown-event-type"
	CodeFilterOnly        = "filter-only"
	CodePrintOnly         = "print-only"

	// Warnings.
	CodeSimplerOperator   = "simpler-operator"
	CodeFieldAsText       = "field-as-text"
	CodeTransformerAsText = "transformer-as-text"
	CodeNumberWraps       = "number-wraps"
	CodeMatchesEverything = "matches-everything"
	CodeDeprecatedField   = "deprecated-field"

	// CodeMoreFindings tells how many findings are left out.
	CodeMoreFindings = "more-findings"
)

// longestQuote bounds how much of a foreign text a message repeats, in bytes.
const longestQuote = 80

// compiler checks one condition or operand and collects what it finds.
type compiler struct {
	catalogue *field.Catalogue
	// printing is true for an operand that is to be printed instead of compared.
	printing bool
	// known has the keys of the checks that are compiled already.
	known map[string]int32
	found []*condition.Diagnostic
	// counts are the findings by severity, those that are not told included; unseen is where the first of these is.
	counts [condition.SeverityInfo + 1]int
	unseen condition.Range
	// patterns is the length of all regular expressions so far.
	patterns int
}

// mostFindings is how many findings of one severity are told of a condition, so that nobody drowns in them.
const mostFindings = 100

// tree is a checked condition before sharing.
type tree struct {
	kind  nodeKind
	check *check
	kids  []*tree
}

func (c *compiler) failed() bool { return c.counts[condition.SeverityError] > 0 }

// full tells that another finding of the severity would not be told, so that nobody needs to think of a hint.
func (c *compiler) full(s condition.Severity) bool { return c.counts[s] >= mostFindings }

func (c *compiler) report(s condition.Severity, code string, at condition.Range, hint, format string, args ...any) {
	if c.full(s) {
		if c.unseen == (condition.Range{}) {
			c.unseen = at
		}
		c.counts[s]++
		return
	}
	c.counts[s]++
	c.found = append(c.found, &condition.Diagnostic{
		Code: code, Severity: s, Range: at, Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// findings gives what was found, with a note of what is left out.
func (c *compiler) findings() []*condition.Diagnostic {
	left := -len(c.found)
	for _, n := range c.counts {
		left += n
	}
	if left > 0 {
		c.found = append(c.found, &condition.Diagnostic{Code: CodeMoreFindings, Severity: condition.SeverityWarning, Range: c.unseen,
			Message: fmt.Sprintf("there are %d more findings in this text", left), Hint: "correct the others first"})
	}
	return c.found
}

func (c *compiler) fail(code string, at condition.Range, hint, format string, args ...any) {
	c.report(condition.SeverityError, code, at, hint, format, args...)
}

func (c *compiler) warn(code string, at condition.Range, hint, format string, args ...any) {
	c.report(condition.SeverityWarning, code, at, hint, format, args...)
}

// tree compiles n. After an error its result is not usable, but all of n has been looked at.
func (c *compiler) tree(n condition.Node) *tree {
	switch n := n.(type) {
	case *condition.And:
		return c.branch(nodeAnd, n.Terms)
	case *condition.Or:
		return c.branch(nodeOr, n.Terms)
	case *condition.Not:
		return c.branch(nodeNot, []condition.Node{n.Term})
	case *condition.Check:
		return &tree{kind: nodeCheck, check: c.check(n)}
	case *condition.Macro:
		c.fail(CodeUndefinedMacro, n.Span(), "define it before it is used, or check its spelling",
			"macro %s is not defined", n.Name)
	default:
		c.fail(CodeUndefinedMacro, condition.Range{}, "", "condition is empty")
	}
	return &tree{}
}

func (c *compiler) branch(kind nodeKind, terms []condition.Node) *tree {
	t := &tree{kind: kind}
	for _, term := range terms {
		t.kids = append(t.kids, c.tree(term))
	}
	return t
}

// operand compiles a side of a check or an argument of a transformer, nil after an error.
func (c *compiler) operand(op condition.Operand) *Expr {
	switch op := op.(type) {
	case *condition.Field:
		return c.field(op)
	case *condition.Transform:
		if op.Name == "val" {
			return c.val(op)
		}
		return c.transform(op)
	case *condition.Text:
		return constantExpr(op.Value)
	case *condition.Number:
		return constantExpr(op.Text)
	case nil:
		c.fail(CodeIncompatibleTypes, condition.Range{}, "", "operand is missing")
	default:
		c.fail(CodeIncompatibleTypes, op.Span(), "", "a list cannot stand here")
	}
	return nil
}

// val compiles val(field), which is the field.
func (c *compiler) val(op *condition.Transform) *Expr {
	if op.Arg != nil {
		c.fail(CodeBadTransformer, op.Arg.Span(), "write the argument inside: val(name[argument])",
			"val() takes no argument in brackets")
	}
	if len(op.Args) != 1 {
		c.fail(CodeBadTransformer, op.Span(), "", "val() takes one field, not %d operands", len(op.Args))
		return nil
	}
	if _, ok := op.Args[0].(*condition.Field); !ok {
		c.fail(CodeBadTransformer, op.Args[0].Span(), "", "val() takes a field")
		return nil
	}
	return c.operand(op.Args[0])
}

// field compiles a field with its argument.
func (c *compiler) field(op *condition.Field) *Expr {
	f, dotArg, ok := c.catalogue.Lookup(op.Name)
	if !ok {
		hint := ""
		if !c.full(condition.SeverityError) {
			hint = didYouMean(c.catalogue.Suggest(op.Name))
		}
		c.fail(CodeUnknownField, op.Span(), hint,
			"source %s has no field %s", c.catalogue.Source(), op.Name)
		return nil
	}
	if f.PrintOnly && !c.printing {
		c.fail(CodePrintOnly, op.Span(), "", "field %s can only be printed, not compared", f.Name)
	}
	if f.FilterOnly && c.printing {
		c.fail(CodeFilterOnly, op.Span(), "", "field %s can only be compared, not printed", f.Name)
	}
	if f.Deprecated != "" {
		c.warn(CodeDeprecatedField, op.Span(), "", "field %s is deprecated: %s", f.Name, f.Deprecated)
	}
	x := &Expr{typ: f.Type, list: f.List, field: f, name: op.Name}
	if x.arg = c.argument(f, op, dotArg); x.arg == nil {
		return nil
	}
	x.key = f.Name
	if x.arg.Present {
		x.key = fmt.Sprintf("%s[%q]", f.Name, x.arg.Text)
		if dotArg == "" {
			x.name = f.Name + "[" + x.arg.Text + "]"
		}
	}
	return x
}

// argument compiles the argument of field f, nil after an error.
func (c *compiler) argument(f *field.Field, op *condition.Field, dotArg string) *field.Arg {
	a := &field.Arg{}
	at := op.Span()
	switch {
	case op.Arg != nil && dotArg != "":
		c.fail(CodeBadArgument, op.Arg.Span(), "leave out one of them",
			"field %s has two arguments, %s and %s", f.Name, dotArg, quote(op.Arg.Text))
		return nil
	case op.Arg != nil:
		a.Present, a.Text, at = true, op.Arg.Text, op.Arg.Span()
	case dotArg != "":
		a.Present, a.Text = true, dotArg
	}
	switch {
	case a.Present && f.Need == field.ArgNone:
		c.fail(CodeBadArgument, at, "write "+f.Name, "field %s takes no argument", f.Name)
		return nil
	case !a.Present && f.Need == field.ArgRequired:
		hint := "write " + f.Name + "[" + argumentSketch(f.Form) + "]"
		if f.DotArg {
			hint = "write " + f.Name + ".NAME"
		}
		c.fail(CodeBadArgument, at, hint, "field %s needs an argument", f.Name)
		return nil
	case a.Present && !c.argumentForm(f, a, at):
		return nil
	}
	if f.Prepare != nil {
		if err := f.Prepare(a); err != nil {
			c.fail(CodeBadArgument, at, "", "argument of field %s: %v", f.Name, err)
			return nil
		}
	}
	return a
}

// argumentForm reads the text of an argument as its field wants it.
func (c *compiler) argumentForm(f *field.Field, a *field.Arg, at condition.Range) bool {
	if a.Text == "" {
		c.fail(CodeBadArgument, at, "", "argument of field %s is empty", f.Name)
		return false
	}
	if f.Form == field.FormKey {
		return true
	}
	n, err := parseIndex(a.Text)
	if err == nil {
		a.Index, a.IsIndex = n, true
	} else if f.Form == field.FormIndex {
		c.fail(CodeBadArgument, at, "", "argument of field %s: %v", f.Name, err)
		return false
	}
	return true
}

func argumentSketch(f field.Form) string {
	if f == field.FormIndex {
		return "0"
	}
	return "KEY"
}

// didYouMean makes a hint of suggested names, empty for none.
func didYouMean(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "did you mean " + strings.Join(names, " or ") + "?"
}

// quote writes foreign text for a message, cut where it is very long.
func quote(text string) string {
	if len(text) > longestQuote {
		return fmt.Sprintf("%q...", text[:longestQuote])
	}
	return fmt.Sprintf("%q", text)
}

// hasOperator tells whether op can compare a value of type t, or a list of such.
func hasOperator(op condition.Op, t event.Type, list bool) bool {
	for _, o := range operatorsOf(t, list) {
		if o == op {
			return true
		}
	}
	return false
}

// operatorsOf lists the operators for a type, in the order in which messages name them.
func operatorsOf(t event.Type, list bool) []condition.Op {
	if list {
		return listOperators
	}
	return scalarOperators[t.Class()]
}

var listOperators = []condition.Op{condition.OpExists, condition.OpIn, condition.OpIntersects}

var scalarOperators = map[event.Class][]condition.Op{
	event.ClassNumber: {condition.OpExists, condition.OpEq, condition.OpEqEq, condition.OpNe, condition.OpLt,
		condition.OpLe, condition.OpGt, condition.OpGe, condition.OpIn, condition.OpIntersects},
	event.ClassString: {condition.OpExists, condition.OpEq, condition.OpEqEq, condition.OpNe, condition.OpLt,
		condition.OpLe, condition.OpGt, condition.OpGe, condition.OpIn, condition.OpIntersects, condition.OpPMatch,
		condition.OpContains, condition.OpIContains, condition.OpStartsWith, condition.OpEndsWith, condition.OpGlob,
		condition.OpIGlob, condition.OpRegex},
	event.ClassBytes: {condition.OpExists, condition.OpEq, condition.OpEqEq, condition.OpNe, condition.OpIn,
		condition.OpIntersects, condition.OpContains, condition.OpStartsWith, condition.OpEndsWith,
		condition.OpBContains, condition.OpBStartsWith},
	event.ClassBool: equalities,
	event.ClassIP:   equalities,
	event.ClassNet:  equalities,
	// A value of ClassParam has no type of its own that constants could be converted to.
	event.ClassParam: {condition.OpExists},
}

var equalities = []condition.Op{condition.OpExists, condition.OpEq, condition.OpEqEq, condition.OpNe, condition.OpIn,
	condition.OpIntersects}

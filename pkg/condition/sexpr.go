package condition

import (
	"fmt"
	"strings"
)

// SExpr writes a tree as an s-expression, without ranges and quotation marks: two conditions mean the same to the
// parser when their s-expressions are equal. Bytes outside printable ASCII are written as \xHH.
func SExpr(n Node) string {
	var out strings.Builder
	sexprNode(&out, n)
	return out.String()
}

func sexprNode(out *strings.Builder, n Node) {
	switch n := n.(type) {
	case *And:
		sexprTerms(out, "and", n.Terms)
	case *Or:
		sexprTerms(out, "or", n.Terms)
	case *Not:
		sexprTerms(out, "not", []Node{n.Term})
	case *Macro:
		fmt.Fprintf(out, "(id %s)", n.Name)
	case *Check:
		sexprCheck(out, n)
	}
}

func sexprTerms(out *strings.Builder, name string, terms []Node) {
	out.WriteString("(" + name)
	for _, term := range terms {
		out.WriteByte(' ')
		sexprNode(out, term)
	}
	out.WriteByte(')')
}

func sexprCheck(out *strings.Builder, c *Check) {
	if c.Right == nil {
		fmt.Fprintf(out, "(unary %q ", c.Op)
	} else {
		op := string(c.Op)
		if c.Modifier != ModifierNone {
			op += " " + string(c.Modifier)
		}
		fmt.Fprintf(out, "(binary %q ", op)
	}
	sexprOperand(out, c.Left)
	if c.Right != nil {
		out.WriteByte(' ')
		sexprOperand(out, c.Right)
	}
	out.WriteByte(')')
}

func sexprOperand(out *strings.Builder, o Operand) {
	switch o := o.(type) {
	case *Field:
		out.WriteString("(field " + o.Name)
		sexprArg(out, o.Arg)
	case *Transform:
		out.WriteString("(tr " + o.Name)
		sexprOperands(out, o.Args)
		sexprArg(out, o.Arg)
	case *Text:
		out.WriteString("(val " + sexprString(o.Value))
	case *Number:
		out.WriteString("(val " + sexprString(o.Text))
	case *List:
		out.WriteString("(list")
		for _, item := range o.Items {
			out.WriteString(" " + sexprString(item.Value))
		}
	case *Group:
		out.WriteString("(tlist")
		sexprOperands(out, o.Items)
	}
	out.WriteByte(')')
}

func sexprOperands(out *strings.Builder, operands []Operand) {
	for _, operand := range operands {
		out.WriteByte(' ')
		sexprOperand(out, operand)
	}
}

func sexprArg(out *strings.Builder, arg *Arg) {
	if arg != nil {
		out.WriteString(" arg=" + sexprString(arg.Text))
	}
}

func sexprString(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			out.WriteByte('\\')
			out.WriteByte(c)
		case c < 0x20 || c > 0x7E:
			fmt.Fprintf(&out, `\x%02x`, c)
		default:
			out.WriteByte(c)
		}
	}
	out.WriteByte('"')
	return out.String()
}

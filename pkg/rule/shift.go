package rule

import "github.com/saker-security/saker/pkg/condition"

// shift moves all ranges of a tree by d.
func shift(n condition.Node, d int) {
	switch n := n.(type) {
	case *condition.And:
		move(&n.Range, d)
		for _, t := range n.Terms {
			shift(t, d)
		}
	case *condition.Or:
		move(&n.Range, d)
		for _, t := range n.Terms {
			shift(t, d)
		}
	case *condition.Not:
		move(&n.Range, d)
		shift(n.Term, d)
	case *condition.Macro:
		move(&n.Range, d)
	case *condition.Check:
		move(&n.Range, d)
		move(&n.OpRange, d)
		shiftOperand(n.Left, d)
		shiftOperand(n.Right, d)
	}
}

func shiftOperand(o condition.Operand, d int) {
	switch o := o.(type) {
	case *condition.Field:
		move(&o.Range, d)
		shiftArg(o.Arg, d)
	case *condition.Transform:
		move(&o.Range, d)
		for _, a := range o.Args {
			shiftOperand(a, d)
		}
		shiftArg(o.Arg, d)
	case *condition.Text:
		move(&o.Range, d)
	case *condition.Number:
		move(&o.Range, d)
	case *condition.List:
		move(&o.Range, d)
		for _, t := range o.Items {
			move(&t.Range, d)
		}
	case *condition.Group:
		move(&o.Range, d)
		for _, i := range o.Items {
			shiftOperand(i, d)
		}
	}
}

func shiftArg(a *condition.Arg, d int) {
	if a != nil {
		move(&a.Range, d)
	}
}

func move(r *condition.Range, d int) {
	r.Start += d
	r.End += d
}

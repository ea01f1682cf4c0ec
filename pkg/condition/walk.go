package condition

// Walk calls visit for n and, as long as visit answers true, for the terms below it, from left to right.
func Walk(n Node, visit func(Node) bool) {
	if !visit(n) {
		return
	}
	for _, term := range terms(n) {
		Walk(term, visit)
	}
}

func terms(n Node) []Node {
	switch n := n.(type) {
	case *And:
		return n.Terms
	case *Or:
		return n.Terms
	case *Not:
		return []Node{n.Term}
	}
	return nil
}

// WalkOperands calls visit for every operand of every check in n, from left to right, and, as long as visit answers
// true, for the operands inside it: arguments of transformers, items of lists and groups.
func WalkOperands(n Node, visit func(Operand) bool) {
	Walk(n, func(n Node) bool {
		if check, ok := n.(*Check); ok {
			WalkOperand(check.Left, visit)
			WalkOperand(check.Right, visit)
		}
		return true
	})
}

// WalkOperand does what WalkOperands does for one operand. A nil operand is skipped.
func WalkOperand(o Operand, visit func(Operand) bool) {
	if o == nil || !visit(o) {
		return
	}
	switch o := o.(type) {
	case *Transform:
		for _, arg := range o.Args {
			WalkOperand(arg, visit)
		}
	case *Group:
		for _, item := range o.Items {
			WalkOperand(item, visit)
		}
	case *List:
		for _, item := range o.Items {
			WalkOperand(item, visit)
		}
	}
}

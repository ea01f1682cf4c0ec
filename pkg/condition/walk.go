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

// Rewrite gives a copy of n in which change was applied to every macro and every check; what change returns is put in
// the place of its argument, and not rewritten again. Trees are shared where nothing changed, and n itself is never
// modified: change must return a new node rather than modify its argument.
//
// A condition that takes the place of a macro stays a term of its own: an And within an And is not flattened, as if it
// were written in parentheses.
func Rewrite(n Node, change func(Node) Node) Node {
	switch n := n.(type) {
	case *And:
		if terms, changed := rewriteTerms(n.Terms, change); changed {
			return &And{Range: n.Range, Terms: terms}
		}
	case *Or:
		if terms, changed := rewriteTerms(n.Terms, change); changed {
			return &Or{Range: n.Range, Terms: terms}
		}
	case *Not:
		if term := Rewrite(n.Term, change); term != n.Term {
			return &Not{Range: n.Range, Term: term}
		}
	default:
		return change(n)
	}
	return n
}

func rewriteTerms(terms []Node, change func(Node) Node) (rewritten []Node, changed bool) {
	for i, term := range terms {
		replaced := Rewrite(term, change)
		if replaced != term && !changed {
			rewritten = append([]Node(nil), terms...)
			changed = true
		}
		if changed {
			rewritten[i] = replaced
		}
	}
	return rewritten, changed
}

// ExpandItems gives a copy of check in which every string of its list is replaced by what expand gives for it, and so
// is a name in place of a list, which thereby becomes a list. Where expand gives nil the string stays; an empty slice
// removes it. A check in which nothing changes is returned as it is.
func ExpandItems(check *Check, expand func(*Text) []*Text) *Check {
	switch right := check.Right.(type) {
	case *List:
		if items, changed := expandAll(right.Items, expand); changed {
			expanded := *check
			expanded.Right = &List{Range: right.Range, Items: items}
			return &expanded
		}
	case *Text:
		if right.Quote != 0 || !check.takesList() {
			return check
		}
		if items := expand(right); items != nil {
			expanded := *check
			expanded.Right = &List{Range: right.Range, Items: items}
			return &expanded
		}
	}
	return check
}

// takesList tells whether the check compares with a list, so that a bare string in its place is the name of one.
func (c *Check) takesList() bool {
	return c.Modifier != ModifierNone || c.Op == OpIn || c.Op == OpIntersects || c.Op == OpPMatch
}

func expandAll(items []*Text, expand func(*Text) []*Text) (expanded []*Text, changed bool) {
	for i, item := range items {
		replacement := expand(item)
		if replacement != nil && !changed {
			expanded = append(make([]*Text, 0, len(items)), items[:i]...)
			changed = true
		}
		switch {
		case replacement != nil:
			expanded = append(expanded, replacement...)
		case changed:
			expanded = append(expanded, item)
		}
	}
	return expanded, changed
}

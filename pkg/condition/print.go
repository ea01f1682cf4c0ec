package condition

import "strings"

// Print writes a tree as text in one line that parses to the same tree. Strings keep their quotation marks; a bare
// string that could not stand bare gets some. Trees that no text parses to, such as those in which macros were replaced,
// come out as text that means the same.
func Print(n Node) string {
	var out strings.Builder
	printNode(&out, n)
	return out.String()
}

// PrintOperand writes one side of a check, such as toupper(proc.name).
func PrintOperand(o Operand) string {
	var out strings.Builder
	printOperand(&out, o)
	return out.String()
}

func printNode(out *strings.Builder, n Node) {
	switch n := n.(type) {
	case *And:
		printTerms(out, n.Terms, " and ", inAnd)
	case *Or:
		printTerms(out, n.Terms, " or ", inOr)
	case *Not:
		out.WriteString("not ")
		printGrouped(out, n.Term, inNot(n.Term))
	case *Macro:
		printMacro(out, n)
	case *Check:
		printCheck(out, n)
	}
}

// inAnd tells whether a term of an And needs parentheses: an And as well, or it would be flattened.
func inAnd(n Node) bool {
	switch n.(type) {
	case *And, *Or:
		return true
	}
	return false
}

func inOr(n Node) bool {
	_, or := n.(*Or)
	return or
}

func inNot(n Node) bool {
	switch n.(type) {
	case *And, *Or, *Not:
		return true
	}
	return false
}

func printTerms(out *strings.Builder, terms []Node, glue string, group func(Node) bool) {
	for i, term := range terms {
		if i > 0 {
			out.WriteString(glue)
		}
		printGrouped(out, term, group(term))
	}
}

func printGrouped(out *strings.Builder, n Node, group bool) {
	if !group {
		printNode(out, n)
		return
	}
	out.WriteByte('(')
	printNode(out, n)
	out.WriteByte(')')
}

// printMacro writes a name. One that is "not" would negate what follows, if it stood without parentheses.
func printMacro(out *strings.Builder, m *Macro) {
	if m.Name == "not" {
		out.WriteString("(not)")
		return
	}
	out.WriteString(m.Name)
}

func printCheck(out *strings.Builder, c *Check) {
	printOperand(out, c.Left)
	out.WriteString(" " + string(c.Op))
	if c.Right == nil {
		return
	}
	out.WriteByte(' ')
	wantsList := c.Op == OpIn || c.Op == OpIntersects || c.Op == OpPMatch
	if c.Modifier != ModifierNone {
		out.WriteString(string(c.Modifier) + " ")
		wantsList = true
	}
	if text, ok := c.Right.(*Text); ok && wantsList {
		printListName(out, text, c.Modifier != ModifierNone)
		return
	}
	printOperand(out, c.Right)
}

// printListName writes a text in place of a list. One that is no identifier is written as a list of itself.
func printListName(out *strings.Builder, text *Text, modified bool) {
	keyword := text.Value == "and" || text.Value == "or" || text.Value == "not"
	if text.Quote == 0 && isIdentifier(text.Value) && !(modified && keyword) {
		out.WriteString(text.Value)
		return
	}
	printList(out, []*Text{text})
}

func printOperand(out *strings.Builder, o Operand) {
	switch o := o.(type) {
	case *Field:
		out.WriteString(o.Name)
		printArg(out, o.Arg)
	case *Transform:
		out.WriteString(o.Name + "(")
		printArguments(out, o.Args)
		out.WriteByte(')')
		printArg(out, o.Arg)
	case *Text:
		printText(out, o)
	case *Number:
		out.WriteString(o.Text)
	case *List:
		printList(out, o.Items)
	case *Group:
		out.WriteByte('(')
		printArguments(out, o.Items)
		out.WriteByte(')')
	}
}

func printText(out *strings.Builder, t *Text) {
	if t.Quote == 0 && isBare(t.Value) {
		out.WriteString(t.Value)
		return
	}
	out.WriteString(quoted(t.Value, t.Quote))
}

func printList(out *strings.Builder, items []*Text) {
	out.WriteByte('(')
	for i, item := range items {
		if i > 0 {
			out.WriteString(", ")
		}
		printText(out, item)
	}
	out.WriteByte(')')
}

// printArguments writes what stands in the parentheses of a transformer, where strings are always quoted.
func printArguments(out *strings.Builder, operands []Operand) {
	for i, operand := range operands {
		if i > 0 {
			out.WriteString(", ")
		}
		if text, ok := operand.(*Text); ok {
			out.WriteString(quoted(text.Value, text.Quote))
			continue
		}
		printOperand(out, operand)
	}
}

func printArg(out *strings.Builder, arg *Arg) {
	if arg == nil {
		return
	}
	text := arg.Text
	if arg.Quote != 0 || text == "" || strings.ContainsAny(text, "[]\"' \t\r\n\v\f") {
		text = quoted(text, arg.Quote)
	}
	out.WriteString("[" + text + "]")
}

// isBare tells whether a string can be written without quotation marks. A backspace could, but not at its beginning,
// and no reader would see it.
func isBare(s string) bool { return s != "" && !strings.ContainsAny(s, "()\"'=, \t\b\r\n\v\f") }

// isIdentifier tells whether s can be the name of a list or a macro.
func isIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isLetter(c) && (i == 0 || !isDigit(c) && c != '_') {
			return false
		}
	}
	return s != ""
}

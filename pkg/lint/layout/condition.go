package layout

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/condition"
)

// condition gives the lines of a key with a condition: plain where it is short, in a folded block with a term on each
// line where it is long or its author broke it.
func (p *printer) condition(key string, n *yaml.Node, indent, width int) []string {
	tree, appended := p.conditions.read(n.Value)
	if tree == nil {
		p.fail("it has a condition that cannot be read")
		return nil
	}
	one := printed(tree)
	lines := terms(tree, width-2)
	if isEnclosed(n.Value, tree) {
		one, lines = "("+one+")", enclosed("", terms(tree, width-4))
	}
	if appended {
		one = strings.TrimPrefix(one, subject+" ")
		lines = lines[1:]
	}
	if strings.Contains(one, `\x`) && !strings.Contains(n.Value, `\x`) {
		p.fail("it has a text that ends with a backslash in a condition")
	}
	if len(lines) == 1 || !p.severalLines(n, indent) {
		if columns(key)+1+columns(one) <= width && isWord(one) && isPlain(one, "!!str", false) {
			return []string{key + " " + one}
		}
	}
	return append([]string{key + " >"}, indented(lines)...)
}

// isEnclosed tells whether an or stands in parentheses of its own. They are kept: what is appended to the condition
// later, perhaps in another file, binds differently without them.
func isEnclosed(text string, tree condition.Node) bool {
	text = strings.Trim(text, " \t\n\r")
	if _, ok := tree.(*condition.Or); !ok || !strings.HasPrefix(text, "(") || !strings.HasSuffix(text, ")") {
		return false
	}
	inner, d := condition.Parse(text[1 : len(text)-1])
	return d == nil && condition.SExpr(inner) == condition.SExpr(tree)
}

// severalLines tells whether a text is written on more than one line.
func (p *printer) severalLines(n *yaml.Node, indent int) bool {
	if n.Style&blockStyle == 0 {
		at := p.doc.Offset(n)
		end := at
		if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			end = p.doc.QuotedEnd(at)
		} else {
			for _, word := range strings.Fields(n.Value) {
				end += strings.Index(p.doc.Text[end:], word) + len(word)
			}
		}
		return strings.Contains(p.doc.Text[at:end], "\n")
	}
	lines, _, _ := p.doc.Block(n, indent-1)
	count := 0
	for _, line := range lines {
		if strings.TrimSpace(line) != "" {
			count++
		}
	}
	return count > 1
}

// subject stands for the condition to which another one is appended.
const subject = "x"

// parse reads a condition, or one that begins with and or or because it is appended to another: it is then read with a
// subject before it, and only if that is one of its terms.
func parse(text string) (tree condition.Node, appended bool) {
	if tree, d := condition.Parse(text); d == nil {
		return tree, false
	}
	tree, d := condition.Parse(subject + " " + text)
	if d != nil {
		return nil, false
	}
	var first condition.Node
	switch tree := tree.(type) {
	case *condition.And:
		first = tree.Terms[0]
	case *condition.Or:
		first = tree.Terms[0]
	}
	if m, ok := first.(*condition.Macro); !ok || m.Name != subject {
		return nil, false
	}
	return tree, true
}

// printed gives a condition on one line. Parentheses stand where the grammar needs them, and around and inside of or.
func printed(n condition.Node) string {
	switch n := n.(type) {
	case *condition.And:
		return joined(n.Terms, " and ")
	case *condition.Or:
		return joined(n.Terms, " or ")
	case *condition.Not:
		return "not " + grouped(n.Term)
	}
	return condition.Print(n)
}

func joined(all []condition.Node, glue string) string {
	parts := make([]string, len(all))
	for i, n := range all {
		parts[i] = grouped(n)
	}
	return strings.Join(parts, glue)
}

// grouped gives a part of a larger condition.
func grouped(n condition.Node) string {
	switch n := n.(type) {
	case *condition.And, *condition.Or:
		return "(" + printed(n) + ")"
	case *condition.Not:
		if _, ok := n.Term.(*condition.Not); ok {
			return "(" + printed(n) + ")"
		}
	}
	return printed(n)
}

// terms gives a condition with each term of its outermost and or or on a line of its own.
func terms(n condition.Node, width int) []string {
	switch n := n.(type) {
	case *condition.And:
		return each(n.Terms, "and ", width)
	case *condition.Or:
		return each(n.Terms, "or ", width)
	}
	return broken(n, width)
}

func each(all []condition.Node, glue string, width int) []string {
	var lines []string
	for i, n := range all {
		if i == 0 {
			lines = broken(n, width)
			continue
		}
		part := broken(n, width-len(glue))
		part[0] = glue + part[0]
		lines = append(lines, part...)
	}
	return lines
}

// broken gives a term on one line, or on several if it is too long.
func broken(n condition.Node, width int) []string {
	one := grouped(n)
	if columns(one) <= width {
		return []string{one}
	}
	switch n := n.(type) {
	case *condition.And, *condition.Or:
		return enclosed("", terms(n, width-2))
	case *condition.Not:
		switch n.Term.(type) {
		case *condition.And, *condition.Or:
			return enclosed("not ", terms(n.Term, width-2))
		case *condition.Check:
			lines := broken(n.Term, width-4)
			lines[0] = "not " + lines[0]
			return lines
		}
	case *condition.Check:
		if list, ok := n.Right.(*condition.List); ok && len(list.Items) > 1 {
			return enclosed(before(n), filled(list.Items, width-2))
		}
	}
	return []string{one}
}

// before gives what stands before the list of a check.
func before(n *condition.Check) string {
	text := condition.PrintOperand(n.Left) + " " + string(n.Op) + " "
	if n.Modifier != condition.ModifierNone {
		text += string(n.Modifier) + " "
	}
	return text
}

func enclosed(prefix string, lines []string) []string {
	return append(append([]string{prefix + "("}, indented(lines)...), ")")
}

// filled gives the items of a list, as many on each line as there is room for.
func filled(items []*condition.Text, width int) []string {
	var lines []string
	line := ""
	for i, item := range items {
		text := condition.PrintOperand(item)
		if i+1 < len(items) {
			text += ","
		}
		if line != "" && columns(line)+1+columns(text) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += text
	}
	return append(lines, line)
}

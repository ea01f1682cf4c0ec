package rule_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/rule"
)

// textual makes conditions as Falco does: the items of lists and the values of exceptions are put into the text of a
// condition before it is parsed. It knows plain definitions and appended lists and conditions only.
type textual struct {
	clock  int
	lists  []*textItem
	macros []*textItem
	rules  []*textItem
}

// textItem is an item of a rules file.
type textItem struct {
	List, Macro, Rule string
	Items             []string
	Condition         string
	Source            string
	Enabled           *bool
	Append            bool
	Override          map[string]string
	Exceptions        []textException
	index, visible    int
	items             []string // with the lists put in that Falco puts in before all else
	tree              condition.Node
}

type textException struct {
	Name          string
	Fields, Comps any
	Values        []any
}

// readTextual collects the items of files.
func readTextual(files []string) (*textual, error) {
	t := &textual{}
	for _, file := range files {
		var items []*textItem
		if err := yaml.Load([]byte(file), &items); err != nil && strings.TrimSpace(file) != "" {
			return nil, err
		}
		for _, item := range items {
			if item == nil {
				continue
			}
			switch {
			case item.List != "":
				t.lists = t.collect(t.lists, item)
			case item.Macro != "":
				t.macros = t.collect(t.macros, item)
			case item.Rule != "":
				t.rules = t.collect(t.rules, item)
			}
		}
	}
	return t, nil
}

func (item *textItem) name() string { return item.List + item.Macro + item.Rule }

func (t *textual) collect(all []*textItem, item *textItem) []*textItem {
	item.index, item.visible = t.clock, t.clock
	t.clock++
	old := named(all, item.name())
	switch {
	case old == nil:
		return append(all, item)
	case item.Append || len(item.Override) > 0 || item.Rule != "" && item.Condition == "":
		old.change(item)
	default:
		item.index = old.index
		*old = *item
	}
	return all
}

// change adds an item to the one of the same name, or puts parts of it in the place of others.
func (item *textItem) change(by *textItem) {
	item.visible = by.visible
	if by.Enabled != nil {
		item.Enabled = by.Enabled
	}
	if by.Override["items"] == "replace" {
		item.Items = nil
	}
	item.Items = append(item.Items, by.Items...)
	if by.Override["condition"] == "replace" {
		item.Condition = ""
	}
	if by.Condition != "" {
		item.Condition += " " + by.Condition
	}
	if by.Override["exceptions"] == "replace" {
		item.Exceptions = nil
	}
	for _, e := range by.Exceptions {
		same := func(old textException) bool { return old.Name == e.Name }
		if i := slices.IndexFunc(item.Exceptions, same); i >= 0 {
			item.Exceptions[i].Values = append(item.Exceptions[i].Values, e.Values...)
		} else {
			item.Exceptions = append(item.Exceptions, e)
		}
	}
}

// conditions gives the condition of each rule, or the first error.
func (t *textual) conditions() (map[string]condition.Node, error) {
	for _, l := range t.lists {
		l.items = nil
		for _, item := range l.Items {
			inner := named(t.lists, item)
			if inner == nil || inner.index >= l.visible {
				l.items = append(l.items, item)
				continue
			}
			l.items = append(l.items, inner.Items...)
		}
	}
	for _, m := range t.macros {
		var err error
		if m.tree, err = t.parse(m.Condition); err != nil {
			return nil, err
		}
	}
	trees := map[string]condition.Node{}
	for _, r := range t.rules {
		tree, err := t.parse(r.withExceptions())
		if err != nil {
			return nil, err
		}
		if trees[r.Rule], err = t.withMacros(tree, 0); err != nil {
			return nil, err
		}
	}
	return trees, nil
}

func named(all []*textItem, name string) *textItem {
	for _, item := range all {
		if item.name() == name {
			return item
		}
	}
	return nil
}

func (t *textual) parse(text string) (condition.Node, error) {
	for _, l := range t.lists {
		text = substitute(text, l.List, l.items)
	}
	n, d := condition.Parse(text)
	if d != nil {
		return nil, d
	}
	return n, nil
}

const (
	textBlanks = " \t\n\r"
	textEnds   = textBlanks + "(),="
)

// substitute puts the items of a list in the place of each of its names.
func substitute(text, name string, items []string) string {
	list := ""
	for _, item := range items {
		if list != "" {
			list += ", "
		}
		list += textQuoted(item)
	}
	for from := 0; from < len(text); {
		at := strings.Index(text[from:], name)
		if at < 0 {
			break
		}
		start, end := from+at, from+at+len(name)
		if start > 0 && !strings.Contains(textEnds, text[start-1:start]) || end < len(text) && !strings.Contains(textEnds, text[end:end+1]) {
			from = start + 1
			continue
		}
		before, after := strings.TrimRight(text[:start], textBlanks), strings.TrimLeft(text[end:], textBlanks)
		if list == "" && strings.HasSuffix(before, ",") {
			before = strings.TrimSuffix(before, ",")
		} else if list == "" {
			after = strings.TrimPrefix(after, ",")
		}
		if before != "" {
			before += " "
		}
		text = before + list + " " + after
		from = len(before) + len(list) + 1
	}
	return text
}

func textQuoted(item string) string {
	if strings.Contains(item, " ") && item[0] != '"' && item[0] != '\'' {
		return `"` + item + `"`
	}
	return item
}

// withExceptions writes the exceptions behind the condition.
func (item *textItem) withExceptions() string {
	if len(item.Exceptions) == 0 {
		return item.Condition
	}
	text := "(" + item.Condition + ")"
	for _, e := range item.Exceptions {
		var rows []string
		fields, many := e.Fields.([]any)
		for _, v := range e.Values {
			if !many {
				rows = append(rows, textQuoted(fmt.Sprint(v)))
				continue
			}
			values, _ := v.([]any)
			comps, given := e.Comps.([]any)
			if len(values) != len(fields) || given && len(comps) != len(fields) {
				return "" // an error
			}
			var terms []string
			for i, f := range fields {
				comp := "="
				if given {
					comp = fmt.Sprint(comps[i])
				}
				terms = append(terms, fmt.Sprintf("%v %s %s", f, comp, textValue(comp, values[i])))
			}
			rows = append(rows, "("+strings.Join(terms, " and ")+")")
		}
		switch comp := e.Comps; {
		case len(rows) == 0:
		case many:
			text += " and not (" + strings.Join(rows, " or ") + ")"
		default:
			if comp == nil {
				comp = "in"
			}
			text += fmt.Sprintf(" and not (%v %v (%s))", e.Fields, comp, strings.Join(rows, ", "))
		}
	}
	return text
}

// textValue writes the value that is compared by an operator.
func textValue(comp string, v any) string {
	if list, ok := v.([]any); ok {
		var items []string
		for _, item := range list {
			items = append(items, textQuoted(fmt.Sprint(item)))
		}
		return "(" + strings.Join(items, ", ") + ")"
	}
	text := fmt.Sprint(v)
	switch {
	case comp != "in" && comp != "intersects" && comp != "pmatch" && !strings.HasSuffix(comp, "of"):
		return textQuoted(text)
	case strings.HasPrefix(text, "("):
		return text
	}
	return "(" + text + ")"
}

// withMacros puts the trees of macros in the place of their names.
func (t *textual) withMacros(n condition.Node, depth int) (condition.Node, error) {
	terms := func(in []condition.Node) (out []condition.Node, err error) {
		for _, n := range in {
			term, err := t.withMacros(n, depth)
			if err != nil {
				return nil, err
			}
			out = append(out, term)
		}
		return out, nil
	}
	switch n := n.(type) {
	case *condition.And:
		out, err := terms(n.Terms)
		return &condition.And{Terms: out}, err
	case *condition.Or:
		out, err := terms(n.Terms)
		return &condition.Or{Terms: out}, err
	case *condition.Not:
		out, err := terms([]condition.Node{n.Term})
		if err != nil {
			return nil, err
		}
		return &condition.Not{Term: out[0]}, nil
	case *condition.Macro:
		m := named(t.macros, n.Name)
		if m == nil || depth > 10 {
			return nil, fmt.Errorf("macro %s", n.Name)
		}
		return t.withMacros(m.tree, depth+1)
	}
	return n, nil
}

// TestTextual: conditions are those that Falco makes of the text, as long as no text can be taken for syntax.
func TestTextual(t *testing.T) {
	for seed := range uint64(400) {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		files := g.files()
		falco, err := readTextual(files)
		if err != nil {
			t.Fatal(err)
		}
		want, err := falco.conditions()
		if err != nil {
			t.Fatalf("%v in\n%s", err, strings.Join(files, "---\n"))
		}
		set, found := languageOptions.Load(filesOf(files), languageCatalogues)
		if rule.HasErrors(found) {
			t.Fatalf("%v in\n%s", codes(found), strings.Join(files, "---\n"))
		}
		for _, r := range set.Rules {
			if got, want := condition.SExpr(r.Node), condition.SExpr(want[r.Name]); got != want {
				t.Fatalf("seed %d, rule %s\n got %s\nwant %s\n%s", seed, r.Name, got, want, strings.Join(files, "---\n"))
			}
		}
	}
}

// generator writes rules files at random.
type generator struct{ *rand.Rand }

func (g generator) one(of ...string) string { return of[g.IntN(len(of))] }

// some gives up to n texts that make gives.
func (g generator) some(n int, make func() string) string {
	var all []string
	for range g.IntN(n) + 1 {
		all = append(all, make())
	}
	return strings.Join(all, ", ")
}

func (g generator) item() string {
	return g.one("a", "b", "/x/y", "5", "-1", "'*'", "a.b", "a-b", "'x y'", `'"p q"'`, "é", "a;b")
}

// files writes lists that hold others at most one level deep, macros, and rules with exceptions.
func (g generator) files() []string {
	var b strings.Builder
	items := func() string { return g.some(4, g.item) }
	lists := []string{"l0", "l1", "l2", "l-3", "l4"}
	fmt.Fprintf(&b, "- list: l0\n  items: [%s]\n- list: l1\n  items: [%s]\n", items(), items())
	fmt.Fprintf(&b, "- list: l2\n  items: [%s, %s]\n- list: l-3\n  items: [%s]\n", g.one("l0", "l1", "l4"), items(), g.one("", items()))
	fmt.Fprintf(&b, "- list: l4\n  items: [%s]\n", items())
	if g.IntN(2) == 0 {
		fmt.Fprintf(&b, "- list: l4\n  items: [%s, %s]\n  override: {items: %s}\n", items(), g.one("l0", "l1", "b"), g.one("append", "replace"))
	}
	macros := []string{}
	for i := range 3 {
		name := fmt.Sprintf("m%d", i)
		fmt.Fprintf(&b, "- macro: %s\n  condition: %s\n", name, g.text(2, lists, macros))
		macros = append(macros, name)
	}
	if g.IntN(3) == 0 {
		fmt.Fprintf(&b, "- macro: m0\n  condition: or %s\n  override: {condition: append}\n", g.text(1, lists, nil))
	}
	for i := range 2 {
		fmt.Fprintf(&b, "- rule: r%d\n  desc: d\n  output: x\n  priority: INFO\n  source: tsrc\n  condition: %s\n", i, g.text(3, lists, macros))
		if g.IntN(2) == 0 {
			b.WriteString("  exceptions:\n" + g.exception("e", lists) + g.one("", g.exception("f", lists)))
		}
	}
	files := []string{b.String()}
	if g.IntN(3) == 0 {
		files = append(files, fmt.Sprintf("- list: l1\n  items: [%s]\n  override: {items: append}\n- rule: r0\n  condition: and %s\n  override: {condition: append}\n",
			items(), g.text(1, lists, macros)))
	}
	return files
}

// text writes a condition.
func (g generator) text(depth int, lists, macros []string) string {
	if depth == 0 || g.IntN(4) == 0 {
		return g.check(lists, macros)
	}
	term := func() string { return g.text(depth-1, lists, macros) }
	switch g.IntN(5) {
	case 0:
		return "not " + g.check(lists, macros)
	case 1:
		return "(" + term() + ")"
	case 2:
		return "(" + term() + ") and not (" + term() + ")"
	case 3:
		return term() + " or " + term()
	}
	return term() + " and " + term()
}

func (g generator) check(lists, macros []string) string {
	if len(macros) > 0 && g.IntN(3) == 0 {
		return g.one(macros...)
	}
	word := func() string { return g.one("a", "/x", g.one(lists...), g.one(lists...)) }
	blank := func() string { return g.one("", "", " ") }
	list := func() string {
		return "(" + blank() + strings.ReplaceAll(g.some(3, word), ", ", blank()+","+blank()) + blank() + ")"
	}
	switch g.IntN(4) {
	case 0:
		return g.one("t.str", "tolower(t.str)", "t.key[l0]") + g.one(" = ", "=", " != ", " contains ") + g.one("a", "'b c'", "l9")
	case 1:
		return "t.strs " + g.one("in ", "intersects ", "in") + list()
	case 2:
		return "t.str " + g.one("startswith", "=", "glob") + " " + g.one("anyof", "oneof") + " " + list()
	}
	return g.one("t.str in ", "t.str pmatch ") + list()
}

// exception writes one exception.
func (g generator) exception(name string, lists []string) string {
	value := func() string { return g.one("a", "'x y'", "/x/y", `'"p q"'`) }
	many := func() string { return g.one(value(), g.one(lists[0], lists[1])) }
	if g.IntN(2) == 0 {
		return fmt.Sprintf("  - {name: %s, fields: t.str%s, values: [%s]}\n", name, g.one("", ", comps: pmatch", ", comps: startswith anyof"), g.some(3, many))
	}
	row := func() string { return fmt.Sprintf("[%s, [%s]]", value(), g.some(2, many)) }
	return fmt.Sprintf("  - {name: %s, fields: [%s, t.str2], comps: [%s, in], values: [%s]}\n", name, g.one("t.str", "toupper(t.str)"), g.one("'='", "contains", "'!='"), g.some(3, row))
}

package analysis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// atom is a check as the reasoning sees it: a predicate that is put to the values of an expr. Checks that mean the
// same are one atom.
type atom struct {
	id int32
	x  *expr
	// first is a check that the atom was made of.
	first *condition.Check
	// exists asks for a value only; opaque says that nothing is known but that a value is needed.
	exists, opaque bool
	// every tells that of an expr with many values each must fulfil the predicate, not just one.
	every bool
	// equals tells that the check asks for one of values, or with excluded for none of them.
	equals, excluded bool
	values           []event.Value
	texts            map[string]struct{} // the values, where they are texts
	// patterns are the parts of a check on texts of which one must fit.
	patterns []pattern
	// probes are values that show all that a check on numbers or addresses can do: between two of them that are
	// neighbours nothing changes.
	probes []event.Value
	// id of the check in the program that is put to single values.
	id1 program.ID
}

// literal is an atom or its negation. A missing value fulfils a negation.
type literal struct {
	*atom
	not bool
	// check is where it is written.
	check *condition.Check
}

func (l literal) negated() literal { return literal{l.atom, !l.not, l.check} }

// same tells whether l and k mean the same, wherever they are written.
func (l literal) same(k literal) bool { return l.atom == k.atom && l.not == k.not }

// forbids tells whether a present value must not be one of the atom's values, wants that it must be one.
func (l literal) wants() bool   { return l.equals && l.excluded == l.not }
func (l literal) forbids() bool { return l.equals && l.excluded != l.not }

// every tells which values of an expr with many the literal is about.
func (l literal) forEvery() bool { return l.atom.every != l.not }

// String writes the literal as a condition.
func (l literal) String() string {
	text := condition.Print(l.check)
	if l.not {
		text = "not " + text
	}
	return shorten(text)
}

// longestQuote bounds how much of a condition a message repeats, in bytes.
const longestQuote = 80

// shorten cuts a text that is long and escapes what would not show as it is.
func shorten(text string) string {
	end := ""
	if len(text) > longestQuote {
		text, end = text[:longestQuote], "…"
	}
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "") {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String() + end
}

// never is the answer of atomOf for a check that no value fulfils because it has nothing to compare with.
var never = &atom{}

// atomOf gives the atom of a check.
func (w *world) atomOf(n *condition.Check) *atom {
	x := w.exprOf(n.Left)
	a := &atom{x: x, first: n, id1: program.None}
	op, texts, plain := canonical(n)
	var key string
	switch {
	case n.Op == condition.OpExists:
		a.exists, key = true, "exists"
	case !plain || x.opaque:
		a.opaque, key = true, condition.Print(n)
	case len(texts) == 0:
		return never
	default:
		key = fmt.Sprintf("%s %s %q", op, n.Modifier, texts)
		if op == condition.OpIn && !x.list {
			key = fmt.Sprintf("in %q", texts)
		}
	}
	key = fmt.Sprintf("%d %s", x.id, key)
	if known := w.atomKeys[key]; known != nil {
		return known
	}
	a.id = int32(len(w.atoms))
	w.atomKeys[key] = a
	w.atoms = append(w.atoms, a)
	if !a.exists && !a.opaque {
		a.understand(op, texts)
		w.prepare(a)
	}
	return a
}

// canonical gives the operator of a check with constants, the same for several spellings of one meaning, and its
// constants in order. plain is false when there is something else than constants on the right.
func canonical(n *condition.Check) (op condition.Op, texts []string, plain bool) {
	op = n.Op
	switch right := n.Right.(type) {
	case *condition.Text:
		texts = []string{right.Value}
	case *condition.Number:
		texts = []string{right.Text}
	case *condition.List:
		for _, item := range right.Items {
			texts = append(texts, item.Value)
		}
	default:
		return op, nil, false
	}
	if n.Modifier != condition.ModifierOneOf {
		slices.Sort(texts)
		texts = slices.Compact(texts)
	}
	anyOf := n.Modifier == condition.ModifierNone || n.Modifier == condition.ModifierAnyOf || len(texts) == 1
	if (op == condition.OpEq || op == condition.OpEqEq) && anyOf {
		op = condition.OpIn
	}
	return op, texts, true
}

// understand takes the predicate apart as far as the reasoning can use it.
func (a *atom) understand(op condition.Op, texts []string) {
	x, modifier := a.x, a.first.Modifier
	anyOf := modifier == condition.ModifierNone || modifier == condition.ModifierAnyOf || len(texts) == 1
	switch {
	case op == condition.OpIn || op == condition.OpIntersects:
		a.equals = x.typ.Class() != event.ClassNet
		a.every = x.list && op == condition.OpIn
	case op == condition.OpNe:
		a.every = x.quant == field.Ends
		a.equals = x.typ.Class() != event.ClassNet && (modifier != condition.ModifierAnyOf && modifier != condition.ModifierOneOf || len(texts) == 1)
		a.excluded = a.equals
	case isText(x.typ) && anyOf && len(texts) <= maxPatterns:
		for _, t := range texts {
			a.patterns = append(a.patterns, newPattern(op, t))
		}
	}
	if isText(x.typ) {
		if a.equals {
			a.texts = map[string]struct{}{}
			for _, t := range texts {
				a.texts[t] = struct{}{}
				a.values = append(a.values, event.Value{Text: t})
			}
		}
		return
	}
	values, probes, ok := probesOf(x.typ, texts)
	if !ok {
		a.equals, a.excluded, a.opaque = false, false, true
		return
	}
	a.probes = probes
	if a.equals {
		a.values = values
	}
}

func isText(t event.Type) bool {
	return t.Class() == event.ClassString || t.Class() == event.ClassBytes
}

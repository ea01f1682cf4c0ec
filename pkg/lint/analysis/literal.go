package analysis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
)

// freeText are the beginnings of the names of fields whose values are written by people or programs and may hold
// anything, such as a command line.
var freeText = []string{"evt.arg", "evt.info", "evt.buffer", "proc.args", "proc.cmdline", "proc.exeline", "proc.pcmdline",
	"proc.acmdline", "proc.aargs", "proc.env", "proc.aenv", "jevt.", "json.", "ka.uri.param", "ka.useragent", "ka.auth.reason",
	"ka.req.configmap.obj", "ka.req.pod.containers.command", "ka.req.pod.containers.args", "ka.req.pod.initContainers.command",
	"ka.req.pod.initContainers.args", "ka.req.pod.ephemeralContainers.command", "ka.req.pod.ephemeralContainers.args"}

// holdsNull are the beginnings of the names of further fields for which null and none are ordinary values: the last
// part of /dev/null, the source of a mount without one.
var holdsNull = []string{"evt.", "fd.filename", "fd.nameraw", "fs.path.", "container.mount", "ka.req.role.rules"}

func beginsWithAny(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// literals looks at constants that are meant as something else than the text that they are.
func (w *world) literals(n *condition.Check) {
	f, ok := n.Left.(*condition.Field)
	if !ok {
		return
	}
	if known, _, ok := w.catalogue.Lookup(f.Name); !ok || known.Type.Class() != event.ClassString {
		return
	}
	condition.WalkOperand(n.Right, func(op condition.Operand) bool {
		t, ok := op.(*condition.Text)
		if ok {
			w.wildcard(n, f, t)
			w.null(n, f, t)
		}
		_, list := op.(*condition.List)
		return ok || list
	})
}

// wildcard reports a constant with * for an operator that knows no wildcards.
func (w *world) wildcard(n *condition.Check, f *condition.Field, t *condition.Text) {
	text := t.Value
	if !strings.HasPrefix(text, "*") && !strings.HasSuffix(text, "*") && !strings.Contains(text, "/*") {
		return
	}
	// A rule of a role says * for everything, and /healthz/* for all below a path.
	fromJSON := strings.HasPrefix(f.Name, "ka.") || strings.HasPrefix(f.Name, "jevt.") || strings.HasPrefix(f.Name, "json.")
	if strings.HasPrefix(f.Name, "ka.req.role.rules") || fromJSON && text == "*" {
		return
	}
	pattern, contains := text, condition.OpContains
	switch n.Op {
	case condition.OpEq, condition.OpEqEq, condition.OpNe, condition.OpIn, condition.OpIntersects:
	case condition.OpStartsWith:
		pattern = text + "*"
	case condition.OpEndsWith:
		pattern = "*" + text
	case condition.OpContains, condition.OpIContains:
		pattern, contains = "*"+text+"*", n.Op
	default:
		return
	}
	code := LiteralWildcard
	if beginsWithAny(f.Name, freeText) {
		if strings.Trim(text, "*") == "" {
			return // somebody looks for the character, as in a query that selects *
		}
		if !wrapped(text) {
			code.Severity = info
		}
	}
	meant := wildcardCheck(f, pattern, contains)
	if n.Op == condition.OpNe {
		meant = "not " + meant
	}
	w.found.add(w.set.At(t.Span(), code.finding(
		fmt.Sprintf("the * in %s is the character itself: %s knows no wildcards", quote(text), n.Op), "if a wildcard is meant write: "+meant)))
}

// wrapped tells whether a text is a word with * on both sides, which no command line holds.
func wrapped(text string) bool {
	inner := strings.Trim(text, "*")
	return inner != "" && text[0] == '*' && text[len(text)-1] == '*' && !strings.ContainsAny(inner, blanks)
}

// wildcardCheck writes the simplest check that says what a pattern with * says. The operator contains is the one to
// look for a text anywhere.
func wildcardCheck(f *condition.Field, pattern string, contains condition.Op) string {
	inner := strings.Trim(pattern, "*")
	op, text := condition.OpGlob, pattern
	if !strings.Contains(inner, "*") {
		open, closed := strings.HasPrefix(pattern, "*"), strings.HasSuffix(pattern, "*")
		switch {
		case inner == "":
			return shorten(condition.PrintOperand(f)) + " exists"
		case open && closed:
			op, text = contains, inner
		case closed:
			op, text = condition.OpStartsWith, inner
		default:
			op, text = condition.OpEndsWith, inner
		}
	}
	return shorten(condition.Print(&condition.Check{Left: f, Op: op, Right: &condition.Text{Value: text}}))
}

// null reports a comparison with a word that stands for a missing value in other languages.
func (w *world) null(n *condition.Check, f *condition.Field, t *condition.Text) {
	code := NullAsText
	switch strings.ToLower(t.Value) {
	case "null", "nil", "undefined":
	case "none":
		code.Severity = info // it is the name of something more often than the others
	default:
		return
	}
	if !comparesWhole(n.Op) || domains[f.Name] != nil || beginsWithAny(f.Name, freeText) || beginsWithAny(f.Name, holdsNull) {
		return
	}
	name := shorten(condition.PrintOperand(f))
	hint := fmt.Sprintf("to ask whether it is missing write: not %s exists", name)
	if n.Op == condition.OpNe {
		hint = fmt.Sprintf("to ask whether there is a value write: %s exists", name)
	}
	w.found.add(w.set.At(t.Span(), code.finding(fmt.Sprintf("a missing value of %s is not the text %s", name, quote(t.Value)), hint)))
}

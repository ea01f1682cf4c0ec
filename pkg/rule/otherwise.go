package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
)

// maxFalcoConstant is the longest constant that Falco compiles, in bytes.
const maxFalcoConstant = 255

// otherwise tells what Falco makes of a check that means more here: docs/differences.md lists the same.
func (r *resolver) otherwise(n *condition.Check) {
	tell := func(at condition.Range, falco, hint string) {
		r.loader.found.reportRange(r.loader.texts, at, differs(falco, hint))
	}
	if texts := constantsOf(n.Right); n.Op == condition.OpPMatch && globs(texts) > 1 {
		tell(n.OpRange, "here every pattern of the list is looked at; Falco follows only one of those that match a part of the path", "write one check for each pattern")
	} else {
		for _, t := range texts {
			if len(t.Value) > maxFalcoConstant {
				tell(t.Span(), fmt.Sprintf("the text has %d bytes; Falco refuses constants longer than %d", len(t.Value), maxFalcoConstant), "compare with a shorter text, as with startswith")
			}
		}
	}
	name, plain := fieldOf(n.Left)
	switch _, right := n.Right.(*condition.Transform); {
	case (name == "evt.type" || name == "syscall.type") && (right || !plain):
		tell(n.Span(), "here the check is looked at for events of all types; it ends Falco", "compare the type with constants")
	case name == "fd.net" && n.Op == condition.OpIn && len(constantsOf(n.Right)) > 1:
		tell(n.OpRange, "here every network of the list is looked at; Falco compares with the first only", "write one check with = for each network")
	case name == "proc.apid" && n.Op == condition.OpIn, ancestors[name] && plain && n.Modifier != condition.ModifierNone:
		tell(n.OpRange, "here every ancestor is looked at; in Falco the check holds for the nearest at most", "write one check for each value")
	}
	if n.Op == condition.OpIn || n.Op == condition.OpIntersects {
		for _, side := range []condition.Operand{n.Left, n.Right} {
			if r.changesList(side) {
				tell(side.Span(), "here the transformer changes each element of the list; in Falco the check never holds", "compare the elements as they are")
			}
		}
	}
	visit := func(o condition.Operand) bool {
		switch o := o.(type) {
		case *condition.Field:
			if o.Arg != nil && o.Arg.Quote != 0 && strings.ContainsAny(o.Arg.Text, " []") {
				tell(o.Arg.Span(), "here the argument is taken whole; Falco cuts it at a blank or a bracket", "")
			}
		case *condition.Transform:
			if inner, ok := o.Args[0].(*condition.Transform); ok && (o.Name == "join" || o.Name == "len" && inner.Name == "getopt" && inner.Arg == nil) {
				tell(o.Span(), "here the inner transformer is applied first; in Falco the result has a stray NUL, or ends it", "")
			}
		}
		return true
	}
	condition.WalkOperand(n.Left, visit)
	condition.WalkOperand(n.Right, visit)
}

var ancestors = map[string]bool{"proc.aname": true, "proc.aexe": true, "proc.aexepath": true, "proc.acmdline": true, "proc.apid": true, "proc.aenv": true}

// constantsOf are the texts on the right side of a check.
func constantsOf(o condition.Operand) []*condition.Text {
	switch o := o.(type) {
	case *condition.Text:
		return []*condition.Text{o}
	case *condition.List:
		return o.Items
	}
	return nil
}

func globs(texts []*condition.Text) (n int) {
	for _, t := range texts {
		if strings.ContainsAny(t.Value, "*?[") {
			n++
		}
	}
	return n
}

// fieldOf is the field of an operand, plain when there is no transformer around it and no argument.
func fieldOf(o condition.Operand) (name string, plain bool) {
	switch o := o.(type) {
	case *condition.Field:
		return o.Name, o.Arg == nil
	case *condition.Transform:
		name, _ := fieldOf(o.Args[0])
		return name, false
	}
	return "", false
}

// changesList tells whether an operand changes the case of each element of a list field.
func (r *resolver) changesList(o condition.Operand) bool {
	t, ok := o.(*condition.Transform)
	if !ok || !slices.Contains([]string{"tolower", "toupper"}, t.Name) {
		return false
	}
	name, _ := fieldOf(t.Args[0])
	for _, catalogue := range r.loader.catalogues {
		if f, _, ok := catalogue.Lookup(name); ok && f.List {
			return true
		}
	}
	return false
}

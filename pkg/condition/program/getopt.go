package program

import (
	"strings"
	"unsafe"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
)

func checkGetopt(c *compiler, op *condition.Transform, args []*Expr) (event.Type, bool, bool) {
	if !c.arguments(op, args, 2, "getopt(arguments, options)") {
		return 0, false, false
	}
	argv, options := args[0], args[1]
	ok := c.argumentType(op, args, 0, argv.list && argv.typ.Class() == event.ClassString, "a list of texts")
	ok = c.argumentType(op, args, 1, !options.list && options.typ.Class() == event.ClassString,
		"one text with the options") && ok
	if op.Arg != nil && len(op.Arg.Text) != 1 {
		c.fail(CodeBadTransformer, op.Arg.Span(), "", "getopt selects one option character, not %s", quote(op.Arg.Text))
		ok = false
	}
	return event.TypeString, true, ok
}

// runGetopt reads a list of arguments as getopt(3) does, with short options only. The result lists each option and,
// where it has one, its value; an option that is not in the option string gives ?, and one whose value is missing
// gives an empty text. With a selected option the result is its last value, or itself when it takes none.
func runGetopt(ev *evaluator, s *slot, buf []byte, out *event.Value) ([]byte, bool) {
	argv, options := ev.value(s.args[0]), ev.value(s.args[1])
	if argv == nil || options == nil {
		return buf, false
	}
	g := getopt{argv: argv.List, options: strings.TrimPrefix(options.Text, ":"), selected: s.fn.option, out: out}
	for g.next < len(g.argv) {
		word := g.argv[g.next].Text
		g.next++
		if len(word) > 2 && strings.HasPrefix(word, "--") {
			continue // a long option
		}
		if len(word) < 2 || word[0] != '-' || word == "--" {
			break
		}
		g.cluster(word[1:])
	}
	return buf, g.found || g.selected == 0
}

type getopt struct {
	argv     []event.Value
	next     int
	options  string
	selected byte
	out      *event.Value
	found    bool
}

// cluster reads the options of one word, such as nt5 for -n -t 5.
func (g *getopt) cluster(word string) {
	for i := range len(word) {
		option := word[i]
		at := -1
		if option != ':' {
			at = strings.IndexByte(g.options, option)
		}
		switch {
		case at < 0:
			if g.selected == 0 {
				g.out.Grow().Text = "?"
			}
		case at+1 < len(g.options) && g.options[at+1] == ':':
			g.value(word[i:i+1], word[i+1:])
			return
		default:
			g.emit(word[i:i+1], word[i:i+1])
		}
	}
}

// value takes the value of an option from the rest of its word or from the next argument.
func (g *getopt) value(option, rest string) {
	if rest == "" {
		if g.next == len(g.argv) {
			g.emit(option, "")
			return
		}
		rest = g.argv[g.next].Text
		g.next++
		if g.selected == 0 {
			g.out.Grow().Text = option
		}
		g.emit(option, rest)
		return
	}
	if g.selected == 0 {
		g.out.Grow().Text = option
	}
	g.emit(option, rest)
}

func (g *getopt) emit(option, text string) {
	switch g.selected {
	case 0:
		g.out.Grow().Text = text
	case option[0]:
		g.out.Text, g.found = text, true
	}
}

// bytesOf views a text as bytes, which must not be written to.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

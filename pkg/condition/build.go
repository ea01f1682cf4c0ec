package condition

import (
	"strings"

	"github.com/antlr4-go/antlr/v4"

	"github.com/saker-security/saker/grammar"
)

// builder makes the syntax tree while the generated parser recognises the text. Each rule of the grammar, when it is
// done, takes its parts from the stacks and leaves its result there, so no parse tree is kept beside the syntax tree.
type builder struct {
	grammar.BaseConditionParserListener
	text   string
	tokens *tokens

	nodes    []Node
	operands []Operand
	// marks remember how high a stack was when a rule with a variable number of parts began.
	marks []int

	op       antlr.Token
	modifier Modifier
	arg      *Arg
	// bracket is where the argument of the outermost operand begins, 0 for none.
	bracket int
}

// VisitTerminal drops what the parser keeps of each token, which would make long chains expensive.
func (b *builder) VisitTerminal(node antlr.TerminalNode) {
	if parent, ok := node.GetParent().(interface{ RemoveLastChild() }); ok {
		parent.RemoveLastChild()
	}
}

func (b *builder) slice(r Range) string { return b.text[r.Start:r.End] }

// span is where a rule stands.
func (b *builder) span(ctx antlr.ParserRuleContext) Range {
	return Range{Start: ctx.GetStart().GetStart(), End: b.trimmed(ctx.GetStop()).End}
}

// trimmed is where a token stands without the blanks that belong to it.
func (b *builder) trimmed(token antlr.Token) Range {
	r := tokenRange(token)
	switch token.GetTokenType() {
	case grammar.ConditionLexerTEXT_OP, grammar.ConditionLexerMODIFIER:
		r.End = r.Start + len(strings.TrimRight(b.slice(r), blanks))
	}
	return r
}

const blanks = " \t\b\r\n"

func (b *builder) mark(height int) { b.marks = append(b.marks, height) }

func (b *builder) unmark() int {
	n := len(b.marks) - 1
	height := b.marks[n]
	b.marks = b.marks[:n]
	return height
}

// takeNodes gives the conditions that were left since the last mark.
func (b *builder) takeNodes() []Node {
	height := b.unmark()
	taken := append([]Node(nil), b.nodes[height:]...)
	b.nodes = b.nodes[:height]
	return taken
}

// takeOperands gives the operands that were left since the last mark.
func (b *builder) takeOperands() []Operand {
	height := b.unmark()
	taken := append([]Operand(nil), b.operands[height:]...)
	b.operands = b.operands[:height]
	return taken
}

func (b *builder) popOperand() Operand {
	n := len(b.operands) - 1
	top := b.operands[n]
	b.operands = b.operands[:n]
	return top
}

func (b *builder) pushNode(n Node)       { b.nodes = append(b.nodes, n) }
func (b *builder) pushOperand(o Operand) { b.operands = append(b.operands, o) }

func (b *builder) EnterDisjunction(*grammar.DisjunctionContext) { b.mark(len(b.nodes)) }

func (b *builder) ExitDisjunction(ctx *grammar.DisjunctionContext) {
	terms := b.takeNodes()
	if len(terms) == 1 {
		b.pushNode(terms[0])
		return
	}
	b.pushNode(&Or{Range: b.span(ctx), Terms: terms})
}

func (b *builder) EnterConjunction(*grammar.ConjunctionContext) { b.mark(len(b.nodes)) }

func (b *builder) ExitConjunction(ctx *grammar.ConjunctionContext) {
	terms := b.takeNodes()
	if len(terms) == 1 {
		b.pushNode(terms[0])
		return
	}
	b.pushNode(&And{Range: b.span(ctx), Terms: terms})
}

// ExitNegation counts: two negations in a row cancel, and the one of "not(" counts like the others.
func (b *builder) ExitNegation(ctx *grammar.NegationContext) {
	count := len(ctx.GetNots())
	if ctx.GetOpen() != nil {
		count++
	}
	if count%2 == 1 {
		top := len(b.nodes) - 1
		b.nodes[top] = &Not{Range: b.span(ctx), Term: b.nodes[top]}
	}
}

func (b *builder) ExitMacro(ctx *grammar.MacroContext) {
	r := b.span(ctx)
	b.pushNode(&Macro{Range: r, Name: b.slice(r)})
}

func (b *builder) ExitComparison(ctx *grammar.ComparisonContext) { b.op = ctx.GetOp() }

func (b *builder) ExitCheck(ctx *grammar.CheckContext) {
	op := b.trimmed(b.op)
	check := &Check{Range: b.span(ctx), Op: Op(b.slice(op)), OpRange: op, Modifier: b.modifier}
	if check.Op != OpExists {
		check.Right = b.popOperand()
	}
	check.Left = b.popOperand()
	b.modifier = ModifierNone
	b.pushNode(check)
}

// ExitModified leaves a list and remembers the modifier; a modifier without a list is the text itself.
func (b *builder) ExitModified(ctx *grammar.ModifiedContext) {
	word := b.trimmed(ctx.GetStart())
	if ctx.GetStop() == ctx.GetStart() {
		b.pushOperand(&Text{Range: word, Value: b.slice(word)})
		return
	}
	b.modifier = Modifier(b.slice(word))
}

func (b *builder) ExitWord(ctx *grammar.WordContext) {
	word := b.trimmed(ctx.GetStart())
	b.pushOperand(&Text{Range: word, Value: b.slice(word)})
}

func (b *builder) EnterList(*grammar.ListContext) { b.mark(len(b.operands)) }

func (b *builder) ExitList(ctx *grammar.ListContext) {
	taken := b.takeOperands()
	items := make([]*Text, len(taken))
	for i, item := range taken {
		items[i] = item.(*Text)
	}
	b.pushOperand(&List{Range: b.span(ctx), Items: items})
}

func (b *builder) ExitName(ctx *grammar.NameContext) {
	r := b.span(ctx)
	b.pushOperand(&Text{Range: r, Value: b.slice(r)})
}

func (b *builder) ExitText(ctx *grammar.TextContext) { b.pushText(ctx) }

func (b *builder) ExitQuoted(ctx *grammar.QuotedContext) { b.pushText(ctx) }

func (b *builder) pushText(ctx antlr.ParserRuleContext) {
	value, quote := b.unquote(ctx.GetStart())
	b.pushOperand(&Text{Range: b.span(ctx), Value: value, Quote: quote})
}

// unquote gives the value of a token and its quotation mark, 0 for none.
func (b *builder) unquote(token antlr.Token) (value string, quote byte) {
	r := tokenRange(token)
	if token.GetTokenType() != grammar.ConditionLexerQUOTED {
		return b.slice(r), 0
	}
	quote = b.text[r.Start]
	value, diagnostic := unescape(b.text[r.Start+1:r.End-1], quote)
	if diagnostic != nil {
		// Falco tells the place after the string.
		diagnostic.Range = Range{Start: r.End, End: r.End}
		panic(stop{diagnostic})
	}
	return value, quote
}

func (b *builder) ExitNumber(ctx *grammar.NumberContext) {
	r := b.span(ctx)
	b.pushOperand(&Number{Range: r, Text: b.slice(r)})
}

// EnterArgument notes where the argument of an operand that stands alone begins.
func (b *builder) EnterArgument(ctx *grammar.ArgumentContext) {
	if len(b.tokens.open) == 0 {
		b.bracket = b.tokens.last.GetStop()
	}
}

func (b *builder) ExitArgument(ctx *grammar.ArgumentContext) {
	token := ctx.GetStart()
	value, quote := b.unquote(token)
	b.arg = &Arg{Range: tokenRange(token), Text: value, Quote: quote}
}

// takeArg gives the argument that was just read, nil for none.
func (b *builder) takeArg() *Arg {
	arg := b.arg
	b.arg = nil
	return arg
}

func (b *builder) ExitField(ctx *grammar.FieldContext) {
	name := strings.TrimSuffix(b.slice(tokenRange(ctx.GetStart())), "[")
	b.pushOperand(&Field{Range: b.span(ctx), Name: name, Arg: b.takeArg()})
}

func (b *builder) EnterVal(*grammar.ValContext) { b.mark(len(b.operands)) }

func (b *builder) ExitVal(ctx *grammar.ValContext) { b.transform(ctx) }

func (b *builder) EnterTransform(*grammar.TransformContext) { b.mark(len(b.operands)) }

func (b *builder) ExitTransform(ctx *grammar.TransformContext) { b.transform(ctx) }

func (b *builder) transform(ctx antlr.ParserRuleContext) {
	name := strings.TrimSuffix(b.slice(tokenRange(ctx.GetStart())), "(")
	b.pushOperand(&Transform{Range: b.span(ctx), Name: name, Args: b.takeOperands(), Arg: b.takeArg()})
}

func (b *builder) EnterGroup(*grammar.GroupContext) { b.mark(len(b.operands)) }

func (b *builder) ExitGroup(ctx *grammar.GroupContext) {
	b.pushOperand(&Group{Range: b.span(ctx), Items: b.takeOperands()})
}

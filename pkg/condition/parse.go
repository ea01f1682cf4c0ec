package condition

import (
	"fmt"

	"github.com/antlr4-go/antlr/v4"

	"github.com/saker-security/saker/grammar"
)

// The codes of the diagnostics of parsing.
const (
	// CodeSyntax: the text does not follow the grammar.
	CodeSyntax = "syntax"
	// CodeEmpty: there is no text at all.
	CodeEmpty = "empty-condition"
	// CodeEscape: a quoted string holds an escape that does not exist.
	CodeEscape = "bad-escape"
	// CodeTooLong and CodeTooDeep: the text exceeds a limit.
	CodeTooLong = "condition-too-long"
	CodeTooDeep = "condition-too-deep"
)

// The default limits.
const (
	MaxBytes = 1 << 20
	MaxDepth = 1000
)

// Limits bound what is parsed, so that no text costs more than its author may spend. A zero means the default.
type Limits struct {
	// Bytes is the greatest length of a text.
	Bytes int
	// Depth bounds nesting, counted as Falco does: a parenthesis costs 5 and a check 7 more; the sum stays below Depth.
	Depth int
}

// Parse parses a condition under the default limits. Time and memory are linear in the length of the text. Of several
// errors only the first is told. It is safe for concurrent use.
func Parse(text string) (Node, *Diagnostic) { return Limits{}.Parse(text) }

// Parse parses a condition.
func (l Limits) Parse(text string) (Node, *Diagnostic) {
	if text == "" {
		return nil, &Diagnostic{
			Code:    CodeEmpty,
			Message: "the condition is empty",
			Hint:    "write a check such as proc.name = sh, or name a macro",
		}
	}
	b, diagnostic := l.run(text, func(p *grammar.ConditionParser) { p.Condition() })
	if diagnostic != nil {
		return nil, diagnostic
	}
	return b.nodes[0], nil
}

// ParseOperand parses the longest beginning of text that is a field, with or without its argument, or a transformer
// applied to its arguments, as output formats need it. It tells how many bytes that is. A bracket that turns out to be
// no argument is left to the caller, as in Falco: of proc.name[ only proc.name is taken.
func ParseOperand(text string) (Operand, int, *Diagnostic) { return Limits{}.ParseOperand(text) }

// ParseOperand is the function of the same name under other limits.
func (l Limits) ParseOperand(text string) (Operand, int, *Diagnostic) {
	b, diagnostic := l.run(text, func(p *grammar.ConditionParser) { p.Operand() })
	if diagnostic == nil {
		operand := b.operands[0]
		return operand, operand.Span().End, nil
	}
	if b != nil && b.bracket > 0 {
		return l.ParseOperand(text[:b.bracket])
	}
	return nil, 0, diagnostic
}

// stop ends a parse from inside the generated parser.
type stop struct{ diagnostic *Diagnostic }

// run parses text with one rule of the grammar. The builder is returned with a diagnostic too, for what it learned.
func (l Limits) run(text string, rule func(*grammar.ConditionParser)) (b *builder, diagnostic *Diagnostic) {
	if l.Bytes == 0 {
		l.Bytes = MaxBytes
	}
	if l.Depth == 0 {
		l.Depth = MaxDepth
	}
	if len(text) > l.Bytes {
		return nil, &Diagnostic{
			Code:    CodeTooLong,
			Range:   Range{Start: l.Bytes, End: len(text)},
			Message: fmt.Sprintf("the condition has %d bytes, more than the limit of %d", len(text), l.Bytes),
			Hint:    "split it into macros, and move long lists of values into lists",
		}
	}
	stream := &tokens{lexer: newLexer(text), limit: l.Depth}
	b = &builder{text: text, tokens: stream}
	parser := grammar.NewConditionParser(stream)
	parser.RemoveErrorListeners()
	parser.SetErrorHandler(&strategy{BailErrorStrategy: antlr.NewBailErrorStrategy(), text: text, tokens: stream})
	parser.BuildParseTrees = false
	parser.AddParseListener(b)

	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case stop:
			diagnostic = thrown.diagnostic
		default:
			panic(thrown)
		}
	}()
	rule(parser)
	return b, nil
}

// strategy turns the first error of the generated parser into a diagnostic and ends the parse. It is here because
// recovery would cost time and tell nothing more.
type strategy struct {
	*antlr.BailErrorStrategy
	text   string
	tokens *tokens
}

// ReportError is called when no alternative of a rule fits the next token.
func (s *strategy) ReportError(parser antlr.Parser, _ antlr.RecognitionException) { s.stop(parser) }

// RecoverInline is called when one certain token was expected and another one stands there.
func (s *strategy) RecoverInline(parser antlr.Parser) antlr.Token {
	s.stop(parser)
	return nil
}

func (s *strategy) stop(parser antlr.Parser) {
	panic(stop{explain(s.text, s.tokens, parser.GetParserRuleContext().GetRuleIndex())})
}

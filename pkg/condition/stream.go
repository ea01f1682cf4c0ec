package condition

import (
	"fmt"

	"github.com/antlr4-go/antlr/v4"

	"github.com/saker-security/saker/grammar"
)

// chars hands a text to the lexer byte by byte, so that a token's place is a byte offset. Bytes above 0x7E are handed
// out as 0x7F: no rule of the grammar tells them apart, and the lexer's tables end there.
type chars struct {
	text string
	pos  int
}

var _ antlr.CharStream = (*chars)(nil)

// LA gives the byte k places on, or, for a negative k, back.
func (c *chars) LA(k int) int {
	i := c.pos + k
	if k > 0 {
		i--
	}
	if i < 0 || i >= len(c.text) {
		return antlr.TokenEOF
	}
	return int(min(c.text[i], 0x7F))
}

func (c *chars) Consume()              { c.pos++ }
func (c *chars) Mark() int             { return -1 }
func (c *chars) Release(int)           {}
func (c *chars) Index() int            { return c.pos }
func (c *chars) Seek(index int)        { c.pos = min(index, len(c.text)) }
func (c *chars) Size() int             { return len(c.text) }
func (c *chars) GetSourceName() string { return "" }

// GetText gives the bytes from start to stop, both included.
func (c *chars) GetText(start, stop int) string {
	start, stop = max(start, 0), min(stop+1, len(c.text))
	if start >= stop {
		return ""
	}
	return c.text[start:stop]
}

func (c *chars) GetTextFromTokens(start, end antlr.Token) string {
	return c.GetText(start.GetStart(), end.GetStop())
}

func (c *chars) GetTextFromInterval(i antlr.Interval) string { return c.GetText(i.Start, i.Stop) }

// tokens hands the lexer's tokens to the parser. It keeps only the next token and the last one, which is all that the
// grammar looks at, and so needs no memory that grows with the text. It refuses the token that nests too deeply, before
// the parser recurses on it.
type tokens struct {
	lexer *lexer
	next  antlr.Token
	last  antlr.Token
	count int

	limit int
	depth int
	open  []bracket
}

// bracket is a parenthesis that is still open: where it stands and what it adds to the depth.
type bracket struct{ offset, cost int }

var _ antlr.TokenStream = (*tokens)(nil)

// LT gives the next token for 1 and the last one for -1.
func (t *tokens) LT(k int) antlr.Token {
	if k < 0 {
		return t.last
	}
	if t.next == nil {
		t.next = t.lexer.NextToken()
		t.nest(t.next)
	}
	return t.next
}

func (t *tokens) LA(k int) int { return t.LT(k).GetTokenType() }

func (t *tokens) Consume() {
	t.last = t.LT(1)
	t.next = nil
	t.count++
}

// The costs are those of Falco's parser, which counts its nested calls, so that what fits there fits here and nothing
// more.
const (
	costGroup       = 5
	costNotGroup    = 4
	costAndGroup    = 3
	costOrGroup     = 2
	costMacro       = 4
	costLeft        = 4
	costExists      = 5
	costCheck       = 7
	costTransformer = 2
	costField       = 1
)

// nest keeps account of the depth and stops at the token that exceeds it.
func (t *tokens) nest(token antlr.Token) {
	need := 0
	switch token.GetTokenType() {
	case grammar.ConditionLexerLPAREN:
		t.push(token, t.groupCost())
	case grammar.ConditionLexerNOT_LPAREN:
		t.push(token, costNotGroup)
	case grammar.ConditionLexerTRANSFORMER:
		t.push(token, t.sideCost()+costTransformer)
	case grammar.ConditionLexerVAL:
		t.push(token, costCheck)
	case grammar.ConditionLexerLIST_OPEN, grammar.ConditionLexerGROUP_OPEN:
		t.push(token, 0)
	case grammar.ConditionLexerRPAREN, grammar.ConditionLexerLIST_CLOSE, grammar.ConditionLexerGROUP_CLOSE,
		grammar.ConditionLexerCLOSE, grammar.ConditionLexerCLOSE_ARG:
		t.pop()
	case grammar.ConditionLexerFIELD, grammar.ConditionLexerFIELD_ARG:
		need = t.sideCost() + costField
	case grammar.ConditionLexerMACRO:
		need = costMacro
	case grammar.ConditionLexerEXISTS:
		need = costExists
	case grammar.ConditionLexerORDER_OP, grammar.ConditionLexerTEXT_OP, grammar.ConditionLexerTEXT_OP_GLUED,
		grammar.ConditionLexerLIST_OP:
		need = costCheck
	}
	if t.depth+need >= t.limit {
		panic(stop{&Diagnostic{
			Code:    CodeTooDeep,
			Range:   tokenRange(token),
			Message: fmt.Sprintf("the condition nests deeper than the limit of %d", t.limit),
			Hint:    "a parenthesis costs 5 and a check 7 more; split the condition into macros",
		}})
	}
}

// lastType is the type of the token before the next one, 0 at the beginning.
func (t *tokens) lastType() int {
	if t.last == nil {
		return 0
	}
	return t.last.GetTokenType()
}

// groupCost is what a parenthesis around a condition adds; one that is glued to and, or adds less.
func (t *tokens) groupCost() int {
	switch t.lastType() {
	case grammar.ConditionLexerAND:
		return costAndGroup
	case grammar.ConditionLexerOR:
		return costOrGroup
	}
	return costGroup
}

// sideCost is what the place of an operand adds: the left or the right side of a check, or, for one inside another, no
// more than that one did.
func (t *tokens) sideCost() int {
	switch t.lastType() {
	case grammar.ConditionLexerORDER_OP, grammar.ConditionLexerTEXT_OP, grammar.ConditionLexerTEXT_OP_GLUED,
		grammar.ConditionLexerLIST_OP:
		return costCheck
	case grammar.ConditionLexerTRANSFORMER, grammar.ConditionLexerVAL, grammar.ConditionLexerCOMMA,
		grammar.ConditionLexerGROUP_OPEN:
		return 0
	}
	return costLeft
}

func (t *tokens) push(token antlr.Token, cost int) {
	t.open = append(t.open, bracket{offset: token.GetStop(), cost: cost})
	t.depth += cost
}

// pop closes the innermost parenthesis; there is none if the text closes one too many, which the parser will say.
func (t *tokens) pop() {
	if n := len(t.open); n > 0 {
		t.depth -= t.open[n-1].cost
		t.open = t.open[:n-1]
	}
}

// The rest of antlr.TokenStream serves lookahead of more than one token, error recovery and printing of trees, none of
// which is used.

func (t *tokens) Mark() int                                       { return 0 }
func (t *tokens) Release(int)                                     {}
func (t *tokens) Index() int                                      { return t.count }
func (t *tokens) Seek(int)                                        {}
func (t *tokens) Size() int                                       { return t.count }
func (t *tokens) Reset()                                          {}
func (t *tokens) Get(int) antlr.Token                             { return t.LT(1) }
func (t *tokens) GetSourceName() string                           { return "" }
func (t *tokens) GetTokenSource() antlr.TokenSource               { return t.lexer }
func (t *tokens) SetTokenSource(antlr.TokenSource)                {}
func (t *tokens) GetAllText() string                              { return "" }
func (t *tokens) GetTextFromInterval(antlr.Interval) string       { return "" }
func (t *tokens) GetTextFromRuleContext(antlr.RuleContext) string { return "" }
func (t *tokens) GetTextFromTokens(_, _ antlr.Token) string       { return "" }

// tokenRange is where a token stands. The end of the text is an empty range.
func tokenRange(token antlr.Token) Range {
	return Range{Start: token.GetStart(), End: max(token.GetStart(), token.GetStop()+1)}
}

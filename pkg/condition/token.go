package condition

import (
	"github.com/antlr4-go/antlr/v4"

	"github.com/saker-security/saker/grammar"
)

// lexer is the generated lexer with tokens that take a fraction of the memory of ANTLR's own, which matters for texts
// of a megabyte.
type lexer struct {
	*grammar.ConditionLexer
	chars *chars
}

func newLexer(text string) *lexer {
	l := &lexer{chars: &chars{text: text}}
	l.ConditionLexer = grammar.NewConditionLexer(l.chars)
	l.Virt = l
	return l
}

// Emit is what the generated lexer calls to make a token.
func (l *lexer) Emit() antlr.Token {
	t := &token{chars: l.chars, kind: int32(l.GetType()), start: int32(l.TokenStartCharIndex), end: int32(l.chars.pos)}
	l.EmitToken(t)
	return t
}

// token is a piece of the text.
type token struct {
	chars      *chars
	kind       int32
	start, end int32
}

var _ antlr.Token = (*token)(nil)

func (t *token) GetTokenType() int { return int(t.kind) }
func (t *token) GetStart() int     { return int(t.start) }
func (t *token) GetStop() int      { return int(t.end) - 1 }
func (t *token) GetText() string   { return t.chars.text[t.start:t.end] }
func (t *token) String() string    { return t.GetText() }

// The rest of antlr.Token serves what is not used.

func (t *token) GetChannel() int                             { return antlr.TokenDefaultChannel }
func (t *token) GetLine() int                                { return 0 }
func (t *token) GetColumn() int                              { return 0 }
func (t *token) SetText(string)                              {}
func (t *token) GetTokenIndex() int                          { return -1 }
func (t *token) SetTokenIndex(int)                           {}
func (t *token) GetSource() *antlr.TokenSourceCharStreamPair { return nil }
func (t *token) GetTokenSource() antlr.TokenSource           { return nil }
func (t *token) GetInputStream() antlr.CharStream            { return t.chars }

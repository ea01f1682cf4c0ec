package grammar

import (
	"os"
	"strings"
	"testing"

	"github.com/antlr4-go/antlr/v4"
)

// TestDecisionsNeedOneToken keeps the grammar LL(1). Where one token does not decide, the generated parser calls the
// prediction machinery, which can take time and memory out of all proportion to the text.
func TestDecisionsNeedOneToken(t *testing.T) {
	code, err := os.ReadFile("condition_parser.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(code), "func (p *ConditionParser) Disjunction()") {
		t.Fatal("condition_parser.go is not the parser of conditions")
	}
	if n := strings.Count(string(code), "AdaptivePredict"); n != 0 {
		t.Errorf("%d decisions need more than the next token; rewrite the rules so that the next token decides", n)
	}
}

// TestEveryModeTakesEveryCharacter keeps the promise that the lexer itself never fails: in each mode, each character
// begins some token.
func TestEveryModeTakesEveryCharacter(t *testing.T) {
	lexer := NewConditionLexer(antlr.NewInputStream(""))
	modes := len(lexer.modeNames)
	if modes < 2 {
		t.Fatalf("%d modes", modes)
	}
	for mode := range modes {
		for c := rune(0); c <= 0x7F; c++ {
			failed := &countErrors{}
			lexer := NewConditionLexer(antlr.NewInputStream(string(c)))
			lexer.RemoveErrorListeners()
			lexer.AddErrorListener(failed)
			lexer.PushMode(0) // something to return to for the characters that close a mode
			lexer.SetMode(mode)
			lexer.NextToken()
			if failed.count > 0 {
				t.Errorf("in mode %s the character %q begins no token", lexer.modeNames[mode], c)
			}
		}
	}
}

type countErrors struct {
	antlr.DefaultErrorListener
	count int
}

func (c *countErrors) SyntaxError(antlr.Recognizer, interface{}, int, int, string, antlr.RecognitionException) {
	c.count++
}

// Package grammar is the condition language as an ANTLR grammar, and the lexer and parser generated from it. The
// grammars are ConditionLexer.g4 and ConditionParser.g4; everything named condition*.go is generated. Package
// condition is the one user.
package grammar

//go:generate ./generate.sh

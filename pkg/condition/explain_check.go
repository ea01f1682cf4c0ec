package condition

import (
	"fmt"
	"strings"

	"github.com/saker-security/saker/grammar"
	"github.com/saker-security/saker/pkg/field"
)

// comparison explains what stands where an operator or its right-hand side should be.
func (f *failure) comparison() (message, hint string) {
	switch f.last {
	case grammar.ConditionLexerORDER_OP:
		return f.numberValue()
	case grammar.ConditionLexerTEXT_OP, grammar.ConditionLexerTEXT_OP_GLUED:
		return f.textValue()
	case grammar.ConditionLexerLIST_OP:
		return f.listValue()
	}
	return f.operator()
}

// wordOperators are the operators that must be followed by a blank.
var wordOperators = []Op{
	OpContains, OpIContains, OpBContains, OpStartsWith, OpBStartsWith, OpEndsWith, OpGlob, OpIGlob, OpRegex,
}

// misspelt are operators of other languages, in lower case and without underscores, and what is meant here.
var misspelt = map[string]string{
	"~": `write "regex" to match a regular expression, or "glob" for wildcards`, "=~": `write "regex" to match a regular expression`,
	"<>": `write "!=" for "<>"`, "!": `write "!=" without a blank, or "not" before the check`,
	"&&": `compare the field before the "&&", and write "and" for it`, "||": `compare the field before the "||", and write "or" for it`,
	"not": notBefore, "notin": notBefore, "notcontains": notBefore, "notequals": `write "!="`,
	"is":   `write "=" to compare and "exists" to ask whether there is a value`,
	"isnt": `write "!=" to compare, or "not" before the check`,
	"like": `write "glob" to match wildcards`, "ilike": `write "iglob" to match wildcards in upper and lower case`,
	"matches": matching, "match": matching, "rlike": matching, "regexp": matching, "matchesregex": matching,
	"has": meant(OpContains), "have": meant(OpContains), "includes": meant(OpContains), "include": meant(OpContains),
	"contain": meant(OpContains), "containing": meant(OpContains), "hassubstring": meant(OpContains),
	"beginswith": meant(OpStartsWith), "begins": meant(OpStartsWith), "hasprefix": meant(OpStartsWith), "prefix": meant(OpStartsWith),
	"starts": meant(OpStartsWith), "hassuffix": meant(OpEndsWith), "suffix": meant(OpEndsWith), "ends": meant(OpEndsWith),
	"equals": `write "="`, "equal": `write "="`, "equalto": `write "="`, "eq": `write "="`, "ne": `write "!="`, "neq": `write "!="`,
	"gt": `write ">"`, "lt": `write "<"`, "ge": `write ">="`, "gte": `write ">="`, "le": `write "<="`, "lte": `write "<="`,
}

const (
	notBefore = `write "not" before the check: not FIELD in (a, b)`
	matching  = `write "regex" to match a regular expression, or "glob" for wildcards`
)

func meant(op Op) string { return fmt.Sprintf("did you mean %s?", op) }

// operatorHint says what is meant by a word that stands where an operator should be, empty when nothing is like it.
func operatorHint(word string) string {
	lower := strings.ToLower(word)
	plain := strings.NewReplacer("_", "", "-", "").Replace(lower)
	for _, op := range allOps {
		switch {
		case lower == string(op):
			return lowerCase(lower)
		case plain == string(op):
			return meant(op)
		}
	}
	if hint, ok := misspelt[plain]; ok {
		return hint
	}
	var names []string
	for _, op := range allOps {
		names = append(names, string(op))
	}
	if near := field.Nearest(lower, names, 1); len(near) > 0 && len(lower) > 2 {
		return meant(Op(near[0]))
	}
	return ""
}

// lowerCase is the hint for a word of the language that is written in upper case.
func lowerCase(word string) string { return fmt.Sprintf("write %q in lower case", word) }

// operator explains what stands where the operator of a check should be.
func (f *failure) operator() (message, hint string) {
	message = "expected an operator after the left-hand side of the check" + f.found()
	if f.end() {
		return message, "compare the field, such as proc.name = sh, or ask whether it exists: proc.name exists"
	}
	rest := f.text[f.at.Start:]
	for _, op := range wordOperators {
		if strings.HasPrefix(rest, string(op)) {
			return message, "put a blank and a value after " + string(op)
		}
	}
	if hint := operatorHint(f.text[f.at.Start:f.at.End]); hint != "" {
		return message, hint
	}
	switch rest[0] {
	case '[':
		return message, "there is one argument only, directly after the name"
	case '.':
		return message, "a dot in a field's name is followed by a letter"
	}
	return message, "known are exists = == != < <= > >= contains icontains bcontains startswith bstartswith endswith " +
		"glob iglob regex in intersects pmatch"
}

// allOps are the operators that are words.
var allOps = append([]Op{OpExists, OpIn, OpIntersects, OpPMatch}, wordOperators...)

// numberValue explains what stands where a number should be.
func (f *failure) numberValue() (message, hint string) {
	message = "expected a number, a transformer or val()" + f.found()
	switch {
	case f.end():
		return message, "write a number after the operator"
	case f.text[f.at.Start] == '"' || f.text[f.at.Start] == '\'':
		return message, "< <= > >= compare numbers; write the number without quotation marks"
	case f.text[f.at.Start] == '.':
		return message, "a number begins with a digit, such as 0.5"
	case f.text[f.at.Start] == '=':
		return message, "write >= or <= without a blank inside"
	case f.text[f.at.Start] == '>' && f.word == "<":
		return message, `write "!=" for "<>"`
	case f.kind == grammar.ConditionLexerERROR && isLetter(f.text[f.at.Start]):
		return message, "< <= > >= compare numbers; to compare with another field write val(FIELD)"
	}
	return message, "< <= > >= compare numbers"
}

// textValue explains what stands where a string should be.
func (f *failure) textValue() (message, hint string) {
	message = "expected a string, a transformer or val()" + f.found()
	switch {
	case f.end():
		return message, `write a value after the operator; the empty string is ""`
	case f.openQuote():
		return f.unterminatedValue()
	}
	switch f.text[f.at.Start] {
	case '(':
		return message, "a value that begins with a parenthesis needs quotation marks; a list needs in, intersects, " +
			"pmatch, or a modifier such as anyof"
	case '=':
		return message, `the operators are = == and !=; a value with = in it needs quotation marks`
	case ',':
		return message, "a value with a comma in it needs quotation marks"
	case ')':
		return message, `write a value after the operator; the empty string is ""`
	}
	return message, "put quotation marks around the value"
}

// unterminatedValue explains a quoted string without an end.
func (f *failure) unterminatedValue() (message, hint string) {
	message = "expected a string, but its quotation mark is never closed"
	hint = f.unterminated()
	f.at.End = lineEnd(f.text, f.at.Start)
	return message, hint
}

// listValue explains what stands where a list should be.
func (f *failure) listValue() (message, hint string) {
	message = "expected a list, the name of a list, a transformer or val()" + f.found()
	if f.end() {
		return message, "write a list such as (a, b) after the operator"
	}
	return message, "put the values in parentheses, such as (a, b); to compare with one value use ="
}

// listItem explains what stands inside a list.
func (f *failure) listItem() (message, hint string) {
	if f.openQuote() && (f.last == grammar.ConditionLexerCOMMA || f.last == grammar.ConditionLexerLIST_OPEN) {
		return f.unterminatedValue()
	}
	switch f.last {
	case grammar.ConditionLexerCOMMA:
		message, hint = "expected a string after the comma", "remove the comma, or write another value after it"
	case grammar.ConditionLexerLIST_OPEN:
		message, hint = "expected a string or ')' in the list", "a list holds strings, such as (a, b)"
	default:
		message, hint = "expected ',' or ')' in the list", "put a comma between the values; "+
			"a value with blanks or other signs in it needs quotation marks"
	}
	message += f.found()
	if f.end() {
		return message, f.unclosed()
	}
	if f.text[f.at.Start] == '(' {
		hint = "a list holds only strings: no lists, fields or transformers"
	}
	return message, hint
}

// argument explains what stands between the brackets of an argument.
func (f *failure) argument() (message, hint string) {
	if f.last != grammar.ConditionLexerQUOTED && f.last != grammar.ConditionLexerARGUMENT_TEXT {
		if f.openQuote() {
			return f.unterminatedValue()
		}
		return "expected an argument in the brackets" + f.found(), "write an index or a key, such as proc.aname[2]"
	}
	message = "expected ']' after the argument" + f.found()
	if f.end() {
		return message, "close the bracket"
	}
	return message, "an argument with blanks, brackets or quotation marks in it needs quotation marks around it"
}

// transformerArgument explains what stands in the parentheses of a transformer or of val().
func (f *failure) transformerArgument() (message, hint string) {
	if f.last == grammar.ConditionLexerTRANSFORMER || f.last == grammar.ConditionLexerCOMMA {
		return "expected an argument of the transformer" + f.found(), f.argumentHint()
	}
	if f.insideVal() {
		message, hint = "expected ')' after the field inside val()"+f.found(), "val() takes one field"
	} else {
		message, hint = "expected ',' or ')' in the arguments of the transformer"+f.found(), "put a comma between the arguments"
	}
	switch {
	case f.end():
		hint = f.unclosed()
	case f.text[f.at.Start] == '[':
		hint = "only a field or a transformer has an argument in brackets, and only one"
	}
	return message, hint
}

// insideVal tells whether the innermost open parenthesis is that of val().
func (f *failure) insideVal() bool {
	n := len(f.open)
	return n > 0 && strings.HasSuffix(f.text[:f.open[n-1].offset+1], "val(")
}

// groupItem explains what stands in a parenthesised list that is an argument of a transformer.
func (f *failure) groupItem() (message, hint string) {
	switch f.last {
	case grammar.ConditionLexerCOMMA:
		return "expected an item of the transformer's list" + f.found(), f.argumentHint()
	case grammar.ConditionLexerGROUP_OPEN:
		return "expected an item of the transformer's list or ')'" + f.found(), f.argumentHint()
	}
	message, hint = "expected ',' or ')' in the transformer's list"+f.found(), "put a comma between the items"
	if f.end() {
		hint = f.unclosed()
	}
	return message, hint
}

// argumentHint says what a transformer takes.
func (f *failure) argumentHint() string {
	switch {
	case f.openQuote():
		hint := f.unterminated()
		f.at.End = lineEnd(f.text, f.at.Start)
		return hint
	case f.end():
		return f.unclosed()
	case isLetter(f.text[f.at.Start]):
		return "a string needs quotation marks here, and the name of a field has a dot"
	case f.text[f.at.Start] == '(':
		return "lists inside lists are not possible"
	}
	return "write a field, a number, a quoted string or another transformer"
}

// lineEnd finds the end of the line on which start stands.
func lineEnd(text string, start int) int {
	if i := strings.IndexAny(text[start:], "\r\n"); i > 0 {
		return start + i
	}
	return len(text)
}

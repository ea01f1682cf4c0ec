package condition

import (
	"fmt"
	"strings"

	"github.com/saker-security/saker/grammar"
)

// failure is what is known where the generated parser found no way on.
type failure struct {
	text string
	// at is the offending place: from the token that does not fit to the end of the word that it begins.
	at Range
	// kind and last are the types of the token that does not fit and of the one before it.
	kind, last int
	open       []bracket
}

// explain says in our own words what was expected where the parser, inside the given rule of the grammar, did not know
// how to go on.
func explain(text string, t *tokens, rule int) *Diagnostic {
	token := t.LT(1)
	f := &failure{text: text, kind: token.GetTokenType(), open: t.open}
	f.at = tokenRange(token)
	if t.last != nil {
		f.last = t.last.GetTokenType()
	}
	if f.kind == grammar.ConditionLexerERROR {
		f.at.End = wordEnd(text, f.at.Start)
	}
	message, hint := f.describe(rule)
	return &Diagnostic{Code: CodeSyntax, Range: f.at, Message: message, Hint: hint}
}

// describe chooses the message by the rule that was being read.
func (f *failure) describe(rule int) (message, hint string) {
	switch rule {
	case grammar.ConditionParserRULE_disjunction, grammar.ConditionParserRULE_conjunction:
		if f.last == grammar.ConditionLexerAND || f.last == grammar.ConditionLexerOR {
			return f.afterConnective()
		}
		return f.afterCondition()
	case grammar.ConditionParserRULE_condition, grammar.ConditionParserRULE_primary:
		return f.afterCondition()
	case grammar.ConditionParserRULE_negation:
		if f.last == grammar.ConditionLexerRPAREN || !f.conditionExpected() {
			return f.afterCondition()
		}
		return f.condition()
	case grammar.ConditionParserRULE_comparison:
		return f.comparison()
	case grammar.ConditionParserRULE_list, grammar.ConditionParserRULE_text:
		return f.listItem()
	case grammar.ConditionParserRULE_argument:
		return f.argument()
	case grammar.ConditionParserRULE_field:
		return "expected a field inside val()" + f.found(),
			"val() takes one field, such as val(proc.pname); transformers stand on their own"
	case grammar.ConditionParserRULE_input:
		return "expected an argument of the transformer" + f.found(), f.argumentHint()
	case grammar.ConditionParserRULE_transform, grammar.ConditionParserRULE_close:
		return "expected ',' or ')' in the arguments of the transformer" + f.found(), f.unclosed()
	case grammar.ConditionParserRULE_item:
		return "expected an item of the transformer's list" + f.found(), f.argumentHint()
	case grammar.ConditionParserRULE_group:
		return "expected ',' or ')' in the transformer's list" + f.found(), f.unclosed()
	default: // operand
		return "expected a field or a transformer" + f.found(), "write a field such as proc.name, or toupper(proc.name)"
	}
}

// conditionExpected tells whether the token before the failure is one that a condition must follow.
func (f *failure) conditionExpected() bool {
	switch f.last {
	case 0, grammar.ConditionLexerNOT, grammar.ConditionLexerNOT_LPAREN, grammar.ConditionLexerLPAREN,
		grammar.ConditionLexerGAP:
		return true
	}
	return false
}

// condition explains what stands where a condition should begin.
func (f *failure) condition() (message, hint string) {
	message = "expected a field check, a macro or '('" + f.found()
	rest := f.text[f.at.Start:]
	switch {
	case f.end():
		hint = "add a check such as proc.name = sh"
	case rest[0] == '!':
		hint = `write "not" for "!"`
	case rest[0] == ')':
		hint = "put a condition between the parentheses"
	case rest[0] == '"' || rest[0] == '\'':
		hint = "a check begins with a field, without quotation marks"
	case isDigit(rest[0]) || rest[0] == '_':
		hint = "names of fields and macros begin with a letter"
	case rest[0] == '%':
		hint = `the percent sign belongs to output formats; write the field without it`
	default:
		hint = "a check is a field, an operator and a value, such as proc.name = sh"
	}
	return message, hint
}

// afterConnective explains what is glued to "and" or "or".
func (f *failure) afterConnective() (message, hint string) {
	word := "and"
	if f.last == grammar.ConditionLexerOR {
		word = "or"
	}
	message = fmt.Sprintf("expected a blank or '(' after %q", word) + f.found()
	if f.end() {
		return message, fmt.Sprintf("write another condition after %q, or remove it", word)
	}
	return message, fmt.Sprintf("put a blank after %q", word)
}

// lookalikes are what other languages write for our words.
var lookalikes = []struct{ text, hint string }{
	{"&&", `write "and" for "&&"`},
	{"||", `write "or" for "||"`},
	{"AND", `write "and" in lower case`},
	{"OR", `write "or" in lower case`},
	{"And", `write "and" in lower case`},
	{"Or", `write "or" in lower case`},
	{"#", "a condition holds no comments"},
	{"//", "a condition holds no comments"},
	{"/*", "a condition holds no comments"},
	{";", "remove the semicolon"},
}

// afterCondition explains what follows a complete condition without being connected to it.
func (f *failure) afterCondition() (message, hint string) {
	grouped := len(f.open) > 0
	message = `expected "and", "or" or the end of the condition`
	if grouped {
		message = `expected "and", "or" or ')'`
	}
	message += f.found()
	switch f.kind {
	case grammar.ConditionLexerRPAREN:
		return message, "this ')' closes nothing; remove it or add the '(' that it belongs to"
	case grammar.ConditionLexerAND:
		return message, `after "or(" without a blank only "or" may follow the ')'; put a blank before the '('`
	}
	if f.end() {
		return message, f.unclosed()
	}
	return message, f.strayHint(f.text[f.at.Start:])
}

// strayHint says what to do with text that follows a complete condition.
func (f *failure) strayHint(rest string) string {
	for _, l := range lookalikes {
		if strings.HasPrefix(rest, l.text) {
			return l.hint
		}
	}
	if f.last == grammar.ConditionLexerMACRO {
		return f.afterMacroHint(rest)
	}
	switch f.last {
	case grammar.ConditionLexerBARE, grammar.ConditionLexerQUOTED, grammar.ConditionLexerNUMBER:
		return f.afterValueHint(rest)
	}
	if rest[0] == '(' {
		return "a list or a group may not stand here"
	}
	return `connect the conditions with "and" or "or"`
}

// afterMacroHint says what to do with text that follows a name that stands alone, which is a macro.
func (f *failure) afterMacroHint(rest string) string {
	switch {
	case rest[0] == '(':
		return "a transformer is one of " + transformers + ", in lower case and with its '(' directly after the name; " +
			"val() stands only on the right-hand side"
	case strings.IndexByte("=!<>", rest[0]) >= 0:
		return "a name without a dot is a macro, which is not compared; names of fields have a dot, such as proc.name"
	case rest[0] == '.':
		return "a dot in a field's name is followed by a letter"
	case rest[0] == '-':
		return "names of macros hold only letters, digits and underscores"
	}
	return `connect the conditions with "and" or "or"`
}

// afterValueHint says what to do with text that follows a constant.
func (f *failure) afterValueHint(rest string) string {
	switch {
	case rest[0] == '(':
		return "a value with parentheses needs quotation marks around it; a transformer is one of val, " + transformers +
			", with its '(' directly after the name"
	case f.last == grammar.ConditionLexerNUMBER:
		return "a number is decimal or hexadecimal without a unit; an exponent needs its sign, such as 1e+3"
	case rest[0] == '"' || rest[0] == '\'':
		return "a value with quotation marks in it needs quotation marks of the other kind around it"
	case strings.IndexByte("=,", rest[0]) >= 0:
		return "a value with = or a comma in it needs quotation marks around it"
	}
	return `connect the conditions with "and" or "or"; a value with blanks in it needs quotation marks`
}

const transformers = "tolower, toupper, b64, basename, len, join, concat, getopt"

// end tells whether the text ends where something was expected.
func (f *failure) end() bool { return f.at.Start >= len(f.text) }

// found names what stands at the offending place.
func (f *failure) found() string {
	if f.end() {
		return ", found the end of the text"
	}
	const most = 24
	word := f.text[f.at.Start:f.at.End]
	if len(word) > most {
		return fmt.Sprintf(", found %s…", visible(word[:most]))
	}
	return fmt.Sprintf(", found %s", visible(word))
}

// unclosed names the innermost parenthesis that is still open.
func (f *failure) unclosed() string {
	if len(f.open) == 0 {
		return ""
	}
	line, column := Position(f.text, f.open[len(f.open)-1].offset)
	return fmt.Sprintf("the '(' at line %d, column %d is not closed", line, column)
}

// openQuote tells whether a quoted string begins at the offending place and never ends.
func (f *failure) openQuote() bool {
	return f.kind == grammar.ConditionLexerERROR && !f.end() &&
		(f.text[f.at.Start] == '"' || f.text[f.at.Start] == '\'')
}

// unterminated says what to do about a quoted string that never ends.
func (f *failure) unterminated() string {
	quote := f.text[f.at.Start]
	if strings.Contains(f.text[f.at.Start+1:], `\`+string(quote)) {
		return fmt.Sprintf(`the quoted string is not closed: a %c after a backslash does not end it; `+
			`write \x5c for a backslash at the end`, quote)
	}
	return fmt.Sprintf("the quoted string is not closed; add a %c at its end", quote)
}

// wordEnd finds the end of the word, the run of signs or the single character that begins at start.
func wordEnd(text string, start int) int {
	if start >= len(text) {
		return start
	}
	same := isSign
	if c := text[start]; isLetter(c) || isDigit(c) || c >= 0x80 {
		same = isWord
	} else if !isSign(c) {
		return start + 1
	}
	end := start + 1
	for end < len(text) && same(text[end]) {
		end++
	}
	return end
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isSign(c byte) bool   { return strings.IndexByte("&|!=<>~*/+#", c) >= 0 }
func isWord(c byte) bool {
	return isLetter(c) || isDigit(c) || c >= 0x80 || c == '_' || c == '.' || c == '-'
}

package condition

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-security/saker/grammar"
	"github.com/saker-security/saker/pkg/field"
)

// failure is what is known where the generated parser found no way on.
type failure struct {
	text string
	// at is the offending place: from the token that does not fit to the end of the word that it begins.
	at Range
	// kind and last are the types of the token that does not fit and of the one before it, whose text is word.
	kind, last int
	word       string
	// open are the parentheses that are open before the offending place.
	open []bracket
}

// explain says in our own words what was expected where the parser, inside the given rule of the grammar, did not know
// how to go on.
func explain(text string, t *tokens, rule int) *Diagnostic {
	token := t.LT(1)
	f := &failure{text: text, kind: token.GetTokenType(), last: t.lastType(), at: tokenRange(token), open: t.open}
	if t.last != nil {
		last := tokenRange(t.last)
		f.word = strings.TrimRight(text[last.Start:last.End], blanks)
	}
	if n := len(f.open); n > 0 && f.open[n-1].offset >= f.at.Start {
		f.open = f.open[:n-1]
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
	case grammar.ConditionParserRULE_condition:
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
	case grammar.ConditionParserRULE_input, grammar.ConditionParserRULE_transform, grammar.ConditionParserRULE_close:
		return f.transformerArgument()
	case grammar.ConditionParserRULE_item, grammar.ConditionParserRULE_group:
		return f.groupItem()
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
	switch word := strings.ToLower(f.text[f.at.Start:f.at.End]); word {
	case "and", "or":
		return lowerCase(word)
	}
	for _, l := range lookalikes {
		if strings.HasPrefix(rest, l.text) {
			return l.hint
		}
	}
	switch f.last {
	case grammar.ConditionLexerMACRO:
		return f.afterMacroHint(rest)
	case grammar.ConditionLexerBARE, grammar.ConditionLexerQUOTED, grammar.ConditionLexerNUMBER:
		return f.afterValueHint(rest)
	case grammar.ConditionLexerMODIFIER:
		if rest[0] == '(' {
			return fmt.Sprintf("put a blank between the operator and %s", f.word)
		}
	case grammar.ConditionLexerNAME:
		if hint := f.insideWordHint(); hint != "" {
			return hint
		}
		if isModifier(f.word) {
			return "in, intersects and pmatch take no modifier; write the list directly after the operator"
		}
		if rest[0] == '(' {
			return "write the list directly after the operator: in, intersects or pmatch"
		}
	}
	return `connect the conditions with "and" or "or"`
}

// insideWordHint says what is meant by a word that was read as "in" and the name of a list, such as includes.
func (f *failure) insideWordHint() string {
	before := strings.TrimRight(f.text[:f.at.Start], blanks)
	start := len(before) - len(f.word)
	for start > 0 && isWord(before[start-1]) {
		start--
	}
	if start < 0 || len(before)-start == len(f.word) {
		return ""
	}
	return operatorHint(before[start:])
}

func isModifier(word string) bool {
	switch Modifier(word) {
	case ModifierOneOf, ModifierAnyOf, ModifierAllOf:
		return true
	}
	return false
}

// afterMacroHint says what to do with text that follows a name that stands alone, which is a macro.
func (f *failure) afterMacroHint(rest string) string {
	if name, ok := field.Renamed(f.word); ok && rest[0] != '(' {
		return fmt.Sprintf("did you mean the field %s?", name)
	}
	switch {
	case strings.EqualFold(f.word, "not"):
		return lowerCase("not")
	case rest[0] == '(':
		return f.transformerHint()
	case strings.IndexByte("=!<>", rest[0]) >= 0:
		return "a name without a dot is a macro, which is not compared; names of fields have a dot, such as proc.name"
	case rest[0] == '.':
		return "a dot in a field's name is followed by a letter"
	case rest[0] == '-':
		return "names of macros hold only letters, digits and underscores"
	}
	return `connect the conditions with "and" or "or"`
}

// transformerHint says what to do about a word with a parenthesis that is not taken for a transformer.
func (f *failure) transformerHint() string {
	name := strings.ToLower(f.word)
	switch {
	case name == "val" && f.last == grammar.ConditionLexerMACRO:
		return "val() stands only on the right-hand side of a check; write the field alone"
	case name != "val" && !slices.Contains(strings.Split(transformers, ", "), name):
		if f.last == grammar.ConditionLexerMACRO {
			return "known transformers are " + transformers
		}
		return "a value with parentheses in it needs quotation marks; known transformers are val, " + transformers
	case name != f.word:
		return lowerCase(name)
	}
	return "put no blank between " + name + " and its '('"
}

// afterValueHint says what to do with text that follows a constant.
func (f *failure) afterValueHint(rest string) string {
	switch {
	case f.last == grammar.ConditionLexerNUMBER:
		return "a number is decimal or hexadecimal without a unit; an exponent needs its sign, such as 1e+3"
	case f.word == ">" || f.word == "<":
		return fmt.Sprintf(`the operator is %s=; here = was read as the operator and %s as the value`, f.word, f.word)
	case f.word == "~":
		return `write "regex" to match a regular expression`
	case f.word == "and" || f.word == "or" || f.word == "not":
		return fmt.Sprintf("write a value after the operator; here %q was read as the value", f.word)
	case rest[0] == '(':
		return f.transformerHint()
	case f.last == grammar.ConditionLexerBARE && strings.Contains(f.word, "&&"):
		return `write "and" for "&&", with blanks around it`
	case f.last == grammar.ConditionLexerBARE && strings.Contains(f.word, "||"):
		return `write "or" for "||", with blanks around it`
	case rest[0] == '"' || rest[0] == '\'':
		return "a value with quotation marks in it needs quotation marks of the other kind around it"
	case strings.IndexByte("=,", rest[0]) >= 0:
		return "a value with = or a comma in it needs quotation marks around it"
	case strings.HasSuffix(f.word, "and") || strings.HasSuffix(f.word, "or"):
		return `put a blank before "and" and "or"; a value with blanks in it needs quotation marks`
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
	switch f.text[f.at.Start] {
	case ' ':
		return ", found a blank"
	case '\t':
		return ", found a tab"
	case '\r', '\n':
		return ", found the end of a line"
	}
	const most = 24
	word := f.text[f.at.Start:f.at.End]
	if len(word) > most {
		return fmt.Sprintf(", found %s...", visible(word[:align(word, most)]))
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
		return fmt.Sprintf(`a %c after a backslash does not end the string; write \x5c for a backslash at the end`, quote)
	}
	return fmt.Sprintf("add a %c at the end of the string", quote)
}

// wordEnd finds the end of the word, the run of signs or the single character that begins at start.
func wordEnd(text string, start int) int {
	if start >= len(text) {
		return start
	}
	same := isSign
	if c := text[start]; isWord(c) && c != '.' && c != '-' {
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

package program

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
)

// regexFlags are those of RE2 in its POSIX egrep mode, whose syntax the language takes over: no Perl classes, no \b,
// no (?...), ^ and $ match at line breaks, a dot does not match a line break but [^x] does.
const regexFlags = syntax.ClassNL

// regex matches the whole text. Most texts do not match, and most of these lack a literal that the pattern requires:
// comparing that first saves running the automaton.
type regex struct {
	re *regexp.Regexp
	// exact is true when the pattern is a plain text, which is prefix then.
	exact                  bool
	prefix, suffix, inside string
}

func newRegex(pattern string) (test, error) {
	tree, err := syntax.Parse(pattern, regexFlags)
	if err != nil {
		return nil, err
	}
	// String writes the tree in Perl syntax, with the flags spelled out, so that package regexp means the same by it.
	re, err := regexp.Compile(`\A(?:` + tree.String() + `)\z`)
	if err != nil {
		return nil, err
	}
	r := &regex{re: re}
	r.literals(tree.Simplify())
	return r, nil
}

// literals finds the texts that every match must have.
func (r *regex) literals(tree *syntax.Regexp) {
	parts := flatten(tree, nil)
	// At the ends of the pattern a line anchor always holds, since the whole text is matched.
	for len(parts) > 0 && parts[0].Op == syntax.OpBeginLine {
		parts = parts[1:]
	}
	for len(parts) > 0 && parts[len(parts)-1].Op == syntax.OpEndLine {
		parts = parts[:len(parts)-1]
	}
	for i, p := range parts {
		if p.Op != syntax.OpLiteral {
			continue
		}
		text := string(p.Rune)
		if strings.ContainsRune(text, '\uFFFD') {
			continue // stands for any malformed byte, which a comparison of bytes would miss
		}
		if i == 0 {
			r.prefix = text
			r.exact = len(parts) == 1
		}
		if i == len(parts)-1 {
			r.suffix = text
		}
		if len(text) > len(r.inside) {
			r.inside = text
		}
	}
	if r.inside == r.prefix || r.inside == r.suffix {
		r.inside = ""
	}
	if tree.Op == syntax.OpEmptyMatch {
		r.exact = true
	}
}

// flatten lists the parts of a concatenation, with groups opened.
func flatten(tree *syntax.Regexp, parts []*syntax.Regexp) []*syntax.Regexp {
	switch tree.Op {
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range tree.Sub {
			parts = flatten(sub, parts)
		}
		return parts
	}
	return append(parts, tree)
}

func (r *regex) match(v *event.Value) bool {
	s := v.Text
	if r.exact {
		return s == r.prefix
	}
	return strings.HasPrefix(s, r.prefix) && strings.HasSuffix(s, r.suffix) &&
		(r.inside == "" || strings.Contains(s, r.inside)) && r.re.MatchString(s)
}

// mostPatternBytes bounds the regular expressions of a condition together: to compile one takes a few hundred times its
// length in memory.
const mostPatternBytes = 1 << 16

// regexBudget reports patterns that are too long to be compiled.
func (c *compiler) regexBudget(texts []*condition.Text) bool {
	for _, t := range texts {
		if c.patterns += len(t.Value); c.patterns > mostPatternBytes {
			c.fail(CodeBadRegex, t.Span(), "compare with plain texts where that says the same",
				"the regular expressions of this condition are longer than %d bytes together", mostPatternBytes)
			return false
		}
	}
	return true
}

// failRegex reports a pattern that is not in the syntax, with what to write instead of the usual Perl habits.
func (c *compiler) failRegex(t *condition.Text, err error) {
	var e *syntax.Error
	if !errors.As(err, &e) {
		c.fail(CodeBadRegex, t.Span(), "", "%s is not a regular expression: %v", quote(t.Value), err)
		return
	}
	reason := e.Code.String()
	if e.Expr != "" {
		reason += " " + quote(e.Expr)
	}
	c.fail(CodeBadRegex, t.Span(), regexHint(t.Value, e), "%s is not a regular expression: %s", quote(t.Value), reason)
}

func regexHint(pattern string, e *syntax.Error) string {
	switch {
	case e.Code == syntax.ErrInvalidEscape && len(e.Expr) == 2:
		if class := perlClasses[e.Expr[1]]; class != "" {
			return fmt.Sprintf("the syntax is POSIX: write %s", class)
		}
		return "the syntax is POSIX, which has no such escape"
	case strings.Contains(pattern, "(?i)"):
		return "the syntax is POSIX: compare tolower(field) instead of using (?i)"
	case strings.Contains(pattern, "(?"):
		return "the syntax is POSIX: groups are written (...)"
	case e.Code == syntax.ErrInvalidRepeatSize:
		return "a repetition may count to 1000"
	}
	return ""
}

// perlClasses are Perl's escapes and what POSIX has in their place.
var perlClasses = map[byte]string{
	'd': "[0-9]", 'D': "[^0-9]", 'w': "[0-9A-Za-z_]", 'W': "[^0-9A-Za-z_]", 's': "[[:space:]]", 'S': "[^[:space:]]",
	'b': "the characters around the word, such as [^a-z]",
}

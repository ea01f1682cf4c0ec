package program

import (
	"regexp"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
)

// warnConstants reports constants that are valid but probably not what was meant.
func (c *compiler) warnConstants(n *condition.Check, texts []*condition.Text) {
	for _, t := range texts {
		switch {
		case n.Op == condition.OpRegex && plainRegex.MatchString(t.Value):
			c.warn(CodeSimplerOperator, t.Span(), "=, contains, startswith or endswith says the same and is faster",
				"pattern %s needs no regular expression", quote(t.Value))
		case n.Op == condition.OpPMatch && strings.Trim(t.Value, "/") == "":
			c.warn(CodeMatchesEverything, t.Span(), "leave it out, or ask whether the field exists",
				"path %s matches every value", quote(t.Value))
		}
		c.warnMisused(t)
	}
}

// plainRegex is a pattern in which nothing is special but ^, $ and one wildcard at the ends.
var plainRegex = regexp.MustCompile(`^\^?(\.[*+?])?[^][^$.*+?(){}|\\]*(\.[*+?])?\$?$`)

// warnMisused reports a text that looks like a field or a transformer, which compare as text only.
func (c *compiler) warnMisused(t *condition.Text) {
	if strings.ContainsAny(t.Value, " \t\r\n\b") {
		return
	}
	name, rest, bracket := strings.Cut(t.Value, "[")
	if f, _, ok := c.catalogue.Lookup(name); ok && (!bracket || strings.HasSuffix(rest, "]")) {
		c.warn(CodeFieldAsText, t.Span(), "write val("+t.Value+") to compare with the value of field "+f.Name,
			"%s is compared as text although it is the name of a field", t.Value)
		return
	}
	if m := transformerLike.FindStringSubmatch(t.Value); m != nil && (m[1] == "val" || transformers[m[1]] != nil) {
		c.warn(CodeTransformerAsText, t.Span(), "write it without quotation marks to apply "+m[1],
			"%s is compared as text although it looks like a transformer", t.Value)
	}
}

var transformerLike = regexp.MustCompile(`^([a-z0-9]+)\(.*\)$`)

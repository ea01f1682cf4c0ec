package analysis

import (
	"strings"

	"github.com/saker-security/saker/pkg/condition"
)

// maxPatterns is how many constants of one check are compared one by one with those of another.
const maxPatterns = 64

// pattern is one constant of an operator on texts, with what is sure about every text that fits.
type pattern struct {
	op   condition.Op
	text string
	// prefix and suffix begin and end every text that fits.
	prefix, suffix string
	// path are the components of a pmatch path; globs is set when one of them is a pattern.
	path  []string
	globs bool
}

// anything is the pattern that every text fits.
var anything = pattern{op: condition.OpContains}

func newPattern(op condition.Op, text string) pattern {
	p := pattern{op: op, text: text}
	switch op {
	case condition.OpStartsWith:
		p.prefix = text
	case condition.OpEndsWith:
		p.suffix = text
	case condition.OpIContains:
		p.text = lower(text)
	case condition.OpGlob, condition.OpIGlob:
		switch {
		case text != "" && strings.Trim(text, "*") == "":
			p = anything
		case op == condition.OpGlob:
			p.prefix, p.suffix = globEnds(text)
		}
	case condition.OpRegex:
		p.prefix = regexPrefix(text)
	case condition.OpPMatch:
		p.path = components(text)
		p.globs = strings.ContainsAny(text, "*?[")
	}
	return p
}

func components(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// globEnds gives the literal text before the first special character of a glob and behind the last.
func globEnds(glob string) (prefix, suffix string) {
	if strings.ContainsAny(glob, `[]\`) {
		prefix = glob[:strings.IndexAny(glob, `[]\*?`)]
		return prefix, ""
	}
	first := strings.IndexAny(glob, "*?")
	if first < 0 {
		return glob, glob
	}
	return glob[:first], glob[strings.LastIndexAny(glob, "*?")+1:]
}

// regexPrefix gives the literal text that a regular expression begins with.
func regexPrefix(regex string) string {
	if strings.ContainsRune(regex, '|') {
		return ""
	}
	n := strings.IndexAny(regex, `\.[]()*+?{}^$`)
	switch {
	case n < 0:
		return regex
	case n > 0 && strings.IndexByte("*?{", regex[n]) >= 0:
		// What the quantifier repeats may be missing; a character of several bytes is left out as a whole.
		n--
		for n > 0 && regex[n]&0xC0 == 0x80 {
			n--
		}
	}
	return regex[:n]
}

// lower turns ASCII letters to lower case and leaves other bytes alone, as comparisons without case do.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// apart tells that no text fits both patterns.
func (p pattern) apart(q pattern) bool {
	switch {
	case p.op == condition.OpPMatch && q.op == condition.OpPMatch:
		return !p.globs && !q.globs && !prefixOf(p.path, q.path) && !prefixOf(q.path, p.path)
	case p.op == condition.OpPMatch:
		return !p.globs && p.pathApart(q.prefix)
	case q.op == condition.OpPMatch:
		return q.apart(p)
	}
	return !strings.HasPrefix(p.prefix, q.prefix) && !strings.HasPrefix(q.prefix, p.prefix) ||
		!strings.HasSuffix(p.suffix, q.suffix) && !strings.HasSuffix(q.suffix, p.suffix)
}

// pathApart tells that a path below p begins with no such text.
func (p pattern) pathApart(prefix string) bool {
	whole, part := split(prefix)
	for i, name := range p.path {
		if i == len(whole) {
			return !strings.HasPrefix(name, part)
		}
		if name != whole[i] {
			return true
		}
	}
	return false
}

// split takes the beginning of a path apart into its whole components and the beginning of the next.
func split(prefix string) (whole []string, part string) {
	whole = components(prefix)
	if n := len(whole); n > 0 && !strings.HasSuffix(prefix, "/") {
		return whole[:n-1], whole[n-1]
	}
	return whole, ""
}

func prefixOf(short, long []string) bool {
	if len(short) > len(long) {
		return false
	}
	for i := range short {
		if short[i] != long[i] {
			return false
		}
	}
	return true
}

// implies tells that each text that fits p fits q.
func (p pattern) implies(q pattern) bool {
	if p.op == q.op && p.text == q.text {
		return true
	}
	switch q.op {
	case condition.OpStartsWith:
		return strings.HasPrefix(p.prefix, q.text)
	case condition.OpEndsWith:
		return strings.HasSuffix(p.suffix, q.text)
	case condition.OpContains:
		return strings.Contains(p.prefix, q.text) || strings.Contains(p.suffix, q.text) ||
			p.op == condition.OpContains && strings.Contains(p.text, q.text)
	case condition.OpIContains:
		return strings.Contains(lower(p.prefix), q.text) || strings.Contains(lower(p.suffix), q.text) ||
			(p.op == condition.OpContains || p.op == condition.OpIContains) && strings.Contains(lower(p.text), q.text)
	case condition.OpPMatch:
		if q.globs {
			return false
		}
		if p.op == condition.OpPMatch {
			return !p.globs && prefixOf(q.path, p.path)
		}
		whole, _ := split(p.prefix)
		return prefixOf(q.path, whole)
	}
	return false
}

// allApart tells that no text fits one of ps and one of qs.
func allApart(ps, qs []pattern) bool {
	for _, p := range ps {
		for _, q := range qs {
			if !p.apart(q) {
				return false
			}
		}
	}
	return len(ps) > 0 && len(qs) > 0
}

// allImply tells that each text that fits one of ps fits one of qs.
func allImply(ps, qs []pattern) bool {
	for _, p := range ps {
		found := false
		for _, q := range qs {
			found = found || p.implies(q)
		}
		if !found {
			return false
		}
	}
	return len(ps) > 0
}

package program

import (
	"strings"

	"github.com/saker-security/saker/pkg/event"
)

// glob is a pattern of POSIX fnmatch without flags, in the C locale: ? and * match any bytes, also slashes and a
// leading dot; [...] is a set of bytes; a backslash quotes. The whole text must match.
type glob struct {
	pattern string
	fold    bool
	// prefix is what the text must start with (empty with fold). With rest, the pattern is the prefix, one * and the
	// suffix, and no matching is needed beyond comparing these.
	prefix, suffix string
	simple         bool
	star           bool
}

// newGlob prepares a pattern; fold makes ASCII letters match without case.
func newGlob(pattern string, fold bool) *glob {
	g := &glob{pattern: pattern, fold: fold}
	if fold {
		return g
	}
	special := strings.IndexAny(pattern, `*?[\`)
	if special < 0 {
		g.prefix, g.simple = pattern, true
		return g
	}
	g.prefix = pattern[:special]
	if pattern[special] == '*' {
		rest := strings.TrimLeft(pattern[special:], "*")
		if !strings.ContainsAny(rest, `*?[\`) {
			g.suffix, g.simple, g.star = rest, true, true
		}
	}
	return g
}

func (g *glob) match(v *event.Value) bool {
	s := v.Text
	if !strings.HasPrefix(s, g.prefix) {
		return false
	}
	if !g.simple {
		return globMatch(g.pattern, s, g.fold)
	}
	if !g.star {
		return len(s) == len(g.prefix)
	}
	return len(s) >= len(g.prefix)+len(g.suffix) && strings.HasSuffix(s, g.suffix)
}

// globMatch matches s against pattern. It goes back only to the last *, since what an earlier * took can never help
// a later one; so the time is at most the product of the two lengths.
func globMatch(pattern, s string, fold bool) bool {
	p, i := 0, 0
	back, from := -1, 0 // where to go on after a mismatch: behind the last *, and at which byte of s
	for {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			back, from = p, i
			continue
		}
		if i == len(s) && p == len(pattern) {
			return true
		}
		if i < len(s) && p < len(pattern) {
			if next, ok := globOne(pattern, p, s[i], fold); ok {
				p, i = next, i+1
				continue
			}
		}
		if back < 0 || from >= len(s) {
			return false
		}
		from++
		p, i = back, from
	}
}

// globOne matches the byte c with the element of pattern at p, which is not *, and gives where the next one starts.
func globOne(pattern string, p int, c byte, fold bool) (next int, ok bool) {
	switch pattern[p] {
	case '?':
		return p + 1, true
	case '\\':
		if p+1 == len(pattern) {
			return p, false // a backslash that quotes nothing matches nothing
		}
		return p + 2, same(pattern[p+1], c, fold)
	case '[':
		if next, ok, closed := globSet(pattern, p+1, c, fold); closed {
			return next, ok
		}
	}
	return p + 1, same(pattern[p], c, fold)
}

func same(a, b byte, fold bool) bool {
	return a == b || fold && lowerByte(a) == lowerByte(b)
}

// globSet matches c with the bracket expression whose content starts at p. closed is false when there is no closing
// bracket; the opening one is an ordinary byte then. Where an element is malformed and none before it holds c, the set
// matches nothing, not even when it is negated.
func globSet(pattern string, p int, c byte, fold bool) (next int, ok, closed bool) {
	negated := p < len(pattern) && (pattern[p] == '!' || pattern[p] == '^')
	if negated {
		p++
	}
	found, valid := false, true
	for first := true; ; first = false {
		if p >= len(pattern) {
			return 0, false, false
		}
		if pattern[p] == ']' && !first {
			return p + 1, valid && found != negated, true
		}
		if name, after, isClass := bracketName(pattern, p, ':'); isClass {
			in, known := inClass(name, c)
			valid = valid && (known || found)
			found, p = found || in, after
			continue
		}
		lo, after, element := globElement(pattern, p)
		if after > len(pattern) {
			return 0, false, false
		}
		p, valid = after, valid && (element || found)
		hi := lo
		if p+1 < len(pattern) && pattern[p] == '-' && pattern[p+1] != ']' {
			hi, after, element = globElement(pattern, p+1)
			if after > len(pattern) {
				return 0, false, false
			}
			p, valid = after, valid && (element || found)
		}
		found = found || inRange(lo, hi, c, fold)
	}
}

// globElement reads one byte of a bracket expression, which may be quoted or written as [.x.] or [=x=]. after is
// beyond the pattern when the pattern ends too early.
func globElement(pattern string, p int) (c byte, after int, valid bool) {
	for _, mark := range []byte{'.', '='} {
		if name, after, ok := bracketName(pattern, p, mark); ok {
			if len(name) != 1 {
				return 0, after, false
			}
			return name[0], after, true
		}
	}
	if pattern[p] != '\\' {
		return pattern[p], p + 1, true
	}
	if p+1 >= len(pattern) {
		return 0, len(pattern) + 1, true
	}
	return pattern[p+1], p + 2, true
}

// bracketName reads [:name:] at p, or the same with another mark.
func bracketName(pattern string, p int, mark byte) (name string, after int, ok bool) {
	if p+1 >= len(pattern) || pattern[p] != '[' || pattern[p+1] != mark {
		return "", 0, false
	}
	end := strings.Index(pattern[p+2:], string([]byte{mark, ']'}))
	if end < 0 {
		return "", 0, false
	}
	return pattern[p+2 : p+2+end], p + 2 + end + 2, true
}

// inRange tells whether c is from lo to hi; with fold, whether it is so in one of its two cases.
func inRange(lo, hi, c byte, fold bool) bool {
	if lo <= c && c <= hi {
		return true
	}
	if !fold {
		return false
	}
	l, u := lowerByte(c), upperByte(c)
	return lo <= l && l <= hi || lo <= u && u <= hi
}

// inClass tells whether c is in the POSIX character class called name, in the C locale. Classes look at the byte as it
// is, also when case is ignored, except that [:upper:] and [:lower:] then hold the letters of both cases.
func inClass(name string, c byte) (in, known bool) {
	isLower, isUpper, isDigit := 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9'
	switch name {
	case "alpha":
		return isLower || isUpper, true
	case "digit":
		return isDigit, true
	case "alnum":
		return isLower || isUpper || isDigit, true
	case "lower":
		return isLower, true
	case "upper":
		return isUpper, true
	case "space":
		return c == ' ' || '\t' <= c && c <= '\r', true
	case "blank":
		return c == ' ' || c == '\t', true
	case "punct":
		return '!' <= c && c <= '~' && !isLower && !isUpper && !isDigit, true
	case "print":
		return ' ' <= c && c <= '~', true
	case "graph":
		return '!' <= c && c <= '~', true
	case "cntrl":
		return c < ' ' || c == 0x7f, true
	case "xdigit":
		return isDigit || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F', true
	}
	return false, false
}

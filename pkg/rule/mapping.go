package rule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// mapping is a YAML mapping being read: which keys it has, and where.
type mapping struct {
	load *loader
	file *source
	node *yaml.Node
	// context is the item that is being read.
	context *context
	keys    []string
	pairs   map[string]pair
	// failed is set when an error was reported.
	failed bool
}

type pair struct{ key, value *yaml.Node }

// newMapping indexes a mapping node. A key that is there twice is an error: one of the two values would be ignored.
func (l *loader) newMapping(c *context, node *yaml.Node) *mapping {
	m := &mapping{load: l, file: c.file, node: node, context: c, pairs: make(map[string]pair, len(node.Content)/2)}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := follow(node.Content[i]), follow(node.Content[i+1])
		if key.Kind != yaml.ScalarNode {
			m.errorAt(key, kindKey, "", "a key must be a text")
			continue
		}
		if first, ok := m.pairs[key.Value]; ok {
			line := m.file.position(m.file.offset(first.key.Line, first.key.Column)).Line
			m.errorAt(key, kindDuplicate, "remove one of the two", "key %s is there twice, first on line %d", quote(key.Value), line)
			continue
		}
		m.keys = append(m.keys, key.Value)
		m.pairs[key.Value] = pair{key, value}
	}
	return m
}

// follow gives the node that an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

// nodeSpan is where a node stands: all of a scalar, the start of anything else.
func nodeSpan(file *source, n *yaml.Node) span {
	if n.Kind == yaml.ScalarNode && n.Value != "" {
		s := newScalar(file, n)
		if at := s.span(0, len(n.Value)); at.end > at.start {
			return at
		}
	}
	at := markOf(file, n)
	return span{at, at}
}

// wholeSpan is the stretch of the file that a value takes, from its first to its last scalar.
func wholeSpan(file *source, n *yaml.Node) span {
	at := nodeSpan(file, n)
	if n.Kind == yaml.ScalarNode {
		return at
	}
	for last := n; ; {
		if len(last.Content) == 0 {
			end := nodeSpan(file, last)
			return span{at.start, max(at.end, end.end)}
		}
		last = last.Content[len(last.Content)-1] // an alias is not followed: what it repeats stands elsewhere
	}
}

func (m *mapping) has(key string) bool { _, ok := m.pairs[key]; return ok }

func (m *mapping) value(key string) *yaml.Node { return m.pairs[key].value }

// in gives the context of the value of a key.
func (m *mapping) in(key string) *context { return m.context.inside(inValue, key, m.value(key)) }

// report adds a finding in the context c.
func (m *mapping) report(c *context, p problem) {
	m.failed = m.failed || p.kind.severity == 0
	m.load.found.report(m.file, c, p)
}

// errorAt reports a finding at a node of the mapping, in the context of its item.
func (m *mapping) errorAt(n *yaml.Node, k kind, hint, format string, args ...any) {
	m.errorIn(m.context, n, k, hint, format, args...)
}

// errorIn reports a finding at a node of the mapping, in the context c.
func (m *mapping) errorIn(c *context, n *yaml.Node, k kind, hint, format string, args ...any) {
	m.report(c, problem{kind: k, at: nodeSpan(m.file, n), hint: hint, message: fmt.Sprintf(format, args...)})
}

// keyError reports a finding at a key of the mapping.
func (m *mapping) keyError(key string, k kind, hint, format string, args ...any) {
	m.errorAt(m.pairs[key].key, k, hint, format, args...)
}

// missing reports that a key is not there.
func (m *mapping) missing(key, hint string) {
	m.report(m.context, problem{kind: kindMissing, at: m.start(), message: fmt.Sprintf("key %s is missing", quote(key)), hint: hint})
}

// scalar reads a value that must be a text that is not empty. Any YAML scalar will do: a rule may be called 5.
func (m *mapping) scalar(key string) (*scalar, bool) {
	p, ok := m.pairs[key]
	switch {
	case !ok:
		m.missing(key, fmt.Sprintf("add %s", key+": …"))
	case isNull(p.value):
		m.keyError(key, kindEmpty, "", "key %s has no value", quote(key))
	case p.value.Kind != yaml.ScalarNode:
		m.errorIn(m.in(key), p.value, kindShape, "", "the value of %s must be a text, not %s", quote(key), kindName(p.value))
	case p.value.Value == "":
		m.errorIn(m.in(key), p.key, kindEmpty, "", "key %s has no value", quote(key))
	default:
		return newScalar(m.file, p.value), true
	}
	return nil, false
}

// boolean reads a truth value as YAML 1.1 writes it; an absent key, or one with an error, gives absent.
func (m *mapping) boolean(key string, absent bool) bool {
	if !m.has(key) {
		return absent
	}
	s, ok := m.scalar(key)
	if !ok {
		return absent
	}
	switch v := s.value(); {
	case oneOf(v, "true", "yes", "on", "y"):
		return true
	case oneOf(v, "false", "no", "off", "n"):
		return false
	}
	m.errorIn(m.in(key), s.node, kindShape, "write true or false", "the value of %s must be true or false, not %s", quote(key), quote(s.value()))
	return absent
}

// number reads a number that is not negative; an absent key, or one with an error, gives absent.
func (m *mapping) number(key string, absent uint64) uint64 {
	if !m.has(key) {
		return absent
	}
	s, ok := m.scalar(key)
	if !ok {
		return absent
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(s.value(), "+"), 10, 32)
	if err != nil {
		m.errorIn(m.in(key), s.node, kindShape, "write a number such as 5000", "the value of %s must be a number from 0 to %d, not %s",
			quote(key), uint32(1<<32-1), quote(s.value()))
		return absent
	}
	return n
}

// oneOf tells whether v is one of words, in lower case, upper case or with a capital.
func oneOf(v string, words ...string) bool {
	for _, w := range words {
		if v == w || v == strings.ToUpper(w) || v == strings.ToUpper(w[:1])+w[1:] {
			return true
		}
	}
	return false
}

// sequence reads a value that must be a list of scalars. The list may be empty; its items may not be.
func (m *mapping) sequence(key string) ([]*scalar, bool) {
	p, ok := m.pairs[key]
	switch {
	case !ok:
		m.missing(key, fmt.Sprintf("add %s: [], or with items", key))
		return nil, false
	case isNull(p.value):
		m.errorIn(m.in(key), p.key, kindEmpty, "write [] for an empty list", "key %s has no value", quote(key))
		return nil, false
	case p.value.Kind != yaml.SequenceNode:
		m.errorIn(m.in(key), p.value, kindShape, fmt.Sprintf("write %s: [a, b]", key), "the value of %s must be a list, not %s",
			quote(key), kindName(p.value))
		return nil, false
	}
	items := make([]*scalar, 0, len(p.value.Content))
	good := true
	for _, n := range p.value.Content {
		n = follow(n)
		if n.Kind != yaml.ScalarNode || isNull(n) {
			m.errorIn(m.in(key).inside(inListItem, "", n), n, kindShape, "", "an item of %s must be a text, not %s", quote(key), kindName(n))
			good = false
			continue
		}
		items = append(items, newScalar(m.file, n))
	}
	return items, good
}

// start is the place of the mapping as a whole: its first key.
func (m *mapping) start() span {
	if len(m.node.Content) > 0 {
		return nodeSpan(m.file, m.node.Content[0])
	}
	return nodeSpan(m.file, m.node)
}

// unknownKeys reports the keys that are not among known. Falco ignores them with a warning.
func (m *mapping) unknownKeys(k kind, known ...string) {
	for _, key := range m.keys {
		if slices.Contains(known, key) || m.load.found.full(k.severity) {
			continue
		}
		p := problem{kind: k, at: nodeSpan(m.file, m.pairs[key].key), message: fmt.Sprintf("unknown key %s is ignored", quote(key))}
		if near := nearest(key, known); near != "" {
			p.hint = "did you mean " + near + "?"
			if !m.has(near) {
				p.suggestion = near
			}
		}
		m.report(m.context, p)
	}
}

// replace is the fix that writes text over a stretch of the file.
func (s *source) replace(at span, text string) []Fix {
	return []Fix{{Title: fmt.Sprintf("replace %s by %s", s.data[at.start:at.end], text),
		Edits: []Edit{{File: s.name, Start: at.start, End: at.end, Text: text}}}}
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

func kindName(n *yaml.Node) string {
	switch {
	case isNull(n):
		return "nothing"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	}
	return "a text"
}

// quote shows a text from a file in a message: in single quotes, control characters escaped, cut when it is long.
func quote(s string) string {
	const longest = 60
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	q := strconv.Quote(s)
	return "'" + strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`) + "'"
}

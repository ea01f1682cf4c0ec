package rule

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// mapping is a YAML mapping being read: which keys it has, and where.
type mapping struct {
	load  *loader
	file  *source
	node  *yaml.Node
	owner owner
	keys  []string
	pairs map[string]pair
}

type pair struct{ key, value *yaml.Node }

// newMapping indexes a mapping node. A key that is there twice is an error: one of the two values would be ignored.
func (l *loader) newMapping(file *source, node *yaml.Node) *mapping {
	m := &mapping{load: l, file: file, node: node, pairs: map[string]pair{}}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := follow(node.Content[i]), follow(node.Content[i+1])
		if key.Kind != yaml.ScalarNode {
			l.report(file, m.owner, problem{kind: kindShape, at: nodeSpan(file, key), message: "a key must be a text"})
			continue
		}
		if first, ok := m.pairs[key.Value]; ok {
			line := file.position(file.offset(first.key.Line, first.key.Column)).Line
			l.report(file, m.owner, problem{kind: kindDuplicate, at: nodeSpan(file, key),
				message: fmt.Sprintf("key %s is there twice, first on line %d", quote(key.Value), line),
				hint:    "remove one of the two"})
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
	at := contentStart(file.data, file.offset(n.Line, n.Column))
	return span{at, at}
}

func (m *mapping) has(key string) bool { _, ok := m.pairs[key]; return ok }

// errorAt reports a finding at a node of the mapping.
func (m *mapping) errorAt(n *yaml.Node, k kind, hint, format string, args ...any) {
	m.load.report(m.file, m.owner, problem{kind: k, at: nodeSpan(m.file, n), hint: hint, message: fmt.Sprintf(format, args...)})
}

// keyError reports a finding at a key of the mapping.
func (m *mapping) keyError(key string, k kind, hint, format string, args ...any) {
	m.errorAt(m.pairs[key].key, k, hint, format, args...)
}

// scalar reads a value that must be a text that is not empty. Any YAML scalar will do: a rule may be called 5.
func (m *mapping) scalar(key string) (*scalar, bool) {
	p, ok := m.pairs[key]
	if !ok {
		m.load.report(m.file, m.owner, problem{kind: kindMissing, at: m.start(), message: fmt.Sprintf("key %s is missing", quote(key)),
			hint: fmt.Sprintf("add %s", key+": …")})
		return nil, false
	}
	switch {
	case isNull(p.value) || p.value.Kind == yaml.ScalarNode && p.value.Value == "":
		m.keyError(key, kindEmpty, "", "key %s has no value", quote(key))
	case p.value.Kind != yaml.ScalarNode:
		m.errorAt(p.value, kindShape, "", "the value of %s must be a text, not %s", quote(key), kindName(p.value))
	default:
		return newScalar(m.file, p.value), true
	}
	return nil, false
}

// boolean reads a truth value as YAML 1.1 writes it; an absent key gives absent.
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
	m.errorAt(s.node, kindShape, "write true or false", "the value of %s must be true or false, not %s", quote(key), quote(s.value()))
	return absent
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
		m.load.report(m.file, m.owner, problem{kind: kindMissing, at: m.start(), message: fmt.Sprintf("key %s is missing", quote(key))})
		return nil, false
	case isNull(p.value):
		m.keyError(key, kindEmpty, "write [] for an empty list", "key %s has no value", quote(key))
		return nil, false
	case p.value.Kind != yaml.SequenceNode:
		m.errorAt(p.value, kindShape, fmt.Sprintf("write %s: [a, b]", key), "the value of %s must be a list, not %s", quote(key), kindName(p.value))
		return nil, false
	}
	items := make([]*scalar, 0, len(p.value.Content))
	good := true
	for _, n := range p.value.Content {
		n = follow(n)
		if n.Kind != yaml.ScalarNode || isNull(n) {
			m.errorAt(n, kindShape, "", "an item of %s must be a text, not %s", quote(key), kindName(n))
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
func (m *mapping) unknownKeys(known ...string) {
	for _, key := range m.keys {
		if !contains(known, key) {
			hint := ""
			if near := nearest(key, known); near != "" {
				hint = "did you mean " + near + "?"
			}
			m.keyError(key, kindUnknownKey, hint, "unknown key %s is ignored", quote(key))
		}
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
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

package config

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// value is one node of the configuration: a scalar, a sequence or a mapping.
type value struct {
	scalar string
	isSet  bool
	list   []*value
	keys   map[string]*value
	order  []string
	// origin says where it was written: file:line:column or the option. key is the same for its key.
	origin, key string
}

// maxNodes bounds the nodes of a configuration file, aliases counted each time they are used.
const maxNodes = 100_000

type reader struct {
	name  string
	env   func(string) string
	nodes int
}

// read parses a configuration file.
func (r *reader) read(data []byte) (*value, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("read %s: %w", r.name, err)
	}
	root := &value{keys: map[string]*value{}}
	if len(doc.Content) == 0 {
		return root, nil
	}
	top := doc.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return root, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d:%d: the configuration must be a mapping of keys to values", r.name, top.Line, top.Column)
	}
	return r.node(top)
}

func (r *reader) node(n *yaml.Node) (*value, error) {
	if r.nodes++; r.nodes > maxNodes {
		return nil, fmt.Errorf("%s:%d:%d: more than %d values, counting aliases each time they are used", r.name, n.Line, n.Column, maxNodes)
	}
	v := &value{origin: fmt.Sprintf("%s:%d:%d", r.name, n.Line, n.Column)}
	switch n.Kind {
	case yaml.AliasNode:
		return r.node(n.Alias)
	case yaml.ScalarNode:
		v.isSet = n.Tag != "!!null"
		v.scalar = expand(n.Value, r.env)
	case yaml.SequenceNode:
		v.list = []*value{}
		for _, c := range n.Content {
			item, err := r.node(c)
			if err != nil {
				return nil, err
			}
			v.list = append(v.list, item)
		}
	case yaml.MappingNode:
		v.keys = map[string]*value{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			item, err := r.node(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			k := n.Content[i]
			item.key = fmt.Sprintf("%s:%d:%d", r.name, k.Line, k.Column)
			// As in Falco, the first of two equal keys counts.
			if v.keys[k.Value] == nil {
				v.set(k.Value, item)
			}
		}
	}
	return v, nil
}

func (v *value) set(key string, item *value) {
	if v.keys == nil {
		*v = value{keys: map[string]*value{}, origin: v.origin, key: v.key}
	}
	if v.keys[key] == nil {
		v.order = append(v.order, key)
	}
	v.keys[key] = item
}

// expand replaces ${NAME} by the environment's value; $${NAME} stands for a literal ${NAME}.
func expand(text string, env func(string) string) string {
	if !strings.Contains(text, "${") {
		return text
	}
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			break
		}
		end := strings.IndexByte(text[i:], '}')
		if end < 0 {
			break
		}
		if i > 0 && text[i-1] == '$' {
			b.WriteString(text[:i-1])
			b.WriteString(text[i : i+end+1])
		} else {
			b.WriteString(text[:i])
			b.WriteString(env(text[i+2 : i+end]))
		}
		text = text[i+end+1:]
	}
	b.WriteString(text)
	return b.String()
}

// step is one part of an option path: a key, or an index into a sequence (append for []).
type step struct {
	key    string
	index  int
	isItem bool
	append bool
}

// splitPath reads a path such as a.b[2].c, where a backslash takes the next character as it is.
func splitPath(path string) ([]step, error) {
	var steps []step
	var key strings.Builder
	flush := func() {
		if key.Len() > 0 {
			steps = append(steps, step{key: key.String()})
			key.Reset()
		}
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; c {
		case '\\':
			if i++; i == len(path) {
				return nil, fmt.Errorf("the key %q ends with a backslash", path)
			}
			key.WriteByte(path[i])
		case '.':
			flush()
		case '[':
			flush()
			end := strings.IndexByte(path[i:], ']')
			if end < 0 {
				return nil, fmt.Errorf("the key %q has a [ without a ]", path)
			}
			inner := path[i+1 : i+end]
			s := step{isItem: true, append: inner == ""}
			if !s.append {
				n, err := strconv.Atoi(inner)
				if err != nil || n < 0 || n > maxNodes {
					return nil, fmt.Errorf("the index [%s] in the key %q is not a number", inner, path)
				}
				s.index = n
			}
			steps = append(steps, s)
			i += end
		default:
			key.WriteByte(c)
		}
	}
	flush()
	if len(steps) == 0 || steps[0].isItem {
		return nil, fmt.Errorf("the key %q does not start with a name", path)
	}
	return steps, nil
}

// override carries out one option key=value on the tree.
func (v *value) override(option string, env func(string) string) error {
	path, text, ok := strings.Cut(option, "=")
	path = strings.TrimSpace(path)
	if !ok || path == "" {
		return fmt.Errorf("option %q: must have the form key=value or key.subkey=value", option)
	}
	steps, err := splitPath(path)
	if err != nil {
		return fmt.Errorf("option %q: %w", option, err)
	}
	origin := "-o " + path
	leaf := &value{scalar: expand(text, env), isSet: true, origin: origin, key: origin}
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") {
		r := reader{name: origin, env: env}
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(trimmed), &doc); err != nil {
			return fmt.Errorf("option %q: %w", option, err)
		}
		if leaf, err = r.node(doc.Content[0]); err != nil {
			return fmt.Errorf("option %q: %w", option, err)
		}
		leaf.key = origin
	}
	at := v
	for i, s := range steps {
		last := i == len(steps)-1
		next := leaf
		if s.isItem {
			if at.list == nil {
				*at = value{list: []*value{}, origin: at.origin, key: at.key}
			}
			if s.append {
				s.index = len(at.list)
			}
			if s.index > len(at.list) {
				return fmt.Errorf("option %q: index %d, but the sequence has %d items", option, s.index, len(at.list))
			}
			if s.index == len(at.list) {
				at.list = append(at.list, &value{origin: origin, key: origin})
			}
			if last {
				at.list[s.index] = next
			}
			at = at.list[s.index]
			continue
		}
		if !last {
			if next = at.keys[s.key]; next == nil {
				next = &value{origin: origin, key: origin}
			}
		}
		at.set(s.key, next)
		at = next
	}
	return nil
}

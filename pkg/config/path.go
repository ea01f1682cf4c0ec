package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/saker-security/saker/pkg/rule"
)

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
	// A point parts two names, or an index and a name.
	parted := func(i int) error {
		if key.Len() == 0 && (i == 0 || path[i-1] != ']') {
			return fmt.Errorf("the key %q has no name before the point number %d", path, strings.Count(path[:i+1], "."))
		}
		if i == len(path)-1 {
			return fmt.Errorf("the key %q has no name after its last point", path)
		}
		return nil
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; c {
		case '\\':
			if i++; i == len(path) {
				return nil, fmt.Errorf("the key %q ends with a backslash", path)
			}
			key.WriteByte(path[i])
		case '.':
			if err := parted(i); err != nil {
				return nil, err
			}
			flush()
		case '[':
			flush()
			end := strings.IndexByte(path[i:], ']')
			if end < 0 {
				return nil, fmt.Errorf("the key %q has a [ without a ]", path)
			}
			s, err := itemStep(path, path[i+1:i+end])
			if err != nil {
				return nil, err
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
	if len(steps) > maxDepth {
		return nil, fmt.Errorf("the key %.40q... has more than %d parts", path, maxDepth)
	}
	return steps, nil
}

func itemStep(path, index string) (step, error) {
	if index == "" {
		return step{isItem: true, append: true}, nil
	}
	n, err := strconv.Atoi(index)
	if err != nil || n < 0 || n > maxNodes {
		return step{}, fmt.Errorf("the index [%s] in the key %q is not a number", rule.Printable(index), path)
	}
	return step{isItem: true, index: n}, nil
}

// maxPath bounds the length of a key of an option, in bytes.
const maxPath = 1000

// option is one key=value of the command line. path has no value in it and can be shown.
type option struct {
	path, text string
	steps      []step
	at         place
}

// parseOption reads key=value. Without a = nothing of the text is shown but what looks like a key: the rest may be a
// secret.
func parseOption(text string, number int) (option, error) {
	at := place{layer: layerOption, number: number, name: "-o"}
	path, value, ok := strings.Cut(text, "=")
	path = strings.TrimSpace(path)
	if !ok || path == "" {
		name := strings.TrimSpace(text[:len(text)-len(strings.TrimLeft(text, "abcdefghijklmnopqrstuvwxyz_.[]0123456789"))])
		return option{}, &finding{at, fmt.Sprintf("the option that begins with %q must have the form key=value or key.subkey=value", cut(name, 60))}
	}
	if len(path) > maxPath {
		return option{}, &finding{at, fmt.Sprintf("the key that begins with %q has more than %d bytes", cut(path, 60), maxPath)}
	}
	at.name = "-o " + rule.Printable(path)
	steps, err := splitPath(path)
	if err != nil {
		return option{}, &finding{at, err.Error()}
	}
	return option{path: path, text: value, steps: steps, at: at}, nil
}

// leaf is the value that text stands for: a mapping when it begins with {, a sequence when the key takes one and it
// begins with [, else a scalar.
func (r *reader) leaf(text string, sequence bool) (*value, error) {
	trimmed := strings.TrimSpace(text)
	if strings.HasPrefix(trimmed, "{") || sequence && strings.HasPrefix(trimmed, "[") {
		top, err := r.parse([]byte(trimmed))
		if err != nil {
			return nil, err
		}
		v, err := r.node(top, 0)
		if err != nil {
			return nil, err
		}
		v.key = r.at
		return v, nil
	}
	if *r.nodes++; *r.nodes > maxNodes {
		return nil, &finding{r.at, fmt.Sprintf("more than %d values", maxNodes)}
	}
	v := &value{scalar: text, written: text, isSet: true, origin: r.at, key: r.at}
	if !r.literal {
		v.scalar = r.env.expand(text, func(name string) {
			r.warn(r.at, "the environment variable %s is not set, ${%s} stands for empty text", shown(name), rule.Printable(name))
		})
	}
	return v, nil
}

// put stores a value under a path, making mappings and sequences on its way.
func (v *value) put(steps []step, leaf *value, origin place) error {
	at := v
	for i, s := range steps {
		last := i == len(steps)-1
		if s.isItem {
			next, err := at.item(s, origin)
			if err != nil {
				return err
			}
			if last {
				at.list[next] = leaf
			}
			at = at.list[next]
			continue
		}
		next := leaf
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

// item gives the index of the item that a step leads to, and makes the item when it is the next.
func (v *value) item(s step, origin place) (int, error) {
	if v.list == nil {
		*v = value{list: []*value{}, origin: v.origin, key: v.key}
	}
	if s.append {
		s.index = len(v.list)
	}
	if s.index > len(v.list) {
		return 0, &finding{origin, fmt.Sprintf("index %d, but the sequence has %d items", s.index, len(v.list))}
	}
	if s.index == len(v.list) {
		v.list = append(v.list, &value{origin: origin, key: origin})
	}
	return s.index, nil
}

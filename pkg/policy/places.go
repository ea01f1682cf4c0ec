package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"github.com/saker-security/saker/pkg/rule"
)

const (
	// MaxBytes is how large a policy may be.
	MaxBytes = 1 << 20
	// maxDepth is how deep its YAML may be nested; a policy needs six levels.
	maxDepth = 32
	// maxValues is how many values it may stand for once each alias is followed, and maxMarks how many marks between
	// values it may have, which are counted before anything is built.
	maxValues = 100_000
	maxMarks  = 100_000
	// MaxRules is how many rules it may have.
	MaxRules = 2000
)

// places are where the parts of a policy stand in its file, as lines from 1.
type places struct {
	top, apiVersion, omitStages int
	rules                       []place
}

// place is where a rule stands; omitStages is 0 when it has none.
type place struct{ line, omitStages, level int }

// The keys of a policy: what is there besides is an error in newer API servers and ignored in others.
var (
	policyKeys   = []string{"apiVersion", "kind", "metadata", "rules", "omitStages", "omitManagedFields"}
	ruleKeys     = []string{"level", "users", "userGroups", "verbs", "resources", "namespaces", "nonResourceURLs", "omitStages", "omitManagedFields"}
	resourceKeys = []string{"group", "resources", "resourceNames"}
	// listKeys are those of rules and resources that take a list.
	listKeys = []string{"users", "userGroups", "verbs", "resources", "namespaces", "nonResourceURLs", "omitStages", "resourceNames"}
)

// locate finds the parts of a policy in its text, and refuses what would cost the loader too much.
func locate(name string, data []byte) (at places, notes []Note, err error) {
	doc, more, err := parse(name, data)
	if err != nil {
		return at, nil, err
	}
	l := locator{notes: more}
	at.top = 1
	root := doc
	if root.Kind == yaml.DocumentNode && len(root.Content) > 0 {
		root = root.Content[0]
	}
	if root = resolved(root); root.Kind != yaml.MappingNode {
		return at, l.notes, &Error{File: name, Line: max(root.Line, 1), Message: "a policy is a mapping with apiVersion, kind and rules"}
	}
	at.top = root.Line
	l.each(root, "policy", policyKeys, func(key string, k, v *yaml.Node) {
		switch key {
		case "apiVersion":
			at.apiVersion = k.Line
		case "omitStages":
			at.omitStages = k.Line
		case "rules":
			if v = resolved(v); v.Kind == yaml.SequenceNode {
				for _, item := range v.Content {
					at.rules = append(at.rules, l.rule(item))
				}
			}
		}
	})
	if l.wrong != nil {
		l.wrong.File = name
		return at, nil, l.wrong
	}
	if len(at.rules) > MaxRules {
		return at, nil, &Error{File: name, Line: at.top, Message: fmt.Sprintf("the policy has more than %d rules", MaxRules)}
	}
	slices.SortStableFunc(l.notes, func(a, b Note) int { return a.Line - b.Line })
	return at, l.notes, nil
}

type locator struct {
	notes []Note
	// wrong is the first thing that the loader would refuse without saying where it is.
	wrong *Error
}

// each goes through the pairs of a mapping and notes keys that the API server does not know or that come twice.
func (l *locator) each(n *yaml.Node, what string, known []string, do func(key string, k, v *yaml.Node)) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key := resolved(k).Value
		switch {
		case !slices.Contains(known, key):
			l.notes = append(l.notes, Note{k.Line, fmt.Sprintf("the API server does not know the key %q of a %s and ignores it; there are %s", rule.Printable(key), what, strings.Join(known, ", "))})
		case seen[key]:
			l.notes = append(l.notes, Note{k.Line, fmt.Sprintf("the key %q of the %s is there twice", key, what)})
		}
		seen[key] = true
		if kind := resolved(v); l.wrong == nil && slices.Contains(listKeys, key) && kind.Kind != yaml.SequenceNode && kind.Tag != "!!null" {
			l.wrong = &Error{Line: k.Line, Column: k.Column, Message: fmt.Sprintf("the key %q of a %s takes a list; write each item on a line of its own behind a dash", key, what)}
		}
		do(key, k, v)
	}
}

func (l *locator) rule(n *yaml.Node) place {
	p := place{line: n.Line}
	if n = resolved(n); n.Kind != yaml.MappingNode {
		return p
	}
	l.each(n, "rule", ruleKeys, func(key string, k, v *yaml.Node) {
		switch key {
		case "level":
			p.level = k.Line
		case "omitStages":
			p.omitStages = k.Line
		case "resources":
			if v = resolved(v); v.Kind != yaml.SequenceNode {
				return
			}
			for _, item := range v.Content {
				if item = resolved(item); item.Kind == yaml.MappingNode {
					l.each(item, "resource", resourceKeys, func(string, *yaml.Node, *yaml.Node) {})
				}
			}
		}
	})
	return p
}

func resolved(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// parse reads the first document, which is all that the API server looks at.
func parse(name string, data []byte) (*yaml.Node, []Note, error) {
	switch {
	case len(data) > MaxBytes:
		return nil, nil, &Error{File: name, Message: fmt.Sprintf("the file is larger than %d bytes", MaxBytes)}
	case len(bytes.TrimSpace(data)) == 0:
		return nil, nil, &Error{File: name, Message: "the file is empty"}
	case marks(data) > maxMarks:
		return nil, nil, &Error{File: name, Message: fmt.Sprintf("the file has more than %d values or lines", maxMarks)}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		return nil, nil, &Error{File: name, Message: "cannot be read as YAML: " + err.Error()}
	}
	doc := new(yaml.Node)
	if err := loader.Load(doc); err != nil {
		return nil, nil, syntax(name, err)
	}
	if size := (expansion{}).of(doc); size < 0 || size > maxValues {
		return nil, nil, &Error{File: name, Message: fmt.Sprintf("aliases expand the file to more than %d values", maxValues)}
	}
	next := new(yaml.Node)
	if err := loader.Load(next); err == nil {
		return doc, []Note{{max(next.Line, 1), "the API server reads the first document of the file only"}}, nil
	}
	return doc, nil, nil
}

func syntax(name string, err error) error {
	e := &Error{File: name, Message: "not valid YAML: " + err.Error()}
	if errors.Is(err, io.EOF) {
		e.Message = "the file holds no policy"
	}
	var load *yaml.LoadError
	if errors.As(err, &load) {
		e.Line, e.Column, e.Message = load.Mark.Line, load.Mark.Column, "not valid YAML: "+load.Message
	}
	return e
}

// marks counts what begins a value: a file has at most a few times as many values.
func marks(data []byte) int {
	n := 0
	for i, c := range data {
		if c == ',' || c == '\n' || c == '[' || c == '{' || c == ' ' && i > 0 && (data[i-1] == '-' || data[i-1] == '?') {
			n++
		}
	}
	return n
}

// expansion counts the nodes that a tree stands for when each alias is followed: -1 for a tree without end.
type expansion map[*yaml.Node]int

func (x expansion) of(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if size, ok := x[n]; ok {
		return size
	}
	x[n] = -1 // being counted: an alias to it from inside has no end
	total := 1
	for _, c := range n.Content {
		size := x.of(c)
		if size < 0 || total > maxValues {
			x[n] = size
			return size
		}
		total = min(total+size, maxValues+1)
	}
	x[n] = total
	return total
}

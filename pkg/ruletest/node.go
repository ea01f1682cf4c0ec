package ruletest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

const (
	// MaxFileSize is the size in bytes above which a test file is refused.
	MaxFileSize = 8 << 20
	// maxDepth is how deep the YAML of a test file may be nested, the objects in audit events included.
	maxDepth = 128
	// maxNodes is how many values a test file may stand for once each alias is followed.
	maxNodes = 1_000_000
	// maxProblems ends the reading of a file of which nothing is right.
	maxProblems = 100
)

// reader reads the YAML of one test file and collects what is wrong with it.
type reader struct {
	name  string
	lines []string
	found Problems
	fields
}

// document gives the root of the only document of the file, nil when there is none.
func (r *reader) document(data []byte) *yaml.Node {
	if len(data) > MaxFileSize {
		r.fail(nil, "", "the file is larger than %d MiB", MaxFileSize>>20)
		return nil
	}
	if !utf8.Valid(data) {
		r.fail(nil, "save it as UTF-8", "the file is not valid UTF-8 text")
		return nil
	}
	limits := loaderlimits.New(loaderlimits.DepthValue(maxDepth))
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(limits))
	if err != nil {
		r.fail(nil, "", "cannot be read as YAML: %v", err)
		return nil
	}
	var doc, second yaml.Node
	if err := loader.Load(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		r.syntax(err)
		return nil
	}
	if err := loader.Load(&second); err == nil {
		r.fail(&second, "make it a file of its own", "a test file has only one YAML document")
		return nil
	}
	if len(doc.Content) == 0 || !r.bounded(&doc) {
		return nil
	}
	return doc.Content[0]
}

// syntax reports an error of the YAML library.
func (r *reader) syntax(err error) {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		r.fail(nil, "", "not valid YAML: %v", err)
		return
	}
	message, hint := load.Message, ""
	if strings.Contains(message, "exceeded max depth") {
		message = fmt.Sprintf("it is nested more than %d levels deep", maxDepth)
	}
	if load.ContextMsg != "" {
		message += " " + load.ContextMsg
	}
	if strings.Contains(message, "flow mapping") || strings.Contains(message, "flow sequence") {
		hint = `between braces a name with brackets needs quotation marks: {"proc.aname[2]": sshd}`
	}
	r.fail(&yaml.Node{Line: load.Mark.Line, Column: load.Mark.Column}, hint, "not valid YAML: %s", message)
}

// bounded refuses a file whose aliases stand for more values than anybody writes, or for themselves.
func (r *reader) bounded(doc *yaml.Node) bool {
	left := maxNodes
	open := map[*yaml.Node]bool{}
	var walk func(n *yaml.Node) bool
	walk = func(n *yaml.Node) bool {
		if left--; left < 0 {
			r.fail(n, "write the values out", "the file stands for more than %d values", maxNodes)
			return false
		}
		if n.Kind == yaml.AliasNode {
			if open[n.Alias] {
				r.fail(n, "write the value out", "alias *%s stands inside the value that it repeats", n.Value)
				return false
			}
			return walk(n.Alias)
		}
		open[n] = true
		defer delete(open, n)
		for _, c := range n.Content {
			if !walk(c) {
				return false
			}
		}
		return true
	}
	return walk(doc)
}

// pos is where a node stands; nil stands for the file.
func (r *reader) pos(n *yaml.Node) rule.Position {
	p := rule.Position{File: r.name, Line: 1, Column: 1}
	if n == nil || n.Line < 1 {
		return p
	}
	p.Line = n.Line
	if n.Line <= len(r.lines) {
		line := r.lines[n.Line-1]
		for i := 1; i < n.Column && p.Column <= len(line); i++ {
			_, size := utf8.DecodeRuneInString(line[p.Column-1:])
			p.Column += max(size, 1)
		}
	}
	return p
}

// fail reports a problem at a node.
func (r *reader) fail(n *yaml.Node, hint, format string, args ...any) {
	if len(r.found) < maxProblems {
		r.found = append(r.found, Problem{Pos: r.pos(n), Message: fmt.Sprintf(format, args...), Hint: hint})
	}
}

// follow gives the node that an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

// pair is a key of a mapping with its value.
type pair struct {
	key   *yaml.Node
	value *yaml.Node
}

// pairs gives the keys of a mapping. Those of mappings under the key << come last, without those that the mapping has
// itself.
func (r *reader) pairs(n *yaml.Node, what string) []pair {
	n = follow(n)
	if n.Kind != yaml.MappingNode {
		r.fail(n, "", "%s must be a mapping, not %s", what, kindName(n))
		return nil
	}
	var own []pair
	var merged []*yaml.Node
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := follow(n.Content[i]), follow(n.Content[i+1])
		switch {
		case key.Kind != yaml.ScalarNode:
			r.fail(key, "", "a key must be a text, not %s", kindName(key))
		case key.Value == "<<" && key.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0:
			merged = append(merged, value)
		case seen[key.Value]:
			r.fail(key, "remove one of the two", "key %s is there twice", quoted(key.Value))
		default:
			seen[key.Value] = true
			own = append(own, pair{key, value})
		}
	}
	for _, m := range merged {
		sources := []*yaml.Node{m}
		if m.Kind == yaml.SequenceNode {
			sources = m.Content
		}
		for _, s := range sources {
			for _, p := range r.pairs(s, "what << puts in") {
				if !seen[p.key.Value] {
					seen[p.key.Value] = true
					own = append(own, p)
				}
			}
		}
	}
	return own
}

// mapping reads a mapping whose keys are known: keys has a function for each that takes its value.
func (r *reader) mapping(n *yaml.Node, what string, keys map[string]func(*yaml.Node)) {
	for _, p := range r.pairs(n, what) {
		if read := keys[p.key.Value]; read != nil {
			read(p.value)
			continue
		}
		names := make([]string, 0, len(keys))
		for name := range keys {
			names = append(names, name)
		}
		r.fail(p.key, suggestion(p.key.Value, names), "%s has no key %s", what, quoted(p.key.Value))
	}
}

// suggestion names what may be meant, or all there is when that is little.
func suggestion(name string, names []string) string {
	if near := field.Nearest(name, sorted(names), 2); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	if len(names) <= 12 {
		return "there are " + strings.Join(sorted(names), ", ")
	}
	return ""
}

// sequence reads a list.
func (r *reader) sequence(n *yaml.Node, what string, read func(*yaml.Node)) {
	n = follow(n)
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "", "%s must be a list, not %s", what, kindName(n))
		return
	}
	for _, item := range n.Content {
		read(follow(item))
	}
}

// text reads a text that is not empty.
func (r *reader) text(n *yaml.Node, what string) string {
	n = follow(n)
	switch {
	case n.Kind != yaml.ScalarNode || isNull(n):
		r.fail(n, "", "%s must be a text, not %s", what, kindName(n))
	case n.Value == "":
		r.fail(n, "", "%s is empty", what)
	default:
		return n.Value
	}
	return ""
}

// texts reads a text or a list of texts.
func (r *reader) texts(n *yaml.Node, what string) (out []string) {
	if n = follow(n); n.Kind == yaml.ScalarNode {
		return []string{r.text(n, what)}
	}
	r.sequence(n, what, func(item *yaml.Node) { out = append(out, r.text(item, "an item of "+what)) })
	return out
}

func (r *reader) boolean(n *yaml.Node, what string) bool {
	n = follow(n)
	if n.Kind == yaml.ScalarNode && (n.Value == "true" || n.Value == "false") {
		return n.Value == "true"
	}
	r.fail(n, "", "%s must be true or false", what)
	return false
}

// number reads a whole number from least on.
func (r *reader) number(n *yaml.Node, what string, least, most int64) int64 {
	n = follow(n)
	v, err := strconv.ParseInt(n.Value, 10, 64)
	if n.Kind != yaml.ScalarNode || err != nil || v < least || v > most {
		r.fail(n, "", "%s must be a whole number from %d to %d", what, least, most)
		return least
	}
	return v
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

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

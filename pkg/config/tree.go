package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"github.com/saker-security/saker/pkg/rule"
)

// layer is where a value comes from; a later layer overrides the ones before.
type layer uint8

const (
	layerDefault layer = iota
	layerFile
	layerEnvironment
	layerOption
)

// place is where something was written. The zero value is the place of a default.
type place struct {
	layer layer
	// number counts the files, variables or options of the layer.
	number int
	// name is that of the file, -o KEY or the variable; line is 0 where there are no lines.
	name         string
	line, column int
}

// String is file:line:column, or what takes its place, as a terminal may show it.
func (p place) String() string { return rule.Printable(p.plain()) }

// plain is the same with the name as it is.
func (p place) plain() string {
	if p.line == 0 {
		return p.name
	}
	return fmt.Sprintf("%s:%d:%d", p.name, p.line, p.column)
}

// origins are the places at which a value was written: its own, and those of items that other files, variables or options
// put into it.
func (v *value) origins() []place {
	out, has := []place{v.origin}, map[int]bool{v.origin.number: true}
	add := func(item *value) {
		if n := item.origin.number; !has[n] {
			has[n] = true
			out = append(out, item.origin)
		}
	}
	for _, item := range v.list {
		add(item)
	}
	for _, name := range v.order {
		add(v.keys[name])
	}
	return out
}

// value is one node of the configuration: a scalar, a sequence or a mapping.
type value struct {
	// scalar is the text after ${NAME} is replaced, written the text before.
	scalar, written string
	isSet           bool
	list            []*value
	keys            map[string]*value
	order           []string
	// origin says where it was written, key is the same for its key.
	origin, key place
}

const (
	// maxNodes bounds the nodes of a configuration, aliases counted each time they are used.
	maxNodes = 100_000
	// maxDepth bounds how deep they are nested.
	maxDepth = 64
)

// reader makes values of YAML text.
type reader struct {
	at  place
	env *environment
	// nodes counts the nodes of all texts of one configuration.
	nodes *int
	// warn gets what is odd and no error.
	warn func(at place, format string, args ...any)
	// literal leaves ${NAME} as it is.
	literal bool
}

// read parses a configuration file.
func (r *reader) read(data []byte) (*value, error) {
	top, err := r.parse(data)
	if err != nil {
		return nil, err
	}
	if top == nil || top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return &value{keys: map[string]*value{}, origin: r.at}, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, &finding{r.place(top), "the configuration must be a mapping of keys to values"}
	}
	return r.node(top, 0)
}

// parse gives the first document, nil when there is none.
func (r *reader) parse(data []byte) (*yaml.Node, error) {
	if why := notText(data); why != "" {
		return nil, &finding{r.at, why}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		return nil, fmt.Errorf("read yaml: %w", err)
	}
	var doc yaml.Node
	if err := loader.Load(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, r.syntax(err)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	var second yaml.Node
	if err := loader.Load(&second); err == nil {
		r.warn(r.place(&second), "a second YAML document has no effect")
	} else if !errors.Is(err, io.EOF) {
		return nil, r.syntax(err)
	}
	return doc.Content[0], nil
}

// notText says why data is no text that can be read, empty when nothing speaks against it.
func notText(data []byte) string {
	utf16 := bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) ||
		len(data) > 1 && (data[0] == 0) != (data[1] == 0)
	switch {
	case utf16:
		return "this is not UTF-8 but UTF-16; save the file as UTF-8"
	case !utf8.Valid(data):
		return "this is not UTF-8; save the file as UTF-8"
	}
	return ""
}

// quoted is what a message of the YAML parser has in quotation marks.
var quoted = regexp.MustCompile("'[^']*'|\"[^\"]*\"|`[^`]*`")

// expected matches the beginning of a message about what YAML asks for: what is quoted next are words of the parser.
var expected = regexp.MustCompile(`(did|could) not find( the)? expected [^'"]*$|expected [^'"]*'[^'"]{1,3}' or $|must (start|end) with $`)

// withoutQuotes leaves out what a message quotes, which may be a secret, unless it is a word of YAML.
func withoutQuotes(text string) string {
	var b strings.Builder
	end := 0
	for _, at := range quoted.FindAllStringIndex(text, -1) {
		b.WriteString(text[end:at[0]])
		end = at[1]
		if word := text[at[0]:end]; len(word) <= len("'x'") && expected.MatchString(text[:at[0]]) {
			b.WriteString(word)
		} else {
			b.WriteString("...")
		}
	}
	return b.String() + text[end:]
}

// syntax is the error of text that is not YAML, without what may be a secret.
func (r *reader) syntax(err error) error {
	at, text := r.at, err.Error()
	var y *yaml.LoadError
	if errors.As(err, &y) && y.Mark.Line > 0 {
		at.line, at.column = y.Mark.Line, max(y.Mark.Column, 1)
		text = y.Message
	}
	text = strings.TrimPrefix(strings.TrimPrefix(text, "go-yaml load error: "), "yaml: ")
	return &finding{at, "this is not YAML: " + rule.Printable(withoutQuotes(text))}
}

func (r *reader) place(n *yaml.Node) place {
	at := r.at
	at.line, at.column = n.Line, n.Column
	return at
}

func (r *reader) node(n *yaml.Node, depth int) (*value, error) {
	if *r.nodes++; *r.nodes > maxNodes {
		return nil, &finding{r.place(n), fmt.Sprintf("more than %d values, counting aliases each time they are used", maxNodes)}
	}
	if depth > maxDepth {
		return nil, &finding{r.place(n), fmt.Sprintf("values are nested deeper than %d levels", maxDepth)}
	}
	v := &value{origin: r.place(n)}
	switch n.Kind {
	case yaml.AliasNode:
		return r.node(n.Alias, depth+1)
	case yaml.ScalarNode:
		r.scalar(v, n)
	case yaml.SequenceNode:
		v.list = []*value{}
		for _, c := range n.Content {
			item, err := r.node(c, depth+1)
			if err != nil {
				return nil, err
			}
			v.list = append(v.list, item)
		}
	case yaml.MappingNode:
		return v, r.mapping(v, n, depth)
	}
	return v, nil
}

func (r *reader) scalar(v *value, n *yaml.Node) {
	v.isSet, v.scalar, v.written = n.Tag != "!!null", n.Value, n.Value
	if r.literal || !strings.Contains(n.Value, "${") {
		return
	}
	v.scalar = r.env.expand(n.Value, func(name string) {
		r.warn(v.origin, "the environment variable %s is not set, ${%s} stands for empty text", shown(name), rule.Printable(name))
	})
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		// The type is that of the text after the replacement.
		v.isSet = !isNull(v.scalar)
	}
}

func isNull(text string) bool {
	return text == "" || text == "~" || text == "null" || text == "Null" || text == "NULL"
}

func (r *reader) mapping(v *value, n *yaml.Node, depth int) error {
	v.keys = map[string]*value{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		item, err := r.node(n.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		k := n.Content[i]
		item.key = r.place(k)
		if first := v.keys[k.Value]; first != nil {
			// As in Falco, the first of two equal keys counts.
			r.warn(item.key, "key %s is here for the second time and has no effect, the first is at %s", shown(k.Value), first.key)
			continue
		}
		v.set(k.Value, item)
	}
	return nil
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

// given tells whether a key is there and has a value that is not null.
func (v *value) given() bool { return v != nil && (v.isSet || v.list != nil || v.keys != nil) }

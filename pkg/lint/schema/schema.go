// Package schema holds the JSON schema of rules files, for editors and for the report in Falco's form, and tells where
// a rules file departs from it.
package schema

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

//go:embed rules.json
var rules []byte

// Rules gives the JSON schema (draft-07) of rules files.
func Rules() []byte { return bytes.Clone(rules) }

const (
	// maxDepth is how deep the YAML may be nested, aliases included, and maxValues how many values the documents may
	// stand for once aliases are followed: the limits that the loader of rules has.
	maxDepth  = 64
	maxValues = 1_000_000
)

// Violation is a place at which a document departs from the schema.
type Violation struct {
	// Path is the place, such as <root>[0][priority].
	Path string
	// Message says what is wrong, in lower case and without a final stop. Text of the file in it is quoted.
	Message string
	// Together is set when each value is allowed by itself, and what is wrong is that they stand together: a rule
	// without a condition, an items key in a rule.
	Together bool
}

// Result is what Validate found.
type Result struct {
	// Documents counts the YAML documents.
	Documents int
	// Violations come in the order of the document, those inside a value before those of the value itself. A value
	// with a violation inside is itself one, up to the root.
	Violations []Violation
}

// Validate compares the YAML documents of a rules file with the schema. The error is that of a text that cannot be
// read as YAML, or that stands for too much.
func Validate(data []byte) (Result, error) {
	var r Result
	limits := loaderlimits.New(loaderlimits.DepthValue(maxDepth))
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(limits))
	if err != nil {
		return r, fmt.Errorf("read yaml: %w", err)
	}
	values := maxValues
	for {
		node := new(yaml.Node)
		err := loader.Load(node)
		if errors.Is(err, io.EOF) {
			return r, nil
		}
		if err != nil {
			return r, fmt.Errorf("read yaml: %w", err)
		}
		v := &value{}
		if err := v.read(node, &values, 0); err != nil {
			return r, err
		}
		r.Documents++
		r.Violations = append(r.Violations, v.validate()...)
	}
}

// compiled is the schema ready for use. It is part of the program, so that it cannot be wrong.
var compiled = sync.OnceValue(func() *jsonschema.Schema {
	const name = "rules.json"
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(rules))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{}) // nothing is loaded from elsewhere
	if err := c.AddResource(name, document); err != nil {
		panic(err)
	}
	return c.MustCompile(name)
})

// value is a YAML value as JSON knows it, with the order of its members.
type value struct {
	plain any
	// keys are the names of the members; nil for a sequence.
	keys    []string
	members []*value
	// wrong are the violations of the value itself.
	wrong []Violation
}

var errTooMuch = fmt.Errorf("the file stands for more than %d values, or is nested more than %d levels deep", maxValues, maxDepth)

// read makes v the value of node. Each value that is read takes one from left.
func (v *value) read(node *yaml.Node, left *int, depth int) error {
	if *left--; *left < 0 || depth > 2*maxDepth {
		return errTooMuch
	}
	switch node.Kind {
	case yaml.DocumentNode:
		if len(node.Content) > 0 {
			return v.read(node.Content[0], left, depth)
		}
	case yaml.AliasNode:
		if node.Alias != nil {
			return v.read(node.Alias, left, depth+1)
		}
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for _, n := range node.Content {
			member, err := v.member(n, left, depth)
			if err != nil {
				return err
			}
			list = append(list, member.plain)
		}
		v.plain = list
	case yaml.MappingNode:
		object := make(map[string]any, len(node.Content)/2)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			if key.Kind == yaml.AliasNode && key.Alias != nil {
				key = key.Alias
			}
			member, err := v.member(node.Content[i+1], left, depth)
			if err != nil {
				return err
			}
			v.keys = append(v.keys, key.Value)
			object[key.Value] = member.plain
		}
		v.plain = object
	case yaml.ScalarNode:
		v.plain = scalar(node)
	}
	return nil
}

func (v *value) member(node *yaml.Node, left *int, depth int) (*value, error) {
	m := &value{}
	if err := m.read(node, left, depth+1); err != nil {
		return nil, err
	}
	v.members = append(v.members, m)
	return m, nil
}

func scalar(node *yaml.Node) any {
	switch node.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(node.Value, "true")
	case "!!int":
		if n, err := strconv.ParseInt(node.Value, 0, 64); err == nil {
			return n
		}
		return 0.5 // too large for an integer that anything here may be
	case "!!float":
		return 0.5 // that it is a number with a fraction is all that the schema asks
	}
	return node.Value
}

// validate gives the violations of a document.
func (v *value) validate() []Violation {
	var wrong *jsonschema.ValidationError
	if errors.As(compiled().Validate(v.plain), &wrong) {
		v.place(wrong)
	}
	return v.collect(nil, "<root>")
}

// place hands the errors of the validator to the values that they are about.
func (v *value) place(e *jsonschema.ValidationError) {
	message := describe(e)
	if message == "" {
		for _, cause := range e.Causes {
			v.place(cause)
		}
		return
	}
	at := v.at(e.InstanceLocation)
	_, never := e.ErrorKind.(*kind.FalseSchema)
	at.wrong = append(at.wrong, Violation{Message: message, Together: never || strings.Contains(e.SchemaURL, "/allOf/")})
}

// at finds the value at a path of the validator. Of members of the same name the last one counts, as it does there.
func (v *value) at(path []string) *value {
	for _, step := range path {
		i := -1
		if v.keys == nil {
			i, _ = strconv.Atoi(step)
		} else {
			for j, key := range slices.Backward(v.keys) {
				if key == step {
					i = j
					break
				}
			}
		}
		if i < 0 || i >= len(v.members) {
			return v
		}
		v = v.members[i]
	}
	return v
}

// collect adds the violations inside v and those of v itself.
func (v *value) collect(all []Violation, path string) []Violation {
	for i, m := range v.members {
		name, what := strconv.Itoa(i), fmt.Sprintf("item %d of the list is not what it should be", i)
		if v.keys != nil {
			name, what = short(v.keys[i]), fmt.Sprintf("the value of '%s' is not what it should be", short(v.keys[i]))
		}
		before := len(all)
		all = m.collect(all, path+"["+name+"]")
		if inside := all[before:]; len(inside) > 0 {
			together := !slices.ContainsFunc(inside, func(x Violation) bool { return !x.Together })
			all = append(all, Violation{Path: path, Message: what, Together: together})
		}
	}
	for _, x := range v.wrong {
		x.Path = path
		all = append(all, x)
	}
	return all
}

// describe puts an error of the validator in our words; empty for one that only holds others.
func describe(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return fmt.Sprintf("the value is of type %s, it must be of type %s", k.Got, strings.Join(k.Want, " or "))
	case *kind.Enum:
		return fmt.Sprintf("%s is not one of %s", shown(k.Got), choices(k.Want))
	case *kind.Required:
		return "required but missing: " + quoted(k.Missing)
	case *kind.AdditionalProperties:
		unknown := slices.Clone(k.Properties)
		slices.Sort(unknown)
		return "unknown keys: " + quoted(unknown)
	case *kind.FalseSchema:
		return "the key does not belong to this kind of item"
	case *kind.MinProperties:
		return "the mapping is empty"
	case *kind.AnyOf:
		if len(e.Causes) > 0 {
			return describe(e.Causes[0])
		}
	}
	if len(e.Causes) > 0 {
		return ""
	}
	return "the value does not fit"
}

// choices lists the values that are allowed. Those that differ only in upper and lower case are listed once.
func choices(want []any) string {
	var list []string
	for _, w := range want {
		s := fmt.Sprint(w)
		if !slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(l, s) }) {
			list = append(list, s)
		}
	}
	return strings.Join(list, ", ")
}

func shown(v any) string {
	switch v := v.(type) {
	case string:
		return "'" + short(v) + "'"
	case map[string]any:
		return "a mapping"
	case []any:
		return "a list"
	case nil:
		return "nothing"
	}
	return fmt.Sprint(v)
}

func quoted(names []string) string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = "'" + short(n) + "'"
	}
	return strings.Join(list, ", ")
}

// short is a text of the file as a message shows it: control characters escaped, cut when it is long.
func short(s string) string {
	const longest = 60
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

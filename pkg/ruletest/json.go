package ruletest

import (
	"encoding/json"

	"go.yaml.in/yaml/v4"
)

// appendJSON writes a YAML value as JSON, keys in their order, numbers as they are written where JSON has them.
func (r *reader) appendJSON(b []byte, n *yaml.Node) []byte {
	n = follow(n)
	switch n.Kind {
	case yaml.MappingNode:
		b = append(b, '{')
		for i, p := range r.pairs(n, "a value") {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, p.key.Value)
			b = append(b, ':')
			b = r.appendJSON(b, p.value)
		}
		return append(b, '}')
	case yaml.SequenceNode:
		b = append(b, '[')
		for i, item := range n.Content {
			if i > 0 {
				b = append(b, ',')
			}
			b = r.appendJSON(b, item)
		}
		return append(b, ']')
	}
	switch n.Tag {
	case "!!null":
		return append(b, "null"...)
	case "!!bool", "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return append(b, n.Value...)
		}
	}
	return appendText(b, n.Value)
}

func appendText(b []byte, s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		return append(b, `""`...) // a text can always be written
	}
	return append(b, text...)
}

package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// schema is a part of a JSON schema.
type schema = map[string]any

// refer leads to a definition.
func refer(name string) schema { return schema{"$ref": "#/definitions/" + name} }

// either allows what one of the schemas does.
func either(of ...any) schema { return schema{"anyOf": of} }

// list allows lists.
func list(of schema) schema { return schema{"type": "array", "items": of} }

// object allows mappings with these keys.
func object(properties schema) schema {
	return schema{"type": "object", "additionalProperties": false, "properties": properties}
}

// matching allows texts that match a pattern.
func matching(pattern string) schema { return schema{"type": "string", "pattern": pattern} }

// unless allows what s does, but nothing that one of the others does.
func unless(s schema, others ...any) schema {
	return schema{"allOf": []any{s, schema{"not": either(others...)}}}
}

// named allows names, in upper and lower case if anyCase says so.
func named(names []string, anyCase bool) schema {
	if !anyCase {
		return either(schema{"enum": names}, refer("variable"))
	}
	var b strings.Builder
	for _, c := range strings.Join(names, "|") {
		if lower, upper := unicode.ToLower(c), unicode.ToUpper(c); lower != upper {
			b.WriteString("[" + string(upper) + string(lower) + "]")
		} else {
			b.WriteRune(c)
		}
	}
	return either(schema{"enum": names}, matching("^("+b.String()+")$"), refer("variable"))
}

// fewDigits matches decimal numbers that are smaller than least, however many of their digits there are. Which of those
// with as many digits are smaller it does not tell.
func fewDigits(least int64) string {
	return fmt.Sprintf(`[0-9]{0,%d}(\.[0-9]+)?`, len(strconv.FormatInt(least, 10))-1)
}

// addressPort is the pattern of an address with a port.
const addressPort = `^([^\s/:]*|\[[^\s/]*\]):0*([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$`

// definitions are what schemas of keys refer to.
var definitions = schema{
	// Text in which the environment is replaced may become anything.
	"variable": schema{"type": "string", "pattern": `\$\{`},
	"text":     schema{"type": []string{"string", "number", "boolean", "null"}},
	"boolean":  either(schema{"type": []string{"boolean", "null"}}, schema{"type": "string", "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[Yy]([Ee][Ss])?|[Nn][Oo]?|[Oo][Nn]|[Oo][Ff][Ff])$"}, refer("variable")),
	"size": either(schema{"type": "integer", "minimum": 0, "maximum": maxBytes},
		schema{"type": "string", "pattern": `^\s*[0-9]+(\.[0-9]+)?\s*([KkMmGgTt][Ii]?)?[Bb]?\s*$`}, refer("variable")),
	"duration":     either(schema{"const": 0}, schema{"type": "string", "pattern": `^\s*(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d|w|y) *)+)\s*$`}, refer("variable")),
	"interval":     either(schema{"type": "integer", "minimum": 0}, schema{"type": "string", "pattern": `^\s*([0-9]+|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d|w|y) *)+)\s*$`}, refer("variable")),
	"address":      either(matching(`^((25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})(\.(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(%.+)?)$`), refer("variable")),
	"host_port":    either(matching(addressPort), refer("variable")),
	"grpc_address": either(matching(`^unix://.`), matching(addressPort), refer("variable")),
	"url_path":     either(matching(`^/[^?#* {}\t\r\n]*$`), refer("variable")),
	"web_address":  either(matching(`^($|file:|[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#]\S*$)`), refer("variable")),
	"texts":        either(refer("text"), list(refer("text"))),
	"priority":     either(schema{"type": "string", "pattern": "^([Ee]mergency|[Aa]lert|[Cc]ritical|[Ee]rror|[Ww]arning|[Nn]otice|[Ii]nfo(rmational)?|[Dd]ebug|[A-Z]+)$"}, refer("variable")),
	"config_files": either(refer("text"), list(either(schema{"type": "string"}, schema{
		"type": "object", "additionalProperties": false, "required": []string{"path"},
		"properties": schema{"path": refer("text"), "strategy": schema{"enum": []string{"append", "override", "add-only"}}},
	}))),
	"rules": list(schema{
		"type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
		"properties": schema{"enable": refer("selector"), "disable": refer("selector")},
	}),
	"selector": schema{"type": "object", "additionalProperties": false, "minProperties": 1, "properties": schema{"rule": refer("text"), "tag": refer("text")}},
	"append_output": list(object(schema{
		"match":            object(schema{"rule": refer("text"), "source": refer("text"), "tags": refer("texts")}),
		"extra_output":     refer("text"),
		"suggested_output": refer("boolean"),
		"extra_fields":     list(either(schema{"type": "string"}, schema{"type": "object", "additionalProperties": refer("text")})),
	})),
	"networks": either(refer("network"), list(refer("network"))),
	"network":  either(matching(`^[0-9.]+(/[0-9]{1,2})?$`), matching(`^[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(/[0-9]{1,3})?$`), refer("variable")),
	"audit_files": either(matching(`\S`), list(either(matching(`\S`), schema{
		"type": "object", "additionalProperties": false, "required": []string{"path"},
		"properties": schema{"path": matching(`\S`), "cluster": refer("text"), "from_end": refer("boolean"), "once": refer("boolean")},
	}))),
	"static_fields": schema{"type": "object", "additionalProperties": refer("text")},
	"plugins": list(schema{
		"type": "object", "additionalProperties": false, "required": []string{"name"},
		"properties": schema{
			"name": schema{"type": "string"}, "library_path": refer("text"), "open_params": refer("text"),
			"init_config": schema{"type": []string{"object", "string", "null"}},
		},
	}),
}

// Schema gives the JSON schema (draft-07) of a configuration file, made from the table.
func Schema() []byte {
	root := object(schema{})
	for _, k := range mainTable().keys {
		parts := strings.Split(k.Name, ".")
		at := root
		for _, part := range parts[:len(parts)-1] {
			properties := at["properties"].(schema)
			if properties[part] == nil {
				// A section without anything below it is null.
				properties[part] = schema{"type": []string{"object", "null"}, "additionalProperties": false, "properties": schema{}}
			}
			at = properties[part].(schema)
		}
		at["properties"].(schema)[parts[len(parts)-1]] = k.describe()
	}
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "Configuration of Saker"
	root["description"] = "The keys of Falco's falco.yaml and those of Saker."
	root["definitions"] = definitions
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		panic(fmt.Sprintf("the schema is no JSON: %v", err))
	}
	return b.Bytes()
}

// describe is the schema of one key.
func (k *Key) describe() schema {
	help := k.Help
	if k.Inert != "" {
		help += " It has no effect: " + k.Inert + "."
	}
	// A key without a value has its default.
	s := schema{"description": help, "anyOf": []any{k.schema, schema{"type": "null"}}}
	if k.Default != "" && !k.Secret {
		s["default"] = parseDefault(k.Default).plain()
	}
	return s
}

// plain is the value as JSON has it.
func (v *value) plain() any {
	if v.list == nil {
		var typed any
		if json.Unmarshal([]byte(v.scalar), &typed) == nil {
			return typed
		}
		return v.scalar
	}
	out := []any{}
	for _, item := range v.list {
		out = append(out, item.plain())
	}
	return out
}

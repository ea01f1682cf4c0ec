package config

import (
	"strings"

	"github.com/saker-security/saker/pkg/rule"
)

func priorityAt(c *Config) *rule.Priority { return &c.Priority }

// withDefault gives a row its default.
func (k Key) withDefault(text string) Key { k.Default = text; return k }

func setMatching(c *Config, v *value) error {
	s, err := scalar(v)
	if err != nil {
		return errForm
	}
	switch strings.ToLower(s) {
	case "first":
		c.MatchAll = false
	case "all":
		c.MatchAll = true
	default:
		return errForm
	}
	return nil
}

func showMatching(c *Config) any {
	if c.MatchAll {
		return "all"
	}
	return "first"
}

func showSelections(c *Config) any {
	out := []any{}
	for _, s := range c.Selections {
		what := map[string]any{}
		if s.Rule != "" {
			what["rule"] = s.Rule
		}
		if s.Tag != "" {
			what["tag"] = s.Tag
		}
		verb := "disable"
		if s.Enable {
			verb = "enable"
		}
		out = append(out, map[string]any{verb: what})
	}
	return out
}

func showAdditions(c *Config) any {
	out := []any{}
	for _, a := range c.Additions {
		match, entry := map[string]any{}, map[string]any{}
		if a.Rule != "" {
			match["rule"] = a.Rule
		}
		if a.Source != "" {
			match["source"] = a.Source
		}
		if len(a.Tags) > 0 {
			match["tags"] = a.Tags
		}
		if len(match) > 0 {
			entry["match"] = match
		}
		if a.Output != "" {
			entry["extra_output"] = a.Output
		}
		if a.Suggested {
			entry["suggested_output"] = true
		}
		var fields []any
		for _, f := range a.Fields {
			if f.Formatted {
				fields = append(fields, map[string]any{f.Name: f.Format})
			} else {
				fields = append(fields, f.Name)
			}
		}
		if fields != nil {
			entry["extra_fields"] = fields
		}
		out = append(out, entry)
	}
	return out
}

func showStaticFields(c *Config) any {
	out := map[string]any{}
	for _, f := range c.StaticFields {
		out[f.Name] = f.Value
	}
	return out
}

// showPlugins gives the names only: init_config and open_params may hold secrets.
func showPlugins(c *Config) any {
	out := []any{}
	for _, p := range c.record.plugins.defined {
		out = append(out, map[string]any{"name": p.name})
	}
	return out
}

func showLoad(c *Config) any {
	if c.record.plugins.loaded == nil {
		return []string{}
	}
	return c.record.plugins.loaded
}

// KeyValue is a key with the value that is in effect.
type KeyValue struct {
	Key string
	// Value is as JSON and YAML have it: text, number, truth value, list or mapping. A secret is ***.
	Value any
	// Origin is where the value was written: file:line:column, the environment variable or the option; empty for a
	// default. Of a list or mapping of several of them it has all, with commas.
	Origin string
}

// hidden is what is shown of a secret.
const hidden = "***"

// Effective lists what is in effect, in the order of the documentation: every key that Saker acts on.
func (c *Config) Effective() []KeyValue {
	var out []KeyValue
	for i := range mainTable().keys {
		k := &mainTable().keys[i]
		if k.show == nil || k.Name == "rules_file" {
			continue
		}
		v := KeyValue{Key: k.Name, Value: k.show(c), Origin: c.record.origin(k.Name)}
		if k.Secret {
			v.Value = hide(v.Value)
		}
		out = append(out, v)
	}
	return out
}

// origin tells where the value of a key was written.
func (r *record) origin(key string) string {
	var out []string
	for _, p := range r.origins[key] {
		out = append(out, p.plain())
	}
	return strings.Join(out, ", ")
}

// hide replaces what a secret value holds; of a mapping the names stay.
func hide(v any) any {
	switch v := v.(type) {
	case string:
		if v == "" {
			return ""
		}
	case []string:
		if len(v) == 0 {
			return []string{}
		}
		return []string{hidden}
	case map[string]any:
		out := map[string]any{}
		for name := range v {
			out[name] = hidden
		}
		return out
	}
	return hidden
}

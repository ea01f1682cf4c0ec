package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/rule"
)

// Addition appends to the outputs of rules, and says where that is written.
type Addition struct {
	rule.Addition
	// Origin is file:line:column, or the option of the command line.
	Origin string
}

// StaticField is a field that the configuration makes. Name is without the prefix static.
type StaticField struct{ Name, Value string }

// setAdditions reads the key append_output:
//
//	append_output:
//	  - match: {source: syscall, tags: [network]}
//	    extra_output: "on %evt.hostname"
//	    suggested_output: true
//	    extra_fields: [proc.exepath, {who: "%user.name (%user.uid)"}]
func setAdditions(c *Config, v *value) error {
	c.Additions = nil
	items, err := v.items("entries such as - extra_output: TEXT")
	if err != nil {
		return err
	}
	var errs []error
	for i, item := range items {
		at := fmt.Sprintf("append_output[%d]", i)
		if err := c.addition(item, at); err != nil {
			for _, e := range each(err) {
				errs = append(errs, item.wrap(at, e))
			}
		}
	}
	return errors.Join(errs...)
}

func (c *Config) addition(v *value, at string) error {
	if err := v.mapping("extra_output: TEXT"); err != nil {
		return err
	}
	c.warnOthers(v, at, "match", "extra_output", "suggested_output", "extra_fields")
	a := Addition{Origin: v.origin.String()}
	var errs []error
	var err error
	if a.Output, err = v.text("extra_output"); err != nil {
		errs = append(errs, err)
	}
	if s := v.keys["suggested_output"]; s.given() {
		if a.Suggested, err = truth(s); err != nil {
			errs = append(errs, fmt.Errorf("suggested_output: %w", err))
		}
	}
	if m := v.keys["match"]; m.given() {
		if err := c.match(&a, m, at+".match"); err != nil {
			errs = append(errs, fmt.Errorf("match: %w", err))
		}
	}
	if f := v.keys["extra_fields"]; f.given() {
		if err := a.fields(f); err != nil {
			errs = append(errs, fmt.Errorf("extra_fields: %w", err))
		}
	}
	c.Additions = append(c.Additions, a)
	return errors.Join(errs...)
}

// match reads which rules are meant.
func (c *Config) match(a *Addition, v *value, at string) (err error) {
	if err := v.mapping("{source: syscall}"); err != nil {
		return err
	}
	c.warnOthers(v, at, "rule", "source", "tags")
	if a.Rule, err = v.text("rule"); err != nil {
		return err
	}
	if a.Source, err = v.text("source"); err != nil {
		return err
	}
	if tags := v.keys["tags"]; tags.given() {
		if a.Tags, err = tags.texts(); err != nil {
			return fmt.Errorf("tags: %w", err)
		}
	}
	return nil
}

// fields reads extra_fields: each a field, or a mapping of names to templates.
func (a *Addition) fields(v *value) error {
	items, err := v.items("fields and of {NAME: text}")
	if err != nil {
		return err
	}
	for i, item := range items {
		switch {
		case item.keys != nil:
			for _, name := range item.order {
				text, err := item.text(name)
				if err != nil {
					return fmt.Errorf("number %d: %w", i, err)
				}
				a.Fields = append(a.Fields, rule.AdditionField{Name: name, Format: text, Formatted: true})
			}
		case item.list != nil || !item.isSet || item.scalar == "":
			return fmt.Errorf("number %d must be the name of a field or {NAME: text}", i)
		default:
			a.Fields = append(a.Fields, rule.AdditionField{Name: item.scalar})
		}
	}
	return nil
}

// RuleAdditions gives the additions for rule.Compiled.Append, in order.
func (c *Config) RuleAdditions() []rule.Addition {
	out := make([]rule.Addition, len(c.Additions))
	for i, a := range c.Additions {
		out[i] = a.Addition
	}
	return out
}

// setStaticFields reads the key static_fields, a mapping of names to values.
func setStaticFields(c *Config, v *value) error {
	c.StaticFields = nil
	if err := v.mapping("{region: eu}"); err != nil {
		return err
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(v.keys)) {
		item := v.keys[name]
		text, err := v.text(name)
		if err != nil {
			errs = append(errs, item.wrap("static_fields", err))
			continue
		}
		if !isFieldName(name) {
			c.warn(item.key, "static field %s cannot be used: no condition or output can name it; write letters, digits and _, beginning with a letter", shown(name))
			continue
		}
		c.StaticFields = append(c.StaticFields, StaticField{name, text})
	}
	return errors.Join(errs...)
}

// isFieldName tells whether static.NAME is the name of a field: identifiers with dots between them.
func isFieldName(name string) bool {
	for _, part := range strings.Split(name, ".") {
		for i := 0; i < len(part); i++ {
			c := part[i]
			letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
			if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
				return false
			}
		}
		if part == "" {
			return false
		}
	}
	return true
}

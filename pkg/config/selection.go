package config

import (
	"errors"
	"fmt"

	"github.com/saker-security/saker/pkg/rule"
)

// Selection switches rules on or off, and says where that is written.
type Selection struct {
	rule.Selection
	// Origin is file:line:column, or the option of the command line.
	Origin string
}

// setSelections reads the key rules:
//
//	rules:
//	  - disable: {rule: "*"}
//	  - enable: {tag: network}
func setSelections(c *Config, v *value) error {
	c.Selections = nil
	items, err := v.items("entries such as - disable: {rule: NAME}")
	if err != nil {
		return err
	}
	var errs []error
	for i, item := range items {
		errs = append(errs, c.entry(item, fmt.Sprintf("rules[%d]", i)))
	}
	return errors.Join(errs...)
}

// entry reads one entry of the key rules.
func (c *Config) entry(item *value, at string) error {
	if err := item.mapping("disable: {rule: NAME} or enable: {tag: TAG}"); err != nil {
		return item.wrap(at, err)
	}
	c.warnOthers(item, at, "enable", "disable")
	choice, key := item.keys["enable"], "enable"
	if choice == nil {
		choice, key = item.keys["disable"], "disable"
	} else if item.keys["disable"] != nil {
		c.warn(item.origin, "key %s: an entry that enables and disables only enables; write two entries", at)
	}
	if choice == nil {
		return item.wrap(at, errors.New("has neither enable nor disable"))
	}
	if err := c.selection(choice, key == "enable", at+"."+key); err != nil {
		return choice.wrap(at+"."+key, err)
	}
	return nil
}

// selection reads what an entry enables or disables. A rule and a tag in one entry are two selections.
func (c *Config) selection(v *value, enable bool, at string) error {
	if err := v.mapping("{rule: NAME} or {tag: TAG}"); err != nil {
		return err
	}
	c.warnOthers(v, at, "rule", "tag")
	name, err := v.text("rule")
	if err != nil {
		return err
	}
	tag, err := v.text("tag")
	if err != nil {
		return err
	}
	if name == "" && tag == "" {
		return errors.New("names neither a rule nor a tag")
	}
	if name != "" {
		c.Selections = append(c.Selections, Selection{rule.Selection{Enable: enable, Rule: name}, v.origin.String()})
	}
	if tag != "" {
		c.Selections = append(c.Selections, Selection{rule.Selection{Enable: enable, Tag: tag}, v.origin.String()})
	}
	return nil
}

// RuleSelections gives the selections for rule.Set.Select, in order.
func (c *Config) RuleSelections() []rule.Selection {
	out := make([]rule.Selection, len(c.Selections))
	for i, s := range c.Selections {
		out[i] = s.Selection
	}
	return out
}

package rule

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// override is the value of the key of that name: what an item appends to, and replaces of, the item of the same name.
type override struct {
	append, replace map[string]bool
	// bad tells that an error of it was reported.
	bad bool
}

func (o override) empty() bool { return len(o.append) == 0 && len(o.replace) == 0 }

// overrides reads the key override. An absent and an empty one are the same.
func (m *mapping) overrides(appendable, replaceable []string) override {
	o := override{append: map[string]bool{}, replace: map[string]bool{}}
	p, ok := m.pairs["override"]
	if !ok || isNull(p.value) {
		return o
	}
	switch p.value.Kind {
	case yaml.ScalarNode: // as in Falco it has no effect
		m.errorAt(p.value, kindIgnored, "write override: {condition: append}", "the value of override must be a mapping, %s is ignored", quote(p.value.Value))
		return o
	case yaml.SequenceNode:
		m.errorAt(p.value, kindOverride, "write override: {condition: append}", "the value of override must be a mapping, not a list")
		o.bad = true
		return o
	}
	failed := m.failed
	m.failed = false
	outer := m.context.inside(inOverrides, "", m.node)
	values := m.load.newMapping(outer, p.value)
	m.failed = values.failed
	for _, key := range values.keys {
		at := values.pairs[key]
		canAppend, canReplace := slices.Contains(appendable, key), slices.Contains(replaceable, key)
		inKey := outer.inside(inOverrides, key, at.key)
		switch value := at.value.Value; {
		case at.value.Kind != yaml.ScalarNode:
			m.errorAt(at.value, kindOverride, "write append or replace", "the override of %s must be append or replace, not %s", quote(key), kindName(at.value))
		case value == "append" && canAppend:
			o.append[key] = true
		case value == "replace" && canReplace:
			o.replace[key] = true
		case value != "append" && value != "replace":
			m.errorIn(outer.inside(inValue, key, at.value), at.value, kindOverrideKey, allowed(canAppend, canReplace), "%s is not an override", quote(value))
		case !canAppend && !canReplace:
			m.errorIn(inKey, at.key, kindOverrideKey, "one of "+strings.Join(replaceable, ", "), "key %s cannot be overridden", quote(key))
		default:
			m.errorIn(inKey, at.value, kindOverrideKey, "write replace", "key %s cannot be appended to", quote(key))
		}
	}
	o.bad, m.failed = m.failed, m.failed || failed
	return o
}

// allowed says what may be written in an override.
func allowed(canAppend, canReplace bool) string {
	switch {
	case canAppend:
		return "write append or replace"
	case canReplace:
		return "write replace"
	}
	return "remove it"
}

// notBoth reports the old and the new way to append in one item.
func (m *mapping) notBoth(appends bool, o override) {
	if appends && !o.empty() {
		m.keyError("append", kindOverrideKey, "remove append, and write condition: append under override", "'override' and 'append: true' cannot stand together")
	}
}

// overrideFix is the edit that puts an override in the place of 'append: true'; none when nothing is there to append.
func (m *mapping) overrideFix(keys []string) []Fix {
	var parts []string
	for _, key := range keys {
		if m.has(key) {
			parts = append(parts, key+": append")
		}
	}
	if len(parts) == 0 || m.has("override") {
		return nil
	}
	return m.rewrite("append", "override: {"+strings.Join(parts, ", ")+"}")
}

// rewrite is the edit that writes text over a key and its value, which must be on one line.
func (m *mapping) rewrite(key, text string) []Fix {
	p := m.pairs[key]
	from, to := markOf(m.file, p.key), nodeSpan(m.file, p.value).end
	if p.value != m.rawValue(key) || strings.ContainsAny(m.file.data[from:to], "\r\n\"'&!") {
		return nil
	}
	return []Fix{{Title: fmt.Sprintf("replace %s by %s", m.file.data[from:to], text), Safe: true,
		Edits: []Edit{{File: m.file.name, Start: from, End: to, Text: text}}}}
}

// rawValue is the value of a key as it stands there, an alias not followed.
func (m *mapping) rawValue(key string) *yaml.Node {
	for i := 0; i+1 < len(m.node.Content); i += 2 {
		if m.node.Content[i] == m.pairs[key].key {
			return m.node.Content[i+1]
		}
	}
	return nil
}

package rule

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// The keys of each item. Those of later are part of the rule language and refused by name until they are supported,
// because ignoring them would change what a rule matches.
var (
	ruleKeys  = []string{"rule", "condition", "output", "desc", "priority", "source", "enabled", "tags", "append"}
	laterKeys = []string{"exceptions", "override", "warn_evttypes", "skip-if-unknown-filter", "capture", "capture_duration"}
)

// document reads the items of one YAML document.
func (l *loader) document(file *source, doc *yaml.Node) {
	if len(doc.Content) == 0 {
		return
	}
	root := follow(doc.Content[0])
	if isNull(root) {
		return
	}
	if root.Kind != yaml.SequenceNode {
		l.report(file, owner{}, problem{kind: kindShape, at: nodeSpan(file, root),
			message: fmt.Sprintf("a rules file must be a list of items, not %s", kindName(root)),
			hint:    "start each item with a dash: - rule: …"})
		return
	}
	for _, n := range root.Content {
		n = follow(n)
		if isNull(n) {
			continue
		}
		if n.Kind != yaml.MappingNode {
			l.report(file, owner{}, problem{kind: kindShape, at: nodeSpan(file, n),
				message: fmt.Sprintf("an item must be a mapping, not %s", kindName(n)),
				hint:    "write - rule: …, - macro: … or - list: …"})
			continue
		}
		l.item(l.newMapping(file, n))
	}
}

// item reads one item. Its kind is the first of these keys that it has.
func (l *loader) item(m *mapping) {
	switch {
	case m.has("required_engine_version"):
		l.engineVersion(m)
	case m.has("required_plugin_versions"):
		l.pluginVersions(m)
	case m.has("list"):
		l.list(m)
	case m.has("macro"):
		l.macro(m)
	case m.has("rule"):
		l.rule(m)
	default:
		l.report(m.file, m.owner, problem{kind: kindUnknownItem, at: m.start(), message: "the item is neither a rule, a macro nor a list and is ignored",
			hint: "an item starts with rule, macro, list, required_engine_version or required_plugin_versions"})
	}
}

// named reads the name of an item and remembers the item as the owner of what is reported from now on.
func (m *mapping) named(key string) (string, bool) {
	m.owner.item = key
	s, ok := m.scalar(key)
	if !ok {
		return "", false
	}
	m.owner.name = s.value()
	return s.value(), true
}

// later reports the keys that Falco knows and this version does not.
func (m *mapping) later(keys ...string) bool {
	good := true
	for _, key := range keys {
		p, ok := m.pairs[key]
		if !ok || key == "override" && (isNull(p.value) || p.value.Kind == yaml.MappingNode && len(p.value.Content) == 0) {
			continue
		}
		m.keyError(key, kindUnsupported, "remove it; the rule would not mean what it says without it", "key %s is not supported yet", quote(key))
		good = false
	}
	return good
}

// appends tells whether the item is to be appended to the one of the same name.
func (m *mapping) appends() bool {
	if !m.boolean("append", false) {
		return false
	}
	m.keyError("append", kindDeprecated, "", "key 'append' is deprecated in favour of 'override'")
	return true
}

func (l *loader) list(m *mapping) {
	name, ok := m.named("list")
	m.later("override")
	m.unknownKeys("list", "items", "append", "override")
	items, _ := m.sequence("items")
	appends := m.appends()
	if !ok {
		return
	}
	if !isListName(name) {
		m.errorAt(m.pairs["list"].value, kindListName, "use letters, digits, dashes and underscores",
			"%s cannot stand in a condition as the name of a list", quote(name))
	}
	def := l.lists[name]
	if appends && def == nil {
		m.noBase("list")
		return
	}
	if !appends {
		def = l.defineList(name, m)
	}
	for _, s := range items {
		def.items = append(def.items, &listItem{text: newText(s, m.owner)})
	}
	l.touch(&def.definition)
}

func (l *loader) macro(m *mapping) {
	name, ok := m.named("macro")
	m.later("override")
	m.unknownKeys("macro", "condition", "append", "override")
	s, good := m.scalar("condition")
	appends := m.appends()
	if !ok {
		return
	}
	if !isMacroName(name) {
		m.errorAt(m.pairs["macro"].value, kindMacroName, "use letters, digits and underscores",
			"%s cannot stand in a condition as the name of a macro", quote(name))
	}
	def := l.macros[name]
	switch {
	case appends && def == nil:
		m.noBase("macro")
	case appends && good:
		def.setText(def.text.appended(newText(s, m.owner)))
		l.touch(&def.definition)
	case good:
		def = l.defineMacro(name, m)
		def.setText(newText(s, m.owner))
		l.touch(&def.definition)
	default:
		l.broken[name] = true // what refers to it is not to blame
	}
}

func (l *loader) rule(m *mapping) {
	name, ok := m.named("rule")
	m.later(laterKeys...)
	m.unknownKeys(append(laterKeys, ruleKeys...)...)
	if !ok {
		return
	}
	switch {
	case m.appends():
		l.appendRule(m, name)
	case !m.has("condition") && !m.has("output") && !m.has("desc") && !m.has("priority") && m.has("enabled"):
		l.toggleRule(m, name)
	default:
		l.defineRule(m, name)
	}
}

// appendRule adds a condition to a rule. As in Falco the other keys of the item are not used; we say so.
func (l *loader) appendRule(m *mapping, name string) {
	def := l.rules[name]
	if def == nil && !l.skipped[name] && !l.broken[name] {
		m.noBase("rule")
	}
	for _, key := range m.keys {
		if contains(ruleKeys, key) && !contains([]string{"rule", "append", "condition"}, key) {
			m.keyError(key, kindUnknownKey, "append changes only the condition", "key %s is ignored next to 'append: true'", quote(key))
		}
	}
	if !m.has("condition") {
		m.keyError("append", kindAppend, "add the condition that is to be appended", "'append: true' without a condition")
		return
	}
	s, ok := m.scalar("condition")
	if !ok || def == nil {
		return
	}
	def.setText(def.text.appended(newText(s, m.owner)))
	l.touch(&def.definition)
}

// toggleRule switches a rule on or off: the item has no other key.
func (l *loader) toggleRule(m *mapping, name string) {
	m.keyError("enabled", kindDeprecated, "", "an item with 'enabled' alone is deprecated in favour of 'override'")
	enabled := m.boolean("enabled", true)
	def := l.rules[name]
	if def == nil {
		if !l.skipped[name] && !l.broken[name] {
			m.errorAt(m.pairs["rule"].value, kindNoBase, "define the rule before",
				"there is no rule %s to switch on or off", quote(name))
		}
		return
	}
	def.rule.Enabled = enabled
	l.touch(&def.definition)
}

func (l *loader) defineRule(m *mapping, name string) {
	r := &Rule{Name: name, Source: event.SourceSyscall, Priority: PriorityDebug, name: newScalar(m.file, m.pairs["rule"].value)}
	condition, good := m.scalar("condition")
	output, ok := m.scalar("output")
	good = good && ok
	if desc, ok := m.scalar("desc"); ok {
		r.Description = desc.value()
	}
	if p, ok := m.scalar("priority"); ok {
		r.Priority = m.priority(p)
	}
	if m.has("source") {
		if s, ok := m.scalar("source"); ok {
			r.Source = s.value()
		}
	}
	r.Enabled = m.boolean("enabled", true)
	r.Tags = m.tags()
	if !good {
		l.broken[name] = true
		return
	}
	l.addRule(m, r, newText(condition, m.owner), newText(output, m.owner).trimmed())
}

// addRule keeps a rule that was read. One of a source that is not known is skipped, with its later changes.
func (l *loader) addRule(m *mapping, r *Rule, condition, output *text) {
	def := l.rules[r.Name]
	if def != nil && m.has("source") && def.rule.Source != r.Source {
		m.errorAt(m.pairs["source"].value, kindSource, "give the rule another name",
			"rule %s is defined at %s for source %s, it cannot become one of source %s",
			quote(r.Name), def.pos(), quote(def.rule.Source), quote(r.Source))
		return
	}
	if _, known := l.catalogues[r.Source]; !known {
		l.unknownSource(m, r)
		return
	}
	def = l.defineRuleNamed(r.Name, m)
	r.Pos = def.pos()
	def.rule, def.output = r, output
	def.setText(condition)
	l.touch(&def.definition)
}

func (l *loader) unknownSource(m *mapping, r *Rule) {
	l.skipped[r.Name] = true
	at := m.start()
	if m.has("source") {
		at = nodeSpan(m.file, m.pairs["source"].value)
	}
	hint := "known sources: " + strings.Join(l.sources(), ", ")
	if near := field.Nearest(r.Source, l.sources(), 1); len(near) > 0 {
		hint = "did you mean " + near[0] + "?"
	}
	l.report(m.file, m.owner, problem{kind: kindUnknownSource, at: at, hint: hint,
		message: fmt.Sprintf("source %s is not known, the rule is skipped", quote(r.Source))})
}

func (m *mapping) priority(s *scalar) Priority {
	p, err := ParsePriority(s.value())
	if err == nil {
		return p
	}
	hint := "one of " + strings.ToLower(strings.Join(priorityNames[:], ", "))
	if near := field.Nearest(s.value(), append([]string{"Info"}, priorityNames[:]...), 1); len(near) > 0 {
		hint = "did you mean " + strings.ToUpper(near[0]) + "?"
	}
	m.errorAt(s.node, kindPriority, hint, "%s is not a priority", quote(s.value()))
	return PriorityDebug
}

// tags reads the tags, sorted and each once.
func (m *mapping) tags() []string {
	if !m.has("tags") {
		return nil
	}
	items, _ := m.sequence("tags")
	tags := make([]string, 0, len(items))
	for _, s := range items {
		tags = append(tags, s.value())
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

// noBase reports an append without something to append to.
func (m *mapping) noBase(item string) {
	m.errorAt(m.pairs[item].value, kindNoBase, "define it before, in this file or in one that is read earlier",
		"there is no %s %s to append to", item, quote(m.owner.name))
}

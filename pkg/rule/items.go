package rule

import (
	"fmt"

	"go.yaml.in/yaml/v4"
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
	all := content(file)
	if root.Kind != yaml.SequenceNode {
		hint := "start each item with a dash: - rule: …"
		if root.Kind == yaml.MappingNode && hasKey(root, "tests") {
			hint = "it looks like tests of rules: keep them in a folder of their own, which saker test reads"
		}
		l.report(all, problem{kind: kindShape, at: nodeSpan(file, root), hint: hint,
			message: fmt.Sprintf("a rules file must be a list of items, not %s", kindName(root))})
		return
	}
	for _, n := range root.Content {
		if l.stop() {
			return
		}
		n = follow(n)
		if isNull(n) {
			continue
		}
		c := all.inside(inItem, "", n)
		if n.Kind != yaml.MappingNode {
			l.report(c, problem{kind: kindShape, at: nodeSpan(file, n),
				message: fmt.Sprintf("an item must be a mapping, not %s", kindName(n)),
				hint:    "write - rule: …, - macro: … or - list: …"})
			continue
		}
		l.item(l.newMapping(c, n))
	}
}

// hasKey tells whether a mapping has a key.
func hasKey(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

// item reads one item. Its kind is the first of these keys that it has.
func (l *loader) item(m *mapping) {
	switch {
	case m.has(inEngine):
		l.engineVersion(m)
	case m.has(keyPlugins):
		l.pluginVersions(m)
	case m.has(inList):
		l.list(m)
	case m.has(inMacro):
		l.macro(m)
	case m.has(inRule):
		l.rule(m)
	default:
		l.unknownItem(m)
	}
}

func (l *loader) unknownItem(m *mapping) {
	p := problem{kind: kindUnknownItem, at: m.start(), message: "the item is neither a rule, a macro nor a list and is ignored",
		hint: "an item starts with rule, macro, list, required_engine_version or required_plugin_versions"}
	for _, key := range m.keys {
		if near := nearest(key, []string{inRule, inMacro, inList, inEngine, keyPlugins}); near != "" {
			p.at = nodeSpan(m.file, m.pairs[key].key)
			p.hint = "did you mean " + near + "?"
			p.suggestion = near
			break
		}
	}
	m.report(m.context, p)
}

// named reads the name of an item and puts what is reported from now on in its context.
func (m *mapping) named(kind string) (string, bool) {
	outer := m.context.parent
	m.context = outer.inside(kind, "", m.node)
	s, ok := m.scalar(kind)
	if !ok {
		return "", false
	}
	m.context = outer.inside(kind, s.value(), m.node)
	return s.value(), true
}

// appends tells whether the item is to be appended to the one of the same name; key is what is appended then.
func (m *mapping) appends(keys ...string) bool {
	if !m.boolean("append", false) {
		return false
	}
	p := problem{kind: kindDeprecated, at: nodeSpan(m.file, m.pairs["append"].key), message: "key 'append' is deprecated in favour of 'override'"}
	p.fixes = m.overrideFix(keys)
	if p.fixes != nil {
		p.hint = "write " + p.fixes[0].Edits[0].Text
	}
	m.report(m.context, p)
	return true
}

func (l *loader) list(m *mapping) {
	name, ok := m.named(inList)
	m.unknownKeys(kindUnknownKey, inList, "items", "append", "override")
	if ok && !isListName(name) {
		m.errorAt(m.value(inList), kindListName, "use letters, digits, dashes and underscores",
			"%s cannot stand in a condition as the name of a list", quote(name))
	}
	if ok {
		l.keywordList(m, name)
	}
	items, _ := m.sequence("items")
	appends := m.appends("items")
	o := m.overrides([]string{"items"}, []string{"items"})
	m.notBoth(appends, o)
	if ok && o.bad {
		l.broken[name] = true
	}
	if !ok || o.bad || m.failed && l.strict {
		return
	}
	def := l.lists[name]
	appends = appends || o.append["items"]
	if appends && def == nil {
		m.noBase(inList)
		return
	}
	if !appends {
		def = l.defineList(name, m)
		def.items, def.parts = nil, nil
	}
	if m.has("items") {
		def.parts = append(def.parts, m.part("items", change(appends, def.index > 0)))
	}
	for _, s := range items {
		def.items = append(def.items, &listItem{text: newText(s, m.context, nil)})
	}
	l.touch(&def.definition)
}

func (l *loader) macro(m *mapping) {
	name, ok := m.named(inMacro)
	m.unknownKeys(kindUnknownKey, inMacro, "condition", "append", "override")
	if ok && !isMacroName(name) {
		m.errorAt(m.value(inMacro), kindMacroName, "use letters, digits and underscores, and begin with a letter",
			"%s cannot stand in a condition as the name of a macro", quote(name))
	}
	s, good := m.scalar("condition")
	appends := m.appends("condition")
	o := m.overrides([]string{"condition"}, []string{"condition"})
	m.notBoth(appends, o)
	if ok && o.bad {
		l.broken[name] = true
	}
	if !ok || o.bad || m.failed && l.strict {
		return
	}
	def := l.macros[name]
	appends = appends || o.append["condition"]
	switch {
	case !good:
		l.broken[name] = true // what refers to it is not to blame
		return
	case appends && def == nil:
		m.noBase(inMacro)
		return
	case appends && len(def.text.parts) > maxChanges:
		m.keyError("condition", kindExpansion, "write it as one text", "the condition is appended to more than %d times", maxChanges)
		return
	case appends:
		def.setText(def.text.appended(newText(s, m.context, nil)))
	default:
		def = l.defineMacro(name, m)
		def.parts = nil
		def.setText(newText(s, m.context, m.context.inside(inMacroText, "", s.node)))
	}
	def.parts = append(def.parts, m.part("condition", change(appends, def.index > 0)))
	l.touch(&def.definition)
}

// change is how a part of an item came to be.
func change(appended, known bool) string {
	switch {
	case appended:
		return "append"
	case known:
		return "replace"
	}
	return "define"
}

// part tells where the value of a key stands.
func (m *mapping) part(key, change string) Part {
	n := m.value(key)
	at := wholeSpan(m.file, n)
	p := Part{Key: key, Change: change, Start: m.file.position(at.start), End: m.file.position(at.end)}
	if n.Kind == yaml.ScalarNode {
		p.Text = n.Value
	}
	return p
}

// noBase reports an append without something to append to, unless that may stand in what could not be read.
func (m *mapping) noBase(item string) {
	if l := m.load; !l.strict && (l.incomplete || l.broken[m.context.name]) {
		return
	}
	p := problem{kind: kindNoBase, at: nodeSpan(m.file, m.value(item)),
		message: fmt.Sprintf("there is no %s %s to append to", item, quote(m.context.name)),
		hint:    "define it before, in this file or in one that is read earlier"}
	if near := m.load.nearName(item, m.context.name); near != "" {
		p.hint = "did you mean " + quote(near) + "?"
	}
	m.report(m.context, p)
}

// names lists the items of a kind that are defined so far.
func (l *loader) names(item string) []string {
	var names []string
	switch item {
	case inList:
		for _, d := range l.listOrder {
			names = append(names, d.name)
		}
	case inMacro:
		for _, d := range l.macroOrder {
			names = append(names, d.name)
		}
	default:
		for _, d := range l.ruleOrder {
			names = append(names, d.name)
		}
	}
	return names
}

package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
)

// The keys of a rule: all of them, and those that an override can append to and replace.
var (
	appendKeys  = []string{"condition", "exceptions", "output", "desc", "tags"}
	replaceKeys = []string{"condition", "exceptions", "output", "desc", "tags", "priority", "enabled", "warn_evttypes",
		"skip-if-unknown-filter", "capture", "capture_duration"}
	defineKeys = []string{"condition", "output", "desc", "priority", "source", "enabled", "warn_evttypes",
		"skip-if-unknown-filter", "capture", "capture_duration", "tags", "exceptions"}
	ruleKeys = append([]string{inRule, "append", "override"}, defineKeys...)
)

// maxChanges is how often a text may be appended to, and how many exceptions a rule may have.
const maxChanges = 1000

// update is what an item says about a rule. Only the keys in keys were there and could be read.
type update struct {
	keys              []string
	condition, output *text
	exceptions        []*exception
	// Rule holds the values of the other keys.
	Rule
}

func (u *update) has(key string) bool { return slices.Contains(u.keys, key) }

func (l *loader) rule(m *mapping) {
	name, ok := m.named(inRule)
	m.unknownKeys(kindUnknownKey, ruleKeys...)
	if !ok {
		return
	}
	appends := m.appends("condition", "exceptions")
	o := m.overrides(appendKeys, replaceKeys)
	m.notBoth(appends, o)
	defines := m.has("condition") || m.has("output") || m.has("desc") || m.has("priority")
	switch {
	case o.bad:
		l.broken[name] = true
	case !o.empty():
		l.overrideRule(m, name, o)
	case appends:
		l.appendRule(m, name)
	case defines:
		l.defineRule(m, name)
	case m.has("enabled"):
		l.toggleRule(m, name)
	default:
		m.report(m.context, problem{kind: kindMissing, at: m.start(),
			message: fmt.Sprintf("rule %s has nothing but its name", quote(name)),
			hint:    m.misspelledHint()})
	}
}

// misspelledHint says what to do about a rule without any of the keys that make one: there may be some that are
// misspelled.
func (m *mapping) misspelledHint() string {
	var meant []string
	for _, known := range defineKeys {
		for _, key := range m.keys {
			if !slices.Contains(ruleKeys, key) && nearest(key, ruleKeys) == known {
				meant = append(meant, fmt.Sprintf("%s for %s", known, quote(key)))
				break
			}
		}
	}
	if len(meant) == 0 {
		return "add condition, output, desc and priority, or, to switch off a rule that is defined, enabled: false"
	}
	last := len(meant) - 1
	if last > 0 {
		meant[last-1] += " and " + meant[last]
		meant = meant[:last]
	}
	return "did you mean " + strings.Join(meant, ", ") + "?"
}

// read reads the values of keys in this order.
func (m *mapping) read(keys []string, appends bool) *update {
	u := &update{Rule: Rule{Priority: PriorityDebug, Enabled: true, WarnEventTypes: true}}
	for _, key := range keys {
		if m.readKey(u, key, appends) {
			u.keys = append(u.keys, key)
		}
	}
	return u
}

// readKey reads one value and tells whether it is there and good.
func (m *mapping) readKey(u *update, key string, appends bool) (ok bool) {
	switch key {
	case "condition":
		s, ok := m.scalar(key)
		if ok {
			u.condition = newText(s, m.context, m.context.inside(inCondition, "", s.node))
		}
		return ok
	case "output":
		s, ok := m.scalar(key)
		if ok {
			u.output = newText(s, m.context, m.context.inside(inOutput, "", s.node)).trimmed()
		}
		return ok
	case "desc":
		s, ok := m.scalar(key)
		if ok {
			u.Description = s.value()
		}
		return ok
	case "priority":
		s, ok := m.scalar(key)
		if ok {
			u.Priority = m.priority(s)
		}
		return ok
	}
	if !m.has(key) {
		return false
	}
	switch key {
	case "source":
		s, ok := m.scalar(key)
		if ok {
			u.Source = s.value()
		}
		return ok
	case "enabled":
		u.Enabled = m.boolean(key, true)
	case "warn_evttypes":
		u.WarnEventTypes = m.boolean(key, true)
	case "skip-if-unknown-filter":
		u.SkipUnknown = m.boolean(key, false)
	case "capture":
		u.Capture = m.boolean(key, false)
	case "capture_duration":
		u.CaptureDuration = m.number(key, 0)
	case "tags":
		u.Tags, ok = m.tags()
		return ok
	case "exceptions":
		u.exceptions, ok = m.exceptions(appends)
		return ok
	}
	return true
}

func (l *loader) defineRule(m *mapping, name string) {
	u := m.read(defineKeys, false)
	if !u.has("condition") || !u.has("output") || m.failed && l.strict {
		l.broken[name] = true
		return
	}
	def := l.rules[name]
	if u.Source == "" {
		u.Source = event.SourceSyscall
		if def != nil {
			u.Source = def.rule.Source // a redefinition need not repeat it
		}
	}
	if def != nil && def.rule.Source != u.Source {
		m.errorAt(m.value("source"), kindSource, "give the rule another name",
			"rule %s is defined at %s for source %s, it cannot become one of source %s",
			quote(name), def.pos(), quote(def.rule.Source), quote(u.Source))
		return
	}
	_, known := l.catalogues[u.Source]
	if !known {
		l.unknownSource(m, u.Source)
	}
	for _, e := range u.exceptions {
		l.checkException(m, e, u.Source)
	}
	r := u.Rule
	changed := "define"
	if def != nil {
		changed, r.Replaces = "replace", def.replaced()
	}
	def = l.defineRuleNamed(name, m)
	r.Name, r.Pos, r.name = name, def.pos(), newScalar(m.file, m.value(inRule))
	def.rule, def.output, def.unknown, def.exceptions = &r, u.output, !known, u.exceptions
	def.setText(u.condition)
	for _, key := range m.keys {
		if u.has(key) {
			r.Parts = append(r.Parts, m.part(key, changed))
		}
	}
	l.touch(&def.definition)
}

// replaced is the rule as it stands, for the one that takes its place.
func (d *ruleDef) replaced() *Rule {
	d.rule.context = d.context
	for _, e := range d.exceptions {
		d.rule.Exceptions = append(d.rule.Exceptions, e.plain())
	}
	return d.rule
}

// toggleRule switches a rule on or off: the item has no other key.
func (l *loader) toggleRule(m *mapping, name string) {
	u := m.read([]string{"enabled"}, false)
	p := problem{kind: kindDeprecated, at: nodeSpan(m.file, m.pairs["enabled"].key),
		message: "an item with 'enabled' alone is deprecated in favour of 'override'", hint: "add override: {enabled: replace}"}
	p.fixes = m.addKey("enabled", "override: {enabled: replace}")
	m.report(m.context, p)
	def := l.rules[name]
	if def == nil {
		if !l.broken[name] {
			m.errorAt(m.value(inRule), kindNoBase, l.ruleHint(name), "there is no rule %s to switch on or off", quote(name))
		}
		return
	}
	if m.failed && l.strict {
		return
	}
	l.replaceIn(def, m, u)
	l.touch(&def.definition)
}

// addKey is the fix that writes a key after another one, on a line of its own.
func (m *mapping) addKey(after, text string) []Fix {
	p := m.pairs[after]
	to := nodeSpan(m.file, p.value).end
	from := markOf(m.file, p.key)
	column := m.file.position(from).Column - 1
	line := m.file.data[from-column : from]
	if p.value != m.rawValue(after) || strings.Trim(line, " -") != "" || strings.ContainsAny(m.file.data[from:to], "\r\n\"'&!") {
		return nil
	}
	return []Fix{{Title: "add " + text, Safe: true, Edits: []Edit{{File: m.file.name, Start: to, End: to,
		Text: "\n" + strings.Repeat(" ", column) + text}}}}
}

// appendRule adds a condition and exceptions to a rule, the old way. As in Falco the other keys of the item are not
// used; we say so.
func (l *loader) appendRule(m *mapping, name string) {
	for _, key := range m.keys {
		if slices.Contains(ruleKeys, key) && !slices.Contains([]string{inRule, "append", "condition", "exceptions", "override"}, key) {
			m.keyError(key, kindIgnored, "use override to change it", "key %s is ignored next to 'append: true'", quote(key))
		}
	}
	var keys []string
	for _, key := range []string{"condition", "exceptions"} {
		if m.has(key) {
			keys = append(keys, key)
		}
	}
	u := m.read(keys, true)
	def := l.base(m, name)
	if len(keys) == 0 {
		m.keyError("append", kindAppend, "add the condition that is to be appended", "'append: true' without condition or exceptions")
	}
	if def == nil || m.failed && l.strict {
		return
	}
	l.appendTo(def, m, u)
	l.touch(&def.definition)
}

// overrideRule changes parts of a rule. As in Falco what is appended comes before what is replaced.
func (l *loader) overrideRule(m *mapping, name string, o override) {
	added := m.read(m.overridden(appendKeys, o.append, "append"), true)
	var def *ruleDef
	if len(o.append) > 0 {
		if def = l.base(m, name); def != nil && !(m.failed && l.strict) {
			l.appendTo(def, m, added)
		}
	}
	replaced := m.read(m.overridden(replaceKeys, o.replace, "replace"), false)
	if len(o.append) == 0 {
		def = l.base(m, name)
	}
	if def != nil && len(o.replace) > 0 && !(m.failed && l.strict) {
		l.replaceIn(def, m, replaced)
	}
	for _, key := range slices.Sorted(slices.Values(m.keys)) {
		switch {
		case o.append[key] || o.replace[key] || key == inRule || key == "append" || key == "override":
		case slices.Contains(replaceKeys, key):
			m.errorIn(m.context.inside(inOverrides, key, m.value(key)), m.pairs[key].key, kindOverrideKey,
				fmt.Sprintf("add %s: replace under override, or remove the key", key), "key %s has no entry under override", quote(key))
		case slices.Contains(ruleKeys, key):
			m.keyError(key, kindIgnored, "it can only be given where the rule is defined", "key %s is ignored in an override", quote(key))
		}
	}
	if def != nil {
		l.touch(&def.definition)
	}
}

// overridden lists the keys of an override that have a value, and reports the others.
func (m *mapping) overridden(order []string, wanted map[string]bool, how string) []string {
	var keys []string
	for _, key := range order {
		switch {
		case !wanted[key]:
		case m.has(key):
			keys = append(keys, key)
		default:
			m.keyError("override", kindOverrideKey, fmt.Sprintf("add %s: …", key), "an override of %s (%s) needs the key %s", quote(key), how, quote(key))
		}
	}
	return keys
}

// base gives the rule that an item changes; nil when there is none, which is reported.
func (l *loader) base(m *mapping, name string) *ruleDef {
	def := l.rules[name]
	if def == nil && !l.broken[name] {
		m.noBase(inRule)
	}
	return def
}

// appendTo adds what an item says to a rule: texts after a blank, tags and exceptions to those that it has.
func (l *loader) appendTo(def *ruleDef, m *mapping, u *update) {
	r := def.rule
	for _, key := range u.keys {
		switch key {
		case "condition":
			if len(def.text.parts) > maxChanges {
				m.keyError(key, kindExpansion, "write it as one text", "the condition is appended to more than %d times", maxChanges)
				return
			}
			def.setText(def.text.appended(u.condition))
		case "output":
			if len(def.output.parts) > maxChanges {
				m.keyError(key, kindExpansion, "write it as one text", "the output is appended to more than %d times", maxChanges)
				return
			}
			def.output = def.output.appended(u.output)
		case "desc":
			r.Description += " " + u.Description
		case "tags":
			r.Tags = compact(append(r.Tags, u.Tags...))
		case "exceptions":
			l.appendExceptions(def, m, u.exceptions)
		}
		r.Parts = append(r.Parts, m.part(key, "append"))
	}
}

// replaceIn puts what an item says in the place of what a rule has.
func (l *loader) replaceIn(d *ruleDef, m *mapping, u *update) {
	r := d.rule
	for _, key := range u.keys {
		switch key {
		case "condition":
			u.condition.inner = d.text.inner
			d.setText(u.condition)
		case "output":
			u.output.inner = d.output.inner
			d.output = u.output
		case "desc":
			r.Description = u.Description
		case "tags":
			r.Tags = u.Tags
		case "exceptions":
			for _, e := range u.exceptions {
				l.checkException(m, e, r.Source)
			}
			d.exceptions = u.exceptions
			d.setText(d.text)
		case "priority":
			r.Priority = u.Priority
		case "enabled":
			r.Enabled = u.Enabled
		case "warn_evttypes":
			r.WarnEventTypes = u.WarnEventTypes
		case "skip-if-unknown-filter":
			r.SkipUnknown = u.SkipUnknown
		case "capture":
			r.Capture = u.Capture
		case "capture_duration":
			r.CaptureDuration = u.CaptureDuration
		}
		r.Parts = append(slices.DeleteFunc(r.Parts, func(p Part) bool { return p.Key == key }), m.part(key, "replace"))
	}
}

func (l *loader) unknownSource(m *mapping, source string) {
	at := m.start()
	if m.has("source") {
		at = nodeSpan(m.file, m.value("source"))
	}
	p := problem{kind: kindUnknownSource, at: at, hint: "known sources: " + strings.Join(l.sources(), ", "),
		message: fmt.Sprintf("source %s is not known, the rule is skipped", quote(source))}
	if near := nearest(source, l.sources()); near != "" {
		p.hint = "did you mean " + near + "?"
		p.suggestion = near
	}
	m.report(m.context, p)
}

// ruleHint says which rule may be meant.
func (l *loader) ruleHint(name string) string {
	if near := l.nearName(inRule, name); near != "" {
		return "did you mean " + quote(near) + "?"
	}
	return "define the rule before"
}

func (m *mapping) priority(s *scalar) Priority {
	p, err := ParsePriority(s.value())
	if err == nil {
		return p
	}
	bad := problem{kind: kindPriority, at: nodeSpan(m.file, s.node), message: quote(s.value()) + " is not a priority",
		hint: "one of " + strings.ToLower(strings.Join(priorityNames[:], ", "))}
	if near := field.Nearest(s.value(), append([]string{"Info"}, priorityNames[:]...), 1); len(near) > 0 {
		bad.hint = "did you mean " + strings.ToUpper(near[0]) + "?"
		bad.suggestion = strings.ToUpper(near[0])
	}
	m.report(m.context.inside(inPriority, "", s.node), bad)
	return PriorityDebug
}

// tags reads the tags, sorted and each once.
func (m *mapping) tags() ([]string, bool) {
	items, ok := m.sequence("tags")
	tags := make([]string, 0, len(items))
	for _, s := range items {
		tags = append(tags, s.value())
	}
	return compact(tags), ok
}

// compact sorts texts and keeps each once.
func compact(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

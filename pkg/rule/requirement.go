package rule

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// EngineVersion is the version of Falco's rule engine whose rules files are understood.
const EngineVersion = "0.63.0"

// keyPlugins is the key of the requirement of plugins.
const keyPlugins = "required_plugin_versions"

// Plugins gives the versions of the Falco plugins whose work is done here, by name. The numbers are those of the
// plugins whose behaviour was compared.
func Plugins() map[string]string {
	return map[string]string{"k8saudit": "0.18.0", "json": "0.7.4", "container": "0.7.1", "k8smeta": "0.4.1"}
}

// version is major, minor and patch.
type version [3]uint64

// String gives x.y.z.
func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

// parseVersion reads x.y.z; what follows a dash or a plus is ignored.
func parseVersion(s string) (version, bool) {
	s, _, _ = strings.Cut(s, "+")
	s, _, _ = strings.Cut(s, "-")
	parts := strings.Split(s, ".")
	var v version
	if len(parts) != len(v) {
		return v, false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil {
			return v, false
		}
		v[i] = n
	}
	return v, true
}

// satisfies tells whether something of version v can stand in for what needs version need: the same major version and
// not older.
func (v version) satisfies(need version) bool {
	if v[0] != need[0] {
		return false
	}
	for i := range v {
		if v[i] != need[i] {
			return v[i] > need[i]
		}
	}
	return true
}

// engineVersion checks required_engine_version: x.y.z, or a number n that stands for 0.n.0.
func (l *loader) engineVersion(m *mapping) {
	m.context = m.context.parent.inside(inEngine, "", m.node)
	m.unknownKeys(kindUnknownKey, inEngine)
	s, ok := m.scalar(inEngine)
	if !ok {
		return
	}
	text := s.value()
	if _, err := strconv.ParseUint(text, 10, 32); err == nil {
		text = "0." + text + ".0"
	}
	need, ok := parseVersion(text)
	if !ok {
		m.errorAt(s.node, kindVersion, "write it as 0.26.0", "%s is not a version", quote(s.value()))
		return
	}
	if have, _ := parseVersion(EngineVersion); !have.satisfies(need) {
		m.errorAt(s.node, kindEngine, "use rules made for this version, or a newer program",
			"the rules require engine version %s, this is %s", text, EngineVersion)
	}
	if l.engine == nil || !l.engine.satisfies(need) {
		l.engine = &need
	}
}

// Requirement is a plugin that rules files ask for, with the others that will do instead of it.
type Requirement struct {
	Name, Version string
	Alternatives  []Requirement
}

// pluginVersions checks required_plugin_versions: of each entry one of the plugins it names must be built in.
func (l *loader) pluginVersions(m *mapping) {
	list := m.value(keyPlugins)
	m.context = m.context.parent.inside(inPlugins, "", list)
	m.unknownKeys(kindUnknownKey, keyPlugins)
	if list.Kind != yaml.SequenceNode {
		m.errorAt(list, kindShape, "write - name: … and version: …", "the value of %s must be a list, not %s", keyPlugins, kindName(list))
		return
	}
	for _, n := range list.Content {
		n = follow(n)
		if e := m.entryMapping(inPlugin, n); e != nil && !l.stop() {
			l.pluginEntry(m, e)
		}
	}
}

// entryMapping reads an entry of a list of mappings with names; nil when it is none.
func (m *mapping) entryMapping(kind string, n *yaml.Node) *mapping {
	c := m.context.inside(kind, "", n)
	if n.Kind != yaml.MappingNode {
		m.errorIn(c, n, kindShape, "", "an entry must be a mapping with name and version, not %s", kindName(n))
		return nil
	}
	return m.load.newMapping(c, n)
}

// requirement reads the name and the version of an entry.
func (m *mapping) requirement() (Requirement, bool) {
	name, ok := m.scalar("name")
	if !ok {
		return Requirement{}, false
	}
	m.context = m.context.parent.inside(m.context.kind, name.value(), m.node)
	v, ok := m.scalar("version")
	if !ok {
		return Requirement{}, false
	}
	return Requirement{Name: name.value(), Version: v.value()}, true
}

// pluginEntry checks one requirement.
func (l *loader) pluginEntry(m, e *mapping) {
	const alternatives = "alternatives"
	e.unknownKeys(kindUnknownKey, "name", "version", alternatives)
	need, good := e.requirement()
	all := []*mapping{e}
	if p, ok := e.pairs[alternatives]; ok && p.value.Kind != yaml.SequenceNode {
		e.errorAt(p.value, kindShape, "", "the value of %s must be a list, not %s", alternatives, kindName(p.value))
		good = false
	} else if ok {
		for _, n := range p.value.Content {
			a := e.entryMapping(inAlternative, follow(n))
			if a == nil {
				good = false
				continue
			}
			other, ok := a.requirement()
			good = good && ok
			need.Alternatives = append(need.Alternatives, other)
			all = append(all, a)
		}
	}
	if good && l.versions(e, need, all) {
		l.plugins = append(l.plugins, need)
		l.answer(e, need)
	}
}

// choices are the plugins of which one must be there.
func (r Requirement) choices() []Requirement { return append([]Requirement{r}, r.Alternatives...) }

// versions checks that each version is one, and that each plugin is named once.
func (l *loader) versions(e *mapping, need Requirement, all []*mapping) bool {
	seen := map[string]bool{}
	for i, c := range need.choices() {
		if _, ok := parseVersion(c.Version); !ok {
			e.errorAt(all[i].value("version"), kindRequirement, "write it as 0.26.0", "%s is not a version of plugin %s", quote(c.Version), quote(c.Name))
			return false
		}
		if seen[c.Name] {
			e.errorAt(all[i].value("name"), kindRequirement, "name each plugin once", "plugin %s is named twice among the alternatives", quote(c.Name))
			return false
		}
		seen[c.Name] = true
	}
	return true
}

// answer reports a requirement that nothing here meets.
func (l *loader) answer(e *mapping, need Requirement) {
	var names []string
	for _, c := range need.choices() {
		have, ok := l.builtIn[c.Name]
		if !ok {
			names = append(names, fmt.Sprintf("%s (>= %s)", c.Name, c.Version))
			continue
		}
		version, _ := parseVersion(have)
		if wanted, _ := parseVersion(c.Version); !version.satisfies(wanted) {
			e.report(e.context, problem{kind: kindPlugin, at: e.start(), hint: "use rules made for this version, or a newer program",
				message: fmt.Sprintf("the rules require plugin %s %s, built in is %s", quote(c.Name), c.Version, have)})
		}
		return
	}
	var known []string
	for _, name := range slices.Sorted(maps.Keys(l.builtIn)) {
		known = append(known, name+" "+l.builtIn[name])
	}
	e.report(e.context, problem{kind: kindPlugin, at: e.start(),
		message: "the rules require a plugin that is not built in: one of " + quote(strings.Join(names, ", ")),
		hint:    "built in are " + strings.Join(known, ", ")})
}

package rule

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// EngineVersion is the version of Falco's rule engine whose rules files are understood.
const EngineVersion = "0.63.0"

// pluginVersion gives the version of a Falco plugin whose fields are built in, empty for others. The numbers are
// those of the plugins whose behaviour was compared.
func pluginVersion(name string) string {
	switch name {
	case "k8saudit":
		return "0.18.0"
	case "json":
		return "0.7.4"
	case "container":
		return "0.7.1"
	}
	return ""
}

// version is major, minor and patch.
type version [3]uint64

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
	const key = "required_engine_version"
	m.unknownKeys(key)
	m.owner.item = key
	s, ok := m.scalar(key)
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
		m.errorAt(s.node, kindRequirement, "use rules made for this version, or a newer program",
			"the rules require engine version %s, this is %s", text, EngineVersion)
	}
}

// pluginVersions checks required_plugin_versions: of each entry one of the plugins it names must be built in.
func (l *loader) pluginVersions(m *mapping) {
	const key = "required_plugin_versions"
	m.unknownKeys(key)
	m.owner.item = key
	list := m.pairs[key].value
	if list.Kind != yaml.SequenceNode {
		m.errorAt(list, kindShape, "", "the value of %s must be a list, not %s", key, kindName(list))
		return
	}
	for _, n := range list.Content {
		if e := m.mappingOf(follow(n), key); e != nil {
			l.pluginEntry(e)
		}
	}
}

// mappingOf reads an entry of a list of mappings.
func (m *mapping) mappingOf(n *yaml.Node, key string) *mapping {
	if n.Kind != yaml.MappingNode {
		m.errorAt(n, kindShape, "", "an entry of %s must be a mapping with name and version, not %s", key, kindName(n))
		return nil
	}
	e := m.load.newMapping(m.file, n)
	e.owner = m.owner
	return e
}

func (l *loader) pluginEntry(e *mapping) {
	const alternatives = "alternatives"
	e.unknownKeys("name", "version", alternatives)
	names, met, valid := []string{}, false, true
	check := func(m *mapping) {
		name, ok1 := m.scalar("name")
		v, ok2 := m.scalar("version")
		if !ok1 || !ok2 {
			valid = false
			return
		}
		need, ok := parseVersion(v.value())
		if !ok {
			m.errorAt(v.node, kindVersion, "write it as 0.26.0", "%s is not a version", quote(v.value()))
			valid = false
			return
		}
		have, _ := parseVersion(pluginVersion(name.value()))
		met = met || pluginVersion(name.value()) != "" && have.satisfies(need)
		names = append(names, fmt.Sprintf("%s (>= %s)", name.value(), v.value()))
	}
	check(e)
	if p, ok := e.pairs[alternatives]; ok && p.value.Kind == yaml.SequenceNode {
		for _, n := range p.value.Content {
			if a := e.mappingOf(follow(n), alternatives); a != nil {
				check(a)
			}
		}
	} else if ok {
		e.errorAt(p.value, kindShape, "", "the value of %s must be a list, not %s", alternatives, kindName(p.value))
	}
	if valid && !met {
		e.load.report(e.file, e.owner, problem{kind: kindRequirement, at: e.start(),
			message: "the rules require a plugin that is not built in: one of " + quote(strings.Join(names, ", ")),
			hint:    "built in are k8saudit " + pluginVersion("k8saudit") + ", json " + pluginVersion("json") + " and container " + pluginVersion("container")})
	}
}

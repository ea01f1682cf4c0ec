package description

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/saker-security/saker/pkg/rule"
)

// requirements reads what rules files, which are known to be good, ask for: the newest of the engine versions, 0.0.0
// for none, and all plugins.
func requirements(files []rule.File) (engine string, plugins []FalcoPlugin) {
	engine, newest := "0.0.0", []uint64(nil)
	plugins = []FalcoPlugin{}
	for _, item := range items(files) {
		for key, value := range members(item) {
			switch key {
			case "required_engine_version":
				if v, text := engineVersion(value.Value); slices.Compare(v, newest) > 0 {
					engine, newest = text, v
				}
			case "required_plugin_versions":
				for _, n := range value.Content {
					plugins = append(plugins, plugin(n))
				}
			}
		}
	}
	return engine, plugins
}

// items lists the items of rules files.
func items(files []rule.File) []*yaml.Node {
	var out []*yaml.Node
	for _, f := range files {
		loader, err := yaml.NewLoader(bytes.NewReader(f.Data))
		for err == nil {
			document := new(yaml.Node)
			if err = loader.Load(document); err == nil && len(document.Content) > 0 {
				out = append(out, document.Content[0].Content...)
			}
		}
	}
	return out
}

// members gives the members of a mapping.
func members(n *yaml.Node) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	n = follow(n)
	if n.Kind != yaml.MappingNode {
		return out
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		out[follow(n.Content[i]).Value] = follow(n.Content[i+1])
	}
	return out
}

func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func plugin(n *yaml.Node) FalcoPlugin {
	p := FalcoPlugin{Alternatives: []FalcoAlternative{}}
	for key, value := range members(n) {
		switch key {
		case "name":
			p.Name = value.Value
		case "version":
			p.Version = value.Value
		case "alternatives":
			for _, a := range value.Content {
				m := members(a)
				if m["name"] != nil && m["version"] != nil {
					p.Alternatives = append(p.Alternatives, FalcoAlternative{Name: m["name"].Value, Version: m["version"].Value})
				}
			}
		}
	}
	return p
}

// engineVersion reads x.y.z, or a number n that stands for 0.n.0.
func engineVersion(text string) (v []uint64, full string) {
	if !strings.Contains(text, ".") {
		text = "0." + text + ".0"
	}
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return nil, ""
		}
		v = append(v, n)
	}
	return v, text
}

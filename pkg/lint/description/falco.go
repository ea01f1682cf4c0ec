package description

import (
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
)

// The types below are the JSON that Falco prints for -L and -l when its output is JSON, and under
// falco_describe_results when rules are validated at the same time. Their keys stand in the order of the alphabet, as
// Falco prints them.

// Falco is everything that was loaded.
type Falco struct {
	Lists                  []FalcoList   `json:"lists"`
	Macros                 []FalcoMacro  `json:"macros"`
	RequiredEngineVersion  string        `json:"required_engine_version"`
	RequiredPluginVersions []FalcoPlugin `json:"required_plugin_versions"`
	Rules                  []FalcoRule   `json:"rules"`
}

// FalcoPlugin is a requirement of a rules file: a plugin, or one of its alternatives.
type FalcoPlugin struct {
	Alternatives []FalcoAlternative `json:"alternatives"`
	Name         string             `json:"name"`
	Version      string             `json:"version"`
}

// FalcoAlternative is a plugin that will do instead.
type FalcoAlternative struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// FalcoRule is a rule: what its author wrote, and what it amounts to.
type FalcoRule struct {
	Details FalcoRuleDetails `json:"details"`
	Info    FalcoRuleInfo    `json:"info"`
}

// FalcoRuleDetails is what a rule amounts to. All lists are sorted, each entry once.
type FalcoRuleDetails struct {
	ConditionCompiled  string   `json:"condition_compiled"`
	ConditionFields    []string `json:"condition_fields"`
	ConditionOperators []string `json:"condition_operators"`
	Events             []string `json:"events"`
	ExceptionFields    []string `json:"exception_fields"`
	ExceptionNames     []string `json:"exception_names"`
	ExceptionOperators []string `json:"exception_operators"`
	Lists              []string `json:"lists"`
	Macros             []string `json:"macros"`
	OutputCompiled     string   `json:"output_compiled"`
	OutputFields       []string `json:"output_fields"`
	Plugins            []string `json:"plugins"`
}

// FalcoRuleInfo is a rule as its author wrote it.
type FalcoRuleInfo struct {
	Capture         bool     `json:"capture"`
	CaptureDuration uint64   `json:"capture_duration"`
	Condition       string   `json:"condition"`
	Description     string   `json:"description"`
	Enabled         bool     `json:"enabled"`
	Name            string   `json:"name"`
	Output          string   `json:"output"`
	Priority        string   `json:"priority"`
	Source          string   `json:"source"`
	Tags            []string `json:"tags"`
}

// FalcoMacro is a macro.
type FalcoMacro struct {
	Details FalcoMacroDetails `json:"details"`
	Info    FalcoMacroInfo    `json:"info"`
}

// FalcoMacroDetails is what a macro amounts to.
type FalcoMacroDetails struct {
	ConditionCompiled  string   `json:"condition_compiled"`
	ConditionFields    []string `json:"condition_fields"`
	ConditionOperators []string `json:"condition_operators"`
	Events             []string `json:"events"`
	Lists              []string `json:"lists"`
	Macros             []string `json:"macros"`
	Plugins            []string `json:"plugins"`
	Used               bool     `json:"used"`
}

// FalcoMacroInfo is a macro as its author wrote it.
type FalcoMacroInfo struct {
	Condition string `json:"condition"`
	Name      string `json:"name"`
}

// FalcoList is a list.
type FalcoList struct {
	Details FalcoListDetails `json:"details"`
	Info    FalcoListInfo    `json:"info"`
}

// FalcoListDetails is what a list amounts to.
type FalcoListDetails struct {
	ItemsCompiled []string `json:"items_compiled"`
	Lists         []string `json:"lists"`
	Plugins       []string `json:"plugins"`
	Used          bool     `json:"used"`
}

// FalcoListInfo is a list as its author wrote it, without the names of other lists.
type FalcoListInfo struct {
	Items []string `json:"items"`
	Name  string   `json:"name"`
}

// Falco describes everything as Falco does.
func (d *Description) Falco() *Falco {
	f := &Falco{Lists: []FalcoList{}, Macros: []FalcoMacro{}, Rules: []FalcoRule{}, RequiredPluginVersions: []FalcoPlugin{},
		RequiredEngineVersion: cmp.Or(d.engine, "0.0.0")}
	for _, p := range d.plugins {
		plugin := FalcoPlugin{Name: p.Name, Version: p.Version, Alternatives: []FalcoAlternative{}}
		for _, a := range p.Alternatives {
			plugin.Alternatives = append(plugin.Alternatives, FalcoAlternative{Name: a.Name, Version: a.Version})
		}
		f.RequiredPluginVersions = append(f.RequiredPluginVersions, plugin)
	}
	for _, l := range d.Lists {
		isList := func(item string) bool { return slices.Contains(l.direct, item) }
		f.Lists = append(f.Lists, FalcoList{
			Details: FalcoListDetails{ItemsCompiled: l.Resolved, Lists: l.direct, Plugins: []string{}, Used: l.Used},
			Info:    FalcoListInfo{Items: slices.DeleteFunc(notNil(l.Items), isList), Name: l.Name},
		})
	}
	events := d.macroEvents()
	for _, m := range d.Macros {
		f.Macros = append(f.Macros, m.falco(events[m.Name]))
	}
	for _, r := range d.Rules {
		f.Rules = append(f.Rules, r.falco(d.sourceTypes(r.Source)))
	}
	return f
}

// WriteFalco writes what Falco prints: everything for -L, the rules alone for -l, when rules were selected. It is one
// line.
func (d *Description) WriteFalco(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if !d.selected {
		return e.Encode(d.Falco())
	}
	rules := []FalcoRule{}
	for _, r := range d.Rules {
		rules = append(rules, r.falco(d.sourceTypes(r.Source)))
	}
	return e.Encode(map[string][]FalcoRule{"rules": rules})
}

func (r *Rule) falco(types []string) FalcoRule {
	names, operators, fields := []string{}, []string{}, []string{}
	for _, e := range r.Exceptions {
		names = append(names, e.Name)
		operators = append(operators, e.Comparisons...)
		fields = append(fields, e.Fields...)
	}
	events := r.Events
	if r.AllEvents {
		events = types
	}
	return FalcoRule{
		Details: FalcoRuleDetails{
			ConditionCompiled: r.Resolved, ConditionFields: r.Fields, ConditionOperators: operatorsOf(r.tree),
			Events: notNil(events), ExceptionFields: unique(fields), ExceptionNames: unique(names), ExceptionOperators: unique(operators),
			Lists: notNil(r.direct.lists), Macros: notNil(r.direct.macros), OutputCompiled: r.Output, OutputFields: r.OutputFields,
			Plugins: plugins(r.Source, slices.Concat(r.Fields, r.OutputFields)),
		},
		Info: FalcoRuleInfo{
			Capture: r.Capture, CaptureDuration: r.CaptureDuration, Condition: r.Condition, Description: r.Description,
			Enabled: r.Enabled, Name: r.Name, Output: r.Output, Priority: r.Priority, Source: r.Source, Tags: r.Tags,
		},
	}
}

func (m *Macro) falco(events []string) FalcoMacro {
	fields := []string{}
	if m.tree != nil {
		fields = fieldNames(m.tree)
	}
	return FalcoMacro{
		Details: FalcoMacroDetails{
			ConditionCompiled: m.Resolved, ConditionFields: fields, ConditionOperators: operatorsOf(m.tree), Events: notNil(events),
			Lists: notNil(m.direct.lists), Macros: notNil(m.direct.macros), Plugins: []string{}, Used: m.Used,
		},
		Info: FalcoMacroInfo{Condition: m.Condition, Name: m.Name},
	}
}

// operatorsOf lists the operators of the checks in a condition.
func operatorsOf(n condition.Node) []string {
	out := []string{}
	if n == nil {
		return out
	}
	condition.Walk(n, func(n condition.Node) bool {
		if c, ok := n.(*condition.Check); ok {
			op := string(c.Op)
			if c.Modifier != condition.ModifierNone {
				op += " " + string(c.Modifier)
			}
			out = append(out, op)
		}
		return true
	})
	return unique(out)
}

func notNil(texts []string) []string { return append([]string{}, texts...) }

// sourceTypes lists the event types of a source as Falco names them.
func (d *Description) sourceTypes(source string) []string {
	if source != event.SourceSyscall || d.catalogues[source] == nil {
		return []string{"asyncevent", "pluginevent"}
	}
	var out []string
	for _, name := range d.catalogues[source].Types() {
		if name != "" {
			out = append(out, name)
		}
	}
	return unique(out)
}

// macroEvents tells for which types of system calls each macro can be true. As a macro has no source, one for another
// source is listed as if it could be true for all of them.
func (d *Description) macroEvents() map[string][]string {
	catalogue := d.catalogues[event.SourceSyscall]
	if catalogue == nil {
		return nil
	}
	b := program.NewBuilder(catalogue)
	ids := map[string]program.ID{}
	for _, m := range d.Macros {
		ids[m.Name] = program.None
		if m.tree != nil {
			ids[m.Name], _ = b.Add(m.tree)
		}
	}
	p := b.Build()
	out := map[string][]string{}
	for name, id := range ids {
		if id == program.None || p.Types(id).All() {
			out[name] = d.sourceTypes(event.SourceSyscall)
		} else {
			out[name] = unique(append(typeNames(catalogue.Types(), p.Types(id)), "asyncevent"))
		}
	}
	return out
}

// plugins names the plugins that Falco needs for a rule of a source with some fields. Their sources and fields are
// built in here.
func plugins(source string, fields []string) []string {
	out := []string{}
	if source == event.SourceK8sAudit {
		out = append(out, "k8saudit")
	}
	for _, f := range fields {
		class, _, _ := strings.Cut(f, ".")
		if strings.HasPrefix(f, "proc.is_container_") {
			class = "container"
		}
		switch class {
		case "ka":
			out = append(out, "k8saudit")
		case "json", "jevt":
			out = append(out, "json")
		case "container", "k8s":
			out = append(out, "container")
		case "k8smeta":
			out = append(out, class)
		}
	}
	return unique(out)
}

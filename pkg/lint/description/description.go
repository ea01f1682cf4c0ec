// Package description tells what loaded rules amount to: the condition with macros, lists and exceptions in their
// places, the events and fields that a rule asks for, and which line of which file each part comes from. It is written
// for people, as JSON, and as the JSON of Falco's own description of rules.
package description

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// Place is a line of a rules file. Line and Column count from 1, Column in bytes.
type Place struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// Part is a piece of an item: what a key of an item in a file contributes to what the item is now.
type Part struct {
	Key string `json:"key"`
	// Change is define, append or replace.
	Change string `json:"change"`
	// Text is the value as written, absent for values that are not a text.
	Text string `json:"text,omitempty"`
	// At is where the value stands.
	At Place `json:"at"`
}

// Rule is a rule as it stands after all files are read.
type Rule struct {
	Name        string   `json:"name"`
	Source      string   `json:"source"`
	Priority    string   `json:"priority"`
	Enabled     bool     `json:"enabled"`
	Tags        []string `json:"tags"`
	Description string   `json:"description"`
	// Condition is as written, appends included; Resolved has macros, lists and exceptions in their places.
	Condition string `json:"condition"`
	Resolved  string `json:"resolved"`
	Output    string `json:"output"`
	// Macros and Lists are those that the condition uses, directly or through others, sorted by name.
	Macros []Macro `json:"macros"`
	Lists  []List  `json:"lists"`
	// Exceptions are in the order of definition.
	Exceptions []Exception `json:"exceptions"`
	// Events are the types of events that the rule is evaluated for, sorted; absent when AllEvents, or when events of
	// the source have no types.
	Events    []string `json:"events,omitempty"`
	AllEvents bool     `json:"allEvents"`
	// Fields are those that the resolved condition reads, OutputFields those of the output, with their arguments,
	// sorted.
	Fields       []string `json:"fields"`
	OutputFields []string `json:"outputFields"`
	// Capture tells whether a match asks for a capture, CaptureDuration its length in milliseconds, 0 for the
	// configured one.
	Capture         bool   `json:"capture"`
	CaptureDuration uint64 `json:"captureDuration"`
	// At is where the rule was first defined, Parts what it is made of, in the order in which the files are read.
	At    Place  `json:"at"`
	Parts []Part `json:"parts"`

	tree condition.Node
	// direct are the macros and lists that the condition names itself.
	direct names
}

// Macro is a macro as it stands after all files are read.
type Macro struct {
	Name string `json:"name"`
	// Condition is as written, appends included; Resolved has macros and lists in their places.
	Condition string `json:"condition"`
	Resolved  string `json:"resolved"`
	// Used tells whether a rule or another macro refers to it.
	Used  bool   `json:"used"`
	At    Place  `json:"at"`
	Parts []Part `json:"parts"`

	tree   condition.Node
	direct names
}

// List is a list as it stands after all files are read.
type List struct {
	Name string `json:"name"`
	// Items are as written, appends included; Resolved has the lists among them in their places.
	Items    []string `json:"items"`
	Resolved []string `json:"resolved"`
	// Used tells whether a rule, a macro or another list refers to it.
	Used  bool   `json:"used"`
	At    Place  `json:"at"`
	Parts []Part `json:"parts"`

	direct []string
}

// Exception is an exception of a rule.
type Exception struct {
	Name string `json:"name"`
	// Fields and Comparisons are of equal length.
	Fields      []string `json:"fields"`
	Comparisons []string `json:"comparisons"`
	// Values holds one entry for each combination: for each field its value, or its values where it is a list.
	Values [][][]string `json:"values"`
	// Resolved is when the rule does not hold because of the exception, absent for one without values.
	Resolved string `json:"resolved,omitempty"`
	At       Place  `json:"at"`
}

// Description is what was loaded, in the order of definition. When rules are selected there are only these.
type Description struct {
	Rules  []Rule  `json:"rules"`
	Macros []Macro `json:"macros,omitempty"`
	Lists  []List  `json:"lists,omitempty"`

	selected   bool
	engine     string
	plugins    []rule.Requirement
	catalogues map[string]*field.Catalogue
}

// Of describes a set that was loaded without an error, and what was compiled from it. Catalogues are those that it was
// loaded with. A rule that is left out because of a field that is not known is left out here too.
func Of(set *rule.Set, compiled *rule.Compiled, catalogues map[string]*field.Catalogue) *Description {
	d := &Description{Rules: []Rule{}, Macros: []Macro{}, Lists: []List{}, engine: set.Engine, plugins: set.Plugins, catalogues: catalogues}
	r := newReader(set)
	for _, l := range set.Lists {
		d.Lists = append(d.Lists, r.list(l))
	}
	for _, m := range set.Macros {
		d.Macros = append(d.Macros, r.macro(m))
	}
	ready := map[string]*rule.CompiledRule{}
	for _, source := range compiled.Sources {
		for _, c := range source.Rules {
			ready[c.Name] = c
		}
	}
	for _, x := range set.Rules {
		if c := ready[x.Name]; c != nil {
			d.Rules = append(d.Rules, r.rule(c, compiled.Sources[x.Source]))
		}
	}
	return d
}

// Select keeps the rules whose name fits one of patterns, in which * stands for any text. The error names a pattern
// that nothing fits.
func (d *Description) Select(patterns []string) error {
	keep := map[string]bool{}
	for _, p := range patterns {
		found := false
		for _, r := range d.Rules {
			if (rule.Selection{Rule: p}).Matches(&rule.Rule{Name: r.Name}) {
				found, keep[r.Name] = true, true
			}
		}
		if !found {
			return d.notLoaded(p)
		}
	}
	d.selected, d.Macros, d.Lists = true, nil, nil
	d.Rules = slices.DeleteFunc(d.Rules, func(r Rule) bool { return !keep[r.Name] })
	return nil
}

func (d *Description) notLoaded(pattern string) error {
	hint := "saker rules without a name lists those that are"
	if near := d.near(pattern); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return fmt.Errorf("Rule %q is not loaded; %s", pattern, hint)
}

// near finds a name that may be meant: one that differs in a few letters, or that has all the words.
func (d *Description) near(pattern string) string {
	var known []string
	for _, r := range d.Rules {
		known = append(known, r.Name)
	}
	if near := field.Nearest(pattern, known, 1); len(near) > 0 {
		return near[0]
	}
	words := strings.Fields(strings.ToLower(strings.ReplaceAll(pattern, "*", " ")))
	for _, name := range known {
		missing := func(word string) bool { return !strings.Contains(strings.ToLower(name), word) }
		if len(words) > 0 && !slices.ContainsFunc(words, missing) {
			return name
		}
	}
	return ""
}

func place(p rule.Position) Place { return Place{File: p.File, Line: p.Line, Column: p.Column} }

func parts(in []rule.Part) []Part {
	out := []Part{}
	for _, p := range in {
		out = append(out, Part{Key: p.Key, Change: p.Change, Text: p.Text, At: place(p.Start)})
	}
	return out
}

// fieldNames lists the fields that a condition reads, with their arguments, sorted.
func fieldNames(n condition.Node) []string {
	out := []string{}
	for _, f := range program.Fields(n) {
		name := f.Name
		if f.Arg != nil {
			name += "[" + f.Arg.Text + "]"
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Package rule reads rules files: YAML with positions becomes macros, lists and rules with everything resolved, and
// every finding becomes a diagnostic with file, line and column.
//
// Three types, never one: a Set is what was read, plain and printable data; Compiled is made from it, immutable and
// safe for concurrent use; what runs is package engine.
package rule

import (
	"fmt"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/format"
)

// Position is a place in a rules file. Line and Column count from 1, Column in bytes.
type Position struct {
	File   string
	Line   int
	Column int
}

// String gives file:line:column as a terminal may show it.
func (p Position) String() string {
	return fmt.Sprintf("%s:%d:%d", Printable(p.File), p.Line, p.Column)
}

// Rule is one rule as it stands after all files are read: appends done, macros and lists resolved.
type Rule struct {
	Name        string
	Description string
	// Condition is the condition text as written, appends included.
	Condition string
	// Tree is the condition as it is written, without the exceptions, names of macros and lists in their places; nil when
	// it has a syntax error.
	Tree condition.Node
	// Node is the condition with macros and lists resolved; nil when it has an error. Its ranges are not those of
	// Condition, because parts of it come from elsewhere: Set.Place tells what they stand for.
	Node     condition.Node
	Output   string
	Priority Priority
	// Tags are sorted and unique.
	Tags    []string
	Source  string
	Enabled bool
	// Exceptions are those of the definition with what was appended; Node holds their conditions already.
	Exceptions []Exception
	// WarnEventTypes is false when the author does not want to hear that the rule is evaluated for many event types.
	WarnEventTypes bool
	// SkipUnknown drops the rule with a warning, instead of an error, when a field or event type in it is unknown.
	SkipUnknown bool
	// Capture asks for a capture file when the rule matches; CaptureDuration is its length in milliseconds, 0 for the
	// configured one.
	Capture         bool
	CaptureDuration uint64
	// Pos is where the rule was first defined.
	Pos Position
	// Parts tells where each part of the rule comes from, in the order in which the files are read. What a later
	// definition or replacement made void is not among them.
	Parts []Part
	// Replaces is the rule as it stood before it was defined anew under the same name, without its conditions; nil when
	// it was defined once.
	Replaces *Rule

	// name and output are where they stand; context is the item that defines the rule.
	name      *scalar
	output    *text
	condition *text
	context   *context
	// index is the number of the definition.
	index int
	// partial is the condition as far as it could be resolved when Node is nil, itself nil when nothing could.
	partial condition.Node
}

// Exception is a named exception of a rule.
type Exception struct {
	Name string
	// Fields and Comparisons are of equal length. Scalar tells that the exception was written with a single field and
	// a flat list of values.
	Fields      []string
	Comparisons []string
	Scalar      bool
	// Values holds one entry for each combination that is excepted: one element for each field, or with Scalar one
	// element. An element with several texts was written as a list.
	Values [][][]string
	Pos    Position
}

// Part is a piece of an item of a rules file that contributes to what the item is now.
type Part struct {
	// Key is the key of the YAML mapping: condition, output, items, tags, exceptions, enabled…
	Key string
	// Change is define, append or replace.
	Change string
	// Text is the value as written, for values that are a text.
	Text string
	// Start and End are where the value stands.
	Start, End Position
}

// Macro is one macro as it stands after all files are read.
type Macro struct {
	Name string
	// Condition is the condition text as written, appends included; Tree is it with the names of macros and lists in
	// their places, nil when it has a syntax error; Node is it with macros and lists resolved, nil when it has an error.
	Condition  string
	Tree, Node condition.Node
	Pos        Position
	Parts      []Part
	// Used tells whether a rule or another macro refers to it.
	Used bool
}

// List is one list as it stands after all files are read. Items are as written, names of other lists included.
type List struct {
	Name  string
	Items []string
	Pos   Position
	Parts []Part
	// Used tells whether a rule, a macro or another list refers to it.
	Used bool
}

// Set is the content of all rules files that were read together, in the order of definition.
type Set struct {
	Rules  []*Rule
	Macros []*Macro
	Lists  []*List
	// Engine is the highest version of the rule engine that the files require, empty for none; Plugins are the plugins
	// that they require.
	Engine  string
	Plugins []Requirement

	texts  *texts
	loader *loader
	// order is the number of each file in the order of loading.
	order map[string]int
}

// Place gives the stretch of a file that a range in the Node of a rule or macro of the set stands for.
func (s *Set) Place(r condition.Range) (start, end Position, ok bool) {
	x, local, ok := s.texts.locate(r)
	if !ok {
		return Position{}, Position{}, false
	}
	file, at := x.place(local)
	return file.position(at.start), file.position(at.end), true
}

// Compiled is a Set compiled against the catalogues of its sources.
type Compiled struct {
	// Sources holds one entry for each source that has rules.
	Sources map[string]*Source
}

// Source is the compiled rules of one event source.
type Source struct {
	Catalogue *field.Catalogue
	Program   *program.Program
	// Rules are in the order of definition, disabled ones included.
	Rules []*CompiledRule
}

// CompiledRule is a rule with its place in the program of its source and its output template.
type CompiledRule struct {
	*Rule
	Condition program.ID
	Output    *format.Template
}

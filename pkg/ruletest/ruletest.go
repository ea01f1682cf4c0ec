// Package ruletest tests rules: test files written in YAML give events and say which rules fire on them (Read, Runner),
// coverage tells which parts of the rules no test ever reached (Coverage), and an explanation tells for one rule and one
// event the value of every sub-expression and which one decided (Rules.Explain).
//
// Events come as audit events and captures of system calls, which the sources read as they do everywhere, as
// processes with a call that they make, or written by field. The rules are compiled against the catalogues of the
// sources whose extractors take written fields too, so the same compiled rules judge all of them.
package ruletest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
)

// File is a test file as it was read.
type File struct {
	Name string
	// Rules are the paths of rules files and directories, relative to the folder of the test file.
	Rules []string
	// Builtin tells that the rules that come with the program are loaded, before those of Rules.
	Builtin bool
	// Selection switches rules on and off, in its order.
	Selection []rule.Selection
	// Settings choose the rules that are looked at.
	Settings Settings
	Tests    []*Test

	// selected are the places of the selections.
	selected []rule.Position
}

// Settings say which rules are looked at, and for how long.
type Settings struct {
	// FirstOnly stops at the first rule that matches an event, which is the default of the daemon but not of tests.
	FirstOnly bool
	// MinPriority leaves out the rules that are less severe.
	MinPriority rule.Priority
}

// Test is one test: events in their order, and the alerts that they must raise, no others.
type Test struct {
	Name   string
	Pos    rule.Position
	Events []Step
	Expect []*Expectation
}

// Step is one entry under the key events of a test. Exactly one of the members from Fields on is set.
type Step struct {
	Pos rule.Position
	// Fields is an event written by field.
	Fields *Given
	// Audit is the JSON text of audit events, written in the test file.
	Audit []byte
	// AuditFile and Capture name a file, relative to the folder of the test file. A capture may be a .scap file of Falco
	// or sysdig or a recording.
	AuditFile, Capture string
	// Scenario is processes and a call that the last of them makes.
	Scenario *Scenario
}

// Expectation is an alert that a test must raise.
type Expectation struct {
	Pos rule.Position
	// Rule is the name of the rule.
	Rule string
	// Event is the number of the event that raises the alert, from 1; 0 for any.
	Event int
	// Count is how many such alerts there must be; -1 for at least one.
	Count int
	// Priority, when HasPriority, is that of the alert.
	Priority    rule.Priority
	HasPriority bool
	// Output, when HasOutput, is the rendered output of the rule; Contains are texts that must stand in it.
	Output    string
	HasOutput bool
	Contains  []string
	// Fields are values that fields of the event must have.
	Fields []wanted
}

// wanted is the value that a field must have, for each source that has such a field.
type wanted struct {
	name   string
	source map[string]typed
}

// typed is a value with the field that it belongs to.
type typed struct {
	use     program.Use
	value   event.Value
	missing bool
}

// Problem is one thing that is wrong with a test file.
type Problem struct {
	Pos     rule.Position
	Message string
	// Hint says what to do; may be empty.
	Hint string
}

// Problems are all that is wrong with a test file, in the order in which they stand in it. It is the error of Read.
type Problems []Problem

// Error gives one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = fmt.Sprintf("%s:%d:%d: %s", rule.Printable(one.Pos.File), one.Pos.Line, one.Pos.Column, rule.Printable(one.Message))
		if one.Hint != "" {
			lines[i] += "; " + rule.Printable(one.Hint)
		}
	}
	return strings.Join(lines, "\n")
}

// shown is an error about names that come from a test file, as people may see it.
type shown struct{ error }

func (e shown) Error() string { return rule.Printable(e.error.Error()) }
func (e shown) Unwrap() error { return e.error }

// quoted shows a foreign text in a message, cut when it is long.
func quoted(s string) string {
	const longest = 200
	if len(s) > longest {
		return strconv.Quote(s[:longest]) + "…"
	}
	return strconv.Quote(s)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

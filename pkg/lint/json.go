package lint

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/rule"
)

// Finding is a finding in the JSON that WriteJSON writes. The shape is stable: keys are added, never renamed.
type Finding struct {
	// File is the name of the file; Line and Column are where the place starts, EndLine and EndColumn where it ends,
	// exclusive. Lines and columns count from 1, columns in bytes.
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"`
	// Severity is error, warning or info.
	Severity string `json:"severity"`
	// Code is the kind of finding, FalcoCode what Falco calls it (absent when it has no such finding).
	Code      string `json:"code"`
	FalcoCode string `json:"falcoCode,omitempty"`
	Message   string `json:"message"`
	Hint      string `json:"hint,omitempty"`
	// Explanation is the address of the text about the code.
	Explanation string `json:"explanation,omitempty"`
	// Rule, Macro or List is the name of the item that the place belongs to.
	Rule  string `json:"rule,omitempty"`
	Macro string `json:"macro,omitempty"`
	List  string `json:"list,omitempty"`
	// Fixes are corrections, of which one is enough.
	Fixes []FindingFix `json:"fixes,omitempty"`
}

// FindingFix is a correction. --fix makes those that are safe.
type FindingFix struct {
	Title string        `json:"title"`
	Safe  bool          `json:"safe"`
	Edits []FindingEdit `json:"edits"`
}

// FindingEdit replaces the bytes Start to End (exclusive) of a file by Text.
type FindingEdit struct {
	File  string `json:"file"`
	Start int    `json:"start"`
	End   int    `json:"end"`
	Text  string `json:"text"`
}

// Report is the JSON that WriteJSON writes.
type Report struct {
	// OK is true when there is no error.
	OK       bool `json:"ok"`
	Errors   int  `json:"errors"`
	Warnings int  `json:"warnings"`
	Infos    int  `json:"infos"`
	// Hidden counts the findings that are less severe than what was asked for, Suppressed those that a comment or the
	// configuration suppresses. Neither are among Findings.
	Hidden     int       `json:"hidden"`
	Suppressed int       `json:"suppressed"`
	Findings   []Finding `json:"findings"`
}

// WriteJSON writes a Report, indented, with a line break at the end.
func (r Result) WriteJSON(w io.Writer) error {
	report := Report{OK: r.OK(), Errors: r.count(condition.SeverityError), Warnings: r.count(condition.SeverityWarning),
		Infos: r.count(condition.SeverityInfo), Suppressed: r.Suppressed, Findings: []Finding{}}
	for _, n := range r.Hidden {
		report.Hidden += n
	}
	for i := range r.Findings {
		report.Findings = append(report.Findings, newFinding(&r.Findings[i]))
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(report); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	return nil
}

func newFinding(d *rule.Diagnostic) Finding {
	f := Finding{
		File: d.Start.File, Line: d.Start.Line, Column: d.Start.Column, EndLine: d.End.Line, EndColumn: d.End.Column,
		Severity: d.Severity.String(), Code: d.Code, FalcoCode: d.Falco, Message: d.Message, Hint: d.Hint,
		Explanation: ExplanationURL(d.Code),
	}
	switch d.Item {
	case "rule":
		f.Rule = d.Name
	case "macro":
		f.Macro = d.Name
	case "list":
		f.List = d.Name
	}
	for _, fix := range d.Fixes {
		edits := []FindingEdit{}
		for _, e := range fix.Edits {
			edits = append(edits, FindingEdit(e))
		}
		f.Fixes = append(f.Fixes, FindingFix{Title: fix.Title, Safe: isSafe(d, fix), Edits: edits})
	}
	return f
}

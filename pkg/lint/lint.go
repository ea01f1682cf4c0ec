// Package lint shows the findings about rules files to people and to programs: as text with the source line and a
// caret under the place, and as JSON.
package lint

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/rule"
)

// Result is what was found in rules files that were read together.
type Result struct {
	// Findings are in the order of the files and of the places in them.
	Findings []rule.Diagnostic
	// Rules, Macros and Lists count what was read.
	Rules, Macros, Lists int
	// Files counts the files.
	Files int
	// Compiled is ready to run when OK.
	Compiled *rule.Compiled
}

// Check loads and compiles rules files and gives all findings.
func Check(files []rule.File, catalogues map[string]*field.Catalogue) Result {
	set, found := rule.Load(files, catalogues)
	compiled, more := set.Compile(catalogues)
	r := Result{Findings: append(found, more...), Compiled: compiled, Files: len(files),
		Rules: len(set.Rules), Macros: len(set.Macros), Lists: len(set.Lists)}
	order := map[string]int{}
	for i, f := range files {
		if _, ok := order[f.Name]; !ok {
			order[f.Name] = i
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b rule.Diagnostic) int {
		return cmp.Or(cmp.Compare(order[a.Start.File], order[b.Start.File]), cmp.Compare(a.Start.Line, b.Start.Line),
			cmp.Compare(a.Start.Column, b.Start.Column), cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Code, b.Code))
	})
	return r
}

// OK tells whether the rules can be used: there is no error. Warnings do not count.
func (r Result) OK() bool { return !rule.HasErrors(r.Findings) }

func (r Result) count(s condition.Severity) int {
	n := 0
	for _, d := range r.Findings {
		if d.Severity == s {
			n++
		}
	}
	return n
}

// Summary says in one line what was read and found.
func (r Result) Summary() string {
	return fmt.Sprintf("%s in %s: %s, %s", plural(r.Rules, "rule"), plural(r.Files, "file"),
		plural(r.count(condition.SeverityError), "error"), plural(r.count(condition.SeverityWarning), "warning"))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// WriteText writes each finding as
//
//	rules.yaml:4:14: error: source syscall has no field proc.nam [unknown-field]
//	    condition: proc.nam = cat
//	               ^^^^^^^^
//	  hint: did you mean proc.name?
//
// with control characters of the file escaped.
func (r Result) WriteText(w io.Writer) error {
	var b strings.Builder
	for i := range r.Findings {
		writeFinding(&b, &r.Findings[i])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeFinding(b *strings.Builder, d *rule.Diagnostic) {
	fmt.Fprintf(b, "%s:%d:%d: %s: %s [%s]\n", printable(d.Start.File), d.Start.Line, d.Start.Column, d.Severity, printable(d.Message), d.Code)
	if d.Line != "" {
		line, mark := excerpt(d)
		fmt.Fprintf(b, "    %s\n    %s\n", line, mark)
	}
	if d.Hint != "" {
		fmt.Fprintf(b, "  hint: %s\n", printable(d.Hint))
	}
}

// widest is how many characters of a source line are shown around a place.
const widest = 100

// excerpt gives the source line of a finding and a line with carets under its place, both cut to what fits a screen.
func excerpt(d *rule.Diagnostic) (line, mark string) {
	start := min(d.Start.Column-1, len(d.Line))
	end := len(d.Line)
	if d.End.Line == d.Start.Line {
		end = max(start, min(d.End.Column-1, len(d.Line)))
	}
	from, to := window(d.Line, start, end)
	before, at, after := shown(d.Line[from:start]), shown(d.Line[start:min(end, to)]), shown(d.Line[min(end, to):to])
	if from == 0 {
		trimmed := strings.TrimLeft(before, " ") // what is left of an item is of no interest
		before = trimmed
	} else {
		before = "…" + before
	}
	if to < len(d.Line) {
		after += "…"
	}
	carets := strings.Repeat("^", max(1, width(at)))
	return strings.TrimRight(before+at+after, " "), strings.Repeat(" ", width(before)) + carets
}

// window chooses the part of a long line that is shown: the place and what is around it, whole characters.
func window(line string, start, end int) (from, to int) {
	from, to = 0, len(line)
	if start > widest/2 && len(line) > widest {
		from = start - widest/2
	}
	if to > from+widest {
		to = max(start, from+widest)
	}
	for from > 0 && !utf8.RuneStart(line[from]) {
		from--
	}
	for to < len(line) && !utf8.RuneStart(line[to]) {
		to++
	}
	return from, to
}

// shown is a part of a line as it is printed: tabs as one blank so that the carets stand under their place.
func shown(s string) string { return printable(strings.ReplaceAll(s, "\t", " ")) }

// width counts the columns of a screen that a text takes, where characters of East Asian scripts and emoji take two.
func width(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r):
		case wide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

func wide(r rune) bool {
	return r >= 0x1100 && r <= 0x115F || r >= 0x2E80 && r <= 0xA4CF || r >= 0xAC00 && r <= 0xD7A3 || r >= 0xF900 && r <= 0xFAFF ||
		r >= 0xFE30 && r <= 0xFE6F || r >= 0xFF00 && r <= 0xFF60 || r >= 0xFFE0 && r <= 0xFFE6 || r >= 0x1F300 && r <= 0x1FAFF || r >= 0x20000 && r <= 0x3FFFD
}

// printable escapes what a terminal would act on: control characters, bytes that are no text, and the characters that
// change the direction of text.
func printable(s string) string {
	clean := true
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			clean = false
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// Finding is a finding in the JSON that WriteJSON writes. The shape is stable: keys are added, never renamed.
type Finding struct {
	// File is the name of the file; Line and Column are where the place starts, EndLine and EndColumn where it ends,
	// exclusive. Lines and columns count from 1, columns in bytes.
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"`
	// Severity is error or warning.
	Severity string `json:"severity"`
	// Code is the kind of finding, FalcoCode what Falco calls it (absent when it has no such finding).
	Code      string `json:"code"`
	FalcoCode string `json:"falcoCode,omitempty"`
	Message   string `json:"message"`
	Hint      string `json:"hint,omitempty"`
	// Rule, Macro or List is the name of the item that the place belongs to.
	Rule  string `json:"rule,omitempty"`
	Macro string `json:"macro,omitempty"`
	List  string `json:"list,omitempty"`
}

// Report is the JSON that WriteJSON writes.
type Report struct {
	// OK is true when there is no error.
	OK       bool      `json:"ok"`
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Findings []Finding `json:"findings"`
}

// WriteJSON writes a Report, indented, with a line break at the end.
func (r Result) WriteJSON(w io.Writer) error {
	report := Report{OK: r.OK(), Errors: r.count(condition.SeverityError), Warnings: r.count(condition.SeverityWarning), Findings: []Finding{}}
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
	}
	switch d.Item {
	case "rule":
		f.Rule = d.Name
	case "macro":
		f.Macro = d.Name
	case "list":
		f.List = d.Name
	}
	return f
}

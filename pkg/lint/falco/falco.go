// Package falco reports on the loading of rules files as Falco does with -V: one entry for each file, with Falco's codes,
// items and positions, as its JSON (falco_load_results) and as its text. What Falco does not look for is not in it.
package falco

import (
	"fmt"
	"io"
	"strings"

	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/lint/schema"
	"github.com/saker-security/saker/pkg/rule"
)

// Results are the reports on rules files that were loaded one after the other, each with those before it.
type Results struct {
	// Files has one entry for each file.
	Files []Result
	// Missing says which plugins are required and not there; Falco then ends without any report. It is empty when
	// nothing is missing.
	Missing string

	contents map[string]string
}

// Result is the report on one file.
type Result struct {
	Name string
	// Checked tells that the file was compared with the schema of rules files: it is YAML and not empty.
	Checked bool
	// Schema tells how the file departs from the schema. That alone does not make it unusable.
	Schema []string
	// Errors has the first error, at which loading stops; Warnings those that were found before.
	Errors, Warnings []rule.Diagnostic
}

// OK tells whether the file can be used.
func (r *Result) OK() bool { return len(r.Errors) == 0 }

// OK tells whether all files can be used.
func (r *Results) OK() bool {
	for i := range r.Files {
		if !r.Files[i].OK() {
			return false
		}
	}
	return r.Missing == ""
}

// WriteResults loads rules files and writes the report on them in Falco's JSON, or as text, to stdout. It tells whether all files can
// be used. When a plugin is missing there is no report, as in Falco, but a message on stderr.
func WriteResults(stdout, stderr io.Writer, files []rule.File, catalogues map[string]*field.Catalogue, text bool) (ok bool, err error) {
	r := Load(files, catalogues, rule.Options{})
	if r.Missing != "" {
		_, err := fmt.Fprintln(stderr, "Error:", printable(r.Missing))
		return false, err
	}
	if text {
		return r.OK(), r.WriteText(stdout)
	}
	return r.OK(), r.WriteJSON(stdout)
}

// schemaWarnings compares a file that Falco can read with the schema, in Falco's form for the places. What is wrong only
// because of what stands beside it is left out: Falco's schema does not know of it, and the loader says it better. An
// empty file is not compared.
func schemaWarnings(data []byte) (checked bool, warnings []string) {
	found, err := schema.Validate(data)
	if err == nil && found.Documents == 0 {
		return false, nil
	}
	warnings = []string{}
	for _, v := range found.Violations {
		if !v.Together {
			warnings = append(warnings, fmt.Sprintf("failed for %s: %s.", v.Path, v.Message))
		}
	}
	return true, warnings
}

// snippet is the line of the file that d is about with a caret under the place. For a place inside a condition Falco
// shows the condition after everything is put in, often with the caret elsewhere; here it is always the file.
func (r *Results) snippet(d *rule.Diagnostic) string {
	line, at := d.Line, d.Start.Column-1
	if len(d.Path) > 0 && d.Path[len(d.Path)-1].Type != "condition expression" {
		last := d.Path[len(d.Path)-1]
		line, at = lineAt(r.contents[last.File], last.Offset)
	}
	line, at = cut(line, at)
	return line + "\n" + strings.Repeat(" ", at) + "^\n"
}

// lineAt gives the line that holds the byte at offset, and the place of the byte in it.
func lineAt(text string, offset int) (line string, at int) {
	offset = max(0, min(offset, len(text)))
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	line, _, _ = strings.Cut(text[start:], "\n")
	return strings.TrimSuffix(line, "\r"), offset - start
}

// around is how many bytes of a long line are shown on either side of a place.
const around = 80

// cut shortens a long line on both sides of a place, and gives the line and the column of the place in it, both with
// control characters escaped.
func cut(line string, at int) (shown string, column int) {
	at = max(0, min(at, len(line)))
	before, after := line[:at], line[at:]
	if len(before) > around {
		before = "..." + strings.ToValidUTF8(before[len(before)-around:], "")
	}
	if len(after) > around {
		after = strings.ToValidUTF8(after[:around], "") + "..."
	}
	before, after = printable(before), printable(after)
	return before + after, len([]rune(before))
}
